# SPDX-License-Identifier: ISC
"""A job that only waits can be cancelled, and nothing else can."""

import os
import re
import subprocess

import frames
import harness
import sim
from frames import power
from world import Host, UUID


def cancel(client, ref):
    return client.answer("CANCEL", ref=ref)


def countdown(host, client, verb="SHUTDOWN", guest="web", **how):
    """A shutdown whose guest was asked and has not answered: its ref."""
    host.tell(domain="alice-" + guest)
    host.status(client, guest)
    client.ask(verb, power(guest, **how))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    host.result(worker, number)
    client.recv("NOTE")
    return ref


def test_a_countdown_ends_and_nothing_pulls_the_plug():
    host = Host().start()
    client, other = host.client(), host.client()
    ref = countdown(host, client, wait_s=1, flags=frames.FORCE)
    got = cancel(other, ref)
    assert (got.name, got.err, got.ref) == ("DONE", 0, ref), got
    assert "shutdown of web was cancelled" in got.text, got.text
    done = client.recv("DONE")
    assert done.err == frames.ERR["cancelled"] and done.ref == ref, done
    # Its second is over; no worker is asked for.
    assert host.supervisor.silent(1.3)
    got = host.status(client)
    assert got.state == frames.RUNNING and got.body.job_verb == b"", got
    assert got.body.note == b"", got


def test_it_is_on_record_who_cancelled_and_what_became_of_the_job():
    host = Host().start()
    client = host.client()
    ref = countdown(host, client, wait_s=60)
    cancel(host.client(), ref)
    host.record(event="decided", verb="cancel", how=ref, customer="alice",
                verdict="allow")
    host.record(event="done", verb="cancel", how=ref, guest="web", err="ok")
    done = host.record(event="done", verb="shutdown", ref=ref)
    assert done["err"] == "cancelled" and "because" not in done, done


def test_a_job_in_the_queue_never_gets_a_worker():
    host = Host()
    host.customer("alice", ("a", "b", "c", "d"), os.geteuid())
    host.start()
    client = host.client()
    refs = {}
    for guest in "abcd":
        client.ask("START", power(guest))
        refs[guest] = client.recv("JOB").ref
        if guest in "cd":
            client.recv("NOTE")
    running = [host.worker() for _ in range(2)]
    assert {r.body.guest for r, _, _ in running} == {b"a", b"b"}
    assert cancel(host.client(), refs["c"]).err == 0
    assert client.recv("DONE").err == frames.ERR["cancelled"]
    for _, worker, number in running:
        host.result(worker, number)
    run, worker, number = host.worker()
    assert run.body.guest == b"d"
    # The guest is free for the next job.
    client = host.client()
    client.ask("START", power("c"))
    client.recv("JOB")
    run, worker, number = host.worker()
    assert run.body.guest == b"c"


def test_what_has_a_worker_or_is_over_is_not_cancelled():
    host = Host().start()
    client, other = host.client(), host.client()
    client.ask("START", power("web"))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    got = cancel(other, ref)
    assert got.err == frames.ERR["no-cancel"], got
    assert "start of web has begun already" in got.text and ref in got.text
    host.record(event="done", verb="cancel", how=ref, err="no-cancel")
    host.result(worker, number)
    assert client.recv("DONE").err == 0
    assert cancel(other, ref).err == frames.ERR["no-cancel"]


def test_who_asks_again_because_the_answer_was_lost_is_told_the_same():
    host = Host().start()
    client = host.client()
    ref = countdown(host, client, wait_s=60)
    other = host.client()
    first = cancel(other, ref)
    assert client.recv("DONE").err == frames.ERR["cancelled"]
    host.restart()
    again = cancel(host.client(), ref)
    assert (again.name, again.err, again.text) == (
        "DONE", 0, first.text), again
    assert len([r for r in host.records() if r["event"] == "done"
                and r.get("ref") == ref]) == 1


def test_a_cancelled_job_stays_cancelled_whoever_dies():
    host = Host().start()
    client = host.client()
    ref = countdown(host, client, wait_s=60, flags=frames.FORCE)
    cancel(host.client(), ref)
    host.restart(dict(boot=1))
    client = host.client()
    client.ask("FIND", ref=ref)
    client.recv("JOB")
    assert client.recv("DONE").err == frames.ERR["cancelled"]
    assert host.status(client).body.job_verb == b""


def test_E02_a_job_of_somebody_else_is_a_job_that_is_not_there():
    host = Host().start()
    client = host.client()
    ref = countdown(host, client, wait_s=60)
    # alice is nobody any more, and bob logs in as us.
    host.customer("alice", ("web",), 47998)
    host.customer("bob", ("shop",), os.geteuid())

    def bob():
        client = host.client()
        got = client.answer("WHOAMI")
        return got.name == "WHO" and got.customer == "bob" and client
    client = harness.wait_until(bob, what="bob is let in")
    theirs, nobodys = cancel(client, ref), cancel(client, "2222")
    assert theirs.err == nobodys.err == frames.ERR["no-job"]
    assert theirs.text.replace(ref, "2222") == nobodys.text
    client.ask("FIND", ref=ref)
    assert client.recv("REFUSED").err == frames.ERR["no-job"]


def shared(host, allow):
    """alice and bob have one guest; bob is the one who logs in next."""
    guest = '{ name = "%s"; domain = "both"; shared = true; %s }'
    host.customer("alice", [guest % ("web", "")], 47998)
    host.customer("bob", [guest % ("site", allow)], os.geteuid())

    def bob():
        client = host.client()
        got = client.answer("WHOAMI")
        return got.name == "WHO" and got.customer == "bob" and client
    return harness.wait_until(bob, what="bob is let in")


def test_E10_who_shares_a_guest_cancels_what_they_could_have_begun():
    host = Host()
    host.customer("alice", ['{ name = "web"; domain = "both"; '
                            'shared = true; }'], os.geteuid())
    host.start()
    client = host.client()
    host.tell(domain="both")
    host.status(client)
    client.ask("SHUTDOWN", power("web", wait_s=60))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    host.result(worker, number)
    bob = shared(host, 'allow = [ "log" ];')
    got = cancel(bob, ref)
    assert got.err == frames.ERR["denied"] and "site" in got.text, got
    bob = shared(host, 'allow = [ "shutdown" ];')
    harness.wait_until(lambda: bob.answer(
        "WHY", verb="shutdown", guest="site").allowed, what="bob may")
    got = cancel(bob, ref)
    assert got.err == 0 and "shutdown of site was cancelled" in got.text, got


def test_what_the_system_has_begun_is_not_a_customers_to_cancel():
    host = Host()
    host.customer("alice", ("a", "b", "c"), os.geteuid())
    host.start()
    client = host.client()
    for guest in "ab":
        client.ask("START", power(guest))
        client.recv("JOB")
        host.worker()
    host.tell(domain="alice-c", domid=7, reason=frames.REBOOT_REASON)
    got = host.status(client, "c")
    assert got.body.job_verb == b"restart", got
    refused = cancel(client, got.body.job_ref.decode())
    assert refused.err == frames.ERR["denied"], refused


def test_garbage_is_no_job():
    host = Host().start()
    client = host.client()
    for ref in ("", "????", "k7f3", "\x1b[2J", "' OR 1"):
        got = cancel(client, ref)
        assert got.err == frames.ERR["no-job"], got
        assert "\x1b" not in got.text


def test_a_guest_that_obeys_after_all_is_off_and_the_job_was_cancelled():
    host = Host().start()
    client = host.client()
    ref = countdown(host, client, wait_s=60)
    cancel(host.client(), ref)
    assert client.recv("DONE").err == frames.ERR["cancelled"]
    host.tell(reason=frames.POWEROFF)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH and tuple(run.body.uuid) == UUID
    host.tell("DOMAIN_GONE", reason=frames.POWEROFF)
    host.result(worker, number)
    assert host.status(client).state == frames.OFF


def test_with_everybody_real_a_countdown_is_cancelled_by_its_reference():
    host = sim.SimHost()
    host.guest("web", words="ignore-shutdown")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    asking = host.vpsh_beside(
        "shutdown", "web", "--force-after", "60", "--yes",
        stderr=subprocess.STDOUT)
    ref = harness.wait_until(
        lambda: re.search(r"shutdown.*under way.*ref (\w{4})",
                          host.vpsh("status", "web").stdout),
        what="a shutdown: " + host.vpsh("status", "web").stdout).group(1)
    harness.wait_until(
        lambda: host.vpsh("cancel", ref).returncode == 0, what="cancelled")
    said = asking.popen.communicate(timeout=10)[0].decode()
    assert "shutdown of web was cancelled" in said, said
    assert asking.wait() == 1
    done = host.vpsh("activity")
    assert re.search("shutdown.* web.*cancelled", done.stdout), done.stdout
    assert host.domain("alice-web").state == "running"
