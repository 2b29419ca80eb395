# SPDX-License-Identifier: ISC
"""Consoles of real guests."""
import base64
import concurrent.futures
import contextlib
import re

import harness
import steps
import world

XENCONSOLED = "/usr/lib/xen-4.17/bin/xenconsoled"
PID_FILE = "/run/xenconsoled.pid"
GUEST_LOGS = "/var/log/xen/console"
MARK = rb"\[linux: [^\]\r\n]*\]"
MISSING = rb"missing here"
# Until Ctrl-C: numbers that every reader can account for.
COUNT = ("i=0; while :; do printf 'n%06d\\n' $i; i=$((i + 1)); done\r")


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
    start_xenconsoled(lab)
    return holder


def end_xenconsoled(lab):
    lab.root("kill -9 $(cat %s); tail -f --pid=$(cat %s) /dev/null; rm -f %s"
             % (PID_FILE, PID_FILE, PID_FILE))


def start_xenconsoled(lab, *options):
    lab.root("start-stop-daemon --start --quiet --pidfile %s --exec %s -- "
             "--pid-file %s %s" % (PID_FILE, XENCONSOLED, PID_FILE,
                                   " ".join(options)))


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


def no_viewer_sees_another_guest(lab, rounds):
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
    for number in range(rounds):
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
    assert crossed >= rounds // 2, \
        "only %d of %d rounds gave a pty to another guest" % (crossed, rounds)


@harness.deadline(300)
def test_H01_no_viewer_ever_sees_another_guest(lab):
    no_viewer_sees_another_guest(lab, 4)


# --- numbered lines ----------------------------------------------------------

def counted(output):
    """The numbers in order, None where bytes are said to be missing.  Lines
    of vpsh's own may stand within one of the guest's."""
    text = re.sub(MARK, lambda m: b"X" if MISSING in m.group() else b"",
                  output).translate(None, b"\r\n")
    return [None if m.group() == b"X" else int(m.group(1))
            for m in re.finditer(rb"X|n(\d{6})", text)]


def account(output):
    """None is missing without a mark, and none came twice; how many came."""
    seen, last, marked = 0, -1, True
    for number in counted(output):
        if number is None:
            marked = True
            continue
        assert number > last, "%d came after %d" % (number, last)
        assert marked or number == last + 1, \
            "from %d to %d without a mark" % (last, number)
        # One read, or what a daemon that died had in its hands.
        assert number - last < 4096, "%d follows %d" % (number, last)
        seen, last, marked = seen + 1, number, False
    return seen


def counts_on(tty, more=300, seconds=90):
    """Waits for so many numbers more."""
    def enough():
        while tty.read_some(0):
            pass
        return len(counted(tty.output)) >= wanted
    wanted = len(counted(tty.output)) + more
    harness.wait_until(enough, seconds, "numbers go on: %r" % (
        tty.output[-300:],), fds=[tty.fd])


def counting(lab):
    """A viewer of a guest that counts for ever."""
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    tty = steps.linux_answers(lab)
    tty.output = b""
    tty.send(COUNT)
    counts_on(tty)
    return tty


def stop_counting(tty):
    """Types Ctrl-C, and again when vpsh says that it was not sent."""
    wanted = rb"\^C.*" + steps.GUEST_PROMPT + rb"|typed meanwhile was not sent"
    tty.send(b"\x03")
    while not tty.expect(wanted, 60).group().startswith(b"^C"):
        tty.send(b"\x03")


def log_lines(lab, lines):
    """The last ones that `log` has of the Linux guest, and no times."""
    text = lab.vpsh("alice", "log linux --lines %d" % lines).stdout
    return re.findall(r"(?m)^\d\d:\d\d:\d\d (.*)$", text)


def read_all(tty):
    while tty.read_some(0):
        pass


def newest_number(lab, tty):
    """What the guest counted to by now.  The terminal is read meanwhile:
    its ssh shares a connection, which stands still for one that is full."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(log_lines, lab, 9)
        harness.wait_until(lambda: read_all(tty) or asked.done(), 100,
                           "the log is read", fds=[tty.fd])
    found = [n for n in counted("\n".join(asked.result()).encode())
             if n is not None]
    return found[-1] if found else None


def counts_on_from_now(lab, tty):
    """Numbers come that the guest had not said yet: what was under way to
    the viewer when something was killed proves nothing."""
    newest = harness.wait_until(lambda: newest_number(lab, tty), 60,
                                "the log has numbers")

    def enough():
        read_all(tty)
        seen = counted(tty.output[-4096:])
        return seen and seen[-1] is not None and seen[-1] >= newest + 300
    harness.wait_until(enough, 90, "numbers go on from %d: %r" % (
        newest, tty.output[-300:]), fds=[tty.fd])


def reboots_show_every_line_once(lab, reboots):
    steps.fresh(lab)
    tty = lab.terminal("alice", "start linux --console")
    for boot in range(reboots + 1):
        tty.expect(rb"console opened \(boot \d+\)", 90)
        tty.expect(steps.GUEST_PROMPT, 120)
        end = "/sbin/reboot" if boot < reboots else "echo all-$((40 + 2))"
        tty.send("for i in $(seq 300); do echo boot-%d-$i; done; %s\r"
                 % (boot, end))
    tty.expect(rb"all-42", 60)
    wanted = [(b, i) for b in range(reboots + 1) for i in range(1, 301)]
    seen = [(int(b), int(i)) for b, i in
            re.findall(rb"\nboot-(\d+)-(\d+)\r", tty.output)]
    assert seen == wanted, sorted(set(wanted) - set(seen))[:10]
    assert len(re.findall(rb"console opened", tty.output)) == reboots + 1
    steps.leave(tty)
    logged = [(int(b), int(i)) for b, i in
              re.findall(r"(?m)^boot-(\d+)-(\d+)$",
                         "\n".join(log_lines(lab, 2 * len(wanted))))]
    assert logged == wanted, sorted(set(wanted) - set(logged))[:10]


@harness.deadline(300)
def test_D03_reboots_while_attached_show_every_line_once(lab):
    reboots_show_every_line_once(lab, 2)


def kill_one(what):
    """A test's name says whose end it is about."""
    return {"console": "pkill -9 -x vpsh-console",
            "watcher": "pkill -9 -f '[v]psh-domain watch'",
            "broker": "pkill -9 -x vpsh-broker",
            "vpshd": "systemctl kill -s KILL --kill-whom=main vpshd",
            "all": "systemctl kill -s KILL vpshd"}[what]


@harness.deadline(600)
def test_no_line_is_lost_or_doubled_when_vpsh_is_killed(lab):
    tty = counting(lab)
    for what in ("console", "watcher", "broker", "vpshd", "console", "all"):
        # What was killed just before may not be there again.
        harness.wait_until(lambda: lab.run(
            "root", [kill_one(what)]).returncode == 0, 30, what + " dies")
        counts_on_from_now(lab, tty)
        account(tty.output)
    stop_counting(tty)
    # A shell that is interrupted may write its last line once more.
    assert account(tty.output[:tty.output.rindex(b"^C")]) > 6 * 300
    steps.leave(tty)


@harness.deadline(400)
def test_D15_no_line_is_lost_unmarked_when_the_console_daemon_dies(lab):
    tty = counting(lab)
    for _ in range(3):
        lab.root("kill -9 $(cat %s); rm -f %s" % (PID_FILE, PID_FILE))
        start_xenconsoled(lab)
        tty.expect(rb"console opened", 60)
        counts_on_from_now(lab, tty)
        account(tty.output)
    stop_counting(tty)
    steps.leave(tty)


@harness.deadline(240)
def test_a_killed_viewer_frees_the_write_side_at_once(lab):
    tty = counting(lab)
    lab.root("pkill -9 -u alice -x vpsh")
    harness.wait_until(lambda: tty.read_some(0) is None, 30,
                       "its session ended", fds=[tty.fd])
    account(tty.output)
    other = steps.connect(lab, "alice", "linux")
    counts_on(other)
    stop_counting(other)
    steps.leave(other)


# --- the operator's own ways -------------------------------------------------

@harness.deadline(240)
def test_D04_the_console_follows_what_the_operators_xl_does(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    tty = steps.connect(lab, "alice", "web")
    steps.grub_answers(tty, "ours")
    lab.root("xl destroy alice-web")
    tty.expect(rb"waiting for the guest", 60)
    lab.create("alice-web")
    steps.grub_answers_again(tty, "xls")
    tty.send("reboot\r")
    steps.grub_answers_again(tty, "rebooted")
    steps.leave(tty)


@harness.deadline(240)
def test_D07_a_lent_console_is_the_operators_and_comes_back(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    tty = steps.connect(lab, "alice", "web")
    steps.grub_answers(tty, "mine")
    busy = lab.run("root", ["timeout 20 xl console alice-web </dev/null"])
    assert busy.returncode not in (0, 124), steps.show(busy)
    assert "lock" in (busy.stdout + busy.stderr).lower(), steps.show(busy)
    lab.root("vpshctl release alice/web --console --for 5m")
    tty.expect(rb"the operator has taken this console", 30)
    other = lab.terminal("root", "xl console alice-web")
    # Its reader has to be there before what is typed is worth anything.
    steps.grub_answers(other, "lent")
    other.send(steps.LEAVE)
    other.expect_end(30)
    tty.expect(rb"the operator had this console", 60)
    steps.grub_answers(tty, "back")
    assert b"lent-" not in tty.output
    busy = lab.run("root", ["timeout 20 xl console alice-web </dev/null"])
    assert "lock" in (busy.stdout + busy.stderr).lower(), steps.show(busy)
    steps.leave(tty)


@harness.deadline(240)
def test_C13_the_operator_watches_and_no_sequence_gets_through(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    tty = steps.linux_answers(lab)
    watcher = lab.terminal("root", "vpshctl watch alice/linux")
    watcher.expect(rb"watching", 30)
    tty.expect(rb"the operator watches", 30)
    seen = len(watcher.output)
    watcher.send("echo typed-by-root\r")
    tty.send(r"printf '\033]0;title\007\033[31mr\143d\033[0m-%d\n' 42" "\r")
    tty.expect(rb"\x1b\]0;title\x07\x1b\[31mrcd\x1b\[0m-42", 30)
    watcher.expect(rb"rcd-42", 30)
    assert b"\x1b" not in watcher.output[seen:], watcher.output[seen:]
    steps.leave(watcher)
    tty.expect(rb"the operator has left", 30)
    assert b"typed-by-root" not in tty.output
    steps.leave(tty)


# --- what xenconsoled says itself --------------------------------------------

@contextlib.contextmanager
def logged_by_xenconsoled(lab, extra):
    """The Linux guest with that kernel command line, and the daemon's own
    log of it: a function that reads it."""
    path = "/etc/xen/alice-linux.cfg"
    file = GUEST_LOGS + "/guest-alice-linux.log"
    steps.fresh(lab)
    lab.write(path, world.XL_CFG["alice-linux"].replace(
        "console=hvc0 quiet", "console=hvc0 " + extra))
    end_xenconsoled(lab)
    lab.root("mkdir -p %s; rm -f %s" % (GUEST_LOGS, file))
    start_xenconsoled(lab, "--log=guest", "--log-dir=" + GUEST_LOGS)
    try:
        yield lambda: base64.b64decode(lab.root("base64 " + file))
    finally:
        lab.write(path, world.XL_CFG["alice-linux"])
        lab.clear()
        end_xenconsoled(lab)
        start_xenconsoled(lab)


def lines_of(data):
    """Lines without their ends and without control characters."""
    return [re.sub(rb"[^ -~]", b"", line) for line in data.split(b"\n")]


@harness.deadline(300)
def test_a_boot_is_shown_byte_for_byte_as_xenconsoled_logs_it(lab):
    with logged_by_xenconsoled(lab, "loglevel=7") as theirs:
        tty = lab.terminal("alice", "start linux --console")
        tty.expect(rb"console opened \(boot \d+\)\]\r\n", 120)
        begin = len(tty.output) - len(tty.unread)
        tty.expect(rb"linux guest up: [^\r]*\r\n", 120)
        tty.expect(steps.GUEST_PROMPT, 30)
        steps.leave(tty)
        end = b"disk of alice-linux"
        ours = tty.output[begin:]
        ours, logged = (data[:data.index(end) + len(end)]
                        for data in (ours, theirs()))
        assert logged.count(b"\n") > 50, logged
        assert ours == logged, next(
            (at, ours[at - 40:at + 40], logged[at - 40:at + 40])
            for at in range(len(logged)) if ours[at:at + 1]
            != logged[at:at + 1])


@harness.deadline(300)
def test_D13_a_guest_that_panics_unwatched_is_in_the_log_to_its_end(lab):
    with logged_by_xenconsoled(lab, "loglevel=7 rdinit=/nothing") as theirs:
        steps.ask(lab, "alice", "start linux", 0, seconds=120)
        harness.wait_until(lambda: not lab.domains(), 120, "it died")
        logged = [line for line in lines_of(theirs()) if line]
        assert any(b"Kernel panic" in line for line in logged), logged[-5:]
        # What earlier guests of that name said is there as well.
        text = "\n".join(log_lines(lab, len(logged) + 99))
        ours = [line for line in lines_of(text.encode()) if line]
        ours = ours[-len(logged):]
        assert ours == logged, [
            pair for pair in zip(ours, logged) if pair[0] != pair[1]][:3]
