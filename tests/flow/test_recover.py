# SPDX-License-Identifier: ISC
"""Workers that die, at each step, and what the next one makes of it.

The test is the broker that saw the worker die.
"""

import fcntl
import os
import shutil
import signal

import frames
import harness
import sim
import test_worker
from bench import (NOT_BEGUN, OFF, PAUSED, RUNS, is_result, made_by_xl,
                   new_host)


@harness.deadline(120)
def test_a_start_that_dies_leaves_the_guest_off_or_running():
    host = new_host()
    for point in ("worker-asked", "worker-locked", "start-intent",
                  "script-block-add", "script-vif-bridge-online",
                  "start-created", "start-console"):
        host.dies_at(point, frames.START)
        is_result(host.recover(frames.START), "interrupted", OFF)
        host.assert_off()
    for point in ("start-unpaused", "result-written", "worker-result"):
        host.dies_at(point, frames.START)
        number = host.domain("alice-web").domid
        is_result(host.recover(frames.START), "ok", 0, "runs")
        host.assert_ours(number)
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)
        host.assert_off()


@harness.deadline(120)
def test_a_destroy_that_dies_is_done_or_the_guest_goes_on():
    host = new_host()
    for point in ("worker-locked", "stop-silent"):
        number = host.boots()
        host.dies_at(point, frames.DESTROY)
        is_result(host.recover(frames.DESTROY), "interrupted", RUNS)
        assert host.assert_ours(number).paused == 0
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)
    for point in ("script-block-remove", "script-vif-bridge-offline",
                  "stop-destroyed", "stop-gone", "result-written"):
        host.boots()
        host.dies_at(point, frames.DESTROY)
        is_result(host.recover(frames.DESTROY), "ok", 0)
        host.assert_off()


@harness.deadline(60)
def test_a_guest_is_asked_once_whoever_dies_over_it():
    host = new_host(words="ignore-shutdown")
    for op in (frames.SHUTDOWN, frames.REBOOT):
        number = host.boots()
        host.dies_at("worker-locked", op)
        is_result(host.recover(op), "interrupted", RUNS)
        host.dies_at("stop-asked", op)
        is_result(host.recover(op), "ok", 0, "was asked")
        is_result(host.ask_worker(frames.DESTROY), "ok", 0,
                  "domain %d" % number)


@harness.deadline(60)
def test_a_pause_that_dies_is_told_as_the_guest_is():
    host = new_host()
    host.boots()
    host.dies_at("worker-locked", frames.PAUSE)
    is_result(host.recover(frames.PAUSE), "interrupted", RUNS)
    host.dies_at("worker-result", frames.PAUSE)
    is_result(host.recover(frames.PAUSE), "ok", 0)
    host.dies_at("worker-locked", frames.UNPAUSE)
    is_result(host.recover(frames.UNPAUSE), "interrupted", PAUSED)
    # The file with its result went, too.
    host.dies_at("result-written", frames.UNPAUSE)
    os.unlink(host.path("run/vpsh/result/alice-web"))
    is_result(host.recover(frames.UNPAUSE), "ok", 0, "runs")


@harness.deadline(60)
def test_guests_without_names_are_not_booted_twice():
    host = new_host()
    watcher = test_worker.Watcher(host)
    for make in (lambda: host.boots(), lambda: made_by_xl(host)):
        make()
        (domain,) = host.domains()
        assert watcher.scan()["alice-web"].domid == domain.domid
        # As an xenstored does that begins anew.
        host.store.remove("/local/domain/%d/name" % domain.domid)
        is_result(host.ask_worker(frames.START), "ok", 1, "runs already")
        assert [d.domid for d in host.domains()] == [domain.domid]
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)
        assert host.domains() == []
    watcher.stop()


@harness.deadline(120)
def test_a_reset_that_dies_says_where_it_left_the_guest():
    host = new_host()
    for point, err, number in (
            ("worker-locked", "interrupted", RUNS),
            ("stop-silent", "interrupted", RUNS),
            ("script-block-remove", "interrupted", OFF),
            ("stop-destroyed", "interrupted", OFF),
            ("stop-gone", "interrupted", OFF),
            ("start-intent", "interrupted", OFF),
            ("start-created", "interrupted", OFF),
            ("start-unpaused", "ok", 0), ("result-written", "ok", 0)):
        before = host.boots()
        host.dies_at(point, frames.RESET)
        is_result(host.recover(frames.RESET), err, number)
        if err == "ok":
            assert host.assert_ours().domid != before
        elif number == RUNS:
            host.assert_ours(before)
        else:
            host.assert_off()
            continue
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)


@harness.deadline(120)
def test_a_restart_that_dies_ends_with_one_running_guest():
    host = new_host()
    before = host.boots()
    for point in ("worker-locked", "stop-restart", "stop-silent",
                  "script-block-remove", "stop-destroyed", "stop-gone",
                  "start-intent", "script-block-add", "start-created",
                  "start-console", "start-unpaused", "result-written"):
        host.goes_down_to_reboot()
        host.dies_at(point, frames.DEATH, uuid=host.uuid())
        is_result(host.recover(frames.DEATH), "ok")
        assert host.assert_ours().domid != before, point
        before = host.has_booted()
        # Once more it is nobody's death.
        is_result(host.recover(frames.DEATH, host.new_job()), "ok")
        host.assert_ours(before)


@harness.deadline(120)
def test_a_death_that_dies_leaves_nothing_of_the_guest():
    host = new_host()
    for point in ("worker-locked", "stop-silent", "script-block-remove",
                  "stop-destroyed", "stop-gone", "result-written"):
        host.boots()
        is_result(host.ask_worker(frames.SHUTDOWN), "ok", 0)
        host.wait_domain("alice-web", state="shutdown", reason="poweroff")
        host.dies_at(point, frames.DEATH, uuid=host.uuid())
        is_result(host.recover(frames.DEATH), "ok")
        host.assert_off()


@harness.deadline(120)
def test_a_recovery_that_dies_is_recovered_from():
    host = new_host()
    # Of a start: at each of its own steps.
    for point in ("recover-locked", "stop-destroyed", "recover-tidied",
                  "result-written"):
        host.dies_at("start-created", frames.START)
        host.dies_at(point, frames.RECOVER, **host.recovery(frames.START))
        is_result(host.recover(frames.START), "interrupted", OFF)
        host.assert_off()
    # Of a restart, by whichever number the dead one is called.
    for point, which in (("recover-tidied", 0), ("start-intent", 1),
                         ("start-created", 0), ("start-unpaused", 1)):
        host.boots()
        host.goes_down_to_reboot()
        host.dies_at("start-created", frames.DEATH)
        number, ref = host.at
        host.dies_at(point, frames.RECOVER, **host.recovery(frames.DEATH))
        is_result(host.recover(frames.DEATH, (number + which, ref)), "ok")
        host.assert_ours()
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)


@harness.deadline(60)
def test_what_was_not_begun_is_told_from_what_was():
    host = new_host()
    for point, new in (("worker-asked", True), ("worker-locked", True),
                       ("start-intent", False), ("start-created", False)):
        host.dies_at(point, frames.START)
        got = host.recover(frames.START)
        is_result(got, "interrupted", OFF)
        assert (got.number & NOT_BEGUN != 0) == new, (point, got)
    for point, new in (("worker-locked", True), ("stop-silent", False)):
        number = host.boots()
        host.dies_at(point, frames.RESET)
        got = host.recover(frames.RESET)
        is_result(got, "interrupted", RUNS)
        assert (got.number & NOT_BEGUN != 0) == new, (point, got)
        host.assert_ours(number)
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)


@harness.deadline(60)
def test_who_wakes_after_another_did_its_work_does_nothing():
    """Given up for dead, it was done again by a worker of the same job."""
    host = new_host()
    late, channel = host.begin_to("worker-asked", frames.START)
    job = host.at
    got = host.recover(frames.START)
    is_result(got, "interrupted", OFF)
    is_result(host.ask_worker(frames.START, (job[0] + 2, job[1])), "ok", 0)
    is_result(host.ask_worker(frames.DESTROY, (job[0] + 3, job[1])), "ok", 0)
    os.kill(late.pid, signal.SIGCONT)
    assert channel.recv().name == "RESULT"
    late.wait()
    channel.close()
    host.assert_off()


@harness.deadline(60)
def test_who_wakes_after_other_jobs_came_and_went_does_nothing():
    """Given up for dead, and the guest's owner went on to other things."""
    host = new_host()

    def wakes(late, channel, *told):
        os.kill(late.pid, signal.SIGCONT)
        is_result(channel.recv("RESULT"), "interrupted", *told)
        late.wait()
        channel.close()
    late = host.begin_to("worker-asked", frames.START)
    is_result(host.recover(frames.START), "interrupted", OFF)
    # Numbers begin anew when a journal is lost.
    for number, op in ((1, frames.START), (2, frames.DESTROY)):
        is_result(host.ask_worker(op, (number, b"ELSE")), "ok", 0)
    wakes(*late, OFF, "too late, after job 2.ELSE")
    host.assert_off()

    host.boots()
    late = host.begin_to("worker-asked", frames.DESTROY)
    is_result(host.recover(frames.DESTROY), "interrupted", RUNS)
    host.done(frames.PAUSE)
    host.done(frames.UNPAUSE)
    # The last result is of one that did nothing with the guest.
    host.done(frames.RELEASE)
    wakes(*late, RUNS, "too late")
    host.assert_ours()
    is_result(host.ask_worker(frames.DESTROY), "ok", 0)


@harness.deadline(60)
def test_a_guest_that_went_down_counts_as_asked():
    host = new_host()
    host.boots()
    host.goes_down_to_reboot()
    for op in (frames.REBOOT, frames.SHUTDOWN):
        is_result(host.recover(op, host.new_job()), "ok", 0)
    is_result(host.ask_worker(frames.DEATH, uuid=host.uuid()), "ok", 0)
    host.has_booted()
    host.done(frames.SHUTDOWN)
    host.wait_domain("alice-web", state="shutdown", reason="poweroff")
    is_result(host.recover(frames.SHUTDOWN, host.new_job()), "ok", 0)
    # It does not come back from that.
    is_result(host.recover(frames.REBOOT, host.new_job()), "interrupted", OFF)


@harness.deadline(60)
def test_a_guest_of_which_nothing_was_lost_is_reported_as_it_is():
    host = new_host()
    for op in (frames.START, frames.SHUTDOWN, frames.DESTROY, frames.PAUSE):
        is_result(host.recover(op, host.new_job()), "interrupted", OFF, "is off")
    host.assert_off()
    number = host.boots()
    for op in (frames.START, frames.SHUTDOWN, frames.DESTROY, frames.RESET,
               frames.REBOOT, frames.PAUSE, frames.SYSRQ):
        # The start was another job's.
        is_result(host.recover(op, host.new_job()), "interrupted", RUNS, "runs")
    host.assert_ours(number)
    # So was the pause.
    host.done(frames.PAUSE)
    is_result(host.recover(frames.DESTROY, host.new_job()), "interrupted",
              PAUSED, "is paused")
    assert host.domain("alice-web").paused == 1


@harness.deadline(60)
def test_after_a_worker_died_the_next_job_tidies_up_unasked():
    host = new_host()
    for point, op in (("start-created", frames.START),
                      ("script-block-add", frames.START)):
        host.dies_at(point, op)
        is_result(host.ask_worker(frames.DESTROY), "ok")
        host.assert_off()
        host.dies_at(point, op)
        is_result(host.ask_worker(frames.START), "ok", 0)
        host.assert_ours()
        host.dies_at("script-block-remove", frames.DESTROY)
        is_result(host.ask_worker(frames.START), "ok", 0)
        host.assert_ours()
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)


@harness.deadline(60)
def test_a_nameless_one_is_found_and_told_apart_by_its_uuid():
    host = new_host()

    def without_name():
        (domain,) = host.domains()
        host.store.remove("/local/domain/%d/name" % domain.domid)
    for job in (lambda: host.recover(frames.START),
                lambda: host.ask_worker(frames.DESTROY)):
        # Xen knows it, and xenstore not yet.
        host.dies_at("start-created", frames.START)
        without_name()
        assert job().err in (0, frames.ERR["interrupted"])
        host.assert_off()
        # Xenstore does not know it any more, and Xen does.
        host.boots()
        host.dies_at("script-block-remove", frames.DESTROY)
        without_name()
        assert job().err in (0, frames.ERR["interrupted"])
        host.assert_off()
    # Nobody of ours made this one.
    assert host.xl("create", "-p", "-e",
                   host.path("etc/xen/alice-web.cfg")).returncode == 0
    (theirs,) = host.domains()
    host.dies_at("worker-locked", frames.START)
    is_result(host.recover(frames.START), "interrupted", PAUSED)
    without_name()
    host.dies_at("worker-locked", frames.START)
    is_result(host.recover(frames.START), "interrupted", OFF)
    assert [d.domid for d in host.domains()] == [theirs.domid]


@harness.deadline(60)
def test_a_guest_of_xls_that_is_half_destroyed_is_destroyed():
    host = new_host()
    for op in (frames.DESTROY, frames.START):
        made_by_xl(host)
        host.dies_at("script-block-remove", frames.DESTROY)
        assert host.domain("alice-web").paused
        is_result(host.ask_worker(op), "ok")
    host.assert_ours()


@harness.deadline(60)
def test_a_restart_that_a_customer_put_an_end_to_is_not_finished():
    host = new_host()
    for op in (frames.DESTROY, frames.SHUTDOWN):
        host.boots()
        host.goes_down_to_reboot()
        host.dies_at("stop-gone", frames.DEATH)
        assert host.intent()["mode"] == "restarting"
        is_result(host.ask_worker(op), "ok", 1)
        is_result(host.recover(frames.DEATH), "ok")
        host.assert_off()


@harness.deadline(60)
def test_only_our_own_half_made_domain_is_destroyed():
    host = new_host(cfg='uuid = "11111111-2222-4333-8444-555555555555"')
    config = host.path("etc/xen/alice-web.cfg")
    # An operator was quicker, with the very same xl.cfg.
    host.dies_at("start-intent", frames.START)
    assert host.xl("create", "-p", "-e", config).returncode == 0
    (theirs,) = host.domains()
    is_result(host.recover(frames.START), "interrupted", PAUSED)
    assert host.domains() == [theirs]
    is_result(host.ask_worker(frames.START), "paused")
    assert host.domains() == [theirs]
    assert host.xl("destroy", str(theirs.domid)).returncode == 0
    # Both in one instant: libxl keeps no two creates of one name apart.
    host.twins(True)
    host.dies_at("start-created", frames.START)
    (ours,) = host.domains()
    assert host.xl("create", "-e", config).returncode == 0
    host.twins(False)
    assert len(host.domains()) == 2
    is_result(host.recover(frames.START), "interrupted", RUNS)
    (left,) = host.domains()
    assert left.domid != ours.domid and left.state == "running"
    assert host.xl("destroy", str(left.domid)).returncode == 0
    # Theirs was first.
    for op in (frames.RECOVER, frames.START, frames.DESTROY):
        process, channel = host.begin_to("start-intent", frames.START)
        host.twins(True)
        assert host.xl("create", "-e", config).returncode == 0
        theirs = host.wait_domain("alice-web", state="running")
        host.arm("start-created")
        os.kill(process.pid, signal.SIGCONT)
        harness.wait_until(lambda: host.stopped_at("start-created"),
                           what=host.said())
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        channel.close()
        host.forget_stops()
        host.twins(False)
        assert len(host.domains()) == 2
        if op == frames.RECOVER:
            is_result(host.recover(frames.START), "interrupted", RUNS)
        else:
            is_result(host.ask_worker(op), "ok", int(op == frames.START))
        if op == frames.DESTROY:
            assert host.domains() == []
        else:
            (left,) = host.domains()
            assert left.domid == theirs.domid and left.state == "running", \
                left
            assert host.xl("destroy", str(theirs.domid)).returncode == 0


@harness.deadline(60)
def test_a_result_is_that_of_its_own_job_only():
    host = new_host()
    is_result(host.ask_worker(frames.START), "ok", 0)
    is_result(host.recover(frames.START), "ok", 0, "runs as domain")
    for more, ref in ((0, b"OTHR"), (-1, None), (1, None)):
        is_result(host.ask_worker(frames.PAUSE), "ok")
        other = host.at[0] + more, ref or host.at[1]
        is_result(host.recover(frames.SYSRQ, other), "interrupted", PAUSED)
    is_result(host.ask_worker(frames.UNPAUSE), "ok")
    is_result(host.recover(frames.UNPAUSE), "ok", text="goes on")
    path = host.path("run/vpsh/result/alice-web")
    assert os.stat(path).st_mode & 0o777 == 0o600
    for content in ("", "\nop 1\nerr 0\n", "\nop 1\nerr 5\nnumber 0\n",
                    "\nop 1\nerr -9999\nnumber 0\ntext x\n",
                    "\nop x\nerr 0\nnumber 0\ntext x\n", "\xff" * 70000):
        number, ref = host.new_job()
        with open(path, "w") as f:
            f.write("job %d.%s%s" % (number, ref.decode(), content))
        is_result(host.recover(frames.SHUTDOWN), "interrupted", RUNS)


@harness.deadline(60)
def test_an_orphan_that_hangs_does_not_keep_a_guest_from_its_end():
    host = new_host()
    number = host.boots()
    process, channel = host.begin_to("worker-locked", frames.REBOOT)
    other, more = host.begin(frames.PAUSE, lock_s=1)
    is_result(more.recv("RESULT"), "busy")
    assert other.wait() == 0
    assert process.alive()
    is_result(host.ask_worker(frames.DESTROY), "ok", 0, "domain %d" % number)
    assert process.wait() == -signal.SIGKILL
    channel.close()
    host.assert_off()
    # Half-way through making one, and with a script that hangs.
    process, channel = host.begin_to("script-block-add", frames.START)
    is_result(host.ask_worker(frames.DESTROY), "ok")
    assert process.wait() == -signal.SIGKILL
    channel.close()
    host.assert_off()


@harness.deadline(60)
def test_recovering_waits_for_an_orphan_that_works_and_no_longer():
    host = new_host()
    process, channel = host.begin_to("start-console", frames.START)
    channel.close()     # its broker is gone
    own, back = host.begin(frames.RECOVER, lock_s=30,
                           **host.recovery(frames.START))
    assert back.silent(0.3)
    os.kill(process.pid, signal.SIGCONT)
    is_result(back.recv("RESULT"), "ok", 0, "runs as domain")
    assert (own.wait(), process.wait()) == (0, 0)
    number = host.assert_ours().domid
    process, channel = host.begin_to("worker-locked", frames.REBOOT)
    channel.close()
    is_result(host.recover(frames.REBOOT, host.new_job(), lock_s=1),
              "interrupted", RUNS)
    assert process.wait() == -signal.SIGKILL
    host.assert_ours(number)


@harness.deadline(60)
def test_a_worker_that_was_given_up_for_dead_does_nothing_more():
    host = new_host()
    process, channel = host.begin_to("worker-asked", frames.START)
    late = host.at
    is_result(host.recover(frames.START), "interrupted", OFF)
    os.kill(process.pid, signal.SIGCONT)
    is_result(channel.recv("RESULT"), "interrupted", OFF)
    process.wait()
    channel.close()
    assert host.at == late
    host.assert_off()


@harness.deadline(60)
def test_a_guest_that_ran_is_never_taken_for_half_made():
    host = new_host()
    # Its intent still says so, and nobody recovered.
    host.dies_at("start-unpaused", frames.START)
    assert host.intent()["mode"] == "creating"
    number = host.has_booted()
    is_result(host.ask_worker(frames.PAUSE), "ok", 0)
    is_result(host.ask_worker(frames.START), "paused")
    is_result(host.recover(frames.START, host.new_job()), "interrupted",
              PAUSED)
    is_result(host.ask_worker(frames.UNPAUSE), "ok", 0)
    host.assert_ours(number)


@harness.deadline(60)
def test_a_lock_is_not_broken_on_anybody_elses_word():
    host = new_host()
    host.boots()
    path = host.path("run/vpsh/lock/alice-web")
    # Held by a process that is no worker, whatever the file says.
    with open(path, "r+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        for content in (str(os.getpid()), "1", "-1", "x", "",
                        str(host.processes["simxen"].pid), "9" * 40):
            f.seek(0)
            f.truncate()
            f.write(content)
            f.flush()
            is_result(host.recover(frames.START, host.new_job(), lock_s=1),
                      "busy")
    assert host.processes["simxen"].alive()
    is_result(host.ask_worker(frames.DESTROY), "ok", 0)


@harness.deadline(60)
def test_a_lock_that_a_dead_workers_child_holds_is_broken():
    host = new_host()
    host.boots()
    # As libxl's children that do not exec: the same program and group.
    program = host.path("vpsh-domain")
    shutil.copy(os.path.realpath("/usr/bin/python3"), program)
    os.chmod(program, 0o755)
    code = """
import fcntl, os, signal
f = open("%s", "r+")
fcntl.flock(f, fcntl.LOCK_EX)
f.truncate()
f.write("%%d\\n" %% os.getpid())
f.flush()
if os.fork() == 0:
    open("%s", "w")
    signal.pause()
os._exit(0)
""" % (host.path("run/vpsh/lock/alice-web"), host.path("run/holds"))
    parent = harness.Process([program, "-c", code],
                             preexec_fn=sim.becomes(host.uid))
    parent.wait()
    harness.wait_until(lambda: os.path.exists(host.path("run/holds")))
    is_result(host.ask_worker(frames.PAUSE, lock_s=1), "busy")
    is_result(host.ask_worker(frames.DESTROY), "ok", 0)
    assert "killed" in host.said()


@harness.deadline(60)
def test_a_guest_that_was_closed_meanwhile_is_tidied_up_and_no_more():
    host = new_host()
    for op in (frames.START, frames.DEATH):
        host.customer("bob")
        if op == frames.DEATH:
            host.boots()
            host.goes_down_to_reboot()
        host.dies_at("start-created", op)
        assert len(host.domains()) == 1
        dead = host.at
        # Bob has it, too, says the operator.
        host.policies["bob"]["x"] = '{ name = "x"; domain = "alice-web"; }'
        host.write_policy("bob")
        is_result(host.ask_worker(frames.START), "guest-closed")
        assert len(host.domains()) == 1
        is_result(host.recover(op, dead), "interrupted", OFF)
        host.assert_off()
        del host.policies["bob"]["x"]


@harness.deadline(60)
def test_half_written_records_of_the_dead_are_swept_up():
    host = new_host()
    host.boots()
    left = [host.path(folder, name) for folder in (
        "var/lib/vpsh/intent", "run/vpsh/result")
        for name in (".alice-web.4711", ".alice-web.1.4711", ".alice-web.")]
    for path in left:
        with open(path, "w"):
            pass
    is_result(host.recover(frames.PAUSE, host.new_job()), "interrupted")
    assert [os.path.exists(path) for path in left] == 2 * [False, True, True]


@harness.deadline(60)
def test_what_is_so_already_is_no_mistake():
    host = new_host()
    is_result(host.ask_worker(frames.SHUTDOWN), "ok", 1)
    is_result(host.ask_worker(frames.DESTROY), "ok", 1)
    is_result(host.ask_worker(frames.DESTROY, uuid=(1,) * 16), "ok", 1)
    for op in (frames.REBOOT, frames.RESET, frames.PAUSE, frames.UNPAUSE):
        host.refused("not-running", op)
    is_result(host.ask_worker(frames.START), "ok", 0)
    is_result(host.ask_worker(frames.START), "ok", 1)


@harness.deadline(60)
def test_what_a_worker_starts_is_not_spared_when_memory_runs_out():
    host = new_host()
    host.arm("worker-asked")
    with open("/proc/self/oom_score_adj") as f:
        ours = int(f.read())
    process, channel = host.begin(frames.START)
    harness.wait_until(lambda: host.stopped_at("worker-asked"))
    with open("/proc/%d/oom_score_adj" % process.pid) as f:
        assert int(f.read()) == max(0, ours)
    process.kill(signal.SIGKILL)
