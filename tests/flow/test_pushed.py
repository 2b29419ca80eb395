# SPDX-License-Identifier: ISC
"""What customers are told of their guests, with all of vpsh on a host.

Workers, watcher and guests are no part of the test: it only asks and reads.
"""

import contextlib

import frames
import harness
import sim
from frames import power

STARTING, RUNNING, PAUSED, OFF = (frames.STARTING, frames.RUNNING,
                                  frames.PAUSED, frames.OFF)


@contextlib.contextmanager
def fixture():
    host = sim.SimHost()
    for name in ("a", "b", "c"):
        host.guest(name)
    host.guest("stubborn", words="ignore-shutdown")
    yield host.start()


class Person:
    """One connection that asks, one that is told."""

    def __init__(self, host, guest, flags=0):
        path = host.path("run/vpsh/broker.sock")
        self.asks = frames.Client(path, seconds=20)
        self.hears = frames.Client(path, seconds=20)
        self.guest = guest
        self.hears.ask("FOLLOW", frames.Look(guest.encode(), flags))
        self.seen = [self.hears.recv("GUEST")]
        self.hears.recv("END")

    def does(self, name, flags=0, wait_s=0):
        """A request; the last frame of the answer."""
        return self.asks.answer(name, power(self.guest, 0, flags, wait_s))

    def sees(self, state, job=b""):
        """Waits to be told of this; what it was told."""
        while True:
            got = self.hears.recv("GUEST")
            self.seen.append(got)
            if got.state == state and got.body.job_verb == job:
                return got

    def told(self):
        return [g.state for g in self.seen]


def test_each_step_of_a_guests_life_is_pushed(world):
    alice = Person(world, "a")
    assert alice.does("START").err == 0
    alice.sees(RUNNING)
    assert STARTING in alice.told()
    assert PAUSED not in alice.told(), "a pause that nobody asked for"
    assert alice.does("PAUSE").err == 0
    alice.sees(PAUSED)
    assert alice.does("SHUTDOWN").err == frames.ERR["paused"]
    assert alice.does("UNPAUSE").err == 0
    alice.sees(RUNNING)
    boot = alice.seen[-1].boot
    assert alice.does("REBOOT", wait_s=20).err == 0
    assert alice.sees(RUNNING).boot == boot + 1
    assert alice.does("SHUTDOWN", wait_s=20).err == 0
    alice.sees(OFF)


def test_what_is_done_is_so_when_it_is_said(world):
    """Without waiting for anything in between, as a script would."""
    alice = Person(world, "b")
    for name, state in (("START", RUNNING), ("PAUSE", PAUSED),
                        ("UNPAUSE", RUNNING), ("PAUSE", PAUSED),
                        ("RESET", RUNNING), ("DESTROY", OFF),
                        ("START", RUNNING), ("DESTROY", OFF)):
        end = alice.does(name, frames.CONFIRMED)
        assert (end.name, end.err) == ("DONE", 0), (name, end)
        # Asked of the broker, which does not ask anybody for this.
        alice.hears.ask("FOLLOW", frames.Look(b"b"))
        while (got := alice.hears.recv()).name == "GUEST":
            last = got
        assert last.state == state, (name, last)


def test_a_pause_by_another_tool_is_no_reason_to_lie(world):
    alice = Person(world, "c")
    assert alice.does("START").err == 0
    assert world.xl("pause", "alice-c").returncode == 0
    end = alice.does("PAUSE")
    assert end.text == "c is paused already.", end
    assert world.xl("unpause", "alice-c").returncode == 0
    end = alice.does("UNPAUSE")
    assert end.text == "c is running already.", end
    assert alice.does("DESTROY", frames.CONFIRMED).err == 0


def test_the_plug_of_what_ignores_everything_is_pulled(world):
    alice = Person(world, "stubborn")
    assert alice.does("START").err == 0
    boot = alice.sees(RUNNING).boot
    answers = alice.asks.answers("REBOOT", power(
        "stubborn", boot, frames.FORCE, 1))
    assert [a.name for a in answers] == ["JOB", "NOTE", "NOTE", "DONE"]
    assert "did not react within 1 s: pulling the plug" in answers[2].text
    assert answers[3].err == 0 and answers[3].ref == answers[0].ref, answers
    while alice.sees(RUNNING).boot == boot:
        pass
    assert "reboot" in {g.job_verb for g in alice.seen}
    end = alice.does("SHUTDOWN", frames.FORCE, 1)
    assert end.err == 0 and "disk is kept" in end.text, end
    alice.sees(OFF)
    with open(world.path("var/log/vpsh/audit.jsonl")) as f:
        assert sum('"event":"forced"' in line for line in f) == 2


def test_how_busy_a_guest_is_comes_by_itself(world):
    alice = Person(world, "a", frames.COUNTERS)
    assert alice.does("START").err == 0
    got = harness.wait_until(
        lambda: next((g for g in (alice.sees(RUNNING) for _ in range(3))
                      if g.cpu_permille >= 0), None), 20, "measured")
    assert got.body.counters.at_ms > 0 and got.cpu_permille <= 1500, got
    assert alice.does("DESTROY", frames.CONFIRMED).err == 0
