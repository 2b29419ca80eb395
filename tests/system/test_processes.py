# SPDX-License-Identifier: ISC
"""The processes seen from outside: uids, capabilities, filters, deaths."""

import os
import pwd
import signal
import stat

import harness
from fixture import (CUSTOMERS, SHARED, children_of, program_of, read,
                     session_of, status_of)


def daemon(host, name):
    """The pid of a long-lived child of the supervisor."""
    def find():
        found = [p for p in children_of(host.vpshd.pid)
                 if program_of(p) == name]
        return found[0] if len(found) == 1 else None
    return harness.wait_until(find, 10, name + " runs once")


def locked_up(pid):
    status = status_of(pid)
    print(program_of(pid), {k: status[k] for k in (
        "Uid", "Gid", "Groups", "CapEff", "CapPrm", "NoNewPrivs",
        "Seccomp")})
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(status[name][0], 16) == 0, name
    assert status["NoNewPrivs"] == ["1"]
    assert status["Seccomp"] == ["2"]
    return status


def filtered(pid):
    """The filter is the last step of the start-up recipe."""
    harness.wait_until(lambda: status_of(pid)["Seccomp"] == ["2"], 10,
                       "the filter is on")
    return locked_up(pid)


def test_broker_and_console_have_own_uid_no_capability_and_a_filter(host):
    for program, user in (("vpsh-broker", "vpsh"),
                          ("vpsh-console", "vpsh-console")):
        status = filtered(daemon(host, program))
        uid = str(pwd.getpwnam(user).pw_uid)
        gid = str(pwd.getpwnam(user).pw_gid)
        assert status["Uid"] == [uid] * 4
        assert status["Gid"] == [gid] * 4
        assert set(status["Groups"]) <= {gid}


def test_supervisor_is_the_only_root_that_stays_without_xen(host):
    assert status_of(host.vpshd.pid)["Uid"] == ["0"] * 4
    daemon(host, "vpsh-broker")
    roots = {program_of(p) for p in children_of(host.vpshd.pid)
             if status_of(p)["Uid"][0] == "0"}
    assert roots <= {"vpsh-domain", "vpshd", ""}, roots


def session(host):
    terminal = host.pty(SHARED, "alice")
    terminal.expect("alice", 15)
    return terminal, session_of("alice")


def test_G08_session_is_the_customers_and_has_a_filter(host):
    terminal, pid = session(host)
    status = filtered(pid)
    assert status["Uid"] == [str(CUSTOMERS["alice"])] * 4
    limits = read("/proc/%d/limits" % pid)
    for name in ("Max core file size", "Max processes"):
        line = [l for l in limits.split("\n") if l.startswith(name)][0]
        assert line[len(name):].split()[:2] == ["0", "0"], line
    terminal.send_line("exit")
    terminal.expect_end()


def test_G06_nothing_of_a_session_is_readable_for_its_own_uid(host):
    terminal, pid = session(host)
    for name in ("environ", "mem", "maps", "fd/0", "stack"):
        path = "/proc/%d/%s" % (pid, name)
        done = harness.run(["setpriv", "--reuid", str(CUSTOMERS["alice"]),
                            "--regid", str(CUSTOMERS["alice"]),
                            "--clear-groups", "head", "-c1", path], cwd="/")
        assert done.returncode != 0, name
    done = harness.run(["setpriv", "--reuid", str(CUSTOMERS["alice"]),
                        "--regid", str(CUSTOMERS["alice"]),
                        "--clear-groups", "strace", "-p", str(pid)],
                       cwd="/", seconds=5)
    assert done.returncode != 0 and "not permitted" in done.stderr
    terminal.send_line("exit")
    terminal.expect_end()


def test_H06_a_session_holds_its_terminal_and_its_socket_only(host):
    terminal, pid = session(host)
    held = {}
    for fd in os.listdir("/proc/%d/fd" % pid):
        held[int(fd)] = os.readlink("/proc/%d/fd/%s" % (pid, fd))
    print(held)
    kinds = {fd: target for fd, target in held.items() if fd > 2}
    assert len({t for t in kinds.values() if t.startswith("socket:")}) <= 1
    assert not [t for t in kinds.values()
                if t.startswith("/") and not t.startswith("/dev/pts/")]
    terminal.send_line("exit")
    terminal.expect_end()


def test_run_time_places_belong_to_whom_they_should(host):
    def owner(path):
        info = os.stat(path)
        return (stat.S_IMODE(info.st_mode), info.st_uid,
                info.st_gid)
    broker = pwd.getpwnam("vpsh")
    assert owner("/run/vpsh") == (0o755, 0, 0)
    assert owner("/run/vpsh/ring") == (0o700, 0, 0)
    assert owner("/var/log/vpsh") == (0o750, 0, 0)
    assert owner("/etc/vpsh/customers") == (0o750, 0, broker.pw_gid)
    assert owner("/var/lib/vpsh/home") == (0o555, 0, 0)
    assert stat.S_ISSOCK(os.stat("/run/vpsh/broker.sock").st_mode)


def test_killed_broker_is_replaced_and_no_customer_is_refused(host):
    for _ in range(3):
        first = daemon(host, "vpsh-broker")
        os.kill(first, signal.SIGKILL)
        done = host.ssh(SHARED, "alice", "whoami")
        assert done.returncode == 0 and "alice" in done.stdout
        assert harness.wait_exit(first, 5)
        assert daemon(host, "vpsh-broker") != first


def test_killed_console_server_is_replaced(host):
    first = daemon(host, "vpsh-console")
    os.kill(first, signal.SIGKILL)
    assert harness.wait_exit(first, 5)
    assert daemon(host, "vpsh-console") != first


def test_killed_supervisor_takes_broker_and_console_along(host):
    children = [daemon(host, "vpsh-broker"), daemon(host, "vpsh-console")]
    os.kill(host.vpshd.pid, signal.SIGKILL)
    for pid in children:
        assert harness.wait_exit(pid, 10)
    done = host.ssh(SHARED, "alice", "whoami")
    assert done.returncode == 7, "service not available is said as such"
    assert "not answering" in done.stderr
