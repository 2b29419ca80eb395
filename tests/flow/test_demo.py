# SPDX-License-Identifier: ISC
"""`make demo` as a plain user, and that nothing of it stays."""

import os
import re
import signal
import sys

import harness

DEMO = [sys.executable, os.path.join(harness.TOP, "tests/demo/demo.py")]
FOLDER = rb"(/tmp/vpsh-demo-\w+)"


def running(folder):
    """Command lines of processes that have to do with that folder."""
    found = []
    for pid in [n for n in os.listdir("/proc") if n.isdigit()]:
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read()
        except OSError:
            continue
        if folder in words:
            found.append(words)
    return found


def expect_nothing_left(folder):
    harness.wait_until(lambda: not os.path.exists(folder)
                       and not running(folder), 15,
                       "%s is gone; %s" % (folder, running(folder)))


def session(argv):
    """The demo on a terminal, up to the prompt: (terminal, its folder)."""
    tty = harness.Pty(argv, env=dict(os.environ, TERM="xterm",
                                      LC_VPSH="line"))
    folder = tty.expect(FOLDER, 20).group(1)
    tty.expect(rb"vpsh> $", 20)
    assert os.path.isdir(folder) and len(running(folder)) > 8
    return tty, folder


@harness.deadline(60)
def test_without_a_terminal_it_plays_a_tour():
    done = harness.run(DEMO, 50)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "UNDER YOUR OWN UID, %d" % os.geteuid() in said, said
    lists = re.findall(r"alice> list\n(.*?)\n\n", said, re.DOTALL)
    states = [dict(re.findall(r"^(\w+) +([a-z]+)", text, re.M))
              for text in lists]
    assert states[0] == {"db": "off", "mail": "paused", "web": "running"}
    assert states[1] == dict.fromkeys(("db", "mail", "web"), "running")
    assert len(re.findall("^alice> ", said, re.M)) >= 12
    assert "nothing of it is left" in said.splitlines()[-1]
    expect_nothing_left(re.search(FOLDER, said.encode()).group(1))


@harness.deadline(60)
def test_on_a_terminal_it_is_a_session_and_exit_leaves_nothing():
    tty, folder = session(DEMO)
    tty.send_line("console web")
    tty.expect(rb"connected")
    tty.send("\r")
    tty.expect(rb"login: ")
    tty.send(b"\x1d")
    tty.expect(rb"vpsh> $")
    # What the keyboard sends to all of a terminal's programs stops and ends
    # nothing: it reaches vpsh alone, as under sshd.
    assert os.tcgetpgrp(tty.fd) not in (tty.pid, 0)
    tty.send(b"\x1a\x1c\x03")
    tty.expect(rb"vpsh> $")
    tty.send_line("whoami")
    tty.expect(rb"customer: alice")
    tty.expect(rb"vpsh> $")
    tty.send_line("exit")
    assert tty.expect_end(20) == 0, tty.output
    assert b"nothing of it is left" in tty.output[-100:]
    expect_nothing_left(folder)


@harness.deadline(60)
def test_a_hang_up_leaves_nothing():
    tty, folder = session(DEMO)
    tty.hang_up()
    expect_nothing_left(folder)


@harness.deadline(60)
def test_the_death_of_what_started_it_leaves_nothing():
    """Its parent is killed, as when somebody ends make."""
    tty, folder = session(["/bin/sh", "-c", " ".join(DEMO) + "; exit"])
    os.kill(tty.pid, signal.SIGKILL)
    expect_nothing_left(folder)


@harness.deadline(90)
def test_either_of_its_processes_tidies_up_after_the_other():
    for which in (0, 1):
        tty, folder = session(DEMO)
        pid = tty.pid
        if which == 1:
            with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                pid = int(f.read().split()[0])
        os.kill(pid, signal.SIGKILL)
        expect_nothing_left(folder)


@harness.deadline(60)
def test_ctrl_c_while_it_comes_up_leaves_nothing():
    tty = harness.Pty(DEMO, env=dict(os.environ, TERM="xterm",
                                      LC_VPSH="line"))

    def folder():
        """Its inner process is there, and has begun."""
        with open("/proc/%d/task/%d/children" % (tty.pid, tty.pid)) as f:
            for pid in f.read().split():
                for path in re.findall(FOLDER, b"\n".join(
                        running_of(int(pid)))):
                    return path
    path = harness.wait_until(folder, 20, "the host comes up")
    tty.send(b"\x03")
    assert tty.expect_end(20) == 130, tty.output
    expect_nothing_left(path)


def running_of(parent):
    """Command lines of the children of a process."""
    with open("/proc/%d/task/%d/children" % (parent, parent)) as f:
        pids = f.read().split()
    found = []
    for pid in pids:
        with open("/proc/%s/cmdline" % pid, "rb") as f:
            found.append(f.read())
    return found
