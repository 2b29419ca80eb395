#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""`make demo`: vpsh on a simulated host, at the prompt of a customer.

Needs no Xen and no root. Everything is below one temporary folder. An outer
process waits for the demo itself and, however that ends, ends what is left
of it and removes the folder; should the outer one be killed, the demo tidies
up on its own.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import textwrap

CLONE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(CLONE, "tests/lib"))
sys.dont_write_bytecode = True

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_BIND = 0x20000, 0x4000, 0x40000, 0x1000
# As on a real host, for nobody but the demo: it has its own /etc/passwd.
ACCOUNTS = {"vpsh": 47194, "vpsh-console": 47195, "vpsh-operator": 47196,
            "vpsh-pygrub": 47197, "vpsh-policy": 47198, "alice": 47199}

WELCOME = """
This is vpsh on a simulated Xen host. vpsh, libxl, xenstored and xl are the
real programs; the hypervisor and the guests are played. All of it is in
%s and goes when you leave.
%s

You are alice, as if you had just logged in with ssh. Her guests: web runs, db
is off, mail is paused. What you see first is her menu; LC_VPSH=line make demo
is line mode. There try
    list        console web   (login: root; Ctrl-] leaves)        start db
    status web  unpause mail  log web  why destroy web  help      exit
"""
REAL_UIDS = """
You are root, so each part has the uid that it has on a real host: vpshd and
its workers are root, the broker is vpsh, the console server is vpsh-console,
and you are now uid %d, a customer. The accounts exist for this demo only."""
HOST_UID = """
There are two uids here: the whole host is uid %d, you are now uid %d, a
customer. On a real host the broker and the console server have uids of their
own; for that the demo needs a mount namespace, which it did not get here:
%s."""
ONE_UID = """
ALL OF IT RUNS UNDER YOUR OWN UID, %d. What keeps customers, vpsh and the
host apart on a real host is not there; run make demo as root to see it."""

TOUR = """
list
whoami
status web
log web --lines 6
start db
unpause mail
list
why destroy db
status db --json
shutdown web
destroy db
destroy db --yes
start web
list
"""
REFUSED = ("destroy db",)       # a script has to say --yes


def say(text):
    """As it is written, unless the terminal is too narrow for that."""
    columns = shutil.get_terminal_size().columns
    if columns < 80:
        parts = ("\n".join(textwrap.fill(" ".join(line.split()), columns - 1,
                                         break_on_hyphens=False)
                           for line in re.split(r"\n? {2,}(?![ (])", part))
                 for part in text.strip("\n").split("\n\n"))
        text = "\n%s\n" % "\n\n".join(parts)
    print(text, flush=True)


def prctl(option, value):
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def in_foreground():
    """Is there a terminal, and is it ours to give away?"""
    return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()


# --- the outer process -------------------------------------------------------

def outer():
    import harness
    parent = os.getppid()
    folder = tempfile.mkdtemp(prefix="vpsh-demo-", dir="/tmp")
    os.chmod(folder, 0o755)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    modes = termios.tcgetattr(0) if in_foreground() else None
    pid = os.fork()
    if pid == 0:
        inner(folder)

    def stop(*_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        signal.alarm(10)

    def give_up(*_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)    # it has it as well
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, give_up)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, stop)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        stop()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    harness.end_leftovers(set())
    shutil.rmtree(folder, ignore_errors=True)
    if modes is not None:
        with contextlib.suppress(OSError, termios.error):
            os.tcsetpgrp(0, os.getpgrp())
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
    with contextlib.suppress(OSError):
        print("The demo is over; %s." % (
            "remove %s, of which something is left" % folder
            if os.path.exists(folder) else "nothing of it is left"),
            flush=True)
    sys.exit(status if status >= 0 else 128 - status)


# --- the demo itself ----------------------------------------------------------

def inner(folder):
    """Does not return."""
    status = 1
    outer_pid = os.getppid()
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        if os.getppid() == outer_pid:
            status = demo(folder)
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        status = 130
    except Exception as broken:
        print("The demo did not come up: %s" % broken, file=sys.stderr)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        if os.getppid() != outer_pid:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(status)


def copy_programs(folder):
    """To where any uid can reach them; the clone may be in root's home."""
    source = os.environ.get("VPSH_BIN_DIR") or os.path.join(
        CLONE, "build/release")
    unneeded = shutil.ignore_patterns("obj", "unit", "fuzz", "pic", "*.a")
    shutil.copytree(source, folder + "/build", ignore=unneeded)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    os.environ.update(VPSH_TOP=folder, VPSH_BIN_DIR=folder + "/build")


def private_accounts(folder):
    """vpsh's accounts in a mount namespace of our own; why not, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.makedirs(folder + "/etc")
    for name, words in (("passwd", "%s:x:%d:%d::/nonexistent:/bin/false\n"),
                        ("group", "%s:x:%d:\n")):
        with open("/etc/" + name) as f:
            lines = [line for line in f
                     if line.split(":")[0] not in ACCOUNTS]
        lines += [words % ((n, i, i)[:words.count("%")])
                  for n, i in ACCOUNTS.items()]
        with open(folder + "/etc/" + name, "w") as f:
            f.writelines(lines)
    if libc.unshare(CLONE_NEWNS) != 0:
        return os.strerror(ctypes.get_errno())
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return os.strerror(ctypes.get_errno())
    for name in ("passwd", "group"):
        path = "/etc/" + name
        if libc.mount((folder + path).encode(), path.encode(), None, MS_BIND,
                      None) != 0:
            return os.strerror(ctypes.get_errno())
    return None


def demo(folder):
    copy_programs(folder)
    why_not = private_accounts(folder) if os.geteuid() == 0 else None
    import harness
    import sim
    with harness.cleanup:
        host = sim.SimHost(folder + "/host")
        if os.geteuid() == 0:
            host.customer("alice", ACCOUNTS["alice"])
        host.start()
        for name in ("web", "db", "mail"):
            host.guest(name)
        for words in (("start", "web"), ("start", "mail"), ("pause", "mail")):
            done = host.vpsh(*words)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
        if os.geteuid() != 0:
            uids = ONE_UID % os.geteuid()
        elif host.uid == 0:
            uids = REAL_UIDS % host.uids["alice"]
        else:
            uids = HOST_UID % (host.uid, host.uids["alice"], why_not)
        say(WELCOME % (folder, uids))
        if os.isatty(0) and os.isatty(1):
            return session(host, sim)
        return tour(host)


def session(host, sim):
    """The person's own terminal, until they leave."""
    become = sim.becomes(host.uids["alice"])
    foreground = in_foreground()

    def child():
        """As under sshd: no key stops or ends what vpsh runs on."""
        if foreground:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if become:
            become()

    import harness
    env = dict(sim.ENVIRONMENT)
    del env["LC_VPSH"]
    env.update((k, v) for k, v in os.environ.items()
               if k in ("TERM", "LANG", "LC_ALL", "LC_VPSH", "NO_COLOR"))
    if env.get("LC_VPSH") != "line":
        with contextlib.suppress(EOFError):
            input("Enter: on to her menu ")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    status = subprocess.Popen(
        [harness.program("vpsh"), "-p", host.dir],
        env=env, preexec_fn=child).wait()
    if foreground:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(0, os.getpgrp())
    return status if status >= 0 else 128 - status


def tour(host):
    """What a person could type, with the real answers."""
    status = 0
    for line in TOUR.split("\n")[1:-1]:
        print("alice> " + line, flush=True)
        done = host.vpsh(*line.split(" "), capture_output=False,
                         stderr=subprocess.STDOUT)
        print(flush=True)
        if (done.returncode != 0) != (line in REFUSED):
            print("That should not have ended with %d." % done.returncode)
            status = 1
    print("That was the tour. On a terminal, make demo leaves you at this "
          "prompt.", flush=True)
    return status


if __name__ == "__main__":
    outer()
