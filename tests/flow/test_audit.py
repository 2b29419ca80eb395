# SPDX-License-Identifier: ISC
"""The audit log's disk is full: a limit on the broker's files stands for it."""

import contextlib
import json
import os
import resource
import signal

import harness
import sim

HISTORY = 64 * 1024     # bytes of an older log, more than the broker says
UNLIMITED = resource.RLIM_INFINITY


def host(*guests, **cfg):
    world = sim.SimHost()
    with open(world.audit, "w") as f:
        while f.tell() < HISTORY:
            f.write('{"time":"2026-01-01T00:00:00.000Z","event":"old"}\n')
    world.own("var/log/vpsh/audit.jsonl")
    for name in guests:
        world.guest(name, **cfg.get(name, {}))
    return world.start()


def limit(world, size):
    """Files of the broker's have this end, until the next broker."""
    resource.prlimit(world.children()["vpsh-broker"],
                     resource.RLIMIT_FSIZE, (size, UNLIMITED))


def fill(world):
    """No room for more; the reserve has some."""
    limit(world, os.path.getsize(world.audit) + 20)


def records(world):
    """The log; every line of it has to be whole."""
    with open(world.audit) as f:
        return [r for r in map(json.loads, f) if r["event"] != "old"]


def reserve(world):
    with open(world.path("var/log/vpsh/audit.reserve"), "rb") as f:
        return f.read().rstrip(b"\0")


def log_has(world, seconds=10, **wanted):
    """Waits for the record; one that is being written is not there yet."""
    def look():
        with contextlib.suppress(json.JSONDecodeError):
            return [r for r in records(world) if all(
                r.get(k) == v for k, v in wanted.items())]
    return harness.wait_until(look, seconds, "record %s" % wanted)


def in_order(world):
    """Each reference is decided on and done with once, none is missing."""
    times = [r["time"] for r in records(world)]
    assert times == sorted(times), times
    begun = [r["ref"] for r in records(world)
             if r["event"] == "decided" and r.get("ref")]
    done = [r["ref"] for r in records(world)
            if r["event"] == "done" and r.get("ref")
            and r.get("customer") == "alice"]
    assert len(set(done)) == len(done) and sorted(begun) == sorted(done), (
        begun, done)
    return done


def said(world, what):
    return harness.wait_until(lambda: world.said().count(what), 10, what)


def test_G04_what_a_full_log_cannot_take_is_in_its_reserve():
    world = host("web")
    kept = os.stat(world.path("var/log/vpsh/audit.reserve"))
    assert kept.st_blocks >= 512 and kept.st_mode & 0o7777 == 0o640, kept
    fill(world)
    for words in (("start", "web"), ("destroy", "web", "--yes")):
        done = world.vpsh(*words)
        assert done.returncode == 0, done
    assert b'"verb":"destroy"' in reserve(world)
    assert said(world, "the audit log cannot be written: ") == 1
    limit(world, UNLIMITED)
    # Without anybody asking for anything.
    log_has(world, verb="destroy", event="done", err="ok")
    harness.wait_until(lambda: not reserve(world), what="it is empty")
    assert world.vpsh("start", "web").returncode == 0
    assert len(in_order(world)) == 3
    assert said(world, "the audit log is written again") == 1
    assert "gap" not in [r["event"] for r in records(world)]


def test_G04_when_nothing_can_be_written_only_changes_are_refused():
    world = host("web", "db", db={"words": "dies=3000",
                                  "cfg": 'on_crash = "restart"'})
    tty = world.pty("start", "web", "--console")
    tty.expect(rb"login: ")
    assert world.vpsh("start", "db", "--no-wait").returncode == 0
    world.wait_domain("alice-db", state="running")
    limit(world, 0)
    for words in (("destroy", "web", "--yes"), ("start", "db"),
                  ("sysrq", "web", "s")):
        done = world.vpsh(*words)
        assert done.returncode == 7, done
        assert "cannot record it" in done.stderr, done
    for words in (("list",), ("status", "web"), ("log", "web"), ("whoami",),
                  ("why", "start", "web")):
        assert world.vpsh(*words).returncode == 0, words
    tty.send("root\r")
    tty.expect(rb"[$#] $", 5)
    assert world.domain("alice-web").state == "running"
    # What runs by itself goes on: db panics and comes up again.
    before = world.domain("alice-db")
    harness.wait_until(
        lambda: (now := world.domain("alice-db")) and before
        and now.domid != before.domid, 20, "db was started again")
    limit(world, UNLIMITED)
    log_has(world, verb="destroy", event="done", err="audit")
    harness.wait_until(lambda: world.vpsh("pause", "web").returncode == 0,
                       10, "changes are allowed again")
    in_order(world)
    assert log_has(world, event="done", customer="system", guest="db")
    assert "gap" not in [r["event"] for r in records(world)]


def test_G04_a_broker_takes_over_what_another_left_in_the_reserve():
    world = host("web")
    fill(world)
    assert world.vpsh("start", "web").returncode == 0
    left = reserve(world)
    assert b'"err":"ok"' in left
    old = world.kill("vpsh-broker")
    harness.wait_until(
        lambda: world.children().get("vpsh-broker", old) != old,
        what="another broker")
    log_has(world, verb="start", event="done", err="ok")
    harness.wait_until(lambda: not reserve(world), what="it is empty")
    assert world.vpsh("destroy", "web", "--yes").returncode == 0
    assert len(in_order(world)) == 2
    with open(world.audit, "rb") as f:
        assert f.read().count(left[-100:]) == 1


def stop_at(world, point):
    """The process that comes there next, stopped; how to let it go on."""
    folder = world.path("run/vpsh/points")
    world.folder("run/vpsh/points")
    with open(os.path.join(folder, point), "w"):
        pass
    world.own("run/vpsh/points/" + point)

    def stopped():
        return [int(n.rsplit(".", 1)[1]) for n in os.listdir(folder)
                if n.startswith(point + ".")]
    return lambda: os.kill(harness.wait_until(stopped, 10, point)[0],
                           signal.SIGCONT)


def test_an_outcome_that_waits_in_memory_outlives_its_broker():
    world = host("web")
    go_on = stop_at(world, "worker-result")
    asking = world.vpsh_beside("start", "web")
    log_has(world, event="decided", verb="start")
    harness.wait_until(lambda: world.domain("alice-web"), what="web is there")
    limit(world, 0)
    go_on()
    assert asking.wait(15) == 0
    assert not [r for r in records(world) if r["event"] == "done"]
    old = world.kill("vpsh-broker")
    harness.wait_until(
        lambda: world.children().get("vpsh-broker", old) != old,
        what="another broker")
    log_has(world, event="done", verb="start", err="ok")
    assert world.vpsh("destroy", "web", "--yes").returncode == 0
    assert len(in_order(world)) == 2


def test_nothing_is_lost_when_the_log_is_rotated():
    world = host("web")
    tty = world.pty("start", "web", "--console")
    tty.expect(rb"login: ")
    old = world.children()["vpsh-broker"]
    # As the logrotate of etc/examples does, amid the requests of somebody.
    asking = world.vpsh_beside("destroy", "web", "--yes")
    os.rename(world.audit, world.audit + ".1")
    world.kill("vpshd", signal.SIGHUP)
    assert asking.wait(20) == 0
    tty.expect(rb"the guest is being switched off|waiting for the guest")
    harness.wait_until(
        lambda: world.children().get("vpsh-broker", old) != old,
        what="another broker")
    harness.wait_until(lambda: world.vpsh("start", "web").returncode == 0,
                       what="web runs")
    tty.expect(rb"login: ")
    log_has(world, event="done", verb="start", err="ok")
    with open(world.audit + ".1") as first, open(world.audit) as then:
        both = first.read() + then.read()
    with open(world.audit, "w") as f:
        f.write(both)
    # Who was cut off asked again: that may be another reference.
    assert len(in_order(world)) in (3, 4)


def test_a_log_that_is_copied_and_cut_goes_on():
    world = host("web")
    assert world.vpsh("start", "web").returncode == 0
    # logrotate, copytruncate: the broker has it open and appends.
    with open(world.audit, "r+") as f:
        f.truncate(0)
    assert world.vpsh("destroy", "web", "--yes").returncode == 0
    log_has(world, verb="destroy", event="done", err="ok")
    assert records(world)[0]["event"] != "old"
