# SPDX-License-Identifier: ISC
"""`systemctl reload vpshd` as root: what the supervisor executes itself as."""

import contextlib
import os
import signal

import harness
from fixture import SHARED, read, status_of
from test_processes import daemon, filtered

CHILDREN = ("vpsh-broker", "vpsh-console")


@contextlib.contextmanager
def fixture(host):
    """With a vpshd, also when an earlier test has killed it for good."""
    if not host.vpshd.alive():
        host.start_vpshd()
    yield host


def privilege(pid):
    status = status_of(pid)
    return {name: status[name] for name in (
        "Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
        "NoNewPrivs", "Seccomp")}


def test_reload_changes_nothing_of_anybodys_privilege(host):
    before = privilege(host.vpshd.pid)
    assert before["CapPrm"] != before["CapBnd"], before
    old = {name: daemon(host, name) for name in CHILDREN}
    terminal = host.pty(SHARED, "alice")
    terminal.expect("alice", 15)
    os.kill(host.vpshd.pid, signal.SIGHUP)
    for name, pid in old.items():
        assert harness.wait_exit(pid, 15), name
        filtered(daemon(host, name))
    assert privilege(host.vpshd.pid) == before
    # Who was there is there, and who comes is served.
    terminal.send_line("whoami")
    terminal.expect("customer", 20)
    terminal.send_line("exit")
    terminal.expect_end()
    done = host.ssh(SHARED, "alice", "whoami")
    assert done.returncode == 0 and "alice" in done.stdout


def test_children_hold_a_lock_that_they_cannot_write(host):
    for name in CHILDREN:
        pid = daemon(host, name)
        filtered(pid)
        assert os.readlink("/proc/%d/fd/4" % pid) == "/run/vpsh/children.lock"
        flags = read("/proc/%d/fdinfo/4" % pid).split("flags:")[1].split()[0]
        assert int(flags, 8) & os.O_ACCMODE == os.O_RDONLY
    assert os.stat("/run/vpsh/children.lock").st_mode & 0o777 == 0o600
