# SPDX-License-Identifier: ISC
"""Pausing, sysrq, and pulling the plug of what does not obey.

The real broker; the test is watcher, worker and console.
"""

import os

import frames
import harness
from frames import power
from world import UUID, Host

ALL = ("log", "start", "shutdown", "reboot", "destroy", "pause", "sysrq")


def host_with(*rights, more=""):
    """alice's guest web, on which she has these rights; it runs."""
    host = Host()
    host.customer("alice", ('{ name = "web"; allow = [ %s ]; }' % ", ".join(
        '"%s"' % r for r in rights or ALL),), os.geteuid(), more)
    host.start()
    host.tell()
    return host


def client_of(host, **domain):
    """A client, once the broker knows of the domain."""
    client = host.client()
    if domain:
        host.tell(**domain)
    host.status(client)
    return client


def done(host, client, name, body, op, err="ok"):
    """Asks and plays the worker: (RUN, DONE)."""
    client.ask(name, body)
    client.recv("JOB")
    run, worker, number = host.worker()
    assert run.op == op, run
    host.result(worker, number, err)
    return run, client.recv("DONE")


def sysrq(key, guest="web", boot=0):
    return frames.Sysrq(guest.encode(), boot,
                        ord(key) if isinstance(key, str) else key)


# --- pause ------------------------------------------------------------------

def test_pause_and_unpause_are_jobs():
    host = host_with()
    client = client_of(host)
    run, end = done(host, client, "PAUSE", power("web"), frames.PAUSE)
    assert tuple(run.body.uuid) == UUID
    assert end.err == 0 and end.text == "web is paused.", end
    host.tell(state=frames.PAUSED)
    assert host.status(client).state == frames.PAUSED
    run, end = done(host, client, "UNPAUSE", power("web"), frames.UNPAUSE)
    assert end.err == 0 and end.text == "web runs on.", end
    assert host.record(event="done", verb="unpause", err="ok")


def test_what_is_paused_or_running_already_is_success():
    """The worker knows; the broker's word may be older than another tool's."""
    host = host_with()
    client = client_of(host, state=frames.PAUSED)
    for name, op, said in (
            ("UNPAUSE", frames.UNPAUSE, "web is running already."),
            ("PAUSE", frames.PAUSE, "web is paused already.")):
        client.ask(name, power("web"))
        client.recv("JOB")
        run, worker, number = host.worker()
        assert run.op == op, run
        host.result(worker, number, number=1)
        end = client.recv("DONE")
        assert (end.err, end.text) == (0, said), end


def test_a_job_is_over_when_the_watcher_has_seen_what_it_did():
    host = host_with()
    client = client_of(host)
    client.ask("PAUSE", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.send("RESULT", job=number)
    worker.close()
    host.supervisor.send("WORKER_GONE", job=number)
    scan = host.watcher.recv("SCAN")
    assert client.silent(0.1)
    host.tell(state=frames.PAUSED)
    host.watcher.send("SCANNED", serial=scan.serial, ok=1)
    assert client.recv("DONE").err == 0
    # A watcher that does not answer delays it, no more.
    client.ask("UNPAUSE", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    worker.send("RESULT", job=number)
    worker.close()
    host.supervisor.send("WORKER_GONE", job=number)
    assert client.recv("DONE").err == 0


def test_a_guest_that_is_off_is_neither_paused_nor_sent_a_key():
    host = host_with()
    client = client_of(host, name="DOMAIN_GONE", reason=frames.POWEROFF)
    for name, body in (("PAUSE", power("web")), ("UNPAUSE", power("web")),
                       ("SYSRQ", sysrq("h"))):
        answer = client.answer(name, body)
        assert answer.err == frames.ERR["not-running"], answer


def test_a_paused_guest_is_asked_nothing_but_can_be_switched_off():
    host = host_with()
    client = client_of(host, state=frames.PAUSED)
    for name, body in (("SHUTDOWN", power("web")), ("REBOOT", power("web")),
                       ("START", power("web")), ("SYSRQ", sysrq("s"))):
        # The worker finds out; the watcher may not know.
        _, end = done(host, client, name, body, getattr(frames, name), "paused")
        assert end.err == frames.ERR["paused"], end
        assert "Unpause it first" in end.text, end
    _, end = done(host, client, "RESET", power("web", flags=1), frames.RESET)
    assert end.err == 0
    _, end = done(host, client, "DESTROY", power("web", flags=1),
                  frames.DESTROY)
    assert end.err == 0


def test_a_pause_holds_the_guest_and_a_destroy_does_not_wait_for_it():
    host = host_with()
    client, other = client_of(host), host.client()
    client.ask("PAUSE", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    assert other.answer("REBOOT", power("web")).err == frames.ERR["busy"]
    other.ask("DESTROY", power("web", flags=frames.CONFIRMED))
    other.recv("JOB")
    assert host.supervisor.recv("KILL").job == number
    worker.close()
    host.supervisor.send("WORKER_GONE", job=number, status=9)
    assert client.recv("DONE").err == frames.ERR["failed"]
    assert host.worker()[0].op == frames.DESTROY


def test_a_boot_not_seen_is_neither_paused_nor_sent_a_key():
    host = host_with()
    client = client_of(host, boot=7)
    for name, body in (("PAUSE", power("web", boot=6)),
                       ("UNPAUSE", power("web", boot=6)),
                       ("SYSRQ", sysrq("s", boot=6))):
        answer = client.answer(name, body)
        assert answer.err == frames.ERR["boot"], answer


# --- sysrq ------------------------------------------------------------------

def test_a_sysrq_key_goes_to_the_worker():
    host = host_with()
    client = client_of(host)
    run, end = done(host, client, "SYSRQ", sysrq("h"), frames.SYSRQ)
    assert run.key == ord("h"), run
    assert end.text == "sysrq h was sent to web.", end
    assert host.record(event="decided", verb="sysrq", how="h",
                       verdict="allow")
    _, end = done(host, client, "SYSRQ", sysrq("h"), frames.SYSRQ,
                  "no-sysrq")
    assert end.err == frames.ERR["no-sysrq"]


def test_what_is_no_key_is_refused():
    host = host_with()
    client = client_of(host)
    for key in ("B", "a", "x", " ", "-", 0, 7, 0x7f, 0xff, 256 + ord("s"),
                2 ** 32 - 1):
        answer = client.answer("SYSRQ", sysrq(key))
        assert answer.err == frames.ERR["key"], (key, answer)
        assert answer.text.isprintable(), answer
    assert host.supervisor.silent(0.1)
    # Only of the own guests, even so.
    answer = client.answer("SYSRQ", sysrq("B", "shop"))
    assert answer.err == frames.ERR["no-guest"], answer


def test_E10_no_sysrq_key_stands_in_for_a_right_that_is_not_there():
    host = host_with("sysrq", "pause", "start")
    client = client_of(host)
    for key, right in (("b", "reboot"), ("o", "shutdown"), ("c", "destroy"),
                       ("e", "destroy"), ("i", "destroy"), ("f", "destroy"),
                       ("k", "destroy"), ("g", "destroy"), ("u", "destroy")):
        answer = client.answer("SYSRQ", sysrq(key))
        assert answer.err == frames.ERR["denied"], (key, answer)
        assert 'sysrq web %s here' % key in answer.text, answer
        record = host.record(event="decided", verb="sysrq", how=key)
        assert record["verdict"] == "deny"
        assert right in record["because"], record
        why = client.answer("WHY", frames.Why(b"sysrq " + key.encode(),
                                              b"web"))
        assert why.allowed == 0 and right in why.text, why
    assert host.supervisor.silent(0.1)
    why = client.answer("WHY", frames.Why(b"sysrq s", b"web"))
    assert why.allowed == 1, why
    why = client.answer("WHY", frames.Why(b"sysrq", b"web"))
    assert why.allowed == 1 and "key b amounts to reboot" in why.text, why
    done(host, client, "SYSRQ", sysrq("s"), frames.SYSRQ)


def test_E10_a_sysrq_key_needs_sysrq_and_the_other_right():
    host = host_with("sysrq", "reboot")
    client = client_of(host)
    done(host, client, "SYSRQ", sysrq("b"), frames.SYSRQ)
    assert client.answer("SYSRQ", sysrq("o")).err == frames.ERR["denied"]
    host = host_with("reboot", "shutdown", "destroy", "start")
    client = client_of(host)
    for key in ("b", "o", "c", "s"):
        answer = client.answer("SYSRQ", sysrq(key))
        assert answer.err == frames.ERR["denied"], answer
    for name in ("PAUSE", "UNPAUSE"):
        answer = client.answer(name, power("web"))
        assert answer.err == frames.ERR["denied"], answer


# --- force ------------------------------------------------------------------

def force(wait_s=1, boot=0):
    return power("web", boot, frames.FORCE, wait_s)


def asked(host, client, name):
    """Asks with force and plays the worker that asks the guest; the ref."""
    client.ask(name, force())
    ref = client.recv("JOB").ref
    run, worker, number = host.worker()
    assert run.op == {"SHUTDOWN": frames.SHUTDOWN,
                      "REBOOT": frames.REBOOT}[name]
    host.result(worker, number)
    assert "1 seconds" in client.recv("NOTE").text
    return ref


def test_what_does_not_obey_has_its_plug_pulled_by_the_same_job():
    host = host_with()
    client = client_of(host)
    for name, op, why, said in (
            ("SHUTDOWN", frames.DESTROY, "the guest is being switched off",
             "web is off. Its disk is kept."),
            ("REBOOT", frames.RESET, "the guest is being reset",
             "web was switched off and on again.")):
        ref = asked(host, client, name)
        note = client.recv("NOTE").text
        assert note == "web did not react within 1 s: pulling the plug."
        run, worker, number = host.worker()
        assert (run.op, run.ref) == (op, ref), run
        # It holds the guest, under the name that was asked for.
        busy = client.answer("PAUSE", power("web"))
        assert busy.err == frames.ERR["busy"], busy
        assert ref in busy.text and name.lower() in busy.text, busy
        worker.send("PHASE", 0, frames.Phase(
            number, frames.PAUSED_PHASE, 1, UUID))
        host.console.recv("DRAIN")
        host.console.send("DRAINED", customer="alice", guest="web")
        assert host.console.recv("MARK").text == why
        assert worker.recv("GO").job == number
        host.result(worker, number)
        end = client.recv("DONE")
        assert (end.err, end.ref, end.text) == (0, ref, said), end
        assert host.record(event="forced", verb=name.lower(), ref=ref,
                           guest="web", customer="alice")
        record = host.record(event="done", verb=name.lower(), ref=ref)
        assert "forced" in record["because"], record


def test_what_obeys_in_time_keeps_its_plug():
    host = host_with()
    client = client_of(host)
    asked(host, client, "SHUTDOWN")
    host.tell("DOMAIN_GONE", reason=frames.POWEROFF)
    end = client.recv("DONE")
    assert (end.err, end.text) == (0, "web is off."), end
    assert host.supervisor.silent(1.3)


def test_the_plug_of_another_boot_is_not_pulled():
    host = host_with()
    client = client_of(host, boot=3)
    asked(host, client, "SHUTDOWN")
    host.tell(boot=4, domid=2)
    assert client.recv("DONE").err == frames.ERR["boot"]
    asked(host, client, "REBOOT")
    host.tell(boot=5, domid=3)
    end = client.recv("DONE")
    assert (end.err, end.text) == (0, "web has rebooted."), end
    assert host.supervisor.silent(1.3)


def test_a_guest_that_is_being_booted_again_is_not_pulled_under_it():
    host = host_with()
    client = client_of(host, boot=3)
    asked(host, client, "REBOOT")
    host.tell(boot=3, reason=frames.REBOOT_REASON)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH
    # The time is over, and the guest is held by what boots it.
    assert host.supervisor.silent(1.3)
    host.tell("DOMAIN_GONE", boot=3, reason=frames.REBOOT_REASON)
    host.tell(boot=4, domid=2)
    host.result(worker, number)
    end = client.recv("DONE")
    assert (end.err, end.text) == (0, "web has rebooted."), end
    assert host.supervisor.silent(0.1)


def test_a_forced_job_that_had_to_queue_looks_again_before_it_pulls():
    host = Host()
    host.customer("alice", ("a", "b", '{ name = "web"; }'), os.geteuid())
    host.start()
    client, other = host.client(), host.client()
    host.tell(boot=3)
    host.status(client)
    # Two guests are being started: the host does no more at a time.
    for name in ("a", "b"):
        other.ask("START", power(name))
        other.recv("JOB")
    creating = [host.worker(), host.worker()]
    asked(host, client, "REBOOT")
    assert "pulling the plug" in client.recv("NOTE").text
    assert host.supervisor.silent(0.1)
    host.tell(boot=4, domid=2)
    host.status(other)
    host.result(creating[0][1], creating[0][2])
    end = client.recv("DONE")
    assert (end.err, end.text) == (0, "web has rebooted."), end
    assert host.supervisor.silent(0.1)


def test_a_guest_that_is_being_saved_keeps_its_plug():
    host = host_with()
    client = client_of(host)
    asked(host, client, "SHUTDOWN")
    host.tell(reason=frames.SUSPEND)
    assert client.recv("DONE").err == frames.ERR["elsewhere"]
    assert host.supervisor.silent(0.1)


def test_without_xen_no_plug_is_pulled_and_nothing_is_denied():
    host = host_with()
    client = client_of(host)
    ref = asked(host, client, "SHUTDOWN")
    host.watcher.close()
    end = client.recv("DONE")
    # The guest was asked, so "nothing was done" would be a lie.
    assert (end.err, end.ref) == (frames.ERR["timeout"], ref), end
    assert "It may still" in end.text and "1 seconds" in end.text, end
    assert host.supervisor.silent(0.1)


def test_a_right_that_is_lost_meanwhile_pulls_no_plug():
    host = host_with()
    client = client_of(host)
    asked(host, client, "SHUTDOWN")
    host.customer("alice", ('{ name = "web"; allow = [ "shutdown" ]; }',),
                  os.geteuid())
    end = client.recv("DONE")
    assert end.err == frames.ERR["revoked"], end
    assert host.supervisor.silent(0.1)


def test_a_right_that_is_lost_in_the_queue_starts_nothing():
    host = Host()
    host.customer("alice", ("a", "b", "web"), os.geteuid())
    host.start()
    client = host.client()
    creating = []
    for name in ("a", "b"):
        client.ask("START", power(name))
        client.recv("JOB")
        creating.append(host.worker())
    other = host.client()
    other.ask("START", power("web"))
    other.recv("JOB")
    other.recv("NOTE")
    host.customer("alice", ("a", "b", '{ name = "web"; allow = []; }'),
                  os.geteuid())
    harness.wait_until(lambda: other.answer(
        "START", power("web")).err == frames.ERR["denied"], what="reloaded")
    host.result(creating[0][1], creating[0][2])
    assert other.recv("DONE").err == frames.ERR["revoked"]
    assert host.supervisor.silent(0.1)


def test_E10_force_needs_the_right_to_destroy():
    host = host_with("shutdown", "reboot", "start")
    client = client_of(host)
    for name in ("SHUTDOWN", "REBOOT"):
        answer = client.answer(name, force())
        assert answer.err == frames.ERR["denied"], answer
        assert "%s web --force-after here" % name.lower() in answer.text
        assert '"why %s web"' % name.lower() in answer.text, answer
        record = host.record(event="decided", verb=name.lower(),
                             how="--force-after")
        assert record["verdict"] == "deny", record
        assert "destroy" in record["because"], record
        why = client.answer("WHY", frames.Why(
            name.lower().encode() + b" --force-after", b"web"))
        assert why.allowed == 0 and "destroy" in why.text, why
        plain = client.answer("WHY", frames.Why(name.lower().encode(),
                                                b"web"))
        assert plain.allowed == 1, plain
        assert "--force-after amounts to destroy" in plain.text, plain
    assert host.supervisor.silent(0.1)
    client.ask("SHUTDOWN", power("web"))
    assert client.recv("JOB").ref


def test_why_answers_for_every_verb():
    host = host_with("log")
    client = client_of(host)
    for verb in ("start", "shutdown", "reboot", "reset", "destroy", "pause",
                 "unpause", "sysrq", "console"):
        why = client.answer("WHY", frames.Why(verb.encode(), b"web"))
        assert why.name == "BECAUSE" and why.allowed == 0, (verb, why)
        assert "policy.conf" in why.text or "vpsh.conf" in why.text, why
    for verb in ("list", "status", "log", "whoami", "why"):
        why = client.answer("WHY", frames.Why(verb.encode(), b"web"))
        assert why.name == "BECAUSE" and why.allowed == 1, (verb, why)
    for words in (b"sysrq B", b"sysrq bb", b"start now", b"start --force-after",
                  b"", b" ", b"sysrq  "):
        answer = client.answer("WHY", frames.Why(words, b"web"))
        assert answer.err == frames.ERR["unknown-command"], (words, answer)


# --- how often --------------------------------------------------------------

def test_H14_what_one_loops_on_leaves_the_rest_to_them():
    host = host_with(*ALL, "console", more="limits = { power = 3; };")
    client = client_of(host)

    def again(name, body, op):
        client.ask(name, body)
        got = client.recv()
        if got.name == "REFUSED":
            assert got.err == frames.ERR["rate"], got
            return False
        run, worker, number = host.worker()
        host.result(worker, number, "failed")
        client.recv("DONE")
        return True

    loops = (("PAUSE", power("web"), frames.PAUSE),
             ("REBOOT", power("web"), frames.REBOOT),
             ("SHUTDOWN", power("web"), frames.SHUTDOWN))
    for name, body, op in loops:
        assert sum(again(name, body, op) for _ in range(20)) == 3, name
    # Keys come in rows.
    assert sum(again("SYSRQ", sysrq("s"), frames.SYSRQ)
               for _ in range(20)) == 15
    got = client.answer("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    assert got.name == "ATTACHED", got
    frames.close_fds(got)
    # Above all what undoes or ends it.
    for name, op in (("UNPAUSE", frames.UNPAUSE), ("RESET", frames.RESET),
                     ("DESTROY", frames.DESTROY)):
        assert again(name, power("web", flags=1), op), name
    host.tell("DOMAIN_GONE", reason=7)
    host.status(client)
    assert again("START", power("web"), frames.START)


def test_E16_destroy_wants_a_confirmation_and_a_repeat_is_harmless():
    host = host_with()
    client = client_of(host, boot=3)
    assert client.answer("DESTROY", power("web", boot=3)).err == frames.ERR[
        "confirm"]
    yes = power("web", boot=3, flags=frames.CONFIRMED)
    client.ask("DESTROY", yes)
    client.recv("JOB")
    run, worker, number = host.worker()
    repeat = client.answer("DESTROY", yes)
    assert repeat.err == frames.ERR["busy"], repeat
    host.tell("DOMAIN_GONE", boot=3, reason=7)
    host.result(worker, number)
    client.recv("DONE")
    client.ask("DESTROY", yes)
    client.recv("JOB")
    run, worker, number = host.worker()
    host.result(worker, number, number=1)
    repeat = client.recv("DONE")
    assert repeat.err == 0 and "off already" in repeat.text, repeat
    # It is up again: what was said of the boot before does not count.
    host.tell(boot=4, domid=2)
    host.status(client)
    assert client.answer("DESTROY", yes).err == frames.ERR["boot"]
    assert host.supervisor.silent(0.1)
    # And the very same frame once more is no frame of a client of ours.
    raw = frames.frame("DESTROY", client.last, yes)
    client.sock.send(raw)
    assert client.recv() is None


# --- deaths -----------------------------------------------------------------

def die(host, client, boot, reason=frames.CRASH):
    """It dies and is booted again."""
    host.tell(boot=boot, domid=boot)
    host.tell(boot=boot, domid=boot, reason=reason)
    run, worker, number = host.worker()
    assert run.op == frames.DEATH
    host.tell("DOMAIN_GONE", boot=boot, domid=boot, reason=reason)
    host.tell(boot=boot + 1, domid=boot + 1)
    host.result(worker, number)
    host.status(client)


def test_a_crash_loop_ends_and_its_customer_is_told():
    host = host_with()
    client = client_of(host)
    for boot in range(1, 6):
        die(host, client, boot)
    host.tell(boot=6, domid=6, reason=frames.CRASH, state=frames.CRASHED)
    got = host.status(client)
    assert "went down 5 times" in got.note and "web" in got.note, got
    assert host.supervisor.silent(0.2)
    assert host.record(event="left", customer="system", guest="web",
                       err="loop")
    host.tell(boot=6, domid=6, reason=frames.CRASH, state=frames.CRASHED)
    assert "went down" in host.status(client).note
    assert len([r for r in host.records() if r["event"] == "left"]) == 1
    # The customer's own start is a new beginning.
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    assert run.op == frames.START
    host.tell("DOMAIN_GONE", boot=6, domid=6, reason=frames.CRASH)
    host.tell(boot=7, domid=7)
    host.result(worker, number)
    client.recv("DONE")
    assert host.status(client).note == ""
    for boot in range(7, 12):
        die(host, client, boot)


def test_a_loop_of_poweroffs_ends_as_well():
    host = host_with()
    client = client_of(host)
    for boot in range(1, 6):
        die(host, client, boot, frames.POWEROFF)
    host.tell(boot=6, domid=6, reason=frames.POWEROFF)
    assert "went down" in host.status(client).note
    assert host.supervisor.silent(0.2)


def test_a_poweroff_after_crashes_is_cleaned_up():
    host = host_with()
    client = client_of(host)
    for boot in range(1, 6):
        die(host, client, boot)
    host.tell(boot=6, domid=6, reason=frames.POWEROFF)
    assert host.worker()[0].op == frames.DEATH
