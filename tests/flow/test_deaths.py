# SPDX-License-Identifier: ISC
"""A guest that goes down: what the on_... of its xl.cfg make of it."""

import json
import os
import re

import harness
import sim

GUEST = "web"
DOMAIN = "alice-web"
ACTIONS = ("destroy", "restart", "rename-restart", "preserve",
           "coredump-destroy", "coredump-restart", "soft-reset")


def new_host(cfg="", **more):
    host = sim.SimHost()
    host.guest(GUEST, cfg=cfg, **more)
    return host.start()


def boot(host, guest=GUEST):
    """Start it, and wait until it can be told to go; its domid."""
    done = host.vpsh("start", guest)
    assert done.returncode == 0, done.stderr + host.said()
    return listens(host, "alice-" + guest).domid


def listens(host, name=DOMAIN, older=None):
    """The running domain of that name, once its drivers listen."""
    def look():
        domain = host.domain(name)
        return domain and domain.domid != older and host.store.read(
            "/local/domain/%d/control/feature-reboot" % domain.domid
            ) == "1" and domain
    return harness.wait_until(look, 15, "%s has booted, and is not %s: %s; %s"
                              % (name, older, host.domain(name), host.said()))


def log_in(host, guest=GUEST):
    """A shell in the guest, on its console."""
    tty = host.pty("console", guest)
    tty.expect(rb"connected")
    tty.send("\r")
    tty.expect(rb"login: ")
    tty.send("root\r")
    tty.expect(rb"root@\S+ ?# ?$|# $")
    return tty


def ends(host, number, reason):
    """The guest's own doing: as it would be without the toolstack."""
    if reason == "crash":
        os.kill(host.domain(DOMAIN).pid, 9)
        return
    if reason in ("poweroff", "reboot"):
        host.store.write("/local/domain/%d/control/shutdown" % number, reason)
        return
    word, said = {"watchdog": ("watchdog\r", rb"soft lockup"),
                  "soft_reset": ("kexec\r", rb"Starting new kernel")}[reason]
    tty = log_in(host)
    tty.send(word)
    tty.expect(said)
    tty.close()


def audited(host, **wanted):
    """Waits for the record of that kind."""
    def look():
        with open(host.audit) as f:
            for line in f:
                record = json.loads(line)
                if all(record.get(k) == v for k, v in wanted.items()):
                    return record
    return harness.wait_until(look, 15, "audit record %s" % wanted)


def buried(host, number):
    """The worker that saw to the end of that domain has ended."""
    harness.wait_until(
        lambda: re.search(r"domain %d (is gone|is kept)" % number,
                          host.said()), 15, "%d: %s" % (number, host.said()))


def off(host, guest=GUEST):
    harness.wait_until(
        lambda: re.search(r"(?m)^state: +off", host.vpsh(
            "status", guest).stdout), 15, "it is off; " + host.said())


def clean_up(host):
    for domain in host.domains():
        host.ask(sim.DESTROY, domain.domid)
    host.wait_domain(DOMAIN)
    off(host)


def check(host, number, reason, action):
    """What became of the domain, as xl would have had it."""
    core = host.path("var/lib/xen/dump", DOMAIN)
    if action in ("destroy", "coredump-destroy"):
        host.wait_domain(DOMAIN)
        buried(host, number)
        off(host)
        assert host.domains() == []
    elif action == "preserve":
        buried(host, number)
        domain = host.domain(DOMAIN)
        assert (domain.domid, domain.state, domain.reason) == (
            number, "shutdown", reason)
    else:
        again = listens(host, older=number)
        others = [d for d in host.domains() if d.domid != again.domid]
        if action == "rename-restart":
            (aside,) = others
            assert aside.domid == number and aside.reason == reason
            assert re.fullmatch(DOMAIN + r"-\d{8}T\d{4}Z", aside.name), aside
        else:
            assert others == [], others
    assert os.path.exists(core) == action.startswith("coredump"), action
    if action.startswith("coredump"):
        assert os.stat(core).st_mode & 0o777 == 0o600
        os.unlink(core)


def every_action(reason):
    host = new_host()
    for action in ACTIONS:
        host.guest(GUEST, cfg='on_%s = "%s"' % (reason, action))
        number = boot(host)
        ends(host, number, reason)
        check(host, number, reason, action)
        clean_up(host)


@harness.deadline(90)
def test_on_poweroff():
    every_action("poweroff")


@harness.deadline(90)
def test_on_reboot():
    every_action("reboot")


@harness.deadline(90)
def test_on_crash():
    every_action("crash")


@harness.deadline(90)
def test_on_watchdog():
    every_action("watchdog")


@harness.deadline(90)
def test_on_soft_reset():
    every_action("soft_reset")


@harness.deadline(60)
def test_without_a_word_in_the_xl_cfg_it_is_as_xl_has_it():
    host = new_host()
    for reason, action in (("poweroff", "destroy"), ("reboot", "restart"),
                           ("crash", "destroy"), ("watchdog", "destroy"),
                           ("soft_reset", "soft-reset")):
        number = boot(host)
        ends(host, number, reason)
        check(host, number, reason, action)
        clean_up(host)


@harness.deadline(60)
def test_a_preserved_crash_is_shown_and_a_start_makes_room():
    host = new_host('on_crash = "preserve"')
    number = boot(host)
    ends(host, number, "crash")
    buried(host, number)
    assert "crashed" in host.vpsh("status", GUEST).stdout
    assert boot(host) != number
    assert len(host.domains()) == 1


@harness.deadline(60)
def test_what_was_put_aside_survives_whatever_the_customer_does():
    host = new_host('on_crash = "rename-restart"')
    first = boot(host)
    ends(host, first, "crash")
    second = listens(host, older=first).domid
    # A start that fails looks for what it made: it must not find the other
    # one, which has the same uuid.
    assert host.vpsh("destroy", GUEST, "--yes").returncode == 0
    host.guest(GUEST, net=False,
               cfg='vif = [ "bridge=xenbr0,script=vif-gone" ]')
    assert host.vpsh("start", GUEST).returncode == 1
    audited(host, event="done", verb="start", err="hotplug")
    (aside,) = host.domains()
    assert aside.domid == first != second and aside.state == "shutdown"
    host.guest(GUEST)
    boot(host)
    assert len(host.domains()) == 2


@harness.deadline(60)
def test_suspended_guests_are_left_alone():
    host = new_host('on_poweroff = "restart"\non_crash = "restart"')
    number = boot(host)
    host.store.write("/local/domain/%d/control/shutdown" % number, "suspend")
    host.wait_domain(DOMAIN, state="shutdown", reason="suspend")
    harness.wait_until(
        lambda: re.search(r"(?m)^state: +saved", host.vpsh(
            "status", GUEST).stdout), what="it is shown as saved")
    for verb in ("start", "reset"):
        done = host.vpsh(verb, GUEST, *(["--yes"] if verb == "reset" else []))
        assert done.returncode == 1, (verb, done)
        assert "saved or moved" in done.stderr, done.stderr
    assert host.domain(DOMAIN).domid == number
    assert len(host.domains()) == 1


@harness.deadline(60)
def test_the_operators_xl_reboot_shutdown_and_destroy():
    host = new_host()
    first = boot(host)
    assert host.xl("reboot", DOMAIN).returncode == 0
    second = listens(host, older=first).domid
    assert len(host.domains()) == 1
    assert host.xl("shutdown", DOMAIN).returncode == 0
    host.wait_domain(DOMAIN)
    off(host)
    third = boot(host)
    assert third != second
    assert host.xl("destroy", DOMAIN).returncode == 0
    host.wait_domain(DOMAIN)
    off(host)
    assert host.domains() == []


@harness.deadline(60)
def test_a_reboot_while_vpsh_is_down_is_made_good():
    host = new_host()
    first = boot(host)
    host.stop_vpsh()
    host.store.write("/local/domain/%d/control/shutdown" % first, "reboot")
    host.wait_domain(DOMAIN, state="shutdown", reason="reboot")
    host.start_vpsh()
    listens(host, older=first)
    assert len(host.domains()) == 1


@harness.deadline(60)
def test_a_suspended_customers_guest_comes_back_from_its_reboot():
    host = new_host()
    first = boot(host)
    host.write("etc/vpsh/customers/alice/suspended", "unpaid\n")
    harness.wait_until(
        lambda: "suspended" in host.vpsh("status", GUEST).stderr,
        what="the customer is suspended")
    host.store.write("/local/domain/%d/control/shutdown" % first, "reboot")
    listens(host, older=first)
    assert len(host.domains()) == 1


@harness.deadline(60)
def test_a_guest_of_xl_that_dies_is_left_to_xl():
    host = new_host('on_crash = "restart"')
    assert host.xl("create", "-e", host.path(
        "etc/xen", DOMAIN + ".cfg")).returncode == 0
    number = host.domain(DOMAIN).domid
    ends(host, number, "crash")
    harness.wait_until(
        lambda: "crashed" in host.vpsh("status", GUEST).stdout,
        what="it is shown as crashed")
    done = host.vpsh("start", GUEST)
    assert done.returncode != 0, done
    assert host.domain(DOMAIN).domid == number
    assert len(host.domains()) == 1


@harness.deadline(90)
def test_a_crash_loop_ends_and_the_customer_is_told():
    host = new_host('on_crash = "restart"', words="dies=200")
    assert host.vpsh("start", GUEST).returncode == 0
    told = harness.wait_until(
        lambda: re.search(r"went down (\d+) times within 15 minutes",
                          host.vpsh("status", GUEST).stdout), 60,
        "it is left off; " + host.said())
    number = host.domain(DOMAIN).domid
    assert int(told.group(1)) == 5
    assert host.domain(DOMAIN).state == "shutdown"
    # Nothing moves any more, until the customer wants it to.
    assert host.vpsh("list").returncode == 0
    assert host.domain(DOMAIN).domid == number
    host.guest(GUEST)
    assert boot(host) != number
    assert len(host.domains()) == 1
    assert "went down" not in host.vpsh("status", GUEST).stdout


@harness.deadline(60)
def test_who_destroys_a_guest_has_the_last_word():
    host = new_host('on_reboot = "restart"\non_crash = "restart"')
    boot(host)
    assert host.vpsh("destroy", GUEST, "--yes").returncode == 0
    assert host.domains() == []
    off(host)
    audited(host, event="done", verb="destroy", err="ok")
    assert host.domains() == []
