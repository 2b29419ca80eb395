# SPDX-License-Identifier: ISC
"""What was done to a customer's guests, as they are told it."""

import json
import os
import time

import frames
import harness
from frames import power
from world import Host


def activity(client, guest="", most=0):
    """What they are told: newest first."""
    got = client.answers("ACTIVITY", frames.AskActivity(guest.encode(), most))
    assert got[-1].name == "END", got
    assert got[-1].count == len(got) - 1, got
    walls = [g.wall_ms for g in got[:-1]]
    assert walls == sorted(walls, reverse=True), walls
    return got[:-1]


def told(client, **how):
    return [(a.verb, a.guest, a.who, a.err, a.took_ms == -1)
            for a in activity(client, **how)]


def job(host, client, verb="START", guest="web", err="ok", **how):
    client.ask(verb, power(guest, **how))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    host.result(worker, number, err)
    client.recv("DONE")
    return ref


def test_who_has_done_nothing_is_told_nothing():
    host = Host().start()
    assert activity(host.client()) == []


def test_a_job_is_told_of_from_its_beginning_to_its_end():
    host = Host().start()
    client = host.client(claim="192.0.2.7")
    before = time.time() * 1000
    client.ask("START", power("web"))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    other = host.client()
    act, = activity(other)
    assert (act.verb, act.guest, act.who, act.claim, act.ref, act.err,
            act.took_ms) == ("start", "web", "alice", "192.0.2.7", ref, 0,
                             -1), act
    assert before - 1 <= act.wall_ms <= time.time() * 1000
    host.result(worker, number, "no-config")
    client.recv("DONE")
    over, = activity(other)
    assert over.err == frames.ERR["no-config"] and over.took_ms >= 0, over
    assert over.wall_ms == act.wall_ms


def test_the_newest_is_first_and_as_many_as_asked_for():
    host = Host().start()
    client = host.client()
    job(host, client)
    job(host, client, guest="db")
    job(host, client, "DESTROY", flags=frames.CONFIRMED)
    assert told(client) == [("destroy", "web", "alice", 0, False),
                            ("start", "db", "alice", 0, False),
                            ("start", "web", "alice", 0, False)]
    assert [a[0] for a in told(client, guest="web")] == ["destroy", "start"]
    assert [a[0] for a in told(client, most=1)] == ["destroy"]


def test_what_was_denied_and_what_was_cancelled_is_told():
    host = Host()
    host.customer("alice", ('{ name = "web"; allow = [ "shutdown" ]; }',),
                  os.geteuid())
    host.start()
    client = host.client()
    host.tell()
    host.status(client)
    assert client.answer("DESTROY", power("web", flags=frames.CONFIRMED)
                         ).err == frames.ERR["denied"]
    client.ask("SHUTDOWN", power("web", wait_s=60))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    host.result(worker, number)
    other = host.client()
    assert other.answer("CANCEL", ref=ref).err == 0
    assert told(other) == [
        ("shutdown", "web", "alice", frames.ERR["cancelled"], False),
        ("destroy", "web", "alice", frames.ERR["denied"], False)]


def test_sessions_on_a_console_are_told_and_logs_that_are_read_are_not():
    host = Host().start()
    client = host.client()

    def attach(name):
        client.ask(name, frames.Attach(b"web", frames.FROM_TAIL, 0,
                                       frames.LOG if name == "LOG" else 0))
        frames.close_fds(client.recv("ATTACHED"))
        grant = host.console.recv("GRANT")
        frames.close_fds(grant)
        return grant.viewer

    for name in ("CONSOLE", "LOG", "CONSOLE"):
        viewer = attach(name)
        if name == "CONSOLE":
            assert told(client) == [("console", "web", "alice", 0, True)]
        host.console.send("VIEWER_GONE", viewer=viewer)
        harness.wait_until(lambda: told(client) == [
            ("console", "web", "alice", 0, False)], what="it is over")


def test_the_systems_and_the_operators_acts_are_theirs():
    host = Host().start()
    client = host.client()
    host.tell(domid=7)
    host.status(client)
    host.tell(domid=7, reason=frames.REBOOT_REASON)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH
    host.tell(domid=8, boot=2)
    host.result(worker, number)
    harness.wait_until(lambda: told(client) == [
        ("restart", "web", "system", 0, False)], what="a restart")


def grow(host, *records):
    """Into the audit log, as brokers before this one wrote it."""
    with open(host.audit, "a") as f:
        for r in records:
            f.write(json.dumps(r, separators=(",", ":")) + "\n")


def line(event, minute, **more):
    return dict({"time": "2026-11-21T09:%02d:00.000Z" % minute,
                 "event": event}, **more)


def decided(minute, ref, who="alice", guest="web", domain="alice-web",
            verb="start", **more):
    return line("decided", minute, customer=who, uid=1, pid=2,
                claim="from \u202e here", verb=verb, guest=guest,
                domain=domain, ref=ref, verdict="allow", because="x", **more)


def test_a_broker_that_is_new_knows_what_the_log_has():
    host = Host().start()
    client = host.client()
    ref = job(host, client)
    before = activity(client)
    host.kill()
    grow(host, line("operator", 1, uid=0, pid=1, verb="hold",
                    how="the disk is being moved", guest="web",
                    domain="alice-web", ref="H222", verdict="allow"),
         line("done", 2, customer="operator", verb="hold", guest="web",
              domain="alice-web", ref="H222", err="ok", ms=60001),
         decided(3, "Q222"),
         decided(4, "S222", verb="sysrq", how="b"),
         line("done", 4, customer="alice", verb="sysrq", guest="web",
              domain="alice-web", ref="S222", err="denied", ms=2),
         line("done", 6, customer="system", verb="restart", guest="web",
              domain="alice-web", ref="R222", err="ok", ms=60001))
    host.restart()
    got = activity(host.client())
    assert [(a.verb, a.who, a.ref, a.err, a.took_ms) for a in got] == [
        ("start", "alice", ref, 0, before[0].took_ms),
        ("restart", "system", "R222", 0, 60000),
        ("sysrq b", "alice", "S222", frames.ERR["denied"], 1),
        ("start", "alice", "Q222", frames.ERR["interrupted"], 0),
        ("hold", "operator", "H222", 0, 60000)], got
    assert got[3].claim == "from ? here" and got[4].claim == ""
    assert got[0].wall_ms == before[0].wall_ms
    assert got[3].wall_ms == 1795251780000


def test_an_operator_who_watches_is_told_of_and_not_taken_for_the_customer():
    host = Host().start()
    host.kill()
    its = dict(customer="alice", guest="web", domain="alice-web")
    grow(host, line("operator", 1, verb="watch", verdict="allow", **its),
         line("operator", 2, verb="lend", verdict="allow", **its),
         line("detach", 3, verb="watch", **its),
         line("operator", 4, verb="sessions", verdict="allow"))
    host.restart()
    got = activity(host.client())
    assert [(a.verb, a.who, a.took_ms) for a in got] == [
        ("lend", "operator", 0), ("watch", "operator", 120000)], got


def test_E03_what_an_operator_saw_of_an_earlier_owners_is_not_told():
    host = Host().start()
    host.kill()
    its = dict(customer="gone", guest="web", domain="alice-web")
    grow(host, line("operator", 1, verb="watch", verdict="allow", **its),
         line("detach", 2, verb="watch", **its),
         line("operator", 3, verb="lend", verdict="allow", **its),
         line("done", 4, verb="lend", err="ok", **its))
    host.restart()
    assert activity(host.client()) == []


def test_G01_lines_that_no_broker_wrote_do_no_harm():
    host = Host().start()
    job(host, host.client())
    host.kill()
    good = json.dumps(decided(30, "G222"), separators=(",", ":"))
    with open(host.audit, "ab") as f:
        for i in range(len(good)):
            f.write(good[:i].encode() + b"\n")
            f.write(good[i:].encode() + b"\n")
        f.write(b"\x00\xff" * 300 + b"\n" + b"{" * 20000 + b"\n")
        f.write(b'{"time":"\\u12"}\n{"a":1,}\n[]\n{"a"\n"\\\n')
        f.write(b'{"time":"' + b"9" * 5000 + b'"}\n')
        grown = decided(31, "X" * 3000, who="y" * 3000)
        f.write(json.dumps(grown, separators=(",", ":")).encode() + b"\n")
        f.write(good.encode() + b"\n" + good.encode())  # and half a line
    host.restart()
    refs = [a.ref for a in activity(host.client())]
    assert refs.count("G222") == 1 and len(refs) == 2, refs


def test_fifty_are_kept_of_a_log_of_any_length():
    host = Host().start()
    host.kill()
    records = [decided(i % 60, "%04d" % i) for i in range(9000)]
    for i, r in enumerate(records):
        r["time"] = "2026-11-%02dT%02d:%02d:00.000Z" % (
            1 + i // 1440, i // 60 % 24, i % 60)
    grow(host, *records)
    assert os.path.getsize(host.audit) > 1.5 * 2 ** 20
    host.restart()
    got = activity(host.client())
    assert [a.ref for a in got] == ["%04d" % i
                                    for i in range(8999, 8949, -1)]


def test_E03_acts_on_guests_that_are_not_theirs_are_nobodys():
    host = Host()
    host.customer("alice", ("db", "web"), os.geteuid())
    host.start()
    host.kill()
    grow(host, decided(1, "A222"),
         decided(2, "B222", "bob", "shop", "bob-shop"),
         decided(3, "C222", "carol"),       # who had it before
         decided(4, "D222", guest="gone", domain="alice-gone"))
    host.restart()
    client = host.client()
    assert [a.ref for a in activity(client)] == ["A222"]
    theirs = client.answer("ACTIVITY", frames.AskActivity(b"shop"))
    nobodys = client.answer("ACTIVITY", frames.AskActivity(b"none"))
    assert theirs.err == frames.ERR["no-guest"], theirs
    assert theirs.raw[8:] == nobodys.raw[8:]
    host.record(event="decided", verb="activity", guest="shop",
                verdict="deny")
    # Taken from them, it is not theirs to know of; nor what was done before.
    host.customer("alice", ("db",), os.geteuid())
    harness.wait_until(lambda: activity(client) == [], what="it is gone")
    host.customer("alice", ("db", "web"), os.geteuid())
    harness.wait_until(lambda: [a.ref for a in activity(client)] == ["A222"],
                       what="it is back")
    assert not [r for r in host.records() if r.get("verb") == "activity"
                and r.get("verdict") == "allow"]


def test_who_shares_a_guest_is_named_and_not_located():
    host = Host()
    guest = '{ name = "%s"; domain = "both"; shared = true; }'
    host.customer("alice", [guest % "web"], os.geteuid())
    host.customer("bob", [guest % "site"], 47999)
    host.start()
    host.kill()
    grow(host, decided(1, "A222", guest="web", domain="both"),
         decided(2, "B222", "bob", "site", "both", "shutdown"))
    host.restart()
    client = host.client()
    got = activity(client)
    assert [(a.who, a.guest, a.claim) for a in got] == [
        ("bob", "web", ""), ("alice", "web", "from ? here")], got
    # Once bob has none of it, that is as of whoever had it before.
    host.customer("bob", ("shop",), 47999)
    harness.wait_until(lambda: [a.who for a in activity(client)] == ["alice"],
                       what="bob is out of it")


def test_a_log_that_is_not_there_is_no_reason_not_to_start():
    host = Host().start()
    host.kill()
    os.unlink(host.audit)
    host.restart()
    assert activity(host.client()) == []
