# SPDX-License-Identifier: ISC
"""What is somebody else's is left alone, and what is ours is not lost.

The moments are those at which a worker, the watcher, or both had died.
"""

import os
import signal

import frames
import harness
import sim
import test_worker
from bench import PAUSED, RUNS, is_result, made_by_xl, new_host, xl_monitors


@harness.deadline(60)
def test_who_was_paused_on_purpose_is_not_set_going_by_a_recovery():
    host = new_host()
    number = host.boots()
    host.dies_at("stop-silent", frames.DESTROY)
    is_result(host.recover(frames.DESTROY), "interrupted", RUNS)
    # The operator's, long after that destroy was seen to.
    host.ask(sim.PAUSE, number)
    host.dies_at("worker-locked", frames.REBOOT)
    is_result(host.recover(frames.REBOOT), "interrupted", PAUSED)
    assert host.domain("alice-web").paused == 1


@harness.deadline(60)
def test_what_could_not_be_destroyed_and_went_on_is_no_wreck():
    host = new_host()
    number = host.boots()
    host.dies_at("script-block-remove", frames.DESTROY)
    # Its operator has it go on.
    while host.domain("alice-web").paused:
        host.ask(sim.UNPAUSE, number)
    is_result(host.ask_worker(frames.PAUSE), "ok", 0)
    is_result(host.ask_worker(frames.START), "paused")
    assert host.domain("alice-web").domid == number


@harness.deadline(60)
def test_a_restart_that_failed_while_nobody_looked_can_be_started():
    host = new_host()
    watcher = test_worker.Watcher(host)
    for point in ("stop-gone", "start-created"):
        host.boots()
        watcher.scan()
        host.goes_down_to_reboot()
        watcher.scan()
        watcher.stop()
        host.dies_at(point, frames.DEATH)
        watcher = test_worker.Watcher(host)
        watcher.scan()
        config = host.path("etc/xen/alice-web.cfg")
        os.rename(config, config + ".away")
        is_result(host.recover(frames.DEATH), "no-config")
        watcher.scan()
        os.rename(config + ".away", config)
        is_result(host.ask_worker(frames.START), "ok", 0)
        host.assert_ours()
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)
        watcher.scan()
    watcher.stop()


@harness.deadline(60)
def test_a_guest_whose_record_cannot_be_replaced_is_whole_all_the_same():
    host = new_host()
    process, channel = host.begin_to("start-unpaused", frames.START)
    os.chmod(host.path("var/lib/vpsh/intent"), 0o500)
    os.kill(process.pid, signal.SIGCONT)
    is_result(channel.recv("RESULT"), "ok", 0)
    process.wait()
    channel.close()
    os.chmod(host.path("var/lib/vpsh/intent"), 0o700)
    host.assert_ours()


@harness.deadline(60)
def test_a_release_that_dies_boots_what_waited_for_it():
    host = new_host()
    host.boots()
    host.goes_down_to_reboot()
    host.dies_at("stop-gone", frames.DEATH)
    dead = host.at
    is_result(host.ask_worker(frames.HOLD, text=b"disk check"), "ok")
    is_result(host.recover(frames.DEATH, dead), "held")
    host.dies_at("start-intent", frames.RELEASE)
    is_result(host.recover(frames.RELEASE), "ok")
    host.assert_ours()


@harness.deadline(60)
def test_what_waited_is_not_booted_once_the_policy_puts_it_elsewhere():
    host = new_host()
    host.boots()
    host.goes_down_to_reboot()
    host.dies_at("stop-gone", frames.DEATH)
    dead = host.at
    is_result(host.ask_worker(frames.HOLD, text=b"disk check"), "ok")
    is_result(host.recover(frames.DEATH, dead), "held")
    host.guest("web", policy='host = "elsewhere";')
    is_result(host.recover(frames.DEATH, dead), "held")
    result = host.ask_worker(frames.RELEASE)
    assert host.domains() == [], result
    host.assert_off()


@harness.deadline(60)
def test_a_guest_that_shuts_down_while_it_is_adopted_is_seen_to():
    host = new_host()
    for dies in (False, True):
        domain, _ = made_by_xl(host)
        host.has_booted()
        watcher = test_worker.Watcher(host)
        watcher.scan()
        process, channel = host.begin_to("adopt-ended", frames.ADOPT)
        host.store.write("/local/domain/%d/control/shutdown" % domain.domid,
                         "poweroff")
        host.wait_domain("alice-web", state="shutdown", reason="poweroff")
        watcher.scan()
        if dies:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            result = host.recover(frames.ADOPT)
        else:
            os.kill(process.pid, signal.SIGCONT)
            result = channel.recv("RESULT")
            process.wait()
        is_result(result, "ok", 0)
        channel.close()
        host.forget_stops()
        assert watcher.scan()["alice-web"].ours == 1
        watcher.stop()
        is_result(host.ask_worker(frames.DEATH), "ok")
        host.assert_off()


@harness.deadline(60)
def test_xl_is_ended_over_a_guest_that_it_knows_by_another_name():
    host = new_host()
    config = host.path("etc/xen/alice-web.cfg")
    with open(config) as f:
        text = f.read()
    host.write("etc/xen/once.cfg",
               text.replace('"alice-web"', '"alice-web--incoming"'))
    assert host.xl("create", host.path("etc/xen/once.cfg")).returncode == 0
    other = host.wait_domain("alice-web--incoming", state="running")
    assert host.xl("rename", str(other.domid), "alice-web").returncode == 0
    assert xl_monitors(host) == []

    def waiting():
        return [words for words in host.inhabitants().values()
                if "once.cfg" in words]
    harness.wait_until(waiting, what="xl watches over it")
    dry = host.ask_worker(frames.ADOPT, flags=1)
    assert "would be ended" in dry.text, (dry, host.inhabitants())
    result = host.ask_worker(frames.ADOPT)
    is_result(result, "ok", 0, "was ended")
    assert not waiting()
    host.assert_ours(other.domid)
