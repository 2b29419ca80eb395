# SPDX-License-Identifier: ISC
"""What each screen of the menu shows, and what each of its keys does.

All of it on one simulated host; which words stand where is what a customer
has to go by, so it is compared line by line.
"""

import os
import re

import harness
import screen
import seat
import stage
from seat import ESC, LEAVE, SIZES, Seat

fixture = seat.fixture
NARROW, WIDE = SIZES[1], SIZES[2]


def resized(shown, size):
    shown.resize(*size)
    return shown


# --- each screen, large and small --------------------------------------------

def test_the_list_of_guests(world):
    shown = Seat(world)
    shown.looks(
        " Your guests~alice on ~",
        "  NAME     STATE       UPTIME VCPUS   MEMORY   CPU~NET IN/OUT /s",
        "> db       ○ off            -     -        -     -~-",
        "  mail     ● running      ~     1   64 MiB   ~ %~",
        "  sealed   ○ off            -     -        -     -~-",
        "  web      ● running      ~     1   64 MiB   ~ %~",
        "...",
        " Enter open  c console  a activity  o settings  ? help  q log out")
    resized(shown, NARROW).looks(
        " Your guests~alice on ~",
        "  NAME     STATE       UPTIME   CPU",
        "> db       ○ off            -     -",
        "  mail     ● running      ~ %",
        "  sealed   ○ off            -     -",
        "  web      ● running      ~ %",
        "...",
        " Enter open  ? help  q log out")
    resized(shown, WIDE).looks(
        " Your guests~alice on ~",
        "  NAME     STATE ~ CPU ~ NET IN/OUT /s ~ DISK R/W /s",
        "> db       ○ off ~",
        "...",
        " Enter open  c console  a activity  o settings  ? help  q log out")


ACTIONS = (
    "> 1  c  Console   use it; Ctrl-] leaves",
    "  2  s  Start     it is on already",
    "  3  d  Shutdown  ask it to go off",
    "  4  D  Destroy   pull the plug; your ~",
    "  5  r  Reboot    ask it to start again",
    "  6  q  Exit      back to all guests")


def test_one_guest(world):
    shown = Seat(world)
    shown.opened("web")
    shown.looks(
        " web ~alice on ~",
        "  ● running, up for ~",
        "  CPU       ~ % of 1 vcpu ~",
        "  Memory    64 MiB",
        "  Network   ~/~ in/out a second",
        "  Disk      ~/~ read/written a second",
        *ACTIONS,
        "",
        "  Last lines of its console:",
        "...",
        "| Simulated GNU/Linux 12 alice-web hvc0",
        "| alice-web login:~",
        "",
        " Enter do it  l log  a activity  p pause  t reset  o settings  "
        "? help  q back")
    resized(shown, NARROW).looks(
        " web ~alice on ~",
        "  ● running, up for ~, CPU ~ %",
        *ACTIONS,
        "...",
        "| alice-web login:~",
        " Enter do it  l log  ? help  q back")
    resized(shown, WIDE).looks(
        " web ~alice on ~",
        "  ● running, up for ~",
        "...",
        *ACTIONS,
        "...",
        "| [    0.000001] Command line: ~",
        "...",
        "| alice-web login:~",
        "...",
        " Enter do it  l log ~? help  q back")


def test_a_guest_that_is_off_and_one_that_may_only_be_watched(world):
    shown = Seat(world)
    shown.opened("db")
    shown.looks(
        " db ~", "  ○ off",
        "> 1  c  Console   use it; Ctrl-] leaves",
        "  2  s  Start     switch it on",
        "  3  d  Shutdown  it is off",
        "  4  D  Destroy   it is off",
        "  5  r  Reboot    it is off",
        "  6  q  Exit      back to all guests",
        "", "  Last lines of its console:", "...",
        " Enter do it  l log  a activity  o settings  ? help  q back")
    shown.back("Your guests")
    shown.opened("sealed")
    shown.looks(
        " sealed ~", "  ○ off",
        "> 1  c  Console   its screen; you may only watch",
        "  2  s  Start     not allowed for you",
        "  3  d  Shutdown  not allowed for you",
        "  4  D  Destroy   not allowed for you",
        "  5  r  Reboot    not allowed for you",
        "  6  q  Exit      back to all guests",
        "...",
        " Enter do it  l log  a activity  o settings  ? help  q back")


def test_the_questions_before_a_shutdown_and_a_reboot(world):
    shown = Seat(world)
    shown.opened("web")
    shown.send("3\r")
    asked = ("...", " web has been up for ~.", "...",
             " It is asked to close its programs and~", "...",
             " > No, leave web as it is", "   Yes, shut down web", "...")
    shown.looks(" Shut down web?", *asked,
                " y yes  Enter choose  Up/Down move  n no")
    resized(shown, NARROW).looks(" Shut down web?", *asked,
                                 " y yes  Enter choose  n no")
    resized(shown, WIDE).looks(" Shut down web?", *asked,
                               " y yes  Enter choose  Up/Down move  n no")
    shown.send("n")
    shown.title("web ")
    shown.send("5\r")
    shown.looks(" Reboot web?", "...", " web has been up for ~.", "...",
                " It is asked to close its programs and to start again. ~",
                "...", " > No, leave web as it is", "   Yes, reboot web",
                "...", " y yes ~")


def test_the_question_before_the_plug_is_pulled(world):
    shown = Seat(world)
    shown.opened("web")
    shown.send("4\r")
    asked = (" Destroy web?", "...", " This pulls the plug of web: it goes~",
             "...",
             " To do it, type web and press Enter.~", "...", " Name:", "...",
             " Enter do it  Esc leave it as it is")
    for size in SIZES:
        resized(shown, size).looks(*asked)
        row, column = shown.cursor()
        assert shown.lines()[row].startswith(" Name:") and column == 7
    shown.send("wob\r")
    shown.see("That is not the name web. Nothing was done.")


def test_a_countdown(world):
    shown = Seat(world)
    shown.opened("mail")
    shown.press("3\r", "Shut down mail").press("y", "mail: shutdown")
    counts = ("...", " Shutting down mail for 0:~", "...",
              " mail was asked; waiting up to 60~", "...",
              " mail has ~ left to go off.", "...",
              " Last lines of its console:", "...",
              "~", "...",
              " x cancel  c console  l log  Esc leave")
    for size in SIZES:
        resized(shown, size).looks(" mail: shutdown~ Ref ~", *counts)
    resized(shown, SIZES[0])
    left = shown.see(r"mail has (\d):(\d\d) left")
    assert int(left[1]) * 60 + int(left[2]) <= 60, left[0]
    shown.send("x")
    shown.see("was cancelled")
    shown.looks(" mail: shutdown~ Ref ~", "...",
                " Shutting down mail after ~", "...",
                " Enter back  c console  l log")
    shown.send("\r")
    shown.title("mail ")


def test_the_activity(world):
    shown = Seat(world)
    shown.listed().press("a", "Activity of all your guests")
    rows = "...", "~start    web             done", "..."
    shown.looks(" Activity of all your guests~1 of ~", *rows,
                " alice asked for ~ on ~", "...",
                " Up/Down choose  r load again  Esc back")
    resized(shown, NARROW).looks(
        " Activity of all your guests~1 of ~", "...",
        "~start    web     done", "...", " Up/Down choose  r load again  "
        "Esc back")
    resized(shown, WIDE).looks(
        " Activity of all your guests~1 of ~", *rows,
        " alice asked for ~ on ~ Ref ~.",
        "...", " Up/Down choose  r load again  Esc back")
    shown.back("Your guests")
    shown.opened("sealed").press("a", "Activity of sealed")
    shown.see("Nothing was done to sealed lately")


def test_the_log(world):
    shown = Seat(world)
    shown.opened("web")
    shown.press("l", "Log of web")
    shown.looks(" Log of web~20~-~-~  end, live", "...",
                "~:~:~ Simulated GNU/Linux 12 alice-web hvc0", "...",
                " Up/Down scroll  / search  n older  N newer  End follow  "
                "PgUp page  Esc back")
    resized(shown, NARROW).looks(
        " Log of web~end, live", "...", "~Simulated GNU/Linux 12 alice-web",
        "...", " Up/Down scroll  / search  Esc back")
    resized(shown, WIDE).looks(
        " Log of web~end, live", "...", "~Command line: ~", "...",
        "~Simulated GNU/Linux 12 alice-web hvc0", "...",
        " Up/Down scroll  / search ~Esc back")
    # A log is not the guest's name: what is read is whole.
    assert "Linux version 6.1.0-sim" in shown.text()


def test_the_help_fits_and_ends(world):
    for size in SIZES:
        shown = Seat(world, rows=size[0], cols=size[1])
        shown.listed().press("?", "Help")
        shown.see("Your guests .*Up, Down .*choose a guest")
        shown.send("G")
        shown.see("ssh HOST start.*ssh HOST.*help|Settings .*Enter .*saved")
        shown.looks(" Help~", "...", "~Esc back")
        shown.back("Your guests")
        shown.close()


def test_the_settings(world):
    shown = Seat(world)
    shown.listed().press("o", "Settings")
    for size in SIZES:
        resized(shown, size).looks(
            " Settings", "...", " > When you log in ~menu, as the host",
            "   Ctrl-Q 3 times ~leaves a console",
            "   Time zone ~as the host", "   Line mode now", "...",
            " What you see first. ~", "...",
            " Up/Down choose  Enter change  Esc back")


def test_no_line_is_wider_and_no_key_line_is_cut(world):
    for rows, cols in SIZES + ((13, 47), (24, 61), (100, 300)):
        shown = Seat(world, rows=rows, cols=cols)
        shown.listed()
        for keys, title in (("?", "Help"), ("a", "Activity"),
                            ("o", "Settings"), ("", "")):
            if keys:
                shown.press(keys, title)
            last = shown.lines()[-1]
            assert last and not last.endswith("…") and \
                re.search(r"(back|log out)$", last), (rows, cols, last)
            assert len(shown.lines()[0]) <= cols
            bar = [shown.cell(0, x).reverse for x in range(cols)]
            assert all(bar), "the title is a whole line"
            if keys:
                shown.back("Your guests")
        shown.close()


def test_a_terminal_has_its_size_from_the_beginning(world):
    for rows, cols in SIZES:
        shown = Seat(world, rows=rows, cols=cols)
        shown.listed()
        assert shown.lines()[-1].startswith(" Enter open")
        shown.close()


def menu_of(guests):
    host = stage.Host()
    host.customer("alice", guests=guests, uid=os.geteuid())
    host.start()
    return screen.Screen([harness.program("vpsh"), "-S", host.socket],
                         env=seat.MENU)


def test_who_has_one_guest_sees_it_first():
    shown = menu_of(("web",))
    shown.see("^web alice on .* running.*6 q Exit log out.*three.*q log out$")
    shown.send("6\r")
    assert shown.expect_end() == 0


def test_who_has_no_guest_is_told_so():
    shown = menu_of(())
    shown.see("You have no guests on this host. If that is wrong, ask "
              "help@example.net.")
    shown.send("\rc1")
    shown.send("q")
    assert shown.expect_end() == 0


# --- keys --------------------------------------------------------------------

def test_keys_of_the_list(world):
    shown = Seat(world)
    shown.listed()
    for keys, guest in ((screen.DOWN, "mail"), ("j", "sealed"), ("k", "mail"),
                        (screen.UP, "db"), ("\x1b[B", "mail"), ("G", "web"),
                        ("g", "db"), ("\x1b[4~", "web"), ("\x1b[1~", "db"),
                        ("3", "sealed"), (screen.WHEEL_DOWN, "web"),
                        (screen.WHEEL_UP, "db"), ("jjjj", "web"),
                        ("kkkkkk", "db"), ("9", "db")):
        shown.send(keys)
        shown.chosen(guest)
    shown.press(screen.RIGHT, "db ").press(screen.LEFT, "Your guests")
    shown.press("\r", "db ").press("q", "Your guests")
    shown.press("\r", "db ").press("6\r", "Your guests")
    shown.press("a", "Activity").press("q", "Your guests")
    shown.press("o", "Settings").press("q", "Your guests")
    shown.press("?", "Help").press("q", "Your guests")
    shown.send(ESC)
    shown.see("This is the first screen. q logs out.")
    shown.send("q")
    assert shown.left() == 0


def test_c_goes_to_the_console_and_comes_back_to_the_list(world):
    shown = Seat(world)
    shown.listed()
    shown.send("4c")
    shown.console()
    shown.send(LEAVE)
    shown.title("Your guests")
    shown.chosen("web")


def test_keys_of_a_guest(world):
    shown = Seat(world)
    shown.opened("web")
    for keys, line in ((screen.DOWN, "2  s"), ("j", "3  d"), ("k", "2  s"),
                       (screen.UP, "1  c"), ("6", "6  q"), ("4", "4  D"),
                       ("1", "1  c"), ("2", "2  s"), ("3", "3  d"),
                       ("5", "5  r")):
        shown.send(keys)
        shown.chosen(line)
    for key, title in (("d", "Shut down web"), ("D", "Destroy web"),
                       ("r", "Reboot web"), ("t", "Reset web"),
                       ("l", "Log of web"), ("a", "Activity of web"),
                       ("o", "Settings"), ("?", "Help")):
        shown.press(key, title).back("web ")
    for key, said in (("s", "Start of web: it is on already. Nothing was"),
                      ("u", "Unpause of web: it is not paused. Nothing was")):
        shown.send(key)
        shown.see(said)
    shown.send("2\r")
    shown.see("Start of web: it is on already. Nothing was done.")
    shown.send("c")
    shown.console()
    shown.send(LEAVE)
    shown.title("web ")
    shown.press("q", "Your guests")


def test_a_digit_only_moves(world):
    shown = Seat(world)
    shown.opened("web")
    shown.send("4")
    shown.chosen("Destroy")
    shown.send("1")
    shown.chosen("Console")
    assert world.domain("alice-web").state == "running"


def test_denied_keys_say_why(world):
    shown = Seat(world)
    shown.opened("sealed")
    for key, verb in (("s", "Start"), ("d", "Shutdown"), ("D", "Destroy"),
                      ("r", "Reboot"), ("t", "Reset"), ("p", "Pause")):
        shown.send(key)
        shown.see("%s of sealed: not allowed for you. Nothing was done."
                  % verb)


def test_keys_of_a_question(world):
    shown = Seat(world)
    shown.opened("web")
    for leave in ("n", "N", ESC, "\r", "q", screen.LEFT, "\x03", "jk\r",
                  screen.DOWN + screen.UP + "\r", "\t\t\r"):
        shown.press("3\r", "Shut down web?")
        shown.see("> No, leave web as it is")
        shown.press(leave, "web ")
    shown.press("3\r", "Shut down web?")
    shown.send("j")
    shown.chosen("Yes, shut down web")
    shown.send("k")
    shown.chosen("No, leave web")
    # No other key is an answer.
    shown.send("x dD12 \x0c")
    shown.chosen("No, leave web")
    assert world.domain("alice-web").state == "running"


def test_pause_and_unpause(world):
    shown = Seat(world)
    shown.opened("web")
    shown.press("p", "web: pause")
    shown.see("web is paused")
    shown.press("\r", "web ")
    shown.see(r"paused.*3 d Shutdown it is paused: u lets it run on")
    shown.press("u", "web: unpause")
    shown.see("web (is running|runs)")
    shown.press("\r", "web ")
    shown.see("ask it to go off")


def test_keys_of_the_log(world):
    shown = Seat(world)
    shown.opened("web").press("l", "Log of web")
    shown.see("end, live")
    for keys, where in (("\x1b[5~", r"\d+/\d+"), ("\x1b[6~", "end, live"),
                        ("k", r"\d+/\d+"), ("j", "end, live"),
                        (screen.UP, r"\d+/\d+"), ("G", "end, live"),
                        ("g", r"\d+/\d+"), ("\x1b[F", "end, live"),
                        (screen.WHEEL_UP, r"\d+/\d+"),
                        (screen.WHEEL_DOWN, "end, live")):
        shown.send(keys)
        shown.title("Log of web.*" + where)
    shown.send("/")
    shown.see("Search:")
    shown.fill("DEVTMPFS")
    shown.see(r">\d\d:\d\d:\d\d \[ *[\d.]+\] devtmpfs: initialized")
    shown.send("/ xen\r")
    for key, line in (("", "xen_netfront"), ("n", "clocksource xen"),
                      ("n", "xen:balloon"), ("N", "clocksource xen")):
        shown.send(key)
        shown.until(lambda: shown.row("^ ?>.*" + line), line)
    shown.send("/")
    shown.see("Search:")
    shown.fill("nowhere-at-all")
    shown.see('"nowhere-at-all" is nowhere in this log.')
    shown.send("/")
    shown.see("Enter search up")
    shown.send("no" + ESC)
    shown.see_no_more("Search:")
    shown.press("r", "Log of web").back("web ")


def test_keys_of_the_settings(world):
    shown = Seat(world)
    shown.listed().press("o", "Settings")
    shown.send("j\r")
    shown.see("Ctrl-Q 3 times goes to the guest")
    shown.see("Saved")
    shown.send("\r")
    shown.see("Ctrl-Q 3 times leaves a console")
    shown.see("Saved")
    shown.send("j\r")
    shown.see("Enter save")
    shown.fill("Mars/Base")
    shown.see("no time zone")
    shown.send("\r")
    shown.see("Enter save")
    shown.fill("Asia/Tokyo")
    shown.see("Time zone Asia/Tokyo")
    shown.see("Saved")
    shown.send("\r")
    shown.see("Enter save")
    shown.send("\x15\r")
    shown.see("Time zone as the host")
    shown.see("Saved")
    shown.send("j\r")
    shown.see("This is vpsh on .*vpsh> ?$")
    shown.send("menu\r")
    shown.title("(Your guests|Settings)")


# --- the way that a customer takes -------------------------------------------

@harness.deadline(60)
def test_start_console_back_shutdown_and_destroy_by_what_the_screen_says(
        world):
    shown = Seat(world)
    shown.listed().see("Enter open")
    shown.press("\r", "db ").see("2 s Start switch it on")
    shown.send("2")
    shown.chosen("Start")
    shown.see("Enter do it")
    shown.press("\r", "db: start")
    shown.see("db is running.*Enter back")
    shown.press("\r", "db ").see("1 c Console")
    shown.send("1\r")
    shown.console()
    shown.send("root\r")
    shown.see("# ?$")
    shown.send(LEAVE)
    shown.title("db ")
    shown.see("3 d Shutdown ask it to go off")
    shown.press("3\r", "Shut down db").see("y yes")
    shown.press("y", "db: shutdown").see("db is off.*Enter back")
    shown.press("\r", "db ").see("Start switch it on")
    shown.press("2\r", "db: start").see("db is running.*Enter back")
    shown.press("\r", "db ").see("4 D Destroy pull the plug")
    shown.press("4\r", "Destroy db").see("type db and press Enter")
    shown.press("db\r", "db: destroy").see("db is off.*Enter back")
    shown.press("\r", "db ").press("q", "Your guests")
    shown.see("q log out")
    shown.send("q")
    assert shown.left() == 0
    assert world.domain("alice-db") is None
