# SPDX-License-Identifier: ISC
"""The lab of tests/xen, for tests that take minutes each."""
import contextlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "xen"))
import harness
import lab


@harness.deadline(540)
@contextlib.contextmanager
def fixture():
    with lab.running(("root", "alice", "bob")) as host:
        yield host
