# SPDX-License-Identifier: ISC
"""A guest that xl saved or that is held cannot be booted a second time."""
import os
import re
import subprocess
import threading

import harness
import steps

IMAGE = "/srv/lab/saved-linux"


class Hammer:
    """A customer who asks for it again and again, until told to stop."""

    def __init__(self, lab, line):
        self.line, self.said, self.enough = line, b"", threading.Event()
        self.process = harness.Process(
            lab.argv("alice"), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.thread = threading.Thread(target=self.ask, daemon=True)
        self.thread.start()

    def ask(self):
        """The next time when the last one was answered."""
        pipes = self.process.popen
        while not self.enough.is_set():
            pipes.stdin.write(self.line.encode() + b"\n")
            pipes.stdin.flush()
            said = os.read(pipes.stdout.fileno(), 65536)
            if not said:
                return
            self.said += said
        pipes.stdin.close()
        self.said += pipes.stdout.read()

    def stop(self):
        """What came of it."""
        self.enough.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), self.said[-500:]
        self.process.wait(30)
        return self.said.decode(errors="replace")


def instances(lab):
    """How many domains have the guest's disk; never more than one."""
    vbds = lab.root(
        "for d in $(xenstore-list /local/domain/0/backend/vbd 2>/dev/null); "
        "do xenstore-ls -f /local/domain/0/backend/vbd/$d; done; true")
    return vbds.count("/params = \"/srv/lab/alice-linux.img\"")


@harness.deadline(420)
def test_H03_the_backup_script_is_safe_while_its_customer_says_start(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    tty = steps.linux_answers(lab)
    tty.send("kept=$((40 + 2))\r")
    tty.expect(steps.GUEST_PROMPT, 30)

    lab.root("rm -f %s; xl save alice-linux %s" % (IMAGE, IMAGE), 240)
    hammer = Hammer(lab, "start linux")
    harness.wait_until(lambda: hammer.said.count(b"saved or moved") > 3, 30,
                       "it is refused")
    assert steps.listed(lab, "alice")["linux"] == "saved"
    lab.root("cp --sparse=always /srv/lab/alice-linux.img "
             "/srv/lab/backup.img", 120)
    assert "alice-linux" not in lab.domains(), lab.domains()
    lab.root("xl restore %s" % IMAGE, 240)
    assert list(lab.domains()) == ["alice-linux"], lab.domains()
    assert instances(lab) == 1
    said = hammer.stop()
    assert set(re.findall(r"linux (is running|runs|was saved|is paused)",
                          said)) >= {"was saved"}, said

    # The same system goes on, on the same console.
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    tty.send("echo kept=$kept\r")
    tty.expect(rb"kept=42", 30)
    steps.leave(tty)
    harness.wait_until(
        lambda: steps.listed(lab, "alice")["linux"] == "running", 30,
        "it is shown as running")
    assert steps.status(lab, "alice", "linux")["managed"] == "elsewhere"
    lab.root("rm -f %s /srv/lab/backup.img" % IMAGE)
    steps.agree(lab)


@harness.deadline(240)
def test_forget_saved_gives_a_lost_image_up(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    steps.leave(steps.linux_answers(lab))
    lab.root("rm -f %s; xl save alice-linux %s" % (IMAGE, IMAGE), 240)
    steps.ask(lab, "alice", "start linux", 1)
    lab.root("vpshctl forget-saved alice/linux; rm -f %s" % IMAGE)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    steps.agree(lab)


@harness.deadline(240)
def test_a_held_guest_stays_off_until_it_is_released(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start db", 0)
    tty = steps.connect(lab, "alice", "db")
    steps.grub_answers(tty, "here")
    first = steps.domid(lab, "alice-db")
    lab.root("vpshctl hold alice/db --reason 'backup until noon'")
    for line in ("reboot db", "reset db --yes"):
        done = steps.ask(lab, "alice", line, 5)
        assert "backup until noon" in done.stderr, steps.show(done)
    # What the guest does itself waits as well.
    tty.send("reboot\r")
    harness.wait_until(
        lambda: "s" in lab.domains().get("alice-db", (0, "s"))[1], 60,
        "the guest has shut down")
    done = steps.ask(lab, "alice", "start db", 5)
    assert "backup until noon" in done.stderr, steps.show(done)
    assert lab.domains().get("alice-db", (first,))[0] == first
    lab.root("vpshctl release alice/db")
    harness.wait_until(
        lambda: lab.domains().get("alice-db", (first,))[0] != first, 60,
        "the reboot is carried out")
    steps.grub_answers_again(tty, "again")
    steps.leave(tty)
    steps.agree(lab)
