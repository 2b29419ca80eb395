# SPDX-License-Identifier: ISC
"""The operator's hotplug scripts do the same under vpsh as under xl."""
import re

import harness
import steps


def by_xl_and_by_vpsh(lab, guest, facts):
    """The facts after a start by xl, and after one by vpsh."""
    seen = []
    for start, stop in (
            (lambda: lab.create("alice-" + guest),
             lambda: lab.root("xl destroy alice-" + guest)),
            (lambda: steps.ask(lab, "alice", "start " + guest, 0),
             lambda: steps.ask(lab, "alice", "destroy %s --yes" % guest, 0))):
        steps.fresh(lab)
        begun = steps.Journal(lab)
        start()
        steps.agree(lab)
        up = facts(lab, steps.domid(lab, "alice-" + guest), begun)
        stop()
        harness.wait_until(lambda: not lab.domains(), 15, "it is gone")
        seen.append((up, facts(lab, None, begun)))
    return seen


def vif_facts(lab, domid, begun):
    if domid is None:
        begun.expect(r"vif\d+\.0 down")
    text = lab.root("ip -o link show master xenbr0; iptables -S FORWARD; "
                    "tc qdisc show | grep vif; true")
    lines = re.findall(r"(?m)^.*vif\d+\.0.*$", text + begun.text())
    if domid is not None:
        state = "/local/domain/0/backend/vif/%d/0/hotplug-status" % domid
        lines.append(lab.root("xenstore-read " + state))
        assert "vif%d.0" % domid in text, text
    # Numbers that are another one each time.
    return sorted(set(
        re.sub(r"vif\d+\.0", "VIF", re.sub(
            r"qdisc tbf \w+:|^\d+:|\S*(?:state|mode) \w+", "", line)).strip()
        for line in lines if "kernel" not in line))


@harness.deadline(240)
def test_vif_script_with_tc_iptables_and_logger(lab):
    by_xl, by_vpsh = by_xl_and_by_vpsh(lab, "net", vif_facts)
    text = "\n".join(by_xl[0])
    for word in ("tbf", "rate 20Mbit", "physdev-in", "up on xenbr0",
                 "connected"):
        assert word in text, "by xl: no %r in %s" % (word, text)
    assert "physdev-in" not in "\n".join(by_xl[1])
    assert by_vpsh == by_xl, "by vpsh %s\nby xl %s" % (by_vpsh, by_xl)


def disk_facts(lab, domid, begun):
    if domid is None:
        begun.expect(r"books left /dev/loop")
    lines = re.findall(r"(?m)^(books .*)$", begun.text())
    lines += lab.root("losetup -n -O BACK-FILE").splitlines()
    if domid is not None:
        lines += lab.root(
            "cd /sys/bus/xen-backend/devices/vbd-%d-51712 && cat mode; "
            "xenstore-read /local/domain/0/backend/vbd/%d/51712/script "
            "/local/domain/0/backend/vbd/%d/51712/hotplug-status"
            % (domid, domid, domid)).splitlines()
    return [re.sub(r"loop\d+", "LOOP", line) for line in lines]


@harness.deadline(240)
def test_disk_with_a_script(lab):
    by_xl, by_vpsh = by_xl_and_by_vpsh(lab, "script", disk_facts)
    text = "\n".join(by_xl[0])
    for word in ("books is /dev/LOOP", "/srv/shelf/books.img", "block-shelf",
                 "connected"):
        assert word in text, "by xl: no %r in %s" % (word, text)
    assert "books.img" not in "\n".join(by_xl[1])
    assert by_vpsh == by_xl, "by vpsh %s\nby xl %s" % (by_vpsh, by_xl)
