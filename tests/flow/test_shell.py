# SPDX-License-Identifier: ISC
"""vpsh as people and scripts meet it: the real program and the real broker.

Watcher, worker and console server are played: their real selves need Xen.
"""

import contextlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading

import frames
import harness
from world import Inner

UUID = tuple(range(16))
OUTPUT, INPUT, WRITER, VIEW_END = 720, 700, 723, 724
ENVIRONMENT = {"TERM": "xterm", "LANG": "C.UTF-8"}
BOOT_TEXT = b"first byte of the boot\r\n"


class Host(Inner):
    """A host on which guests start, stop and talk, in a thread."""

    def start(self):
        super().start()
        self.watcher = self.peer(frames.WATCH)
        self.console = self.peer(frames.CONSOLE)
        self.domains = {"alice-web": dict(
            state=frames.RUNNING, boot=7, since_ms=0, memory_kib=524288,
            vcpus=2)}
        self.may_end = threading.Event()    # jobs end while it is set
        self.may_end.set()
        self.asked = threading.Event()      # a job has begun
        self.jobs, self.grants, self.viewers = [], [], {}
        # Two ends of a pipe: closing one ends the thread.
        self.alive, self.stop = os.pipe()
        thread = threading.Thread(target=self.play, daemon=True)
        thread.start()
        harness.cleanup.callback(thread.join, 5)
        harness.cleanup.callback(os.close, self.stop)
        return self

    def play(self):
        # The broker may end first, in the middle of anything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while self.play_one():
                pass

    def play_one(self):
        channels = [self.watcher, self.console, self.supervisor]
        ready, _, _ = select.select(
            [c.sock for c in channels] + list(self.viewers) + [self.alive],
            [], [])
        if self.alive in ready:
            return False
        for sock in [s for s in list(self.viewers) if s in ready]:
            self.viewer_said(sock)
        for channel in [c for c in channels if c.sock in ready]:
            got = channel.recv()
            if got is None:
                return False
            self.handle(got)
        return True

    def handle(self, got):
        if got.name == "SCAN":
            for name, domain in self.domains.items():
                self.tell(name, **domain)
            self.watcher.send("SCANNED", serial=got.serial, ok=1)
        elif got.name == "SPAWN":
            sock = socket.socket(fileno=got.fds[0])
            threading.Thread(target=self.work, daemon=True,
                             args=(frames.Channel(sock), got)).start()
        elif got.name == "GRANT":
            self.grants.append(got)
            self.viewer_new(got)
        elif got.name == "REVOKE":
            for sock, viewer in list(self.viewers.items()):
                if viewer == got.viewer:
                    self.viewer_end(sock)
        elif got.name == "DRAIN":
            self.console.send("DRAINED", customer=got.customer,
                              guest=got.guest)

    def tell(self, name, kind="DOMAIN_STATE", state=frames.RUNNING, boot=1,
             since_ms=0, memory_kib=0, vcpus=0, reason=0):
        self.watcher.send(kind, 0, frames.Domain(
            name.encode(), UUID, 1, state, reason, 1, boot, since_ms,
            memory_kib, 0, vcpus, 0))

    def boot(self, name):
        self.domains[name] = dict(
            state=frames.RUNNING, boot=self.last_boot(name) + 1, since_ms=0,
            memory_kib=262144, vcpus=1)
        self.tell(name, **self.domains[name])

    def last_boot(self, name):
        return self.domains.get(name, {"boot": 7})["boot"]

    def gone(self, name, reason=7):
        if self.domains.pop(name, None):
            self.tell(name, kind="DOMAIN_GONE", reason=reason)

    def work(self, worker, spawn):
        worker.recv("HELLO")
        worker.send("HELLO", 0, frames.hello(frames.WORKER, self.build))
        if spawn.worker == 2:
            worker.send("ACCOUNTS_END")
        else:
            run = worker.recv("RUN")
            self.jobs.append(run)
            self.asked.set()
            self.may_end.wait(20)
            self.act(worker, run)
            worker.send("RESULT", job=run.job)
        worker.close()
        self.supervisor.send("WORKER_GONE", job=spawn.job)

    def act(self, worker, run):
        name = "%s-%s" % (run.customer, run.guest)
        if run.op in (frames.DESTROY, frames.RESET):
            self.gone(name)
        if run.op in (frames.START, frames.RESET):
            self.show(BOOT_TEXT)
            self.boot(name)
        if run.op in (frames.SHUTDOWN, frames.REBOOT):
            worker.send("PHASE", job=run.job, phase=frames.REQUESTED, domid=1)
            if run.op == frames.SHUTDOWN:
                self.gone(name, reason=frames.POWEROFF)
            else:
                self.boot(name)

    def viewer_new(self, grant):
        sock = socket.socket(fileno=grant.fds[0])
        self.viewers[sock] = grant.viewer
        if grant.log:
            self.output(sock, b"one\r\n\x1b[31mtwo\r\nthree\r\n")
            sock.send(frames.head(VIEW_END) + bytes(frames.Outcome()))
            return
        sock.send(frames.head(WRITER) + struct.pack(
            "<II40s", 1, 0, grant.who.encode()))
        self.output(sock, b"%s login: " % grant.guest.encode())

    def output(self, sock, data):
        with contextlib.suppress(OSError):
            sock.send(frames.head(OUTPUT) + struct.pack("<Q", 0) + data)

    def show(self, data):
        for sock in list(self.viewers):
            self.output(sock, data)

    def drop_viewers(self):
        """As when the console server dies: no word, just the end."""
        for sock in list(self.viewers):
            sock.shutdown(socket.SHUT_RDWR)

    def viewer_said(self, sock):
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = sock.recv(65536)
        if not data:
            self.viewer_end(sock)
        elif data[:4] == struct.pack("<I", INPUT):
            self.output(sock, b"<%s>" % data[16:].upper())

    def viewer_end(self, sock):
        number = self.viewers.pop(sock)
        sock.close()
        self.console.send("VIEWER_GONE", viewer=number)

    def vpsh(self, *words, **kwargs):
        """One command without a terminal, to its end."""
        return harness.run([harness.program("vpsh"), "-S", self.socket,
                            *words], env=ENVIRONMENT, **kwargs)

    def person(self, *words, **kwargs):
        """vpsh on a terminal."""
        screen = harness.Pty([harness.program("vpsh"), "-S", self.socket,
                              *words], env=ENVIRONMENT, **kwargs)
        if not words:
            screen.expect("help for the commands.*vpsh> ")
        return screen

    def job(self, number=-1):
        return self.jobs[number].op, self.jobs[number].guest


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


def test_exit_codes_tell_scripts_how_it_went():
    host = Host().start()
    for words, code in ((["list"], 0), (["status", "web"], 0),
                        (["start", "web"], 0), (["shutdown", "db"], 0),
                        (["destroy", "web"], 2), (["frobnicate"], 2),
                        (["start", "--foo"], 2), (["list\n"], 2),
                        (["why", "start", "web"], 0),
                        (["start", "nobody"], 4), (["start", "shop"], 4),
                        (["reboot", "db"], 1), (["exit"], 0), (["help"], 0),
                        (["whoami"], 0), (["version"], 0)):
        done = host.vpsh(*words)
        assert done.returncode == code, done
        assert (done.stderr == "") == (code == 0), done
    assert host.jobs == []


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
    assert screen.wait() == -signal.SIGHUP
    screen = host.person()
    os.kill(screen.pid, signal.SIGTERM)
    assert screen.expect_end() == -signal.SIGTERM


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


def test_help_and_the_manual_name_the_same_commands():
    shown = re.findall(r"^([a-z]+)(?= |$)", forced("help").stdout, re.M)
    with open(os.path.join(harness.TOP, "docs/vpsh.1")) as f:
        section = f.read().split(".Sh COMMANDS")[1].split(".Sh ")[0]
    assert shown == re.findall(r"^\.It Cm (\w+)", section, re.M)
    for name in shown:
        done = forced("help " + name)
        assert done.returncode == 0 and done.stdout.startswith(name), done


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
    assert done.stdout == "one\ntwo\nthree\n", done
    assert host.vpsh("log", "web", "--lines", "2").stdout == "two\nthree\n"
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
        screen.expect(r"perhaps it is restarting; waiting up to 10\s+seconds")
        client = frames.Channel(listener.accept()[0])
        assert client.recv("HELLO").role == frames.CLIENT
        client.send("HELLO", 0, frames.hello(frames.BROKER, "new"))
        asked = client.recv("WHOAMI")
        client.send("WHO", asked.id, customer="alice", host="xen07")
        screen.expect("customer: alice.*vpsh> ")


@harness.deadline(60)
def test_a_service_that_is_away_is_said_to_be():
    path = os.path.join(harness.temp_dir(), "nobody.sock")
    done = harness.run([harness.program("vpsh"), "-S", path, "list"],
                       env=ENVIRONMENT)
    assert done.returncode == 7 and done.stdout == "", done
    assert "waiting up to 10 seconds" in done.stderr, done
    assert "Your guests are not affected" in done.stderr, done
