#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs the tests of one folder, each in a child of its own.

Prints one line per test; tests/run counts them. --list says what there is
and --serve takes such lines one at a time, so that several workers can share
a folder.
"""

import argparse
import contextlib
import ctypes
import faulthandler
import functools
import importlib.util
import inspect
import os
import select
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

PR_SET_CHILD_SUBREAPER = 36
SERVED = "."                    # what a line of --serve asked for is done
SANITIZER_REPORTS = (b"ERROR: AddressSanitizer", b"ERROR: LeakSanitizer",
                     b"runtime error:")
serving = False


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


@functools.cache
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


def in_child(function, arguments, seconds, output):
    """The child's whole life; the exit status is the verdict."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
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


def wait_for_end(pid, seconds):
    """False after the time."""
    fd = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    if serving:
        poller.register(0, 0)   # the hang-up of tests/run
    ready = [fd for fd, _ in poller.poll(seconds * 1000)]
    os.close(fd)
    if 0 in ready:
        sys.exit(1)
    return bool(ready)


def run_one(name, function, arguments):
    seconds = getattr(function, "deadline", harness.DEFAULT_DEADLINE)
    before = harness.children()
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            in_child(function, arguments, seconds, output.fileno())
        # The child ends itself at the deadline and says where it was.
        if not wait_for_end(pid, seconds + 2):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        harness.end_leftovers(before)
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


def run_file(path, prefix, wanted, outer):
    stem = os.path.basename(path)[len("test_"):-3]
    begin = time.monotonic()
    try:
        module = load(path)
    except Exception:
        report(prefix + stem, time.monotonic() - begin,
               traceback.format_exc().encode())
        return
    chosen = [(n, f) for n, f in tests_of(module, prefix + stem + "/")
              if wanted(n)]
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


def test_files(folder):
    return [os.path.join(folder, n) for n in sorted(os.listdir(folder))
            if n.startswith("test_") and n.endswith(".py")]


def list_groups(folder, prefix, wanted):
    """A line for what has to stay together: seconds it may take, names."""
    for path in test_files(folder):
        stem = prefix + os.path.basename(path)[len("test_"):-3]
        try:
            module = load(path)
        except Exception:
            say("0 " + stem)        # running it will say why
            continue
        tests = [(getattr(f, "deadline", harness.DEFAULT_DEADLINE), n)
                 for n, f in tests_of(module, stem + "/") if wanted(n)]
        if tests and hasattr(module, "fixture"):
            say("%d %s" % (sum(s for s, _ in tests),
                           " ".join(n for _, n in tests)))
        else:
            for test in tests:
                say("%d %s" % test)


def serve(folder, prefix):
    """Until the end of input: names of one file in, reports out."""
    global serving
    serving = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # tests/run ends us
    while names := sys.stdin.readline().split():
        stem = names[0][len(prefix):].split("/")[0]
        run_file(os.path.join(folder, "test_%s.py" % stem), prefix,
                 names.__contains__, None)
        say(SERVED)


def run_all(folder, prefix, wanted):
    outer = None
    common = os.path.join(folder, "fixture.py")
    if os.path.exists(common):
        outer = fixture_of(load(common), prefix + "fixture", None)
    try:
        for path in test_files(folder):
            run_file(path, prefix, wanted, outer)
    finally:
        if outer is not None:
            outer.leave()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--pattern", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    if args.uid is not None:
        os.setgroups([])
        os.setresgid(args.uid, args.uid, args.uid)
        os.setresuid(args.uid, args.uid, args.uid)
    sys.dont_write_bytecode = True
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder = args.folder.rstrip("/")
    prefix = os.path.basename(folder) + "/"
    sys.path.insert(0, folder)

    def wanted(name):
        return harness.matches(args.pattern, name)

    try:
        if args.list:
            list_groups(folder, prefix, wanted)
        elif args.serve:
            serve(folder, prefix)
        else:
            run_all(folder, prefix, wanted)
    finally:
        harness.end_leftovers(set())


main()
