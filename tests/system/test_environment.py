# SPDX-License-Identifier: ISC
"""What a customer's client may set: TERM, locale, variables, signals."""

import json
import os
import re
import signal

import harness
from fixture import CUSTOMERS, SHARED, must, read, session_of

TERMINFO = ("/usr/share/terminfo", "/lib/terminfo", "/etc/terminfo",
            "/usr/lib/terminfo")


def as_alice(argv, **how):
    """A program as sshd would start it: uid, groups, no privilege."""
    uid = str(CUSTOMERS["alice"])
    return harness.run(["setpriv", "--reuid", uid, "--regid", uid,
                        "--init-groups", *argv], **how)


def whoami_works(host, door, **env):
    session = host.pty(door, "alice", env=env)
    session.expect("alice", 15)
    session.send_line("version")
    session.expect("vpsh", 15)
    session.send_line("exit")
    assert session.expect_end() == 0
    return session.output


def test_C01_any_TERM_gives_a_working_session(host):
    for door in host.doors():
        for term in ("../../../../tmp/x", "$(id)", "", "x" * 60000,
                     "() { :;}; id", "linux", "no-such-terminal", "%n%n%s"):
            output = whoami_works(host, door, TERM=term)
            assert not re.search(rb"uid=\d", output)


def traced(argv, env):
    """What vpsh opens when it is started with these variables."""
    path = harness.temp_dir()
    os.chmod(path, 0o777)
    done = as_alice(["strace", "-f", "-qq", "-s", "300", "-o", path + "/t",
                     "-e", "trace=%file", *argv],
                    env={"PATH": "/usr/bin:/bin", "TERM": "xterm", **env},
                    cwd="/")
    print(done.stdout, done.stderr)
    return done, read(path + "/t")


def test_C01_C02_terminfo_of_the_customer_is_never_opened(host):
    bad = "/run/C02"
    os.makedirs(bad + "/x", exist_ok=True)
    for name, value in (("TERM", "../../../.." + bad + "/x/xterm"),
                        ("TERM", bad + "/x/xterm"), ("TERMINFO", bad),
                        ("TERMINFO_DIRS", bad + ":" + bad),
                        ("TERMCAP", bad + "/termcap"), ("HOME", bad),
                        ("TERMPATH", bad)):
        done, trace = traced(["/usr/bin/vpsh", "-c", "whoami"], {name: value})
        assert done.returncode == 0
        opened = re.findall(r'(?:open|openat)\([^"]*"([^"]+)"', trace)
        assert not [p for p in opened if bad in p], name
        assert not [p for p in opened if "terminfo" in p
                    and not p.startswith(TERMINFO)], opened


def test_C03_loader_and_locale_variables_reach_nothing(host):
    """sshd does not take them over; vpsh uses none that it was given."""
    names = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GCONV_PATH",
             "LOCPATH", "NLSPATH", "MALLOC_TRACE", "BASH_ENV", "ENV",
             "PYTHONPATH", "TERMINFO")
    for door in host.doors():
        options = []
        for name in names:
            options += ["-o", "SendEnv=" + name]
        session = host.pty(door, "alice", options=tuple(options),
                           env={n: "/run/C03" for n in names
                                if not n.startswith("LD_")})
        session.expect("alice", 15)
        environment = read("/proc/%d/environ" % session_of("alice"))
        assert "/run/C03" not in environment
        session.send_line("exit")
        session.expect_end()
    done, trace = traced(["/usr/bin/vpsh", "-c", "whoami"],
                         {n: "/run/C03" for n in names
                          if not n.startswith(("LD_", "MALLOC"))})
    assert done.returncode == 0 and "/run/C03" not in trace


def test_C04_function_definitions_run_nothing(host):
    bomb = "() { :;}; id; touch /run/C04"
    for door in host.doors():
        done = host.ssh(door, "alice", bomb)
        assert done.returncode == 2
        whoami_works(host, door, TERM=bomb, LC_ALL=bomb, LANG=bomb)
    for name in ("BASH_ENV", "ENV", "SHELLOPTS", "BASH_FUNC_x%%", "PS4",
                 "SSH_ORIGINAL_COMMAND", "TERM", "LC_ALL"):
        done = as_alice(["/usr/bin/vpsh", "-c", "/usr/bin/vpsh"],
                        env={name: bomb}, input="")
        assert not re.search(r"uid=\d", done.stdout + done.stderr)
    assert not os.path.exists("/run/C04")


def test_C06_invalid_or_huge_locale_is_replaced(host):
    for door in host.doors():
        for value in ("xx_YY.NOPE", "../../../../run/C06", "%s%n",
                      "a" * 30000):
            done = host.ssh(door, "alice", "whoami",
                            env={"LANG": value, "LC_ALL": value},
                            options=("-o", "SendEnv=LANG LC_*"))
            assert done.returncode == 0 and "alice" in done.stdout


def test_C07_signals_and_control_keys_leave_no_shell(host):
    for door in host.doors():
        session = host.pty(door, "alice")
        session.expect("alice", 15)
        for key in "\x03", "\x1c", "\x1a", "\x13", "\x11", "\x03":
            session.send(key)
        session.send_line("version")
        session.expect("vpsh", 15)
        session.send("\x04")
        session.expect_end(10)
        assert not re.search(rb"[$#] $", session.output)


def test_H08_only_the_forced_command_makes_SSH_ORIGINAL_COMMAND_count(host):
    done = as_alice(["/usr/bin/vpsh", "-c", "/usr/bin/vpsh"],
                    env={"SSH_ORIGINAL_COMMAND": "whoami"})
    assert done.returncode == 0 and "alice" in done.stdout
    for command in ("version", "help"):
        done = as_alice(["/usr/bin/vpsh", "-c", command],
                        env={"SSH_ORIGINAL_COMMAND": "whoami"})
        assert done.returncode == 0 and "alice" not in done.stdout
    done = as_alice(["/usr/bin/vpsh", "-c", "/usr/bin/vpsh x"],
                    env={"SSH_ORIGINAL_COMMAND": "whoami"})
    assert done.returncode == 2 and "alice" not in done.stdout


def test_H08_original_command_cannot_be_smuggled_in_by_the_client(host):
    for door in host.doors():
        done = host.ssh(door, "alice", "version", options=(
            "-o", "SetEnv=SSH_ORIGINAL_COMMAND=whoami"))
        assert done.returncode == 0 and "alice" not in done.stdout


def test_lost_connection_ends_the_session(host):
    session = host.pty(SHARED, "alice")
    session.expect("alice", 15)
    pid = session_of("alice")
    session.hang_up()
    os.kill(session.pid, signal.SIGKILL)
    assert harness.wait_exit(pid, 10)


def test_A18_a_client_that_fell_silent_is_reaped_and_lets_go(host):
    """Its TCP connection stays; the shipped limit is a minute, this one 2 s.
    """
    name = "sshd with short patience"
    host.start_sshd(name, "/etc/vpsh/sshd_config", [
        "-o", "ClientAliveInterval=1", "-o", "ClientAliveCountMax=1"])
    session = host.pty(name, "alice")
    session.expect("alice", 15)
    session.send_line("console web")
    session.expect("web", 10)
    pid = session_of("alice")
    os.kill(session.pid, signal.SIGSTOP)
    try:
        assert harness.wait_exit(pid, 20), "the session outlived its client"
        harness.wait_until(lambda: sessions_of("alice") == 0, 5,
                           "the broker has let go of it")
    finally:
        os.kill(session.pid, signal.SIGCONT)
    for path in ("/etc/ssh/sshd_config", "/etc/vpsh/sshd_config"):
        text = must(["/usr/sbin/sshd", "-T", "-f", path,
                     "-C", "user=alice,host=h,addr=127.0.0.1"])
        limits = [int(re.search(r"^%s (\d+)$" % key, text, re.M).group(1))
                  for key in ("clientaliveinterval", "clientalivecountmax")]
        assert 0 < limits[0] * limits[1] <= 60


def sessions_of(name):
    said = json.loads(must(["/usr/sbin/vpshctl", "sessions", "--json"]))
    return len([s for s in said["sessions"] if s["customer"] == name])
