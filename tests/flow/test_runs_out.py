# SPDX-License-Identifier: ISC
"""Descriptors, memory and disk run out, one process at a time."""

import os
import resource
import signal

import frames
import harness
import sim

LEAVE = b"\x1d"
PROMPT = rb"[$#] $"


def host(*guests):
    world = sim.SimHost()
    for name in guests:
        world.guest(name)
    return world.start()


def tables(pid, room):
    """So many descriptors more than it has; None: as many as it may."""
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    used = {int(n) for n in os.listdir("/proc/%d/fd" % pid)}
    free = [n for n in range(len(used) + 100) if n not in used]
    soft = hard if room is None else free[room]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def connect(world, name):
    tty = world.pty("console", name)
    tty.expect(rb"\[%s: connected" % name.encode())
    tty.send("\r")
    if tty.expect(rb"login: |[$#] $").group().endswith(b"login: "):
        tty.send("root\r")
        tty.expect(PROMPT)
    return tty


def answers(tty, word):
    tty.send("echo [%s]\r" % word)
    tty.expect(rb"\n\r?\[%s\]" % word.encode())
    tty.expect(PROMPT)


def another(world, name, old):
    """Until the supervisor has started another."""
    return harness.wait_until(
        lambda: (pid := world.children().get(name)) and pid != old and pid,
        15, "another " + name)


def same_guests(world):
    return [(d.name, d.domid, d.pid, d.state) for d in world.domains()]


def test_EMFILE_in_the_broker_makes_newcomers_wait_and_nobody_else():
    world = host("web")
    assert world.vpsh("start", "web").returncode == 0
    tty = connect(world, "web")
    old = frames.Client(world.socket)
    broker = world.children()["vpsh-broker"]
    tables(broker, 1)
    inside = frames.Client(world.socket)
    waits = world.vpsh_beside("status", "web")
    harness.wait_until(lambda: "new sessions wait at the door"
                       in world.said(), 10, "the broker says so")
    spent = cpu_ticks(broker)
    assert old.answer("WHOAMI").customer == "alice"
    answers(tty, "typed")
    assert waits.alive()
    # Paused, it does not spin: said once, and hardly any time is spent.
    assert world.said().count("new sessions wait at the door") == 1
    assert cpu_ticks(broker) - spent < 50
    inside.close()
    assert waits.wait(10) == 0
    tables(broker, None)
    assert world.vpsh("list").returncode == 0
    assert world.children()["vpsh-broker"] == broker
    answers(tty, "after")


def cpu_ticks(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_EMFILE_in_the_console_server_starts_it_anew():
    world = host("web")
    assert world.vpsh("start", "web").returncode == 0
    first = connect(world, "web")
    answers(first, "before")
    before, console = same_guests(world), world.children()["vpsh-console"]
    tables(console, 0)
    second = world.pty("console", "web", "--view")
    another(world, "vpsh-console", console)
    second.close()
    # The viewer that was there goes on by itself.
    answers(first, "after")
    first.close()
    connect(world, "web").close()
    assert same_guests(world) == before


def test_EMFILE_in_the_watcher_leaves_consoles_alone_and_is_made_good():
    world = host("web", "db")
    assert world.vpsh("start", "web").returncode == 0
    tty = connect(world, "web")
    watcher = world.children()["vpsh-domain watch"]
    tables(watcher, 0)
    done = world.vpsh("start", "db")
    answers(tty, "meanwhile")
    assert done.returncode in (0, 1, 6, 7), done
    if world.children().get("vpsh-domain watch") == watcher:
        tables(watcher, None)
    harness.wait_until(lambda: world.vpsh("start", "db").returncode == 0,
                       25, "db runs")
    connect(world, "db").close()
    answers(tty, "after")


def test_EMFILE_in_the_supervisor_ends_with_everything_as_it_was():
    world = host("web", "db")
    assert world.vpsh("start", "web").returncode == 0
    tty = connect(world, "web")
    before = same_guests(world)
    supervisor = world.processes["vpshd"].pid
    broker = world.children()["vpsh-broker"]
    tables(supervisor, 0)
    job = world.vpsh_beside("start", "db")
    # It cannot take the worker's socket: nonsense, as far as it can tell.
    harness.wait_until(lambda: world.children().get("vpsh-broker") != broker,
                       15, "the broker is ended")
    answers(tty, "meanwhile")
    tables(supervisor, None)
    another(world, "vpsh-broker", broker)
    job.wait(20)
    harness.wait_until(lambda: world.vpsh("start", "db").returncode == 0,
                       25, "db runs")
    answers(tty, "after")
    assert before[0] in same_guests(world)


def test_OOM_of_one_guest_s_process_stops_nothing_else():
    world = host("web", "db")
    for name in ("web", "db"):
        assert world.vpsh("start", name).returncode == 0
    tty = connect(world, "web")
    children, web = world.children(), world.domain("alice-web")
    assert len(children) == 3, children
    # As the kernel ends a QEMU.
    os.kill(world.domain("alice-db").pid, signal.SIGKILL)
    answers(tty, "typed")
    harness.wait_until(
        lambda: (d := world.domain("alice-db")) is None
        or d.state != "running" or d.domid > web.domid + 1, 10,
        "db is not what it was")
    assert world.domain("alice-web") == web
    assert children.items() <= world.children().items(), world.said()
    for words in (("list",), ("status", "web"), ("status", "db")):
        assert world.vpsh(*words).returncode == 0, words
    answers(tty, "after")


def test_H12_a_ring_that_cannot_be_made_is_in_memory_and_said():
    world = host("web", "db")
    rings = world.path("run/vpsh/ring")
    os.chmod(rings, 0o500)
    tty = world.pty("start", "web", "--console")
    tty.expect(rb"login: ")
    tty.send("root\r")
    tty.expect(PROMPT)
    assert os.listdir(rings) == []
    assert "alice.web cannot be made: " in world.said(), world.said()
    # What was shown before the console server died is still there.
    old = world.kill("vpsh-console")
    another(world, "vpsh-console", old)
    answers(tty, "after")
    log = harness.wait_until(
        lambda: (done := world.vpsh("log", "web")).returncode == 0 and done,
        10, "the log").stdout
    assert "login: " in log and "[after]" in log, log
    os.chmod(rings, 0o700)
    assert world.vpsh("start", "db").returncode == 0
    connect(world, "db").close()
    assert os.listdir(rings) == ["alice.db"]


def test_H12_a_ring_that_its_owner_cuts_short_costs_no_console():
    world = host("web", "db")
    for name in ("web", "db"):
        assert world.vpsh("start", name).returncode == 0
    web, db = connect(world, "web"), connect(world, "db")
    children = world.children()
    os.truncate(world.path("run/vpsh/ring/alice.web"), 100)
    answers(web, "one")
    answers(db, "two")
    answers(web, "three")
    assert "ring of alice/web was cut short" in world.said(), world.said()
    assert children.items() <= world.children().items()
