# SPDX-License-Identifier: ISC
"""The host itself loses power, and boots again.

Its machine ends with it, also one that was left running: see power_cut().
"""
import harness
import steps


@harness.deadline(600)
def test_after_a_power_cut_guests_are_as_they_were(lab):
    steps.fresh(lab)
    for guest in ("web", "db", "script"):
        steps.ask(lab, "alice", "start " + guest, 0, seconds=120)
    steps.ask(lab, "alice", "destroy db --yes", 0)
    steps.ask(lab, "bob", "start shop", 0)
    lab.root("vpshctl hold alice/script --reason 'its disk is examined'")
    # xendomains starts its own: shown as they are, and left alone.
    lab.root("mkdir -p /etc/xen/auto; "
             "ln -sf /etc/xen/bob-db.cfg /etc/xen/auto/")
    boot = steps.status(lab, "alice", "web")["boot"]
    try:
        lab.power_cut()
        harness.wait_until(
            lambda: steps.listed(lab, "alice")["web"] == "running"
            and steps.listed(lab, "bob")["shop"] == "running", 120,
            "what was on comes up by itself")
        states = steps.listed(lab, "alice")
        assert states["db"] == "off", states        # its customer's will
        assert states["script"] == "off", states    # held
        assert sorted(lab.domains()) == ["alice-web", "bob-db",
                                         "bob-shop"], lab.domains()
        assert steps.status(lab, "bob", "db")["managed"] == "elsewhere"
        for customer, guest in (("alice", "web"), ("bob", "shop")):
            assert "managed" not in steps.status(lab, customer, guest)
        assert steps.status(lab, "alice", "web")["boot"] != boot
        # Each once, whatever happens to vpsh afterwards.
        before = lab.domains()
        lab.root("systemctl kill -s KILL vpshd")
        harness.wait_until(
            lambda: lab.vpsh("alice", "list").returncode == 0, 60,
            "vpsh answers")
        steps.agree(lab)
        assert {n: d for n, (d, _) in lab.domains().items()} \
            == {n: d for n, (d, _) in before.items()}
        lab.root("vpshctl release alice/script")
        steps.ask(lab, "alice", "start script", 0)
    finally:
        lab.root("rm -f /etc/xen/auto/bob-db.cfg; "
                 "vpshctl release alice/script; true")
