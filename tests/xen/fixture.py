# SPDX-License-Identifier: ISC
"""One dom0 for all tests of a run."""
import contextlib

import harness
import lab


@harness.deadline(540)
@contextlib.contextmanager
def fixture():
    with lab.running(("root", "alice", "bob")) as host:
        yield host
