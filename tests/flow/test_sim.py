# SPDX-License-Identifier: ISC
"""The simulated host itself: that it is as hard to live with as Xen.

Those called quirk have a twin of the same name on real Xen.
"""

import contextlib
import os
import re
import select
import signal

import harness
import sim

PROMPT = rb"[$#] $"


def bare(**kwargs):
    """Xen and its daemons, and nobody who looks after the guests."""
    return sim.SimHost(**kwargs).start(vpsh=False)


def config(host, domain):
    return host.path("etc/xen/%s.cfg" % domain)


def create(host, domain, *options):
    """As an operator, and nobody stays who would handle its end."""
    done = host.xl("create", "-e", *options, config(host, domain))
    assert done.returncode == 0, done
    return host.domain(domain)


class Tty:
    """The console of a guest, as any process of dom0 could open it."""

    def __init__(self, host, domid):
        self.path = harness.wait_until(
            lambda: host.store.read("/local/domain/%d/console/tty" % domid),
            what="console/tty of domain %d" % domid)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY
                          | os.O_NONBLOCK)
        harness.cleanup.callback(self.close)
        self.unread = b""

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, seconds=10):
        def look():
            with contextlib.suppress(BlockingIOError):
                self.unread += os.read(self.fd, 65536)
            return re.search(pattern, self.unread, re.DOTALL)
        found = harness.wait_until(look, seconds, "%r on %s, it said %r" % (
            pattern, self.path, self.unread), fds=[self.fd])
        self.unread = self.unread[found.end():]
        return found


def log_in(host, domid):
    tty = Tty(host, domid)
    tty.expect(rb"login: $")
    tty.send("root\r")
    tty.expect(PROMPT)
    return tty


# --- what real Xen does, too -----------------------------------------------

def test_quirk_a_created_domain_is_paused_once():
    host = bare()
    host.guest("web")
    domain = create(host, "alice-web", "-p")
    assert (domain.state, domain.paused) == ("paused", 1), domain
    assert host.xl("unpause", "alice-web").returncode == 0
    assert host.domain("alice-web").state == "running"


def test_quirk_pause_counts():
    host = bare()
    host.guest("web")
    domid = create(host, "alice-web").domid
    for _ in range(2):
        host.ask(sim.PAUSE, domid)
    assert host.xl("unpause", "alice-web").returncode == 0
    assert host.domain("alice-web").paused == 1
    assert host.xl("unpause", "alice-web").returncode == 0
    assert host.domain("alice-web").state == "running"


def test_quirk_a_paused_guest_says_and_does_nothing():
    host = bare()
    host.guest("web")
    domid = create(host, "alice-web").domid
    tty = log_in(host, domid)
    assert host.xl("pause", "alice-web").returncode == 0
    tty.send("echo [still here]\r")
    assert not select.select([tty.fd], [], [], 0.3)[0]
    assert host.xl("unpause", "alice-web").returncode == 0
    tty.expect(rb"\n\r?\[still here\]")


def test_quirk_the_console_has_a_tty_only_after_the_domain_is_introduced():
    host = bare()
    host.guest("web")
    events = sim.Store(host.path("run/xenstored/socket"))
    events.watch("@introduceDomain")
    events.watch("/local/domain")
    create(host, "alice-web", "-p")
    seen = []
    while not {"/local/domain/1/console/tty",
               "/local/domain/1/console/port"} <= set(seen):
        seen.append(events.event())
    events.close()
    # The first is what every watch says when it is made.
    introduced = seen.index("@introduceDomain", 1 + seen.index(
        "@introduceDomain"))
    assert seen.index("/local/domain/1/name") < introduced
    assert seen.index("/local/domain/1/console/tty") > introduced
    assert seen.index("/local/domain/1/console/port") > introduced


def test_quirk_a_guest_that_shut_down_keeps_its_memory_and_its_name():
    host = bare()
    host.guest("web", memory=128)
    before = host.free_kib()
    domain = create(host, "alice-web")
    while_up = host.free_kib()
    assert while_up <= before - 128 * 1024
    log_in(host, domain.domid).send("poweroff\r")
    corpse = host.wait_domain("alice-web", state="shutdown")
    assert corpse.reason == "poweroff" and corpse.domid == domain.domid
    assert host.free_kib() == while_up
    again = host.xl("create", "-e", config(host, "alice-web"))
    assert again.returncode != 0 and "already exists" in again.stderr, again
    assert len(host.domains()) == 1
    assert host.xl("destroy", "alice-web").returncode == 0
    harness.wait_until(lambda: host.domains() == [], what="it is gone")
    assert host.free_kib() == before


def test_quirk_what_was_not_read_is_lost_when_the_domain_is_destroyed():
    host = bare()
    host.guest("web")
    domain = create(host, "alice-web")
    tty = log_in(host, domain.domid)
    tty.send("echo [last words]\r")
    # It is there, and nobody reads it.
    assert select.select([tty.fd], [], [], 10)[0]
    host.store.read("/local/domain/1/name")
    assert host.xl("destroy", "alice-web").returncode == 0
    harness.wait_until(lambda: not os.path.exists(tty.path),
                       what="%s is gone" % tty.path)
    left = b""
    with contextlib.suppress(OSError):
        left = os.read(tty.fd, 65536)
    assert left == b"", left


def test_quirk_the_tty_of_a_dead_console_daemon_is_still_named():
    host = bare()
    host.guest("web")
    domid = create(host, "alice-web").domid
    node = "/local/domain/%d/console/tty" % domid
    old = Tty(host, domid)
    host.kill("xenconsoled")
    host.processes.pop("xenconsoled").wait()
    harness.wait_until(lambda: not os.path.exists(old.path),
                       what="%s is gone" % old.path)
    assert host.store.read(node) == old.path
    # And the number is free for whoever wants a tty next.
    old.close()
    for _ in range(1000):
        if os.path.exists(old.path):
            break
        for fd in os.openpty():
            harness.cleanup.callback(os.close, fd)
    assert os.path.exists(old.path)


def test_quirk_a_new_console_daemon_makes_new_ttys_for_old_domains():
    host = bare()
    for name in ("a", "b", "c"):
        host.guest(name)
    domids = [create(host, "alice-" + n).domid for n in ("a", "b", "c")]
    for domid in domids:
        log_in(host, domid)
    host.restart_consoled()
    for domid, name in zip(domids, ("a", "b", "c")):
        path = "/local/domain/%d/console/tty" % domid
        harness.wait_until(
            lambda: os.path.exists(host.store.read(path) or "none"),
            what="a new tty of " + name)
    ttys = [host.store.read("/local/domain/%d/console/tty" % d)
            for d in domids]
    assert len(set(ttys)) == 3, ttys
    for domid, name in zip(domids, ("a", "b", "c")):
        tty = Tty(host, domid)
        tty.send("hostname\r")
        tty.expect(b"alice-" + name.encode())


def test_quirk_two_domains_of_one_name_can_be_created():
    host = bare()
    host.guest("web")
    host.twins(True)
    for _ in range(2):
        create(host, "alice-web")
    host.twins(False)
    assert [d.name for d in host.domains()] == ["alice-web"] * 2
    third = host.xl("create", "-e", config(host, "alice-web"))
    assert third.returncode != 0 and "already exists" in third.stderr, third


def test_quirk_a_reboot_is_another_domain_with_the_same_uuid():
    host = bare()
    host.guest("web")
    done = host.xl("create", config(host, "alice-web"))
    assert done.returncode == 0, done
    first = host.domain("alice-web")
    log_in(host, first.domid).send("reboot\r")
    second = harness.wait_until(
        lambda: (d := host.domain("alice-web")) and d.domid != first.domid
        and d.state == "running" and d, 20, "the guest is back")
    assert second.domid > first.domid and second.uuid == first.uuid
    assert len(host.domains()) == 1
    log_in(host, second.domid)


def test_quirk_a_domid_is_never_used_again():
    host = bare()
    host.guest("web")
    seen = []
    for _ in range(3):
        seen.append(create(host, "alice-web").domid)
        assert host.xl("destroy", "alice-web").returncode == 0
    assert seen == sorted(set(seen)), seen


def test_quirk_shutdown_is_a_request_that_a_guest_may_ignore():
    host = bare()
    host.guest("mule", words="ignore-shutdown")
    host.guest("web")
    for name in ("mule", "web"):
        domid = create(host, "alice-" + name).domid
        log_in(host, domid)
        # The second is done with it when the first has long heard of it.
        host.store.write("/local/domain/%d/control/shutdown" % domid,
                         "poweroff")
    host.wait_domain("alice-web", state="shutdown", reason="poweroff")
    assert host.domain("alice-mule").state == "running"
    assert host.store.read("/local/domain/%d/control/shutdown"
                           % host.domain("alice-web").domid) == ""


def test_quirk_every_way_to_end_has_its_reason():
    host = bare()
    ends = {"poweroff -f": "poweroff", "reboot -f": "reboot",
            "crash": "crash", "watchdog": "watchdog", "kexec": "soft_reset"}
    for i, (word, reason) in enumerate(ends.items()):
        name = "g%d" % i
        host.guest(name)
        domain = create(host, "alice-" + name)
        log_in(host, domain.domid).send(word + "\r")
        corpse = host.wait_domain("alice-" + name, state="shutdown")
        assert corpse.reason == reason, (word, corpse)


def test_quirk_more_memory_than_there_is():
    host = bare(memory=2048)
    host.guest("big", memory=1500)
    host.guest("web", memory=64)
    before = host.free_kib()
    done = host.xl("create", "-e", config(host, "alice-big"))
    assert done.returncode != 0 and "emory" in done.stderr, done
    assert host.domains() == [] and host.free_kib() == before
    create(host, "alice-web")


def test_quirk_a_killed_create_leaves_a_paused_domain_with_its_name():
    host = bare()
    host.guest("web", words="slow-build=20000")
    xl = host.xl_beside("create", "-e", config(host, "alice-web"))
    half = host.wait_domain("alice-web", state="paused", seconds=15)
    xl.stop(signal.SIGKILL)
    # Its memory still grew when it was first seen.
    left = host.domain("alice-web")
    assert (left.domid, left.uuid, left.state) == (
        half.domid, half.uuid, "paused"), (left, half)
    assert host.store.read("/local/domain/%d/console/tty" % half.domid) in (
        None, "")
    left = os.listdir(host.path("var/lib/xen"))
    assert not any(".%d." % half.domid in name for name in left), left
    assert host.xl("destroy", "alice-web").returncode == 0
    harness.wait_until(lambda: host.domains() == [], what="it is gone")
    assert host.store.read("/local/domain/%d" % half.domid) is None


def test_quirk_a_hotplug_script_that_fails_undoes_the_create():
    host = bare()
    host.guest("web")
    os.unlink(host.path("etc/xen/scripts/block"))
    host.write("etc/xen/scripts/block", "#!/bin/sh\nexit 1\n", 0o755)
    done = host.xl("create", "-e", config(host, "alice-web"))
    assert done.returncode != 0 and "block" in done.stderr, done
    assert host.domains() == []


def test_quirk_xl_console_has_the_lock_of_the_console():
    host = bare()
    host.guest("web")
    domain = create(host, "alice-web")
    first = harness.Pty([host.path("usr/sbin/xl"), "console", "alice-web"],
                        env=sim.ENVIRONMENT,
                        preexec=sim.becomes(host.uid))
    first.expect("login: ")
    second = harness.Pty([host.path("usr/sbin/xl"), "console", "alice-web"],
                         env=sim.ENVIRONMENT,
                         preexec=sim.becomes(host.uid))
    second.expect("Could not lock")
    assert second.expect_end() != 0
    assert os.path.exists(host.path("var/lock/xenconsole.%d"
                                    % domain.domid))


def test_quirk_devices_count_what_a_guest_moves():
    host = bare()
    host.guest("web")
    domain = create(host, "alice-web")
    assert host.counters(domain.domid) == dict.fromkeys(
        ("rx_bytes", "tx_bytes", "rd_sect", "wr_sect"), 0)
    tty = log_in(host, domain.domid)
    for line in ("net 100 out", "net 200 in", "disk 50 read",
                 "disk 25 write"):
        tty.send(line + "\r")
        tty.expect(PROMPT)
    # What dom0 receives is what the guest sent.
    assert host.counters(domain.domid) == {
        "rx_bytes": 102400, "tx_bytes": 204800, "rd_sect": 100,
        "wr_sect": 50}, host.counters(domain.domid)
    assert host.xl("destroy", "alice-web").returncode == 0
    harness.wait_until(lambda: host.counters(domain.domid) == {},
                       what="the counters are gone with it")


# --- vpsh on it ------------------------------------------------------------

def test_a_destroyed_domain_can_linger_while_its_console_is_held():
    host = bare()
    host.guest("web")
    domid = create(host, "alice-web").domid
    Tty(host, domid)
    host.zombies(True)
    host.kill("xenconsoled", signal.SIGSTOP)
    assert host.xl("destroy", "alice-web").returncode == 0
    harness.wait_until(
        lambda: [(d.domid, d.state, d.name) for d in host.domains()]
        == [(domid, "dying", None)], what="it is dying and has no name")
    host.kill("xenconsoled", signal.SIGCONT)
    harness.wait_until(lambda: host.domains() == [], what="it is gone")


def test_vpsh_and_the_host_agree():
    host = sim.SimHost()
    for name in ("web", "db", "idle"):
        host.guest(name)
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    assert host.vpsh("start", "db").returncode == 0
    assert {d.name: d.state for d in host.domains()} == {
        "alice-web": "running", "alice-db": "running"}
    listed = host.vpsh("list").stdout
    assert re.search(r"^web +running", listed, re.M), listed
    assert re.search(r"^db +running", listed, re.M), listed
    assert re.search(r"^idle +off", listed, re.M), listed
    xl = host.xl("list").stdout
    assert "alice-web" in xl and "alice-db" in xl, xl


def test_what_xl_does_is_seen():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    done = host.xl("create", config(host, "alice-web"))
    assert done.returncode == 0, done

    def is_shown(state):
        harness.wait_until(
            lambda: re.search(r"^web +" + state,
                              host.vpsh("list").stdout, re.M),
            what="vpsh shows " + state)
    is_shown("running")
    for verb, state in (("pause", "paused"), ("unpause", "running"),
                        ("destroy", "off")):
        done = host.xl(verb, "alice-web")
        assert done.returncode == 0, done
        is_shown(state)
    harness.wait_until(lambda: host.domains() == [], what="it is gone")


def test_shutdown_that_is_obeyed_leaves_nothing():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    before = host.free_kib()
    assert host.vpsh("start", "web").returncode == 0
    done = host.vpsh("shutdown", "web")
    assert done.returncode == 0 and "web is off" in done.stdout, done
    assert host.domains() == [] and host.free_kib() == before


def test_reboot_from_inside_gets_a_new_domain():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    first = host.domain("alice-web")
    screen = host.pty("console", "web")
    screen.expect("login: ")
    screen.send("root\r")
    screen.expect(PROMPT)
    screen.send("reboot\r")
    screen.expect(r"console opened \(boot 2\)", 20)
    second = host.wait_domain("alice-web", state="running")
    assert second.domid > first.domid and second.uuid == first.uuid


def test_a_host_that_is_short_of_memory_says_of_how_much():
    host = sim.SimHost(memory=2048)
    host.guest("big", memory=1500)
    host.start()
    done = host.vpsh("start", "big")
    assert done.returncode == 1, done
    assert re.search(r"short of \d+ MB", done.stderr), done
    assert host.domains() == []


def test_another_create_at_the_same_time_leaves_one_domain():
    host = sim.SimHost()
    host.guest("web", words="slow-build=1500")
    host.start()
    host.twins(True)
    ours = host.vpsh_beside("start", "web", text=True)
    host.wait_domain("alice-web", state="paused")
    done = host.xl("create", "-e", config(host, "alice-web"))
    assert done.returncode == 0, done
    out, err = ours.popen.communicate(timeout=20)
    assert ours.popen.returncode == 1, (out, err)
    harness.wait_until(lambda: len(host.domains()) == 1,
                       what="vpsh took its own away again")
    assert host.domain("alice-web").state == "running"


def test_consoles_come_back_after_a_restart_of_the_console_daemon():
    host = sim.SimHost()
    for name in ("web", "db"):
        host.guest(name)
    host.start()
    for name in ("web", "db"):
        assert host.vpsh("start", name).returncode == 0
    host.restart_consoled()
    for name in ("web", "db"):
        screen = host.pty("console", name)
        screen.send("\r")
        screen.expect("alice-%s login: " % name, 20)


def test_a_start_does_not_mind_a_domain_that_is_dying():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    first = host.domain("alice-web")
    host.zombies(True)
    host.kill("xenconsoled", signal.SIGSTOP)
    assert host.xl("destroy", "alice-web").returncode == 0
    # Until it has looked, the broker takes it for running still.
    assert host.vpsh("list").returncode == 0
    ours = host.vpsh_beside("start", "web", text=True)
    harness.wait_until(lambda: "paused" in [d.state for d in host.domains()],
                       what="the next one is being made")
    assert [d.domid for d in host.domains() if d.state == "dying"] == [
        first.domid]
    host.kill("xenconsoled", signal.SIGCONT)
    out, err = ours.popen.communicate(timeout=20)
    assert ours.popen.returncode == 0, (out, err)
    harness.wait_until(lambda: [d.state for d in host.domains()]
                       == ["running"], what="the old one is gone")


def test_guests_outlive_vpsh():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    before = host.domain("alice-web")
    host.stop_vpsh()
    assert host.domain("alice-web") == before
    host.start_vpsh()
    assert re.search(r"^web +running", host.vpsh("list").stdout, re.M)
    assert host.vpsh("destroy", "web", "--yes").returncode == 0
    assert host.domains() == []


def test_what_the_dead_have_left_is_cleared_away_at_the_start():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    domain = host.domain("alice-web")
    lock = host.path("var/lock/xenconsole.%d" % domain.domid)
    harness.wait_until(lambda: os.path.exists(lock), what="its console")
    watcher = host.children()["vpsh-domain watch"]
    os.kill(watcher, signal.SIGSTOP)
    host.kill("vpshd")
    os.kill(watcher, signal.SIGKILL)
    host.processes.pop("vpshd").wait()
    assert host.xl("destroy", "alice-web").returncode == 0
    assert os.path.exists(lock)
    host.write("var/lock/xenconsole.4711", "4711\n")
    half = [os.path.join(folder, ".alice-web.2147483647") for folder in (
        "var/lib/vpsh/boots", "var/lib/vpsh/intent", "run/vpsh/result")]
    for path in half:
        host.write(path, "boo")
    host.start_vpsh()
    harness.wait_until(lambda: not os.path.exists(lock), what="it is gone")
    assert [p for p in half if os.path.exists(host.path(p))] == []
    # That one somebody else has to see to.
    os.unlink(host.path("var/lock/xenconsole.4711"))


def test_who_asks_while_the_watcher_is_started_again_is_not_told_to_wait():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    for words in (("list",), ("status", "web")):
        host.kill("vpsh-domain watch")
        done = host.vpsh(*words)
        assert done.returncode == 0 and "running" in done.stdout, done


def test_stop_leaves_nobody_behind():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    done = host.xl("create", config(host, "alice-web"))
    assert done.returncode == 0, done

    def everybody_is_there():
        names = {os.path.basename(words.split(" ")[0])
                 for words in host.inhabitants().values()}
        return {"simxen", "xenstored", "simdom0", "xenconsoled", "simguest",
                "vpshd", "vpsh-broker", "vpsh-console", "vpsh-domain",
                "xl"} <= names
    harness.wait_until(everybody_is_there, what="everybody is there")
    everybody = host.inhabitants()
    host.stop()
    for pid, words in everybody.items():
        with contextlib.suppress(FileNotFoundError):
            with open("/proc/%d/stat" % pid) as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
            assert state == "Z", "%d is still there: %s" % (pid, words)
