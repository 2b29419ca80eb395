# SPDX-License-Identifier: ISC
"""Disks that are full, or hang: real file systems, each of one test's own."""

import contextlib
import ctypes
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

import harness
import sim

sys.path.append(os.path.join(harness.TOP, "tests/flow"))
import frames

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PROMPT = rb"[$#] $"


def own_mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    for result in (libc.unshare(CLONE_NEWNS),
                   libc.mount(b"none", b"/", b"", MS_REC | MS_PRIVATE, b"")):
        assert result == 0, os.strerror(ctypes.get_errno())


def small_disk(world, folder, kib, more=""):
    """A file system of that size on a folder of the host's."""
    world.folder(folder)
    uid = world.uid
    harness.run(["mount", "-t", "tmpfs", "-o",
                 "size=%dk,mode=0755,uid=%d,gid=%d%s" % (kib, uid, uid, more),
                 "small", world.path(folder)], check=True)
    harness.cleanup.callback(harness.run,
                             ["umount", "-l", world.path(folder)])


def fill(world, folder):
    """To the last page; what gives it back."""
    path = world.path(folder, "junk")
    with open(path, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 4096)
    return lambda: os.unlink(path)


def host(*guests):
    world = sim.SimHost()
    for name in guests:
        world.guest(name)
    return world


def connect(world, name, *words):
    tty = world.pty("start", name, "--console")
    tty.expect(rb"login: ", 20)
    tty.send("root\r")
    tty.expect(PROMPT)
    return tty


def answers(tty, word):
    tty.send("echo [%s]\r" % word)
    tty.expect(rb"\n\r?\[%s\]" % word.encode())
    tty.expect(PROMPT)


def files_below(path):
    return {os.path.join(at, n) for at, _, names in os.walk(path)
            for n in names}


def records(world):
    with open(world.audit) as f:
        return [json.loads(line) for line in f]


@harness.deadline(60)
def test_H12_a_console_on_a_full_file_system_works_and_is_said():
    own_mounts()
    world = host("web", "db")
    small_disk(world, "run/vpsh/ring", 2048)
    give_back = fill(world, "run/vpsh/ring")
    world.start()
    tty = connect(world, "web")
    answers(tty, "one")
    assert "alice.web cannot be made: No space left" in world.said()
    assert os.listdir(world.path("run/vpsh/ring")) == ["junk"]
    assert "login: " in world.vpsh("log", "web").stdout
    children = world.children()
    give_back()
    connect(world, "db").close()
    assert os.listdir(world.path("run/vpsh/ring")) == ["alice.db"]
    answers(tty, "two")
    assert world.children() == children, world.said()


@harness.deadline(60)
def test_H12_a_full_run_costs_the_journal_and_no_guest():
    own_mounts()
    world = host("web", "db")
    small_disk(world, "run/vpsh", 2048)
    give_back = fill(world, "run/vpsh")
    world.start()
    assert re.search("journal.*No space left", world.said()), world.said()
    children = world.children()
    tty = connect(world, "web")
    assert world.vpsh("pause", "web").returncode == 0
    assert world.vpsh("unpause", "web").returncode == 0
    answers(tty, "one")
    assert world.vpsh("destroy", "web", "--yes").returncode == 0
    give_back()
    assert world.vpsh("start", "db").returncode == 0
    assert children.items() <= world.children().items(), world.said()


@harness.deadline(60)
def test_a_disk_without_room_for_state_refuses_a_start_and_is_made_good():
    own_mounts()
    world = host("web", "db")
    small_disk(world, "var/lib/vpsh", 1024)
    world.start()
    tty = connect(world, "web")
    children = world.children()
    give_back = fill(world, "var/lib/vpsh")
    before = files_below(world.path("var/lib/vpsh"))
    done = world.vpsh("start", "db")
    assert done.returncode == 1 and "db" in done.stderr, done
    assert "a disk of the host has no room left" in done.stderr, done
    assert world.domain("alice-db") is None
    assert files_below(world.path("var/lib/vpsh")) == before
    assert "web" in world.vpsh("list").stdout
    answers(tty, "still here")
    # What frees resources works all the same.
    done = world.vpsh("destroy", "web", "--yes")
    assert done.returncode == 0, (done, world.said()[-600:])
    give_back()
    for name in ("db", "web"):
        done = world.vpsh("start", name)
        assert done.returncode == 0, (done, world.said())
    assert children.items() <= world.children().items(), world.said()


def reserve(world):
    with open(world.path("var/log/vpsh/audit.reserve"), "rb") as f:
        return f.read()


@harness.deadline(60)
def test_G04_a_full_log_disk_stops_nobody():
    own_mounts()
    world = host("web")
    small_disk(world, "var/log/vpsh", 1024)
    world.start()
    give_back = fill(world, "var/log/vpsh")
    done = []
    # The log's last page has some room yet.
    while b'"destroy"' not in reserve(world):
        done.append(("start", "destroy")[len(done) % 2])
        ended = world.vpsh(done[-1], "web", *["--yes"] * (len(done) % 2 == 0))
        assert ended.returncode == 0, ended
    assert "the audit log cannot be written: No space left" in world.said()
    give_back()
    harness.wait_until(lambda: "the audit log is written again"
                       in world.said(), 10, "it is made good")
    outcomes = [r["verb"] for r in records(world)
                if r["event"] == "done" and r["err"] == "ok"]
    assert outcomes == done, outcomes


@harness.deadline(60)
def test_G04_without_room_to_make_a_log_there_is_a_list_all_the_same():
    own_mounts()
    world = host("web")
    small_disk(world, "var/log/vpsh", 1024, ",nr_inodes=1")
    world.start()
    assert "neither the audit log nor " in world.said(), world.said()
    done = world.vpsh("start", "web")
    assert done.returncode == 7 and "cannot record it" in done.stderr, done
    assert "web" in world.vpsh("list").stdout
    harness.run(["mount", "-o", "remount,nr_inodes=100",
                 world.path("var/log/vpsh")], check=True)
    world.kill("vpshd", signal.SIGHUP)
    harness.wait_until(lambda: world.vpsh("start", "web").returncode == 0,
                       15, "a start is allowed again")
    assert "ok" in [r.get("err") for r in records(world)]


def hanging_disk(world, folder):
    """A disk that can be made to hang, and never is after the test."""
    image, where = world.path("disk"), world.path(folder)
    with open(image, "wb") as f:
        f.truncate(16 << 20)
    for argv in (["mkfs.ext4", "-q", image],
                 ["mount", "-o", "loop", image, where]):
        harness.run(argv, check=True)
    harness.cleanup.callback(harness.run, ["umount", "-l", where])
    os.chown(where, world.uid, world.uid)
    thaw = subprocess.Popen(["sh", "-c", "read x; fsfreeze -u " + where],
                            stdin=subprocess.PIPE, start_new_session=True,
                            stderr=subprocess.DEVNULL)

    def thawed():
        thaw.stdin.close()
        thaw.wait(10)
    harness.cleanup.callback(thawed)
    return thawed


def echo_times(ttys, rounds):
    """Milliseconds from a key to its echo, every session in turn."""
    times = []
    for number in range(rounds):
        for tty in ttys:
            key = b"abcdefghij"[number % 10:number % 10 + 1]
            tty.unread = b""
            begin = time.monotonic()
            tty.send(key)
            tty.expect(key)
            times.append((time.monotonic() - begin) * 1000)
    return times


@harness.deadline(120)
def test_H16_a_log_disk_that_hangs_slows_no_key_and_no_list():
    own_mounts()
    names = ["g%d" % n for n in range(8)]
    world = host(*names)
    world.folder("var/log/vpsh")
    thaw = hanging_disk(world, "var/log/vpsh")
    world.start()
    ttys = [connect(world, name) for name in names]
    before = echo_times(ttys, 20)
    harness.run(["fsfreeze", "-f", world.path("var/log/vpsh")], check=True)
    refused = world.vpsh("destroy", "g0", "--yes")
    assert refused.returncode == 7, refused
    assert "cannot record it" in refused.stderr, refused
    # All that the broker has to say is written to that disk.
    busy = [world.vpsh_beside("status", "g%d" % n) for n in range(8)]
    during = echo_times(ttys, 20)
    assert [p.wait(10) for p in busy] == [0] * 8
    print("ms before: %s\nms during: %s" % (summary(before), summary(during)))
    assert statistics.median(during) < 3 * statistics.median(before) + 5
    for words in (("list",), ("log", "g1"), ("whoami",)):
        begin = time.monotonic()
        assert world.vpsh(*words).returncode == 0, words
        assert time.monotonic() - begin < 5, words
    assert world.domain("alice-g0").state == "running"
    thaw()
    harness.wait_until(lambda: "the audit log is written again"
                       in world.said(), 10, "it is made good")
    assert world.vpsh("destroy", "g0", "--yes").returncode == 0
    ends = [r["err"] for r in records(world) if r["event"] == "done"
            and r.get("verb") == "destroy"]
    assert ends == ["audit", "ok"], ends
    assert "gap" not in [r["event"] for r in records(world)]


def summary(times):
    return "median %.2f, worst %.2f of %d" % (
        statistics.median(times), max(times), len(times))


def client_of(world, customer):
    """A session of that customer's, which we are for a moment."""
    os.seteuid(world.uids[customer])
    try:
        return frames.Client(world.socket)
    finally:
        os.seteuid(0)


def pour(client):
    """Requests until no more are taken, and not one answer is read."""
    kinds = (("LIST", frames.Look()), ("FOLLOW", frames.Look()),
             ("STATUS", frames.Look(b"g1")), ("WHOAMI",),
             ("WHY", frames.Why(b"start", b"g1")))
    client.sock.settimeout(0.2)
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 5000:
            client.ask(*kinds[sent % len(kinds)])
            sent += 1
    return sent


@harness.deadline(120)
def test_E08_sessions_that_pour_in_requests_do_not_take_all_memory():
    world = sim.SimHost()
    world.customer("bob")
    world.guest("shop", customer="bob")
    for number in range(40):
        world.guest("g%d" % number)
    world.start()
    broker = world.children()["vpsh-broker"]
    clients = [client_of(world, "alice") for _ in range(64)]
    sent = sum(pour(c) for c in clients)
    assert sent > 64 * 5, sent
    begin = time.monotonic()
    done = world.vpsh("status", "shop", customer="bob")
    assert done.returncode == 0 and time.monotonic() - begin < 5, done
    with open("/proc/%d/status" % broker) as f:
        status = dict(line.split(":", 1) for line in f)
    peak = int(status["VmPeak"].split()[0])
    print("%d requests, VmPeak %d KiB" % (sent, peak))
    assert peak < 256 * 1024, peak
    for client in clients:
        client.close()
    assert world.vpsh("list").returncode == 0
    assert world.children()["vpsh-broker"] == broker


def limit_memory(pid, kib):
    """That much more than it has, None: as it was; as its own uid."""
    with open("/proc/%d/status" % pid) as f:
        status = dict(line.split(":", 1) for line in f)
    now, uid, gid = (int(status[n].split()[0])
                     for n in ("VmSize", "Uid", "Gid"))
    soft = str((now + kib) * 1024) if kib is not None else "536870912"
    harness.run(["prlimit", "--pid", str(pid), "--as=%s:" % soft], check=True,
                user=uid, group=gid, extra_groups=[])


@harness.deadline(120)
def test_a_broker_without_memory_refuses_and_stays():
    world = sim.SimHost()
    for number in range(40):
        world.guest("g%d" % number)
    world.start()
    tty = connect(world, "g1")
    broker = world.children()["vpsh-broker"]
    for kib in (0, 64, 512):
        limit_memory(broker, kib)
        clients = []
        with contextlib.suppress(OSError, AssertionError):
            while len(clients) < 60:
                clients.append(client_of(world, "alice"))
        for client in clients:
            pour(client)
        answers(tty, "typed-%d" % kib)
        done = world.vpsh("start", "g2", "--no-wait")
        assert done.returncode in (0, 5, 7), done
        for client in clients:
            client.close()
        limit_memory(broker, None)
        assert world.vpsh("list").returncode == 0
        assert world.children()["vpsh-broker"] == broker, world.said()
    answers(tty, "after")
