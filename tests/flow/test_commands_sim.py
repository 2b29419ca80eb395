# SPDX-License-Identifier: ISC
"""The cases of commands.py that do something, on a simulated host.

Nobody is played there; what was done is looked up where Xen itself keeps it.
"""

import re

import commands
import frames
import harness
import test_commands
from sim import SimHost

BUSY = 5

# What a job leaves behind: (runs, paused); another domain than before?
LEAVES = {
    frames.START: ("running", True), frames.SHUTDOWN: (None, True),
    frames.REBOOT: ("running", True), frames.RESET: ("running", True),
    frames.DESTROY: (None, True), frames.PAUSE: ("paused", False),
    frames.UNPAUSE: ("running", False),
}
# Keys of sysrq that end the domain; all others leave it as it is.
ENDS = {"b": ("running", True), "o": (None, True)}


class Host(SimHost):
    """With the guests of that world."""

    def __init__(self, world):
        super().__init__()
        guests, self.web, _ = commands.WORLDS[world]
        self.customer("bob", uid=47999)
        self.guest("shop", customer="bob")
        for name, policy in guests.items():
            self.guest(name, memory=512, vcpus=2, policy=policy)
        self.begin = {"alice-db": None,
                      "alice-web": {frames.OFF: None,
                                    frames.RUNNING: "running",
                                    frames.PAUSED: "paused"}[self.web]}

    def vpsh(self, *words, **kwargs):
        kwargs.setdefault("env", {"TERM": "xterm", "TZ": "UTC"})
        return super().vpsh(*words, **kwargs)

    def do(self, verb, domain):
        def over():
            done = self.vpsh(verb, domain[6:])
            assert done.returncode in (0, BUSY), done
            return done.returncode == 0
        # What was not waited for may still be under way.
        harness.wait_until(over, what="%s %s" % (verb, domain))

    def state(self, domain):
        """A domain that ended and that nobody took away yet is none."""
        found = self.domain(domain)
        return found.state if found and found.state != "shutdown" else None

    def settle(self):
        """As it was in the beginning; operators may do all of that."""
        for domain, wanted in self.begin.items():
            state = self.state(domain)
            if state is not None and wanted is None:
                assert self.xl("destroy", domain).returncode == 0
            if state is None and wanted is not None:
                self.boot(domain)
            if wanted == "paused" and self.state(domain) == "running":
                self.do("pause", domain)
            if wanted == "running" and state == "paused":
                self.do("unpause", domain)
            harness.wait_until(lambda: self.state(domain) == wanted,
                               what="%s is %s" % (domain, wanted))

    def boot(self, domain):
        """Until it can be asked something."""
        if self.vpsh("start", domain[6:]).returncode != 0:
            self.xl("destroy", domain)
            done = self.xl("create", "-e",
                           self.path("etc/xen/%s.cfg" % domain))
            assert done.returncode == 0, done
        harness.wait_until(
            lambda: "login:" in self.vpsh("log", domain[6:]).stdout,
            what="%s has booted" % domain)


def check_job(host, case, before):
    """Did it happen, and nothing else?"""
    for domain, was in before.items():
        want, fresh = was.state if was else None, False
        if case.job and case.code == 0 and \
                domain == "alice-" + case.job[1]:
            want, fresh = LEAVES.get(case.job[0], (want, False))
            if case.job[0] == frames.SYSRQ:
                want, fresh = ENDS.get(case.job[2], (want, False))

        def so():
            now = host.domain(domain)
            return host.state(domain) == want and \
                (want is None or not was or
                 fresh == (now.domid != was.domid))
        harness.wait_until(so, what="%s is %s; it was %s" % (
            domain, want, was))


def deeds(world):
    """One case for each thing that is done; aliases do nothing else."""
    found = {}
    for case in commands.CASES:
        options = re.findall("--(?:no-wait|force-after)", case.line)
        if case.world == world and case.job:
            found.setdefault((case.job, *options), case)
    return found.values()


def run(world, way):
    host = Host(world).start()
    host.settle()
    for case in deeds(world):
        before = {d: host.domain(d) for d in host.begin}
        try:
            way(host, case)
            check_job(host, case, before)
        except AssertionError as error:
            raise AssertionError("%s: %s" % (world, case.line)) from error
        host.settle()


@harness.deadline(120)
def test_what_a_customer_with_all_rights_does_happens():
    run("full", test_commands.one_shot)


@harness.deadline(60)
def test_what_a_customer_with_one_guest_does_happens():
    run("one", test_commands.program)


@harness.deadline(60)
def test_what_is_done_to_a_paused_guest_happens():
    run("paused", test_commands.program)


@harness.deadline(60)
def test_what_a_customer_with_few_rights_does_happens():
    run("few", test_commands.one_shot)
