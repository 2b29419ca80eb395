# SPDX-License-Identifier: ISC
"""vpsh as people and scripts meet it: the real program and the real broker.

What can be typed, and what it answers, stands in commands.py.
"""

import json
import os
import re
import signal
import socket
import subprocess
import termios

import frames
import harness
from stage import ENVIRONMENT, Host


def test_list_and_status_show_what_the_broker_knows():
    host = Host().start()
    done = host.vpsh("list")
    assert done.returncode == 0 and done.stderr == "", done
    assert re.search(r"^NAME +STATE +UPTIME +VCPUS +MEMORY\n"
                     r"db +off +- +- +-\n"
                     r"web +running +\S+ +2 +512 MiB\n$", done.stdout), done
    done = host.vpsh("status", "web")
    assert "name: web\nstate: running\n" in done.stdout, done
    assert "boot: 7\n" in done.stdout, done
    assert "you may: console view log start shutdown reboot destroy" in \
        done.stdout, done


def test_E02_a_guest_of_another_is_answered_as_one_that_nobody_has():
    host = Host().start()
    for verb in ("status", "start", "shutdown", "console", "log"):
        mine, nobodys = host.vpsh(verb, "shop"), host.vpsh(verb, "nobody")
        assert mine.returncode == nobodys.returncode == 4
        assert mine.stderr == nobodys.stderr != ""


def forced(command, original=None):
    """As sshd runs a login shell with a command, or a ForceCommand."""
    env = dict(ENVIRONMENT)
    if original is not None:
        env["SSH_ORIGINAL_COMMAND"] = original
    return harness.run([harness.program("vpsh"), "-c", command], env=env)


def test_A01_A02_A03_A04_A06_nothing_but_commands_is_run():
    for command in ("sh -c id", "list;id", "$(id)", "`id`", "list > /tmp/x",
                    "list\nid", "list\r", "\x1b[2J", "l\xefst", "--help",
                    "-S /tmp/x list", "start --help", "start -web",
                    "scp -t /", "internal-sftp", "rsync --server .",
                    "/usr/lib/openssh/sftp-server", "git-upload-pack x",
                    "a" * 2000):
        for done in (forced(command),
                     forced(harness.program("vpsh"), command)):
            assert done.returncode == 2 and done.stdout == "", done
            assert re.fullmatch(r"[\x20-\x7e]+\n", done.stderr), done
            assert "Nothing was done" in done.stderr, done


def test_H08_the_original_command_counts_under_our_own_path_only():
    own = harness.program("vpsh")
    assert "GUEST" in forced(own, "help").stdout
    assert forced(own, "sh -c id").returncode == 2
    assert "start" in forced(own + " help start", "help log").stdout
    assert "log" not in forced(own + " help start", "help log").stdout
    assert forced("sh -c id", "help").returncode == 2
    assert forced("sh -c id", "help").stdout == ""
    assert "GUEST" in forced("help", "sh -c id").stdout
    assert forced("-S /tmp/x help", "help").returncode == 2


def test_jobs_tell_how_they_go_and_end():
    host = Host().start()
    done = host.vpsh("start", "db")
    assert done.returncode == 0 and "db" in done.stdout, done
    assert host.job() == (frames.START, "db")
    done = host.vpsh("shutdown", "web")
    assert done.returncode == 0 and "web" in done.stdout, done
    assert host.job() == (frames.SHUTDOWN, "web")
    done = host.vpsh("destroy", "db", "--yes")
    assert done.returncode == 0 and host.job() == (frames.DESTROY, "db")


def test_E16_destroy_at_the_prompt_wants_the_name_typed():
    host = Host().start()
    screen = host.person()
    for answer in ("y", "", "db", "w"):
        screen.send_line("destroy web")
        screen.expect("web is running, up .*Its disk is kept.*"
                      "Type web to destroy it: ")
        screen.send_line(answer)
        screen.expect("Nothing was done; web is as it was.*vpsh> ")
    assert host.jobs == []
    screen.send_line("destroy web")
    screen.expect("Type web to destroy it: ")
    screen.send_line(" WEB ")
    screen.expect("vpsh> ")
    assert host.job() == (frames.DESTROY, "web")
    assert len(host.jobs) == 1
    screen.send_line("exit")
    assert screen.expect_end() == 0


def test_E16_C07_ctrl_c_and_ctrl_d_answer_no():
    host = Host().start()
    screen = host.person()
    for key in ("\x03", "\x04", "we\x03"):
        screen.send_line("destroy web")
        screen.expect("Type web to destroy it: ")
        screen.send(key)
        screen.expect("Nothing was done; web is as it was.*vpsh> ")
        screen.send_line("shutdown web")
        screen.expect(r"\[y/N\] ")
        screen.send(key)
        screen.expect("Nothing was done; web is as it was.*vpsh> ")
    assert host.jobs == []
    screen.send("\x04")
    assert screen.expect_end() == 0


def test_C07_signals_of_the_keyboard_end_nothing():
    host = Host().start()
    screen = host.person()
    screen.send("sta\x03")
    screen.expect("vpsh> ")
    screen.send("\x1a\x1c\x1a")
    screen.send_line("whoami")
    screen.expect("customer: alice.*vpsh> ")
    screen.send("\x13\x11")
    screen.send_line("exit")
    assert screen.expect_end() == 0


def test_C07_a_hang_up_or_sigterm_ends_it_at_once():
    host = Host().start()
    screen = host.person()
    screen.hang_up()
    assert screen.wait() == 128 + signal.SIGHUP
    screen = host.person()
    os.kill(screen.pid, signal.SIGTERM)
    assert screen.expect_end() == 128 + signal.SIGTERM


def test_ctrl_c_leaves_the_job_alone_and_its_end_is_told_later():
    host = Host().start()
    host.may_end.clear()
    screen = host.person()
    screen.send_line("start db")
    assert host.asked.wait(10)
    screen.send("\x03")
    ref = screen.expect("The job goes on, ref ([0-9A-Z]{4}); .*vpsh> ")
    host.may_end.set()
    host.record(event="done", verb="start", err="ok")
    screen.send_line("help exit")
    screen.expect("exit: leave.*%s: .*db.*vpsh> " % ref.group(1).decode())
    assert host.job() == (frames.START, "db")


def test_a_boot_that_was_not_seen_is_not_shut_down():
    host = Host().start()
    screen = host.person()
    screen.send_line("shutdown web")
    screen.expect(r"\[y/N\] ")
    # It reboots while the question stands on the screen.
    host.boot("alice-web")
    screen.send_line("y")
    screen.expect("web has rebooted since.*vpsh> ")
    assert host.jobs == []


def manual_commands():
    """Command → its part of the manual, in order."""
    with open(os.path.join(harness.TOP, "docs/vpsh.1")) as f:
        section = f.read().split(".Sh COMMANDS")[1].split("\n.Sh ")[0]
    parts = re.split(r"^\.It Cm (\w+)", section, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def test_help_and_the_manual_name_the_same_commands_and_options():
    table = json.loads(forced("help --json").stdout)["commands"]
    manual = manual_commands()
    assert [c["name"] for c in table] == list(manual)
    shown = re.findall(r"^([a-z]+(?:, [a-z]+)*)(?= |$)",
                       forced("help").stdout, re.M)
    assert ", ".join(shown).split(", ") == list(manual)
    for command in table:
        done = forced("help " + command["name"])
        assert done.returncode == 0 and done.stderr == "", done
        assert done.stdout.startswith(command["name"]), done
        synopsis = manual[command["name"]].split("\n")
        while synopsis[0].endswith("\\"):
            synopsis[:2] = [synopsis[0][:-1] + synopsis[1]]
        wanted = {(o["name"], (o["value"] or "").lower())
                  for o in command["options"]}
        assert wanted == {("-" + name, value or "") for name, value in
                          re.findall(r"Fl (-[-a-z]+)(?: Ar (\w+))?",
                                     synopsis[0])}, command["name"]
        for option, _ in wanted:
            assert option in done.stdout, done
        for alias in command["aliases"]:
            assert alias in done.stdout, done


def test_every_page_of_help_fits_a_terminal():
    screen = harness.Pty([harness.program("vpsh")], env=ENVIRONMENT)
    screen.expect("vpsh> ", 20)
    for name in [""] + list(manual_commands()):
        screen.send_line("help " + name)
        screen.expect("\n")
        text = screen.expect("^(.*?)vpsh> ").group(1).decode()
        lines = text.split("\r\n")
        assert len(lines) <= 23, (name, len(lines))
        assert all(len(line) < 80 for line in lines), (name, text)


def test_where_the_customer_claims_to_be_is_recorded():
    host = Host().start()
    harness.run([harness.program("vpsh"), "-S", host.socket, "start", "db"],
                env={"SSH_CONNECTION": "203.0.113.9 4000 192.0.2.1 22"})
    record = host.record(event="decided", verb="start")
    assert "203.0.113.9" in record.values(), record


def test_A13_a_script_on_standard_input_needs_no_terminal():
    host = Host().start()
    done = host.vpsh(input="list\nstatus web\nwhoami\n", text=True)
    assert done.returncode == 0 and done.stderr == "", done
    assert "vpsh>" not in done.stdout and "customer: alice" in done.stdout
    done = host.vpsh(input="list\nstatus nobody\n", text=True)
    assert done.returncode == 4, done
    done = host.vpsh(input="shutdown web\nwhoami", text=True)
    assert done.returncode == 2 and "customer" not in done.stdout, done
    assert host.job() == (frames.SHUTDOWN, "web")
    done = host.vpsh(input="destroy web\n", text=True)
    assert done.returncode == 2 and "--yes" in done.stderr, done
    done = host.vpsh(input="", text=True)
    assert done.returncode == 0 and done.stdout == done.stderr == "", done


def test_C09_a_huge_paste_is_no_command():
    host = Host().start()
    done = host.vpsh(input="y" * 1000000 + " destroy web --yes\n", text=True)
    assert done.returncode == 2 and done.stdout == "", done
    screen = host.person()
    screen.send("a" * 3000)
    screen.send("b" * 3000)
    screen.send_line(" ")
    screen.expect("at most 16 words and 1024 characters.*vpsh> ")
    screen.send_line("exit")
    assert screen.expect_end() == 0


def test_a_narrow_screen_gets_lines_instead_of_a_table():
    host = Host().start()
    screen = host.person(cols=40)
    screen.send_line("list")
    screen.expect("name: db\r\nstate: off\r\n.*name: web\r\n.*vpsh> ")


def test_a_narrow_screen_breaks_no_word():
    host = Host().start()
    screen = host.person()
    screen.resize(12, 40)
    screen.send_line("status web")
    text = screen.expect("^.*?\n(.*?)vpsh> ").group(1).decode()
    assert " ".join(text.split()).find("log start shutdown reboot") > 0, text
    assert all(len(line) < 40 for line in text.split("\r\n")), text


def test_A15_odd_sizes_of_a_terminal_do_no_harm():
    host = Host().start()
    screen = host.person()
    for rows, cols in ((0, 0), (1, 1), (10000, 10000), (65535, 65535)):
        screen.resize(rows, cols)
        screen.send_line("list")
        screen.expect("NAME.*web.*vpsh> ")
        screen.send_line("help")
        screen.expect("exit .*vpsh> ")


def test_console_carries_keys_and_leaves_the_terminal_as_it_was():
    host = Host().start()
    screen = host.person()
    before = screen.modes()
    screen.send_line("console web")
    screen.expect("web login: ")
    assert not screen.modes()[3] & termios.ICANON
    screen.send("root\r\x03")
    screen.expect("<ROOT\r>?.*\x03>")
    screen.send("\x1d")
    screen.expect("vpsh> ")
    assert screen.modes() == before
    assert host.grants[-1].may_write == 1
    screen.send_line("console web --view")
    screen.expect("web login: ")
    assert host.grants[-1].may_write == 0
    screen.send("\x1d")
    screen.expect("vpsh> ")
    assert screen.modes() == before
    screen.send_line("exit")
    assert screen.expect_end() == 0


def test_console_comes_back_from_where_it_was_lost():
    host = Host().start()
    screen = host.person()
    screen.send_line("console web")
    screen.expect("web login: ")
    host.drop_viewers()
    screen.expect("web login: ")
    first, second = host.grants
    assert first.start == frames.FROM_TAIL
    assert second.start == len("web login: "), second
    screen.send("\x1d")
    screen.expect("vpsh> ")
    screen.send_line("console web --from 3")
    screen.expect("web login: ")
    assert host.grants[-1].start == 3
    screen.send("\x1d")
    screen.expect("vpsh> ")


def test_a_console_without_a_service_listens_to_the_keys_that_leave():
    host = Host().start()
    screen = host.person()
    screen.send_line("console web")
    screen.expect("web login: ")
    os.kill(host.process.pid, signal.SIGKILL)
    host.process.popen.wait()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.unlink(host.socket)
        listener.bind(host.socket)
        listener.listen(5)
        # Nobody answers, and the keys are heeded all the same.
        attempt = listener.accept()[0]
        screen.send("\x1d")
        screen.expect("vpsh> ")
        assert b"not answering" not in screen.output, screen.output
        attempt.close()


def test_one_shot_console_streams_without_a_terminal():
    host = Host().start()
    ssh = harness.Process([harness.program("vpsh"), "-S", host.socket,
                           "console", "web"], env=ENVIRONMENT,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    ssh.popen.stdin.write(b"hi\n")
    ssh.popen.stdin.flush()
    seen = b""
    while b"<HI\n>" not in seen:
        assert harness.poll_once([ssh.popen.stdout.fileno()], 10), seen
        seen += os.read(ssh.popen.stdout.fileno(), 4096)
    assert seen.startswith(b"web login: "), seen
    ssh.stop()
    assert b"ssh -t" in ssh.popen.stderr.read()


def test_C12_log_shows_the_last_lines_and_no_escape_sequence():
    host = Host().start()
    done = host.vpsh("log", "web")
    assert done.returncode == 0 and done.stderr == "", done
    assert done.stdout == ("-- 2026-11-21, times in UTC --\n15:00:00 one\n"
                           "15:00:00 two\n15:00:00 three\n"), done
    assert "one" not in host.vpsh("log", "web", "--lines", "2").stdout
    assert host.vpsh("log", "web", "--lines", "0").stdout == done.stdout
    for wrong in ("-1", "x", "", "99999999999999999999"):
        assert host.vpsh("log", "web", "--lines", wrong).returncode == 2


def test_start_with_console_shows_the_first_byte():
    host = Host().start()
    screen = host.person()
    screen.send_line("start db --console")
    screen.expect("db login: .*first byte of the boot")
    screen.send("\x1d")
    screen.expect("vpsh> ")
    assert host.job() == (frames.START, "db")


def test_start_with_a_console_that_is_denied_starts_nothing():
    host = Host()
    host.customer("alice", guests=('{ name = "db"; allow = [ "start" ]; }',),
                  uid=os.geteuid())
    host.start()
    done = host.vpsh("start", "db", "--console")
    assert done.returncode == 3 and "You may not console db" in done.stderr
    assert host.jobs == []
    # The only guest need not be named.
    assert host.vpsh("start").returncode == 0
    assert host.job() == (frames.START, "db")


def test_A19_a_session_whose_customer_is_gone_ends_at_the_prompt():
    host = Host().start()
    screen = host.person()
    os.unlink(host.path("customers/alice/policy.conf"))
    os.rmdir(host.path("customers/alice"))
    assert screen.expect_end(20) == 3
    assert re.search(rb"vpsh> \r\n[A-Z][^\r]+\.", screen.output), \
        screen.output


def test_a_restart_of_the_service_between_commands_is_not_noticed():
    host = Host().start()
    screen = host.person()
    host.process.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.unlink(host.socket)
        listener.bind(host.socket)
        listener.listen(5)
        # Somebody listens; nobody answers until the new broker is there.
        screen.send_line("whoami")
        screen.expect(r"perhaps it is restarting; waiting up to 60\s+seconds")
        client = frames.Channel(listener.accept()[0])
        assert client.recv("HELLO").role == frames.CLIENT
        client.send("HELLO", 0, frames.hello(frames.BROKER, "new"))
        asked = client.recv("WHOAMI")
        client.send("WHO", asked.id, customer="alice", host="xen07")
        screen.expect("customer: alice.*vpsh> ")


@harness.deadline(60)
def test_a_service_that_is_away_is_said_to_be():
    path = os.path.join(harness.temp_dir(), "nobody.sock")
    done = harness.run([harness.program("vpsh"), "-S", path, "list --json"],
                       env=ENVIRONMENT)
    assert done.returncode == 7, done
    assert "waiting up to 10 seconds" in done.stderr, done
    error = json.loads(done.stdout)["error"]
    assert (error["name"], error["exit"]) == ("service", 7), error
    assert "Your guests are not affected" in error["text"], done
    assert error["text"] in done.stderr, done
