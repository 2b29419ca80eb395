# SPDX-License-Identifier: ISC
"""Consoles that operators watch or borrow: the broker's side of it, with a
watcher and a console server that the test plays."""

import os
import time

import frames
import harness
from frames import power
from test_activity import activity
from test_operate import Operated, log_of
from world import UUID


def running():
    host = Operated().start()
    client = host.client()
    host.tell()
    host.status(client)
    return host, client, host.operator()


def listens(host, client):
    """The console server has the guest's tty."""
    host.console.send("READY", 0, frames.Pty(b"alice", b"web", UUID, 1, 1, 0))
    host.status(client)


def lend(host, operator, until_ms=0):
    """What the watcher is asked for."""
    operator.operate("LEND_GUEST", "alice/web", until_ms=until_ms)
    return host.watcher.recv("LEND")


def lent(host, asked, err="ok"):
    host.watcher.send("LENT", 0, frames.Lend(
        asked.body.domain, asked.body.uuid, asked.domid, frames.ERR[err],
        asked.until_ms))


def test_a_console_is_lent_by_the_watcher_and_marked_when_it_is():
    host, client, operator = running()
    now, boot = time.time() * 1000, time.clock_gettime(time.CLOCK_BOOTTIME)
    asked = lend(host, operator, int(now) + 3 * 3600 * 1000)
    assert (asked.domain, tuple(asked.uuid), asked.domid) == (
        "alice-web", UUID, 1), asked
    assert abs(asked.until_ms - (boot + 3 * 3600) * 1000) < 5000, asked
    # Nobody is told before it is so.
    assert operator.silent(0.1) and host.console.silent(0)
    lent(host, asked)
    mark = host.console.recv("MARK")
    assert (mark.customer, mark.guest, mark.text) == (
        "alice", "web",
        "the operator has taken this console for up to 3 hours"), mark
    did, = operator.did()
    assert did.err == 0 and "xl console alice-web" in did.text, did
    assert host.record(event="operator", verb="lend", guest="web",
                       customer="alice", pid=os.getpid())


def test_what_becomes_of_a_lending_that_fails_is_said():
    host, client, operator = running()
    asked = lend(host, operator)
    assert asked.until_ms == 0, asked
    lent(host, asked, "not-running")
    did, = operator.did()
    assert did.err == frames.ERR["not-running"], did
    assert host.record(event="done", verb="lend", guest="web",
                       customer="alice", err="not-running")
    lent(host, lend(host, operator), "denied")
    did, = operator.did()
    assert did.err == frames.ERR["denied"] and "left word" in did.text, did
    # A watcher that dies over it.
    lend(host, operator)
    host.watcher.close()
    did, = operator.did()
    assert did.err == frames.ERR["interrupted"], did
    did = operator.one("LEND_GUEST", "alice/web")
    assert did.err == frames.ERR["host"], did
    assert host.console.silent(0.1)


def test_a_watcher_that_does_not_answer_is_waited_for_five_seconds():
    host, client, operator = running()
    asked = lend(host, operator)
    did, = operator.did()
    assert did.err == frames.ERR["timeout"], did
    # Its late word is still so.
    lent(host, asked)
    assert host.console.recv("MARK").text == (
        "the operator has taken this console")
    assert client.answer("WHOAMI").customer == "alice"


def test_two_operators_who_borrow_one_console_are_both_told():
    host, client, operator = running()
    other = host.operator()
    asked = lend(host, operator)
    lend(host, other)
    # The watcher answers once.
    lent(host, asked)
    host.console.recv("MARK")
    for who in (operator, other):
        did, = who.did()
        assert did.err == 0, did


def test_an_operator_who_hangs_up_leaves_a_lending_that_is_marked():
    host, client, operator = running()
    asked = lend(host, operator, int(time.time() * 1000) + 59000)
    operator.close()
    lent(host, asked)
    assert host.console.recv("MARK").text.endswith("for up to 1 minute")
    assert client.answer("WHOAMI").customer == "alice"


def test_an_operator_is_granted_what_only_shows():
    host, client, operator = running()
    operator.operate("WATCH", "alice-web")
    watched = operator.recv("WATCHED")
    frames.close_fds(watched)
    grant = host.console.recv("GRANT")
    frames.close_fds(grant)
    assert (grant.customer, grant.guest, grant.who) == (
        "alice", "web", "operator"), grant
    assert (grant.may_write, grant.flags) == (0, 0x10), grant
    assert grant.start == frames.FROM_TAIL, grant
    # Until the policy has it no more.
    host.customer("alice", guests=("db",), uid=os.geteuid())
    revoke = host.console.recv("REVOKE")
    assert revoke.viewer == grant.viewer == watched.viewer
    host.console.send("VIEWER_GONE", viewer=grant.viewer)
    gone = host.record(event="detach", verb="watch", guest="web")
    assert gone["pid"] == os.getpid()


def test_what_an_operator_was_not_shown_is_not_under_way_for_ever():
    host, client, operator = running()
    host.console.close()
    harness.wait_until(lambda: "console server is gone" in log_of(host),
                       what="the broker has seen it")
    operator.operate("WATCH", "alice/web")
    did, = operator.did()
    assert did.err == frames.ERR["console"], did
    assert host.record(event="done", verb="watch", guest="web",
                       err="console")
    act, = activity(client)
    assert (act.verb, act.who, act.err) == (
        "watch", "operator", frames.ERR["console"]), act
    assert act.took_ms != -1, act


def test_a_console_that_is_lent_is_an_act_from_asking_to_the_answer():
    host, client, operator = running()
    asked = lend(host, operator)
    act, = activity(client)
    assert (act.verb, act.who, act.took_ms) == ("lend", "operator", -1), act
    lent(host, asked, "denied")
    operator.did()
    act, = activity(client)
    assert (act.took_ms != -1, act.err) == (True, frames.ERR["denied"]), act


def test_what_would_be_adopted_was_not_done():
    host, client, operator = running()
    operator.operate("ADOPT", "alice/web", flags=1)
    run, worker, number = host.worker()
    assert run.op == frames.ADOPT
    host.result(worker, number)
    did, = operator.did()
    assert did.err == 0, did
    assert host.record(event="done", verb="adopt", how="--dry-run")
    assert activity(client) == []


def test_no_customer_can_ask_to_watch_as_an_operator():
    host, client, operator = running()
    client.ask("CONSOLE", guest="web", flags=0x10,
               **{"from": frames.FROM_TAIL})
    got = host.console.recv()
    assert got.name == "GRANT" and got.flags == 0 and got.who == "alice", got
    frames.close_fds(got)
    # Nor is the operators' question one of theirs.
    other = host.client()
    other.ask("WATCH", guest="alice/web")
    assert other.recv() is None


def test_why_a_guest_goes_off_is_marked_behind_its_last_byte():
    for op, name, flags, text in (
            (frames.DESTROY, "DESTROY", frames.CONFIRMED,
             "the guest is being switched off"),
            (frames.RESET, "RESET", frames.CONFIRMED,
             "the guest is being reset")):
        host, client, operator = running()
        client.ask(name, power("web", flags=flags))
        client.recv("JOB")
        run, worker, number = host.worker()
        assert run.op == op
        listens(host, client)
        worker.send("PHASE", 0, frames.Phase(number, frames.PAUSED_PHASE, 1,
                                             UUID))
        host.console.recv("DRAIN")
        assert host.console.silent(0)
        host.console.send("DRAINED", customer="alice", guest="web")
        assert host.console.recv("MARK").text == text
        assert worker.recv("GO").job == number
    for reason, text in ((frames.POWEROFF, "the guest has shut down"),
                         (frames.REBOOT_REASON, "the guest is rebooting"),
                         (frames.CRASH, "the guest has crashed"),
                         (frames.WATCHDOG,
                          "the guest's watchdog has ended it")):
        host, client, operator = running()
        host.tell(reason=reason, state=frames.STOPPING)
        run, worker, number = host.worker()
        assert run.op == frames.DEATH
        listens(host, client)
        worker.send("PHASE", 0, frames.Phase(number, frames.PAUSED_PHASE, 1,
                                             UUID))
        host.console.recv("DRAIN")
        host.console.send("DRAINED", customer="alice", guest="web")
        assert host.console.recv("MARK").text == text
        assert worker.recv("GO").job == number
