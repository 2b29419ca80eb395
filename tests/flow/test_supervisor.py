# SPDX-License-Identifier: ISC
"""vpshd: what it starts runs again after a crash, and goes when it goes."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import time

import builds
import frames
import harness
from world import Supervised


def test_a_killed_broker_is_back_and_the_next_connect_works():
    world = Supervised().start()
    client = world.client()
    client.answer("WHOAMI")
    before = world.pids()["vpsh-broker"]
    os.kill(before, signal.SIGKILL)
    assert client.recv() is None
    # Connecting waits for the new broker; it is not refused.
    again = world.client()
    assert again.answer("WHOAMI").customer == "alice"
    assert world.pids()["vpsh-broker"] != before


def test_a_killed_console_server_is_back_and_consoles_work_again():
    world = Supervised().start()
    client = world.client()
    before = world.pids()["vpsh-console"]
    attach = frames.Attach(b"web", 0, 0, 0)
    frames.close_fds(client.answer("CONSOLE", attach))
    os.kill(before, signal.SIGKILL)

    def attached():
        got = client.answer("CONSOLE", attach)
        frames.close_fds(got)
        return (got.name == "ATTACHED"
                and world.pids().get("vpsh-console") not in (None, before))
    harness.wait_until(attached, what="a console from the new server")


def test_stopping_leaves_no_process_and_no_socket():
    world = Supervised().start()
    pids = world.pids()
    assert {"vpsh-broker", "vpsh-console"} <= set(pids), pids
    client = world.client()
    world.process.kill(signal.SIGTERM)
    assert world.process.wait(15) == 0
    for pid in pids.values():
        assert harness.wait_exit(pid, 10)
    assert not os.path.exists(world.socket)
    assert client.recv() is None


def test_children_leave_when_the_supervisor_is_killed():
    world = Supervised().start()
    pids = world.pids()
    world.process.kill(signal.SIGKILL)
    for pid in pids.values():
        assert harness.wait_exit(pid, 10), pid
    # A new one takes over what the old one left behind.
    world.start()
    assert world.client().answer("WHOAMI").customer == "alice"


def test_there_is_one_supervisor_only():
    world = Supervised().start()
    second = harness.run([harness.program("vpshd"), "-p", world.dir])
    assert second.returncode == 1 and "another vpshd" in second.stderr
    assert world.client().answer("WHOAMI").customer == "alice"


def test_a_child_that_cannot_start_is_not_started_in_a_tight_loop():
    world = Supervised()
    libexec = os.path.join(world.dir, "libexec")
    os.mkdir(libexec)
    count = os.path.join(world.dir, "count")
    for name in ("vpsh-broker", "vpsh-domain"):
        os.symlink(harness.program(name), os.path.join(libexec, name))
    with open(os.path.join(libexec, "vpsh-console"), "w") as f:
        f.write("#!/bin/sh\necho >>%s\nexit 1\n" % count)
    os.chmod(f.name, 0o755)
    log = open(os.path.join(world.dir, "log"), "ab+")
    harness.Process([harness.program("vpshd"), "-p", world.dir, "-x",
                     libexec], stderr=log, stdout=log)

    def starts():
        with contextlib.suppress(FileNotFoundError):
            return os.path.getsize(count)
        return 0
    harness.wait_until(lambda: starts() >= 3, what="three starts")
    # The fourth is 400 ms off, the fifth 800: customers are served.
    begin = starts()
    for _ in range(20):
        client = harness.wait_until(
            lambda: world.answers() and world.client())
        assert client.answer("WHOAMI").customer == "alice"
        client.close()
    assert starts() - begin <= 2


def test_a_child_that_talks_nonsense_is_started_again():
    world = Supervised()
    libexec = os.path.join(world.dir, "libexec")
    os.mkdir(libexec)
    count = os.path.join(world.dir, "count")
    for name in ("vpsh-broker", "vpsh-domain"):
        os.symlink(harness.program(name), os.path.join(libexec, name))
    with open(os.path.join(libexec, "vpsh-console"), "w") as f:
        f.write("#!/usr/bin/python3\nimport socket\n"
                "s = socket.socket(fileno=3)\ns.setblocking(True)\n"
                "open(%r, 'a').write('x')\n"
                "s.send(b'nonsense')\ns.recv(9999)\ns.recv(9999)\n" % count)
    os.chmod(f.name, 0o755)
    log = open(os.path.join(world.dir, "log"), "ab+")
    harness.Process([harness.program("vpshd"), "-p", world.dir, "-x",
                     libexec], stderr=log, stdout=log)
    harness.wait_until(lambda: os.path.exists(count)
                       and os.path.getsize(count) >= 2,
                       what="it was started again")
    with open(log.name) as f:
        assert "sent nonsense: killed" in f.read()
    harness.wait_until(world.answers, what="the broker answers")


PR_SET_CHILD_SUBREAPER = 36

# --- a service manager -------------------------------------------------------

class Manager:
    """systemd's side of sd_notify(3)."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.said = []
        harness.cleanup.callback(self.socket.close)

    def hears(self, word, seconds=10):
        end = time.monotonic() + seconds
        while word not in self.said:
            assert harness.poll_once([self.socket], end - time.monotonic()), \
                "no %s after %s" % (word, self.said)
            self.said.append(self.socket.recv(4096).decode())


class Installed(Supervised):
    """Its programs can be upgraded while they run."""

    def __init__(self):
        super().__init__()
        self.programs = os.path.join(self.dir, "programs")
        builds.install(self.programs)
        self.log = open(os.path.join(self.dir, "log"), "ab+")

    def launch(self, *options, **env):
        self.process = harness.Process(
            [os.path.join(self.programs, "vpshd"), "-p", self.dir, "-x",
             self.programs, *options], stderr=self.log, stdout=self.log,
            env=dict(os.environ, **env))
        return self

    def start_under_us(self):
        """
        Its children become ours when it dies: the kernel would hang up on
        those that are stopped if nobody of their session were left.
        """
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.process = subprocess.Popen(
            [os.path.join(self.programs, "vpshd"), "-p", self.dir, "-x",
             self.programs], stderr=self.log, stdout=self.log,
            process_group=0)
        harness.wait_until(self.answers, 15, "the broker answers")
        harness.wait_until(self.whole, 15, "the console server is there")
        return self

    def start(self, **env):
        self.launch(**env)
        harness.wait_until(self.answers, 15, "the broker answers")
        harness.wait_until(self.whole, 15, "the console server is there")
        return self

    def leave_hanging(self, name):
        """A child that does not notice that its supervisor is dead."""
        pid = self.steady()[name]
        os.kill(pid, signal.SIGSTOP)
        harness.wait_until(lambda: self.state(pid) == "T",
                           what="%s is stopped" % name)
        self.process.kill()
        self.process.wait()
        return pid

    def whole(self):
        return {"vpsh-broker", "vpsh-console"} <= set(self.steady())

    def steady(self):
        """The children that are there to stay; the watcher finds no Xen."""
        return {name: pid for name, pid in self.pids().items()
                if name in ("vpsh-broker", "vpsh-console")}

    def renewed(self, before):
        """All of them are others, and answer."""
        def look():
            now = self.steady()
            return (len(now) == 2 and not set(now.values())
                    & set(before.values()) and now)
        now = harness.wait_until(look, 15, "new children; %s" % self.said())
        harness.wait_until(self.answers, 15, "the new broker answers")
        for pid in before.values():
            assert harness.wait_exit(pid, 5)
        return now

    def build(self):
        client = self.client()
        client.close()
        return client.hello.build

    def state(self, pid):
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]

    def buries_all(self):
        """Until nobody who has ended waits for being seen to."""
        def zombies():
            found = []
            for pid in self.pids().values():
                with contextlib.suppress(OSError):
                    if self.state(pid) == "Z":
                        found.append(pid)
            return found
        harness.wait_until(lambda: not zombies(), what="no zombies")


def test_it_tells_its_service_manager_and_nobody_else_does():
    world = Installed()
    path = os.path.join(world.dir, "manager")
    manager = Manager(path)
    world.start(NOTIFY_SOCKET=path, WATCHDOG_USEC="60000000")
    manager.hears("READY=1")
    for pid in world.steady().values():
        with open("/proc/%d/environ" % pid, "rb") as f:
            assert set(re.findall(rb"(\w+)=[^\0]*\0", f.read())) == {
                b"PATH", b"LIBXL_BOOTLOADER_RESTRICT",
                b"LIBXL_BOOTLOADER_USER"}
    # Its broker is asked at once, and every ten seconds.
    manager.hears("WATCHDOG=1")
    manager.said.clear()
    manager.hears("WATCHDOG=1", 20)
    world.process.kill(signal.SIGTERM)
    manager.hears("STOPPING=1")
    assert world.process.wait(15) == 0


def test_it_is_not_ready_before_its_broker_is():
    world = Installed()
    name = "vpsh-test-%d" % os.getpid()
    manager = Manager("\0" + name)
    os.unlink(os.path.join(world.programs, "vpsh-broker"))
    world.launch(NOTIFY_SOCKET="@" + name)
    harness.wait_until(
        lambda: "vpsh-console" in world.pids()
        and world.said().count("vpsh-broker") > 2, what="the others are there")
    assert not harness.poll_once([manager.socket], 0)
    builds.install(world.programs, ["vpsh-broker"])
    manager.hears("READY=1")
    assert world.answers()


def test_a_broker_that_cannot_start_does_not_cost_the_others_their_lives():
    world = Installed()
    path = os.path.join(world.dir, "manager")
    manager = Manager(path)
    world.start(NOTIFY_SOCKET=path)
    manager.hears("WATCHDOG=1")
    manager.said.clear()
    os.unlink(os.path.join(world.programs, "vpsh-broker"))
    os.kill(world.steady()["vpsh-broker"], signal.SIGKILL)
    # Nobody answers for it, and the manager is not to end all of us.
    manager.hears("WATCHDOG=1", 10)
    assert "vpsh-broker" not in world.pids()
    builds.install(world.programs, ["vpsh-broker"])
    harness.wait_until(world.answers, 15, "the new broker answers")


# --- who does not answer -----------------------------------------------------

@harness.deadline(75)
def test_a_child_that_hangs_is_killed_and_started_again():
    world = Installed()
    path = os.path.join(world.dir, "manager")
    manager = Manager(path)
    world.start(NOTIFY_SOCKET=path)
    before = world.steady()
    for pid in before.values():
        os.kill(pid, signal.SIGSTOP)
    # Whoever connects meanwhile waits for an answer, and gets it.
    client = world.client(greet=False)
    client.send("HELLO", 0, frames.hello())
    after = harness.wait_until(
        lambda: len(world.steady()) == 2 and not set(world.steady().values())
        & set(before.values()) and world.steady(), 60, "both are replaced")
    assert world.said().count("does not answer: killed") == 2, world.said()
    harness.wait_until(world.answers, 15, "the new broker answers")
    assert world.steady() == after
    # systemd was not told that all is well while it was not.
    while harness.poll_once([manager.socket], 0):
        manager.said.append(manager.socket.recv(4096).decode())
    assert manager.said.count("WATCHDOG=1") <= 2, manager.said


# --- renewal -----------------------------------------------------------------

def sockets(pid):
    """Inodes of its sockets by descriptor."""
    found = {}
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(OSError):
            found[int(fd)] = os.readlink("/proc/%d/fd/%s" % (pid, fd))
    return found


def test_reload_keeps_its_pid_its_lock_and_its_sockets():
    world = Installed().start()
    points = os.path.join(world.dir, "run/vpsh/points")
    os.mkdir(points)
    open(os.path.join(points, "supervisor-exec"), "w").close()
    before, held = world.steady(), sockets(world.process.pid)
    client = world.client()
    world.process.kill(signal.SIGHUP)
    harness.wait_until(lambda: os.listdir(points) == [
        "supervisor-exec.%d" % world.process.pid], what="it is about to")
    assert client.answer("WHOAMI").customer == "alice"
    # These connect to a broker that will never see them, or its successor.
    waiting = [world.client(greet=False) for _ in range(3)]
    open(os.path.join(points, "supervisor-welcome"), "w").close()
    world.process.kill(signal.SIGCONT)
    harness.wait_until(lambda: "supervisor-welcome.%d" % world.process.pid
                       in os.listdir(points), what="the first greets")
    # One more vpshd does not slip in, and nobody is refused.
    second = harness.run([harness.program("vpshd"), "-p", world.dir])
    assert second.returncode == 1 and "another vpshd" in second.stderr
    waiting += [world.client(greet=False) for _ in range(3)]
    world.process.kill(signal.SIGCONT)
    world.renewed(before)
    now = sockets(world.process.pid)
    assert [now[fd] for fd in (3, 4, 5)] == [held[fd] for fd in (3, 4, 5)]
    assert client.recv() is None
    served = 0
    for client in waiting:
        with contextlib.suppress(OSError, AssertionError):
            client.send("HELLO", 0, frames.hello())
            client.recv("HELLO")
            served += client.answer("WHOAMI").customer == "alice"
    assert served >= 3, served
    world.buries_all()
    # Nothing else came along.
    assert max(now) < 32 and len(now) <= len(held) + 1, now


def test_reload_again_at_once_waits_and_ends_nobody():
    world = Installed().start()
    before = world.steady()
    for _ in range(50):
        world.process.kill(signal.SIGHUP)
    after = world.renewed(before)
    for _ in range(50):
        world.process.kill(signal.SIGHUP)
    for _ in range(20):
        assert world.client().answer("WHOAMI").customer == "alice"
    assert world.steady() == after
    assert world.said().count("executing ") == 1, world.said()
    assert world.process.alive()


def test_a_program_that_is_gone_changes_nothing():
    world = Installed().start()
    before = world.steady()
    os.unlink(os.path.join(world.programs, "vpshd"))
    world.process.kill(signal.SIGHUP)
    harness.wait_until(lambda: "cannot execute" in world.said(),
                       what="it says so")
    client = world.client()
    assert client.answer("WHOAMI").customer == "alice"
    assert world.steady() == before
    # The broker's successor is served as before.
    os.kill(before["vpsh-broker"], signal.SIGKILL)
    harness.wait_until(world.answers, what="the next broker")


def test_nobody_is_renewed_who_was_started_by_hand():
    world = Installed()
    done = harness.run([os.path.join(world.programs, "vpshd"), "-p",
                        world.dir, "-r", "1"])
    assert done.returncode == 1 and "cannot lock" in done.stderr, done
    assert world.start().build() == builds.build_id()


def test_a_child_of_another_build_makes_all_of_them_new():
    world = Installed().start()
    assert world.build() == builds.build_id()
    before = world.steady()
    builds.install(world.programs, number=1)
    # Nothing is new as long as nobody dies; the watcher does all the time.
    os.kill(before["vpsh-console"], signal.SIGKILL)
    world.renewed(before)
    assert world.build() == builds.next_id(1)
    assert world.process.alive()
    world.buries_all()
    assert "starting what is installed now" in world.said()


def test_half_an_upgrade_is_said_and_leaves_the_others_alone():
    world = Installed().start()
    before = world.steady()
    builds.install(world.programs, ["vpsh-broker"], number=1)
    os.kill(before["vpsh-broker"], signal.SIGKILL)
    said = "vpsh-broker is of build %s, this is %s: is the upgrade half " \
        "done?" % (builds.next_id(1), builds.build_id())
    harness.wait_until(lambda: world.said().count(said) >= 3,
                       what="it says so")
    assert "executing" not in world.said()
    assert world.pids()["vpsh-console"] == before["vpsh-console"]
    # Its other half comes.
    builds.install(world.programs, number=1)
    harness.wait_until(world.answers, 15, "the new broker answers")
    assert world.build() == builds.next_id(1)
    assert world.said().count("executing ") == 1


# --- those of an earlier vpshd -----------------------------------------------

def test_two_console_servers_never_run_at_the_same_time():
    world = Installed().start_under_us()
    old = world.leave_hanging("vpsh-console")
    world.launch()
    harness.wait_until(world.answers, 15, "the broker answers")
    assert "vpsh-console" not in world.pids()
    assert world.state(old) == "T"
    os.kill(old, signal.SIGCONT)
    assert harness.wait_exit(old, 5)
    harness.wait_until(world.whole, what="the new one runs")
    assert "of an earlier vpshd" not in world.said()


def test_a_child_of_an_earlier_vpshd_that_hangs_is_killed():
    world = Installed().start_under_us()
    old = world.leave_hanging("vpsh-console")
    begin = time.monotonic()
    world.launch()
    assert harness.wait_exit(old, 15)
    assert time.monotonic() - begin > 4
    harness.wait_until(world.whole, what="the new one runs")
    assert "vpsh-console (pid %d) of an earlier vpshd" % old in world.said()


def test_a_child_that_hangs_does_not_hold_up_a_renewal_for_ever():
    world = Installed().start()
    before = world.steady()
    os.kill(before["vpsh-broker"], signal.SIGSTOP)
    world.process.kill(signal.SIGHUP)
    harness.wait_until(lambda: "executing" in world.said(), what="it does")
    world.renewed(before)
    world.buries_all()
