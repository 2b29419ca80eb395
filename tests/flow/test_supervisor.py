# SPDX-License-Identifier: ISC
"""vpshd: what it starts runs again after a crash, and goes when it goes."""

import contextlib
import os
import signal

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
