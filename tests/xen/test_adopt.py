# SPDX-License-Identifier: ISC
"""Guests that xl started become vpsh's while they run."""
import harness
import steps


def xl_monitors(lab, domain):
    """Processes of xl's that wait for that domain's end."""
    found = lab.root(
        "for p in /proc/[0-9]*; do "
        "[ \"$(readlink $p/fd/1)\" = /var/log/xen/xl-%s.log ] && "
        "basename $p; done; true" % domain)
    return found.split()


def start_time(lab, domain):
    return lab.root(
        "xenstore-read $(xenstore-read /local/domain/%d/vm)/start_time"
        % steps.domid(lab, domain)).strip()


@harness.deadline(240)
def test_an_adopted_guest_keeps_running_and_is_restarted_once_by_us(lab):
    steps.fresh(lab)
    lab.create("alice-foreign")
    lab.create("alice-db")
    before = lab.domains()
    since = start_time(lab, "alice-foreign")
    assert len(xl_monitors(lab, "alice-foreign")) == 1
    harness.wait_until(
        lambda: steps.status(lab, "alice", "foreign").get("managed")
        == "elsewhere", 15, "it is shown as managed elsewhere")
    tty = steps.connect(lab, "alice", "foreign")
    steps.grub_answers(tty, "before")

    text = lab.root("vpshctl adopt alice/foreign --dry-run")
    assert "alice/foreign" in text or "alice-foreign" in text, text
    assert steps.status(lab, "alice", "foreign")["managed"] == "elsewhere"
    assert len(xl_monitors(lab, "alice-foreign")) == 1

    lab.root("vpshctl adopt alice/foreign")
    after = lab.domains()
    assert {n: d for n, (d, _) in after.items()} \
        == {n: d for n, (d, _) in before.items()}, (before, after)
    assert start_time(lab, "alice-foreign") == since
    assert "managed" not in steps.status(lab, "alice", "foreign")
    assert xl_monitors(lab, "alice-foreign") == []
    # The neighbour is still xl's.
    assert steps.status(lab, "alice", "db")["managed"] == "elsewhere"
    assert len(xl_monitors(lab, "alice-db")) == 1

    steps.grub_answers(tty, "after")
    tty.send("reboot\r")
    harness.wait_until(
        lambda: lab.domains().get("alice-foreign", (0,))[0]
        not in (0, before["alice-foreign"][0]), 60, "it boots again")
    steps.grub_answers_again(tty, "again")
    steps.leave(tty)
    assert sorted(lab.domains()) == ["alice-db", "alice-foreign"]
    steps.agree(lab)


@harness.deadline(240)
def test_all_at_once(lab):
    steps.fresh(lab)
    lab.create("alice-foreign", "-e")
    lab.create("bob-shop")
    lab.create("house")         # no customer's
    steps.ask(lab, "alice", "start web", 0)
    before = {n: d for n, (d, _) in lab.domains().items()}
    lab.root("vpshctl adopt --all")
    assert {n: d for n, (d, _) in lab.domains().items()} == before
    for customer, guest in (("alice", "foreign"), ("alice", "web"),
                            ("bob", "shop")):
        assert "managed" not in steps.status(lab, customer, guest)
    assert len(xl_monitors(lab, "house")) == 1
    lab.root("vpshctl adopt --all")     # nothing to do is no failure
    steps.agree(lab)
    steps.agree(lab, "bob")
