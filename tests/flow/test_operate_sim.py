# SPDX-License-Identifier: ISC
"""adopt, hold, release, forget-saved and health, from vpshctl to the guest."""

import json
import os
import re
import signal
import threading

import harness
import sim
from test_operate import health, metrics

DOMAIN = "alice-web"
POINTS = "run/vpsh/points"


def new_host(*guests, cfg="", vpsh=True):
    host = sim.SimHost()
    for guest in guests or ("web",):
        host.guest(guest, cfg=cfg)
    return host.start(vpsh=vpsh)


def begin(host, *words):
    return harness.Process(
        [harness.program("vpshctl"), "-p", host.dir, *words],
        stdout=-1, stderr=-1, preexec_fn=sim.becomes(host.uid))


def done(host, process, code=0):
    out, err = process.popen.communicate(timeout=30)
    out, err = out.decode(), err.decode()
    print("$ vpshctl", *process.argv[3:])
    print(out + err + "-> %d" % process.popen.returncode)
    assert process.popen.returncode == code, host.said()
    assert "\x1b" not in out + err
    return out + err


def ctl(host, *words, code=0):
    return done(host, begin(host, *words), code)


def records(host, **wanted):
    with open(host.audit) as f:
        found = [json.loads(line) for line in f]
    return [r for r in found if all(r.get(k) == v for k, v in wanted.items())]


def status(host, guest="web"):
    return host.vpsh("status", guest).stdout


def start(host, code=0):
    answer = host.vpsh("start", "web")
    assert answer.returncode == code, (answer, host.said())
    return answer.stderr


def listens(host, older=None, name=DOMAIN):
    """Its domid, once its drivers can be asked."""
    def look():
        domain = host.domain(name)
        return domain and domain.domid != older and host.store.read(
            "/local/domain/%d/control/feature-reboot" % domain.domid
            ) == "1" and domain.domid
    return harness.wait_until(look, 20, "%s has booted; %s" % (
        name, host.said()))


def reboots(host, domid):
    """By itself, as if somebody typed it there."""
    host.store.write("/local/domain/%d/control/shutdown" % domid, "reboot")


def test_a_hold_refuses_starts_with_the_operators_words():
    host = new_host()
    said = ctl(host, "hold", "alice/web", "--reason",
               "backup; back at 6 \\o/")
    assert said.startswith("alice/web: ") and said.count("\n") == 1
    refused = start(host, 5)
    assert "backup; back at 6 \\o/" in refused and "held" in refused
    assert "backup" in status(host)
    assert host.domains() == []
    assert "held until it is released: backup" in ctl(
        host, "customer", "show", "alice", code=3), "beside other faults"
    # It is as it was after all of vpsh is gone and back.
    host.stop_vpsh()
    host.start_vpsh()
    assert "backup" in start(host, 5)
    ctl(host, "release", DOMAIN)
    start(host)
    assert "was not held" in ctl(host, "release", DOMAIN)
    for verb in ("hold", "release"):
        begun = records(host, event="operator", verb=verb)[0]
        ends = records(host, event="done", ref=begun["ref"])
        assert [e["err"] for e in ends] == ["ok"]
        assert begun["uid"] == host.uid and begun["domain"] == DOMAIN


def test_a_hold_for_a_time_ends_by_itself():
    host = new_host()
    ctl(host, "hold", "alice/web", "--reason", "a moment", "--for", "3s")
    assert "a moment" in start(host, 5)
    harness.wait_until(lambda: host.vpsh("start", "web").returncode == 0, 15,
                       "it can be started; " + host.said())


@harness.deadline(60)
def test_nothing_boots_it_once_a_hold_is_said_to_be_there():
    host = new_host()
    stop, refused = threading.Event(), [0, 0, 0]

    def hammer(number):
        # Not so fast that it meets the limit of connects.
        while not stop.wait(0.5):
            if host.vpsh("start", "web").returncode == 5:
                refused[number] += 1

    threads = [threading.Thread(target=hammer, args=(i,), daemon=True)
               for i in range(len(refused))]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            listens(host)
            ctl(host, "hold", DOMAIN, "--reason", "disk work")
            harness.wait_until(
                lambda: host.vpsh("destroy", "web", "--yes").returncode == 0,
                what="it is off: " + host.said())
            assert host.domain(DOMAIN) is None
            before = list(refused)
            harness.wait_until(
                lambda: all(n > b + 2 for n, b in zip(refused, before)),
                what="every one was refused thrice")
            assert host.domain(DOMAIN) is None
            ctl(host, "release", DOMAIN)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


def test_a_held_guest_that_reboots_waits_for_its_release():
    host = new_host(cfg='on_reboot = "restart"')
    start(host)
    domid = listens(host)
    ctl(host, "hold", "alice/web", "--reason", "its disk is being mended")
    assert host.domain(DOMAIN).domid == domid, "it runs on"
    reboots(host, domid)
    harness.wait_until(lambda: not host.domain(DOMAIN) or
                       host.domain(DOMAIN).state != "running",
                       what="it went down")
    assert "its disk is being mended" in start(host, 5)
    domain = host.domain(DOMAIN)
    assert domain is None or domain.domid == domid
    ctl(host, "release", "alice/web")
    assert listens(host, older=domid) > domid


def test_a_restart_that_met_a_hold_comes_with_its_release():
    host = new_host(cfg='on_reboot = "restart"')
    start(host)
    domid = listens(host)
    point(host, "worker-asked")
    reboots(host, domid)
    worker = stopped(host, "worker-asked")
    host.folder("var/lib/vpsh/hold")
    host.write("var/lib/vpsh/hold/" + DOMAIN, "until 0\nreason mending\n",
               0o600)
    os.kill(worker, signal.SIGCONT)
    harness.wait_until(
        lambda: records(host, event="done", verb="restart", err="held"),
        what="the restart was refused: " + host.said())
    ctl(host, "release", "alice/web")
    assert listens(host, older=domid) > domid


def test_a_restart_that_a_hold_cut_in_two_is_finished_by_its_release():
    host = new_host(cfg='on_reboot = "restart"')
    start(host)
    domid = listens(host)
    point(host, "stop-gone")
    reboots(host, domid)
    worker = stopped(host, "stop-gone")
    assert host.domain(DOMAIN) is None
    # The hold comes while nobody can take the guest's lock, and holds.
    host.folder("var/lib/vpsh/hold")
    host.write("var/lib/vpsh/hold/" + DOMAIN, "until 0\nreason mending\n",
               0o600)
    os.kill(worker, 9)
    harness.wait_until(
        lambda: records(host, event="done", verb="restart"),
        what="the restart ended: " + host.said())
    assert "mending" in start(host, 5) and host.domain(DOMAIN) is None
    ctl(host, "release", "alice/web")
    assert listens(host, older=domid) > domid


def test_a_guest_of_xls_is_adopted_as_it_runs_and_then_restarted_by_vpsh():
    host = new_host("web", "db", cfg='on_reboot = "restart"', vpsh=False)
    for guest in ("web", "db"):
        # Without -e, so that xl itself stays and watches.
        made = host.xl("create", host.path("etc/xen/alice-%s.cfg" % guest),
                       stdout=-3, stderr=-3, capture_output=False)
        assert made.returncode == 0, host.said()
    first = listens(host)
    listens(host, name="alice-db")
    host.start_vpsh()
    assert "elsewhere" in status(host)
    before = host.inhabitants()
    said = ctl(host, "adopt", "--all", "--dry-run")
    assert sorted(line.split(":")[0] for line in said.splitlines()) == [
        "alice/db", "alice/web"]
    assert host.inhabitants().keys() >= {
        pid for pid, words in before.items() if "xl" in words.split()[0]}
    assert "elsewhere" in status(host), "nothing was done"
    ctl(host, "adopt", "alice/web")
    assert host.domain(DOMAIN).domid == first
    assert "elsewhere" not in status(host)
    assert "elsewhere" in status(host, "db")
    assert "alice/db" in ctl(host, "adopt", "--all")
    assert "nothing to adopt" in ctl(host, "adopt", "--all")
    ctl(host, "adopt", "alice/web")
    reboots(host, first)
    second = listens(host, older=first)
    assert [d.domid for d in host.domains() if d.name == DOMAIN] == [second]
    harness.wait_until(
        lambda: records(host, event="done", customer="system", guest="web",
                        err="ok"), what="the restart is on record")


def test_what_cannot_be_adopted_is_said():
    host = new_host("web", "db")
    assert "off" in ctl(host, "adopt", "alice/web", code=1)
    start(host)
    assert "already" in ctl(host, "adopt", "alice/web")
    assert "did you mean alice/web?" in ctl(host, "adopt", "alice/wbe",
                                            code=1)
    assert "there are alice/db alice/web" in ctl(host, "adopt", "Domain-0",
                                                 code=1)


def test_a_guest_that_was_saved_for_good_is_forgotten_and_boots_anew():
    host = new_host()
    image = "var/lib/xen/save/" + DOMAIN
    host.write(image, "an image\n", 0o600)
    harness.wait_until(lambda: re.search("(?m)^state: +saved", status(host)),
                       what="it is saved: " + host.said())
    assert "saved or moved" in start(host, 1)
    said = ctl(host, "forget-saved", "alice/web")
    assert image in said and os.path.exists(host.path(image))
    start(host)
    assert "neither saved nor away" in ctl(host, "forget-saved", "alice/web")


def point(host, name):
    """The next broker, or whoever comes by there, stops; its pid."""
    host.folder(POINTS)
    host.write(POINTS + "/" + name, "")


def stopped(host, name):
    def look():
        for entry in os.listdir(host.path(POINTS)):
            if entry.startswith(name + "."):
                return int(entry.rsplit(".", 1)[1])
    return harness.wait_until(look, 15, "somebody is at " + name)


@harness.deadline(120)
def test_vpshctl_is_told_the_truth_whoever_dies():
    """The broker or a worker; who asks again may find that all is done."""
    host = new_host()
    verbs = (("hold", "is held until"), ("release", "is released|not held"))
    for i, name in enumerate((
            "broker-journalled", "broker-decided", "broker-spawned",
            "worker-asked", "worker-locked", "worker-result", "worker-told",
            "broker-worker-gone", "broker-ended")):
        verb, said = verbs[i % 2]
        words = [verb, "alice/web"]
        if verb == "hold":
            words += ["--reason", "maintenance"]
        point(host, name)
        process = begin(host, *words)
        pid = stopped(host, name)
        os.kill(pid, 9)
        os.unlink(host.path(POINTS, "%s.%d" % (name, pid)))
        answer = done(host, process)
        assert re.search(said, answer), (name, answer)
        assert "asking again" in answer or name > "worker-r", name
    harness.wait_until(lambda: host.vpsh("list").returncode == 0,
                       what="the last broker is there")
    ctl(host, "hold", "alice/web", "--reason", "maintenance")
    assert "maintenance" in start(host, 5)
    for begun in records(host, event="operator"):
        harness.wait_until(lambda: len(records(
            host, event="done", ref=begun["ref"])) == 1,
            what="one end of %s: %s" % (begun["ref"], records(
                host, ref=begun["ref"])))


def test_health_and_metrics_of_a_whole_host():
    host = new_host("web", "db")
    start(host)
    ctl(host, "hold", "alice/db", "--reason", "x")
    state, reasons, numbers = health(ctl(host, "health"))
    assert state == "OK" and "1 of 2 guests run, 1 held" in reasons
    assert numbers["running"] == numbers["held"] == 1
    assert numbers["jobs_done"] == 2 and numbers["elsewhere"] == 0
    found = metrics(ctl(host, "metrics"))
    assert found["vpsh_guests_held", None] == 1
    assert found["vpsh_xen_answer_age_seconds", None] < 3
    host.stop_vpsh()
    state, reasons, numbers = health(ctl(host, "health", code=2))
    assert state == "CRITICAL"
    assert metrics(ctl(host, "metrics"))["vpsh_up", None] == 0
