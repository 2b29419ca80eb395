# SPDX-License-Identifier: ISC
"""What operators have workers do: adopt, hold, release, forget a saved one."""

import os
import signal
import time

import frames
import harness
import sim
import test_worker
from bench import RUNS, is_result, made_by_xl, new_host, xl_monitors


@harness.deadline(60)
def test_what_xl_was_ended_over_is_not_taken_for_ours():
    host = new_host()
    domain, _ = made_by_xl(host)
    process, channel = host.begin_to("adopt-ended", frames.ADOPT)
    assert host.xl("destroy", "alice-web").returncode == 0
    os.kill(process.pid, signal.SIGCONT)
    is_result(channel.recv("RESULT"), "failed", text="start it")
    process.wait()
    channel.close()
    host.assert_off()


@harness.deadline(60)
def test_a_guest_of_xls_becomes_ours_without_noticing():
    host = new_host()
    domain, monitor = made_by_xl(host)
    watcher = test_worker.Watcher(host)
    assert watcher.scan()["alice-web"].ours == 0
    dry = host.ask_worker(frames.ADOPT, flags=1)
    is_result(dry, "ok", 0, "would become vpsh's")
    assert "would be ended" in dry.text
    assert (host.intent(), xl_monitors(host)) == (None, [monitor])
    before = watcher.scan()["alice-web"]
    is_result(host.ask_worker(frames.ADOPT), "ok", 0, "was ended")
    assert xl_monitors(host) == []
    assert host.assert_ours() == domain
    after = watcher.scan()["alice-web"]
    assert after.ours == 1
    assert (after.domid, after.boot, after.since_ms) == (
        before.domid, before.boot, before.since_ms)
    is_result(host.ask_worker(frames.ADOPT), "ok", 1, "already")
    is_result(host.ask_worker(frames.ADOPT, flags=1), "ok", 1, "already")
    # Its death is ours alone to see to.
    host.has_booted()
    host.goes_down_to_reboot()
    is_result(host.ask_worker(frames.DEATH), "ok", 0)
    assert host.assert_ours().domid != domain.domid
    watcher.stop()


@harness.deadline(60)
def test_an_adopted_guest_keeps_its_uuid_and_macs_at_the_next_boot():
    host = new_host(net=False, cfg='vif = [ "bridge=xenbr0", '
                    '"mac=00:16:3e:aa:bb:cc, bridge=xenbr0" ]')

    def identity():
        domain = host.domain("alice-web")
        return domain.uuid, [
            host.store.read("/local/domain/%d/device/vif/%d/mac"
                            % (domain.domid, i)) for i in (0, 1)]
    # What vpsh made up for it once is not what it has now.
    host.boots()
    own = identity()
    is_result(host.ask_worker(frames.DESTROY), "ok", 0)
    made_by_xl(host)
    theirs = identity()
    assert theirs != own and theirs[1][1] == own[1][1]
    is_result(host.ask_worker(frames.ADOPT), "ok", 0)
    host.has_booted()
    host.goes_down_to_reboot()
    is_result(host.ask_worker(frames.DEATH), "ok", 0)
    host.assert_ours()
    assert identity() == theirs


@harness.deadline(60)
def test_who_adopts_hears_of_an_xl_cfg_with_a_mistake():
    host = new_host()
    made_by_xl(host)
    host.write("etc/xen/alice-web.cfg", "name = \n")
    for flags in (1, 0):
        is_result(host.ask_worker(frames.ADOPT, flags=flags), "ok", 0,
                  "cannot be booted again")


@harness.deadline(60)
def test_an_adoption_that_dies_is_finished_once_it_was_begun():
    host = new_host()
    for point in ("worker-locked", "adopt-intent", "adopt-ended",
                  "adopt-marked", "result-written"):
        domain, monitor = made_by_xl(host)
        host.dies_at(point, frames.ADOPT)
        result = host.recover(frames.ADOPT)
        if point == "worker-locked":
            is_result(result, "interrupted", RUNS)
            assert xl_monitors(host) == [monitor]
            assert host.intent() is None
        else:
            is_result(result, "ok")
            assert xl_monitors(host) == []
            assert host.assert_ours() == domain
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)
        harness.wait_until(lambda: not xl_monitors(host),
                           what="xl has seen it go")


@harness.deadline(60)
def test_what_cannot_be_adopted_is_left_as_it_is():
    host = new_host()
    is_result(host.ask_worker(frames.ADOPT), "not-running", text="is off")
    domain, monitor = made_by_xl(host)
    host.ask(sim.PAUSE, domain.domid)
    is_result(host.ask_worker(frames.ADOPT), "paused")
    host.ask(sim.UNPAUSE, domain.domid)
    host.guest("web", policy='host = "elsewhere";')
    is_result(host.ask_worker(frames.ADOPT), "elsewhere", text="elsewhere")
    host.guest("web")
    host.twins(True)
    assert host.xl("create", "-e", host.path("etc/xen/alice-web.cfg")
                   ).returncode == 0
    host.twins(False)
    assert len(host.domains()) == 2
    is_result(host.ask_worker(frames.ADOPT), "failed", text="two")
    assert host.intent() is None
    assert monitor in xl_monitors(host)


def hold(host, text="disk check", until_ms=0):
    return host.ask_worker(frames.HOLD, text=text.encode(),
                           until_ms=until_ms)


def wall_ms():
    return int(time.time() * 1000)


@harness.deadline(60)
def test_a_held_guest_is_not_booted_by_anybody():
    host = new_host()
    is_result(host.ask_worker(frames.RELEASE), "ok", 1, "was not held")
    is_result(hold(host), "ok", 0, "disk check")
    result = host.ask_worker(frames.START)
    is_result(result, "held", text="disk check")
    assert host.domains() == []
    # What began before it was held is not finished either.
    is_result(host.ask_worker(frames.RELEASE), "ok", 0, "is released")
    number = host.boots()
    is_result(hold(host), "ok", 0)
    is_result(host.ask_worker(frames.START), "ok", 1)
    is_result(host.ask_worker(frames.RESET), "held")
    assert host.domain("alice-web").state == "running"
    host.assert_ours(number)
    # A reboot leaves it as it is, to be booted when it is released.
    host.goes_down_to_reboot()
    is_result(host.ask_worker(frames.DEATH), "held")
    assert host.domain("alice-web").state == "shutdown"
    is_result(host.ask_worker(frames.RELEASE), "ok", 0)
    is_result(host.ask_worker(frames.DEATH), "ok", 0)
    host.assert_ours()
    host.has_booted()
    # Its end is always allowed.
    is_result(hold(host), "ok")
    is_result(host.ask_worker(frames.DESTROY), "ok", 0)
    host.assert_off()


@harness.deadline(60)
def test_a_broker_cannot_release_or_forget_by_itself():
    host = new_host()
    image = host.path("var/lib/xen/save/alice-web")
    is_result(hold(host), "ok")
    host.write("var/lib/xen/save/alice-web", "image")

    def refused():
        for op in (frames.RELEASE, frames.FORGET_SAVED):
            is_result(host.ask_worker(op, word=False), "denied",
                      text="no operator")
        is_result(host.ask_worker(frames.START), "held")
    refused()
    # Word of another guest, of another request, or of long ago.
    words = [host.leave_word(verb, guest) for verb, guest in (
        ("release", "alice:db"), ("forget-saved", "alice-db"),
        ("hold", "alice:web"))]
    old = host.leave_word("release")
    os.utime(old, (time.time() - 3600,) * 2)
    refused()
    assert not os.path.exists(old)
    assert all(os.path.exists(w) for w in words)
    # Once, under either of its names.
    for name in ("alice:web", "alice-web"):
        host.leave_word("release", name)
        is_result(host.ask_worker(frames.RELEASE, word=False), "ok", 0)
        is_result(hold(host), "ok")
        refused()
    host.leave_word("forget-saved", "alice-web")
    is_result(host.ask_worker(frames.FORGET_SAVED, word=False), "ok", 0,
              image)


@harness.deadline(60)
def test_a_restart_cut_short_and_held_goes_on_when_it_is_released():
    host = new_host()
    for point in ("stop-gone", "start-created"):
        host.boots()
        host.goes_down_to_reboot()
        host.dies_at(point, frames.DEATH)
        dead = host.at
        is_result(hold(host), "ok")
        is_result(host.recover(frames.DEATH, dead), "held")
        assert host.domains() == []
        is_result(host.ask_worker(frames.RELEASE), "ok", 0, "runs as")
        host.assert_ours()
        is_result(host.ask_worker(frames.DESTROY), "ok", 0)


@harness.deadline(60)
def test_a_hold_ends_by_itself_and_a_damaged_one_does_not():
    host = new_host()
    path = host.path("var/lib/vpsh/hold/alice-web")
    is_result(hold(host, until_ms=wall_ms() - 1), "usage")
    is_result(hold(host, until_ms=-1), "usage")
    until = wall_ms() + 1500
    is_result(hold(host, until_ms=until), "ok")
    is_result(host.ask_worker(frames.START), "held")
    harness.wait_until(lambda: wall_ms() > until, what="time passes")
    is_result(host.ask_worker(frames.START), "ok", 0)
    is_result(host.ask_worker(frames.DESTROY), "ok", 0)
    for content in ("", "until x\nreason no reason\n", "until 0\n", "\0"):
        with open(path, "w") as f:
            f.write(content)
        is_result(host.ask_worker(frames.START), "held", text="no reason")
    os.unlink(path)
    os.symlink("/etc/passwd", path)
    is_result(host.ask_worker(frames.START), "held")
    is_result(hold(host, "two\nlines \x1b[31m"), "ok")
    result = host.ask_worker(frames.START)
    is_result(result, "held", text="two\\x0alines \\x1b[31m")
    is_result(host.ask_worker(frames.RELEASE), "ok", 0)
    is_result(host.ask_worker(frames.START), "ok", 0)


@harness.deadline(60)
def test_a_saved_guest_is_booted_once_its_image_is_forgotten():
    host = new_host()
    is_result(host.ask_worker(frames.FORGET_SAVED), "ok", 1, "neither")
    image = host.path("var/lib/xen/save/alice-web")
    host.write("var/lib/xen/save/alice-web", "its memory")
    is_result(host.ask_worker(frames.START), "elsewhere", text=image)
    is_result(host.ask_worker(frames.FORGET_SAVED), "ok", 0, image)
    with open(image) as f:
        assert f.read() == "its memory"
    is_result(host.ask_worker(frames.FORGET_SAVED), "ok", 1)
    number = host.boots()
    # Another file of that name counts, and nothing is destroyed for it.
    host.write("var/lib/xen/save/alice-web", "its memory, later")
    is_result(host.ask_worker(frames.RESET), "elsewhere")
    host.assert_ours(number)
    host.goes_down_to_reboot()
    is_result(host.ask_worker(frames.DEATH), "elsewhere")
    assert host.domain("alice-web").state == "shutdown"
    is_result(host.ask_worker(frames.FORGET_SAVED), "ok", 0)
    is_result(host.ask_worker(frames.DEATH), "ok", 0)
    host.assert_ours()
    is_result(host.ask_worker(frames.DESTROY), "ok", 0)
    # It left by suspending, to another host.
    host.folder("var/lib/vpsh/boots")
    host.write("var/lib/vpsh/boots/alice-web",
               "boot 4\ndomid 3\nuuid 11111111-2222-4333-8444-555555555555"
               "\nhost x\nsince -1\naway 1\non 0\n")
    is_result(host.ask_worker(frames.START), "elsewhere", text="suspending")
    is_result(host.ask_worker(frames.FORGET_SAVED), "ok", 0, "away")
    is_result(host.ask_worker(frames.START), "ok", 0)
