# SPDX-License-Identifier: ISC
"""What the simulated host is taken to do has to be shown on real Xen."""

import os
import re

import harness


def quirks(path):
    with open(os.path.join(harness.TOP, path)) as f:
        return set(re.findall(r"(?m)^def (test_quirk_\w+)", f.read()))


def test_every_quirk_of_the_simulated_host_has_a_twin_on_real_xen():
    simulated = quirks("tests/flow/test_sim.py")
    real = quirks("tests/xenfull/test_twin.py")
    findings = ["tests/xenfull/test_twin.py: has no %s" % name
                for name in sorted(simulated - real)]
    findings += ["tests/flow/test_sim.py: has no %s" % name
                 for name in sorted(real - simulated)]
    if findings or not real:
        raise harness.Findings(findings or ["there are no quirks at all"])
