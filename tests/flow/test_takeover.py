# SPDX-License-Identifier: ISC
"""A broker is killed, and another one takes up what it was about.

The real broker, killed for real; the test is supervisor, watcher and worker,
who live on. Where it is killed is said by the points in its code.
"""

import os

import frames
import harness
from frames import power
from world import Host, Inner


def web(**more):
    return dict({"boot": 3, "domid": 5}, **more)


def running():
    """alice's web runs; a client that knows."""
    host = Host().start()
    host.tell(**web())
    client = host.client()
    host.status(client)
    return host, client


def asked(host, client, name, body, op):
    """The request, played up to its worker: (ref, RUN, worker, number)."""
    client.ask(name, body)
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    assert run.op == op, run
    return ref, run, worker, number


def again(host, name, body):
    """The same request from a client that lost its connection: its JOB."""
    client = host.client()
    client.ask(name, body)
    return client, client.recv("JOB").ref


def audit(host):
    """Every power line that was allowed has its one end, by now or soon."""
    def whole():
        records = host.records()
        refs = [r["ref"] for r in records if r["event"] == "decided"
                and r["verdict"] == "allow" and "ref" in r]
        ends = [r["ref"] for r in records if r["event"] == "done"]
        assert all(ends.count(ref) <= 1 for ref in refs), records
        return len(refs) > 0 and sorted(refs) == sorted(
            r for r in ends if r in refs)
    harness.wait_until(whole, what="an end for each decision")


# --- what has a worker --------------------------------------------------------

def test_a_job_with_a_worker_is_looked_after_by_another_one():
    host, _ = running()
    client = host.client()
    yes = power("db", token=77)
    ref, _, orphan, number = asked(host, client, "START", yes, frames.START)
    host.restart(web())
    run, worker, other = host.worker()
    assert (run.op, run.of_op, run.of, run.ref) == (
        frames.RECOVER, frames.START, number, ref), run
    assert (run.body.customer, run.body.guest) == (b"alice", b"db"), run
    assert other > number and 1 <= run.lock_s <= 300, run
    # What its client does not know: is it begun? It is that very job.
    client, same = again(host, "START", yes)
    assert same == ref
    busy = host.client().answer("START", power("db"))
    assert busy.err == frames.ERR["busy"] and ref in busy.text, busy
    host.tell(domain="alice-db", boot=1, domid=6)
    host.result(worker, other)
    done = client.recv("DONE")
    assert (done.err, done.ref, done.text) == (0, ref, "db is running."), done
    audit(host)
    assert host.supervisor.silent(0.1)
    orphan.close()


def test_what_was_interrupted_is_said_with_how_the_guest_is():
    for number, state in ((0, "web is off"), (1, "web is running"),
                          (2, "web is paused")):
        host = Host().start()
        yes = power("web", token=1)
        asked(host, host.client(), "START", yes, frames.START)
        host.restart()
        run, worker, job = host.worker()
        host.result(worker, job, "interrupted", number)
        client, ref = again(host, "START", yes)
        done = client.recv("DONE")
        assert done.err == frames.ERR["interrupted"], done
        assert state in done.text and ref in done.text, done
        assert state in host.status(client).note
        audit(host)


def test_what_was_not_begun_is_begun_again_once():
    """8: nothing of that job is written down anywhere."""
    host, client = running()
    for name, guest, op in (("START", "db", frames.START),
                            ("REBOOT", "web", frames.REBOOT)):
        yes = power(guest, token=op)
        ref, first, worker, number = asked(host, host.client(), name, yes, op)
        host.restart(web())
        for dead in (1, 2):
            run, worker, number = host.worker()
            assert (run.op, run.of_op) == (frames.RECOVER, op), run
            host.result(worker, number, "interrupted", 8 + (guest == "web"))
            if dead == 2:
                break
            run, worker, number = host.worker()
            assert (run.op, run.of, run.ref) == (op, 0, ref), run
            assert run.body.guest == first.body.guest, run
            # Nor does it matter to it who sees to the next dead worker.
            host.died(worker, number)
        client, same = again(host, name, yes)
        done = client.recv("DONE")
        assert same == ref and done.err == frames.ERR["interrupted"], done
        assert ("db is off" if guest == "db" else "web is running"
                ) in done.text, done
        audit(host)


def test_what_was_not_begun_is_not_done_to_another_boot():
    for name, body, op, boot, err in (
            ("SHUTDOWN", power("web", token=5), frames.SHUTDOWN, 4, "boot"),
            # Nor is a key pressed twice.
            ("SYSRQ", frames.Sysrq(b"web", 3, ord("s"), 0, 6), frames.SYSRQ,
             3, "interrupted")):
        host = Host()
        host.customer("alice", ('{ name = "web"; allow = [ "shutdown", '
                                '"sysrq" ]; }',), os.geteuid())
        host.start()
        host.tell(**web())
        client = host.client()
        host.status(client)
        asked(host, client, name, body, op)
        host.restart(web(boot=boot))
        _, worker, number = host.worker()
        host.result(worker, number, "interrupted", 8 + 1)
        client, _ = again(host, name, body)
        done = client.recv("DONE")
        assert done.err == frames.ERR[err], done
        audit(host)


def test_a_worker_that_dies_is_looked_after_while_the_broker_lives():
    host = Host().start()
    client = host.client()
    ref, run, worker, number = asked(host, client, "START", power("web"),
                                     frames.START)
    host.died(worker, number)
    run, worker, second = host.worker()
    assert (run.op, run.of, run.of_op, run.ref) == (
        frames.RECOVER, number, frames.START, ref), run
    # And who looked after it may die as well, once.
    host.died(worker, second)
    run, worker, third = host.worker()
    assert (run.op, run.of) == (frames.RECOVER, number), run
    host.result(worker, third)
    assert client.recv("DONE").err == 0
    audit(host)


def test_a_shutdown_whose_worker_had_asked_is_waited_for():
    host, client = running()
    yes = power("web", wait_s=30, token=5)
    ref, *_ = asked(host, client, "SHUTDOWN", yes, frames.SHUTDOWN)
    host.restart(web())
    run, worker, number = host.worker()
    host.result(worker, number)
    client, same = again(host, "SHUTDOWN", yes)
    assert same == ref and "30" in client.recv("NOTE").text
    host.tell("DOMAIN_GONE", **web(reason=frames.POWEROFF))
    done = client.recv("DONE")
    assert (done.err, done.text) == (0, "web is off."), done
    audit(host)


def test_a_destroy_ends_who_looks_after_what_a_start_left():
    host = Host().start()
    yes = power("web", token=4)
    _, _, _, number = asked(host, host.client(), "START", yes, frames.START)
    host.restart()
    run, worker, other = host.worker()
    client = host.client()
    client.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    client.recv("JOB")
    assert {host.supervisor.recv("KILL").job for _ in range(2)} == {
        number, other}
    host.died(worker, other)
    run, worker, number = host.worker()
    assert run.op == frames.DESTROY
    host.result(worker, number)
    assert client.recv("DONE").err == 0
    client, _ = again(host, "START", yes)
    done = client.recv("DONE")
    assert done.err == frames.ERR["failed"] and "destroy" in done.text, done
    audit(host)


def test_a_destroy_that_waited_for_its_turn_has_it():
    host = Host().start()
    client = host.client()
    _, _, _, number = asked(host, client, "START", power("web"), frames.START)
    other = host.client()
    yes = power("web", flags=frames.CONFIRMED, token=9)
    other.ask("DESTROY", yes)
    other.recv("JOB")
    host.supervisor.recv("KILL")
    host.restart()
    assert host.kills == [number]
    run, worker, number = host.worker()
    assert run.op == frames.DESTROY, run
    client, _ = again(host, "DESTROY", yes)
    host.result(worker, number)
    assert client.recv("DONE").err == 0
    audit(host)


# --- what waits ---------------------------------------------------------------

def watched(name="SHUTDOWN", op=frames.SHUTDOWN, flags=0, wait_s=30):
    """web was asked to go, and its job waits for that."""
    host, client = running()
    yes = power("web", flags=flags, wait_s=wait_s, token=21)
    ref, _, worker, number = asked(host, client, name, yes, op)
    host.result(worker, number)
    client.recv("NOTE")
    return host, yes, ref


def test_a_countdown_goes_on_with_what_is_left_of_its_time():
    host, yes, ref = watched()
    host.restart(web())
    client, same = again(host, "SHUTDOWN", yes)
    assert same == ref and "more seconds" in client.recv("NOTE").text
    got = host.status(client)
    assert (got.state, got.job_ref) == (frames.STOPPING, ref), got
    host.tell("DOMAIN_GONE", **web(reason=frames.POWEROFF))
    assert client.recv("DONE").err == 0
    host, yes, ref = watched(wait_s=2)
    host.restart(web())
    client, _ = again(host, "SHUTDOWN", yes)
    done = [client.recv() for _ in range(2)][-1]
    assert done.err == frames.ERR["still-up"], done
    audit(host)


def test_what_happened_while_nobody_looked_ends_the_countdown():
    for name, op, domains, text in (
            ("SHUTDOWN", frames.SHUTDOWN, (), "web is off."),
            ("REBOOT", frames.REBOOT, (web(boot=4),), "web has rebooted.")):
        host, yes, _ = watched(name, op)
        host.restart(*domains)
        client, _ = again(host, name, yes)
        done = client.recv()
        if done.name == "NOTE":
            done = client.recv("DONE")
        assert (done.err, done.text) == (0, text), done
        audit(host)


def test_the_plug_is_pulled_by_whoever_is_there_then():
    host, yes, ref = watched(flags=frames.FORCE, wait_s=1)
    host.kill()
    host.restart(web())
    run, worker, number = host.worker()
    assert (run.op, run.ref) == (frames.DESTROY, ref), run
    host.restart(web())
    run, worker, number = host.worker()
    assert (run.op, run.of_op, run.ref) == (
        frames.RECOVER, frames.DESTROY, ref), run
    client, _ = again(host, "SHUTDOWN", yes)
    host.result(worker, number)
    done = client.recv("DONE")
    assert (done.err, done.text) == (0, "web is off. Its disk is kept."), done
    assert "forced" in host.record(event="done", ref=ref)["because"]


def test_what_queued_waits_for_the_state_of_its_guest():
    host = Host()
    host.customer("alice", ("a", "b", "web"), os.geteuid())
    host.start()
    client = host.client()
    for name in ("a", "b"):
        asked(host, client, "START", power(name), frames.START)
    yes = power("web", token=3)
    client.ask("START", yes)
    ref = client.recv("JOB").ref
    host.restart()
    recovering = [host.worker(), host.worker()]
    assert [r[0].op for r in recovering] == [frames.RECOVER] * 2
    # They may be creating still: two at a time.
    assert host.supervisor.silent(0.1)
    host.result(*recovering[0][1:])
    run, worker, number = host.worker()
    assert (run.op, run.ref) == (frames.START, ref), run
    host.result(worker, number)
    client, same = again(host, "START", yes)
    assert same == ref and client.recv("DONE").err == 0


def test_what_queued_for_a_boot_that_is_past_is_not_done():
    host = Host()
    host.customer("alice", ("a", "b", "web"), os.geteuid())
    host.start()
    host.tell(**web())
    client = host.client()
    host.status(client)
    for name in ("a", "b"):
        asked(host, client, "START", power(name), frames.START)
    yes = power("web", flags=frames.CONFIRMED, token=3)
    client.ask("RESET", yes)
    client.recv("JOB")
    host.restart(web(boot=4))
    for _ in range(2):
        host.result(*host.worker()[1:])
    client, _ = again(host, "RESET", yes)
    assert client.recv("DONE").err == frames.ERR["boot"]
    audit(host)


# --- what is over -------------------------------------------------------------

def test_results_are_found_by_reference():
    host = Host().start()
    client = host.client()
    yes = power("web", token=8)
    ref, _, worker, number = asked(host, client, "START", yes, frames.START)
    found = host.client()
    found.ask("FIND", ref=ref)
    assert found.recv("JOB").ref == ref
    host.result(worker, number, "no-disk")
    ends = [client.recv("DONE"), found.recv("DONE")]
    for _ in range(2):
        job, end = host.client().answers("FIND", ref=ref)
        assert job.ref == ref and (end.err, end.ref) == (
            frames.ERR["no-disk"], ref), end
        ends.append(end)
        client, same = again(host, "START", yes)
        assert same == ref
        ends.append(client.recv("DONE"))
        host.restart()
        assert ref in host.status(host.client()).note
    assert len({end.text for end in ends}) == 1, ends
    assert host.supervisor.silent(0.1)
    audit(host)


def test_the_jobs_of_others_do_not_exist():
    host = Host().start()
    host.tell(domain="bob-shop", reason=frames.CRASH)
    run, worker, number = host.worker()
    client = host.client()
    bobs = client.answer("FIND", ref=run.ref)
    host.result(worker, number)
    over = client.answer("FIND", ref=run.ref)
    nobodys = client.answer("FIND", ref="ZZZZ")
    for answer in (bobs, over, nobodys):
        assert answer.err == frames.ERR["no-job"], answer
        assert answer.text.replace(run.ref, "ZZZZ") == nobodys.text
    evil = client.answer("FIND", ref="\x1b[2J")
    assert evil.err == frames.ERR["no-job"] and evil.text.isprintable()
    # What the system did to a guest of theirs is theirs to know.
    host.tell(**web(reason=frames.CRASH))
    run, worker, number = host.worker()
    client.ask("FIND", ref=run.ref)
    assert client.recv("JOB").ref == run.ref
    host.result(worker, number)
    assert client.recv("DONE").err == 0


def test_a_token_is_of_one_customer_and_one_request():
    host = Host().start()
    client = host.client()
    yes = power("web", token=6)
    ref, _, worker, number = asked(host, client, "START", yes, frames.START)
    # Without one, and with another, it is another request.
    for token in (0, 7):
        answer = client.answer("START", power("web", token=token))
        assert answer.err == frames.ERR["busy"], answer
    other, _, worker, number = asked(
        host, client, "START", power("db", token=6), frames.START)
    assert other != ref
    assert host.supervisor.silent(0.1)


def test_a_client_of_the_version_before_sends_no_token():
    host = Host().start()
    client = host.client()
    raw = frames.frame("START", 1, power("web"))
    client.sock.send(raw[:-8])
    assert client.recv("JOB").ref
    host.worker()


# --- wherever it is killed ------------------------------------------------------

def killed_at(point, play=None):
    """alice's start of web and a broker that is killed there: (host, body)."""
    host = Host().start()
    yes = power("web", token=99)
    host.point(point)
    client = host.client()
    client.ask("START", yes)
    if play:
        run, worker, number = host.worker()
        play(host, worker, number)
    host.stopped(point)
    host.restart()
    return host, yes


def finish(host, yes):
    """What the client says again is done, once."""
    client, ref = again(host, "START", yes)
    run, worker, number = host.worker()
    assert run.ref == ref and run.op in (frames.START, frames.RECOVER), run
    host.result(worker, number)
    done = client.recv("DONE")
    assert (done.err, done.ref) == (0, ref), done
    assert host.supervisor.silent(0.1)
    audit(host)
    return ref


def test_a_decision_that_was_not_acted_on_is_made_again():
    for point, records in (("broker-journalled", 0), ("broker-decided", 1),
                           ("broker-made", 1)):
        host, yes = killed_at(point)
        refs = [r["ref"] for r in host.records() if r["event"] == "decided"]
        assert len(refs) == records, point
        for ref in refs:
            assert host.record(event="done", ref=ref, err="interrupted")
        assert finish(host, yes) not in refs
        # And so at the next death.
        host.restart()
        audit(host)


def test_a_job_that_was_begun_is_not_begun_again():
    host, yes = killed_at("broker-spawned")
    ref = finish(host, yes)
    assert len([r for r in host.records() if r["event"] == "decided"]) == 1
    assert host.record(event="done", ref=ref, err="ok")


def test_a_result_that_was_heard_of_is_asked_for_again():
    def play(host, worker, number):
        worker.send("RESULT", job=number)
        host.supervisor.send("WORKER_GONE", job=number)

    host, yes = killed_at("broker-worker-gone", play)
    finish(host, yes)


def test_an_end_that_is_on_record_is_told_and_not_recorded_again():
    def play(host, worker, number):
        worker.send("RESULT", job=number, err=frames.ERR["no-disk"])
        host.supervisor.send("WORKER_GONE", job=number)

    host, yes = killed_at("broker-ended", play)
    client, ref = again(host, "START", yes)
    assert client.recv("DONE").err == frames.ERR["no-disk"]
    assert host.supervisor.silent(0.1)
    audit(host)


def test_a_broker_that_dies_over_a_recovery_does_it_again():
    host = Host().start()
    yes = power("web", token=99)
    asked(host, host.client(), "START", yes, frames.START)
    for _ in range(4):
        host.kill()
        host.point("broker-recovering")
        Inner.start(host, accounts=False)
        host.stopped("broker-recovering")
    host.restart()
    finish(host, yes)


# --- what is counted ----------------------------------------------------------

def test_a_crash_loop_ends_although_brokers_die_in_it():
    host, client = running()
    for boot in range(3, 8):
        host.tell(**web(boot=boot, domid=boot))
        host.tell(**web(boot=boot, domid=boot, reason=frames.CRASH))
        run, worker, number = host.worker()
        assert run.op == frames.DEATH, run
        if boot % 2:        # it dies in the middle of it, too
            host.restart(web(boot=boot, domid=boot, reason=frames.CRASH))
            run, worker, number = host.worker()
            assert (run.op, run.of_op) == (frames.RECOVER, frames.DEATH), run
        host.tell(**web(boot=boot + 1, domid=boot + 1))
        host.result(worker, number)
        host.record(event="done", customer="system", ref=run.ref, err="ok")
        host.restart(web(boot=boot + 1, domid=boot + 1))
    host.tell(**web(boot=8, domid=8, reason=frames.CRASH))
    client = host.client()
    assert "went down 5 times" in host.status(client).note
    host.restart(web(boot=8, domid=8, reason=frames.CRASH))
    client = host.client()
    assert "went down 5 times" in host.status(client).note
    assert host.supervisor.silent(0.1)
    assert len([r for r in host.records() if r["event"] == "left"]) == 1


def test_E17_an_allowance_does_not_come_back_with_a_new_broker():
    host = Host()
    host.customer("alice", ("web",), os.geteuid(), "limits = { power = 2; };")
    host.start()
    for _ in range(2):
        client = host.client()
        _, _, worker, number = asked(host, client, "START", power("web"),
                                     frames.START)
        host.result(worker, number, "no-config")
        client.recv("DONE")
        host.restart()
    limited = host.client().answer("START", power("web"))
    assert limited.err == frames.ERR["rate"], limited
    audit(host)


def test_a_corpse_that_is_kept_is_not_seen_to_twice():
    host, client = running()
    dead = web(reason=frames.POWEROFF, state=frames.STOPPING)
    host.tell(**dead)
    run, worker, number = host.worker()
    host.result(worker, number)
    host.record(event="done", customer="system", err="ok")
    host.restart(dead)
    host.status(host.client())
    assert host.supervisor.silent(0.1)


# --- the journal --------------------------------------------------------------

def test_a_journal_that_is_not_sane_is_put_aside():
    host = Host().start()
    yes = power("web", token=99)
    asked(host, host.client(), "START", yes, frames.START)
    journal = os.path.join(host.dir, "run/vpsh/journal")
    assert os.stat(journal).st_mode & 0o777 == 0o600
    host.kill()
    with open(journal, "r+b") as f:
        data = f.read()
        f.seek(data.index(b"alice-web\0"))
        f.write(b"alice-wex")
    host.restart()
    assert host.supervisor.silent(0.1)
    host.log.flush()
    with open(host.log.name) as f:
        aside = [line for line in f if "put aside" in line]
    assert len(aside) == 1 and "journal.bad" in aside[0], aside
    with open(journal + ".bad", "rb") as f:
        assert b"alice-wex" in f.read()
    asked(host, host.client(), "START", yes, frames.START)


def test_a_broker_without_room_for_a_journal_serves_all_the_same():
    host = Host()
    os.mkdir(os.path.join(host.dir, "run/vpsh/journal"))
    os.mkdir(os.path.join(host.dir, "run/vpsh/journal.bad"))
    with open(os.path.join(host.dir, "run/vpsh/journal.bad/x"), "w"):
        pass
    host.start()
    client = host.client()
    _, _, worker, number = asked(host, client, "START", power("web"),
                                 frames.START)
    host.result(worker, number)
    assert client.recv("DONE").err == 0
    host.log.flush()
    with open(host.log.name) as f:
        assert "are forgotten" in f.read()


# --- held guests --------------------------------------------------------------

HELD = {"held": b"backup is running", "held_until_ms": 4102477200000}


def test_a_held_guest_is_not_booted_and_says_why():
    host, client = running()
    why = "backup is running, until 2100-01-01 09:00 UTC"
    host.tell(**web(**HELD))
    assert why in host.status(client).note
    for name in ("START", "RESET", "REBOOT"):
        refused = client.answer(name, power("web", flags=frames.CONFIRMED))
        assert refused.err == frames.ERR["held"], refused
        assert why in refused.text, refused
    for name, op in (("SHUTDOWN", frames.SHUTDOWN),
                     ("DESTROY", frames.DESTROY)):
        _, _, worker, number = asked(
            host, client, name, power("web", flags=frames.CONFIRMED), op)
        host.result(worker, number, "failed")
        client.recv("DONE")
    # Of two ends one is enough.
    host.tell("DOMAIN_GONE", **web(**dict(HELD, held=b"backup is running.")))
    assert why + ". Your" in client.answer("START", power("web")).text
    host.tell("DOMAIN_GONE", **web(held=b"no end of it."))
    assert "no end of it." in host.status(client).note
    assert "no end of it." in client.answer("START", power("web")).text
    host.tell("DOMAIN_GONE", **web())
    assert "held" not in host.status(client).note
    asked(host, client, "START", power("web"), frames.START)


def test_a_held_guest_that_dies_is_booted_again_when_it_is_released():
    for reason in (frames.CRASH, frames.REBOOT_REASON):
        host, client = running()
        host.tell(**web(reason=reason, **HELD))
        host.status(client)
        assert host.supervisor.silent(0.1)
        host.restart(web(reason=reason, **HELD))
        assert host.supervisor.silent(0.1)
        host.tell(**web(reason=reason))
        run, worker, number = host.worker()
        assert run.op == frames.DEATH, run
    # What is off stays off: that can be tidied up after at once.
    host, client = running()
    host.tell(**web(reason=frames.POWEROFF, **HELD))
    assert host.worker()[0].op == frames.DEATH


# --- while the others are on their way ------------------------------------------

def test_what_is_asked_before_the_watcher_is_there_waits_for_it():
    host, _ = running()
    host.kill()
    Inner.start(host)
    early, late = host.client(), host.client()
    early.ask("START", power("db"))
    early.ask("SHUTDOWN", power("web", boot=2))
    assert early.silent(0.2)
    assert not [r for r in host.records() if r.get("guest") == "db"]
    host.watcher = host.peer(frames.WATCH)
    scan = host.watcher.recv("SCAN")
    late.ask("START", power("db"))
    assert early.silent(0.1) and late.silent(0.1)
    host.tell(**web())
    host.watcher.send("SCANNED", serial=scan.serial, ok=1)
    ref = early.recv("JOB").ref
    assert early.recv("REFUSED").err == frames.ERR["boot"]
    run, worker, number = host.worker()
    assert (run.op, run.ref) == (frames.START, ref), run
    busy = late.recv("REFUSED")
    assert busy.err == frames.ERR["busy"] and ref in busy.text, busy
    host.result(worker, number)
    assert early.recv("DONE").err == 0
    audit(host)


def test_a_watcher_that_does_not_come_is_waited_for_once_by_a_power_verb():
    host = Host()
    Inner.start(host)
    client = host.client()
    client.ask("START", power("web"))
    assert client.silent(1.5)
    assert client.recv("REFUSED").err == frames.ERR["host"]
    client.sock.settimeout(1.5)
    assert client.answer("START", power("web")).err == frames.ERR["host"]
    # And who goes away meanwhile is not asked any more.
    host.watcher = host.peer(frames.WATCH)
    client.ask("START", power("web"))
    client.close()
    host.record(event="logout")
    host.scanned()
    assert host.supervisor.silent(0.1)


def test_a_console_is_waited_for_until_its_server_is_there():
    host, _ = running()
    host.kill()
    Inner.start(host)
    client = host.client()
    client.ask("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    assert client.silent(0.2)
    host.console = host.peer(frames.CONSOLE)
    got = client.recv("ATTACHED")
    frames.close_fds(got)
    frames.close_fds(host.console.recv("GRANT"))
    host.console.close()
    client.ask("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    assert client.silent(1.5)
    assert client.recv("REFUSED").err == frames.ERR["console"]
    assert client.answer("CONSOLE", frames.Attach(
        b"web", 0, 0, 0)).err == frames.ERR["console"]
