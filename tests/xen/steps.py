# SPDX-License-Identifier: ISC
"""What the tests on real Xen have in common."""
import re
import shlex
import time

import harness
import world

GUEST_PROMPT = rb"guest# "
GRUB_PROMPT = rb"grub> "
LEAVE = b"\x1d"
STATES = "off|starting|running|paused|stopping|crashed|saved|unknown"


def show(done):
    return "exit %d, stdout %r, stderr %r" % (
        done.returncode, done.stdout, done.stderr)


def ask(lab, account, line, code=0, seconds=90, **more):
    """A customer's command that has to end with this exit code."""
    done = lab.vpsh(account, line, seconds, **more)
    if done.returncode != code:
        lab.machine.check()
        raise AssertionError("%s: %s: wanted exit %d, got %s" % (
            account, line, code, show(done)))
    return done


def listed(lab, account):
    """What `list` says: {guest: state}."""
    rows = ask(lab, account, "list").stdout.splitlines()
    assert rows and rows[0].split()[:2] == ["NAME", "STATE"], rows
    # Notes below the table, as "web is held ...", begin with a name, too.
    return dict(re.findall(r"(?m)^([a-z0-9-]+) +(%s) " % STATES,
                           "\n".join(rows[1:])))


def status(lab, account, guest):
    """What `status` says: {field: value}."""
    text = ask(lab, account, "status " + guest).stdout
    return dict(re.findall(r"(?m)^([^:]+): (.*)$", text))


def agree(lab, account="alice"):
    """`xl list` and `vpsh list` say the same of every guest."""
    def differ():
        domains = lab.domains()
        wrong = []
        for guest, state in listed(lab, account).items():
            _, flags = domains.get("%s-%s" % (account, guest), (0, None))
            if flags is None:
                true = "off"
            elif "s" in flags or "c" in flags or "d" in flags:
                true = None         # on its way down: neither is wrong
            elif "p" in flags:
                true = "paused"
            else:
                true = "running"
            if true and state != true:
                wrong.append((guest, state, true, flags))
        return wrong
    # Something may have changed between the two questions, but not twice.
    harness.wait_until(lambda: not differ(), 15,
                       "xl list and vpsh list agree")


def domid(lab, domain):
    domains = lab.domains()
    assert domain in domains, "%s is not among %s" % (domain, domains)
    return domains[domain][0]


class Journal:
    """What the operator was told from now on."""

    def __init__(self, lab, *options):
        self.lab = lab
        self.options = " ".join(options)
        self.cursor = re.search(r"-- cursor: (\S+)", lab.root(
            "journalctl -n 0 --show-cursor")).group(1)

    def text(self):
        return self.lab.root(
            "journalctl --no-pager -o cat --after-cursor=%s %s"
            % (shlex.quote(self.cursor), self.options), check=False)

    def expect(self, pattern, seconds=15):
        return harness.wait_until(
            lambda: re.search(pattern, self.text()), seconds,
            "a line in the journal like " + pattern)


def connect(lab, account, guest, seconds=30):
    """A terminal on the guest's console."""
    tty = lab.terminal(account, "console " + guest)
    tty.expect(rb"\[%s: connected" % guest.encode(), seconds)
    return tty


def leave(tty):
    tty.send(LEAVE)
    status = tty.expect_end(20)
    assert status == 0, (status, tty.output[-500:])


def grub_answers(tty, word):
    """Type at a guest that is GRUB, and see that it listened.  Returns what
    it was made to say."""
    # What was typed in an earlier boot is shown as well, and no answer.
    word += "-%x" % (time.monotonic_ns() >> 20)
    tty.send("\r")
    tty.expect(GRUB_PROMPT, 30)
    tty.send("echo [%s]\r" % word)
    tty.expect(rb"\n\r?\[%s\]" % word.encode(), 30)
    return word


def grub_answers_again(tty, word):
    """The same, of its next boot: what it said before does not count."""
    tty.expect(rb"console opened", 60)
    grub_answers(tty, word)


def linux_answers(lab):
    """A terminal on the guest with Linux, when that has booted."""
    tty = connect(lab, "alice", "linux")
    number = domid(lab, "alice-linux")
    # What was said in earlier boots may be shown as well.
    tty.send("echo domain-$((%d + 1))\r" % (number - 1))
    tty.expect(rb"\ndomain-%d\r" % number, 60)
    tty.expect(GUEST_PROMPT, 30)
    return tty


def fresh(lab):
    """No guest runs and vpsh has seen that."""
    lab.clear()
    for account in world.CUSTOMERS:
        harness.wait_until(
            lambda: set(listed(lab, account).values()) == {"off"}, 30,
            "all guests of %s are off" % account)
