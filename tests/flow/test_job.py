# SPDX-License-Identifier: ISC
"""Power verbs: the real broker; the test is watcher, worker and console.

What a worker or Xen really does is proven on real Xen only; here is what the
broker makes of what they say.
"""

import os
import re
import resource
import time

import frames
import harness
from frames import power
from world import UUID, Host, Inner

def test_start_runs_one_worker_and_answers_with_its_end():
    host = Host().start()
    client = host.client()
    client.ask("START", power("web"))
    job = client.recv("JOB")
    assert re.fullmatch("[2-9A-HJKMNP-TV-Z]{4}", job.ref), job.ref
    run, worker, number = host.worker()
    assert (run.op, run.ref, run.body.customer, run.body.guest) == (
        frames.START, job.ref, b"alice", b"web")
    assert host.status(client).state == frames.STARTING
    host.result(worker, number)
    done = client.recv("DONE")
    assert done.err == 0 and done.ref == job.ref and "web" in done.text
    assert host.record(event="done", verb="start", ref=job.ref, err="ok",
                       domain="alice-web")


def test_what_is_so_already_is_for_the_worker_to_say():
    """The watcher's last word may be older than another tool's."""
    host = Host().start()
    client = host.client()
    for name in ("REBOOT", "RESET"):
        answer = client.answer(name, power("web", flags=1))
        assert answer.err == frames.ERR["not-running"], answer

    def so_already(name, said):
        client.ask(name, power("web", flags=1))
        ref = client.recv("JOB").ref
        run, worker, number = host.worker()
        host.result(worker, number, number=1)
        done = client.recv("DONE")
        assert (done.err, done.ref, done.text) == (0, ref, said), done
        assert host.record(event="done", ref=ref, err="ok")

    so_already("SHUTDOWN", "web is off already.")
    so_already("DESTROY", "web is off already.")
    host.tell()
    assert host.status(client).state == frames.RUNNING
    so_already("START", "web is running already.")
    assert host.supervisor.silent(0.1)


def test_a_busy_guest_names_the_job_that_holds_it():
    host = Host().start()
    client, other = host.client(), host.client()
    client.ask("START", power("web"))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    for name in ("START", "SHUTDOWN"):
        answer = other.answer(name, power("web"))
        assert answer.err in (frames.ERR["busy"],), answer
        assert ref in answer.text and "start" in answer.text, answer.text
    other.ask("START", power("db"))
    other.recv("JOB")
    host.result(worker, number)
    assert client.recv("DONE").err == 0


def test_a_boot_that_the_customer_has_not_seen_is_not_touched():
    host = Host().start()
    client = host.client()
    host.tell(boot=7)
    assert host.status(client).boot == 7
    for name in ("SHUTDOWN", "REBOOT", "RESET", "DESTROY", "START"):
        answer = client.answer(name, power("web", boot=6, flags=1))
        assert answer.err == frames.ERR["boot"], answer
    client.ask("SHUTDOWN", power("web", boot=7))
    client.recv("JOB")


def test_shutdown_waits_without_holding_the_guest():
    host = Host().start()
    client = host.client()
    host.tell()
    assert host.status(client).state == frames.RUNNING
    client.ask("SHUTDOWN", power("web", wait_s=30))
    client.recv("JOB")
    run, worker, number = host.worker()
    assert run.op == frames.SHUTDOWN and tuple(run.body.uuid) == UUID
    worker.send("PHASE", job=number, phase=frames.REQUESTED, domid=1)
    host.result(worker, number)
    assert "30 seconds" in client.recv("NOTE").text
    other = host.client()
    assert host.status(other).state == frames.STOPPING
    # Nothing holds it: destroy gets its worker at once.
    other.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    other.recv("JOB")
    run, worker, number = host.worker()
    assert run.op == frames.DESTROY
    host.tell("DOMAIN_GONE", reason=7)
    host.result(worker, number)
    assert other.recv("DONE").err == 0
    client.recv("NOTE")
    assert client.recv("DONE").err == 0


def test_a_guest_that_ignores_the_request_is_reported_still_up():
    host = Host().start()
    client = host.client()
    host.tell()
    host.status(client)
    client.ask("SHUTDOWN", power("web", wait_s=1))
    client.recv("JOB")
    run, worker, number = host.worker()
    host.result(worker, number)
    client.recv("NOTE")
    done = client.recv("DONE")
    assert done.err == frames.ERR["still-up"], done
    assert "1 seconds" in done.text and "destroy web" in done.text


def test_reboot_is_done_when_there_is_a_new_boot():
    host = Host().start()
    client = host.client()
    host.tell(boot=3)
    host.status(client)
    client.ask("REBOOT", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    assert run.op == frames.REBOOT
    host.result(worker, number)
    client.recv("NOTE")
    # It is ours: its death is a job of the system's, which boots it again.
    host.tell(boot=3, reason=frames.REBOOT_REASON)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH
    host.tell("DOMAIN_GONE", boot=3, reason=frames.REBOOT_REASON)
    host.tell(boot=4, domid=2)
    # Not before that job has let go of the guest: what comes next must not
    # find it busy.
    assert host.status(client).boot == 4
    host.result(worker, number)
    assert client.recv("DONE").err == 0
    assert host.record(event="done", customer="system", domain="alice-web")
    client.ask("SHUTDOWN", power("web"))
    client.recv("JOB")


def test_a_guest_that_another_tool_left_shut_down_is_off():
    host = Host().start()
    client = host.client()
    host.tell(ours=0)
    host.status(client)
    client.ask("SHUTDOWN", power("web", wait_s=30))
    client.recv("JOB")
    run, worker, number = host.worker()
    host.result(worker, number)
    client.recv("NOTE")
    host.tell(ours=0, reason=frames.POWEROFF)
    assert client.recv("DONE").err == 0


def test_destroy_does_not_wait_for_a_start():
    host = Host().start()
    client, other = host.client(), host.client()
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    other.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    other.recv("JOB")
    kill = host.supervisor.recv("KILL")
    assert kill.job == number
    worker.close()
    host.supervisor.send("WORKER_GONE", job=number, status=9)
    done = client.recv("DONE")
    assert done.err == frames.ERR["failed"] and "destroy" in done.text
    run, worker, number = host.worker()
    assert run.op == frames.DESTROY
    # And nothing comes between it and the guest.
    answer = client.answer("START", power("web"))
    assert answer.err == frames.ERR["busy"]
    host.result(worker, number)
    assert other.recv("DONE").err == 0


def test_the_new_guest_waits_for_its_console():
    host = Host().start()
    client = host.client()
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    # The console of the boot before does not count.
    host.console.send("READY", 0, frames.Pty(b"alice", b"web", UUID, 1, 4, 0))
    worker.send("PHASE", 0, frames.Phase(number, frames.CREATED, 5, UUID))
    assert worker.silent(0.1)
    host.console.send("READY", 0, frames.Pty(b"alice", b"web", UUID, 2, 5, 0))
    assert worker.recv("GO").job == number


def test_a_console_that_is_ready_first_costs_no_wait():
    host = Host().start()
    client = host.client()
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    host.console.send("READY", 0, frames.Pty(b"alice", b"web", UUID, 2, 5, 0))
    host.status(client)
    worker.send("PHASE", 0, frames.Phase(number, frames.CREATED, 5, UUID))
    assert worker.recv("GO").job == number


def test_a_guest_goes_on_without_a_console_after_two_seconds():
    host = Host().start()
    client = host.client()
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.send("PHASE", 0, frames.Phase(number, frames.CREATED, 5, UUID))
    assert worker.silent(1.5)
    assert worker.recv("GO").job == number


def test_a_paused_guest_is_destroyed_when_its_console_is_drained():
    host = Host().start()
    client = host.client()
    host.tell()
    host.status(client)
    client.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.send("PHASE", 0, frames.Phase(number, frames.PAUSED_PHASE, 1, UUID))
    drain = host.console.recv("DRAIN")
    assert (drain.body.customer, drain.body.guest) == (b"alice", b"web")
    assert worker.silent(0.1)
    host.console.send("DRAINED", customer="alice", guest="web")
    assert worker.recv("GO").job == number


def test_a_destroy_waits_for_a_console_server_that_has_just_gone():
    host = Host().start()
    client = host.client()
    host.tell()
    host.status(client)
    client.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.send("PHASE", 0, frames.Phase(number, frames.PAUSED_PHASE, 1, UUID))
    host.console.recv("DRAIN")
    host.console.close()
    assert worker.silent(0.2)
    host.console = host.peer(frames.CONSOLE)
    # It has not got the guest's tty yet, and so is silent.
    host.console.send("DRAINED", customer="alice", guest="web")
    assert worker.silent(0.2)
    host.console.send("READY", 0, frames.Pty(b"alice", b"web", UUID, 1, 1, 0))
    host.console.recv("DRAIN")
    host.console.send("DRAINED", customer="alice", guest="web")
    assert worker.recv("GO").job == number


def test_a_console_that_is_drained_too_late_moves_nothing():
    host = Host().start()
    client, other = host.client(), host.client()
    host.tell()
    client.ask("RESET", power("web", flags=frames.CONFIRMED))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.send("PHASE", 0, frames.Phase(number, frames.PAUSED_PHASE, 1, UUID))
    host.console.recv("DRAIN")
    other.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    other.recv("JOB")
    assert host.supervisor.recv("KILL").job == number
    host.supervisor.send("WORKER_GONE", job=number)
    assert client.recv("DONE").err == frames.ERR["failed"]
    host.console.send("DRAINED", customer="alice", guest="web")
    run, worker, number = host.worker()
    assert run.op == frames.DESTROY and worker.silent(0.1)
    host.tell("DOMAIN_GONE", reason=frames.POWEROFF)
    host.result(worker, number)
    assert other.recv("DONE").err == 0


def test_without_a_console_server_nothing_waits_for_it():
    host = Host().start(console=False)
    client = host.client()
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.send("PHASE", 0, frames.Phase(number, frames.CREATED, 5, UUID))
    assert worker.recv("GO").job == number


def test_a_worker_that_breaks_the_rules_is_a_failed_job():
    host = Host().start()
    client = host.client()

    def lies_about_its_job(worker, number):
        worker.send("RESULT", job=number + 1)

    def sends_a_size_of_its_own(worker, number):
        worker.sock.send(frames.head(821) + b"x" * 5)

    def invents_an_error(worker, number):
        worker.send("RESULT", job=number, err=-1000)

    def is_a_broker_now(worker, number):
        worker.send("RUN", job=number)

    for breach in (lies_about_its_job, sends_a_size_of_its_own,
                   invents_an_error, is_a_broker_now):
        client.ask("START", power("web"))
        ref = client.recv("JOB").ref
        run, worker, number = host.worker()
        for left in (2, 1, 0):
            breach(worker, number)
            assert worker.recv() is None
            assert host.supervisor.recv("KILL").job == number
            host.died(worker, number)
            if left:
                run, worker, number = host.worker()
                assert run.op == frames.RECOVER, run
        done = client.recv("DONE")
        assert done.err == frames.ERR["worker"] and ref in done.text, done
        # Its allowance is for starts that were tried; give it a new guest.
        host.customer("alice", ("db", "web"), os.geteuid(),
                      "limits = { power = 60; };")


def test_a_worker_that_does_not_end_in_time_is_a_timeout():
    host = Host().start()
    client = host.client()
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.close()
    host.supervisor.recv("KILL")
    host.died(worker, number, status=9, killed=1)
    # What it left is tidied up first.
    run, worker, number = host.worker()
    assert run.op == frames.RECOVER and client.silent(0.1)
    host.result(worker, number, "interrupted")
    assert client.recv("DONE").err == frames.ERR["timeout"]


def test_two_creates_at_a_time_and_owners_take_turns():
    host = Host()
    host.customer("alice", ("a1", "a2", "a3", "a4"), os.geteuid())
    host.start()
    client = host.client()
    ids = [client.ask("START", power("a%d" % i)) for i in range(1, 5)]
    waiting = set()
    for _ in range(6):
        got = client.recv()
        if got.name == "NOTE":
            waiting.add(got.id)
    assert waiting == set(ids[2:])
    running = [host.worker(), host.worker()]
    assert [r[0].body.guest for r in running] == [b"a1", b"a2"]
    # bob's guest has to be booted again; alice has had two turns.
    host.tell(domain="bob-shop", reason=frames.CRASH)
    host.status(client, "a1")
    assert host.supervisor.silent(0.1)
    host.result(running[0][1], running[0][2])
    assert client.recv("DONE").id == ids[0]
    shop = host.worker()
    assert (shop[0].op, shop[0].body.guest) == (frames.DEATH, b"shop")
    host.result(running[1][1], running[1][2])
    assert client.recv("DONE").id == ids[1]
    last = host.worker()
    assert last[0].body.guest == b"a3"
    assert host.supervisor.silent(0.1)


def test_E17_starts_are_limited_and_destroy_is_not_used_up():
    host = Host()
    host.customer("alice", ("web",), os.geteuid(),
                  "limits = { power = 2; };")
    host.start()
    client = host.client()
    for _ in range(2):
        client.ask("START", power("web"))
        client.recv("JOB")
        run, worker, number = host.worker()
        host.result(worker, number, "no-config")
        assert client.recv("DONE").err == frames.ERR["no-config"]
    limited = client.answer("START", power("web"))
    assert limited.err == frames.ERR["rate"], limited
    assert re.search(r"in \d+ seconds", limited.text)
    # Refusals do not count, and other classes have their own.
    host.tell()
    host.status(client)
    client.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    assert client.recv("JOB").ref


def test_a_job_outlives_its_client():
    host = Host().start()
    client = host.client()
    client.ask("START", power("web"))
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    client.close()
    assert host.record(event="logout")
    host.result(worker, number)
    assert host.record(event="done", ref=ref, err="ok")


def test_a_death_is_cleaned_up_but_a_save_is_left_alone():
    host = Host().start()
    client = host.client()
    host.tell(reason=frames.SUSPEND)
    host.status(client)
    assert host.supervisor.silent(0.1)
    host.tell("DOMAIN_GONE", reason=frames.SUSPEND)
    assert host.status(client).state == frames.SAVED
    refused = client.answer("START", power("web"))
    assert refused.err == frames.ERR["elsewhere"], refused
    # It is back: an ordinary guest again.
    host.tell(domid=2, boot=2)
    assert host.status(client).state == frames.RUNNING
    host.tell(domid=2, boot=2, reason=frames.CRASH)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH and run.body.guest == b"web"


def test_a_death_does_not_wait_because_another_job_failed_before():
    host = Host().start()
    client = host.client()
    host.tell()
    host.status(client)
    client.ask("SHUTDOWN", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    host.result(worker, number, "no-answer")
    assert client.recv("DONE").err == frames.ERR["no-answer"]
    # It goes down all the same, a moment later.
    host.tell(reason=frames.POWEROFF)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH and run.body.guest == b"web"


def dying():
    """web has powered off by itself and is being tidied up after."""
    host = Host().start()
    client = host.client()
    host.tell(reason=frames.POWEROFF)
    death = host.worker()
    assert death[0].op == frames.DEATH
    client.ask("START", power("web"))
    client.recv("JOB")
    assert "cleaned up" in client.recv("NOTE").text
    assert host.supervisor.silent(0.1)
    return host, client, death


def test_a_start_waits_while_the_last_boot_is_tidied_up_after():
    host, client, death = dying()
    again = host.client().answer("START", power("web"))
    assert again.err == frames.ERR["busy"], again
    host.tell("DOMAIN_GONE", reason=frames.POWEROFF)
    host.result(*death[1:])
    run, worker, number = host.worker()
    assert run.op == frames.START
    host.tell(boot=2, domid=2)
    host.result(worker, number)
    assert client.recv("DONE").err == 0


def test_a_destroy_breaks_off_a_start_that_waits():
    host, client, death = dying()
    other = host.client()
    other.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    other.recv("JOB")
    done = client.recv("DONE")
    assert done.err == frames.ERR["failed"], done
    assert "destroy" in done.text, done
    assert host.supervisor.recv("KILL").job == death[2]
    host.supervisor.send("WORKER_GONE", job=death[2])
    run, worker, number = host.worker()
    assert run.op == frames.DESTROY
    host.tell("DOMAIN_GONE", reason=frames.POWEROFF)
    host.result(worker, number)
    assert other.recv("DONE").err == 0


def test_a_soft_reset_leaves_a_guest_that_can_die_once_more():
    host = Host().start()
    host.tell(reason=frames.SOFT_RESET)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH
    # The same domain, running again.
    host.tell()
    host.result(worker, number)
    host.tell(reason=frames.CRASH)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH and run.body.guest == b"web"


def test_somebody_elses_domain_is_not_cleaned_up():
    host = Host().start()
    client = host.client()
    host.tell(ours=0, reason=frames.CRASH)
    assert host.status(client).elsewhere == 1
    assert host.supervisor.silent(0.1)


def test_what_dies_again_and_again_is_left_after_five_restarts():
    host = Host().start()
    client = host.client()
    for boot in range(1, 6):
        host.tell(boot=boot, domid=boot)
        host.tell(boot=boot, domid=boot, reason=frames.CRASH)
        run, worker, number = host.worker()
        assert run.op == frames.DEATH
        host.tell("DOMAIN_GONE", boot=boot, domid=boot, reason=frames.CRASH)
        host.tell(boot=boot + 1, domid=boot + 1)
        host.result(worker, number)
        host.record(event="done", customer="system")
        host.status(client)
    host.tell(boot=6, domid=6, reason=frames.CRASH)
    host.status(client)
    assert host.supervisor.silent(0.2)


def test_a_domain_that_no_policy_claims_is_none_of_ours():
    host = Host().start()
    host.tell(domain="Domain-0", reason=frames.CRASH)
    host.tell(domain="alice-webx", reason=frames.CRASH)
    client = host.client()
    assert host.status(client).state == frames.OFF
    assert host.supervisor.silent(0.1)


def test_without_an_answer_from_xen_states_are_unknown():
    host = Host().start()
    client = host.client()
    host.tell()
    assert host.status(client).state == frames.RUNNING
    host.watcher.close()
    begin = time.monotonic()
    client.ask("STATUS", guest="web")
    assert client.recv("GUEST").state == frames.UNKNOWN
    client.recv("END")
    assert 1.5 < time.monotonic() - begin < 4
    assert client.answer("START", power("web")).err == frames.ERR["host"]
    # A new watcher that does not mention the guest: it is off.
    host.watcher = host.peer(frames.WATCH)
    host.scanned()
    harness.wait_until(
        lambda: host.status(client).state == frames.OFF, what="off")


def test_what_is_asked_while_the_watcher_is_replaced_waits_for_the_next():
    host = Host().start()
    early, late = host.client(), host.client()
    host.tell()
    early.ask("STATUS", guest="web")
    host.watcher.recv("SCAN")       # and it dies of that
    host.watcher.close()
    late.ask("STATUS", guest="web")
    late.ask("WHOAMI")
    assert late.recv().name == "WHO"
    host.watcher = host.peer(frames.WATCH)
    host.scanned({})
    for client in (early, late):
        assert client.recv("GUEST").state == frames.RUNNING
        client.recv("END")


def test_a_watcher_that_does_not_come_is_waited_for_once():
    host = Host().start()
    client = host.client()
    host.tell()
    host.watcher.close()
    client.ask("STATUS", guest="web")
    assert client.silent(1.5)
    assert client.recv("GUEST").state == frames.UNKNOWN
    client.recv("END")
    client.ask("STATUS", guest="web")
    client.sock.settimeout(1.5)
    assert client.recv("GUEST").state == frames.UNKNOWN
    client.recv("END")
    host.watcher = host.peer(frames.WATCH)
    host.scanned({})
    assert host.status(client).state == frames.RUNNING


def test_a_watcher_that_does_not_answer_costs_two_seconds():
    host = Host().start()
    client = host.client()
    host.tell()
    client.ask("LIST")
    host.watcher.recv("SCAN")
    assert client.silent(1.5)
    assert {client.recv().name for _ in range(3)} == {"GUEST", "END"}


def test_list_asks_xen_once_for_many_and_again_for_the_late():
    host = Host().start()
    early, late, later = host.client(), host.client(), host.client()
    early.ask("LIST")
    scan = host.watcher.recv("SCAN")
    late.ask("LIST")
    later.ask("LIST")
    # Both are in when the answers to what they asked next are there.
    for client in (late, later):
        client.ask("WHOAMI")
        client.recv("WHO")
    host.watcher.send("SCANNED", serial=scan.serial, ok=1)
    assert [early.recv().name for _ in range(3)][-1] == "END"
    assert late.silent(0.1)
    host.scanned()
    for client in (late, later):
        assert [client.recv().name for _ in range(3)][-1] == "END"
    assert host.watcher.silent(0.1)


def test_G04_a_full_audit_log_stops_power_verbs_and_nothing_else():
    host = Host()
    host.customer("alice", ('{ name = "web"; allow = [ "console", "start", '
                            '"pause", "sysrq" ]; }',), os.geteuid())
    host.start()
    client = host.client()
    host.status(client)
    pid, limit = host.process.pid, resource.RLIMIT_FSIZE
    _, hard = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (0, hard))     # its reserve, too
    for name, body in (("START", power("web")), ("PAUSE", power("web")),
                       ("SYSRQ", frames.Sysrq(b"web", 0, ord("s")))):
        refused = client.answer(name, body)
        assert refused.err == frames.ERR["audit"] and refused.text, refused
    assert host.supervisor.silent(0.1)
    assert host.status(client).state == frames.OFF
    assert client.answer("WHOAMI").customer == "alice"
    assert client.answer("FOLLOW", frames.Look()).count == 1
    got = client.answer("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    assert got.name == "ATTACHED"
    frames.close_fds(got)
    resource.prlimit(pid, limit, (hard, hard))
    other = host.client()
    other.ask("START", power("web"))
    assert other.recv("JOB").ref
    # What waited comes first, and nothing is missing.
    refused = [r["verb"] for r in host.records() if r.get("err") == "audit"]
    assert refused == ["start", "pause", "sysrq"], host.records()
    assert not [r for r in host.records() if r["event"] == "gap"]


def test_what_the_watcher_knows_of_absent_guests_is_shown():
    host = Host().start()
    client = host.client()
    host.tell("DOMAIN_GONE", boot=41, state=frames.OFF, reason=7)
    host.tell("DOMAIN_GONE", domain="alice-db", boot=3, domid=9,
              state=frames.SAVED, reason=frames.SUSPEND)
    web, db = host.status(client), host.status(client, "db")
    assert (web.state, web.boot) == (frames.OFF, 41), web
    assert (db.state, db.boot) == (frames.SAVED, 3), db
    refused = client.answer("START", power("db", boot=3))
    assert refused.err == frames.ERR["elsewhere"], refused


def test_a_corpse_that_is_to_be_kept_is_seen_to_once():
    host = Host().start()
    client = host.client()
    host.tell()
    host.status(client)
    client.ask("SHUTDOWN", power("web", wait_s=30))
    client.recv("JOB")
    run, worker, number = host.worker()
    host.result(worker, number)
    client.recv("NOTE")
    host.tell(reason=frames.POWEROFF, state=frames.STOPPING)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH
    host.result(worker, number)
    assert client.recv("DONE").err == 0
    host.status(client)
    host.tell(reason=frames.POWEROFF, state=frames.STOPPING)
    host.status(client)
    assert host.supervisor.silent(0.1)


def test_a_corpse_from_before_the_broker_is_cleaned_up():
    host = Inner.start(Host())
    host.watcher = host.peer(frames.WATCH)
    scan = host.watcher.recv("SCAN")
    host.tell(reason=frames.CRASH)
    assert host.supervisor.silent(0.1)
    host.watcher.send("SCANNED", serial=scan.serial, ok=1)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH
    # A failure is not tried again at once.
    host.result(worker, number, "failed")
    assert host.record(event="done", err="failed")
    client = host.client()
    host.status(client)
    assert host.supervisor.silent(0.1)
