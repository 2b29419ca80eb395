# SPDX-License-Identifier: ISC
"""Logs of simulated guests, through all of vpsh."""
import datetime
import json
import os
import re
import signal
import time

import harness
import sim

LINE = re.compile(r"\d\d:\d\d:\d\d( .*)?$")
MARK = re.compile(r"-- (\d\d:\d\d:\d\d .*|\d{4}-\d\d-\d\d, times in \S+) --$")


def host(words=""):
    world = sim.SimHost()
    world.guest("web", words=words)
    return world.start()


def command(world, *words, code=0, **kwargs):
    done = world.vpsh(*words, **kwargs)
    assert done.returncode == code, done
    return done.stdout


def boot(world):
    """Up to the login, so that nothing more comes."""
    tty = world.pty("start", "web", "--console")
    tty.expect(rb"login: ")
    tty.send(b"\x1d")
    assert tty.expect_end() == 0


def objects(text):
    found = [json.loads(line) for line in text.splitlines()]
    assert all(o["v"] == 1 for o in found), text
    return found


def log(world, *options):
    return objects(command(world, "log", "web", "--json", "--lines", "0",
                           *options))


def marks(rows):
    return [row["mark"] for row in rows if "mark" in row]


def seconds(row):
    return datetime.datetime.fromisoformat(
        row["at"].replace("Z", "+00:00")).timestamp()


class Follower:
    """log --follow beside the test; Pty.expect() on a pipe."""

    def __init__(self, world, *options):
        self.process = world.vpsh_beside("log", "web", "--follow", *options)
        self.out = self.process.popen.stdout.fileno()
        self.text = ""

    def expect(self, pattern, limit=20):
        end = time.monotonic() + limit
        while not (found := re.search(pattern, self.text)):
            left = end - time.monotonic()
            assert harness.poll_once([self.out], left), (pattern, self.text)
            data = os.read(self.out, 65536)
            assert data, (pattern, self.text, self.process.wait())
            self.text += data.decode()
        return found


def kill_console(world):
    world.kill("vpsh-console")
    harness.wait_until(
        lambda: world.vpsh("log", "web").returncode == 0, 20,
        "the console server is back")


def type_in(world, text):
    """As a script does: what it pipes in is answered, then it is over."""
    return command(world, "console", "web", input=text)


def test_each_line_of_a_log_has_its_time_and_a_boot_its_mark():
    world = host()
    boot(world)
    lines = command(world, "log", "web", "--lines", "0").splitlines()
    assert lines[0].startswith("-- 20"), lines[:3]
    assert lines[1].endswith(" console opened (boot 1) --"), lines[:3]
    assert re.match(r"\d\d:\d\d:\d\d \[    0\.000000\] Linux version",
                    lines[2]), lines[:3]
    for line in lines:
        assert LINE.match(line) or MARK.match(line), line
    assert len(lines) > 30, lines
    last = command(world, "log", "web", "--lines", "5").splitlines()
    assert last[1:] == lines[-5:], last


def test_a_log_as_json_is_one_object_for_each_line():
    world = host()
    begin = time.time()
    boot(world)
    rows = log(world)
    assert rows[0]["mark"] == "console opened (boot 1)", rows[0]
    assert rows[0]["offset"] == 0, rows[0]
    assert "Linux version" in rows[1]["text"], rows[1]
    offsets = [row["offset"] for row in rows]
    assert offsets == sorted(offsets), offsets
    for row in rows:
        assert begin - 1 <= seconds(row) <= time.time(), row
    assert len(objects(command(world, "log", "web", "--json",
                               "--lines", "3"))) == 3


def test_since_shows_what_came_from_then_on():
    world = host()
    boot(world)
    last = seconds(log(world)[-1])
    harness.wait_until(lambda: time.time() >= last + 2, what="a second goes by")
    then = datetime.datetime.fromtimestamp(
        int(time.time()), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert log(world, "--since", then) == []
    type_in(world, "root\r")
    rows = log(world, "--since", then)
    assert rows and all(seconds(row) > last for row in rows), rows
    assert any("#" in row.get("text", "") for row in rows), rows
    assert log(world, "--since", "1h") == log(world)
    done = world.vpsh("log", "web", "--since", "soon")
    assert done.returncode == 2 and "TIME is like" in done.stderr, done


def test_a_follower_sees_a_reboot_and_leaves_with_ctrl_c():
    world = host()
    boot(world)
    follower = Follower(world, "--lines", "3")
    follower.expect(r"(?m)^-- 20\d\d-\d\d-\d\d, times in ")
    command(world, "reboot", "web")
    follower.expect(r"(?m)^-- [\d:]+ the guest is rebooting --\n")
    follower.expect(r"(?m)^-- [\d:]+ console opened \(boot 2\) --\n"
                    r"[\d:]+ \[    0\.000000\] Linux version")
    assert follower.process.alive()
    os.kill(follower.process.pid, signal.SIGINT)
    # The prompt is no whole line: it is shown when nothing can follow.
    follower.expect(r"(?m)^[\d:]+ \S*\s?login: ")
    assert follower.process.wait() == 0


def test_a_person_is_told_that_nothing_came_and_how_to_leave():
    world = host()
    assert command(world, "log", "web") == ""
    tty = world.pty("log", "web", "--follow")
    tty.expect(rb"The console of web has said nothing that is kept\.\r\n"
               rb"Ctrl-C ends this\.\r\n")
    tty.send(b"\x03")
    assert tty.expect_end() == 0
    boot(world)
    tty = world.pty("log", "web", "--since", "2099-01-01")
    tty.expect(rb"web has said nothing since then\.\r\n")
    assert tty.expect_end() == 0


def test_the_log_of_a_guest_that_is_off_outlives_the_console_server():
    world = host()
    boot(world)
    command(world, "destroy", "web", "--yes")
    before = log(world)
    assert marks(before)[0] == "console opened (boot 1)", marks(before)
    assert marks(before)[-1] == "the guest is being switched off", before
    kill_console(world)
    harness.wait_until(lambda: log(world) == before, 10,
                       "the log is as it was; " + world.said())


def test_the_log_of_a_running_guest_outlives_the_console_server():
    world = host()
    boot(world)
    before = log(world)
    follower = Follower(world, "--json", "--lines", "0")
    follower.expect(r'"mark":"console opened \(boot 1\)"')
    kill_console(world)
    harness.wait_until(lambda: len(log(world)) >= len(before), 10,
                       "the log is back; " + world.said())
    assert log(world)[:len(before) - 1] == before[:-1]
    type_in(world, "root\recho [after]\rstty\r")
    follower.expect(r'"text":"[^"]*# \[after\]"')
    os.kill(follower.process.pid, signal.SIGINT)
    assert follower.process.wait() == 0
    rows = objects(follower.text)
    assert marks(rows).count("console opened (boot 1)") == 1, marks(rows)
    assert [r["offset"] for r in rows] == sorted(r["offset"] for r in rows)


def test_G11_a_follower_who_loses_the_right_ends_with_3():
    world = host()
    boot(world)
    follower = Follower(world)
    follower.expect(r"Linux version|login")
    world.guest("web", policy='allow = [ "start" ];')
    assert follower.process.wait(20) == 3, follower.process.popen.stderr.read()


def test_G11_a_console_says_with_its_exit_code_why_it_ended():
    world = host()
    boot(world)
    tty = world.pty("console", "web")
    tty.expect(rb"connected")
    tty.send(b"\x1d")
    assert tty.expect_end() == 0
    tty = world.pty("console", "web")
    tty.expect(rb"connected")
    world.policies["alice"].clear()
    world.write_policy("alice")
    assert tty.expect_end(20) == 3, tty.output


def test_G11_suspension_ends_a_console_and_a_follower_with_3():
    world = host()
    boot(world)
    follower = Follower(world)
    follower.expect(r"login|Linux version")
    tty = world.pty("console", "web")
    tty.expect(rb"connected")
    world.write("etc/vpsh/customers/alice/suspended", "unpaid")
    assert tty.expect_end(20) == 3, tty.output
    assert b"suspended" in tty.output, tty.output
    assert follower.process.wait(20) == 3
    assert b"suspended" in follower.process.popen.stderr.read()


def test_start_console_shows_nothing_of_the_boot_before():
    world = host()
    boot(world)
    command(world, "destroy", "web", "--yes")
    tty = world.pty("start", "web", "--console")
    tty.expect(rb"console opened \(boot 2\)\]\r\n"
               rb"\[    0\.000000\] Linux version")
    tty.expect(rb"login: ")
    assert tty.output.count(b"Linux version") == 1, tty.output
    assert b"boot 1" not in tty.output, tty.output
    tty.send(b"\x1d")
    assert tty.expect_end() == 0


def test_what_is_piped_into_a_console_is_answered():
    world = host()
    boot(world)
    text = type_in(world, "root\recho [from a pipe]\r")
    assert "# [from a pipe]\n" in text, text
    command(world, "destroy", "web", "--yes")
    done = world.vpsh("console", "web", input="for nobody\r")
    assert done.returncode == 1 and "web is off." in done.stderr, done


def test_a_person_follows_a_log_and_is_back_at_the_prompt():
    world = host()
    boot(world)
    tty = world.pty()
    tty.expect(rb"> $")
    tty.send_line("log web --lines 2 --follow")
    tty.expect(rb"-- 20\d\d-\d\d-\d\d, times in ")
    tty.send(b"\x03")
    tty.expect(rb"login: \r\n")
    tty.expect(rb"> $")
    tty.send_line("exit")
    assert tty.expect_end() == 0, tty.output
