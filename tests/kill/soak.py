#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""soak.py SECONDS: a hundred sessions on fifty guests, and random kills.

Every minute, and at the end, everybody waits for the answers that are due;
then all invariants hold. VPSH_SEED repeats what is chosen.
"""

import collections
import contextlib
import ctypes
import os
import random
import select
import signal
import sys
import time

TOP = os.environ.get("VPSH_TOP") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TOP, "tests/lib"), os.path.join(TOP,
                                                             "tests/kill")]
import case
import frames
import harness
import invariants
import sim

PR_SET_CHILD_SUBREAPER = 36
GUESTS = ["g%02d" % i for i in range(50)]
SESSIONS, VIEWERS = 100, 4
ANSWER_S, SETTLE_S, CHECK_S = 150, 60, 60
LIMITS = "limits = { sessions = 400; power = 1000; };"
ACTS = {"START": 6, "DESTROY": 1, "SHUTDOWN": 2, "PAUSE": 1, "UNPAUSE": 2,
        "REBOOT": 1, "RESET": 1, "STATUS": 6, "LIST": 1}
# The account may connect 300 times a minute, and all of them do each time
# that the broker dies.
KILLS = {"worker": 12, "console": 6, "watcher": 6, "broker": 1,
         "supervisor": 1, "all": 1, "xenconsoled": 2}
COSTLY, COSTLY_S = ("broker", "supervisor", "all"), 25
ANSWERS = ("GUEST", "JOB", "NOTE")


class Session:
    """A client that comes back, and asks the same once more."""

    def __init__(self, host, chance):
        self.host, self.chance = host, chance
        self.client = self.request = None
        self.retry_at = self.asked_at = 0
        self.outcomes = collections.Counter()

    def act(self):
        verb = self.chance.choices(list(ACTS), list(ACTS.values()))[0]
        fields = {"guest": self.chance.choice(GUESTS)}
        if verb in ("DESTROY", "RESET"):
            fields["flags"] = frames.CONFIRMED
        if verb in ("SHUTDOWN", "REBOOT"):
            fields["wait_s"] = 5
        if verb == "LIST":
            fields = {}
        elif verb != "STATUS":
            fields["token"] = self.chance.getrandbits(63) | 1
        self.request, self.asked_at = (verb, fields), time.monotonic()
        self.send()

    def send(self):
        try:
            self.ident = self.client.ask(self.request[0], **self.request[1])
        except OSError:
            self.lose()

    def lose(self, seconds=0.1):
        if self.client is not None:
            self.client.close()
        self.client = None
        self.retry_at = time.monotonic() + seconds

    def connect(self):
        try:
            self.client = frames.Client(self.host.socket, greet=False)
            self.client.send("HELLO", 0, frames.hello(claim="192.0.2.1"))
            hello = self.client.recv()
            if hello is None or hello.name != "HELLO":
                self.lose(1 + 4 * self.chance.random())
                return
        except OSError:
            self.lose()
            return
        if self.request:
            self.send()

    def take(self):
        try:
            got = self.client.recv()
        except OSError:
            got = None
        if got is None or got.name == "BYE":
            self.lose()
        elif self.request and got.id == self.ident and (
                got.name not in ANSWERS):
            self.outcomes[self.request[0], got.name, getattr(
                got, "err", 0) if got.name != "END" else 0] += 1
            self.request = None


class Soak:
    def __init__(self, chance):
        self.chance = chance
        host = self.host = sim.SimHost(memory=16384)
        host.customer("alice", None if os.geteuid() == 0 else host.uid,
                      LIMITS)
        for name in GUESTS:
            host.guest(name, memory=32, cfg='on_crash = "restart"',
                       words="counts=250 guest=alice-" + name)
        host.start(session=False)
        self.check = invariants.Invariants(host, {"alice-" + n
                                                  for n in GUESTS})
        self.viewers = [case.Viewer(host, n) for n in GUESTS[:VIEWERS]]
        self.check.ours |= {v.process.pid for v in self.viewers}
        self.sessions = [Session(host, chance) for _ in range(SESSIONS)]
        self.killed, self.costly_at = collections.Counter(), 0
        # Killing is as in the matrix; there is nothing that is stopped.
        self.stage = case.Stage.__new__(case.Stage)
        self.stage.host = host

    # --- what goes on -------------------------------------------------------

    def turn(self, seconds, acting):
        """Everybody who can do something does it."""
        now, poller, by_fd = time.monotonic(), select.poll(), {}
        for session in self.sessions:
            if session.client is None and session.retry_at <= now:
                session.connect()
            if session.client is None:
                continue
            if acting and not session.request and self.chance.random() < 0.1:
                session.act()
            if session.client is not None:
                fd = session.client.sock.fileno()
                by_fd[fd] = session
                poller.register(fd, select.POLLIN)
        for fd, _ in poller.poll(seconds * 1000):
            by_fd[fd].take()
        late = [s.request for s in self.sessions
                if s.request and s.asked_at < now - ANSWER_S]
        if late:
            raise harness.Findings(["no answer for %d s: %s" % (ANSWER_S, r)
                                    for r in late])

    def kill(self):
        victim = self.chance.choices(list(KILLS), list(KILLS.values()))[0]
        now = time.monotonic()
        if victim in COSTLY and now < self.costly_at:
            victim = "worker"
        elif victim in COSTLY:
            self.costly_at = now + COSTLY_S
        if victim == "worker" and not self.stage.workers():
            return
        if victim in case.CHILD and case.CHILD[victim] not in (
                self.host.children()):
            return
        self.killed[victim] += 1
        self.stage.kill(victim, None, None)
        if victim in ("supervisor", "all"):
            self.host.start_vpshd(session=False)
        elif victim == "xenconsoled":
            self.host.start_consoled()

    def go_on(self, until):
        kill_at = time.monotonic() + 1
        while (now := time.monotonic()) < until:
            self.turn(0.05, True)
            if now >= kill_at:
                self.kill()
                kill_at = now + 0.2 + 2 * self.chance.random()

    # --- what must hold -----------------------------------------------------

    def consoles(self):
        findings, said = [], invariants.counted(self.host)
        for viewer in self.viewers:
            if viewer.process.popen.poll() is not None:
                findings.append("the viewer of %s has ended: %s" % (
                    viewer.guest, viewer.text()[-300:]))
            def look(viewer=viewer):
                return not invariants.console(self.host, viewer.text(),
                                              viewer.guest, said=said)
            with contextlib.suppress(AssertionError):
                harness.wait_until(look, 3)
            findings += invariants.console(self.host, viewer.text(),
                                           viewer.guest, said=said)
        return findings

    def rest(self):
        """Everybody gets an answer, and then all is as it should be."""
        while any(s.request for s in self.sessions):
            self.turn(0.05, False)
        findings = self.check.settle(SETTLE_S, self.consoles)
        if findings:
            refs = {w for f in findings for w in f.split()
                    if len(w) == 4 and w.isupper()}
            findings += ["audit: %s" % r for r in invariants.audit_records(
                self.host) if r.get("ref") in refs]
            raise harness.Findings(
                findings + self.host.said().splitlines()[-60:])
        outcomes = sum((s.outcomes for s in self.sessions),
                       collections.Counter())
        print("soak: %d answers, %d jobs done; killed: %s" % (
            sum(outcomes.values()),
            sum(n for (_, name, err), n in outcomes.items()
                if name == "DONE" and err == 0),
            ", ".join("%s %d" % k for k in sorted(self.killed.items()))),
            flush=True)


def main():
    seconds = float(sys.argv[1])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seed = int(os.environ.get("VPSH_SEED")
               or random.SystemRandom().randrange(10 ** 6))
    print("soak: VPSH_SEED=%d" % seed, flush=True)
    status = 1
    try:
        with harness.cleanup:
            soak = Soak(random.Random(seed))
            end = time.monotonic() + seconds
            while (now := time.monotonic()) < end:
                soak.go_on(min(end, now + CHECK_S))
                soak.rest()
            for session in soak.sessions:
                session.lose()
        status = 0
    except harness.Findings as found:
        print(found)
    finally:
        harness.end_leftovers(set())
    sys.exit(status)


main()
