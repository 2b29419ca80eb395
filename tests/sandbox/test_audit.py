# SPDX-License-Identifier: ISC
"""The broker's thread that writes the audit log is locked up as it is."""

import os

import sim


def test_both_threads_of_the_broker_are_under_its_filter():
    host = sim.SimHost()
    host.guest("web")
    host.start()
    assert host.vpsh("start", "web").returncode == 0
    broker = host.children()["vpsh-broker"]
    tasks = os.listdir("/proc/%d/task" % broker)
    assert len(tasks) == 2, tasks
    for task in tasks:
        with open("/proc/%d/task/%s/status" % (broker, task)) as f:
            status = dict(line.split(":", 1) for line in f)
        found = {k: status[k].strip() for k in
                 ("Seccomp", "NoNewPrivs", "CapEff", "CapPrm", "CapInh")}
        assert found == {"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0" * 16,
                         "CapPrm": "0" * 16, "CapInh": "0" * 16}, found
    with open(host.audit) as f:
        assert '"verb":"start"' in f.read()
