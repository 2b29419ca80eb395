# SPDX-License-Identifier: ISC
"""What tests are written with.

A test is a function test_NAME() in a file test_*.py. If the file, or a
fixture.py beside it, has a context manager called `fixture`, it is entered
once and a test that takes one argument gets what it yields. Every test runs
in a forked child with its own deadline; whatever it leaves running is ended.
"""

import contextlib
import errno
import fnmatch
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
import fcntl

TOP = os.environ.get("VPSH_TOP") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEFAULT_DEADLINE = 30

# Closed, last first, at the end of the test that opened them.
cleanup = contextlib.ExitStack()


class Findings(AssertionError):
    """Fails a test with these lines and no traceback."""

    def __init__(self, lines):
        super().__init__("\n".join(lines))


def deadline(seconds):
    """Decorator: this test (or fixture) may take so long, not 30 seconds."""
    def mark(function):
        function.deadline = seconds
        return function
    return mark


def matches(pattern, name):
    """T=PATTERN: a glob on the name or its last parts, or a substring."""
    if not pattern:
        return True
    if any(c in pattern for c in "*?["):
        return (fnmatch.fnmatchcase(name, pattern)
                or fnmatch.fnmatchcase(name, "*/" + pattern))
    return pattern in name


def program(name):
    """The path of a vpsh program of the build that is being tested."""
    return os.path.join(os.environ.get("VPSH_BIN_DIR")
                        or os.path.join(TOP, "build/asan"), name)


def poll_once(fds, seconds):
    """Waits until one of fds can be read, at most so long; which can."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    return [fd for fd, _ in poller.poll(max(0, seconds) * 1000)]


def wait_until(predicate, seconds=10, what="", fds=()):
    """Asks again on activity of fds, else every 20 ms; returns the answer."""
    end = time.monotonic() + seconds
    while True:
        answer = predicate()
        if answer:
            return answer
        left = end - time.monotonic()
        if left <= 0:
            raise AssertionError("after %g s still not: %s"
                                 % (seconds, what or predicate))
        poll_once(fds, min(left, 0.02))


def wait_exit(pid, seconds):
    """Waits for the end of any process, our child or not."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(poll_once([fd], seconds))
    finally:
        os.close(fd)


def children():
    with open("/proc/self/task/%d/children" % os.getpid()) as f:
        return {int(pid) for pid in f.read().split()}


def end_leftovers(before):
    """Kills what has come since; orphans come to us, the subreaper."""
    while True:
        left = children() - before
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def temp_dir():
    """A folder of its own, gone at the end of the test."""
    path = tempfile.mkdtemp(prefix="vpsh-")
    cleanup.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def run(argv, seconds=20, **kwargs):
    """One program to its end: returncode, stdout and stderr as text."""
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    if "input" in kwargs:
        kwargs.pop("stdin")
    kwargs.setdefault("capture_output", True)
    kwargs.setdefault("errors", "backslashreplace")
    return subprocess.run(argv, timeout=seconds, **kwargs)


class Process:
    """A program that runs beside the test, in a process group of its own."""

    def __init__(self, argv, session=True, **kwargs):
        self.argv = argv
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        # A group left alone in its session is hung up and woken by the
        # kernel when any of it is stopped; one in ours is not.
        kwargs.update({"start_new_session": True} if session
                      else {"process_group": 0})
        self.popen = subprocess.Popen(argv, **kwargs)
        self.pid = self.popen.pid
        cleanup.callback(self.stop)

    def alive(self):
        return self.popen.poll() is None

    def wait(self, seconds=10):
        return self.popen.wait(seconds)

    def kill(self, number):
        self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=5):
        """Asks it to end, then ends its whole group; the exit status."""
        if self.alive():
            self.popen.send_signal(number)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.popen.wait(seconds)


class Pty:
    """A program on a terminal of its own, as a person would see it."""

    def __init__(self, argv, env=None, rows=24, cols=80, cwd=None,
                 preexec=None):
        self.argv = argv
        self.output = b""       # everything that came, for messages
        self.unread = b""       # what no expect() has taken yet
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                if cwd:
                    os.chdir(cwd)
                if preexec:
                    preexec()
                os.execvpe(argv[0], argv, os.environ if env is None else env)
            finally:
                os._exit(127)
        os.set_inheritable(self.fd, False)
        self.resize(rows, cols)
        cleanup.callback(self.close)

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.fd)

    def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        while data:
            data = data[os.write(self.fd, data):]

    def send_line(self, text):
        self.send(text + "\r")

    def read_some(self, seconds):
        """True if bytes came, False after the time, None at the end."""
        if not poll_once([self.fd], seconds):
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        self.output += data
        self.unread += data
        return True if data else None

    def expect(self, pattern, seconds=10):
        """Waits for the regular expression; the match, consumed."""
        pattern = pattern.encode() if isinstance(pattern, str) else pattern
        wanted = re.compile(pattern, re.DOTALL)
        end = time.monotonic() + seconds
        while True:
            found = wanted.search(self.unread)
            if found:
                self.unread = self.unread[found.end():]
                return found
            got = self.read_some(end - time.monotonic())
            if got is True:
                continue
            why = "ended" if got is None else "said for %g s" % seconds
            raise AssertionError("%s: %s without %r; it said %r"
                                 % (self.argv[0], why, pattern, self.unread))

    def expect_end(self, seconds=10):
        """Waits for the end of output and of the program; exit status."""
        end = time.monotonic() + seconds
        while (got := self.read_some(end - time.monotonic())) is not None:
            if got is False:
                raise AssertionError("%s: still there after %g s; it said %r"
                                     % (self.argv[0], seconds, self.unread))
        return self.wait(max(1, end - time.monotonic()))

    def wait(self, seconds=10):
        """The exit status, or minus the signal that ended it."""
        if self.status is None:
            if not wait_exit(self.pid, seconds):
                raise AssertionError("%s did not end in %g s; it said %r"
                                     % (self.argv[0], seconds, self.unread))
            self.status = os.waitstatus_to_exitcode(
                os.waitpid(self.pid, 0)[1])
        return self.status

    def hang_up(self):
        """What the program sees when the connection is lost."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def close(self):
        self.hang_up()
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()


# The wire protocol as far as a client speaks it; see wire/wire.h.
MAGIC, VERSION = 0x48535056, 2
HELLO, LIST, STATUS, START, DESTROY = 1, 100, 101, 102, 106
WHY, WHOAMI, REFUSED, GUEST, END, WHO = 109, 110, 200, 201, 202, 208
DONE = 205


def frame(kind, number=0, body=b"\0\0\0\0"):
    return struct.pack("=II", kind, number) + body


def hello_frame(version=VERSION, oldest=2, role=1, magic=MAGIC, claim=b""):
    return frame(HELLO, 0, struct.pack("=IHHI48s128s", magic, version, oldest,
                                       role, b"test", claim))


def power_frame(kind, number, guest, boot=0, flags=0):
    return frame(kind, number, struct.pack("=40sQII", guest.encode(), boot,
                                           flags, 0))


class FrameClient:
    """Raw frames on a broker socket: what a hostile client could send."""

    def __init__(self, path, seconds=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(seconds)
        cleanup.callback(self.socket.close)
        self.socket.connect(path)

    def send(self, frame):
        self.socket.send(frame)

    def recv(self):
        """One frame and the descriptors with it; b"" when it was closed."""
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 65536, 8)
        except ConnectionResetError:
            return b"", []
        return data, fds

    def hello(self, **fields):
        """Greets the broker; its own greeting."""
        self.send(hello_frame(**fields))
        return self.recv()[0]

    def ask(self, request):
        """One request; the frames of its answer as (type, body)."""
        self.send(request)
        answer = []
        while True:
            data, fds = self.recv()
            for fd in fds:
                os.close(fd)
            if not data:
                return answer + [(None, b"")]
            kind = struct.unpack_from("=I", data)[0]
            answer.append((kind, data[8:]))
            if kind != GUEST:
                return answer

    def close(self):
        self.socket.close()
