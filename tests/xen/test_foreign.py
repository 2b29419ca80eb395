# SPDX-License-Identifier: ISC
"""Guests that the operator started with xl: shown, and can be used."""
import harness
import steps


def create(lab, guest, *options):
    steps.fresh(lab)
    lab.create("alice-" + guest, *options)
    harness.wait_until(
        lambda: steps.listed(lab, "alice")[guest] == "running", 15,
        guest + " is shown as running")


@harness.deadline(180)
def test_shown_console_and_destroy(lab):
    create(lab, "foreign")
    assert steps.status(lab, "alice", "foreign")["managed"] == "elsewhere"
    steps.agree(lab)
    tty = steps.connect(lab, "alice", "foreign")
    steps.grub_answers(tty, "hello")
    steps.leave(tty)
    steps.ask(lab, "alice", "destroy foreign --yes", 0)
    assert lab.domains() == {}
    steps.agree(lab)


@harness.deadline(180)
def test_started_by_vpsh_it_is_ours(lab):
    create(lab, "foreign")
    steps.ask(lab, "alice", "destroy foreign --yes", 0)
    steps.ask(lab, "alice", "start foreign", 0)
    assert "managed" not in steps.status(lab, "alice", "foreign")
    steps.agree(lab)


@harness.deadline(180)
def test_shutdown_of_a_linux_guest_of_xl(lab):
    create(lab, "linux")
    harness.wait_until(
        lambda: "linux guest up" in lab.vpsh("alice", "log linux").stdout, 60,
        "the guest has booted")
    steps.ask(lab, "alice", "shutdown linux", 0, seconds=120)
    harness.wait_until(lambda: not lab.domains(), 30, "xl took it away")
    steps.agree(lab)


@harness.deadline(180)
def test_a_guest_that_xl_does_not_wait_for_is_off_and_can_be_cleared(lab):
    create(lab, "linux", "-e")
    tty = steps.connect(lab, "alice", "linux")
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    steps.leave(tty)
    done = steps.ask(lab, "alice", "shutdown linux", 0, seconds=120)
    assert "linux is off" in done.stdout, steps.show(done)
    assert "s" in lab.domains()["alice-linux"][1], "xl took it away"
    steps.ask(lab, "alice", "destroy linux --yes", 0)
    assert lab.domains() == {}
    steps.agree(lab)


@harness.deadline(180)
def test_what_xl_does_is_seen(lab):
    create(lab, "web")
    for line, state in (("xl pause alice-web", "paused"),
                        ("xl unpause alice-web", "running"),
                        ("xl destroy alice-web", "off")):
        lab.root(line)
        harness.wait_until(
            lambda: steps.listed(lab, "alice")["web"] == state, 15,
            "after %s it is %s" % (line, state))
    steps.agree(lab)


@harness.deadline(180)
def test_D07_xl_console_and_ours_do_not_share_bytes(lab):
    create(lab, "web")
    tty = steps.connect(lab, "alice", "web")
    steps.grub_answers(tty, "before")
    done = lab.run("root", ["xl console alice-web"], 30)
    assert done.returncode != 0 and "lock" in done.stderr, steps.show(done)
    steps.grub_answers(tty, "after")
    steps.leave(tty)
