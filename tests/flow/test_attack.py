# SPDX-License-Identifier: ISC
"""Attacks that concern several programs at once, on a simulated host."""

import contextlib
import os
import re
import signal
import subprocess

import frames
import harness
import sim
from world import Supervised

TYPED = "correct-horse-9"


def files_with(folder, word):
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            path_of = os.path.join(path, name)
            if os.path.isfile(path_of) and not os.path.islink(path_of):
                with open(path_of, "rb") as f:
                    if word in f.read():
                        found.append(path_of)
    return found


def test_G02_what_is_typed_at_a_password_prompt_is_nowhere():
    host = sim.SimHost()
    # Not this one, which stands in the guest's configuration.
    host.guest("web", words="password=battery")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    screen = host.pty("console", "web")
    screen.expect(rb"connected")
    screen.send("\r")
    screen.expect(rb"login: ")
    screen.send("root\r")
    screen.expect(rb"[Pp]assword: ")
    screen.send(TYPED + "\r")
    screen.expect(rb"login: ")
    screen.send("marker-of-this-test\r")
    screen.expect(rb"[Pp]assword: ")
    screen.send(b"\x1d")
    assert screen.expect_end() == 0
    # What the guest echoed is recorded, what it did not is not.
    rings = files_with(host.dir, b"marker-of-this-test")
    assert rings, "the console was not recorded at all"
    assert TYPED.encode() not in screen.output
    assert files_with(host.dir, TYPED.encode()) == []
    for path in rings:
        info = os.stat(path)
        assert info.st_uid == host.uid and info.st_mode & 0o077 == 0, (
            path, oct(info.st_mode))


def test_G09_a_mistake_in_vpsh_conf_is_reported_and_sessions_work():
    world = Supervised().start()
    client = world.client()
    with open(world.path("vpsh.conf")) as f:
        good = f.read()
    for line, wrong in (("policy_grace = -1;", 'vpsh.conf:1: "policy_grace"'),
                        ("warn_after = 60;",
                         'vpsh.conf:1: unknown key "warn_after"')):
        world.write("vpsh.conf", line + good)
        harness.wait_until(lambda: wrong in world.said(), 10,
                           "the log says " + wrong)
        assert client.answer("WHOAMI").customer == "alice"
        assert world.client().answer("STATUS", guest="web").name == "END"
        world.write("vpsh.conf", good)
    # At start-up as well.
    world.process.stop()
    world.write("vpsh.conf", "policy_grace = -1;" + good)
    world.start()
    assert world.client().answer("WHOAMI").customer == "alice"


def test_G10_the_kind_of_address_somebody_comes_from_decides_nothing():
    world = Supervised().start()

    def rights(claim):
        client = world.client(claim=claim)
        answers = [bytes(client.answer("WHOAMI").raw[8:])]
        for guest in ("web", "shop", "nobodys"):
            answers.append(bytes(client.answer(
                "WHY", verb="destroy", guest=guest).raw[8:]))
        client.close()
        return answers
    usual = rights("192.0.2.1")
    for claim in ("2001:db8::1", "::ffff:192.0.2.1", "::1", "127.0.0.1", "::",
                  "fe80::1%eth0", "", "UNKNOWN", "web.example.net"):
        assert rights(claim) == usual, claim


@harness.deadline(60)
def test_G11_no_end_by_an_error_looks_like_success():
    host = sim.SimHost()
    host.guest("web", words="slow_boot")
    host.guest("db", policy='allow = [ "log" ];')
    host.start()

    def code(*words):
        return host.vpsh(*words).returncode
    # Nobody reads what it prints.
    read, write = os.pipe()
    os.close(read)
    done = host.vpsh("list", stdout=write, stderr=subprocess.PIPE,
                     capture_output=False)
    os.close(write)
    assert done.returncode != 0, done
    codes = {"usage": code("start", "web", "--no-such-option"),
             "denied": code("start", "db"),
             "no such guest": code("start", "nobodys"),
             "off": code("reboot", "web"),
             "gone": lost_service(host, "start", "web")}
    assert 0 not in codes.values(), codes
    assert len(set(codes.values())) == len(codes), codes


def lost_service(host, *words):
    """The exit code when the service goes away while a command waits."""
    process = host.vpsh_beside(*words)
    harness.wait_until(
        lambda: re.search(rb'"decided".*"verb":"start","guest":"web"',
                          audit_of(host)), 10, "the start is decided")
    pids = list(host.children().values())
    host.kill("vpshd", signal.SIGKILL)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return process.wait(40)


def audit_of(host):
    with open(host.audit, "rb") as f:
        return f.read()
