# SPDX-License-Identifier: ISC
"""Many sessions at once on one simulated host, and what must hold then."""

import collections
import contextlib
import json
import os
import random
import select
import socket
import subprocess
import time

import frames
import harness
import invariants
import sim

GUESTS = ["g%02d" % i for i in range(100)]
ACTORS, FOLLOWERS, PEOPLE = 175, 15, 10
SECONDS, ENOUGH = 3, 240        # so long at least, and so many requests
LIMITS = "limits = { sessions = 400; power = 1000; };"
STATES = {"off": frames.OFF, "running": frames.RUNNING,
          "paused": frames.PAUSED}
# Verbs and how often each is chosen.
ACTS = {"START": 4, "DESTROY": 1, "SHUTDOWN": 2, "PAUSE": 1, "UNPAUSE": 1,
        "REBOOT": 1, "STATUS": 8, "LIST": 1, "WHY": 1}
NEED_ONE = ("SHUTDOWN", "PAUSE", "UNPAUSE", "REBOOT")


def host_of(guests, more=LIMITS):
    host = sim.SimHost()
    host.customer("alice", None if os.geteuid() == 0 else host.uid, more)
    for name in guests:
        host.guest(name, memory=32, words="guest=alice-" + name)
    return host.start()


class Session:
    """A customer's connection that never blocks the others."""

    def __init__(self, host, chance):
        self.client = frames.Client(host.socket)
        self.chance = chance
        self.waits_for = None
        self.wanted = 0         # what changes a guest
        self.outcomes = collections.Counter()

    def act(self, there):
        """Something at random; what needs a domain mostly gets one."""
        verb = self.chance.choices(list(ACTS), list(ACTS.values()))[0]
        guest = self.chance.choice(
            there if there and verb in NEED_ONE and self.chance.random() < 0.7
            else GUESTS)
        fields = {"guest": guest}
        if verb == "DESTROY":
            fields["flags"] = frames.CONFIRMED
        elif verb == "SHUTDOWN" or verb == "REBOOT":
            fields["wait_s"] = 5
        elif verb == "LIST":
            fields = {}
        elif verb == "WHY":
            fields["verb"] = "start"
        self.wanted += verb not in ("STATUS", "LIST", "WHY")
        self.waits_for = verb, guest, self.client.ask(verb, **fields)

    def take(self):
        got = self.client.recv()
        assert got is not None, "hung up during %s" % (self.waits_for,)
        assert got.name != "BYE", got
        if self.waits_for and got.id == self.waits_for[2] and got.name not in (
                "GUEST", "JOB", "NOTE"):
            self.outcomes[self.waits_for[0], got.name] += 1
            self.waits_for = None


class Follower(Session):
    """Is told of every change and keeps what it was told last."""

    def __init__(self, host, chance):
        super().__init__(host, chance)
        self.states = {}
        self.id = self.client.ask("FOLLOW")

    def act(self, there):
        pass

    def take(self):
        got = self.client.recv()
        assert got is not None and got.name in ("GUEST", "END"), got
        assert got.id == self.id, got
        if got.name == "GUEST":
            self.states[got.body.name.decode()] = got.state


class Person:
    """A real vpsh that is given a handful of commands."""

    def __init__(self, host, chance):
        lines = []
        for _ in range(6):
            guest = chance.choice(GUESTS)
            lines.append(chance.choice((
                "start %s", "destroy %s --yes", "status %s", "start %s",
                "shutdown %s --no-wait", "why destroy %s")) % guest)
        self.process = host.vpsh_beside(stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        with self.process.popen.stdin as f:
            f.write(("\n".join(lines) + "\n").encode())


class Truth:
    """Looks at the host itself, whatever vpsh says."""

    def __init__(self, host):
        self.host, self.looks = host, 0

    def check(self):
        twice = [f for f in invariants.domains(
            self.host, {"alice-" + n for n in GUESTS})
            if "are called" in f]
        assert not twice, twice
        self.looks += 1

    def states(self):
        found = dict.fromkeys(GUESTS, "off")
        for d in self.host.domains():
            found[d.name.removeprefix("alice-")] = d.state
        return found


def poll_all(sessions, seconds):
    """Those that have something to take."""
    poller = select.poll()
    by_fd = {}
    for session in sessions:
        fd = session.client.sock.fileno()
        by_fd[fd] = session
        poller.register(fd, select.POLLIN)
    return [by_fd[fd] for fd, _ in poller.poll(seconds * 1000)]


def drive(sessions, truth, chance):
    """Everybody acts for a while; then everybody gets an answer.

    The last of them is a follower.
    """
    end = time.monotonic() + SECONDS
    look, heard = 0, time.monotonic()
    while True:
        now = time.monotonic()
        if now < end or sum(s.wanted for s in sessions) < ENOUGH:
            there = sorted(n for n, s in sessions[-1].states.items()
                           if s in (frames.RUNNING, frames.PAUSED))
            free = [s for s in sessions if s.waits_for is None]
            for session in chance.sample(free, len(free) // 10):
                session.act(there)
        elif not any(s.waits_for for s in sessions):
            return
        for session in poll_all(sessions, 0.1):
            session.take()
            heard = time.monotonic()
        assert heard > now - 15, [s.waits_for for s in sessions
                                  if s.waits_for]
        if now >= look:
            truth.check()
            look = time.monotonic() + 0.3


def check_audit(records):
    """Complete and in order; of two starts of a guest one waits or fails."""
    times = [r["time"] for r in records]
    assert times == sorted(times)
    wrong = invariants.audit(records)
    assert not wrong, wrong
    power = collections.Counter(r["verb"] for r in records
                                if invariants.is_begun(r))
    assert sum(power.values()) > 200, power
    check_holders(records)


def check_holders(records):
    """By the clock of the audit log: no two starts of a guest at a time."""
    busy_until = {}
    for r in records:
        if r["event"] != "done" or r.get("verb") != "start" or not r.get(
                "ms") or r["err"] != "ok":
            continue
        end = sum(float(part) * scale for part, scale in zip(
            r["time"][11:-1].split(":"), (3600, 60, 1)))
        begin = end - r["ms"] / 1000
        assert begin > busy_until.get(r["guest"], 0) - 0.005, r
        busy_until[r["guest"]] = end


@harness.deadline(90)
def test_two_hundred_sessions_on_a_hundred_guests():
    seed = int(os.environ.get("VPSH_SEED") or random.SystemRandom().randrange(
        10 ** 6))
    print("VPSH_SEED=%d" % seed)
    chance = random.Random(seed)
    host = host_of(GUESTS)
    # Two creates of a name at once succeed, as far as the host goes.
    host.twins(True)
    actors = [Session(host, chance) for _ in range(ACTORS)]
    followers = [Follower(host, chance) for _ in range(FOLLOWERS)]
    people = [Person(host, chance) for _ in range(PEOPLE)]
    truth = Truth(host)
    drive(actors + followers, truth, chance)
    for person in people:
        person.process.wait(20)
    outcomes = sum((a.outcomes for a in actors), collections.Counter())
    assert outcomes["START", "DONE"] > 20, outcomes
    assert outcomes["DESTROY", "DONE"] > 10, outcomes
    assert truth.looks > 5
    check_end(host, truth, actors[0], followers)
    check_audit(invariants.audit_records(host))
    held = invariants.disks(invariants.history(host))
    assert not held, held


def check_end(host, truth, session, followers):
    """What is listed, followed and printed is what the host has."""
    def listed():
        return {g.body.name.decode(): g.state
                for g in session.client.answers("LIST") if g.name == "GUEST"}

    def settled():
        states = {n: STATES.get(s) for n, s in truth.states().items()}
        for follower in poll_all(followers, 0):
            follower.take()
        return states == listed() and all(
            f.states == states for f in followers)
    harness.wait_until(settled, 20, "list and follow say what is so; %s" % {
        n: (s, listed()[n]) for n, s in truth.states().items()
        if STATES.get(s) != listed()[n]})
    printed = json.loads(host.vpsh("list", "--json").stdout)
    assert {g["name"]: g["state"]
            for g in printed["guests"]} == truth.states()


@harness.deadline(60)
def test_E08_ten_thousand_connects_leave_a_session_alone():
    host = host_of(["web"])
    session = frames.Client(host.socket)
    memory = memory_of(host)
    for i in range(10000):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError), \
                socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(host.socket)      # waits while the queue is full
            s.settimeout(10)
            if i % 3 == 1:
                s.send(frames.frame("HELLO", 0, frames.hello()))
            elif i % 3 == 2:
                s.send(b"x" * (i % 300))
    assert session.answer("START", guest="web").err == 0
    assert session.answer("STATUS", guest="web").name == "END"
    assert host.domain("alice-web").state == "running"
    grown = memory_of(host) - memory
    assert grown < 16384, "the broker has grown by %d KiB" % grown


def memory_of(host):
    with open("/proc/%d/status" % host.children()["vpsh-broker"]) as f:
        return int(f.read().split("VmRSS:")[1].split()[0])


@harness.deadline(60)
def test_H14_a_looping_customer_can_still_destroy_and_use_the_console():
    host = host_of(["db", "web"], "limits = { sessions = 40; power = 4; };")
    session = frames.Client(host.socket)
    assert session.answer("START", guest="web").err == 0
    chance = random.Random(1)
    loops = [Session(host, chance) for _ in range(30)]
    refused = collections.Counter()
    begun = time.monotonic()
    while refused["rate"] < 30:
        for loop in loops:
            if loop.waits_for is None:
                verb = chance.choice(("START", "STATUS", "START", "REBOOT"))
                loop.waits_for = (verb, "db", loop.client.ask(
                    verb, guest="db"))
        for loop in poll_all(loops, 0.05):
            got = loop.client.recv()
            if got.name in ("REFUSED", "DONE", "END"):
                loop.waits_for = None
                refused["rate"] += got.name == "REFUSED" and (
                    got.err == frames.ERR["rate"])
        assert time.monotonic() < begun + 20, refused
    # Now from the outside, as the customer would mend it.
    tty = host.pty("console", "web")
    tty.expect(rb"connected")
    tty.send("\r")
    tty.expect(rb"login: ")
    tty.send(b"\x1d")
    assert tty.expect_end() == 0
    for name in ("db", "web"):
        done = host.vpsh("destroy", name, "--yes")
        assert done.returncode == 0, done
        host.wait_domain("alice-" + name)
