# SPDX-License-Identifier: ISC
"""vpsh at a terminal: editing, pastes, what happens while one waits."""

import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import termios
import time

import frames
import harness
from stage import ENVIRONMENT, Host

TIOCGPTN = 0x80045430
FOLLOWS = r"\d\d:\d\d:\d\d "


def shown(screen):
    """What stands between a line that was sent and the next prompt."""
    screen.expect("\n")
    return screen.expect("^(.*?)\rvpsh> ").group(1).decode()


def complete(screen, typed, shown_then):
    """A Tab is a key when no text came behind it."""
    screen.send(typed + "\t")
    screen.expect(re.escape(shown_then))


def dumb(host, **kwargs):
    return harness.Pty([harness.program("vpsh"), "-S", host.socket],
                       env=dict(ENVIRONMENT, TERM="dumb"), **kwargs)


def test_tab_completes_and_arrows_bring_lines_back():
    host = Host().start()
    screen = host.person()
    complete(screen, "sta", "status start\r\n\rvpsh> sta")
    complete(screen, "tu", "tus ")
    complete(screen, "w", "web ")
    screen.send("\r")
    assert "name: web" in shown(screen)
    screen.send("\x1b[A" + "\x1b[D" * 4 + "\x0bdb\r")
    assert "name: db" in shown(screen)
    screen.send("\x10\x10\r")
    assert "name: web" in shown(screen)
    complete(screen, "des", "destroy ")
    complete(screen, "w", "web ")
    complete(screen, "--y", "--yes ")
    screen.send("\r")
    assert "web" in shown(screen)
    assert host.job() == (frames.DESTROY, "web")


def test_tab_and_enter_may_come_in_one_packet():
    host = Host().start()
    screen = host.person()
    screen.send("status w\t\r")
    assert "name: web" in shown(screen)


def test_tab_knows_a_guest_that_was_added_once_it_was_listed():
    host = Host().start()
    screen = host.person()
    host.customer("alice", guests=("db", "web", "new-one"), uid=os.geteuid())
    harness.wait_until(lambda: len(host.look()) == 3, what="three guests")
    screen.send_line("list")
    assert "new-one" in shown(screen)
    complete(screen, "status n", "new-one ")
    screen.send("\r")
    assert "name: new-one" in shown(screen)


def test_a_dumb_terminal_is_never_drawn_on():
    host = Host().start()
    screen = dumb(host)
    screen.expect("help for.*commands.*vpsh> ")
    assert screen.modes()[3] & termios.ICANON
    screen.send_line("status web")
    screen.expect("name: web.*vpsh> ")
    screen.send_line("sta\tus")
    screen.expect("other than plain printable ASCII.*vpsh> ")
    screen.send("\x04")
    assert screen.expect_end() == 0
    assert b"\b" not in screen.output and b"\x1b" not in screen.output


def test_C07_every_way_out_restores_the_terminal():
    host = Host().start()

    def before():
        """The modes that a terminal has before vpsh is there."""
        screen = harness.Pty(["cat"])
        screen.send_line("x")
        screen.expect("x")
        return screen.modes()

    plain = before()
    for leave, code in ((lambda s: s.send_line("exit"), 0),
                        (lambda s: s.send("\x04"), 0),
                        (lambda s: os.kill(s.pid, signal.SIGTERM), 143),
                        (lambda s: os.kill(s.pid, signal.SIGHUP), 129)):
        screen = host.person()
        # Held open, so that there is something to look at afterwards.
        number = fcntl.ioctl(screen.fd, TIOCGPTN, b"1234")
        slave = os.open("/dev/pts/%d" % struct.unpack("I", number),
                        os.O_RDWR | os.O_NOCTTY)
        harness.cleanup.callback(os.close, slave)
        assert not screen.modes()[3] & termios.ICANON
        leave(screen)
        assert screen.wait() == code
        assert termios.tcgetattr(slave) == plain


def test_C09_a_paste_of_lines_runs_whole_lines_only():
    host = Host().start()
    screen = host.person()
    screen.send("status web\rwhoami\rdestroy web --ye")
    screen.expect("name: web.*customer: alice.*vpsh> destroy web --ye")
    screen.send("\x03")
    screen.expect("vpsh> ")
    screen.send_line("help exit")
    screen.expect("exit: leave.*vpsh> ")
    # A tab in it is no key, and answers in it are none.
    screen.send("des\tweb --yes\rdestroy web\rweb\rweb\r")
    screen.expect("plain printable ASCII.*Type web to destroy it: ")
    screen.send_line("no")
    screen.expect("web is as it was.*vpsh> ")
    screen.send_line("help exit")
    screen.expect("exit: leave.*vpsh> ")
    assert host.jobs == []


def test_A03_what_is_no_key_makes_the_line_refused():
    host = Host().start()
    screen = host.person()
    for odd in ("\x1b[5~", "\x1bx", "\x07", "\xe4", "\x1b[200~", "\x00"):
        screen.send(odd.encode() + b"list\r")
        assert "plain printable ASCII" in " ".join(shown(screen).split())


def test_A16_a_storm_of_window_changes_does_no_harm():
    host = Host().start()
    screen = host.person()
    for i in range(10000):
        screen.resize(10 + i % 50, 20 + i % 200)
    screen.resize(24, 80)
    screen.send_line("status web")
    assert "name: web" in shown(screen)


def test_A15_editing_works_on_the_smallest_screen():
    host = Host().start()
    screen = host.person(rows=1, cols=1)
    screen.send("status we\bx" + "\x02" * 30 + "\x05\b" + "eb\r")
    screen.expect("name: web")


def test_ctrl_c_forgets_the_line_and_ends_a_wait():
    host = Host().start()
    host.may_end.clear()
    screen = host.person()
    screen.send("destroy web --yes\x03")
    screen.expect("\r\n\rvpsh> ")
    screen.send("\r")
    screen.expect("\rvpsh> ")
    assert host.jobs == []
    screen.send_line("start db --timeout 600")
    assert host.asked.wait(10)
    screen.send("\x03")
    screen.expect("The job goes on, ref [0-9A-Z]{4}; .*vpsh> ")
    host.may_end.set()


def test_timeout_is_6_and_the_job_goes_on():
    host = Host().start()
    host.may_end.clear()
    done = host.vpsh("start", "db", "--timeout", "1")
    assert done.returncode == 6, done
    ref = re.search("start of db did not finish in 1 second. The job goes "
                    "on, ref ([0-9A-Z]{4}); job .* status db", done.stderr)
    assert ref, done
    assert host.vpsh("start", "db").returncode == 5
    done = host.vpsh("status", "db", "--json")
    job = json.loads(done.stdout)["guests"][0]["job"]
    assert job == {"verb": "start", "ref": ref.group(1)}
    host.may_end.set()
    host.record(event="done", verb="start", ref=ref.group(1), err="ok")


def test_json_of_a_timeout_has_the_reference():
    host = Host().start()
    host.may_end.clear()
    done = host.vpsh("start", "db", "--timeout", "1", "--json")
    assert done.returncode == 6, done
    error = json.loads(done.stdout)["error"]
    assert error["name"] == "timeout" and error["exit"] == 6
    assert re.fullmatch("[0-9A-Z]{4}", error["ref"])
    assert error["ref"] in error["text"]
    host.may_end.set()


def test_no_wait_in_a_script_tells_the_end_apart_from_answers():
    host = Host().start()
    host.may_end.clear()
    script = harness.Process(
        [harness.program("vpsh"), "-S", host.socket], env=ENVIRONMENT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    script.popen.stdin.write("start db --no-wait --json\n")
    script.popen.stdin.flush()
    answer = json.loads(script.popen.stdout.readline())
    assert answer["outcome"] == "accepted"
    host.may_end.set()
    host.record(event="done", verb="start", ref=answer["ref"])
    out, err = script.popen.communicate("whoami --json\nlist --json\n", 20)
    assert [list(json.loads(line))[1] for line in out.splitlines()] == [
        "customer", "guests"], out
    assert err.startswith(answer["ref"] + ": "), err


def test_a_guest_that_does_not_obey_has_its_plug_pulled():
    host = Host()
    host.start()
    host.deaf = True
    done = host.vpsh("shutdown", "web", "--force-after", "1")
    assert done.returncode == 2 and host.jobs == [], done
    assert "shutdown --force-after 1 web --yes" in done.stderr, done
    done = host.vpsh("shutdown", "web", "--force-after", "1", "--yes")
    assert done.returncode == 0, done
    assert [j.op for j in host.jobs] == [frames.SHUTDOWN, frames.DESTROY]
    assert host.jobs[0].ref == host.jobs[1].ref
    assert "alice-web" not in host.domains


def test_list_follow_tells_each_change_once():
    host = Host().start()
    screen = host.person()
    screen.send_line("list --follow")
    screen.expect("NAME +STATE.*db +off.*web +running[^\n]*\n")
    host.gone("alice-web", reason=frames.POWEROFF)
    screen.expect(FOLLOWS + "web: off")
    host.boot("alice-db")
    screen.expect(FOLLOWS + "db: running, up")
    screen.send("\x03")
    screen.expect("vpsh> ")
    # What comes now is nobody's.
    host.gone("alice-db")
    screen.send_line("status db")
    text = shown(screen)
    assert "state: off" in text and not re.search(FOLLOWS, text), text


def follower(host, *words):
    """vpsh as a program sees it; its lines one by one."""
    run = harness.Process(
        [harness.program("vpsh"), "-S", host.socket, *words],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.line = lambda: json.loads(run.popen.stdout.readline())
    return run


def test_follow_in_json_is_one_object_for_each_change():
    host = Host().start()
    run = follower(host, "list", "--follow", "--json")
    assert [run.line()["guest"]["name"] for _ in "12"] == ["db", "web"]
    host.boot("alice-db")
    got = run.line()
    assert (got["v"], got["guest"]["name"], got["guest"]["state"]) == (
        1, "db", "running")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", got["at"])
    host.customer("alice", guests=("db",), uid=os.geteuid())
    got = run.line()
    assert got["v"] == 1 and got["left"] == "web" and "at" in got
    # Ctrl-C of somebody who has a terminal is how it ends.
    run.kill(signal.SIGINT)
    assert run.wait() == 0


def test_status_follow_brings_what_a_guest_uses():
    host = Host().start()
    now = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)
    host.counters = dict(at_ms=now - 2000, cpu_ns=0, net_in=5)
    run = follower(host, "status", "web", "--follow", "--json")
    # The first of two samples has to be seen before there is a second.
    while run.line()["guest"]["net"]["in"] != 5:
        pass
    host.counters = dict(at_ms=now, cpu_ns=10 ** 9, net_in=1234)
    while (got := run.line())["guest"]["net"]["in"] != 1234:
        pass
    assert got["guest"]["name"] == "web"
    assert got["guest"]["cpu_percent"] == 50.0, got


def test_G11_status_follow_ends_when_the_guest_is_taken_away():
    host = Host().start()
    run = follower(host, "status", "web", "--follow", "--json")
    run.line()
    host.customer("alice", guests=("db",), uid=os.geteuid())
    while "left" not in (got := run.line()):
        assert got["guest"]["name"] == "web"
    assert run.line()["error"]["name"] == "no-guest"
    assert run.wait() == 4


def test_G11_follow_ends_with_whoever_read_it():
    host = Host().start()
    run = follower(host, "list", "--follow", "--json")
    run.line()
    run.popen.stdout.close()
    assert run.wait() == 1


def test_follow_goes_on_with_a_service_that_restarted():
    host = Host().start()
    run = follower(host, "list", "--follow", "--json")
    assert [run.line()["guest"]["name"] for _ in "12"] == ["db", "web"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.unlink(host.socket)
        listener.bind(host.socket)
        listener.listen(5)
        host.process.stop()
        client = frames.Channel(listener.accept()[0])
        client.recv("HELLO")
        client.send("HELLO", 0, frames.hello(frames.BROKER, "new"))
        asked = client.recv("FOLLOW")
        client.send("GUEST", asked.id, frames.Guest(
            b"web", frames.PAUSED))
        client.send("END", asked.id, count=1)
        # The new one knows nothing of db.
        assert run.line()["left"] == "db"
        got = run.line()["guest"]
        assert (got["name"], got["state"]) == ("web", "paused")
        client.send("BYE", 0, err=frames.ERR["suspended"],
                    text="Suspended, says the broker.")
        got = run.line()["error"]
        assert got["name"] == "suspended" and got["exit"] == 3
    assert run.wait() == 3


@harness.deadline(60)
def test_G11_each_end_of_a_command_has_its_own_exit_code():
    host = Host().start()
    host.may_end.clear()

    def waiting():
        host.asked.clear()
        run = harness.Process(
            [harness.program("vpsh"), "-S", host.socket, "destroy", "web",
             "--yes"], env=ENVIRONMENT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        assert host.asked.wait(10)
        return run

    run = waiting()
    run.kill(signal.SIGINT)
    assert run.wait() == 6
    assert b"The job goes on, ref" in run.popen.stderr.read()
    host.may_end.set()
    host.record(event="done", verb="destroy")
    host.reset()
    host.may_end.clear()
    run = waiting()
    run.kill(signal.SIGTERM)
    assert run.wait() == -signal.SIGTERM
    host.may_end.set()
    harness.wait_until(lambda: len([r for r in host.records()
                                    if r.get("verb") == "destroy" and
                                    r["event"] == "done"]) == 2)
    host.reset()
    host.may_end.clear()
    # The service dies for good: it may have happened, or not.
    run = waiting()
    host.process.stop(signal.SIGKILL)
    assert run.wait(40) == 7
    said = run.popen.stderr.read().decode()
    assert re.search("did not come back in 30 seconds.* job [0-9A-Z]{4} or "
                     "status web", said), said


def test_a_session_that_the_service_ends_is_no_success():
    host = Host().start()
    os.rename(host.path("customers/alice"), host.path("customers/alice~"))
    done = harness.wait_until(
        lambda: (d := host.vpsh("list")).returncode and d, what="no alice")
    assert done.returncode == 3 and "not set up" in done.stderr, done


def test_C01_C02_C03_C04_C06_a_hostile_environment_opens_nothing():
    host = Host().start()
    evil = harness.temp_dir()
    for name in (".inputrc", ".editrc", ".terminfo", ".bashrc", "x.so"):
        with open(os.path.join(evil, name), "w") as f:
            f.write("\"a\": \"destroy web --yes\\n\"\nbind a ed-command\n")
    env = dict(ENVIRONMENT, TERM="../../../../" + evil, HOME=evil,
               INPUTRC=evil + "/.inputrc", EDITRC=evil + "/.editrc",
               TERMINFO=evil, TERMINFO_DIRS=evil, TERMCAP=evil + "/x",
               LD_PRELOAD="", LOCPATH=evil, NLSPATH=evil, GCONV_PATH=evil,
               LC_ALL="../" + evil, LANG="x" * 70000, TZ=":" + evil,
               BASH_ENV=evil + "/.bashrc", ENV=evil + "/.bashrc",
               PATH=evil, COLUMNS="1", LINES="-5")
    screen = harness.Pty([harness.program("vpsh"), "-S", host.socket],
                         env=env)
    screen.expect("help for.*commands.*vpsh> ")
    complete(screen, "a\x15stat", "us ")
    screen.send("web\r")
    assert "name: web" in shown(screen)
    with open("/proc/%d/environ" % screen.pid, "rb") as f:
        assert evil.encode() in f.read()    # it was there when it began
    fds = "/proc/%d/fd" % screen.pid
    for fd in os.listdir(fds):
        where = os.readlink(os.path.join(fds, fd))
        assert re.match("/dev/pts/|socket:|pipe:", where), where
    with open("/proc/%d/maps" % screen.pid) as f:
        assert evil not in f.read()
    children = "/proc/%d/task/%d/children" % (screen.pid, screen.pid)
    with open(children) as f:
        assert f.read() == ""
    assert host.jobs == []
