# SPDX-License-Identifier: ISC
"""Consoles of real guests."""
import re

import harness
import steps

XENCONSOLED = "/usr/lib/xen-4.17/bin/xenconsoled"
PID_FILE = "/run/xenconsoled.pid"
ROUNDS = 20


@harness.deadline(180)
def test_first_byte_is_seen_and_replayed(lab):
    steps.fresh(lab)
    tty = lab.terminal("alice", "start linux --console")
    tty.expect(rb"console opened \(boot \d+\)", 120)
    tty.expect(rb"linux guest up: ", 120)
    tty.expect(steps.GUEST_PROMPT, 30)
    steps.leave(tty)
    done = steps.ask(lab, "alice", "log linux", 0)
    assert "linux guest up: " in done.stdout, steps.show(done)
    tty = steps.connect(lab, "alice", "linux")
    tty.expect(rb"linux guest up: ", 20)
    steps.leave(tty)


@harness.deadline(180)
def test_D13_last_words_are_kept(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    tty = steps.connect(lab, "alice", "linux")
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    tty.send("echo last-$((40 + 2)); /sbin/poweroff\r")
    tty.expect(rb"reboot: System halted", 60)
    steps.leave(tty)
    harness.wait_until(lambda: not lab.domains(), 60, "it was taken away")
    done = steps.ask(lab, "alice", "log linux", 0)
    assert "last-42" in done.stdout, steps.show(done)
    assert "reboot: System halted" in done.stdout, steps.show(done)
    steps.agree(lab)


@harness.deadline(180)
def test_D05_second_session_watches_and_takes_over(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    first = steps.connect(lab, "alice", "web")
    steps.grub_answers(first, "first")
    second = steps.connect(lab, "alice", "web")
    second.expect(rb"you are watching", 20)
    first.send("echo [both]\r")
    first.expect(rb"\n\r?\[both\]", 30)
    second.expect(rb"\n\r?\[both\]", 30)
    second.send("w")
    second.expect(rb"you write now", 20)
    word = steps.grub_answers(second, "second")
    first.expect(rb"\n\r?\[%s\]" % word.encode(), 30)
    steps.leave(second)


@harness.deadline(180)
def test_console_waits_for_a_guest_that_is_off(lab):
    steps.fresh(lab)
    tty = steps.connect(lab, "alice", "web")
    steps.ask(lab, "alice", "start web", 0)
    steps.grub_answers(tty, "late")
    steps.leave(tty)


@harness.deadline(240)
def test_D15_console_daemon_restart_is_survived(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    tty = steps.connect(lab, "alice", "web")
    steps.grub_answers(tty, "before")
    lab.root("/etc/init.d/xen restart", 60)
    tty.expect(rb"console opened", 60)
    steps.grub_answers(tty, "after")
    steps.leave(tty)


@harness.deadline(240)
def test_vpsh_restart_is_survived(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    tty = steps.connect(lab, "alice", "web")
    steps.grub_answers(tty, "before")
    lab.root("systemctl kill -s KILL --kill-whom=main vpshd")
    tty.expect(rb"\[web: back", 60)
    steps.grub_answers(tty, "after")
    steps.leave(tty)


def kill_and_restart(lab, everything, hold):
    """xenconsoled and the watcher, or all of vpsh, die at once; another
    pty may be taken before xenconsoled is back."""
    ours = "systemctl kill -s KILL vpshd" if everything else \
        "kill -9 $(pgrep -f '[v]psh-domain watch')"
    lab.root("kill -9 $(cat %s); %s; rm -f %s" % (PID_FILE, ours, PID_FILE))
    holder = None
    if hold:
        holder = lab.terminal("root", "echo held; exec cat")
        holder.expect(rb"held", 30)
    lab.root("start-stop-daemon --start --quiet --pidfile %s --exec %s -- "
             "--pid-file %s" % (PID_FILE, XENCONSOLED, PID_FILE))
    return holder


def ttys(lab):
    """{domid: tty} as xenstore has it."""
    text = lab.root("for d in $(xenstore-list /local/domain); do echo $d "
                    "$(xenstore-read /local/domain/$d/console/tty "
                    "2>/dev/null); done")
    return dict(line.split() for line in text.splitlines()
                if len(line.split()) == 2)


def marks(viewers):
    """How often each viewer saw its own guest's marker until now."""
    for tty in viewers.values():
        while tty.read_some(0):
            pass
    return {name: tty.output.count(b"mark-" + name.encode())
            for name, tty in viewers.items()}


def more_marks(viewers, seconds):
    """Waits until each viewer saw two more of its own."""
    before = marks(viewers)

    def enough():
        now = marks(viewers)
        return all(now[name] >= before[name] + 2 for name in now)
    try:
        harness.wait_until(enough, seconds, "every viewer sees its guest",
                           fds=[tty.fd for tty in viewers.values()])
    except AssertionError as late:
        raise AssertionError("%s; last seen: %s" % (late, {
            name: tty.output[-200:] for name, tty in viewers.items()}))


@harness.deadline(600)
def test_H01_no_viewer_ever_sees_another_guest(lab):
    steps.fresh(lab)
    owners = {"alice-web": "alice", "alice-db": "alice",
              "bob-shop": "bob", "bob-db": "bob"}
    for name, owner in owners.items():
        steps.ask(lab, owner, "start " + name.split("-")[1], 0)
    # The oldest pty now belongs to the newest domain.
    steps.ask(lab, "alice", "reset web --yes", 0)
    viewers = {}
    for name, owner in owners.items():
        tty = viewers[name] = steps.connect(lab, owner, name.split("-")[1])
        steps.grub_answers(tty, "ready")
        tty.send("while true; do echo mark-%s; sleep 1; done\r" % name)
    more_marks(viewers, 60)

    crossed, holder = 0, None
    for number in range(ROUNDS):
        before = ttys(lab)
        if holder:
            holder.close()
        holder = kill_and_restart(lab, everything=number % 4 > 1,
                                  hold=number % 2 == 0)
        more_marks(viewers, 60)
        after = ttys(lab)
        crossed += any(before[d] == after[e] for d in before for e in after
                       if d != e)
        for name, tty in viewers.items():
            seen = set(re.findall(rb"mark-(\w+-\w+)", tty.output))
            assert seen == {name.encode()}, "round %d: %s saw %s" % (
                number, name, seen)
    assert crossed >= ROUNDS // 2, \
        "only %d of %d rounds gave a pty to another guest" % (crossed, ROUNDS)
