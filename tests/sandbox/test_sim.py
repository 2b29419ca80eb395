# SPDX-License-Identifier: ISC
"""All of vpsh with its filters on, on a simulated host: the real libxl and
libxenstore in a watcher that may open nothing, connect nowhere and start
nobody."""

import re
import signal

import harness
import sim
from test_sandbox import ATTEMPTS, NOT_THERE, hijack, status_of

PROMPT = rb"[$#] $"


def test_a_guest_lives_and_dies_under_all_filters():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    children = host.children()
    for name in ("vpsh-broker", "vpsh-console", "vpsh-domain watch"):
        assert status_of(children[name])["Seccomp"] == "2", name
    assert host.vpsh("start", "web").returncode == 0
    screen = host.pty("console", "web")
    screen.expect("login: ")
    screen.send("root\r")
    screen.expect(PROMPT)
    host.restart_consoled()
    screen.expect("console opened", 20)
    screen.send("net 10\r")
    screen.expect(PROMPT)
    for words, state in ((("pause", "web"), "paused"),
                         (("unpause", "web"), "running"),
                         (("reboot", "web"), "running")):
        done = host.vpsh(*words)
        assert done.returncode == 0, done
        shown = host.vpsh("list").stdout
        assert re.search("^web +" + state, shown, re.M), shown
    screen.expect(r"console opened \(boot 2\)", 20)
    screen.expect("login: ")
    assert "login: " in host.vpsh("log", "web").stdout
    assert host.vpsh("shutdown", "web").returncode == 0
    assert host.domains() == []
    # What a filter ends is started again, and works as if nothing had been.
    assert host.children() == children
    assert "ended, signal" not in host.said(), host.said()


@harness.deadline(120)
def test_hijacked_watcher_can_do_nothing_of_it():
    # It opens ttys and policy files; whose they are decides.
    for attempt in [a for a in ATTEMPTS if a != "open"]:
        host = sim.SimHost()
        host.start(vpsh=False)
        host.link(hijack("sim/vpsh-domain"), "libexec/vpsh-domain")
        host.run("vpshd", [hijack("vpshd"), "-p", host.dir, "-x",
                           host.path("libexec")], {"VPSH_HIJACK": attempt})
        ended = r"vpsh-domain \(pid \d+\) ended, signal %d" % signal.SIGSYS
        harness.wait_until(
            lambda: re.search(r"hijack %s: \w+|%s" % (attempt, ended),
                              host.said()), 15, attempt)
        said = host.said()
        print(said)
        assert "SUCCEEDED" not in said and "no such attempt" not in said
        assert (re.search(ended, said) or "hijack %s: blocked (%s)" % (
            attempt, NOT_THERE) in said), attempt
        host.stop()
