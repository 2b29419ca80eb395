# SPDX-License-Identifier: ISC
"""Customers in the middle of something when a part of vpsh dies."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import termios
import threading

import frames
import harness
import sim
from stage import ENVIRONMENT

RESTARTING = "vpsh is restarting; waiting for it.\n"
BROKER, CONSOLE, WATCHER = "vpsh-broker", "vpsh-console", "vpsh-domain watch"
ALL = (BROKER, CONSOLE, WATCHER, "vpshd")
DEATHS = ((BROKER,), (CONSOLE,), (WATCHER,), (BROKER, CONSOLE),
          (BROKER, CONSOLE, WATCHER), ALL)


def host(**words):
    world = sim.SimHost()
    for name in ("db", "web"):
        world.guest(name, words=words.get(name, ""))
    return world.start()


def kill(world, names):
    """At one blow; whoever has to be started by systemd is."""
    def all_there():
        found = dict(world.children(), vpshd=world.processes["vpshd"].pid)
        return all(name in found for name in names) and found
    pids = harness.wait_until(all_there, what="%s are there" % (names,))
    for name in names:
        os.kill(pids[name], signal.SIGKILL)
    if "vpshd" in names:
        world.processes.pop("vpshd").wait()
        world.run("vpshd", [harness.program("vpshd"), "-p", world.dir, "-x",
                            world.path("libexec")])


class Stopped:
    """Somebody who stands still at a named point of the program."""

    def __init__(self, world, name):
        self.folder = world.path("run/vpsh/points")
        self.name = name
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, name), "w"):
            pass

    def wait(self):
        def look():
            return [f for f in os.listdir(self.folder)
                    if f.startswith(self.name + ".")]
        found = harness.wait_until(look, 15, self.name + " is reached")[0]
        os.unlink(os.path.join(self.folder, found))
        self.pid = int(found.rsplit(".", 1)[1])
        return self

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)


def records(world, **wanted):
    with open(world.audit) as f:
        found = [json.loads(line) for line in f]
    return [r for r in found
            if all(r.get(k) == v for k, v in wanted.items())]


def console(world, name="web"):
    tty = world.pty("console", name)
    tty.expect("connected.*counts alice-%s" % name, 20)
    return tty


def counted(output):
    """The numbers of the lines that a guest counts."""
    return [int(n) for n in re.findall(rb"counts alice-web \d+ (\d{8})\r?\n",
                                       output)]


def more_lines(tty, least=5, seconds=20):
    """Until so many more are seen."""
    begin = len(counted(tty.output))

    def look():
        while tty.read_some(0):
            pass
        return len(counted(tty.output)) >= begin + least
    harness.wait_until(look, seconds, "the guest counts on: %r"
                       % tty.output[-300:], [tty.fd])


# --- a job -------------------------------------------------------------------

@harness.deadline(60)
def test_a_start_over_each_death_is_told_once_and_done_once():
    world = host()
    for point, names in (("broker-made", (BROKER,)),
                         ("broker-journalled", (BROKER,)),
                         ("start-created", (BROKER,)),
                         ("start-unpaused", (BROKER, WATCHER)),
                         ("worker-result", (BROKER, CONSOLE, WATCHER))):
        stopped = Stopped(world, point)
        boot = len(records(world, event="done", verb="start", err="ok"))
        client = world.vpsh_beside("start", "web")
        stopped.wait()
        kill(world, names)
        with contextlib.suppress(ProcessLookupError):
            stopped.go_on()
        out, err = client.popen.communicate(timeout=25)
        assert (client.popen.returncode, out.decode(), err.decode()) == (
            0, "web is running.\n", RESTARTING), (point, out, err)
        done = records(world, event="done", verb="start", err="ok")
        assert len(done) == boot + 1, (point, done[boot:])
        assert world.vpsh("destroy", "web", "--yes").returncode == 0


def test_json_of_a_job_stays_one_object_over_a_death():
    world = host()
    stopped = Stopped(world, "start-created")
    client = world.vpsh_beside("start", "web", "--json")
    stopped.wait()
    kill(world, [BROKER])
    stopped.go_on()
    out, err = client.popen.communicate(timeout=25)
    done = json.loads(out)
    assert (done["outcome"], done["guest"]) == ("done", "web"), done
    assert client.popen.returncode == 0 and err.decode() == RESTARTING, err


def test_a_script_goes_on_with_its_next_line():
    world = host()
    stopped = Stopped(world, "start-created")
    script = world.vpsh_beside(stdin=subprocess.PIPE)
    script.popen.stdin.write(b"start web\nshutdown web\nstatus web\n")
    script.popen.stdin.flush()
    stopped.wait()
    kill(world, [BROKER, CONSOLE])
    stopped.go_on()
    out, err = script.popen.communicate(timeout=25)
    assert script.popen.returncode == 0, (out, err)
    assert re.match(rb"web is running\.\n.*web is (off|down).*"
                    rb"name: web\nstate: off\n", out, re.S), out
    assert err.decode() == RESTARTING, err


def test_a_worker_that_died_is_told_as_what_it_left():
    world = host()
    stopped = Stopped(world, "start-created")
    client = world.vpsh_beside("start", "web")
    stopped.wait().kill()
    out, err = client.popen.communicate(timeout=25)
    assert client.popen.returncode == 1 and out == b"", (out, err)
    said = re.match(rb"start of web was interrupted: web is off\. .*"
                    rb"Ref (\w{4})\.", err)
    assert said, err
    # Whoever asks later is told the same, with the same exit code.
    later = world.vpsh("job", said.group(1).decode().lower())
    assert later.returncode == 1 and later.stderr.encode() == err, later
    found = json.loads(world.vpsh("job", said.group(1).decode(),
                                  "--json").stdout)
    assert found["error"]["name"] == "interrupted", found


def test_a_person_who_left_a_job_alone_hears_of_it_after_a_restart():
    world = host()
    stopped = Stopped(world, "start-created")
    tty = world.pty()
    tty.expect("> $")
    tty.send_line("start web")
    stopped.wait()
    kill(world, [BROKER])
    tty.expect(RESTARTING.rstrip())
    tty.send("\x03")
    ref = tty.expect("The job goes on, ref (\\w{4}); job \\1 shows.*> $"
                     ).group(1).decode()
    kill(world, [BROKER])
    stopped.go_on()
    tty.send("job \t")
    tty.expect("job %s " % ref)
    tty.send("\r")
    tty.expect(r"web is running\.\r\n.*> $", 20)
    tty.send_line("exit")
    assert tty.expect_end() == 0


def test_ctrl_c_hang_up_and_sigterm_end_the_waiting_at_once():
    world = host()
    for number, status in ((signal.SIGHUP, -signal.SIGHUP),
                           (signal.SIGTERM, -signal.SIGTERM),
                           (signal.SIGINT, 6)):
        stopped = Stopped(world, "start-created")
        client = world.vpsh_beside("start", "web")
        stopped.wait()
        # It does not come back: nobody starts it.
        os.kill(world.processes["vpshd"].pid, signal.SIGSTOP)
        kill(world, [BROKER])
        read_until(client, RESTARTING)
        client.kill(number)
        assert client.wait(5) == status, (number, client.popen.returncode)
        world.kill("vpshd", signal.SIGCONT)
        stopped.go_on()
        world.wait_domain("alice-web", state="running", paused=0)
        assert world.vpsh("destroy", "web", "--yes").returncode == 0


def read_until(client, text):
    """Of standard error."""
    said = b""
    while text.encode() not in said:
        assert harness.poll_once([client.popen.stderr], 15), said
        more = os.read(client.popen.stderr.fileno(), 4096)
        assert more, said
        said += more


def test_a_job_under_way_is_waited_for_or_not_as_is_asked():
    world = host()
    stopped = Stopped(world, "start-created")
    begun = world.vpsh("start", "web", "--no-wait")
    ref = re.search(r"ref (\w{4}); job \1 shows", begun.stdout).group(1)
    stopped.wait()
    done = world.vpsh("job", ref, "--no-wait")
    assert done.returncode == 0 and done.stdout == (
        "Job %s goes on; ask job %s again for what it comes to.\n"
        % (ref, ref)), done
    done = world.vpsh("job", ref, "--timeout", "1", "--json")
    assert done.returncode == 6, done
    assert json.loads(done.stdout)["error"]["ref"] == ref, done
    client = world.vpsh_beside("job", ref.lower(), "--json")
    kill(world, [BROKER])
    stopped.go_on()
    out, err = client.popen.communicate(timeout=20)
    found = json.loads(out)
    assert client.popen.returncode == 0, (out, err)
    assert (found["ref"], found["outcome"], found["text"]) == (
        ref, "done", "web is running."), found


def test_a_log_that_broke_off_is_asked_for_again():
    world = host(web="counts=40")
    assert world.vpsh("start", "web").returncode == 0
    pid = world.kill(CONSOLE, signal.SIGSTOP)
    client = world.vpsh_beside("log", "web", "--lines", "3")
    # It has been granted; the console server says nothing.
    harness.wait_until(lambda: records(world, event="attach", verb="log"),
                       what="the log is granted")
    os.kill(pid, signal.SIGKILL)
    out, err = client.popen.communicate(timeout=20)
    assert client.popen.returncode == 0, (out, err)
    assert out.count(b"\n") >= 3 and err.decode() == RESTARTING, (out, err)


def test_what_nobody_has_or_is_not_ones_own_is_no_job():
    world = host()
    for ref in ("ZZZZ", "zz", "9", "../x", "ABCDEFGH", "A\x27B"):
        done = world.vpsh("job", ref)
        assert done.returncode == 4 and "There is no job" in done.stderr, done
    assert world.vpsh("job").returncode == 2


# --- questions ---------------------------------------------------------------

@harness.deadline(60)
def test_a_question_that_the_broker_died_over_is_asked_again():
    world = host()
    for words in (("list",), ("why", "start", "web"), ("log", "web"),
                  ("status", "web", "--json")):
        pid = world.kill(BROKER, signal.SIGSTOP)
        client = world.vpsh_beside(*words)
        os.kill(client.pid, 0)
        read_until(client, "perhaps it is restarting; waiting up to 10 ")
        os.kill(pid, signal.SIGKILL)
        out, err = client.popen.communicate(timeout=20)
        assert client.popen.returncode == 0, (words, out, err)
        # Once is enough.
        assert b"restarting" not in err, (words, err)


# --- what is followed --------------------------------------------------------

def follower(world, *words):
    client = world.vpsh_beside(*words)
    os.set_blocking(client.popen.stdout.fileno(), False)
    return client


def lines_until(client, pattern, seconds=20):
    """What it printed, up to a line that matches."""
    said = getattr(client, "said", "")
    end = re.compile(pattern, re.M)

    def look():
        nonlocal said
        with contextlib.suppress(BlockingIOError):
            said += os.read(client.popen.stdout.fileno(), 65536).decode()
        return end.search(said)
    found = harness.wait_until(look, seconds, "%s in %r" % (pattern, said),
                               [client.popen.stdout.fileno()])
    client.said = said[found.end():]
    return said[:found.end()]


@harness.deadline(60)
def test_list_follow_goes_on_without_repeating_anything():
    world = host()
    client = follower(world, "list", "--follow", "--json")
    lines_until(client, '"name":"web","state":"off".*\n')
    for death in DEATHS:
        kill(world, death)
        done = world.vpsh("start", "web")
        assert done.returncode == 0, (death, done)
        said = lines_until(client, '"name":"web","state":"running".*'
                           '"job":null.*\n')
        assert '"db"' not in said and "unknown" not in said, (death, said)
        assert world.vpsh("destroy", "web", "--yes").returncode == 0
        lines_until(client, '"name":"web","state":"off".*"job":null.*\n')
    client.kill(signal.SIGINT)
    assert client.wait() == 0
    said = client.popen.stderr.read().decode()
    # Deaths of the broker: one line each.
    assert said == RESTARTING * 4, said


def test_what_changes_while_the_service_is_away_is_shown_when_it_is_back():
    world = host()
    tty = world.pty("list", "--follow")
    tty.expect("db +off.*web +off.*")
    os.kill(world.processes["vpshd"].pid, signal.SIGSTOP)
    kill(world, [BROKER])
    tty.expect("vpsh is restarting; waiting for it")
    world.policies["alice"].pop("db")
    world.write_policy("alice")
    world.kill("vpshd", signal.SIGCONT)
    tty.expect("db is not yours any more")
    assert world.vpsh("start", "web").returncode == 0
    tty.expect("web +running|web is running|web: running|web.*running")
    tty.send("\x03")
    assert tty.expect_end() == 0
    assert tty.output.count(b"restarting") == 1, tty.output


@harness.deadline(60)
def test_log_follow_misses_no_line_and_shows_none_twice():
    world = host(web="counts=40")
    assert world.vpsh("start", "web").returncode == 0
    client = follower(world, "log", "web", "--follow", "--lines", "0")
    said = lines_until(client, "counts alice-web .*\n")
    for death in DEATHS:
        kill(world, death)
        for _ in range(10):
            said += lines_until(client, "counts alice-web .*\n")
        harness.wait_until(lambda: world.vpsh("list").returncode == 0,
                           what="vpsh is back")
        for _ in range(10):
            said += lines_until(client, "counts alice-web .*\n")
    client.kill(signal.SIGINT)
    assert client.wait() == 0
    numbers = counted(said.encode())
    assert numbers == list(range(len(numbers))), numbers


# --- a console ---------------------------------------------------------------

@harness.deadline(60)
def test_a_console_counts_on_over_every_death():
    world = host(web="counts=40")
    assert world.vpsh("start", "web").returncode == 0
    tty = console(world)
    for death in DEATHS:
        kill(world, death)
        if CONSOLE in death:
            tty.expect(r"\[web: vpsh is restarting; one moment\]\r\n.*"
                       r"\[web: back\]\r\n", 20)
        more_lines(tty, 20)
    tty.send("\x1d")
    assert tty.expect_end() == 0
    numbers = counted(tty.output)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), \
        numbers
    # Only who has lost the console is told.
    told = sum(CONSOLE in death for death in DEATHS)
    assert tty.output.count(b"vpsh is restarting") == told, tty.output
    assert tty.output.count(b"[web: back") == told, tty.output
    assert b"watching" not in tty.output, tty.output


@harness.deadline(60)
def test_keys_typed_in_the_gap_arrive_once():
    world = host()
    assert world.vpsh("start", "web").returncode == 0
    tty = world.pty("console", "web")
    tty.expect("connected")
    tty.send("\r")
    tty.expect("login: ")
    tty.send("root\r")
    tty.expect("[$#] $")
    for number, death in enumerate(DEATHS):
        kill(world, death)
        if CONSOLE in death:
            tty.expect("one moment")
        tty.send("echo [%d]\r" % number)
        tty.expect("echo \\[%d\\]\r\n\\[%d\\]\r\n.*[$#] $" % (number, number))
    assert b"not sent" not in tty.output, tty.output
    for number in range(len(DEATHS)):
        assert tty.output.count(b"\n[%d]" % number) == 1, tty.output


@harness.deadline(60)
def test_D05_who_writes_on_a_console_still_writes_after_a_death():
    world = host(web="counts=200")
    assert world.vpsh("start", "web").returncode == 0
    writer = console(world)
    watcher = console(world)
    assert b"another session of yours writes" in watcher.output, watcher.output
    for death in ((BROKER,), (CONSOLE,), (BROKER, CONSOLE)):
        writer.output = watcher.output = b""
        kill(world, death)
        more_lines(writer, 5)
        more_lines(watcher, 5)
        # A key of a watcher's is no key, and that is said now and then.
        harness.wait_until(lambda: is_told_by_a_key(watcher),
                           what="the watcher still watches after %s: %r"
                           % (death, watcher.output))
        assert b"watching" not in writer.output, (death, writer.output)
    watcher.send("q")
    assert watcher.expect_end() == 0
    writer.send("\x1d")
    assert writer.expect_end() == 0


def is_told_by_a_key(watcher):
    watcher.send("x")
    # Whoever goes on typing is told only when they have paused.
    with contextlib.suppress(AssertionError):
        watcher.expect("watching; another session of yours writes", 2.5)
        return True


@harness.deadline(60)
def test_a_broker_that_comes_back_decides_who_may_still_look():
    for change, sentence in (
            (lambda w: w.write("etc/vpsh/customers/alice/suspended",
                               "unpaid"), "suspended: unpaid"),
            (lambda w: w.guest("web", policy='allow = [ "start" ];'),
             "You may not console web")):
        world = host(web="counts=40")
        assert world.vpsh("start", "web").returncode == 0
        tty = console(world)
        assert not tty.modes()[3] & termios.ICANON
        os.kill(world.processes["vpshd"].pid, signal.SIGSTOP)
        kill(world, [BROKER])
        more_lines(tty)
        world.started = False           # nobody answers until it goes on
        change(world)
        world.kill("vpshd", signal.SIGCONT)
        tty.expect(re.escape(sentence))
        assert tty.expect_end() == 3, tty.output
        assert tty.modes()[3] & termios.ICANON
        world.stop()


def test_a_signal_while_the_console_is_away_restores_the_terminal():
    world = host(web="counts=40")
    assert world.vpsh("start", "web").returncode == 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        tty = console(world)
        os.kill(world.processes["vpshd"].pid, signal.SIGSTOP)
        kill(world, [BROKER, CONSOLE])
        tty.expect("one moment")
        assert not tty.modes()[3] & termios.ICANON
        os.kill(tty.pid, number)
        assert tty.expect_end(5) == 128 + number
        world.kill("vpshd", signal.SIGCONT)
        harness.wait_until(
            lambda: world.whole() and
            world.vpsh("list").returncode == 0, what="vpsh is back")


def test_start_console_shows_the_boot_although_the_broker_died():
    world = host()
    stopped = Stopped(world, "start-created")
    tty = world.pty("start", "web", "--console")
    stopped.wait()
    kill(world, [BROKER])
    stopped.go_on()
    tty.expect(r"restarting; waiting for it.*console opened \(boot 1\)\]\r\n"
               r"\[    0\.000000\] Linux version.*login: ", 20)
    tty.send("\x1d")
    assert tty.expect_end() == 0


# --- a broker that is played -------------------------------------------------

class Played:
    """A broker whose part is told to it, one connection after the other."""

    def __init__(self, version=frames.VERSION):
        self.version = version
        self.path = os.path.join(harness.temp_dir(), "broker.sock")
        os.chmod(os.path.dirname(self.path), 0o755)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(5)
        self.listener.settimeout(10)

    def accept(self):
        client = frames.Channel(self.listener.accept()[0])
        assert client.recv("HELLO").role == frames.CLIENT
        client.send("HELLO", 0, frames.hello(frames.BROKER, "new",
                                             version=self.version))
        return client

    def vpsh(self, *words):
        return harness.Process(
            [harness.program("vpsh"), "-S", self.path, *words],
            env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_E16_what_was_never_answered_is_said_again_with_the_same_token():
    broker = Played()
    for verb, words in (("RESET", ("reset", "web", "--yes")),
                        ("SYSRQ", ("sysrq", "web", "s"))):
        process = broker.vpsh(*words)
        client = broker.accept()
        first = client.recv(verb)
        assert first.token != 0
        client.close()
        client = broker.accept()
        again = client.recv(verb)
        assert bytes(again.body) == bytes(first.body)
        client.send("JOB", again.id, ref="K7F3", deadline_ms=60000)
        client.send("NOTE", again.id, text="half-way")
        client.close()
        # From here on it has a reference.
        client = broker.accept()
        find = client.recv("FIND")
        assert find.ref == "K7F3"
        client.send("JOB", find.id, ref="K7F3", deadline_ms=60000)
        client.send("NOTE", find.id, text="half-way")
        client.send("NOTE", find.id, text="nearly")
        client.send("DONE", find.id, ref="K7F3", text="It is done.")
        out, err = process.popen.communicate(timeout=10)
        assert out == b"half-way\nnearly\nIt is done.\n", out
        assert err.decode() == RESTARTING * 2, err
        client.close()


def test_two_requests_never_have_the_same_token():
    broker = Played()
    process = harness.Process(
        [harness.program("vpsh"), "-S", broker.path], env=ENVIRONMENT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.popen.stdin.write(b"start web\n" * 50)
    process.popen.stdin.close()
    client, tokens = broker.accept(), set()
    for _ in range(50):
        asked = client.recv("START")
        tokens.add(asked.token)
        client.send("DONE", asked.id, text="It is running.")
    assert len(tokens) == 50 and 0 not in tokens, tokens
    assert process.wait() == 0


def test_a_job_that_a_new_broker_does_not_know_is_not_begun_again():
    broker = Played()
    process = broker.vpsh("reset", "web", "--yes")
    client = broker.accept()
    asked = client.recv("RESET")
    client.send("JOB", asked.id, ref="K7F3", deadline_ms=60000)
    client.close()
    client = broker.accept()
    find = client.recv("FIND")
    client.send("REFUSED", find.id, err=frames.ERR["no-job"],
                text="There is no job K7F3 of yours.")
    out, err = process.popen.communicate(timeout=10)
    assert process.popen.returncode == 1, (out, err)
    assert b"cannot say what reset of web came to" in err, err
    assert b"status web" in err and b"Ref K7F3" in err, err


def test_the_version_before_is_asked_once_and_never_again():
    broker = Played(version=2)
    process = broker.vpsh("reset", "web", "--yes")
    client = broker.accept()
    client.sock.settimeout(10)
    raw = client.sock.recv(65536)
    # Without the token it is as long as that version has it.
    assert len(raw) == 8 + frames.Power.token.offset, len(raw)
    client.close()
    out, err = process.popen.communicate(timeout=10)
    assert process.popen.returncode == 1, (out, err)
    assert b"reset of web broke off. Look at status web" in err, err
    broker.listener.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        raise AssertionError("it came back: %s" % broker.accept())


def test_a_new_version_is_not_asked_to_do_again_what_the_old_one_may_have():
    broker = Played(version=2)
    process = broker.vpsh("start", "web")
    client = broker.accept()
    client.sock.recv(65536)
    broker.version = frames.VERSION
    client.close()
    out, err = process.popen.communicate(timeout=10)
    assert process.popen.returncode == 1 and b"broke off" in err, (out, err)


def test_job_needs_a_service_that_knows_of_it():
    broker = Played(version=2)
    process = broker.vpsh("job", "K7F3")
    client = broker.accept()
    out, err = process.popen.communicate(timeout=10)
    assert process.popen.returncode == 7 and b"upgrade" in err, (out, err)
    client.close()


def test_a_service_that_dies_of_a_question_is_not_killed_for_ever():
    broker = Played()
    process = broker.vpsh("whoami")
    deaths = []

    def play():
        with contextlib.suppress(OSError):
            while True:
                client = broker.accept()
                client.recv("WHOAMI")
                deaths.append(client)
                client.close()
    threading.Thread(target=play, daemon=True).start()
    out, err = process.popen.communicate(timeout=15)
    assert process.popen.returncode == 7, (out, err)
    assert len(deaths) == 5, deaths
