#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs the tests of one folder, each in a child of its own.

Prints one line per test; tests/run counts them.
"""

import argparse
import contextlib
import ctypes
import faulthandler
import importlib.util
import inspect
import os
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

PR_SET_CHILD_SUBREAPER = 36
SANITIZER_REPORTS = (b"ERROR: AddressSanitizer", b"ERROR: LeakSanitizer",
                     b"runtime error:")


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report(name, seconds, output=None):
    """output is None for a test that passed."""
    if output is None:
        say("ok   %s %.2fs" % (name, seconds))
        return
    say("FAIL %s %.2fs" % (name, seconds))
    for line in output.decode("utf-8", "backslashreplace").splitlines():
        say("     | " + "".join(c if c.isprintable() or c == "\t" else
                                "\\x%02x" % ord(c) for c in line))


def load(path):
    name = os.path.basename(path)[:-3]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def tests_of(module, prefix):
    found = [(f.__code__.co_firstlineno, n, f)
             for n, f in vars(module).items()
             if n.startswith("test_") and inspect.isfunction(f)
             and f.__module__ == module.__name__]
    return [(prefix + n[len("test_"):], f) for _, n, f in sorted(found)]


def accepts(function):
    return len(inspect.signature(function).parameters) > 0


def children():
    with open("/proc/self/task/%d/children" % os.getpid()) as f:
        return {int(pid) for pid in f.read().split()}


def end_leftovers(before):
    """Orphans come to us, the subreaper; nothing outlives its test."""
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


def in_child(function, arguments, seconds, output):
    """The child's whole life; the exit status is the verdict."""
    status = 1
    try:
        os.setsid()
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        faulthandler.dump_traceback_later(seconds, exit=True)
        harness.cleanup = contextlib.ExitStack()
        try:
            with harness.cleanup:
                function(*arguments)
            status = 0
        except harness.Findings as found:
            print(found)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def run_one(name, function, arguments):
    seconds = getattr(function, "deadline", harness.DEFAULT_DEADLINE)
    before = children()
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            in_child(function, arguments, seconds, output.fileno())
        # The child ends itself at the deadline and says where it was.
        in_time = harness.wait_exit(pid, seconds + 2)
        if not in_time:
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        end_leftovers(before)
        spent = time.monotonic() - begin
        output.seek(0)
        text = output.read()
    if status == 0 and not any(r in text for r in SANITIZER_REPORTS):
        report(name, spent)
        return
    if spent >= seconds:
        text += b"\nnot done after %d s\n" % seconds
    report(name, spent, text or b"no output, status %d" % status)


class Fixture:
    """A context manager that is entered when the first test wants it."""

    def __init__(self, name, function, arguments):
        self.name, self.function = name, function
        self.arguments = arguments
        self.stack = contextlib.ExitStack()
        self.state, self.value = "idle", None

    def enter(self):
        if self.state == "idle":
            self.state = "broken"
            begin = time.monotonic()
            harness.cleanup = self.stack
            try:
                with alarm(getattr(self.function, "deadline", 120)):
                    self.value = self.stack.enter_context(
                        self.function(*self.arguments))
                self.state = "up"
            except Exception:
                report(self.name, time.monotonic() - begin,
                       traceback.format_exc().encode())
        return self.state == "up"

    def leave(self):
        begin = time.monotonic()
        try:
            with alarm(60):
                self.stack.close()
        except Exception:
            report(self.name + "-end", time.monotonic() - begin,
                   traceback.format_exc().encode())


@contextlib.contextmanager
def alarm(seconds):
    def late(*_):
        raise TimeoutError("not done after %g s" % seconds)
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def fixture_of(module, name, outer):
    function = getattr(module, "fixture", None)
    if function is None:
        return outer
    inner = inspect.unwrap(function)
    if outer is not None and accepts(inner):
        if not outer.enter():
            return outer
        made = Fixture(name, function, (outer.value,))
    else:
        made = Fixture(name, function, ())
    made.function.deadline = getattr(
        function, "deadline", getattr(inner, "deadline", 120))
    return made


def run_file(path, prefix, pattern, outer):
    stem = os.path.basename(path)[len("test_"):-3]
    begin = time.monotonic()
    try:
        module = load(path)
    except Exception:
        report(prefix + stem, time.monotonic() - begin,
               traceback.format_exc().encode())
        return
    chosen = [(n, f) for n, f in tests_of(module, prefix + stem + "/")
              if harness.matches(pattern, n)]
    if not chosen:
        return
    fixture = fixture_of(module, prefix + stem + "/fixture", outer)
    for name, function in chosen:
        arguments = ()
        if accepts(function):
            if fixture is None or not fixture.enter():
                report(name, 0, b"not run: its fixture is not there")
                continue
            arguments = (fixture.value,)
        run_one(name, function, arguments)
    if fixture is not None and fixture is not outer:
        fixture.leave()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--pattern", default="")
    args = parser.parse_args()
    if args.uid is not None:
        os.setgroups([])
        os.setresgid(args.uid, args.uid, args.uid)
        os.setresuid(args.uid, args.uid, args.uid)
    sys.dont_write_bytecode = True
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prefix = os.path.basename(args.folder.rstrip("/")) + "/"
    sys.path.insert(0, args.folder)
    outer = None
    common = os.path.join(args.folder, "fixture.py")
    if os.path.exists(common):
        outer = fixture_of(load(common), prefix + "fixture", None)
    try:
        for name in sorted(os.listdir(args.folder)):
            if name.startswith("test_") and name.endswith(".py"):
                run_file(os.path.join(args.folder, name), prefix,
                         args.pattern, outer)
    finally:
        if outer is not None:
            outer.leave()
        end_leftovers(set())


main()
