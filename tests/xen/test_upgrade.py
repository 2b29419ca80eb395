# SPDX-License-Identifier: ISC
"""vpsh comes and goes, and no guest notices."""
import subprocess

import harness
import lab as lab_module
import steps

# What a package's purge would take along.
PURGE = """
systemctl disable --now vpshd
while read f; do [ -d "/$f" ] || rm -f "/$f"; done
rm -rf /var/lib/vpsh /var/log/vpsh /run/vpsh /usr/libexec/vpsh
mv /etc/vpsh /root/etc-vpsh
userdel vpsh; userdel vpsh-console
systemctl daemon-reload
"""


def steady(lab):
    """What must not change by any of it."""
    facts = {name: where[0] for name, where in lab.domains().items()}
    for name, number in list(facts.items()):
        facts[name + " since"] = lab.root(
            "xenstore-read $(xenstore-read /local/domain/%d/vm)/start_time"
            % number).strip()
    facts["xl"] = lab.root("pgrep -f '[x]l create' || true").split()
    facts["units"] = lab.root(
        "systemctl show -p Id -p ActiveState -p NRestarts "
        "-p StateChangeTimestampMonotonic xen xendomains")
    facts["enabled"] = lab.root("systemctl is-enabled xendomains 2>/dev/null")
    return facts


def comes_back(lab):
    """Customers can work again."""
    harness.wait_until(
        lambda: lab.vpsh("alice", "whoami").returncode == 0, 60,
        "vpsh answers")
    harness.wait_until(
        lambda: "running" in lab.vpsh("alice", "status web").stdout, 30,
        "web is seen again")


def purge(lab, pack):
    names = subprocess.run(["tar", "-tzf", "-"], input=pack, check=True,
                           stdout=subprocess.PIPE).stdout.decode()
    lab.root("set -x;" + PURGE, 90, input=names)
    left = lab.root("ls -d /usr/bin/vpsh /usr/sbin/vpshd /etc/vpsh "
                    "/run/vpsh 2>/dev/null; pgrep -l vpsh; true")
    assert left == "", left


@harness.deadline(420)
def test_H02_coming_and_going_changes_no_domain(lab):
    steps.fresh(lab)
    lab.create("alice-foreign")
    steps.ask(lab, "alice", "start web", 0)
    steps.ask(lab, "alice", "start linux", 0, seconds=120)
    pack = lab_module.pack()
    before = steady(lab)
    assert "active" in before["units"], before

    for name, act in (
            ("restart", lambda: lab.root("systemctl restart vpshd")),
            ("kill", lambda: lab.root("systemctl kill -s KILL vpshd")),
            ("upgrade", lambda: lab.push(pack))):
        act()
        comes_back(lab)
        assert steady(lab) == before, "after " + name

    lab.root("systemctl stop vpshd")
    assert steady(lab) == before, "after stop"
    done = steps.ask(lab, "alice", "list", 7)
    assert "not affected" in done.stderr, steps.show(done)
    lab.root("systemctl start vpshd")
    comes_back(lab)
    assert steady(lab) == before, "after start"

    purge(lab, pack)
    assert steady(lab) == before, "after purge"
    lab.root("mv /root/etc-vpsh /etc/vpsh")
    lab.push(pack)
    lab.root("systemctl enable vpshd")
    comes_back(lab)
    assert steady(lab) == before, "after install"

    steps.agree(lab)
    tty = steps.connect(lab, "alice", "web")
    steps.grub_answers(tty, "still-here")
    steps.leave(tty)
    steps.ask(lab, "alice", "destroy web --yes", 0)
    steps.ask(lab, "alice", "destroy linux --yes", 0)
    steps.agree(lab)
