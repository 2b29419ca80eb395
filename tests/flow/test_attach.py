# SPDX-License-Identifier: ISC
"""The customer's end of a console: what its keys do, whose terminal it is,
and that a terminal which was left never needs `reset`."""
import json
import os
import re
import signal
import struct
import termios
import time

import harness
import sim
import stage

LEAVE = b"\x1d"
COMMAND = b"\x1e"
PROMPT = rb"[$#] $"
BEGIN, OVER = b"\x1b[200~", b"\x1b[201~"
EVERY_BYTE = bytes(range(256))

# Alternate screen, mouse, focus, paste; cursor, wrap, application keys, line
# drawing, margins, colours, insert, reverse, xterm's own keys.
NASTY = (r"\e[?1049h\e[?1003h\e[?1006h\e[?1004h\e[?2004h\e[?25l\e[?7l",
         r"\e[?1h\e=\e(0\e)0\e[2;5r\e[1;31m\e[4h\e[?5h\e[?6h\e[>4;2m\x0e")

TOKEN = re.compile(
    rb"\x1b\[([?>=<]?)([0-9;]*)([ !$]?)([@-~])|\x1b([()])(.)|\x1b([=>])"
    rb"|([\x0e\x0f])", re.DOTALL)
FRESH = {"private": {7, 25}, "(": b"B", ")": b"B", "shifted": False,
         "colour": False, "margins": False, "keypad": False, "insert": False,
         "keys": False}


def terminal_after(output):
    """How a terminal is that was fresh, got this, and knows no soft reset."""
    now = dict(FRESH, private=set(FRESH["private"]))
    for kind, numbers, between, final, slot, charset, keypad, shift in \
            TOKEN.findall(output):
        modes = {int(n) for n in numbers.split(b";") if n}
        if slot:
            now[slot.decode()] = charset
        elif keypad:
            now["keypad"] = keypad == b"="
        elif shift:
            now["shifted"] = shift == b"\x0e"
        elif kind == b"?" and final == b"h":
            now["private"] |= modes
        elif kind == b"?" and final == b"l":
            now["private"] -= modes
        elif kind == b">" and final == b"m":
            now["keys"] = numbers not in (b"", b"4;0", b"4")
        elif kind or between:
            continue
        elif final == b"m":
            now["colour"] = bool(modes - {0})
        elif final == b"r":
            now["margins"] = bool(modes)
        elif final in b"hl" and modes == {4}:
            now["insert"] = final == b"h"
    return now


def new_modes():
    """Of a terminal that nobody has touched."""
    master, slave = os.openpty()
    modes = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
    return modes


def host(*guests, **kwargs):
    world = sim.SimHost()
    for name in guests or ("web",):
        world.guest(name, **kwargs)
    return world.start()


def console(world, *options, name="web"):
    """Attached to a running guest, whose shell waits."""
    tty = world.pty("console", name, *options)
    tty.expect(rb"\[%s: connected" % name.encode())
    if options:
        return tty
    tty.send("\r")
    if tty.expect(rb"login: |[$#] $").group().endswith(b"login: "):
        tty.send("root\r")
        tty.expect(PROMPT)
    return tty


def started(world, name="web"):
    done = world.vpsh("start", name)
    assert done.returncode == 0, done
    return console(world, name=name)


def say(tty, text):
    tty.send('echo -e "%s[said]"\r' % text)
    tty.expect(rb"\[said\]\"\r.*\[said\]")
    tty.expect(PROMPT)


def nasty(tty):
    for text in NASTY:
        say(tty, text)
    after = terminal_after(tty.output)
    assert {1, 1003, 1006, 1049, 2004} <= after["private"], after
    assert all(after[k] for k in ("colour", "margins", "keypad", "insert",
                                  "keys", "shifted")), after


def assert_fresh(tty):
    assert terminal_after(tty.output) == FRESH, tty.output[-400:]
    assert tty.modes() == new_modes(), tty.modes()


def leave(tty, status=0):
    tty.send(LEAVE)
    assert tty.expect_end() == status, tty.output[-300:]


# --- leaving ----------------------------------------------------------------

@harness.deadline(60)
def test_C15_every_way_out_leaves_a_terminal_that_needs_no_reset():
    world = host()
    started(world).close()
    for keys in (LEAVE, b"\x11\x11\x11", b"text\x1dmore"):
        tty = console(world)
        nasty(tty)
        tty.send(keys)
        assert tty.expect_end() == 0, tty.output[-300:]
        assert_fresh(tty)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT,
                   signal.SIGQUIT):
        tty = console(world)
        nasty(tty)
        os.kill(tty.pid, number)
        assert tty.expect_end() == 128 + number, tty.output[-300:]
        assert_fresh(tty)


@harness.deadline(60)
def test_C15_a_console_that_is_taken_away_leaves_a_good_terminal():
    world = host()
    tty = started(world)
    nasty(tty)
    world.write("etc/vpsh/customers/alice/suspended", "unpaid")
    assert tty.expect_end(20) == 3, tty.output[-300:]
    assert_fresh(tty)
    os.unlink(world.path("etc/vpsh/customers/alice/suspended"))
    harness.wait_until(lambda: world.vpsh("list").returncode == 0, 20)
    tty = console(world)
    nasty(tty)
    world.policies["alice"].clear()
    world.write_policy("alice")
    assert tty.expect_end(20) == 3, tty.output[-300:]
    assert_fresh(tty)


@harness.deadline(60)
def test_C15_a_guest_or_a_service_that_is_gone_leaves_a_good_terminal():
    world = host()
    tty = started(world)
    nasty(tty)
    assert world.vpsh("destroy", "web", "--yes").returncode == 0
    tty.expect(rb"\[web: the guest is being switched off\]")
    leave(tty)
    assert_fresh(tty)
    tty = started(world)
    nasty(tty)
    world.stop_vpsh()
    tty.expect(rb"\[web: vpsh is restarting")
    leave(tty)
    assert_fresh(tty)


def test_what_is_typed_behind_the_last_key_is_nobodys():
    world = host()
    tty = started(world)
    leave(tty)
    tty = world.pty()
    tty.expect(rb"> $")
    tty.send_line("console web")
    tty.expect(rb"connected")
    tty.send(LEAVE + b"destroy web\r")
    tty.expect(rb"\x1b\[999;1H")
    tty.send("y\rweb\r")
    tty.expect(rb"> $")
    tty.send_line("status web")
    tty.expect(rb"state: running")
    assert b"destroy web" not in tty.output.split(b"connected")[1], \
        tty.output[-900:]
    tty.send_line("exit")
    assert tty.expect_end() == 0


# --- pastes and bytes ---------------------------------------------------------

class Listener(stage.Host):
    """Its console keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.heard = b""

    def viewer_said(self, sock):
        data = sock.recv(65536)
        if not data:
            self.viewer_end(sock)
        elif data[:4] == struct.pack("<I", stage.INPUT):
            self.heard += data[16:]

    def listens_until(self, end):
        harness.wait_until(lambda: self.heard.endswith(end), 30,
                           "the console heard it all")


def at_listener():
    world = Listener().start()
    tty = world.person("console", "web")
    tty.expect(rb"web login: ")
    return world, tty


def test_every_byte_value_reaches_the_terminal_as_it_is():
    world, tty = at_listener()
    world.show(b"<" + EVERY_BYTE * 3 + b">")
    shown = tty.expect(rb"<(.*)>").group(1)
    assert shown == EVERY_BYTE * 3, shown
    leave(tty)


def test_every_byte_value_reaches_the_guest_in_a_paste():
    world, tty = at_listener()
    tty.send(BEGIN + EVERY_BYTE * 3 + OVER + b"!")
    world.listens_until(b"!")
    assert world.heard == BEGIN + EVERY_BYTE * 3 + OVER + b"!"
    leave(tty)


def test_every_byte_value_reaches_the_guest_through_all_of_vpsh():
    world = host()
    tty = started(world)
    tty.send("keys\r")
    tty.expect(rb"q ends\r\n")
    every = EVERY_BYTE.replace(b"q", b"")
    tty.send(BEGIN + every + b"q")
    shown = tty.expect(rb"((?:[0-9a-f]{2} )+)\r\n", 20).group(1)
    assert bytes.fromhex(shown.decode()) == BEGIN + every, shown
    tty.send(OVER)
    leave(tty)


@harness.deadline(60)
def test_D09_a_mebibyte_pasted_arrives_byte_for_byte():
    world, tty = at_listener()
    paste = BEGIN + b"".join(b"%07d " % n + EVERY_BYTE[:-8]
                             for n in range(4096)) + OVER
    assert len(paste) > 1 << 20
    tty.send(paste + b"!")
    world.listens_until(b"!")
    assert world.heard == paste + b"!"
    leave(tty)


def test_D09_ctrl_bracket_twice_leaves_in_the_middle_of_a_paste():
    world, tty = at_listener()
    before = BEGIN + b"line of a paste\r" * 4096
    tty.send(before + LEAVE + LEAVE)
    # The rest of it is nobody's.
    tty.expect(rb"\x1b\[999;1H")
    tty.send(b"rm -rf /\r" * 64 + OVER)
    assert tty.expect_end() == 0, tty.output[-300:]
    assert world.heard == before + LEAVE
    assert b"rm -rf" not in tty.output


def test_ctrl_bracket_once_is_text_in_a_paste_and_leaves_behind_it():
    world, tty = at_listener()
    tty.send(BEGIN + b"a\x1db\x1dc" + OVER + b"d")
    world.listens_until(b"d")
    tty.send(LEAVE)
    assert tty.expect_end() == 0
    assert world.heard == BEGIN + b"a\x1db\x1dc" + OVER + b"d"


def test_C13_a_terminal_answers_a_guest_that_asks_now_and_not_before():
    world, tty = at_listener()
    answer = b"\x1b[24;80R"
    tty.send(answer + b"early")
    world.listens_until(b"early")
    assert world.heard == b"early", world.heard
    begin = time.monotonic()
    harness.wait_until(lambda: time.monotonic() > begin + 2,
                       what="what was shown first is old")
    tty.send(answer + b"late")
    world.listens_until(b"late")
    assert world.heard == b"early" + answer + b"late", world.heard
    leave(tty)


# --- keys of ours ---------------------------------------------------------------

def test_the_line_at_attach_names_the_keys_in_one_row():
    long_name = "a-guest-with-a-name-of-32-letter"
    world = host("web", long_name)
    for name in ("web", long_name):
        tty = world.pty("console", name)
        line = tty.expect(rb"\[%s: connected\.[^\r]*\]" % name.encode())
        assert len(line.group()) <= 80, line
        for key in (rb"Ctrl-\]", rb"Ctrl-Q", rb"Ctrl-\^"):
            assert re.search(key, line.group()), line
        tty.send(COMMAND + b"?")
        tty.expect(rb"h who is here.*sysrq.*stty.*these lines\]\r\n")
        for row in tty.output.split(b"\r\n"):
            assert len(row) <= 80, row
        leave(tty)


def test_ctrl_caret_types_the_size_of_the_terminal():
    world = host()
    tty = started(world)
    tty.resize(47, 133)
    tty.send(COMMAND + b"s")
    tty.expect(rb"stty rows 47 cols 133\r\n")
    tty.expect(PROMPT)
    tty.send("stty size\r")
    tty.expect(rb"47 133\r\n")
    leave(tty)


def test_ctrl_caret_that_means_nothing_is_the_guests():
    world = host()
    tty = started(world)
    tty.send("keys\r")
    tty.expect(rb"q ends\r\n")
    tty.send(COMMAND + b"x" + COMMAND + COMMAND + b"y")
    tty.expect(rb"1e 78 1e 79 ")
    tty.send(COMMAND)       # and stays alone
    tty.expect(rb"1e ")
    tty.send(b"zq")
    tty.expect(rb"7a \r\n")
    leave(tty)


def test_D14_a_key_of_sysrq_is_pressed_from_the_console():
    world = host()
    tty = started(world)
    tty.send(COMMAND + b"k")
    tty.expect(rb"\[web: sysrq: which key\?")
    tty.send("h")
    tty.expect(rb"sysrq: HELP")
    tty.expect(rb"\[web: \w+: sysrq h was sent to web\.\]")
    tty.send(COMMAND + b"k")
    tty.expect(rb"\[web: sysrq: which key\?")
    tty.send("b")
    tty.expect(rb"\[web: key b can end what runs in it at once; press b ag")
    tty.send("x")
    tty.expect(rb"\[web: sysrq: no key was pressed\]")
    tty.send(COMMAND + b"k")
    tty.expect(rb"\[web: sysrq: which key\?")
    tty.send("b")
    tty.expect(rb"press b again")
    tty.send("b")
    tty.expect(rb"console opened \(boot 2\)", 20)
    leave(tty)


def test_D14_who_may_not_press_sysrq_is_told():
    world = host(policy='allow = [ "start", "console" ];')
    tty = started(world)
    tty.send(COMMAND + b"k")
    tty.expect(rb"which key\?")
    tty.send("s")
    tty.expect(rb"\[web: [^]]*(not|may)[^]]*\]")
    tty.send("echo [still here]\r")
    tty.expect(rb"\n\[still here\]")
    leave(tty)


def test_D11_who_turned_the_other_keys_off_has_one_that_leaves():
    world = host()
    started(world).close()
    done = world.vpsh("prefs", "escape", "off")
    assert done.returncode == 0, done
    tty = console(world)
    assert b"Ctrl-] or Ctrl-5 leaves]" in tty.output, tty.output
    tty.send("keys\r")
    tty.expect(rb"q ends\r\n")
    tty.send(b"\x11\x11\x11" + COMMAND + b"kbbq")
    tty.expect(rb"11 11 11 1e 6b 62 62 \r\n")
    leave(tty)


# --- who looks on -------------------------------------------------------------

def test_C13_a_watchers_terminal_says_nothing_to_the_guest():
    world = host()
    writer = started(world)
    watcher = console(world, "--view")
    watcher.expect(rb"you are watching")
    say(writer, r"\e[6n\e[c\e]0;title\a\e[?1003h\e[31mred\e[0m")
    watcher.expect(rb"\x1b\[31mred\x1b\[0m\[said\]")
    for gone in (b"\x1b[6n", b"\x1b[c", b"\x1b]0", b"\x1b[?1003h"):
        assert gone in writer.output, gone
        assert gone not in watcher.output, gone
    writer.send("keys\r")
    writer.expect(rb"q ends\r\n")
    watcher.expect(rb"q ends\r\n")
    watcher.send(b"\x1b[24;80R\x1b[?62;c\x1b]11;rgb:0/0/0\x1b\\\x1b[<0;1;1M")
    watcher.send(b"typed")
    watcher.expect(rb"you are watching; another session of yours writes")
    writer.send(b"zq")
    shown = writer.expect(rb"((?:[0-9a-f]{2} )+)\r\n").group(1)
    assert shown == b"7a ", shown
    leave(watcher)
    assert_fresh(watcher)
    leave(writer)


def test_C13_who_takes_the_write_side_has_the_terminal_of_the_guest():
    world = host()
    one = started(world)
    two = world.pty("console", "web")
    two.expect(rb"you are watching; another session of yours writes")
    say(one, r"\e[?1003h\e[?1006h")
    two.expect(rb"\[said\]")
    assert b"\x1b[?1003h" not in two.output
    two.send(COMMAND + b"w")
    two.expect(rb"\x1b\[\?1003h\x1b\[\?1006h\r?\n?\[web: you write now\]")
    one.expect(rb"\x1b\[\?1003l\x1b\[\?1006l")
    one.expect(rb"another session of yours has taken over")
    two.send("\r")
    two.expect(PROMPT)
    say(two, r"\e[c")
    assert b"\x1b[c" in two.output
    one.expect(rb"\[said\]")
    assert b"\x1b[c" not in one.output
    leave(two)
    leave(one)
    assert_fresh(one)
    assert_fresh(two)
    log = world.vpsh("log", "web").stdout
    for mark in ("alice has joined", "alice has taken over",
                 "alice has left"):
        assert re.search("(?m)^-- [\\d:]+ %s --$" % mark, log), (mark, log)


def test_who_is_here_is_one_key_away():
    world = host()
    one = started(world)
    two = console(world, "--view")
    one.expect(rb"\[web: alice has joined\]")
    two.send(COMMAND + b"h")
    two.expect(rb"\[web: here: alice \(types\), alice \(watches\)\]")
    leave(two)
    one.expect(rb"\[web: alice has left\]")
    leave(one)


# --- the operator -------------------------------------------------------------

def operator(world, *words):
    return harness.Pty([harness.program("vpshctl"), "-p", world.dir, *words],
                       env=sim.ENVIRONMENT, preexec=sim.becomes(world.uid))


def vpshctl(world, *words):
    return harness.run([harness.program("vpshctl"), "-p", world.dir, *words],
                       env=sim.ENVIRONMENT, preexec_fn=sim.becomes(world.uid))


def test_C13_an_operator_who_watches_sees_text_and_types_nothing():
    world = host()
    tty = started(world)
    screen = operator(world, "watch", "alice/web")
    screen.expect(rb"\[alice/web: watching; who is there is told so\. "
                  rb"Ctrl-C or Ctrl-\] leaves\]\r\n")
    tty.expect(rb"\[web: the operator watches\]")
    say(tty, r"\e[?1003h\e[31mred\e[0m \e]0;t\a\x05\e[6nok")
    screen.expect(rb"red \\x05ok\[said\]")
    screen.send(b"whoami\r")
    say(tty, "two")
    screen.expect(rb"two\[said\]")
    assert b"whoami" not in tty.output
    screen.send(LEAVE)
    assert screen.expect_end() == 0, screen.output
    assert b"\x1b" not in screen.output, screen.output
    assert screen.modes() == new_modes()
    tty.expect(rb"\[web: the operator has left\]")
    leave(tty)


@harness.deadline(60)
def test_an_operator_who_watches_stays_over_a_restart():
    world = host()
    tty = started(world)
    screen = operator(world, "watch", "alice/web")
    screen.expect(rb"leaves\]")
    say(tty, "before")
    screen.expect(rb"before\[said\]")
    world.kill("vpsh-console")
    screen.expect(rb"\[alice/web: vpsh is restarting; one moment\]")
    screen.expect(rb"\[alice/web: back\]", 20)
    tty.expect(rb"\[web: back\]", 20)
    tty.send("\r")
    tty.expect(PROMPT)
    say(tty, "after")
    screen.expect(rb"after\[said\]")
    assert screen.output.count(b"\n\"before[said]\"") == 1, screen.output
    os.kill(screen.pid, signal.SIGINT)
    assert screen.expect_end() == 0, screen.output
    assert screen.modes() == new_modes()
    leave(tty)


def test_an_operator_is_told_what_cannot_be_watched_or_lent():
    world = host()
    for words, code, text in (
            (("watch", "alice/wbe"), 1, "alice/web"),
            (("watch", "a/b/c"), 2, "cannot be a guest"),
            (("--json", "watch", "alice/web"), 2, "is no JSON"),
            (("release", "alice/web", "--for", "1h"), 2, "with --console"),
            (("release", "alice/web", "--console", "--for", "x"), 2, "10m"),
            (("release", "alice/web", "--console"), 1, "it is off")):
        done = vpshctl(world, *words)
        assert done.returncode == code and text in done.stderr, (words, done)


def test_D07_an_operator_borrows_a_console():
    world = host()
    tty = started(world)
    done = vpshctl(world, "release", "alice/web", "--console", "--for", "2m")
    assert done.returncode == 0, done
    assert "xl console alice-web" in done.stdout, done
    tty.expect(rb"\[web: the operator has taken this console for up to 2 mi")
    leave(tty)
    assert_fresh(tty)


# --- the log ------------------------------------------------------------------

def test_a_log_from_an_offset_begins_with_that_byte():
    world = host()
    tty = started(world)
    say(tty, "text")
    leave(tty)
    whole = world.vpsh("log", "web", "--json", "--lines", "0").stdout
    rows = [json.loads(row) for row in whole.splitlines()]
    at = rows[len(rows) // 2]["offset"]
    part = world.vpsh("log", "web", "--json", "--from", str(at)).stdout
    assert part.splitlines()[0] in whole.splitlines(), part
    assert whole.endswith(part[part.index("\n"):]), (whole, part)
    assert any("has left" in r.get("mark", "") for r in rows), rows
    done = world.vpsh("log", "web", "--from", "0", "--since", "1h")
    assert done.returncode == 2 and "either" in done.stderr, done
