# SPDX-License-Identifier: ISC
"""Customers of one host with uids of their own; the host is simulated."""

import os
import random
import signal
import sys
import time

import harness
import sim

sys.path.insert(0, os.path.join(harness.TOP, "tests/flow"))
import frames

LOOPS = 30


def loop(host, customer, guest):
    """A process of that customer which asks as fast as it can."""
    pid = os.fork()
    if pid != 0:
        harness.cleanup.callback(os.waitpid, pid, 0)
        harness.cleanup.callback(os.kill, pid, signal.SIGKILL)
        return
    try:
        sim.becomes(host.uids[customer])()
        chance = random.Random(1)
        clients = [frames.Client(host.socket) for _ in range(LOOPS)]
        while True:
            for client in clients:
                client.ask(chance.choice(("START", "STATUS", "REBOOT")),
                           guest=guest)
            for fd in harness.poll_once([c.sock.fileno() for c in clients],
                                        1):
                os.read(fd, 65536)
    finally:
        os._exit(1)


def seconds_for(host, customer, *words):
    begun = time.monotonic()
    done = host.vpsh(*words, customer=customer)
    assert done.returncode == 0, (customer, words, done,
                                  host.said()[-2000:])
    return time.monotonic() - begun


@harness.deadline(90)
def test_H14_a_looping_customer_starves_neither_others_nor_himself():
    host = sim.SimHost()
    more = "limits = { sessions = %d; power = 4; };" % (LOOPS + 10)
    host.customer("alice", host.uids["alice"], more).customer("bob")
    for name, customer in (("web", "alice"), ("db", "alice"),
                           ("shop", "bob")):
        host.guest(name, customer)
    host.start()
    seconds_for(host, "alice", "start", "web")
    alone = seconds_for(host, "bob", "start", "shop") + seconds_for(
        host, "bob", "destroy", "shop", "--yes")
    loop(host, "alice", "db")
    # Until her limits are used up.
    harness.wait_until(lambda: b'"rate"' in audit_of(host), 20,
                       "alice is told to wait")
    beside = seconds_for(host, "bob", "start", "shop") + seconds_for(
        host, "bob", "destroy", "shop", "--yes")
    assert beside < 5 * alone + 2, (alone, beside)
    screen = host.pty("console", "web")
    screen.expect(rb"connected")
    screen.send("\r")
    screen.expect(rb"login: ")
    screen.send(b"\x1d")
    assert screen.expect_end() == 0
    for name in ("db", "web"):
        seconds_for(host, "alice", "destroy", name, "--yes")


def audit_of(host):
    with open(host.audit, "rb") as f:
        return f.read()
