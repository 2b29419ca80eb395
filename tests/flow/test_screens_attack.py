# SPDX-License-Identifier: ISC
"""What is typed, pasted or sent at the menu that nobody meant."""

import contextlib
import json
import os
import re
import select
import signal

import frames
import harness
import screen
import seat
import stage
from seat import LEAVE, MENU, Seat

fixture = seat.fixture
LEFT_ON = {1, 9, 47, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1047,
           1049, 2004}
HOT = "4\rweb\r3\ryD1c5\ry\tj\rsdprtuxwloaq?/n\x04\x1dy\ry"
# What a terminal answers: attributes, status, cursor, colours, a title, a
# version, a setting, the window; focus, and the mouse.
ANSWERS = ("\x1b[?62;1;6;9;15;22c", "\x1b[>41;354;0c", "\x1b[0n",
           "\x1b[24;80R", "\x1b]10;rgb:dddd/yyyy/dddd\x07",
           "\x1b]lDyrq\x1b\\", "\x1bP>|xterm(354)y\x1b\\",
           "\x1bP1$r0;1m\x1b\\", "\x1b[8;24;80t", "\x1b[I", "\x1b[O",
           "\x1b[<0;4;3M", "\x1b[<0;4;3m", "\x1b[M #$", "\x1b_Gi=1;y\x1b\\",
           "\x1b[?2004;1$y", "\x1b[?1u")
# Keys that lead from the guest's screen to each of them.
PLACES = (("", "web "), ("3\r", "Shut down web"), ("5\r", "Reboot web"),
          ("4\r", "Destroy web"), ("t", "Reset web"), ("l", "Log of web"),
          ("a", "Activity of web"), ("o", "Settings"), ("?", "Help"))


def acts(world):
    """What anybody has asked to have done to a guest."""
    with open(world.audit) as f:
        lines = [json.loads(line) for line in f]
    return [(r["verb"], r["guest"]) for r in lines
            if r["event"] == "decided" and r["verb"] in
            ("start", "shutdown", "reboot", "reset", "destroy", "pause",
             "unpause", "sysrq")]


@contextlib.contextmanager
def nothing_is_done(world):
    before = acts(world)
    yield
    assert acts(world) == before, acts(world)[len(before):]


def at(world, keys, title, **kwargs):
    """A new person at that screen."""
    shown = Seat(world, **kwargs)
    shown.opened("web")
    if keys:
        shown.press(keys, title)
    return shown


def pour(shown, data):
    """Sends more than fits, and reads meanwhile."""
    os.set_blocking(shown.fd, False)
    while data:
        _, room, _ = select.select([shown.fd], [shown.fd], [], 10)
        shown.read_some(0)
        if room:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(shown.fd, data[:4096]):]
    os.set_blocking(shown.fd, True)


# --- pastes ------------------------------------------------------------------

def test_C09_a_paste_of_1_MB_at_every_screen_does_nothing(world):
    begin = screen.PASTE_BEGIN.encode()
    data = (HOT * (1 + (1 << 20) // len(HOT))).encode()
    for i, (keys, title) in enumerate(PLACES):
        shown = at(world, keys, title)
        with nothing_is_done(world):
            pour(shown, begin + data[:(1 << 20) if i < 4 else 10000]
                 + screen.PASTE_END.encode())
            shown.send("\x0c")
            shown.read_for(0.2)
            shown.title(title)
        shown.close()


def test_C09_nor_one_that_the_terminal_does_not_announce(world):
    for keys, title in PLACES:
        shown = at(world, keys, title)
        with nothing_is_done(world):
            pour(shown, (HOT * 400).encode())
            shown.read_for(0.4)
        shown.close()


def test_C09_a_pasted_name_fills_the_field_and_waits_for_enter(world):
    shown = at(world, "4\r", "Destroy web")
    with nothing_is_done(world):
        shown.send(screen.PASTE_BEGIN + "web\r\ry" + screen.PASTE_END)
        shown.see("Name: web")
        shown.read_for(0.2)
        shown.title("Destroy web")
        # An end that is part of the paste ends it no sooner than it ends.
        shown.send(screen.PASTE_BEGIN + "x\x1b[201" + "y" * 300)
        shown.read_for(0.2)
        shown.title("Destroy web")


# --- typed by mistake --------------------------------------------------------

def test_what_was_typed_ahead_is_no_answer_to_a_question(world):
    for keys, title in (("3\ry", "Shut down web"), ("dy", "Shut down web"),
                        ("ry", "Reboot web"), ("dj\r", "Shut down web"),
                        ("Dweb\r", "Destroy web"), ("tweb\r", "Reset web")):
        shown = at(world, "", "web ")
        with nothing_is_done(world):
            shown.press(keys, title)
            shown.read_for(0.1)
            shown.title(title)
            assert "Name: web" not in shown.words()
        shown.close()


def test_E16_destroy_wants_the_name_and_no_single_key_does_it(world):
    shown = at(world, "4\r", "Destroy web")
    with nothing_is_done(world):
        for wrong in ("\r", "y\r", "yes\r", "we\r", "webb\r", "db\r",
                      "web-\r", "D\r", "4\r"):
            shown.send("\x15" + wrong)
            shown.see("That is not the name web. Nothing was done.")
            shown.send("z")
            shown.see_no_more("That is not the name")
        shown.back("web ")


@harness.deadline(60)
def test_E16_a_key_that_is_held_down_acts_once(world):
    shown = Seat(world)
    shown.opened("db")
    before = len(acts(world))
    shown.send("2")
    shown.chosen("Start")
    shown.send("\r" * 60)
    shown.see("db is running|Console.*on already", 20)
    shown.send("\r" * 20)
    harness.wait_until(lambda: world.domain("alice-db"), what="db runs")
    assert acts(world)[before:] == [("start", "db")]
    shown.read_for(0.2)
    if not shown.lines()[0].startswith(" db "):
        shown.press("\r", "db ")
    shown.press("d", "Shut down db")
    shown.send("y" * 60)
    shown.see("db is off|db: shutdown")
    shown.see("db is off|switch it on", 20)
    world.wait_domain("alice-db", 20)
    assert acts(world)[before:] == [("start", "db"), ("shutdown", "db")]


def test_E16_destroy_by_the_typed_name_whatever_its_case(world):
    seat.begin(world, "db")
    shown = Seat(world)
    shown.opened("db")
    shown.press("4\r", "Destroy db")
    shown.send(" Db ")
    shown.see("Name: Db")
    shown.press("\r", "db: destroy")
    shown.see("db is off")
    assert world.domain("alice-db") is None


# --- answers of a terminal ---------------------------------------------------

def test_answers_of_a_terminal_are_no_keys_at_any_screen(world):
    for keys, title in PLACES:
        shown = at(world, keys, title)
        shown.see_no_more(r"Loading \.\.\.")
        before = shown.text()
        with nothing_is_done(world):
            for answer in ANSWERS:
                shown.send(answer)
            # In two pieces, too.
            for answer in ANSWERS[:8]:
                shown.send(answer[:4])
                shown.read_some(0.02)
                shown.send(answer[4:])
            shown.read_for(0.1)
            shown.title(title)
            if title not in ("web ", "Shut down web", "Reboot web"):
                assert shown.text() == before, title
        shown.close()


def test_late_answers_after_a_console_fire_no_key(world):
    shown = at(world, "", "web ")
    for wait in (0, 0.3, 0.6):
        shown.send("1\r")
        shown.console()
        with nothing_is_done(world):
            shown.send(LEAVE)
            shown.read_for(wait)
            shown.send("".join(ANSWERS) + "6;9c4;80Rdy")
            shown.title("web ")
            shown.read_for(0.2)
            # At most a question, which is left as it is.
            if not shown.lines()[0].startswith(" web "):
                shown.send("n")
            shown.title("web ")


# --- keys and signals that end other programs --------------------------------

def test_C07_keys_that_end_other_programs_do_nothing_at_any_screen(world):
    for keys, title in PLACES:
        shown = at(world, keys, title)
        with nothing_is_done(world):
            for key in "\x1c\x1a\x13\x11":
                shown.send(key)
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP,
                           signal.SIGTTOU, signal.SIGPIPE):
                os.kill(shown.pid, number)
            shown.send("\x0c")
            shown.read_for(0.1)
            assert shown.status is None
            shown.title(title)
            shown.send("\x03")
            shown.title("Your guests" if title == "web " else "web ")
            shown.send("\x04\x04\x04")
            assert shown.left() == 0
        shown.close()


def test_C07_an_end_from_outside_restores_the_terminal_at_any_screen(world):
    for i, (keys, title) in enumerate(PLACES):
        shown = at(world, keys, title)
        number = (signal.SIGTERM, signal.SIGHUP)[i % 2]
        with nothing_is_done(world):
            os.kill(shown.pid, number)
            assert shown.left() == 128 + number, title
        assert "Your guests run on" in shown.words(), title
        assert not [n for n in os.listdir(world.dir) if "core" in n]


def test_C07_a_line_that_drops_does_nothing_at_any_screen(world):
    for keys, title in PLACES:
        shown = at(world, keys, title)
        with nothing_is_done(world):
            shown.hang_up()
            assert harness.wait_exit(shown.pid, 5), title
            shown.close()


# --- what a guest leaves behind ----------------------------------------------

MESS = (b"\x1b[?1049h\x1b[?1000;1002;1003;1004;1005;1006;1015h\x1b[?2004h"
        b"\x1b[?1h\x1b=\x1b[?25l\x1b[?7l\x1b[5;10r\x1b[?6h\x1b(0\x0e"
        b"\x1b[31;44;7m\x1b[4h\x1b[?5h messed up")


def mess(host):
    """Attached from the menu, and the guest has done all it can."""
    shown = screen.Screen([harness.program("vpsh"), "-S", host.socket],
                          env=MENU)
    shown.see("web .{1,3}running")
    shown.send("jc")
    shown.until(lambda: 1049 not in shown.terminal.private
                and "login:" in shown.words(), "the console")
    host.show(MESS)
    shown.until(lambda: {1049, 1003, 2004} <= shown.terminal.private, "mess")
    return shown


def is_tidy(shown):
    assert not shown.terminal.private & LEFT_ON, shown.terminal.private
    assert 25 in shown.terminal.private, "the cursor is hidden"
    assert shown.terminal.margins in (None, (0, 23)), shown.terminal.margins
    assert shown.terminal.cursor.attrs.fg == "default"
    assert not shown.terminal.cursor.attrs.reverse
    assert 4 not in shown.terminal.mode and 6 << 5 not in shown.terminal.mode


def test_C15_modes_that_a_guest_has_set_are_off_afterwards():
    host = stage.Host().start()
    shown = mess(host)
    shown.send(LEAVE)
    shown.see("Your guests.*web .{1,3}running.*q log out")
    # What is on is the menu's own; 1 is xterm's cursor keys.
    shown.until(lambda: shown.terminal.private & LEFT_ON - {1}
                == {1049, 1000, 1006, 2004}, "no mode of the guest")
    shown.send("q")
    assert shown.expect_end() == 0
    is_tidy(shown)


def test_C15_they_are_off_when_the_session_is_ended_from_outside():
    host = stage.Host().start()
    for number in (signal.SIGTERM, signal.SIGHUP):
        shown = mess(host)
        os.kill(shown.pid, number)
        shown.expect_end()
        is_tidy(shown)
        shown.close()


def test_C15_they_are_off_when_the_guest_or_its_console_is_gone():
    host = stage.Host().start()
    shown = mess(host)
    host.gone("alice-web")
    host.drop_viewers()
    shown.send(LEAVE)
    shown.see("Your guests.*web .{1,3}off.*log out")
    shown.send("q")
    assert shown.expect_end() == 0
    is_tidy(shown)


# --- text of others ----------------------------------------------------------

EVIL = ("\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2066\u200f"
        "\r\n\x08\x7f" + "a\u0301\u0302\u0303" + "\ufeff\ue000").encode() + \
    b"\xff\xc0\xaf\xed\xa0\x80"


def is_shown_escaped(shown, raw):
    assert b"\x1b]0;owned" not in raw and b"\x07" not in raw
    assert b"\x1b[2J\xc2" not in raw and b"\x9b31m" not in raw.replace(
        b"\xc2\x9b", b"?")
    for bad in ("\u202e", "\u2066", "\u200f", "\ufeff", "\x9b"):
        assert bad.encode() not in raw, hex(ord(bad))
    assert shown.lines()[-1].endswith(("log out", "back"))


def test_C11_bytes_of_an_operator_are_shown_and_not_obeyed():
    host = stage.Host().start()
    host.watcher.send("DOMAIN_STATE", 0, frames.Domain(
        b"alice-web", stage.UUID, 1, frames.RUNNING, 0, 1, 7, 0, 524288,
        frames.Counters(at_ms=-1), 2, 0, -1, b"backup " + EVIL[:60]))
    shown = screen.Screen([harness.program("vpsh"), "-S", host.socket],
                          env=MENU)
    shown.see("web .{1,3}running")
    shown.send("j\r")
    shown.see("Last lines.*q back")
    is_shown_escaped(shown, shown.output)


def test_C11_bytes_of_a_guest_are_shown_and_not_obeyed():
    host = stage.Host().start()
    for env in (MENU, {k: v for k, v in MENU.items() if k != "LANG"}):
        shown = screen.Screen([harness.program("vpsh"), "-S", host.socket],
                              env=env, utf8="LANG" in env)
        shown.see("web .{1,3}running")
        shown.send("j\r")
        shown.see("Last lines.*three")
        before = len(shown.output)
        host.show(b"beg" + EVIL + b"\r\n" + EVIL * 3 + b"\r\nlast line ")
        shown.see("beg.*last line")
        is_shown_escaped(shown, shown.output[before:])
        if "LANG" not in env:
            assert all(b < 0x80 for b in shown.output)
        shown.close()


def test_C11_a_bomb_of_combining_characters_is_no_wider_than_its_cell():
    host = stage.Host().start()
    shown = screen.Screen([harness.program("vpsh"), "-S", host.socket],
                          env=MENU)
    shown.see("web .{1,3}running")
    shown.send("j\r")
    shown.see("Last lines.*three")
    before = len(shown.output)
    host.show(b"\r\nx" + "\u0301".encode() * 5000 + b"y\r\nlast line ")
    shown.see("last line")
    assert len(shown.output) - before < 4000
    assert re.search("q back$", shown.lines()[-1])
