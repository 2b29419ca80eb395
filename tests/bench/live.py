# SPDX-License-Identifier: ISC
"""How soon a customer sees what happens: the figures of docs/BENCHMARK.md.

The real watcher, broker and workers on a simulated host; see
tests/flow/test_live.py.
"""

import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("lib", "flow"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))
sys.dont_write_bytecode = True
ROUNDS, PLAIN_UID = 30, 47199


def main():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(PLAIN_UID, PLAIN_UID, PLAIN_UID)
        os.setresuid(PLAIN_UID, PLAIN_UID, PLAIN_UID)
    import harness
    import test_live
    with harness.cleanup:
        seconds = test_live.measure(test_live.new_host(), ROUNDS)
    for name, each in seconds.items():
        each = sorted(s * 1000 for s in each)
        print("%-14s  median %5.1f ms  95%% %5.1f ms  worst %5.1f ms" % (
            name, statistics.median(each), each[int(len(each) * .95)],
            each[-1]))


main()
