# SPDX-License-Identifier: ISC
"""Subscriptions: what a customer sees is pushed to them, and only that."""

import os
import signal
import time

import frames
import harness
from frames import power
from world import UUID, Host


def follow(client, guest="", flags=0):
    """Subscribes; the id, and what there is now by name."""
    ident = client.ask("FOLLOW", frames.Look(guest.encode(), flags))
    now = {}
    while (got := client.recv()).name == "GUEST":
        assert got.id == ident
        now[got.body.name.decode()] = got
    assert got.name == "END" and got.count == len(now), got
    return ident, now


def news(client, **wanted):
    """The next GUEST; it has these values."""
    got = client.recv("GUEST")
    for key, value in wanted.items():
        assert getattr(got.body, key) == value, (key, value, got)
    return got


def memory_kib(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * 4


def test_a_follower_is_told_all_at_once_and_then_what_changes():
    host = Host().start()
    client = host.client()
    ident, now = follow(client)
    assert sorted(now) == ["db", "web"]
    assert now["web"].state == frames.OFF
    begin = time.monotonic()
    host.tell(boot=4)
    got = news(client, name=b"web", state=frames.RUNNING, boot=4)
    assert time.monotonic() - begin < 0.5
    assert got.id == ident
    host.tell("DOMAIN_GONE", boot=4, reason=frames.POWEROFF)
    news(client, name=b"web", state=frames.OFF, boot=4)
    # Nobody had to ask the watcher for it.
    assert host.watcher.silent(0.1)


def test_what_looks_the_same_is_not_sent_again():
    host = Host().start()
    client = host.client()
    host.tell(at_ms=1000, cpu_ns=5)
    host.status(client)
    follow(client)
    host.tell(at_ms=2000, cpu_ns=500000, net_in=7)
    host.tell(at_ms=3000, cpu_ns=900000, net_in=9)
    host.tell(domain="bob-shop")
    assert client.silent(0.2)
    host.tell(state=frames.PAUSED)
    news(client, name=b"web", state=frames.PAUSED)


def test_changes_of_a_moment_are_one_frame():
    host = Host().start()
    client = host.client()
    follow(client, "web")
    host.process.kill(signal.SIGSTOP)   # all of it comes at once
    for boot in range(1, 30):
        host.tell(boot=boot, domid=boot)
    host.process.kill(signal.SIGCONT)
    news(client, boot=29)
    assert client.silent(0.2)


def test_a_job_is_seen_from_its_beginning_to_its_end():
    host = Host().start()
    client, other = host.client(), host.client()
    follow(client)
    other.ask("START", power("web"))
    ref = other.recv("JOB").ref
    got = news(client, name=b"web", job_verb=b"start", job_ref=ref.encode(),
               state=frames.STARTING)
    assert ref in got.note
    run, worker, number = host.worker()
    host.result(worker, number, "no-config")
    got = news(client, name=b"web", job_verb=b"", job_ref=b"",
               state=frames.OFF)
    assert "did not start" in got.note


def test_a_countdown_is_a_job_and_makes_it_stopping():
    host = Host().start()
    client, other = host.client(), host.client()
    host.tell()
    host.status(client)
    follow(client)
    other.ask("SHUTDOWN", power("web", wait_s=30))
    other.recv("JOB")
    run, worker, number = host.worker()
    news(client, job_verb=b"shutdown", state=frames.RUNNING)
    host.result(worker, number)
    news(client, job_verb=b"shutdown", state=frames.STOPPING)


def test_our_own_workers_pauses_are_not_shown_as_pauses():
    host = Host().start()
    client, other = host.client(), host.client()
    follow(client)
    other.ask("START", power("web"))
    run, worker, number = host.worker()
    news(client, state=frames.STARTING)
    worker.send("PHASE", 0, frames.Phase(number, frames.CREATED, 5, UUID))
    host.tell(domid=5, state=frames.PAUSED, boot=2)
    news(client, state=frames.STARTING, boot=2)
    host.tell(domid=5, state=frames.RUNNING, boot=2)
    news(client, state=frames.RUNNING)


def test_one_guest_can_be_followed_and_none_of_somebody_else():
    host = Host().start()
    client = host.client()
    _, now = follow(client, "db")
    assert list(now) == ["db"]
    host.tell()
    host.tell(domain="alice-db", boot=2)
    news(client, name=b"db")
    theirs = client.answer("FOLLOW", frames.Look(b"shop"))
    nobodys = client.answer("FOLLOW", frames.Look(b"none"))
    assert theirs.err == frames.ERR["no-guest"], theirs
    assert theirs.raw[8:] == nobodys.raw[8:]
    # What was followed before still is.
    host.tell(domain="alice-db", boot=3)
    news(client, name=b"db", boot=3)


def test_a_new_follow_replaces_the_old_one_and_unfollow_ends_it():
    host = Host().start()
    client = host.client()
    follow(client, "db")
    ident, _ = follow(client, "web")
    host.tell(domain="alice-db")
    host.tell()
    assert news(client, name=b"web").id == ident
    client.ask("UNFOLLOW")
    client.answer("WHOAMI")
    host.tell(boot=9)
    assert client.silent(0.2)


def test_the_loss_of_xen_and_its_return_are_news():
    host = Host().start()
    client = host.client()
    host.tell()
    host.status(client)
    follow(client, "web")
    host.watcher.close()
    news(client, state=frames.UNKNOWN)
    host.watcher = host.peer(frames.WATCH)
    host.scanned({})
    news(client, state=frames.RUNNING)


def test_what_the_operator_changes_is_news_at_once():
    host = Host().start()
    client = host.client()
    _, now = follow(client)
    before = now["web"].rights
    host.customer("alice", ('{ name = "web"; allow = [ "log" ]; }', "new"),
                  os.geteuid())
    begin = time.monotonic()
    left = client.recv("LEFT")
    assert left.guest == "db"
    got = {g.body.name: g for g in (client.recv("GUEST"),
                                    client.recv("GUEST"))}
    assert time.monotonic() - begin < 1
    assert got[b"new"].rights == before and got[b"web"].rights not in (
        0, before), got
    host.tell(domain="alice-db", boot=5)
    assert client.silent(0.2)
    host.customer("alice", ("db", "web"), os.geteuid())
    assert client.recv("LEFT").guest == "new"
    names = {client.recv("GUEST").body.name for _ in range(2)}
    assert names == {b"db", b"web"}


def test_E08_a_follower_that_does_not_read_gets_the_newest_when_it_does():
    host = Host()
    guests = ["g%d" % i for i in range(20)]
    host.customer("alice", guests, os.geteuid())
    host.start()
    slow, other = host.client(), host.client()
    follow(slow)
    follow(other, "g0")
    last, before = 60, memory_kib(host.process.pid)
    for boot in range(1, last + 1):
        for name in guests:
            host.tell(domain="alice-" + name, boot=boot)
        # In step with the broker, so that each is a change of its own.
        news(other, boot=boot)
    assert memory_kib(host.process.pid) - before < 4096
    assert other.answer("WHOAMI").customer == "alice"
    frames_read, newest = 0, {}
    while set(newest.values()) != {last} or len(newest) < len(guests):
        got = slow.recv("GUEST")
        newest[got.body.name] = got.boot
        frames_read += 1
    assert frames_read < last * len(guests), "nothing was left out"
    assert slow.silent(0.1)
    # And it is served as before.
    host.tell(domain="alice-g7", boot=last + 1)
    news(slow, name=b"g7", boot=last + 1)


def test_counters_are_sampled_only_while_somebody_looks():
    host = Host().start()
    plain, first, second = host.client(), host.client(), host.client()
    follow(plain)
    follow(first, flags=frames.COUNTERS)
    begin = time.monotonic()
    host.scanned({"at_ms": 1000, "cpu_ns": 0})
    follow(second, flags=frames.COUNTERS)
    host.scanned({"at_ms": 1000, "cpu_ns": 0})
    # One sample for both of them, every two seconds.
    assert 1.5 < time.monotonic() - begin < 4
    first.close()
    assert host.record(event="logout")
    second.ask("UNFOLLOW")
    second.answers("WHOAMI")
    assert host.watcher.silent(2.3)


def test_who_follows_counters_gets_them_and_how_busy_it_is():
    host = Host().start()
    client = host.client()
    follow(client, "web", frames.COUNTERS)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    ms = int(now * 1000)
    host.scanned({"at_ms": ms - 2000, "cpu_ns": 10 ** 9, "net_in": 5})
    got = news(client, name=b"web")
    assert got.cpu_permille == -1 and got.body.counters.net_in == 5, got
    host.scanned({"at_ms": ms, "cpu_ns": 2 * 10 ** 9, "net_in": 6})
    got = news(client, name=b"web")
    assert got.cpu_permille == 500 and got.body.counters.net_in == 6, got


def test_counters_that_others_had_looked_at_are_not_sent_again():
    host = Host().start()
    client, other = host.client(), host.client()
    follow(client, "web", frames.COUNTERS)
    host.scanned({"at_ms": 5000, "net_in": 5})
    news(client, name=b"web")
    host.tell(at_ms=5400, net_in=6)
    host.tell(at_ms=6400, net_in=7)
    assert host.status(other).body.counters.net_in == 7
    assert client.silent(0.2)
    # What else is new is told with what is known by now.
    host.tell(at_ms=6450, net_in=8, state=frames.PAUSED)
    got = news(client, name=b"web", state=frames.PAUSED)
    assert got.body.counters.net_in == 8, got
    host.scanned({"at_ms": 8000, "net_in": 9, "state": frames.PAUSED})
    assert news(client, name=b"web").body.counters.net_in == 9


def test_E08_a_list_of_any_length_comes_whole_as_it_is_read():
    host = Host()
    guests = ["g%d" % i for i in range(1200)]
    host.customer("alice", guests, os.geteuid())
    host.start()
    client, other = host.client(), host.client()
    listed = client.ask("LIST")
    host.scanned()
    followed = client.ask("FOLLOW", frames.Look(b""))
    other.answer("WHOAMI")      # nothing is read until all is on its way
    host.tell(domain="alice-g7", boot=9)
    assert host.status(other, "g7").boot == 9
    got = {listed: [], followed: []}
    ends = set()
    while ends != {listed, followed}:
        one = client.recv()
        if one.name == "END":
            assert one.count == len(guests), one
            ends.add(one.id)
        else:
            assert one.id not in ends, one
            got[one.id].append(one.body.name.decode())
    for names in got.values():
        assert names == sorted(guests)
    host.tell(domain="alice-g8", boot=9)
    while news(client).body.name != b"g8":
        pass


def test_a_reload_in_the_middle_of_a_long_beginning_loses_nothing():
    host = Host()
    guests = ["g%d" % i for i in range(600)]
    host.customer("alice", guests, os.geteuid())
    host.start()
    client, other = host.client(), host.client()
    client.ask("FOLLOW", frames.Look(b""))
    host.customer("alice", sorted(guests)[1:] + ["h"], os.geteuid())
    harness.wait_until(
        lambda: other.answer("STATUS", guest="g0").name == "REFUSED",
        what="reloaded")
    seen, ended = set(), 0
    while not ended or seen != set(guests[1:]) | {"h"}:
        got = client.recv()
        if got.name == "END":
            assert len(seen) == got.count < len(guests), got
            ended += 1
        elif got.name == "LEFT":
            assert ended and got.guest == "g0", got
            seen.remove("g0")
        else:
            seen.add(got.body.name.decode())
    assert ended == 1


def test_status_with_counters_measures_and_without_does_not():
    host = Host().start()
    client = host.client()
    ms = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)
    host.tell(at_ms=ms - 300, cpu_ns=0)
    assert host.status(client).cpu_permille == -1
    ident = client.ask("STATUS", frames.Look(b"web", frames.COUNTERS))
    host.scanned()
    begin = time.monotonic()
    scan = host.watcher.recv("SCAN")
    assert time.monotonic() - begin > 0.15
    host.tell(at_ms=ms, cpu_ns=75 * 10 ** 6)
    host.watcher.send("SCANNED", serial=scan.serial, ok=1)
    got = client.recv("GUEST")
    assert got.id == ident and got.cpu_permille == 250, got
    client.recv("END")
    # That is fresh enough for a while.
    ident = client.ask("LIST", frames.Look(b"", frames.COUNTERS))
    host.scanned()
    got = {g.body.name: g.cpu_permille for g in (client.recv("GUEST"),
                                                 client.recv("GUEST"))}
    assert got == {b"web": 250, b"db": -1}, got
    client.recv("END")


def test_a_new_boot_begins_a_new_measurement():
    host = Host().start()
    client = host.client()
    ms = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)
    host.tell(at_ms=ms - 1000, cpu_ns=0)
    host.tell(at_ms=ms - 500, cpu_ns=5 * 10 ** 8)
    assert host.status(client).cpu_permille == 1000
    host.tell(at_ms=ms, cpu_ns=10 ** 9, boot=2, domid=2)
    assert host.status(client).cpu_permille == -1
