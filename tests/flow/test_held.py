# SPDX-License-Identifier: ISC
"""Guests that must not be booted: held ones, saved ones, moved ones.

The simulated xl cannot save and restore. A save is what the watcher sees of
one: the guest suspends and is destroyed, an image may appear; a restore is a
domain of that name, paused until all of it is there.
"""

import contextlib
import json
import os
import re
import signal
import threading
import time

import harness
import sim

DOMAIN = "alice-web"
HOLD = "var/lib/vpsh/hold/" + DOMAIN
IMAGE = "var/lib/xen/save/" + DOMAIN
CFG = "etc/xen/alice-web.cfg"


def new_host(cfg=""):
    host = sim.SimHost()
    host.guest("web", cfg=cfg)
    return host.start()


def hold(host, reason="the disk is being copied", until_ms=0):
    host.write(HOLD, "until %d\nreason %s\n" % (until_ms, reason), 0o600)


def remove(host, name):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(host.path(name))


def boot(host):
    done = host.vpsh("start", "web")
    assert done.returncode == 0, (done, host.said())
    return host.domain(DOMAIN).domid


def shown(host, pattern):
    """Waits until `status` says so."""
    return harness.wait_until(
        lambda: re.search(pattern, host.vpsh("status", "web").stdout), 10,
        "status says %s: %s; %s" % (
            pattern, host.vpsh("status", "web").stdout, host.said()))


def state(host, word):
    return shown(host, r"(?m)^state: +%s" % word)


def ours(host):
    return not re.search("elsewhere", host.vpsh("status", "web").stdout)


def refused(host, code, pattern, *words):
    words = words or ("start", "web")
    done = host.vpsh(*words)
    assert done.returncode == code, (done, host.said())
    assert re.search(pattern, done.stderr), done.stderr


def records(host, **wanted):
    with open(host.audit) as f:
        found = [json.loads(line) for line in f]
    return [r for r in found if all(r.get(k) == v for k, v in wanted.items())]


def suspend(host):
    """The guest's part of a save or a migration."""
    number = host.domain(DOMAIN).domid
    host.store.write("/local/domain/%d/control/shutdown" % number, "suspend")
    host.wait_domain(DOMAIN, state="shutdown", reason="suspend")
    return number


def save(host, image=True):
    """xl save; without an image where we would look for one."""
    number = suspend(host)
    state(host, "saved")
    if image:
        host.write(IMAGE, "an image of %d\n" % number, 0o600)
    assert host.xl("destroy", str(number)).returncode == 0
    host.wait_domain(DOMAIN)


def restore(host, *options):
    assert host.xl("create", "-e", *options,
                   host.path(CFG)).returncode == 0, host.said()
    return host.domain(DOMAIN).domid


def test_a_hold_is_shown_and_refuses_a_start_until_it_is_gone():
    host = new_host()
    hold(host, "the disk is being copied")
    shown(host, "the disk is being copied")
    refused(host, 5, "the disk is being copied")
    assert host.domains() == []
    hold(host, "another reason")
    shown(host, "another reason")
    refused(host, 5, "another reason")
    remove(host, HOLD)
    harness.wait_until(lambda: "another reason" not in host.vpsh(
        "status", "web").stdout, what="the hold is gone")
    boot(host)


def test_a_hold_ends_by_itself():
    host = new_host()
    hold(host, until_ms=int(time.time() * 1000) + 3000)
    refused(host, 5, "the disk is being copied")
    harness.wait_until(lambda: "being copied" not in host.vpsh(
        "status", "web").stdout, 15, "the hold is over")
    boot(host)


def test_what_runs_and_is_held_can_be_switched_off_and_not_on():
    host = new_host()
    boot(host)
    hold(host)
    shown(host, "the disk is being copied")
    state(host, "running")
    refused(host, 5, "being copied", "reset", "web", "--yes")
    assert host.domain(DOMAIN).state == "running"
    assert host.vpsh("shutdown", "web").returncode == 0
    host.wait_domain(DOMAIN)
    refused(host, 5, "being copied")
    remove(host, HOLD)
    harness.wait_until(lambda: host.vpsh("start", "web").returncode == 0,
                       what="it starts")
    hold(host)
    shown(host, "the disk is being copied")
    assert host.vpsh("destroy", "web", "--yes").returncode == 0
    host.wait_domain(DOMAIN)


def test_one_that_dies_while_it_is_held_is_booted_when_it_is_released():
    host = new_host()
    first = boot(host)
    hold(host)
    shown(host, "the disk is being copied")
    host.store.write("/local/domain/%d/control/shutdown" % first, "reboot")
    host.wait_domain(DOMAIN, state="shutdown", reason="reboot")
    # Two looks later nobody has begun anything.
    for _ in range(2):
        shown(host, "the disk is being copied")
    assert host.domain(DOMAIN).domid == first
    remove(host, HOLD)
    harness.wait_until(lambda: (host.domain(DOMAIN) or host.domains(
        ) or [None])[-1] and host.domain(DOMAIN)
        and host.domain(DOMAIN).domid != first, 15, "it is booted again")
    assert len(host.domains()) == 1


def test_a_hold_outlives_all_of_vpsh():
    host = new_host()
    hold(host)
    shown(host, "the disk is being copied")
    host.stop_vpsh()
    host.start_vpsh()
    refused(host, 5, "the disk is being copied")


def test_an_image_that_comes_and_goes_is_noticed():
    host = new_host()
    state(host, "off")
    host.write(IMAGE, "an image\n", 0o600)
    state(host, "saved")
    refused(host, 1, "saved or moved")
    remove(host, IMAGE)
    state(host, "off")
    boot(host)


def test_saved_to_some_other_place_and_restored():
    host = new_host()
    boot(host)
    save(host, image=False)
    state(host, "saved")
    refused(host, 1, "saved or moved")
    # It stays so whoever is restarted.
    host.stop_vpsh()
    host.start_vpsh()
    state(host, "saved")
    refused(host, 1, "saved or moved")
    number = restore(host)
    state(host, "running")
    assert host.vpsh("start", "web").returncode == 0
    assert host.domain(DOMAIN).domid == number
    # xl's: it dies without being booted again, and the next start is ours.
    assert host.xl("destroy", str(number)).returncode == 0
    host.wait_domain(DOMAIN)
    state(host, "off")
    boot(host)


def test_a_restore_that_fails_leaves_it_saved():
    host = new_host()
    boot(host)
    save(host, image=False)
    for image in (False, True):
        if image:
            host.write(IMAGE, "an image\n", 0o600)
        number = restore(host, "-p")
        assert host.domain(DOMAIN).paused
        state(host, "paused")
        assert host.xl("destroy", str(number)).returncode == 0
        host.wait_domain(DOMAIN)
        state(host, "saved")
        refused(host, 1, "saved or moved")


def test_an_image_that_was_restored_is_of_the_past():
    host = new_host()
    boot(host)
    save(host)
    state(host, "saved")
    number = restore(host, "-p")
    assert host.xl("unpause", str(number)).returncode == 0
    state(host, "running")
    harness.wait_until(
        lambda: os.path.exists(host.path("var/lib/vpsh/forgotten", DOMAIN)),
        what="that image is remembered")
    assert host.xl("destroy", str(number)).returncode == 0
    host.wait_domain(DOMAIN)
    state(host, "off")
    boot(host)
    # The next one counts again.
    save(host)
    state(host, "saved")
    refused(host, 1, "saved or moved")


def test_H03_a_start_waits_until_it_is_known_how_the_guest_ended():
    host = new_host()
    number = boot(host)
    host.folder("run/vpsh/points")
    host.write("run/vpsh/points/watcher-away", "")
    suspend(host)
    pid = host.children()["vpsh-domain watch"]
    harness.wait_until(lambda: os.path.exists(host.path(
        "run/vpsh/points/watcher-away.%d" % pid)), what="the watcher stands")
    # It says so before it does.
    harness.wait_until(lambda: open("/proc/%d/stat" % pid).read().rsplit(
        ")", 1)[1].split()[0] == "T", what="it has stopped")
    # All that says so is in its head.
    assert host.xl("destroy", str(number)).returncode == 0
    host.wait_domain(DOMAIN)
    asked = host.vpsh_beside("start", "web", text=True)
    harness.wait_until(
        lambda: records(host, event="decided", verb="start")[1:],
        what="it was asked")
    os.kill(pid, signal.SIGCONT)
    out, err = asked.popen.communicate(timeout=20)
    assert asked.popen.returncode == 1, (out, err, host.said())
    assert "saved or moved" in err, err
    assert host.domains() == []


@harness.deadline(90)
def test_H03_save_copy_restore_while_the_customer_hammers_start():
    host = new_host()
    boot(host)
    over = threading.Event()
    answers, seen = [], []

    def hammer():
        while not over.is_set():
            answers.append(host.vpsh("start", "web").returncode)
    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for image in (True, False, True, False, True):
            number = suspend(host)
            harness.wait_until(
                lambda: open(host.path("var/lib/vpsh/boots", DOMAIN)
                             ).read().count("away 1"),
                what="the watcher knows")
            if image:
                host.write(IMAGE, "an image of %d\n" % number, 0o600)
            assert host.xl("destroy", str(number)).returncode == 0
            harness.wait_until(lambda: host.domains() == [],
                               what="it is saved")
            begun = len(answers)
            harness.wait_until(lambda: len(answers) > begun + 6 or (
                seen.append(len(host.domains())) and False), 20,
                "some starts were refused")
            assert host.domains() == [], host.said()
            number = restore(host)
            harness.wait_until(lambda: host.store.read(
                "/local/domain/%d/control/feature-suspend" % number
                ) == "1", what="it runs on")
            (only,) = host.domains()
            assert only.domid == number
    finally:
        over.set()
        for thread in threads:
            thread.join(20)
    assert set(seen) <= {0}, seen
    assert 1 in answers and 0 in answers, answers
    starts = records(host, event="done", verb="start", err="ok")
    assert len(records(host, event="done", verb="start")) >= len(starts)
    assert len(host.domains()) == 1
