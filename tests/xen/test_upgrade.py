# SPDX-License-Identifier: ISC
"""vpsh comes and goes, and no guest notices."""
import io
import os
import re
import subprocess
import tarfile

import builds
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


# --- an upgrade with people attached ------------------------------------------

# A console shows what earlier boots said, too: not their lines.
WORD = "run-%d" % os.getpid()
LINE = re.compile(rb"count (\d{3}) of %s" % WORD.encode())
# vpsh's own, which may come in the middle of a line.
NOTE = re.compile(rb"(\r\n)?\[web: [^]]*\]\r\n")
# What GRUB knows of counting: one line a second, from 100 to 999.
COUNT = ("for a in 1 2 3 4 5 6 7 8 9; do for b in %s; do for c in %s; do "
         "echo count $a$b$c of %s; sleep 1; done; done; done\r"
         % ((" ".join("0123456789"),) * 2 + (WORD,)))


def next_build(pack):
    """The same package, of the build after it."""
    own = builds.build_id(os.path.join(harness.TOP, "build/release"))
    new, changed = io.BytesIO(), 0
    with tarfile.open(fileobj=io.BytesIO(pack)) as old, \
            tarfile.open(fileobj=new, mode="w:gz", compresslevel=1) as out:
        for member in old:
            data = None
            if member.isreg():
                data = old.extractfile(member).read()
                if "/vpsh" in member.name and data[:4] == b"\x7fELF":
                    data, same = builds.renamed(data, 1, own), data
                    changed += data != same
            out.addfile(member, data and io.BytesIO(data))
    assert changed >= 5, changed
    return new.getvalue()


def unpack(lab, pack):
    """
    As a package does it: one file after the other takes its name, and what
    is the operator's is left alone.
    """
    lab.root("tar -C / --keep-directory-symlink --no-overwrite-dir "
             "--exclude=./etc -xzf -", 120, input=pack, errors=None)


def service(lab):
    return dict(line.split("=", 1) for line in lab.root(
        "systemctl show -p MainPID -p NRestarts -p ActiveState vpshd"
        ).split())


def all_new(lab):
    """Until none of the service's processes is of a replaced file."""
    harness.wait_until(
        lambda: "deleted" not in (text := lab.root(
            "for p in $(cat /sys/fs/cgroup/system.slice/vpshd.service/"
            "cgroup.procs); do readlink /proc/$p/exe; done; true"))
        and text.count("/usr/libexec/vpsh/") >= 3, 60, "all of it is new")


class Counted:
    """A terminal that shows lines with numbers."""

    def __init__(self, tty):
        self.tty = tty
        self.tty.expect(LINE.pattern, 60)

    def last(self):
        while self.tty.read_some(0):
            pass
        return int(LINE.findall(self.tty.output)[-1])

    def goes_on(self):
        self.tty.expect(rb"count %d of %s" % (self.last() + 5,
                                              WORD.encode()), 60)

    def check(self):
        """Each line once, in order, whatever happened between them."""
        said = NOTE.sub(b"", self.tty.output)
        found = [int(n) for n in LINE.findall(said)]
        wrong = [(a, b) for a, b in zip(found, found[1:]) if b != a + 1]
        assert len(found) > 20 and not wrong, (len(found), wrong)
        assert b"are missing" not in self.tty.output


@harness.deadline(420)
def test_H02_an_upgrade_costs_no_viewer_a_line(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    first = steps.connect(lab, "alice", "web")
    steps.grub_answers(first, "ready")
    first.send(COUNT)
    second = lab.terminal("alice", "console web --view")
    viewers = [Counted(first), Counted(second)]
    this = lab_module.pack()
    before, running = steady(lab), service(lab)
    assert running["ActiveState"] == "active", running

    for name, pack, act in (
            ("reload", next_build(this), "systemctl reload vpshd"),
            ("death", this, "pkill -KILL -x vpsh-console")):
        journal = steps.Journal(lab, "-u", "vpshd")
        unpack(lab, pack)
        lab.root(act)
        journal.expect(r"executing /usr/sbin/vpshd", 30)
        all_new(lab)
        for viewer in viewers:
            viewer.goes_on()
        # It was neither ended nor started, and the guest knows nothing.
        assert service(lab) == running, "after " + name
        assert steady(lab) == before, "after " + name

    lab.root("systemctl restart vpshd")
    for viewer in viewers:
        viewer.goes_on()
        viewer.check()
    assert steady(lab) == before, "after restart"
    for tty in (second, first):
        steps.leave(tty)
    steps.ask(lab, "alice", "destroy web --yes", 0)
    steps.agree(lab)
