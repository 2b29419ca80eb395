# SPDX-License-Identifier: ISC
"""vpshctl against a running service: what the operator does shows at once."""

import base64
import fcntl
import json
import os
import struct
import time

import frames
import harness
import sim
from world import Supervised, World


def key(name):
    """A public key that nobody has the other half of, with its file."""
    kind = b"ssh-ed25519"
    blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", 32)
    path = os.path.join(harness.temp_dir(), name + ".pub")
    text = "%s %s %s\n" % (kind.decode(), base64.b64encode(
        blob + os.urandom(32)).decode(), name)
    with open(path, "w") as f:
        f.write(text)
    return path, text


def ctl(world, *words, code=0, **how):
    done = harness.run([harness.program("vpshctl"), "-p", world.dir, *words],
                       **how)
    print("$ vpshctl", *words)
    print(done.stdout + done.stderr + "-> %d" % done.returncode)
    assert done.returncode == code, (words, done.returncode)
    return done


def as_json(world, *words, **how):
    said = json.loads(ctl(world, *words, "--json", **how).stdout)
    assert said["v"] == 1
    return said


def tree(top):
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            found[path] = (info.st_mode, info.st_ino, info.st_mtime_ns)
    return found


def read(path):
    with open(path) as f:
        return f.read()


def add_carol(world, *more, **how):
    return ctl(world, "customer", "add", "carol", "--plan", "basic",
               "--guest", "mail=carol-mail", *more, **how)


def results(done):
    return dict(line.split() for line in done.stdout.splitlines())


def test_a_customer_is_made_in_one_command_and_again_changes_nothing():
    world = World()
    path, text = key("carol@laptop")
    more = ("--ip", "192.0.2.10", "--ip", "2001:db8:1::/64", "--key", path)
    assert results(add_carol(world, *more)) == {
        "directory": "made", "policy.conf": "made", "ips.txt": "made",
        "authorized_keys": "made"}
    folder = world.path("customers/carol")
    assert os.stat(folder).st_mode & 0o7777 == 0o750
    for name in os.listdir(folder):
        assert os.stat(folder + "/" + name).st_mode & 0o7777 == 0o640
    assert read(folder + "/authorized_keys") == text
    before = tree(world.path())
    assert set(results(add_carol(world, *more)).values()) == {"unchanged"}
    assert tree(world.path()) == before, "not even rewritten"
    said = as_json(world, "customer", "show", "carol")
    assert [g["domain"] for g in said["guests"]] == ["carol-mail"]
    assert [i["address"] for i in said["ips"]] == ["192.0.2.10",
                                                   "2001:db8:1::/64"]
    assert [k["comment"] for k in said["keys"]] == ["carol@laptop"]
    assert said["faults"] == []
    ctl(world, "check", code=3)     # alice and bob of this world have no key


def test_a_customer_appears_whole_or_not_at_all():
    world = World()
    path, _ = key("carol@laptop")
    weak = os.path.join(os.path.dirname(path), "weak.pub")
    with open(weak, "w") as f:
        f.write("ssh-dss AAAAB3NzaC1kc3MAAACBAP\n")
    before = tree(world.path())
    for code, *words in ((1, "--ip", "192.0.2.300"), (1, "--key", weak),
                         (2, "--ip", "10.0.0.1\n10.0.0.2"),
                         (1, "--key", "/nonexistent"), (2, "--guest", "../x"),
                         (1, "--guest", "a=alice-web"),
                         (2, "--guest", "a=../x"),
                         (1, "--guest", "a=Domain-0")):
        done = add_carol(world, *words, code=code)
        assert done.stderr.startswith("vpshctl: ") and done.stdout == ""
        assert tree(world.path()) == before, words
    said = as_json(world, "customer", "add", "carol", "--plan", "basik",
                   "--guest", "web", code=1)
    assert said["error"]["exit"] == 1 and "basic" in said["error"]["text"]
    assert tree(world.path()) == before


def test_what_a_killed_vpshctl_left_is_in_nobodys_way():
    world = World()
    left = world.path("customers/.carol.new")
    os.mkdir(left)
    for name in ("policy.conf", ".ips.txt.new"):
        with open(left + "/" + name, "w") as f:
            f.write("half of")
    ctl(world, "check", code=3)     # alice and bob of this world have no key
    said = as_json(world, "customer", "list")["customers"]
    assert [c["customer"] for c in said] == ["alice", "bob"]
    add_carol(world)
    assert not os.path.exists(left)
    assert sorted(os.listdir(world.path("customers/carol"))) == [
        "policy.conf"]


def test_what_would_be_too_large_to_be_read_is_not_written():
    world = World()
    path, _ = key("alice@laptop")
    keys = world.path("customers/alice/authorized_keys")
    with open(keys, "w") as f:
        f.write("# long\n" + "#" * (65536 - 8) + "\n")
    os.chmod(keys, 0o640)
    ctl(world, "customer", "show", "alice")
    done = ctl(world, "customer", "add", "alice", "--key", path, code=1)
    assert "alice/authorized_keys" in done.stderr
    assert "64 KiB. Nothing was changed" in done.stderr
    assert os.stat(keys).st_size == 65536


def test_a_folder_that_others_may_write_is_no_new_customer():
    world = World()
    folder = world.path("customers/alice")
    os.chmod(folder, 0o770)
    before = tree(world.path())
    done = ctl(world, "customer", "add", "alice", "--plan", "basic",
               "--guest", "new=alice-new", code=1)
    assert "can be written by others" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert tree(world.path()) == before


def test_with_a_prefix_no_account_of_the_machine_is_touched():
    world = World()
    before = tree(world.path())
    for words in (("customer", "add", "carol", "--plan", "basic", "--guest",
                   "web"), ("customer", "remove", "alice", "--yes")):
        done = ctl(world, *words, "--unix-account", code=2)
        assert "Nothing was changed" in done.stderr
    assert tree(world.path()) == before


def test_no_mail_to_who_is_locked_out_and_the_reason_is_told():
    world = World()
    with open(world.path("customers/alice/policy.conf"), "a") as f:
        f.write("nonsense = 1;\n")
    done = ctl(world, "welcome", "alice", code=1)
    assert "alice cannot do anything now: alice/policy.conf" in done.stderr


def test_an_answer_that_nobody_gets_is_no_success():
    world = World()
    done = harness.run(["/bin/sh", "-c", 'exec "$@" >/dev/full', "sh",
                        harness.program("vpshctl"), "-p", world.dir,
                        "customer", "list"])
    assert done.returncode == 1 and "it is done, but" in done.stderr


def test_one_vpshctl_at_a_time_changes_customers():
    world = World()
    held = os.open(world.path("customers"), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    for words in (("customer", "add", "carol", "--plan", "basic", "--guest",
                   "web"), ("suspend", "alice"),
                  ("customer", "remove", "alice", "--yes")):
        done = ctl(world, *words, code=1)
        assert "another vpshctl" in done.stderr
    assert sorted(os.listdir(world.path("customers"))) == ["alice", "bob"]
    ctl(world, "customer", "list")      # reading waits for nobody
    os.close(held)
    add_carol(world)


def test_a_person_types_the_name_of_who_is_to_be_removed():
    world = World()
    argv = [harness.program("vpshctl"), "-p", world.dir, "customer", "remove",
            "alice"]
    terminal = harness.Pty(argv)
    terminal.expect("Type the customer's name: ")
    terminal.send_line("bob")
    assert terminal.expect_end() == 1
    assert b"Nothing was changed" in terminal.output
    assert os.path.exists(world.path("customers/alice"))
    terminal = harness.Pty(argv)
    terminal.expect("Type the customer's name: ")
    terminal.send_line("alice")
    assert terminal.expect_end() == 0
    assert not os.path.exists(world.path("customers/alice"))


def test_A10_A12_keys_are_judged_before_they_are_in_place():
    world = World()
    path, text = key("carol@laptop")
    add_carol(world, "--key", path)
    before = read(world.path("customers/carol/authorized_keys"))
    for line in ('command="sh" ' + text, "cert-authority " + text,
                 'permitopen="*:*" ' + text, "restrict " + text,
                 text.replace("ssh-ed25519", "ssh-rsa", 1),
                 text[:50] + "\n", "ssh-dss " + text.split()[1] + "\n"):
        done = ctl(world, "customer", "add", "carol", "--key", "-", code=1,
                   input=line)
        assert "--key -:1: " in done.stderr
        assert "Nothing was changed" in done.stderr
        assert read(world.path("customers/carol/authorized_keys")) == before


def test_what_the_operator_wrote_is_never_rewritten():
    world = World()
    add_carol(world)
    ctl(world, "customer", "add", "carol", "--guest", "db")
    path = world.path("customers/carol/policy.conf")
    assert "carol-db" in read(path), "its own form it may change"
    with open(path, "a") as f:
        f.write("# carol pays yearly\n")
    mine = read(path)
    done = ctl(world, "customer", "add", "carol", "--guest", "shop",
               "--key", key("c")[0], code=1)
    assert '{ name = "shop"; domain = "carol-shop"; }' in done.stderr
    assert read(path) == mine
    assert not os.path.exists(world.path("customers/carol/authorized_keys"))
    # What holds already needs no writing, in whatever words it stands.
    assert results(add_carol(world, "--guest", "db"))["policy.conf"] == \
        "unchanged"
    keys = world.path("customers/carol/authorized_keys")
    with open(keys, "w") as f:
        f.write("# her phone\n" + key("phone")[1].rstrip("\n"))
    path, text = key("laptop")
    with open(path, "a") as f:
        f.write(text)           # twice in it, once in hers
    ctl(world, "customer", "add", "carol", "--key", path)
    lines = read(keys).splitlines()
    assert lines[0] == "# her phone" and len(lines) == 3
    assert lines[1].endswith("phone") and lines[2].endswith("laptop")


def test_a_customer_who_was_added_is_let_in_without_a_restart():
    world = Supervised()
    world.customer("alice", ("web",), 47997)    # our uid is free for carol
    world.start()
    client = world.client()
    assert client.recv("BYE").err == frames.ERR["no-customer"]
    add_carol(world)
    path = world.path("customers/carol/policy.conf")
    # The uid is what lets this world's one user be a customer.
    world.write("customers/carol/policy.conf",
                read(path) + "uid = %d;\n" % os.geteuid())
    harness.wait_until(
        lambda: world.client().answer("WHOAMI").name == "WHO",
        what="carol is let in")


def test_A19_suspend_ends_sessions_says_why_and_outlives_restarts():
    world = Supervised().start()
    client = world.client()
    client.answer("WHOAMI")
    begin = time.monotonic()
    ctl(world, "suspend", "alice", "--reason", "unpaid since\tMay")
    bye = client.recv("BYE")
    assert time.monotonic() - begin < 1.5
    assert bye.err == frames.ERR["suspended"]
    assert "unpaid since" in bye.text and "help@example.net" in bye.text
    assert world.client().recv("BYE").err == frames.ERR["suspended"]
    ctl(world, "what-if", "alice", "start", "web", code=3)
    said = ctl(world, "suspend", "alice", "--reason", "other").stdout
    assert "suspended" in said
    assert ctl(world, "suspend", "alice").stdout.startswith("unchanged")
    pid = world.pids()["vpsh-broker"]
    os.kill(pid, 9)
    harness.wait_exit(pid, 5)
    # Connecting waits for the new broker; it was never told of the file.
    assert world.client().recv("BYE").err == frames.ERR["suspended"]
    ctl(world, "resume", "alice")
    harness.wait_until(
        lambda: world.client().answer("WHOAMI").name == "WHO",
        what="alice is back")
    assert ctl(world, "resume", "alice").stdout.startswith("unchanged")


def test_removed_customer_is_shown_out_and_can_be_put_back():
    world = Supervised().start()
    client = world.client()
    client.answer("WHOAMI")
    ctl(world, "customer", "remove", "alice", code=2)   # no tty, no --yes
    said = as_json(world, "customer", "remove", "alice", "--yes")
    assert client.recv("BYE").err == frames.ERR["no-customer"]
    assert said["guests_kept"] == ["alice-db", "alice-web"]
    assert os.listdir(said["moved_to"]) == ["policy.conf"]
    os.rename(said["moved_to"], world.path("customers/alice"))
    harness.wait_until(
        lambda: world.client().answer("WHOAMI").name == "WHO",
        what="alice is back")


def test_what_if_says_what_the_broker_says():
    world = Supervised()
    world.customer("alice", (
        "web", '{ name = "db"; allow = [ "log" ]; }',
        '{ name = "old"; domain = "bob-shop"; }'), os.geteuid())
    world.start()
    client = world.client()
    client.answer("WHOAMI")
    for guest in ("web", "db", "old", "nosuch"):
        for verb in ("start", "destroy", "reset", "console", "log",
                     "reboot", "shutdown", "status"):
            told = client.answer("WHY", frames.Why(verb.encode(),
                                                   guest.encode()))
            done = harness.run([harness.program("vpshctl"), "-p", world.dir,
                                "--json", "what-if", "alice", verb, guest])
            said = json.loads(done.stdout)
            if guest == "nosuch":
                # An operator hears a reason, a customer just that.
                assert told.err == frames.ERR["no-guest"]
                assert not said["allowed"] and done.returncode == 3
                continue
            assert said["allowed"] == bool(told.allowed), (verb, guest)
            # The broker adds what an option or a key would need besides.
            assert told.text.split("; --")[0] == said["because"], told.text
            assert done.returncode == (0 if told.allowed else 3)


def test_E10_what_if_knows_the_second_right_as_the_broker_does():
    world = Supervised()
    world.customer("alice", (
        "web", '{ name = "db"; allow = [ "shutdown", "sysrq" ]; }',
        '{ name = "old"; allow = [ "shutdown", "sysrq", "destroy" ]; }'),
        os.geteuid())
    world.start()
    client = world.client()
    client.answer("WHOAMI")
    seen = set()
    for guest in ("web", "db", "old"):
        for verb, *more in (("shutdown", "--force-after"), ("sysrq", "b"),
                            ("sysrq", "c"), ("sysrq", "s"), ("sysrq",)):
            told = client.answer("WHY", frames.Why(
                " ".join((verb, *more)).encode(), guest.encode()))
            said = as_json(world, "what-if", "alice", verb, guest, *more,
                           code=0 if told.allowed else 3)
            assert said["command"] == " ".join((verb, *more))
            assert said["allowed"] == bool(told.allowed), (verb, more, guest)
            assert said["because"] == told.text
            seen.add((guest, " ".join(more), said["allowed"]))
    assert ("db", "--force-after", False) in seen
    assert ("old", "--force-after", True) in seen
    assert ("old", "c", True) in seen and ("old", "b", False) in seen
    assert ("db", "s", True) in seen


def test_sessions_lists_who_is_there_and_what_they_do():
    world = Supervised().start()
    assert "Nobody" in ctl(world, "sessions").stdout
    client = world.client(claim="198.51.100.7 \x1b[2J")
    client.answer("WHOAMI")
    viewer = world.client()
    got = viewer.answer("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    said = as_json(world, "sessions")["sessions"]
    assert [s["customer"] for s in said] == ["alice", "alice"]
    assert [s["console"] for s in said] == ["", "web"]
    assert said[0]["uid"] == os.geteuid() and said[0]["pid"] == os.getpid()
    text = ctl(world, "sessions").stdout
    assert "console of web" in text and "\x1b" not in text
    for fd in got.fds:
        os.close(fd)
    assert world.record(event="operator", uid=os.geteuid(), verdict="allow")


def test_the_operators_door_understands_operators_only():
    world = Supervised().start()
    path = os.path.join(world.dir, "run/vpsh/operator.sock")
    assert os.stat(path).st_mode & 0o777 == 0o660
    broken = [
        harness.frame(harness.LIST, 1),                 # no greeting
        harness.hello_frame(role=1),                    # a customer's vpsh
        harness.hello_frame(role=7, version=99, oldest=99),
        b"x", b"\0" * 5000]
    for data in broken:
        client = harness.FrameClient(path)
        client.send(data)
        assert client.recv()[0] == b"", data[:20]
    greeted = harness.FrameClient(path)
    assert greeted.hello(role=7)
    greeted.send(harness.frame(harness.START, 1,
                               b"web".ljust(40, b"\0") + b"\0" * 16))
    assert greeted.recv()[0] == b"", "it starts nothing"
    assert "Nobody" in ctl(world, "sessions").stdout, "the door still works"


def test_operators_beyond_eight_wait_for_nobody():
    world = Supervised().start()
    path = os.path.join(world.dir, "run/vpsh/operator.sock")
    there = [harness.FrameClient(path) for _ in range(8)]
    for client in there:
        assert client.hello(role=7)
    ninth = frames.Client(path, greet=False)
    assert ninth.recv("DID").err == frames.ERR["sessions"]
    assert ninth.recv() is None
    assert "too many operators" in ctl(world, "sessions", code=7).stderr
    there[0].close()
    harness.wait_until(
        lambda: harness.run([harness.program("vpshctl"), "-p", world.dir,
                             "sessions"]).returncode == 0,
        what="a place is free again")


def test_an_operator_who_reads_late_gets_all_of_a_long_list():
    world = Supervised()
    world.customer("alice", ("web",), os.geteuid(),
                   "limits = { sessions = 280; };")
    world.start()
    there = [world.client(claim="x" * 100) for _ in range(270)]
    for client in there:
        client.answer("WHOAMI")
    operator = harness.FrameClient(
        os.path.join(world.dir, "run/vpsh/operator.sock"))
    operator.hello(role=7)
    operator.send(harness.frame(900, 7))    # SESSIONS
    # It reads nothing yet: customers are served all the same.
    assert there[0].answer("WHOAMI").customer == "alice"
    numbers = []
    while True:
        data = operator.recv()[0]
        kind, number = struct.unpack_from("=II", data)
        assert number == 7
        if kind == 921:                     # SESSIONS_END
            break
        assert kind == 920
        numbers.append(struct.unpack_from("=Q", data, 8)[0])
    assert struct.unpack_from("=I", data, 8)[0] == len(numbers)
    assert len(set(numbers)) == len(numbers) >= 270
    assert numbers == sorted(numbers), "oldest first"


def test_check_judges_a_file_before_it_is_in_place():
    world = World()
    folder = harness.temp_dir()
    path = folder + "/source"

    def check(text, name, code):
        with open(path, "w") as f:
            f.write(text)
        return ctl(world, "check", "--file", path, "--as", name,
                   code=code).stdout
    check('plan = "basic"; guests = ( { name = "web"; } );', "dave", 0)
    check('plan = "basic"; guests = ( { name = "web"; } );', "alice", 0)
    assert "alice/policy.conf:2: unknown right" in check(
        'plan = "basic";\nallow = [ "rdnss" ];', "alice", 3)
    taken = check('plan = "basic"; guests = ( { name = "x"; '
                  'domain = "bob-shop"; } );', "dave", 3)
    assert "dave/policy.conf:1:" in taken and "bob/policy.conf" in taken
    check("192.0.2.1 web.example.net\r\n", "alice/ips.txt", 0)
    assert "alice/ips.txt:2:" in check("192.0.2.1\n192.0.2\n",
                                       "alice/ips.txt", 3)
    assert "dave/ips.txt:1:" in check("x\n", "dave/ips.txt", 3)
    check(key("k")[1], "alice/authorized_keys", 0)
    assert "alice/authorized_keys:1:" in check("ssh-rsa x",
                                               "alice/authorized_keys", 3)
    check('support = "x@example.net"; plans = ( { name = "basic"; } );',
          "vpsh.conf", 0)
    gone = check('plans = ( { name = "other"; } );', "vpsh.conf", 3)
    assert "alice/policy.conf" in gone and "bob/policy.conf" in gone
    for name in ("../x", "alice/x", "alice/../bob/policy.conf", "ALICE", ""):
        done = harness.run([harness.program("vpshctl"), "-p", world.dir,
                            "check", "--file", path, "--as", name])
        assert done.returncode == 2, name


@harness.deadline(60)
def test_A19_guests_of_a_suspended_customer_run_on_and_reboot():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    first = harness.wait_until(lambda: listens(host), 15, "web has booted")
    ctl(host, "suspend", "alice", "--reason", "unpaid")
    harness.wait_until(lambda: host.vpsh("list").returncode == 3, 5,
                       "alice is told")
    assert host.domain("alice-web").domid == first, "it runs on"
    host.store.write("/local/domain/%d/control/shutdown" % first, "reboot")
    second = harness.wait_until(
        lambda: listens(host) not in (None, first) and listens(host), 20,
        "web is back: " + host.said())
    assert second != first
    ctl(host, "resume", "alice")
    harness.wait_until(lambda: host.vpsh("status", "web").returncode == 0, 5,
                       "alice is back")


def listens(host):
    """Its domid once its drivers are there, or None."""
    domain = host.domain("alice-web")
    if domain and host.store.read("/local/domain/%d/control/feature-reboot"
                                  % domain.domid) == "1":
        return domain.domid
    return None
