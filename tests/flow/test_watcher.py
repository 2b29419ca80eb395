# SPDX-License-Identifier: ISC
"""The watcher and what it depends on: xenstored, xenconsoled, its peers."""

import contextlib
import os
import re
import time

import frames
import harness
import sim

DOMAIN = "alice-web"
PROMPT = rb"[$#] $"
WATCHER, CONSOLE = "vpsh-domain watch", "vpsh-console"
for number, name in ((500, "PTY"), (502, "RING")):
    frames.TYPES[name] = (number, frames.Pty)
    frames.NAMES[number] = (name, frames.Pty)


def new_host(*guests):
    host = sim.SimHost()
    for name in guests:
        host.guest(name)
    host.start()
    for name in guests:
        done = host.vpsh("start", name)
        assert done.returncode == 0, (done, host.said())
    return host


def connect(host, name):
    def reached():
        tty = host.pty("console", name)
        if b"connected" in tty.expect(rb"connected|cannot be reached",
                                      20).group():
            return tty
        tty.close()
    return harness.wait_until(reached, 20, "the console is reached")


def log_in(host, name):
    tty = connect(host, name)
    tty.send("\r")
    tty.expect(rb"login: ")
    tty.send("root\r")
    tty.expect(PROMPT)
    tty.close()


def answers(host, name, word):
    """Somebody who comes now is heard and hears."""
    tty = connect(host, name)
    tty.send("echo [%s]\r" % word)
    tty.expect(rb"\[%s\]\r\n(root@\S+ ?# )?\[%s\]" % (
        (word.encode(),) * 2), 20)
    tty.close()


def on(host, name):
    with open(host.path("var/lib/vpsh/boots/alice-" + name)) as f:
        return "\non 1\n" in f.read()


def fds(pid):
    """What a process has open; sockets and the like by kind only."""
    found = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(FileNotFoundError):
            found.append(re.sub(r":\[\d+\]", "", os.readlink(
                "/proc/%d/fd/%s" % (pid, fd))))
    return sorted(found)


def another(host, name, pid):
    """Waits for the successor of that child."""
    return harness.wait_until(
        lambda: host.children().get(name) not in (None, pid)
        and host.children()[name], 15, "%s is back; %s" % (
            name, host.said()))


@harness.deadline(60)
def test_D15_the_end_of_xenstored_is_noticed_at_once_and_no_guest_with_it():
    host = new_host("web")
    number = host.domain(DOMAIN).domid
    watcher = host.children()[WATCHER]
    host.store.close()
    begun = time.monotonic()
    host.kill("xenstored")
    assert harness.wait_exit(watcher, 5), host.said()
    assert time.monotonic() - begun < 2
    host.processes.pop("xenstored").wait()
    assert host.vpsh("start", "web").returncode != 0
    # Its successor knows nothing of any domain.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(host.path("run/xenstored/pid"))
    path = host.path("run/xenstored/socket")
    host.run("xenstored", [harness.program("sim/xen/xenstored"), "--no-fork",
                           "--pid-file", host.path("run/xenstored/pid")],
             host.preloaded(), ready=lambda: sim.listens(path))
    harness.run([harness.program("sim/xen/xen-init-dom0")], check=True,
                env=dict(sim.ENVIRONMENT, **host.preloaded()),
                preexec_fn=sim.becomes(host.uid))
    host.store = sim.Store(path)
    begun = time.monotonic()
    another(host, WATCHER, watcher)
    harness.wait_until(lambda: re.search(
        r"(?m)^state: +running", host.vpsh("status", "web").stdout), 10,
        "it is known to run; " + host.said())
    assert time.monotonic() - begun < 8, host.said()
    assert on(host, "web")
    (only,) = host.domains()
    assert only.domid == number


class Watcher:
    """The real one; the test is its supervisor and its console servers."""

    def __init__(self, host):
        ours, theirs = frames.pair()
        self.supervisor = frames.Channel(ours)
        fd = theirs.detach()
        become = sim.becomes(host.uid)

        def prepare():
            os.dup2(fd, 3)
            if become:
                become()
        self.process = harness.Process(
            [host.path("libexec/vpsh-domain"), "-p", host.dir, "watch"],
            env=dict(sim.ENVIRONMENT, **host.preloaded(),
                     ASAN_OPTIONS="verify_asan_link_order=0"),
            stderr=open(host.path("log"), "ab"), close_fds=False,
            preexec_fn=prepare)
        os.close(fd)
        self.build = self.supervisor.recv("HELLO").build
        self.supervisor.send("HELLO", 0, frames.hello(
            frames.SUPERVISOR, self.build))

    def console_server(self):
        ours, theirs = frames.pair()
        self.supervisor.send("PEER", role=frames.CONSOLE,
                             fds=[theirs.fileno()])
        theirs.close()
        channel = frames.Channel(ours)
        channel.recv("HELLO")
        channel.send("HELLO", 0, frames.hello(frames.CONSOLE, self.build))
        return channel


@harness.deadline(60)
def test_a_hundred_console_servers_leave_nothing_open_in_the_watcher():
    host = sim.SimHost()
    for name in ("web", "db"):
        host.guest(name)
    host.start(vpsh=False)
    host.folder("run/vpsh/ring")
    for name in ("web", "db"):
        assert host.xl("create", "-e", host.path(
            "etc/xen/alice-%s.cfg" % name)).returncode == 0
    watcher = Watcher(host)

    def serve(leave_at):
        """It gets both consoles, or dies in the middle of that."""
        server = watcher.console_server()
        got = 0
        while got < leave_at:
            frame = server.recv()
            got += frame.name == "PTY"
            assert len(frame.fds) == (3 if frame.name == "PTY" else 1)
            frames.close_fds(frame)
        return server
    server = serve(2)
    before = fds(watcher.process.pid)
    server.close()
    assert len([p for p in before if p.startswith("/dev/pts/")]) == 2, before
    for number in range(100):
        serve(number % 3).close()
    server = serve(2)
    harness.wait_until(lambda: fds(watcher.process.pid) == before, 10,
                       "nothing is left open: %s, it was %s" % (
                           fds(watcher.process.pid), before))
    server.close()


@harness.deadline(90)
def test_D15_xenconsoled_and_the_console_server_die_together():
    host = new_host("web", "db")
    watcher = host.children()[WATCHER]
    for name in ("web", "db"):
        log_in(host, name)
    for number in range(3):
        pid = host.kill(CONSOLE)
        host.kill("xenconsoled")
        host.processes.pop("xenconsoled").wait()
        host.start_consoled()
        another(host, CONSOLE, pid)
        for name in ("web", "db"):
            answers(host, name, "%s-%d" % (name, number))
    assert host.children()[WATCHER] == watcher


@harness.deadline(60)
def test_pairs_are_handed_over_again_and_not_opened_anew():
    host = new_host("web")
    log_in(host, "web")
    opened = "console of alice-web (domain"
    assert host.said().count(opened) == 1
    another(host, CONSOLE, host.kill(CONSOLE))
    answers(host, "web", "again")
    assert host.said().count(opened) == 1, host.said()
    # A new watcher proves and opens it itself.
    another(host, WATCHER, host.kill(WATCHER))
    harness.wait_until(lambda: host.said().count(opened) == 2, 20,
                       "it is opened; " + host.said())
    answers(host, "web", "once more")


@harness.deadline(60)
def test_one_console_that_is_not_served_keeps_no_other_closed():
    host = new_host("a", "b", "c")
    for name in "abc":
        log_in(host, name)

    def node(name):
        return host.store.read("/local/domain/%d/console/tty"
                               % host.domain("alice-" + name).domid)

    def opened(name):
        return host.said().count("console of alice-%s (domain %d) is "
                                 % (name, host.domain("alice-" + name).domid))
    before = {name: opened(name) for name in "abc"}
    host.kill("xenconsoled")
    host.processes.pop("xenconsoled").wait()
    os.unlink(host.path("run/xenconsoled.pid"))
    # Every three seconds one; until then their nodes are of the past.
    for name in "abc":
        path = "/local/domain/%d/console/tty" % host.domain(
            "alice-" + name).domid
        host.store.write(path, "/dev/pts/9999%s" % "abc".index(name))
    host.run("xenconsoled", [harness.program("sim/xenconsoled"), "-p",
                             host.dir, "-s", "3000"],
             {"XENSTORED_PATH": host.path("run/xenstored/socket")},
             ready=lambda: os.path.exists(host.path("run/xenconsoled.pid")))
    harness.wait_until(lambda: "9999" not in node("b"), 15, "b is served")
    harness.wait_until(lambda: opened("b") > before["b"], 2,
                       "it is opened at once; " + host.said())
    assert "9999" in node("c") and opened("c") == before["c"]
    answers(host, "b", "here")
    harness.wait_until(lambda: opened("c") > before["c"], 15, "c is opened")
    answers(host, "c", "here, too")
    harness.wait_until(lambda: opened("a") > before["a"], 15, "a is opened")
