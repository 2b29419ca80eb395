#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs cases of the kill matrix, one host after the other.

Case names come in on standard input, a line at a time; a report goes out for
each, as of tests/lib/worker.py. A host lives for as long as nothing fails.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback

TOP = os.environ.get("VPSH_TOP") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TOP, "tests/lib"), os.path.join(TOP,
                                                             "tests/kill")]
import case
import harness
import matrix

PR_SET_CHILD_SUBREAPER = 36
CASE_S = 200
SERVED = "."


def late(*_):
    raise TimeoutError("not done after %d s" % CASE_S)


def printable(line):
    return "".join(c if c.isprintable() else "\\x%02x" % ord(c) for c in line)


class Runner:
    def __init__(self):
        self.stage = None

    def end(self):
        """Throws the host away; what that finds."""
        self.stage = None
        try:
            harness.cleanup.close()
        except harness.Findings as found:
            return str(found).splitlines()
        except Exception:
            return traceback.format_exc().splitlines()
        finally:
            harness.cleanup = contextlib.ExitStack()
            harness.end_leftovers(set())
        return []

    def run(self, name):
        begin, findings = time.monotonic(), []
        signal.setitimer(signal.ITIMER_REAL, CASE_S)
        try:
            if self.stage is None:
                self.stage = case.Stage()
            findings = self.stage.run(matrix.Case(*name.split("/")[1:]))
        except Exception as error:
            findings = traceback.format_exc().splitlines()[-12:]
            if isinstance(error, AssertionError):
                findings = str(error).splitlines()
            if self.stage is not None:
                findings = self.stage.explain(findings or [repr(error)])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if findings:
            findings += self.end()
        sys.stdout.write("%s %s %.2fs\n" % (
            "FAIL" if findings else "ok  ", name, time.monotonic() - begin))
        for line in findings:
            sys.stdout.write("     | %s\n" % printable(line))
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.uid is not None:
        os.setgroups([])
        os.setresgid(args.uid, args.uid, args.uid)
        os.setresuid(args.uid, args.uid, args.uid)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, late)
    runner = Runner()
    try:
        while names := (args.names or sys.stdin.readline().split()):
            for name in names:
                runner.run(name)
            if args.names:
                break
            sys.stdout.write(SERVED + "\n")
            sys.stdout.flush()
    finally:
        left = runner.end()
        if left:
            sys.stdout.write("FAIL kill/host 0.00s\n")
            sys.stdout.writelines("     | %s\n" % printable(l) for l in left)
            sys.stdout.flush()


main()
