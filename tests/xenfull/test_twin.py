# SPDX-License-Identifier: ISC
"""Real Xen does what the simulated host does.

Each test here has a twin of the same name in tests/flow/test_sim.py. Its
guests are nobody's in vpsh, which therefore leaves them and their consoles
alone.
"""
import re
import shlex

import harness
import steps
import test_console
import world

LINUX = """name = "%s"
type = "pv"
uuid = "%s"
kernel = "%s"
ramdisk = "%s"
extra = "console=hvc0 quiet"
memory = 96
vcpus = 1
disk = [ "/srv/lab/twin.img,raw,xvda,rw" ]
"""
FAILING_DISK = 'disk = [ "format=raw, vdev=xvda, access=rw, ' \
    'script=block-none, target=none" ]\n'


def grub(lab, name="twin", extra="", **more):
    """A guest that needs no time to boot."""
    lab.clear()
    lab.write("/etc/xen/%s.cfg" % name, world.grub(name, extra=extra, **more))
    return name


def linux(lab, name="twin"):
    lab.clear()
    lab.root("echo disk of %s > /srv/lab/twin.img; "
             "truncate -s 1M /srv/lab/twin.img" % name)
    lab.write("/etc/xen/%s.cfg" % name, LINUX % (
        name, world.uuid(99), world.LINUX, world.INITRD))
    return name


def state(lab, name="twin"):
    """The letters of `xl list`."""
    return lab.domains()[name][1]


def console(lab, name="twin"):
    """As root, with xl's own console."""
    return lab.terminal("root", "xl console " + name)


def shell(lab, name="twin"):
    tty = console(lab, name)
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 90)
    return tty


def node(lab, domid, name):
    """None when it is not there."""
    done = lab.run("root", ["xenstore-read /local/domain/%d/%s" % (
        domid, name)])
    return None if done.returncode else done.stdout.rstrip("\n")


def exists(lab, path):
    return not lab.run("root", ["test -e " + shlex.quote(path)]).returncode


def free_mib(lab):
    return int(lab.root("xl info free_memory"))


def reason(lab, name="twin"):
    """Why it is shut down: xen/include/public/sched.h, SHUTDOWN_*."""
    row = re.search(r"(?m)^%s +\d+ +\d+ +\d+ +[a-z-]*[sc][a-z-]* +[\d.]+ "
                    r"+[0-9a-f-]{36} +(\S+)" % name, lab.root("xl list -v"))
    return row and row.group(1)


def stop_daemon(lab):
    lab.root("kill -9 $(cat %s); rm -f %s" % ((test_console.PID_FILE,) * 2))


def start_daemon(lab):
    lab.root("start-stop-daemon --start --quiet --pidfile %s --exec %s -- "
             "--pid-file %s" % (test_console.PID_FILE,
                                test_console.XENCONSOLED,
                                test_console.PID_FILE))


@harness.deadline(300)
def test_quirk_a_created_domain_is_paused_once(lab):
    lab.create(grub(lab), "-e", "-p")
    assert "p" in state(lab)
    lab.root("xl unpause twin")
    assert "p" not in state(lab)


@harness.deadline(300)
def test_quirk_pause_counts(lab):
    lab.create(grub(lab), "-e")
    lab.root("xl pause twin; xl pause twin; xl unpause twin")
    assert "p" in state(lab)
    lab.root("xl unpause twin")
    assert "p" not in state(lab)


@harness.deadline(300)
def test_quirk_a_paused_guest_says_and_does_nothing(lab):
    lab.create(grub(lab), "-e")
    tty = console(lab)
    steps.grub_answers(tty, "before")
    tty.expect(steps.GRUB_PROMPT, 30)
    lab.root("xl pause twin")
    tty.send("echo [still here]\r")
    assert not tty.read_some(3), tty.unread
    lab.root("xl unpause twin")
    tty.expect(rb"\n\r?\[still here\]", 30)


@harness.deadline(300)
def test_quirk_the_console_has_a_tty_only_after_the_domain_is_introduced(lab):
    grub(lab)
    watch = lab.terminal(
        "root", "exec xenstore-watch @introduceDomain /local/domain")
    watch.expect(rb"/local/domain\r\n", 30)
    domid = lab.create("twin", "-e", "-p")
    path = "/local/domain/%d/" % domid
    harness.wait_until(lambda: node(lab, domid, "console/tty"), 30,
                       "console/tty is written")
    watch.expect(b"%sconsole/tty\r\n" % path.encode(), 30)
    seen = watch.output.decode().split()
    # The first is what every watch says when it is made.
    introduced = seen.index("@introduceDomain",
                            1 + seen.index("@introduceDomain"))
    assert seen.index(path + "name") < introduced, seen
    assert seen.index(path + "console/port") > introduced, seen
    assert seen.index(path + "console/tty") > introduced, seen


@harness.deadline(300)
def test_quirk_a_guest_that_shut_down_keeps_its_memory_and_its_name(lab):
    linux(lab)
    before = free_mib(lab)
    domid = lab.create("twin", "-e")
    while_up = free_mib(lab)
    assert while_up <= before - 96, (before, while_up)
    shell(lab).send("poweroff -f\r")
    harness.wait_until(lambda: "s" in state(lab), 60, "it is shut down")
    assert steps.domid(lab, "twin") == domid and reason(lab) == "0"
    assert free_mib(lab) == while_up
    again = lab.run("root", ["xl create -e /etc/xen/twin.cfg"])
    assert again.returncode != 0 and "already exists" in again.stderr, \
        steps.show(again)
    assert list(lab.domains()) == ["twin"]
    lab.root("xl destroy twin")
    assert lab.domains() == {}
    harness.wait_until(lambda: free_mib(lab) == before, 30,
                       "its memory is free again")


# Reads until the prompt, types, waits until there is an answer, and leaves
# it unread until the domain is gone.
UNREAD = r"""
use Fcntl; use IO::Select;
my $tty = $ARGV[0];
sysopen(my $f, $tty, O_RDWR | O_NOCTTY | O_NONBLOCK) or die "$tty: $!";
my $s = IO::Select->new($f);
my $seen = "";
syswrite($f, "\r");
until ($seen =~ /grub> $/) {
	$s->can_read(30) or die "no prompt: $seen";
	defined sysread($f, $seen, 4096, length $seen) or die $!;
	$seen =~ s/\e\[[0-9;?]*[A-Za-z]//g;
}
syswrite($f, "echo [last words]\r");
$s->can_read(30) or die "no answer";
system("xl destroy twin") == 0 or die "no destroy";
# The console daemon takes it away as soon as it hears of that.
my $until = time + 30;
select undef, undef, undef, 0.05 while -e $tty && time < $until;
my $left = "";
my $n = sysread($f, $left, 4096);
print "left: ", length $left, " ", -e $tty ? "there" : "gone", "\n";
"""


@harness.deadline(300)
def test_quirk_what_was_not_read_is_lost_when_the_domain_is_destroyed(lab):
    domid = lab.create(grub(lab), "-e")
    tty = node(lab, domid, "console/tty")
    said = lab.root("perl - %s" % tty, 90, input=UNREAD)
    assert said == "left: 0 gone\n", said


@harness.deadline(300)
def test_quirk_the_tty_of_a_dead_console_daemon_is_still_named(lab):
    domid = lab.create(grub(lab), "-e")
    tty = node(lab, domid, "console/tty")
    stop_daemon(lab)
    try:
        harness.wait_until(lambda: not exists(lab, tty), 15, "it is gone")
        assert node(lab, domid, "console/tty") == tty
        # Whoever wants a tty next may well get that one.
        new = lab.root("script -qec tty /dev/null").strip()
        assert new == tty, (new, tty)
    finally:
        start_daemon(lab)


@harness.deadline(300)
def test_quirk_a_new_console_daemon_makes_new_ttys_for_old_domains(lab):
    names = ("twin-a", "twin-b", "twin-c")
    for name in names:
        grub(lab, name)
    domids = [lab.create(name, "-e") for name in names]
    ttys = {name: console(lab, name) for name in names}
    for name, tty in ttys.items():
        steps.grub_answers(tty, "before")
        tty.send("set me=%s\r" % name)
        tty.expect(steps.GRUB_PROMPT, 30)
    stop_daemon(lab)
    start_daemon(lab)

    def nodes():
        return [node(lab, domid, "console/tty") for domid in domids]
    harness.wait_until(
        lambda: len(set(found := nodes())) == 3
        and all(path and exists(lab, path) for path in found), 30,
        "three new ttys")
    # xl's console looks at the node again by itself.
    for name, tty in ttys.items():
        tty.send("echo [$me]\r")
        said = tty.expect(rb"\n\r?\[(twin-.)\]", 30).group(1)
        assert said == name.encode(), (name, said)


@harness.deadline(300)
def test_quirk_two_domains_of_one_name_can_be_created(lab):
    grub(lab)
    # Which of them wins a race is nobody's to say: until it happened once.
    for _ in range(15):
        lab.root("xl create -q -e -p /etc/xen/twin.cfg & "
                 "xl create -q -e -p /etc/xen/twin.cfg & wait", check=False)
        names = re.findall(r"(?m)^twin ", lab.root("xl list"))
        if len(names) == 2:
            break
        lab.clear()
    assert len(names) == 2, names
    third = lab.run("root", ["xl create -e /etc/xen/twin.cfg"])
    assert third.returncode != 0 and "already exists" in third.stderr, \
        steps.show(third)


@harness.deadline(300)
def test_quirk_a_reboot_is_another_domain_with_the_same_uuid(lab):
    first = lab.create(linux(lab))
    uuid = lab.root("xl vm-list")
    shell(lab).send("reboot -f\r")
    harness.wait_until(
        lambda: lab.domains().get("twin", (first, ""))[0] != first, 90,
        "the guest is back")
    assert list(lab.domains()) == ["twin"]
    assert steps.domid(lab, "twin") > first
    again = lab.root("xl vm-list")
    assert world.uuid(99) in uuid and world.uuid(99) in again, (uuid, again)


@harness.deadline(300)
def test_quirk_a_domid_is_never_used_again(lab):
    grub(lab)
    seen = []
    for _ in range(3):
        seen.append(lab.create("twin", "-e", "-p"))
        lab.root("xl destroy twin")
    assert seen == sorted(set(seen)), seen


@harness.deadline(300)
def test_quirk_shutdown_is_a_request_that_a_guest_may_ignore(lab):
    domid = lab.create(linux(lab), "-e")
    tty = shell(lab)
    tty.send("mv /sbin/poweroff /sbin/kept; echo [mo''ved]\r")
    tty.expect(rb"\[moved\]", 30)
    lab.root("xl shutdown twin", 90)
    # It has heard it: the node is empty again.
    harness.wait_until(lambda: node(lab, domid, "control/shutdown") == "",
                       60, "the request is acknowledged")
    tty.send("echo [ali''ve]\r")
    tty.expect(rb"\[alive\]", 30)
    assert "s" not in state(lab)
    tty.send("mv /sbin/kept /sbin/poweroff; echo [mo''ved]\r")
    tty.expect(rb"\[moved\]", 30)
    lab.root("xl shutdown twin", 90)
    harness.wait_until(lambda: "s" in state(lab), 60, "it is shut down")
    assert reason(lab) == "0"


@harness.deadline(480)
def test_quirk_every_way_to_end_has_its_reason(lab):
    for line, number in (("poweroff -f", "0"), ("reboot -f", "1"),
                         ("echo c > /proc/sysrq-trigger", "3")):
        lab.create(linux(lab), "-e")
        shell(lab).send(line + "\r")
        harness.wait_until(lambda: reason(lab), 60, line + " ends it")
        assert reason(lab) == number, (line, lab.root("xl list -v"))


@harness.deadline(300)
def test_quirk_more_memory_than_there_is(lab):
    grub(lab, memory=30000)
    before = free_mib(lab)
    done = lab.run("root", ["xl create -e /etc/xen/twin.cfg"], 90)
    assert done.returncode != 0 and "emory" in done.stderr, steps.show(done)
    assert lab.domains() == {}
    harness.wait_until(lambda: free_mib(lab) == before, 30, "nothing is lost")
    lab.create(grub(lab), "-e")


@harness.deadline(300)
def test_quirk_a_killed_create_leaves_a_paused_domain_with_its_name(lab):
    linux(lab)
    lab.root("xl create -q -e /etc/xen/twin.cfg & p=$!; "
             "until xl list twin >/dev/null 2>&1; do :; done; kill -9 $p")
    domid = steps.domid(lab, "twin")
    assert "p" in state(lab)
    assert not node(lab, domid, "console/tty")
    left = lab.root("ls /var/lib/xen")
    assert ".%d." % domid not in left, left
    lab.root("xl destroy twin")
    assert lab.domains() == {}
    assert lab.run("root", ["xenstore-ls /local/domain/%d" % domid]).returncode


@harness.deadline(300)
def test_quirk_a_hotplug_script_that_fails_undoes_the_create(lab):
    lab.root("printf '#!/bin/sh\\nexit 1\\n' >/etc/xen/scripts/block-none; "
             "chmod 755 /etc/xen/scripts/block-none")
    grub(lab, extra=FAILING_DISK)
    done = lab.run("root", ["xl create -e /etc/xen/twin.cfg"], 90)
    assert done.returncode != 0 and "block-none" in done.stderr, \
        steps.show(done)
    assert lab.domains() == {}


@harness.deadline(300)
def test_quirk_xl_console_has_the_lock_of_the_console(lab):
    domid = lab.create(grub(lab), "-e")
    steps.grub_answers(console(lab), "first")
    second = lab.run("root", ["xl console twin"], 30)
    assert second.returncode != 0 and "Could not lock" in second.stderr, \
        steps.show(second)
    assert exists(lab, "/var/lock/xenconsole.%d" % domid)


@harness.deadline(300)
def test_quirk_devices_count_what_a_guest_moves(lab):
    domid = lab.create(linux(lab), "-e")
    folder = "/sys/bus/xen-backend/devices/vbd-%d-51712/statistics" % domid

    def counted():
        return [int(n) for n in lab.root(
            "cat %s/rd_sect %s/wr_sect" % (folder, folder)).split()]
    tty = shell(lab)
    # Whole pages, and all of the disk: the guest's cache rounds up.
    for line, moved in (
            ("dd if=/dev/zero of=/dev/xvda bs=4096 seek=1 count=8 conv=fsync",
             (0, 64)),
            ("echo 3 >/proc/sys/vm/drop_caches; "
             "dd if=/dev/xvda of=/dev/null bs=65536", (2048, 0))):
        before = counted()
        tty.send(line + "; echo [do''ne]\r")
        tty.expect(rb"\[done\]", 30)
        now = counted()
        assert (now[0] - before[0], now[1] - before[1]) == moved, (
            line, before, now, tty.output[-300:])
    lab.root("xl destroy twin")
    harness.wait_until(lambda: not exists(lab, folder), 15,
                       "the counters are gone with it")
