# SPDX-License-Identifier: ISC
"""A guest that goes down: on_poweroff, on_reboot and on_crash of its xl.cfg.

GRUB is a guest that boots in two seconds; its `halt` and `reboot` end the
domain as a poweroff and a reboot do. Only Linux knows how to crash.
"""
import contextlib
import re

import harness
import steps
import world

GUEST = "db"
DOMAIN = "alice-" + GUEST


@contextlib.contextmanager
def configured(lab, domain, lines):
    """The guest's xl.cfg with these lines more, for as long as this lasts."""
    path = "/etc/xen/%s.cfg" % domain
    steps.fresh(lab)
    lab.write(path, world.XL_CFG[domain] + lines + "\n")
    try:
        yield
    finally:
        lab.write(path, world.XL_CFG[domain])
        lab.clear()


def grub_says(lab, guest, word):
    """Start the guest, type a word at GRUB; the domid that it had."""
    steps.ask(lab, "alice", "start " + guest, 0)
    domid = steps.domid(lab, "alice-" + guest)
    tty = steps.connect(lab, "alice", guest)
    steps.grub_answers(tty, "ready")
    tty.send(word + "\r")
    return domid, tty


def crash_linux(lab):
    """Start the Linux guest and let its kernel panic; its domid."""
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    domid = steps.domid(lab, "alice-linux")
    tty = steps.connect(lab, "alice", "linux")
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    tty.send("echo c > /proc/sysrq-trigger\r")
    tty.expect(rb"Kernel panic", 60)
    return domid, tty


def boots_again(lab, tty, domid):
    """Another domain, and the same session sees it come up."""
    harness.wait_until(
        lambda: lab.domains().get("alice-linux", (domid,))[0] != domid, 60,
        "the guest runs as a new domain")
    tty.expect(rb"linux guest up", 90)


@harness.deadline(180)
def test_on_poweroff_preserve_leaves_it_to_the_operator(lab):
    with configured(lab, DOMAIN, 'on_poweroff = "preserve"'):
        begun = steps.Journal(lab)
        domid, tty = grub_says(lab, GUEST, "halt")
        begun.expect(r"domain %d is kept as it is" % domid, 60)
        assert lab.domains()[DOMAIN][0] == domid
        assert "s" in lab.domains()[DOMAIN][1], lab.domains()
        steps.leave(tty)
        # The customer can go on: the corpse makes room.
        steps.ask(lab, "alice", "start " + GUEST, 0)
        assert steps.domid(lab, DOMAIN) != domid
        assert len(lab.domains()) == 1, lab.domains()
        steps.agree(lab)


@harness.deadline(180)
def test_on_reboot_rename_restart_puts_the_old_one_aside(lab):
    with configured(lab, DOMAIN, 'on_reboot = "rename-restart"'):
        domid, tty = grub_says(lab, GUEST, "reboot")
        harness.wait_until(
            lambda: lab.domains().get(DOMAIN, (domid,))[0] != domid, 60,
            "the guest runs as a new domain")
        aside = {name: row for name, row in lab.domains().items()
                 if name != DOMAIN}
        assert len(aside) == 1, lab.domains()
        (name, row), = aside.items()
        assert re.fullmatch(DOMAIN + r"-\d{8}T\d{4}Z", name), name
        assert row[0] == domid and "s" in row[1], row
        steps.grub_answers(tty, "again")
        steps.leave(tty)
        # What is put aside is the operator's, whatever the customer does.
        steps.ask(lab, "alice", "destroy %s --yes" % GUEST, 0)
        assert list(lab.domains()) == [name], lab.domains()
        steps.agree(lab)


@harness.deadline(240)
def test_on_crash_coredump_destroy_leaves_a_core(lab):
    core = "/var/lib/xen/dump/alice-linux"
    lab.root("rm -f " + core)
    # Of GRUB, which has given its page tables back, there is none to have.
    with configured(lab, "alice-linux", 'on_crash = "coredump-destroy"'):
        _, tty = crash_linux(lab)
        harness.wait_until(lambda: not lab.domains(), 60, "it was destroyed")
        steps.leave(tty)
        mode, size = lab.root("stat -c '%%a %%s' %s" % core).split()
        assert mode == "600", mode
        assert int(size) > 16 << 20, size
        assert lab.root("head -c 4 %s" % core)[1:] == "ELF"
        steps.agree(lab)
    lab.root("rm -f " + core)


@harness.deadline(240)
def test_a_crash_is_destroyed_unless_the_xl_cfg_says_otherwise(lab):
    steps.fresh(lab)
    _, tty = crash_linux(lab)
    harness.wait_until(lambda: not lab.domains(), 60, "it was destroyed")
    steps.leave(tty)
    assert "Kernel panic" in lab.vpsh("alice", "log linux").stdout
    steps.agree(lab)


@harness.deadline(240)
def test_on_crash_preserve_shows_a_crashed_guest(lab):
    with configured(lab, "alice-linux", 'on_crash = "preserve"'):
        domid, tty = crash_linux(lab)
        harness.wait_until(lambda: "c" in lab.domains()["alice-linux"][1],
                           60, "Xen says that it crashed")
        harness.wait_until(
            lambda: steps.listed(lab, "alice")["linux"] == "crashed", 30,
            "the customer sees that it crashed")
        assert lab.domains()["alice-linux"][0] == domid
        steps.leave(tty)
        steps.ask(lab, "alice", "start linux", 0, seconds=120)
        assert steps.domid(lab, "alice-linux") != domid
        steps.agree(lab)


@harness.deadline(240)
def test_on_crash_restart_boots_it_again(lab):
    with configured(lab, "alice-linux", 'on_crash = "restart"'):
        domid, tty = crash_linux(lab)
        boots_again(lab, tty, domid)
        steps.leave(tty)
        steps.agree(lab)


@harness.deadline(180)
def test_the_operators_reboot_boots_a_guest_of_vpsh_once(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    first = steps.domid(lab, "alice-linux")
    tty = steps.connect(lab, "alice", "linux")
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    lab.root("xl reboot alice-linux")
    boots_again(lab, tty, first)
    assert list(lab.domains()) == ["alice-linux"], lab.domains()
    lab.root("xl destroy alice-linux")
    harness.wait_until(
        lambda: steps.listed(lab, "alice")["linux"] == "off", 60,
        "what xl destroyed stays off")
    steps.leave(tty)
    steps.agree(lab)
