# SPDX-License-Identifier: ISC
"""What comes through sshd, by both ways of setting it up."""

import glob
import os
import re
import signal
import socket

import harness
from fixture import (OWN, SHARED, children_of, free_port, must, program_of,
                     read, write)

FOREIGN = "This account controls guests only"
NOT_RUN = re.compile(r"uid=\d")
USAGE, DENIED, NO_GUEST, SERVICE = 2, 3, 4, 7


def refused(done, code=USAGE):
    assert done.returncode == code, done.returncode
    assert not NOT_RUN.search(done.stdout + done.stderr)
    assert done.stdout == "", "refusals go to standard error"
    assert re.search(r"^\S.+\. \S", done.stderr), "a whole sentence"


def test_customer_logs_in_with_own_key_and_is_who_the_account_says(host):
    for door in host.doors():
        for user in ("alice", "bob"):
            done = host.ssh(door, user, "whoami")
            assert done.returncode == 0
            assert user in done.stdout
            assert "help@example.net" in done.stdout


def test_somebody_elses_key_opens_no_account(host):
    for door in host.doors():
        done = host.ssh(door, "alice", "whoami", key="bob")
        assert done.returncode == 255 and "Permission denied" in done.stderr


def test_account_without_policy_may_do_nothing_and_is_told_so(host):
    for door in host.doors():
        for command in ("whoami", "list", "start web"):
            done = host.ssh(door, "nobodys", command)
            refused(done, DENIED)
            assert "cannot be used now" in done.stderr


def test_without_xen_one_sentence_says_so(host):
    for door in host.doors():
        for command in ("start web", "shutdown web", "reboot web",
                        "destroy web --yes"):
            done = host.ssh(door, "alice", command)
            refused(done, SERVICE)
            assert "cannot reach Xen" in done.stderr
        for command in ("list", "status", "status web"):
            done = host.ssh(door, "alice", command)
            assert done.returncode == SERVICE
            assert "web" in done.stdout and "unknown" in done.stdout
            assert "mail" not in done.stdout, "bob's"
            assert "cannot reach Xen" in done.stderr


def test_why_names_file_and_line_of_the_rule(host):
    for door in host.doors():
        yes = host.ssh(door, "alice", "why", "start", "web")
        assert yes.returncode == 0
        assert "alice/policy.conf:3" in yes.stdout
        no = host.ssh(door, "alice", "why", "start", "db")
        assert "alice/policy.conf:5" in no.stdout


def test_right_that_is_not_listed_is_denied_with_the_way_to_the_rule(host):
    for door in host.doors():
        done = host.ssh(door, "alice", "start db")
        refused(done, DENIED)
        assert "why start db" in done.stderr


def test_admin_root_login_still_works(host):
    done = host.ssh(SHARED, "root", "id -u; echo $0")
    assert done.returncode == 0 and done.stdout.startswith("0\n")
    refused_there = host.ssh(OWN, "root", "id -u")
    assert refused_there.returncode == 255
    assert "Permission denied" in refused_there.stderr


def test_A01_shell_command_is_refused_as_usage(host):
    for door in host.doors():
        for command in ("sh -c id", "/bin/sh", "bash -i", "id", "exec id"):
            refused(host.ssh(door, "alice", command))


def test_A02_shell_metacharacters_are_taken_literally(host):
    trap = "/run/A02"
    for door in host.doors():
        for tail in ("; id", "| id", "&& id", "$(id)", "`id`", "> " + trap,
                     "& id", "\\; id", "${IFS}id", "|| id", "< /etc/passwd"):
            refused(host.ssh(door, "alice", "whoami " + tail))
        assert not os.path.exists(trap)


def test_A03_control_bytes_in_exec_string_are_refused_before_parsing(host):
    for door in host.doors():
        for byte in ("\n", "\r", "\x1b[2J", "\x01", "\x7f", "\u00e9",
                     "\x9b31m", "\u202e", "\t\x08"):
            done = host.ssh(door, "alice", "whoami" + byte + "list")
            refused(done)
            assert "\x1b" not in done.stderr and "\u202e" not in done.stderr
        done = host.ssh(door, "alice", b"whoami \xff\xfe")
        refused(done)


def test_A04_arguments_that_start_with_a_dash_reach_no_other_program(host):
    for door in host.doors():
        for command in ("-c id", "--help", "-i", "-S /run/x.sock whoami",
                        "start --xyz web", "start -web", "--version",
                        "whoami --exec=id"):
            refused(host.ssh(door, "alice", command))


def test_A06_file_transfer_and_subsystems_are_refused(host):
    source = host.keys + "/payload"
    write(source, "payload\n", 0o644)
    target = "/run/A06"
    for door in host.doors():
        copies = (["scp"], ["scp", "-O"])
        for copy in copies:
            ssh = host.argv(door, "alice")
            options = ["-P" if w == "-p" else w for w in ssh[1:-1]]
            done = harness.run(copy + options + [source,
                                                 ssh[-1] + ":" + target])
            print(done.stdout + done.stderr)
            assert done.returncode != 0
            # What a subsystem says on standard error, sshd keeps to itself.
            assert FOREIGN in done.stderr or copy == ["scp"]
        for name in ("sftp", "netconf"):
            done = host.ssh(door, "alice", name, options=("-s",))
            assert done.returncode != 0 and done.stdout == ""
        for command in ("scp -t /run/A06", "rsync --server -e.LsfxCIvu . /run",
                        "sftp-server", "internal-sftp",
                        "/usr/lib/openssh/sftp-server",
                        "git-upload-pack 'x.git'"):
            done = host.ssh(door, "alice", command)
            refused(done)
            assert FOREIGN in done.stderr
        assert not os.path.exists(target)


def listener():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(4)
    s.setblocking(False)
    harness.cleanup.callback(s.close)
    return s, s.getsockname()[1]


def nobody_came(s):
    try:
        s.accept()
    except BlockingIOError:
        return True
    return False


def test_A07_nothing_is_forwarded(host):
    target, port = listener()
    for door in host.doors():
        direct = host.ssh(door, "alice", options=("-W",
                                                  "127.0.0.1:%d" % port))
        assert direct.returncode != 0
        remote = host.ssh(door, "alice", "whoami", options=(
            "-o", "ExitOnForwardFailure=yes",
            "-R", "%d:127.0.0.1:%d" % (free_port(), port)))
        assert remote.returncode == 255, "remote forwarding was granted"
        unix = host.ssh(door, "alice", "whoami", options=(
            "-o", "ExitOnForwardFailure=yes",
            "-R", "/run/A07.sock:127.0.0.1:%d" % port))
        assert unix.returncode == 255
        forward_to_broker_leads_nowhere(host, door)
        socks_leads_nowhere(host, door, port)
    assert nobody_came(target)
    # An admin's forwarding gets there: this way of looking can see it.
    harness.Process(host.argv(SHARED, "root", options=(
        "-W", "127.0.0.1:%d" % port)))
    assert harness.poll_once([target.fileno()], 10)


def forward_to_broker_leads_nowhere(host, door):
    local = harness.temp_dir() + "/broker.sock"
    through_client(host, door, ["-L", local + ":/run/vpsh/broker.sock"],
                   lambda: os.path.exists(local),
                   lambda: connect_unix(local), b"hello")


def socks_leads_nowhere(host, door, port):
    socks = free_port()
    through_client(
        host, door, ["-D", "127.0.0.1:%d" % socks],
        lambda: connect_tcp(socks), lambda: connect_tcp(socks),
        b"\x04\x01" + port.to_bytes(2, "big") + b"\x7f\0\0\1\0")


def connect_unix(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def connect_tcp(port):
    s = socket.socket()
    if s.connect_ex(("127.0.0.1", port)) == 0:
        return s
    s.close()
    return None


def through_client(host, door, options, ready, connect, data):
    """A client that forwards: what is sent in gets no answer, only an end."""
    argv = host.argv(door, "alice")
    client = harness.Process(argv[:1] + ["-N", *options] + argv[1:])
    harness.wait_until(ready, 10, "client listens on %r" % options)
    with connect() as s:
        s.settimeout(10)
        try:
            s.sendall(data)
            got = s.recv(100)
        except (ConnectionResetError, BrokenPipeError):
            got = b""
        # SOCKS4 says "rejected" with 0x5b; 0x5a would be "granted".
        assert got == b"" or got[:2] == b"\0\x5b", got
    client.stop()


def test_A07_both_sshds_say_so_in_their_effective_configuration(host):
    for door, path in ((SHARED, "/etc/ssh/sshd_config"),
                       (OWN, "/etc/vpsh/sshd_config")):
        text = must(["/usr/sbin/sshd", "-T", "-f", path,
                     "-C", "user=alice,host=h,addr=127.0.0.1"])
        for line in ("disableforwarding yes", "permittunnel no",
                     "permituserrc no", "exposeauthinfo yes",
                     "forcecommand /usr/bin/vpsh", "clientaliveinterval 15",
                     "authorizedkeysfile none",
                     "authorizedkeyscommanduser vpsh",
                     "authenticationmethods publickey"):
            assert "\n" + line + "\n" in text, (door, line)
    text = must(["/usr/sbin/sshd", "-T", "-f", "/etc/ssh/sshd_config",
                 "-C", "user=root,host=h,addr=127.0.0.1"])
    assert "forcecommand none" in text, "admins are not touched"
    assert "disableforwarding no" in text


def sockets_in_tmp():
    return set(glob.glob("/tmp/ssh-*")) | set(glob.glob("/tmp/.X11-unix/*"))


def test_A08_agent_and_x11_leave_no_socket(host):
    agent = harness.temp_dir() + "/agent"
    harness.Process(["ssh-agent", "-D", "-a", agent])
    harness.wait_until(lambda: os.path.exists(agent), 10, "agent")
    before = sockets_in_tmp()
    for door in host.doors():
        session = host.pty(door, "alice", env={"SSH_AUTH_SOCK": agent,
                                               "DISPLAY": ":9"},
                           options=("-A", "-X", "-o", "IdentityAgent=none",
                                    "-o", "ForwardAgent=" + agent))
        session.expect("alice", 10)
        assert sockets_in_tmp() == before
        session.send_line("exit")
        session.expect_end()


PLANTED = (".ssh/rc", ".ssh/environment", ".bashrc", ".profile", ".inputrc",
           ".screenrc", ".terminfo/x/xterm", ".pam_environment",
           ".config/systemd/user/evil.service", ".bash_profile")


@harness.deadline(60)
def test_A09_H09_files_of_the_customers_home_are_never_opened(host):
    home = "/var/lib/vpsh/home"
    for name in PLANTED:
        write(home + "/" + name, "touch /run/A09\n")
    for door in host.doors():
        trace = traced_login(host, door)
        assert "/usr/bin/vpsh" in trace, "the trace saw the login"
        for name in PLANTED:
            assert "/" + name.split("/")[0] not in trace, name
        ran = set(re.findall(r'execve\("([^"]+)"', trace))
        print(ran)
        assert not {p for p in ran if p.rsplit("/", 1)[-1] in
                    ("sh", "bash", "dash", "systemd", "env")}
    assert not os.path.exists("/run/A09")


def traced_login(host, door):
    """Opens and execs of sshd and all it starts during one session."""
    path = harness.temp_dir() + "/trace"
    sshd = host.sshd[door].pid
    tracer = harness.Process(
        ["strace", "-f", "-qq", "-s", "200", "-o", path, "-p", str(sshd),
         "-e", "trace=open,openat,execve"], stderr=open(path + ".err", "wb"))
    harness.wait_until(
        lambda: "TracerPid:\t%d\n" % tracer.pid in
        read("/proc/%d/status" % sshd), 10, "strace attached")
    assert host.ssh(door, "alice", "whoami").returncode == 0
    session = host.pty(door, "alice")
    session.expect("alice", 20)
    session.send_line("exit")
    session.expect_end(20)
    tracer.stop(signal.SIGINT)
    return read(path)


def test_A13_no_pty_and_no_command_reads_lines_and_ends(host):
    for door in host.doors():
        done = host.ssh(door, "alice", input="whoami\n", options=("-T",))
        assert "alice" in done.stdout and done.returncode == 0
        done = host.ssh(door, "alice", input="", options=("-T",))
        assert done.returncode in (0, USAGE)
        assert len(done.stdout + done.stderr) < 2000, "no loop"


def test_A15_window_of_any_size_works(host):
    for door in host.doors():
        for rows, cols in ((0, 0), (1, 1), (10000, 10000), (65535, 65535)):
            session = host.pty(door, "alice", rows=rows, cols=cols)
            session.send_line("whoami")
            session.expect("a\\s*l\\s*i\\s*c\\s*e", 15)
            session.send_line("exit")
            assert session.expect_end() == 0


def test_A16_ten_thousand_window_changes_do_no_harm(host):
    for door in host.doors():
        session = host.pty(door, "alice")
        session.expect("alice", 15)
        for i in range(10000):
            session.resize(20 + i % 40, 60 + i % 100)
            if i % 500 == 0:
                session.read_some(0)
        session.send_line("version")
        session.expect("vpsh", 15)
        session.send_line("exit")
        assert session.expect_end() == 0


def test_session_has_no_child_and_no_shell_anywhere(host):
    for door in host.doors():
        session = host.pty(door, "alice")
        session.expect("alice", 15)
        names = [program_of(p) for p in children_of(host.sshd[door].pid)]
        print(names)
        assert set(names) == {"sshd", "vpsh"} and names.count("vpsh") == 1
        session.send_line("exit")
        session.expect_end()
