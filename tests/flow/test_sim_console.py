# SPDX-License-Identifier: ISC
"""Consoles of simulated guests, through all of vpsh."""
import contextlib
import os
import re

import harness
import sim

LEAVE = b"\x1d"
PROMPT = rb"[$#] $"
# Milliseconds from one tty to the next of a slow console daemon: longer than
# the watcher takes to find it.
PACE = 1500


def host(*guests, **words):
    world = sim.SimHost()
    for name in guests:
        world.guest(name, words=words.get(name, ""))
    return world.start()


def connect(world, name):
    """Attached to a running guest, with a shell that waits."""
    tty = world.pty("console", name)
    tty.expect(rb"\[%s: connected" % name.encode())
    tty.send("\r")
    if tty.expect(rb"login: |[$#] $").group().endswith(b"login: "):
        tty.send("root\r")
        tty.expect(PROMPT)
    return tty


def start(world, name):
    done = world.vpsh("start", name)
    assert done.returncode == 0, done
    return connect(world, name)


def answers(tty, word):
    tty.send("echo [%s]\r" % word)
    tty.expect(rb"\n\r?\[%s\]" % word.encode())
    tty.expect(PROMPT)


def leave(tty):
    tty.send(LEAVE)
    status = tty.expect_end()
    assert status == 0, (status, tty.output[-300:])


def kernel_lines(output):
    """The kernel counts its lines in the last digits of the time."""
    return [int(n) for n in re.findall(rb"\[ +\d+\.\d{3}(\d{3})\] ", output)]


def restart_consoled(world, *options):
    """As after a crash of it: nothing is tidied up."""
    world.kill("xenconsoled")
    world.processes.pop("xenconsoled").wait()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(world.path("run/xenconsoled.pid"))
    world.run("xenconsoled", [harness.program("sim/xenconsoled"), "-p",
                              world.dir, *options],
              {"XENSTORED_PATH": world.path("run/xenstored/socket")},
              ready=lambda: os.path.exists(
                  world.path("run/xenconsoled.pid")))


def test_start_console_shows_the_very_first_byte():
    world = host("web")
    tty = world.pty("start", "web", "--console")
    tty.expect(rb"console opened \(boot 1\)\]\r\n"
               rb"\[    0\.000000\] Linux version")
    tty.expect(rb"login: ")
    lines = kernel_lines(tty.output)
    assert lines == list(range(len(lines))) and len(lines) > 30, lines
    leave(tty)


def test_D13_a_guest_that_dies_in_50_ms_is_in_the_log_to_its_last_word():
    world = host("web", web="dies=50")
    done = world.vpsh("start", "web")
    assert done.returncode == 0, done
    world.wait_domain("alice-web")
    output = world.vpsh("log", "web", "--lines", "100").stdout
    lines = kernel_lines(output.encode())
    assert lines == list(range(len(lines))), lines
    assert "---[ end Kernel panic" in output, output


def test_D13_a_viewer_sees_the_last_word_of_every_boot():
    world = host("web", web="reboots=3")
    tty = world.pty("start", "web", "--console")
    for boot in range(1, 5):
        tty.expect(rb"console opened \(boot %d\)" % boot)
        tty.expect(rb"\[    0\.000000\] Linux version")
        tty.expect(rb"reboot: Restarting system" if boot < 4 else rb"login: ")
    leave(tty)


def test_D15_a_viewer_survives_a_restart_of_the_console_daemon():
    world = host("web")
    tty = start(world, "web")
    answers(tty, "before")
    for number in range(3):
        restart_consoled(world)
        # What it had read and nobody had got went with it.
        tty.expect(rb"lines may be missing here")
        tty.expect(rb"console opened")
        tty.send("\r")
        tty.expect(PROMPT)
        answers(tty, "after-%d" % number)
    leave(tty)


def tty_nodes(world):
    return {d.name: world.store.read("/local/domain/%d/console/tty" % d.domid)
            for d in world.domains()}


def more_names(viewers, seconds=20):
    """Until each viewer saw its guest say its name twice more."""
    def count(tty):
        while tty.read_some(0):
            pass
        return len(re.findall(rb"\nalice-\w+ \d+", tty.output))
    before = {name: count(tty) for name, tty in viewers.items()}
    harness.wait_until(
        lambda: all([count(tty) >= before[name] + 2
                     for name, tty in viewers.items()]),
        seconds, "every viewer sees its guest", [t.fd for t in
                                                 viewers.values()])


def says_its_name(world, name):
    tty = connect(world, name)
    tty.send("slow 100000\r")
    return tty


@harness.deadline(60)
def test_H01_a_reused_pts_shows_nobody_another_guest():
    world = host("a", "b", "c")
    for name in "abc":
        start(world, name).close()
    viewers = {name: says_its_name(world, name) for name in "abc"}
    crossed = 0
    # Once with the old watcher, once with a new one.
    for name, kill in (("a", False), ("b", True)):
        # Its tty, the lowest number, is the newest domain's then.
        viewers[name].close()
        assert world.vpsh("reset", name, "--yes").returncode == 0
        viewers[name] = says_its_name(world, name)
        more_names(viewers)
        before = tty_nodes(world)
        restart_consoled(world, "-s", str(PACE))
        if kill:
            world.kill("vpsh-domain watch")
        more_names(viewers)
        after = tty_nodes(world)
        crossed += any(before[x] == after[y] for x in before for y in after
                       if x != y)
        for mine, tty in viewers.items():
            seen = set(re.findall(rb"\nalice-(\w+) \d+", tty.output))
            assert seen == {mine.encode()}, (mine, seen)
    assert crossed, "no pts went from one guest to another"
    # What else would have noticed had nothing to notice.
    assert not re.search("used for neither|named by another", world.said()), \
        world.said()


def test_D08_a_flood_that_nobody_reads_holds_up_nobody_else():
    world = host("web", "db")
    noisy, quiet = start(world, "web"), start(world, "db")
    noisy.send("flood 100000\r")
    noisy.expect(rb"flood 0000000100 ")
    # From here on nobody reads this terminal.
    for number in range(20):
        answers(quiet, "here-%d" % number)
    leave(quiet)
    done = world.vpsh("destroy", "web", "--yes")
    assert done.returncode == 0, done
    world.wait_domain("alice-web")


def flood(lines):
    return b"".join(b"flood %010d 0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
                    b"HI\r\n" % n for n in range(lines))


def test_D08_a_reader_of_a_flood_is_told_what_it_lost_to_the_byte():
    world = host("web")
    tty = start(world, "web")
    tty.send("flood 4000\r")
    tty.expect(rb"flood 0000000000 ")
    tty.expect(rb"EFGHI\r\nroot@[^$#]*" + PROMPT, 25)
    said, ends = flood(64000), {0}
    shown = tty.output[tty.output.index(b"flood 0000000000"):]
    shown = shown[:shown.rindex(b"root@")]
    for piece in re.split(rb"(\[web: [^]]*\]\r\n)", shown):
        if piece.startswith(b"[web: "):
            missing = int(re.search(rb": (\d+) bytes are missing",
                                    piece).group(1))
            ends = {at + missing for at in ends}
            continue
        # A note in the middle of a line begins on a line of its own.
        both = {piece, piece.removesuffix(b"\r\n")}
        found = {at + len(p) for at in ends for p in both
                 if said.startswith(p, at)}
        assert found, (ends, piece[:80], piece[-80:])
        ends = found
    assert len(said) in ends, ends
    leave(tty)


def test_D09_a_guest_that_never_reads_and_a_long_paste_block_nobody():
    world = host("web", "db")
    deaf, other = start(world, "web"), start(world, "db")
    deaf.send("deaf\r")
    deaf.expect(PROMPT)
    for _ in range(16):
        deaf.send(b"x" * 65536)
    answers(other, "still here")
    leave(deaf)
    leave(other)


def test_typed_bytes_arrive_as_they_were_typed():
    world = host("web")
    tty = start(world, "web")
    tty.send("keys\r")
    tty.expect(rb"q ends\r\n")
    every = bytes(b for b in range(256) if b not in (*LEAVE, *b"q\x11"))
    tty.send(every + b"q")
    shown = tty.expect(rb"((?:[0-9a-f]{2} )+)\r\n").group(1)
    assert bytes.fromhex(shown.decode()) == every, shown
    leave(tty)
