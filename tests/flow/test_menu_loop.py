# SPDX-License-Identifier: ISC
"""The menu as it hangs together: which face, feed, jobs, console, restarts.

What each screen looks like is in test_menu_screens.py.
"""

import fcntl
import os
import signal
import socket
import struct
import termios
import time

import frames
import harness
import screen
import sim
from stage import ENVIRONMENT, Host

MENU = {k: v for k, v in ENVIRONMENT.items() if k != "LC_VPSH"}
TIOCGPTN = 0x80045430
LIST = r"Your guests"
RUNS = r"web .{1,3}running"


def login(host, *words, env=MENU, **kwargs):
    return screen.Screen([harness.program("vpsh"), "-S", host.socket, *words],
                         env=env, **kwargs)


def menu(host, **kwargs):
    shown = login(host, **kwargs)
    shown.see(LIST + ".*" + RUNS)
    return shown


def opened(host, guest="web", **kwargs):
    """The screen of one guest."""
    shown = menu(host, **kwargs)
    shown.send("j\r" if guest == "web" else "\r")
    shown.see("Console.*Shutdown.*" + "Last lines")
    return shown


def is_line(shown):
    shown.see("This is vpsh on .*, for alice.*vpsh>")
    return 1049 not in shown.terminal.private


def slave_of(shown):
    """Held open, so that there is something to look at afterwards."""
    number = fcntl.ioctl(shown.fd, TIOCGPTN, b"1234")
    slave = os.open("/dev/pts/%d" % struct.unpack("I", number),
                    os.O_RDWR | os.O_NOCTTY)
    harness.cleanup.callback(os.close, slave)
    return slave


# --- which face --------------------------------------------------------------

def test_a_terminal_gets_the_menu_and_q_leaves_it_as_it_was():
    host = Host().start()
    plain = harness.Pty(["cat"])
    plain.send_line("x")
    plain.expect("x")
    before = plain.modes()
    shown = login(host)
    slave = slave_of(shown)
    shown.see(LIST + ".*" + RUNS)
    assert not shown.modes()[3] & (termios.ICANON | termios.ISIG)
    shown.send("q")
    assert shown.wait() == 0
    shown.read_for(0.05)
    assert termios.tcgetattr(slave) == before
    assert not shown.terminal.private & {1049, 2004, 1000, 1002, 1003, 1006}


def test_line_mode_can_be_wished_for_once():
    host = Host().start()
    for words, env in ((["--line"], MENU), (["line"], MENU),
                       ([], dict(MENU, LC_VPSH="line"))):
        shown = login(host, *words, env=env)
        assert is_line(shown)
        shown.close()
    shown = login(host, "menu", env=dict(MENU, LC_VPSH="line"))
    shown.see(LIST)


def test_a_terminal_that_cannot_be_drawn_on_gets_lines():
    host = Host().start()
    for term, said in (("dumb", False), ("unknown", False), (None, False),
                       ("no-such-terminal", True), ("../../etc/x", False)):
        env = dict(MENU, TERM=term or "")
        if term is None:
            del env["TERM"]
        shown = login(host, env=env)
        assert is_line(shown)
        assert ("so this is line mode" in shown.words()) == said, term
        assert b"\x1b" not in shown.output or said, (term, shown.output)
        shown.close()


def test_a_small_window_gets_lines_and_the_menu_once_it_is_larger():
    host = Host().start()
    for rows, cols in ((24, 39), (11, 80)):
        shown = login(host, rows=rows, cols=cols)
        shown.see("so this is line mode")
        assert is_line(shown)
        shown.send_line("menu")
        shown.see("40 columns and 12 lines")
        shown.resize(24, 80)
        shown.send_line("menu")
        shown.see(LIST + ".*" + RUNS)
        shown.close()


def test_the_menu_without_a_terminal_is_refused_and_line_is_a_script():
    host = Host().start()
    done = host.vpsh("menu")
    assert done.returncode == 2 and "ssh -t" in done.stderr
    done = host.vpsh("line", input="status web\n")
    assert done.returncode == 0 and "name: web" in done.stdout


def test_line_mode_and_menu_lead_to_each_other():
    host = Host().start()
    shown = login(host, "line")
    assert is_line(shown)
    shown.send_line("menu")
    shown.see(LIST + ".*" + RUNS)
    shown.send("q")
    assert shown.expect_end() == 0


# --- what is pushed ----------------------------------------------------------

def test_a_change_is_on_the_screen_within_100_ms():
    host = Host().start()
    shown = menu(host)
    for _ in range(3):
        begin = time.monotonic()
        host.boot("alice-db")
        shown.see(r"db .{1,3}running")
        host.gone("alice-db")
        shown.see(r"db .{1,3}off")
        took = time.monotonic() - begin
        if took < 0.2:
            return
    raise AssertionError("two changes took %.3f s" % took)


def test_the_last_console_lines_are_shown_and_follow():
    host = Host().start()
    shown = opened(host)
    shown.see("one.*two.*three")
    host.show(b"\x1b[2J\x07four\r\n\x1b]0;title\x07(initramfs) ")
    shown.see(r"three .*four .*\(initramfs\)")
    grant = [g for g in host.grants if g.flags & frames.LOG][-1]
    assert grant.flags & frames.FOLLOW_LOG
    shown.send("\x1b")
    shown.see(LIST)
    # Nothing more is asked for than what is shown.
    harness.wait_until(lambda: not host.viewers, what="the viewer is closed")


def test_an_idle_menu_does_nothing_at_all():
    host = Host().start()
    shown = menu(host)
    shown.read_for(0.5)

    def used():
        with open("/proc/%d/stat" % shown.pid) as f:
            return sum(int(n) for n in f.read().rsplit(")", 1)[1]
                       .split()[11:13])

    def switches():
        with open("/proc/%d/status" % shown.pid) as f:
            return sum(int(line.split()[1]) for line in f
                       if "ctxt_switches" in line)
    before = used()
    shown.read_for(2)
    assert used() - before <= 1, "ticks of 10 ms in 2 s"


# --- jobs --------------------------------------------------------------------

def test_a_start_goes_from_key_to_end():
    host = Host().start()
    shown = menu(host)
    shown.send("\r")
    shown.see("Start")
    shown.send("2\r")
    shown.see("db: start.*db is running")
    assert host.job() == (frames.START, "db")


def test_a_shutdown_asks_once_and_no_is_the_default():
    host = Host().start()
    shown = opened(host)
    shown.send("3\r")
    shown.see(r"Shut down web\?")
    shown.send("\r")
    shown.see("Console.*Shutdown")
    assert host.jobs == []
    shown.send("3\r")
    shown.see(r"Shut down web\?")
    shown.send("y")
    shown.see("web is off")
    assert host.job() == (frames.SHUTDOWN, "web")


def test_a_refusal_is_shown():
    host = Host().start()
    shown = opened(host)
    # It reboots while the question stands on the screen.
    shown.send("3\r")
    shown.see(r"Shut down web\?")
    host.boot("alice-web")
    harness.wait_until(lambda: host.look()[1].boot == 8, what="boot 8")
    shown.send("y")
    shown.see("rebooted since")
    assert host.jobs == []


def test_activity_shows_what_was_done():
    host = Host().start()
    shown = menu(host)
    shown.send("\r")
    shown.see("Start")
    shown.send("2\r")
    shown.see("db is running")
    shown.send("\x1b")
    shown.see("on already")
    shown.send("a")
    shown.see("Activity.*alice .*start .*db .*done")


def test_the_log_is_shown_and_ends():
    host = Host().start()
    shown = opened(host)
    shown.send("l")
    shown.see("Log of web.*15:00:00 one.*two.*three")


# --- on a simulated host -----------------------------------------------------

def sim_host(**words):
    world = sim.SimHost()
    for name in ("db", "web"):
        world.guest(name, words=words.get(name, ""))
    return world.start()


def sim_menu(world, *words, **kwargs):
    kwargs.setdefault("env", {k: v for k, v in sim.ENVIRONMENT.items()
                              if k != "LC_VPSH"})
    return screen.Screen(
        [harness.program("vpsh"), "-p", world.dir, *words],
        preexec=sim.becomes(world.uids["alice"]), **kwargs)


def kill(world, name):
    os.kill(harness.wait_until(lambda: world.children().get(name),
                               what=name), signal.SIGKILL)


@harness.deadline(60)
def test_a_countdown_survives_the_service_and_is_cancelled():
    world = sim_host(web="ignore-shutdown")
    assert world.vpsh("start", "web").returncode == 0
    shown = sim_menu(world)
    shown.see(RUNS, 20)
    shown.send("j\r")
    shown.see("Shutdown")
    shown.send("3\r")
    shown.see(r"Shut down web\?")
    shown.send("y")
    shown.see("web: shutdown.*left")
    kill(world, "vpsh-broker")
    shown.see("vpsh is restarting")
    shown.see_no_more("vpsh is restarting", 20)
    shown.see("web: shutdown.*left")
    # Whoever looks how it stands has the guest for a moment.
    harness.wait_until(lambda: shown.send("x") or shown.read_for(0.5) and
                       "was cancelled" in shown.words(), 20, "cancelled")
    status = world.vpsh("status", "web")
    assert "running" in status.stdout, status


@harness.deadline(60)
def test_a_job_over_a_death_of_the_service_ends_on_the_screen():
    world = sim_host()
    shown = sim_menu(world)
    shown.see(r"db .{1,3}off", 20)
    shown.send("\r2\r")
    shown.see("db: start")
    kill(world, "vpsh-broker")
    shown.see("db is running", 20)


@harness.deadline(60)
def test_who_was_cut_off_from_a_console_is_offered_to_go_back():
    world = sim_host()
    assert world.vpsh("start", "web").returncode == 0
    for words, offer in (((), "[Bb]ack to the console of web"),
                         (("line",), "Enter: back to the console of web")):
        tty = world.pty("console", "web")
        tty.expect("connected", 20)
        tty.hang_up()
        assert harness.wait_exit(tty.pid, 10)
        shown = sim_menu(world, *words)
        shown.see(offer, 20)
        shown.send("\r")
        shown.see("login:", 20)
        shown.send("\x1d")
        shown.see("Console.*Shutdown|vpsh> ?$|%s" % LIST, 20)
        shown.close()
    # Who leaves in good order is not asked.
    tty = world.pty("console", "web")
    tty.expect("connected", 20)
    tty.send("\x1d")
    assert tty.expect_end() == 0
    # Nor who only saw the last lines of it.
    shown = sim_menu(world)
    shown.see(RUNS, 20)
    shown.send("j\r")
    shown.see("alice-web login", 20)
    shown.hang_up()
    assert harness.wait_exit(shown.pid, 10)
    shown = sim_menu(world, "line")
    shown.see("This is vpsh.*vpsh>", 20)
    assert "back to the console" not in shown.words()


@harness.deadline(60)
def test_prefs_choose_the_face_and_the_time_zone():
    world = sim_host()
    done = world.vpsh("prefs", "line")
    assert done.returncode == 0 and "interface: line" in done.stdout, done
    shown = sim_menu(world)
    shown.see("This is vpsh.*vpsh>", 20)
    assert 1049 not in shown.terminal.private
    shown.send_line("prefs zone Asia/Kathmandu")
    shown.see("zone: Asia/Kathmandu", 20)
    shown.send_line("activity")
    shown.send_line("prefs zone Nowhere/Land")
    shown.see("no time zone Nowhere/Land", 20)
    shown.close()
    shown = sim_menu(world, "menu")
    shown.see(LIST, 20)
    shown.close()
    assert world.vpsh("start", "web").returncode == 0
    done = world.vpsh("activity")
    assert "times in +0545" in done.stdout, done
    assert "start web, by alice" in done.stdout, done
    done = world.vpsh("activity", "--json")
    assert '"verb":"start"' in done.stdout, done
    done = world.vpsh("cancel", "ZZZZ")
    assert done.returncode == 4, done


# --- the console and back ----------------------------------------------------

def test_the_console_and_back_to_the_same_place():
    host = Host().start()
    shown = opened(host)
    modes = shown.modes()
    shown.send("1\r")
    shown.see("web login:")
    assert 1049 not in shown.terminal.private
    shown.send("hello")
    shown.see("<HELLO>")
    # Whatever the guest has done to the terminal.
    host.show(b"\x1b[?1049h\x1b[?1003h\x1b[?2004h\x1b[5;10r\x1b(0\x1b[31m"
              b"\x1b[?25l" b"messed up")
    shown.see("messed up|.")
    shown.send("\x1d")
    shown.see("Console.*Shutdown.*Last lines")
    assert shown.modes() == modes
    assert 1003 not in shown.terminal.private
    shown.send("\x1b")
    shown.see(LIST + ".*" + RUNS)


def test_what_is_pasted_into_a_console_that_is_left_fires_no_key():
    host = Host().start()
    shown = opened(host)
    shown.send("1\r")
    shown.see("web login:")
    shown.send("\x1d" + "4\rweb\r" + "d" + "y" + "\x1b[?62;c")
    shown.see("Console.*Shutdown.*Last lines")
    shown.read_for(0.3)
    assert "web" in shown.words() and host.jobs == []


# --- ends --------------------------------------------------------------------

def test_C07_keys_and_signals_of_a_terminal_do_no_harm():
    host = Host().start()
    shown = menu(host)
    for key in "\x1c\x1a\x13\x11\x03":
        shown.send(key)
        shown.read_for(0.05)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        os.kill(shown.pid, number)
    host.boot("alice-db")
    shown.see(r"db .{1,3}running")
    shown.send("q")
    assert shown.expect_end() == 0


def test_C07_sighup_and_sigterm_restore_the_terminal():
    host = Host().start()
    for number in (signal.SIGTERM, signal.SIGHUP):
        shown = menu(host)
        os.kill(shown.pid, number)
        assert shown.expect_end() == 128 + number
        assert not shown.terminal.private & {1049, 2004, 1000, 1006}
        assert "Your guests run on" in shown.words()


def test_a_line_that_drops_ends_it():
    host = Host().start()
    shown = menu(host)
    shown.hang_up()
    assert harness.wait_exit(shown.pid, 5)


def test_a_restart_of_the_service_is_said_and_got_over():
    host = Host().start()
    shown = menu(host)
    host.kill()
    shown.see("vpsh is restarting")
    # Nothing is begun for who presses keys meanwhile.
    shown.send("\r2\r")
    shown.see("db.*Start")
    host.start()
    shown.see_no_more("vpsh is restarting")
    shown.see("switch it on")
    assert host.jobs == []
    shown.send("\x1b")
    shown.see(RUNS)
    host.boot("alice-db")
    shown.see(r"db .{1,3}running")


def test_G11_the_end_of_the_session_is_one_clear_line():
    host = Host().start()
    shown = menu(host)
    host.customer("alice", guests=("db", "web"), uid=47998)
    assert shown.expect_end() != 0
    assert not shown.terminal.private & {1049, 2004, 1000, 1006}
    assert shown.words(), shown.output


def test_A16_a_storm_of_window_changes_does_no_harm():
    host = Host().start()
    shown = menu(host)
    for i in range(60):
        shown.resize(1 + i * 7 % 50, 1 + i * 13 % 150)
    shown.resize(30, 100)
    shown.see(LIST + ".*" + RUNS)
    shown.resize(12, 40)
    shown.see("web")


def old_service(version):
    """The first requests of a menu, to a service that is not of today."""
    path = os.path.join(harness.temp_dir(), "socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    harness.cleanup.callback(listener.close)
    listener.bind(path)
    listener.listen(1)
    shown = screen.Screen([harness.program("vpsh"), "-S", path], env=MENU)
    listener.settimeout(10)
    broker = frames.Channel(listener.accept()[0])
    broker.recv("HELLO")
    broker.send("HELLO", 0, frames.hello(frames.BROKER, version=version))
    return shown, broker


def answer_guests(broker, got):
    broker.send("GUEST", got.id, frames.Guest(
        b"web", frames.RUNNING, 0, 1, 1000, rights=0xffff))
    broker.send("GUEST", got.id, frames.Guest(
        b"db", frames.OFF, 0, 0, -1, rights=0xffff))
    broker.send("END", got.id, count=2)


def answer_menu(broker, wanted):
    """All that it asks for, which is this; refuses what is new."""
    for name in wanted:
        got = broker.recv(name)
        if name == "WHOAMI":
            broker.send("WHO", got.id, customer="alice", host="vm")
        elif name == "FOLLOW":
            answer_guests(broker, got)
        else:
            broker.send("REFUSED", got.id, err=frames.ERR["version"],
                        text="Not that.")


def test_a_service_that_does_not_know_preferences_gets_a_menu():
    for version, wanted in ((3, ("WHOAMI", "FOLLOW")),
                            (4, ("WHOAMI", "PREFS", "FOLLOW"))):
        shown, broker = old_service(version)
        answer_menu(broker, wanted)
        shown.see(LIST + ".*" + RUNS)
        assert "Not that." not in shown.words()
        if version == 3:
            shown.send("a")
            shown.see("older than this menu")
            shown.see("could not be loaded")
        shown.send("qq")
        shown.read_for(0.1)
        broker.close()
        shown.close()


def test_C07_a_terminal_that_takes_nothing_cannot_hold_it():
    host = Host().start()
    shown = menu(host)
    # Nobody reads: what is painted fills the terminal, and the writer waits.
    def stuck():
        with open("/proc/%d/syscall" % shown.pid) as f:
            return f.read().split()[0] == "1"       # write
    for i in range(200):
        shown.resize(40 + i % 2, 150)
        host.look()
        if stuck():
            break
    harness.wait_until(stuck, what="it writes, and cannot")
    os.kill(shown.pid, signal.SIGTERM)
    assert shown.wait() == 128 + signal.SIGTERM


def asked(broker, name):
    """The next request of that name; what the menu asks for by itself is
    answered, and the last lines of a guest are refused."""
    while True:
        got = broker.recv()
        if got.name == "FOLLOW":
            answer_guests(broker, got)
        elif got.name == "LOG" and got.flags & frames.FOLLOW_LOG:
            broker.send("REFUSED", got.id, err=frames.ERR["denied"],
                        text="No lines.")
        elif got.name != "UNFOLLOW":
            assert got.name == name, got
            return got


def on_guest():
    """The screen of web, on a service that is played by hand."""
    shown, broker = old_service(4)
    answer_menu(broker, ("WHOAMI", "PREFS", "FOLLOW"))
    shown.see(LIST + ".*" + RUNS)
    shown.send("\r")
    shown.see("Console.*Shutdown")
    return shown, broker


def test_a_log_that_is_refused_is_not_called_empty():
    shown, broker = on_guest()
    shown.send("l")
    got = asked(broker, "LOG")
    broker.send("REFUSED", got.id, err=frames.ERR["denied"], text="Not you.")
    shown.see("could not be loaded.*Not you")
    assert "said nothing" not in shown.words()


def test_an_answer_that_comes_late_is_not_taken_for_another():
    shown, broker = on_guest()
    shown.send("l")
    log = asked(broker, "LOG")
    shown.see("Log of web.*Loading")
    shown.send("\x1b")
    shown.see("Console.*Shutdown")
    shown.send("a")
    ask = asked(broker, "ACTIVITY")
    broker.send("ACT", ask.id, wall_ms=0, took_ms=10, verb="start",
                guest="web", who="alice")
    broker.send("END", ask.id, count=1)
    shown.see("Activity of web.*alice .*start .*done")
    broker.send("REFUSED", log.id, err=frames.ERR["denied"], text="Late.")
    shown.see("Activity of web.*alice .*start .*done.*Late")


def test_what_is_begun_while_nobody_answers_is_over_at_once():
    path = os.path.join(harness.temp_dir(), "socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    harness.cleanup.callback(listener.close)
    listener.bind(path)
    listener.listen(1)
    listener.settimeout(10)
    shown = screen.Screen([harness.program("vpsh"), "-S", path], env=MENU)
    broker = frames.Channel(listener.accept()[0])
    broker.recv("HELLO")
    broker.send("HELLO", 0, frames.hello(frames.BROKER, version=4))
    answer_menu(broker, ("WHOAMI", "PREFS", "FOLLOW"))
    shown.see(LIST + ".*" + RUNS)
    shown.send("j\r")
    shown.see("db.*Start")
    shown.send("1\r")
    got = asked(broker, "CONSOLE")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    broker.send("ATTACHED", got.id, fds=[theirs.fileno()], guest="db",
                may_write=1)
    theirs.close()
    shown.see("connected")
    broker.close()
    shown.send("\x1d")
    shown.see("db.*Start", 20)
    # It is connected to again, and nobody has said a word.
    harness.cleanup.callback(listener.accept()[0].close)
    shown.send("s")
    shown.see("db: start.*nothing was done.*Enter back")
    assert "waiting for the answer" not in shown.words()
    ours.close()


def test_a_window_that_became_too_small_leads_to_line_mode():
    host = Host().start()
    shown = menu(host)
    shown.resize(11, 80)
    shown.see("needs 40 columns and 12 lines.*line mode")
    shown.resize(12, 80)
    shown.see(LIST + ".*" + RUNS)
    shown.resize(12, 39)
    shown.see("too small for the menu")
    shown.send("l")
    shown.see("vpsh>")
    assert 1049 not in shown.terminal.private


def test_C07_sigterm_in_a_console_restores_the_terminal():
    plain = harness.Pty(["cat"])
    plain.send_line("x")
    plain.expect("x")
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Another one: they would be offered to go back to the console.
        host = Host().start()
        shown = opened(host)
        slave = slave_of(shown)
        shown.send("1\r")
        shown.see("web login:")
        host.show(b"\x1b[?1049h\x1b[?1003h\x1b[?2004hfull screen")
        shown.see("full screen")
        os.kill(shown.pid, number)
        assert shown.wait() in (128 + number, -number)
        shown.read_for(0.05)
        assert termios.tcgetattr(slave) == plain.modes()
        assert not shown.terminal.private & {1049, 2004, 1000, 1003, 1006}
