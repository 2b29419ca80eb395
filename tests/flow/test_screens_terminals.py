# SPDX-License-Identifier: ISC
"""The menu on each kind of terminal, and in windows of every size."""

import fcntl
import os
import re
import struct
import termios

import harness
import screen
import seat
from seat import ESC, LEAVE, MENU, Seat

fixture = seat.fixture
TERMS = ("xterm", "xterm-256color", "screen", "tmux", "linux", "putty",
         "rxvt", "vt100", "vt220", "ansi")
FOLDERS = ("/etc/terminfo/", "/lib/terminfo/", "/usr/share/terminfo/",
           "/usr/lib/terminfo/")


def steady(text):
    """Without what changes by itself, and with the signs of ASCII."""
    for sign, plain in zip("●○▼", "*ov"):
        text = text.replace(sign, plain)
    return re.sub(r"[-<\d.▁-█_]+[a-z%]?( [kM]?i?B)?(?=[ /\n]|$)", "9", text)


def look_around(shown):
    """What a few screens show, in words."""
    found = []
    shown.listed()
    shown.send("2")
    shown.chosen("mail")
    found.append(shown.lines()[-1])
    shown.send("4\r")
    shown.title("web ")
    shown.see("Exit.*web login:")
    found += shown.lines()[6:12]
    shown.send("3\r")
    shown.title("Shut down web")
    found.append(re.sub(r"for .*\.", "for a while.", shown.text()))
    shown.back("web ").press("?", "Help")
    found.append(shown.text())
    shown.back("web ").back("Your guests")
    return found


def environment(term, utf8):
    env = dict(MENU, TERM=term)
    if not utf8:
        del env["LANG"]
    return env


# --- kinds of terminals ------------------------------------------------------

@harness.deadline(60)
def test_all_terminals_show_the_same(world):
    wanted = None
    for utf8 in (True, False):
        for term in TERMS:
            shown = Seat(world, env=environment(term, utf8), utf8=utf8)
            found = look_around(shown)
            wanted = wanted or found
            differ = [pair for pair in zip(wanted, found)
                      if pair[0] != pair[1]]
            assert not differ, (term, utf8, differ)
            signs = set("●○▁") & set(shown.text())
            assert bool(signs) == (utf8 and term != "linux"), (term, utf8)
            if not utf8:
                assert all(b < 0x80 for b in shown.output), term
            shown.send("q")
            assert shown.left() == 0, term


def test_what_is_repainted_in_part_is_what_is_painted_afresh(world):
    for term in TERMS:
        shown = Seat(world, env=environment(term, True))
        shown.listed()
        shown.press("o", "Settings")
        shown.send("jjkj")
        shown.see("> Time zone")
        shown.back("Your guests").press("a", "Activity")
        shown.back("Your guests").press("?", "Help")
        shown.send("jjjjkk")
        shown.read_for(0.1)
        before = shown.text()
        shown.send("\x0c")
        shown.read_for(0.1)
        assert shown.text() == before, term
        shown.close()


def test_the_terminal_is_given_back_as_it_was(world):
    for term in TERMS:
        shown = Seat(world, env=environment(term, True))
        modes = shown.modes()
        shown.listed()
        shown.press("?", "Help")
        shown.send("qq")
        assert shown.left() == 0, term
        assert shown.terminal.margins in (None, (0, 23)), term
        row, column = shown.cursor()
        cell = shown.terminal.cursor.attrs
        assert (cell.fg, cell.bg, cell.reverse, cell.bold) == \
            ("default", "default", False, False), term
        assert modes[3] & termios.ICANON
        shown.close()


def colours(shown):
    return {shown.cell(y, x).fg for y in range(24) for x in range(80)} | \
        {shown.cell(y, x).bg for y in range(24) for x in range(80)}


def test_colour_is_never_red_beside_green_and_never_all_there_is(world):
    shown = Seat(world)
    shown.listed()
    used = colours(shown)
    assert used - {"default"} and "green" not in used, used
    shown.close()
    for env in (dict(MENU, NO_COLOR="1"), dict(MENU, TERM="vt100")):
        shown = Seat(world, env=env)
        shown.listed()
        assert colours(shown) == {"default"}
        shown.see("mail . running.*sealed . off")
        shown.close()


def test_an_empty_NO_COLOR_is_none(world):
    shown = Seat(world, env=dict(MENU, NO_COLOR=""))
    shown.listed()
    assert colours(shown) - {"default"}


# --- what the environment says -----------------------------------------------

def opened_files(world, env, words=()):
    """All names that were looked for before the first screen."""
    trace = os.path.join(harness.temp_dir(), "trace")
    env = dict(env, ASAN_OPTIONS="detect_leaks=0")
    shown = screen.Screen(
        ["strace", "-f", "-qq", "-e", "trace=file", "-o", trace,
         harness.program("vpsh"), "-p", world.dir, *words], env=env)
    shown.see("Your guests.*log out|vpsh> ?$", 20)
    shown.send("q" if "Your guests" in shown.words() else "exit\r")
    shown.expect_end(20)
    with open(trace, errors="replace") as f:
        return re.findall(r'"([^"]*)"', f.read())


def hostile_home():
    """Folders with terminfo of somebody's own."""
    home = harness.temp_dir()
    for folder in (".terminfo/x", ".terminfo/e", "x", "e"):
        os.makedirs(os.path.join(home, folder), exist_ok=True)
        for name in ("xterm", "evil"):
            with open(os.path.join(home, folder, name), "wb") as f:
                f.write(b"\x1a\x01" + b"\xff" * 4000)
    return home


def test_C02_only_terminfo_of_the_system_is_opened(world):
    home = hostile_home()
    shown_with = dict(MENU, TERMINFO=home, TERMINFO_DIRS=home + ":" + home,
                      TERMCAP="xterm:cl=\\E[2Jevil:", TERMPATH=home,
                      HOME=home)
    files = opened_files(world, shown_with)
    assert not [f for f in files if f.startswith(home)], files
    found = [f for f in files if "terminfo" in f]
    assert found and all(f.startswith(FOLDERS) or f + "/" in FOLDERS
                         for f in found), found


def test_C01_a_hostile_TERM_opens_nothing(world):
    for term in ("../../../../tmp/x", "$(id)", "/tmp/x", "x/../../y",
                 "x" * 65536, "\x1b]0;x\x07", "evil\nxterm"):
        files = opened_files(world, dict(MENU, TERM=term))
        bad = [f for f in files if "terminfo" in f and
               ("evil" in f or "tmp" in f or ".." in f or "(" in f)]
        assert not bad, (term[:30], bad)


def test_C03_C06_other_variables_have_no_effect(world):
    home = hostile_home()
    env = dict(MENU, LOCPATH=home, NLSPATH=home + "/%N", GCONV_PATH=home,
               MALLOC_PERTURB_="1", NCURSES_TRACE="8191", LINES="3",
               COLUMNS="7", ESCDELAY="100000", TABSIZE="100",
               NCURSES_NO_UTF8_ACS="1", CC="X", LANG="xx_YY.UTF-8",
               LC_ALL="", NCURSES_GPM_TERMS="*", HOME=home)
    files = opened_files(world, env)
    assert not [f for f in files if f.startswith(home)], files
    shown = Seat(world, env=env)
    shown.listed()
    assert len(shown.lines()) == 24 and "● running" in shown.text()
    # Not after 100 s.
    shown.press("?", "Help").back("Your guests")
    shown.close()
    for lang in ("x" * 60000, "../../tmp/x", "C.UTF-8/../x", "%s%n"):
        shown = Seat(world, env=dict(MENU, LANG=lang))
        shown.listed()
        shown.close()


def test_H15_a_linux_console_loads_no_library_for_a_mouse(world):
    files = opened_files(world, dict(MENU, TERM="linux",
                                     NCURSES_GPM_TERMS="linux"))
    assert not [f for f in files if "gpm" in f], files


# --- windows -----------------------------------------------------------------

def test_A15_windows_that_cannot_be(world):
    for size in ((1, 1), (1, 200), (200, 1), (0, 80), (24, 0)):
        shown = Seat(world, rows=size[0] or 24, cols=size[1] or 80,
                     preexec=lambda: fcntl.ioctl(
                         0, termios.TIOCSWINSZ,
                         struct.pack("HHHH", size[0], size[1], 0, 0)))
        shown.expect(rb"Your.guests|this is line mode")
        assert b"\x1b[?1049h" not in shown.output or \
            b"Your guests" in shown.output, (size, shown.output[:200])
        shown.resize(24, 80)
        if b"line mode" in shown.output:
            shown.expect("vpsh> ")
            shown.send("menu\r")
        shown.listed()
        shown.close()


def test_A15_a_window_without_end_is_used_in_part(world):
    shown = Seat(world)
    shown.listed()
    harness.Pty.resize(shown, 10000, 10000)
    shown.expect(rb"\x1b\[200(;\d+H|d)", 20)
    with open("/proc/%d/status" % shown.pid) as f:
        assert int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) < 300000
    shown.terminal.reset()
    shown.resize(24, 80)
    shown.send("\x0c")
    shown.looks(" Your guests~", "...", "~q log out")


def test_a_window_that_becomes_too_small_says_so(world):
    shown = Seat(world)
    shown.opened("web")
    for rows, cols in ((11, 80), (24, 39), (3, 20), (1, 40)):
        shown.resize(rows, cols)
        shown.see("This window is too" if cols > 20 else "This window")
        # No key acts on what cannot be seen.
        shown.send("4\rDd3\ry")
        shown.read_for(0.2)
        shown.resize(24, 80)
        shown.title("web ")
        shown.see("Console.*Last lines")
    shown.resize(5, 40)
    shown.see("q logs out")
    shown.send("q")
    assert shown.left() == 0
    assert world.domain("alice-web").state == "running"


def test_A16_a_storm_of_window_changes_at_every_screen(world):
    shown = Seat(world)
    shown.listed()
    for keys, title in (("", "Your guests"), ("4\r", "web "),
                        ("3\r", "Shut down web"), (ESC + "[", "web "),
                        ("D", "Destroy web"), (ESC + "[", "web "),
                        ("l", "Log of web"), (ESC + "[", "web "),
                        ("?", "Help")):
        shown.send(keys[:1] if keys.startswith(ESC) else keys)
        shown.title(title)
        for i in range(300):
            size = struct.pack("HHHH", i * 7 % 70, i * 13 % 250, 0, 0)
            fcntl.ioctl(shown.fd, termios.TIOCSWINSZ, size)
            if i % 20 == 0:
                shown.read_some(0)
        shown.resize(24, 80)
        shown.title(title)
        shown.read_for(0.1)
        before = steady(shown.text())
        shown.send("\x0c")
        shown.read_for(0.1)
        assert steady(shown.text()) == before, title


def test_a_window_changes_while_a_console_is_shown(world):
    shown = Seat(world)
    shown.opened("web")
    shown.send("1\r")
    shown.console()
    shown.resize(30, 100)
    shown.send(LEAVE)
    shown.title("web ")
    shown.see("Last lines")
    assert len(shown.lines()) == 30 and shown.lines()[-1].endswith("q back")
