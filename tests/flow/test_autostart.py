# SPDX-License-Identifier: ISC
"""Which guests run after a boot of the host, and that each is booted once.

The kernel's boot id cannot be changed: instead all that is remembered of
this boot is made to be of an earlier one, while no guest and no vpsh runs.
"""

import contextlib
import json
import os
import re
import shutil
import signal

import harness
import sim

EARLIER = "0e0e0e0e-1111-2222-3333-444444444444"


def this_boot():
    with open("/proc/sys/kernel/random/boot_id") as f:
        return f.read().strip()


def new_host(*guests, **policies):
    host = sim.SimHost()
    for name in guests:
        host.guest(name, policy=policies.get(name, ""))
    return host.start()


def boot(host, *guests):
    for name in guests:
        done = host.vpsh("start", name)
        assert done.returncode == 0, (done, host.said())


def power_off(host):
    """The host goes down, guests and all; vpsh goes first."""
    host.stop_vpsh()
    host.started = False

    def dark():
        # Somebody who recovers may still be at work. Left alone he would
        # wait 10 s for the tty of a domain that is destroyed under him.
        at_work = [pid for pid, words in host.inhabitants().items()
                   if words.endswith(" run")]
        for pid in at_work:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        there = host.domains()
        for domain in there:
            host.xl("destroy", str(domain.domid))
        return not at_work and not there
    harness.wait_until(dark, what="no guest is left")
    for name in os.listdir(host.path("run/vpsh")):
        if name != "policy":
            with contextlib.suppress(NotADirectoryError):
                shutil.rmtree(host.path("run/vpsh", name))
                continue
            os.unlink(host.path("run/vpsh", name))
    for folder, _, names in os.walk(host.path("var/lib/vpsh")):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), host.dir)
            with open(host.path(path)) as f:
                text = f.read()
            if this_boot() in text:
                host.write(path, text.replace(this_boot(), EARLIER), 0o600)
    # What has happened until now is not what the test is about.
    with open(host.audit, "w"):
        pass


def served(host):
    """The watcher has heard that nothing is due any more."""
    def look():
        with open(host.path("var/lib/vpsh/host")) as f:
            return f.read().strip() == this_boot()
    harness.wait_until(look, 20, "the boot was served; " + host.said())


def records(host, **wanted):
    with open(host.audit) as f:
        found = [json.loads(line) for line in f]
    return [r for r in found if all(r.get(k) == v for k, v in wanted.items())]


def runs(host, *guests):
    """All jobs of autostart have ended: these run and no others."""
    served(host)

    def look():
        shown = host.vpsh("list").stdout + "".join(
            host.vpsh("status", name).stdout
            for name in host.policies["alice"])
        return "is under way" not in shown and not re.search(
            r"(?m)^job", shown) and sorted(
                d.name for d in host.domains() if d.state == "running"
                ) == sorted("alice-" + g for g in guests)
    harness.wait_until(look, 30, "%s run, nothing is under way: %s; %s" % (
        guests, host.vpsh("list").stdout, host.said()))


def started(host):
    """Guests that autostart says it has started, each as often as it did."""
    return sorted(r["guest"] for r in records(host, event="done",
                                              verb="autostart", err="ok"))


def arm(host, name):
    """The next process that comes to that point stops there."""
    host.folder("run/vpsh/points")
    host.write("run/vpsh/points/" + name, "")


def stopped(host, name):
    """Waits until one has; its pid."""
    def look():
        for found in os.listdir(host.path("run/vpsh/points")):
            if found.startswith(name + ".") and found[len(name) + 1:].isdigit():
                return int(found[len(name) + 1:])
    return harness.wait_until(look, 20, "somebody is at %s; %s" % (
        name, host.said()))


def booted(host, name):
    """Which domain it is, and who plays it, once its kernel is up."""
    domain = host.wait_domain("alice-" + name, state="running")
    harness.wait_until(lambda: host.store.read(
        "/local/domain/%d/control/feature-reboot" % domain.domid) == "1",
        15, "%s is up" % name)
    domain = host.domain("alice-" + name)
    return domain.domid, domain.uuid, domain.pid


def kill_children(host):
    for pid in host.children().values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def reboot(host):
    power_off(host)
    host.start_vpsh()


@harness.deadline(60)
def test_last_is_what_was_on():
    host = new_host("web", "db", "off", "self", "never",
                    never='autostart = "never";')
    boot(host, "web", "db", "off", "self", "never")
    assert host.vpsh("shutdown", "off").returncode == 0
    host.store.write("/local/domain/%d/control/shutdown"
                     % host.domain("alice-self").domid, "poweroff")
    host.wait_domain("alice-self")
    reboot(host)
    runs(host, "db", "web")
    assert started(host) == ["db", "web"]
    # And what it was is what it is: the next boot is no different.
    assert host.vpsh("destroy", "db", "--yes").returncode == 0
    reboot(host)
    runs(host, "web")
    assert started(host) == ["web"]


@harness.deadline(60)
def test_always_is_also_what_was_off_or_never_ran():
    host = new_host("web", "db", "never", web='autostart = "always";',
                    db='autostart = "always";', never='autostart = "never";')
    boot(host, "web", "never")
    assert host.vpsh("shutdown", "web").returncode == 0
    reboot(host)
    runs(host, "db", "web")
    assert started(host) == ["db", "web"]


@harness.deadline(60)
def test_H02_coming_and_going_starts_and_stops_nothing():
    host = sim.SimHost()
    for name in ("web", "db", "off"):
        host.guest(name, policy='autostart = "always";')
    host.start(vpsh=False)
    for name in ("web", "db"):
        assert host.xl("create", "-e", host.path(
            "etc/xen/alice-%s.cfg" % name)).returncode == 0
    before = booted(host, "web"), booted(host, "db")
    # A first installation, on a host that runs.
    host.start_vpsh()
    host.started = True
    runs(host, "db", "web")
    # A restart; and one by a crash of everything.
    host.stop_vpsh()
    host.start_vpsh()
    runs(host, "db", "web")
    kill_children(host)
    host.kill("vpshd")
    host.processes.pop("vpshd").wait()
    host.start_vpsh()
    runs(host, "db", "web")
    # An upgrade from a version that kept no such records.
    host.stop_vpsh()
    os.unlink(host.path("var/lib/vpsh/host"))
    host.start_vpsh()
    runs(host, "db", "web")
    assert before == (booted(host, "web"), booted(host, "db"))
    assert records(host, verb="autostart") == []


@harness.deadline(60)
def test_what_is_on_outlives_a_stop_of_vpsh_before_the_host_goes_down():
    host = new_host("web", "gone")
    boot(host, "web", "gone")
    host.stop_vpsh()
    # Somebody else's doing, within the same boot of the host.
    assert host.xl("destroy", "alice-gone").returncode == 0
    host.start_vpsh()
    reboot(host)
    runs(host, "web")


@harness.deadline(60)
def test_guests_of_xendomains_are_left_as_they_are():
    host = new_host("web", "db")
    boot(host, "web", "db")
    power_off(host)
    assert host.xl("create", "-e", host.path(
        "etc/xen/alice-web.cfg")).returncode == 0
    before = booted(host, "web")
    host.start_vpsh()
    runs(host, "db", "web")
    assert booted(host, "web") == before
    assert started(host) == ["db"]
    shown = host.vpsh("status", "web").stdout
    assert re.search(r"(?m)^state: +running", shown), shown


@harness.deadline(60)
def test_held_saved_and_foreign_guests_are_skipped_and_it_is_on_record():
    host = new_host("held", "expired", "saved", "away", "moved", "web")
    guests = ("held", "expired", "saved", "away", "moved", "web")
    boot(host, *guests)
    away = host.domain("alice-away").domid
    host.store.write("/local/domain/%d/control/shutdown" % away, "suspend")
    host.wait_domain("alice-away", state="shutdown", reason="suspend")
    harness.wait_until(
        lambda: re.search(r"(?m)^state: +saved", host.vpsh(
            "status", "away").stdout), what="it is saved")
    host.guest("moved", policy='host = "elsewhere";')
    power_off(host)
    host.folder("var/lib/vpsh/hold")
    host.write("var/lib/vpsh/hold/alice-held",
               "until 0\nreason the disk is being copied\n", 0o600)
    host.write("var/lib/vpsh/hold/alice-expired",
               "until 1000\nreason long ago\n", 0o600)
    host.write("var/lib/xen/save/alice-saved", "an image\n", 0o600)
    host.start_vpsh()
    runs(host, "expired", "web")
    assert started(host) == ["expired", "web"]
    why = {r["guest"]: (r["err"], r["because"]) for r in records(
        host, event="skipped", verb="autostart")}
    assert why == {
        "held": ("held", "the disk is being copied"),
        "saved": ("elsewhere", "it was saved or moved"),
        "away": ("elsewhere", "it was saved or moved"),
        "moved": ("elsewhere", "the policy puts it on another host")}, why


@harness.deadline(60)
def test_a_suspended_customers_guests_start_as_all_others():
    host = new_host("web")
    boot(host, "web")
    power_off(host)
    host.write("etc/vpsh/customers/alice/suspended", "unpaid\n")
    host.run("vpshd", [harness.program("vpshd"), "-p", host.dir, "-x",
                       host.path("libexec")])
    host.wait_domain("alice-web", 20, state="running")


def workers(host):
    return len([w for w in host.inhabitants().values()
                if w.endswith("vpsh-domain run") or re.search(
                    r"vpsh-domain( -p \S+)? run$", w)])


@harness.deadline(60)
def test_two_at_a_time():
    names = ["g%d" % i for i in range(5)]
    host = new_host(*names)
    boot(host, *names)
    power_off(host)
    # The first ones wait where they can be counted.
    arm(host, "start-intent")
    host.start_vpsh()
    first = stopped(host, "start-intent")
    arm(host, "start-created")
    second = stopped(host, "start-created")
    assert workers(host) == 2, host.inhabitants()
    os.kill(first, signal.SIGCONT)
    os.kill(second, signal.SIGCONT)
    runs(host, *names)
    assert started(host) == names


@harness.deadline(60)
def test_one_that_cannot_start_is_tried_again_at_the_next_boot():
    host = new_host("web", "db")
    boot(host, "web", "db")
    power_off(host)
    host.guest("web", net=False,
               cfg='vif = [ "bridge=xenbr0,script=vif-gone" ]')
    host.start_vpsh()
    runs(host, "db")
    assert records(host, event="done", verb="autostart", guest="web",
                   err="hotplug")
    # It is off, nobody switched it off, and no restart of ours forgets that.
    host.stop_vpsh()
    host.start_vpsh()
    host.guest("web")
    reboot(host)
    runs(host, "db", "web")


def on(host, name):
    with open(host.path("var/lib/vpsh/boots/alice-" + name)) as f:
        return "\non 1\n" in f.read()


@harness.deadline(60)
def test_one_that_was_just_rebooting_when_the_host_went_down():
    for point in ("stop-gone", "start-created"):
        host = new_host("web")
        boot(host, "web")
        arm(host, point)
        host.store.write("/local/domain/%d/control/shutdown"
                         % host.domain("alice-web").domid, "reboot")
        worker = stopped(host, point)
        # The watcher has seen that it went, or comes.
        host.vpsh("list")
        assert on(host, "web"), point
        os.kill(worker, signal.SIGKILL)
        power_off(host)
        host.start_vpsh()
        runs(host, "web")
        assert started(host) == ["web"], point
        host.stop()


@harness.deadline(60)
def test_what_went_off_while_nobody_looked_is_off():
    host = new_host("web", "db")
    boot(host, "web", "db")
    pid = host.children()["vpsh-domain watch"]
    os.kill(pid, signal.SIGSTOP)
    assert host.xl("destroy", "alice-web").returncode == 0
    os.kill(pid, signal.SIGKILL)
    harness.wait_until(lambda: not on(host, "web"), 15,
                       "the next watcher notes it; " + host.said())
    assert on(host, "db")
    reboot(host)
    runs(host, "db")


def killed_at(name, who):
    """All at once, the same when one of vpsh is killed in the middle."""
    names = ["g%d" % i for i in range(4)]
    host = new_host(*names, "off", "held")
    boot(host, *names, "held")
    power_off(host)
    host.folder("var/lib/vpsh/hold")
    host.write("var/lib/vpsh/hold/alice-held", "until 0\nreason no\n", 0o600)
    arm(host, name)
    host.run("vpshd", [harness.program("vpshd"), "-p", host.dir, "-x",
                       host.path("libexec")])
    pid = stopped(host, name)
    children = host.children()
    victim = children[who]
    os.kill(victim, signal.SIGKILL)
    if victim != pid:
        os.kill(pid, signal.SIGCONT)
    runs(host, *names)
    assert started(host) == names, records(host)
    assert host.domain("alice-held") is None
    boots = [host.path("var/lib/vpsh/boots/alice-" + n) for n in names]
    for path in boots:
        with open(path) as f:
            assert "boot 2\n" in f.read(), path
    # That was all: nothing is left that would begin anew.
    kill_children(host)
    harness.wait_until(lambda: host.whole(), 15, "all are back")
    runs(host, *names)
    assert started(host) == names


@harness.deadline(90)
def test_the_broker_dies_when_its_jobs_are_made():
    killed_at("autostart-made", "vpsh-broker")


@harness.deadline(90)
def test_the_watcher_dies_when_the_jobs_are_made():
    killed_at("autostart-made", "vpsh-domain watch")


@harness.deadline(90)
def test_the_broker_dies_before_the_host_is_served():
    killed_at("watcher-host", "vpsh-broker")


@harness.deadline(90)
def test_the_watcher_dies_before_the_host_is_served():
    killed_at("watcher-host", "vpsh-domain watch")


@harness.deadline(60)
def test_everything_dies_before_the_host_is_served():
    host = new_host("web", "db")
    boot(host, "web", "db")
    power_off(host)
    arm(host, "watcher-host")
    host.run("vpshd", [harness.program("vpshd"), "-p", host.dir, "-x",
                       host.path("libexec")])
    watcher = stopped(host, "watcher-host")
    for name, pid in list(host.children().items()):
        if pid != watcher:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    host.kill("vpshd")
    os.kill(watcher, signal.SIGKILL)
    host.processes.pop("vpshd").wait()
    host.start_vpsh()
    runs(host, "db", "web")
    assert started(host) == ["db", "web"]
    for name in ("web", "db"):
        with open(host.path("var/lib/vpsh/boots/alice-" + name)) as f:
            # What a worker was making when it died had a number, too.
            assert re.search("^boot [23]$", f.read(), re.M), name
