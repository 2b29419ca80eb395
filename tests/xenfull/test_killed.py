# SPDX-License-Identifier: ISC
"""Workers killed in the middle of what libxl does, on real Xen.

The programs of these tests are built with the points of base/point.h.
"""
import os
import re
import subprocess

import harness
import steps

POINTS = "/run/vpsh/points"
BUILD = os.path.join(harness.TOP, "build/hijack")
PROGRAMS = ["vpshd", "vpsh-broker", "vpsh-console", "vpsh-domain"]
ALL = r"pkill -9 -x 'vpshd|vpsh-broker|vpsh-console|vpsh-domain'"

# point, command, guest, exit code of its client, is the guest up at the end?
WHERE = (
    ("start-intent", "start script", "script", 1, False),
    ("start-created", "start script", "script", 1, False),
    ("start-console", "start web", "web", 1, False),
    ("start-unpaused", "start script", "script", 0, True),
    ("stop-silent", "destroy script --yes", "script", 1, True),
    ("stop-destroyed", "destroy script --yes", "script", 0, False),
    ("stop-gone", "reset web --yes", "web", 1, False),
    ("worker-result", "start web", "web", 0, True),
)


def install_points(lab):
    """All of vpsh from that build; tests/run has made both from one tree."""
    pack = subprocess.run(
        ["tar", "-C", BUILD, "-czf", "-"] + PROGRAMS, check=True,
        stdout=subprocess.PIPE).stdout
    lab.root("tar -C /usr/libexec/vpsh --owner=0 --group=0 --unlink-first "
             "-xzf - && mv /usr/libexec/vpsh/vpshd /usr/sbin/vpshd && "
             "systemctl restart vpshd && mkdir -p " + POINTS, 120,
             input=pack, errors=None)
    harness.wait_until(
        lambda: lab.vpsh("alice", "list").returncode == 0, 60,
        "vpsh answers")


def stopped_at(lab, point):
    """The process that has come to that point."""
    names = lab.root("ls " + POINTS).split()
    pids = [n.rpartition(".")[2] for n in names
            if n.rpartition(".")[0] == point]
    return int(pids[0]) if pids else None


def leftovers(lab):
    """Of domains that are gone, in xenstore and in the kernel."""
    domains = lab.domains()
    domids = {str(d) for d, _ in domains.values()}
    found = []
    for kind in ("vbd", "vif", "console"):
        there = lab.root("xenstore-list /local/domain/0/backend/%s "
                         "2>/dev/null; true" % kind).split()
        found += ["%s of %s" % (kind, d) for d in there if d not in domids]
    found += ["node of %s" % d
              for d in lab.root("xenstore-list /local/domain").split()
              if d != "0" and d not in domids]
    if "alice-script" not in domains:
        found += lab.root("losetup -ln -O BACK-FILE").split()
    found += re.findall(r"mode (?:creating|restarting)", lab.root(
        "cat /var/lib/vpsh/intent/* 2>/dev/null; true"))
    found += lab.root("pgrep -a -x vpsh-domain | grep ' run$'; true"
                      ).splitlines()
    return found


def nothing_is_left(lab):
    found = []

    def tidy():
        found[:] = leftovers(lab)
        return not found
    try:
        harness.wait_until(tidy, 30)
    except AssertionError:
        raise AssertionError("left behind: %s" % found)


def kill_at(lab, point, line, guest, whole):
    """Do it up to that point, and kill; what its client saw."""
    begin = steps.Journal(lab)
    lab.root("rm -f %s/*; touch %s/%s" % (POINTS, POINTS, point))
    client = subprocess.Popen(
        lab.argv("alice", [line]), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        pid = harness.wait_until(lambda: stopped_at(lab, point), 60,
                                 "a process at " + point)
        lab.root(ALL if whole else "kill -9 %d" % pid)
        output = client.communicate(timeout=120)[0]
    finally:
        client.kill()
        client.wait()
    return client.returncode, "%s\n%s" % (output, begin.text()[-2000:])


def check(lab, point, line, guest, code, up, whole=False):
    steps.fresh(lab)
    if line.split()[0] != "start":
        steps.ask(lab, "alice", "start " + guest, 0, seconds=120)
    got, said = kill_at(lab, point, line, guest, whole)
    assert got == code, (point, line, got, said)
    assert (("alice-" + guest) in lab.domains()) == up, (point, said)
    nothing_is_left(lab)
    steps.agree(lab)
    if up:
        assert "managed" not in steps.status(lab, "alice", guest), said
    else:
        steps.ask(lab, "alice", "start " + guest, 0, seconds=120)
    steps.ask(lab, "alice", "destroy %s --yes" % guest, 0, seconds=120)
    nothing_is_left(lab)


@harness.deadline(900)
def test_a_worker_killed_anywhere_leaves_nothing_half_made(lab):
    install_points(lab)
    for row in WHERE:
        check(lab, *row)


@harness.deadline(900)
def test_all_of_vpsh_killed_anywhere_leaves_nothing_half_made(lab):
    install_points(lab)
    for row in WHERE:
        check(lab, *row, whole=True)


@harness.deadline(240)
def test_a_reboot_that_is_cut_off_between_two_domains_is_finished(lab):
    install_points(lab)
    for whole in (False, True):
        steps.fresh(lab)
        steps.ask(lab, "alice", "start db", 0)
        first = steps.domid(lab, "alice-db")
        tty = steps.connect(lab, "alice", "db")
        steps.grub_answers(tty, "here")
        lab.root("rm -f %s/*; touch %s/stop-gone" % (POINTS, POINTS))
        tty.send("reboot\r")
        pid = harness.wait_until(lambda: stopped_at(lab, "stop-gone"), 60,
                                 "the old domain is gone")
        assert "alice-db" not in lab.domains()
        lab.root(ALL if whole else "kill -9 %d" % pid)
        harness.wait_until(
            lambda: lab.domains().get("alice-db", (first,))[0] != first, 60,
            "it is booted after all")
        steps.grub_answers_again(tty, "again")
        steps.leave(tty)
        nothing_is_left(lab)
        steps.agree(lab)
