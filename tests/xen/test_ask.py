# SPDX-License-Identifier: ISC
"""What a running guest is told on real Xen: pause, unpause, sysrq keys."""
import json
import re

import harness
import steps


@harness.deadline(180)
def test_pause_and_unpause_whoever_paused_it(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    domid = steps.domid(lab, "alice-web")
    for _ in range(2):
        steps.ask(lab, "alice", "pause web", 0)
        assert "p" in lab.domains()["alice-web"][1], lab.domains()
    # Xen counts pauses: one of ours, and now three of the operator's.
    lab.root("for i in 1 2 3; do xl pause alice-web; done")
    steps.agree(lab)
    steps.ask(lab, "alice", "unpause web", 0)
    assert "p" not in lab.domains()["alice-web"][1], lab.domains()
    steps.ask(lab, "alice", "unpause web", 0)
    assert steps.domid(lab, "alice-web") == domid
    tty = steps.connect(lab, "alice", "web")
    steps.grub_answers(tty, "awake")
    steps.leave(tty)
    steps.agree(lab)


@harness.deadline(240)
def test_sysrq_reaches_linux_and_is_refused_by_grub(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    tty = steps.connect(lab, "alice", "linux")
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    steps.ask(lab, "alice", "sysrq linux h", 0)
    tty.expect(rb"sysrq: HELP", 30)
    steps.leave(tty)
    steps.ask(lab, "alice", "start web", 0)
    done = steps.ask(lab, "alice", "sysrq web h", 1)
    assert "does not take sysrq" in done.stderr, steps.show(done)
    # And the key does not wait for whatever boots there next.
    node = "/local/domain/%d/control/sysrq" % steps.domid(lab, "alice-web")
    assert lab.root("xenstore-read " + node).strip() == ""


@harness.deadline(240)
def test_counters_are_those_of_the_kernel(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    tty = steps.connect(lab, "alice", "linux")
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    tty.send("cat /dev/xvda > /dev/null; echo read=$?\r")
    tty.expect(rb"\nread=0", 30)
    steps.leave(tty)
    domid = steps.domid(lab, "alice-linux")
    sectors = int(lab.root("cat /sys/bus/xen-backend/devices/vbd-%d-51712/"
                           "statistics/rd_sect" % domid))
    assert sectors > 0
    done = steps.ask(lab, "alice", "status linux --json", 0)
    (guest,) = json.loads(done.stdout)["guests"]
    assert guest["disk"]["read"] == sectors * 512, (sectors, guest)


@harness.deadline(180)
def test_traffic_of_a_card_is_that_of_the_kernel(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start net", 0)
    vif = "/sys/class/net/vif%d.0/statistics/" % steps.domid(lab, "alice-net")
    # GRUB sends nothing, and takes what the bridge sends to everybody.
    lab.root("ping -c 3 -b -I xenbr0 255.255.255.255 >/dev/null 2>&1; true")
    before = [int(lab.root("cat %s%s_bytes" % (vif, way)))
              for way in ("tx", "rx")]
    done = steps.ask(lab, "alice", "status net --json", 0)
    (guest,) = json.loads(done.stdout)["guests"]
    net = guest["net"]
    after = [int(lab.root("cat %s%s_bytes" % (vif, way)))
             for way in ("tx", "rx")]
    assert before[0] <= net["in"] <= after[0], (before, net, after)
    assert before[1] <= net["out"] <= after[1], (before, net, after)
    assert net["month_in"] >= net["in"], net
    # An operator can look it up.
    steps.ask(lab, "alice", "destroy net --yes", 0)
    text = lab.root("cat /var/lib/vpsh/traffic/alice-net")
    assert re.search(r"(?m)^month \d{4}-\d\d$", text), text
    assert re.search(r"(?m)^in \d+$", text), text
