#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A real Xen host on this machine, with vpsh and its guests in it.

lab.py [person]           boot it and log in as alice; it ends with the login
lab.py boot               boot it and leave it running
lab.py ssh [WHO] [LINE]   log in to the running one: alice, bob or root
lab.py push               build, and bring what is new into the running one
lab.py serial             what its serial line said
lab.py stop               end it
lab.py image              only build the image

VPSH_LAB=NAME in the environment names one of several that are left running; the
tests then use that one, as it is, instead of booting their own.
"""
import contextlib
import fcntl
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
sys.dont_write_bytecode = True
import harness
import image
import machine
import remote
import world

STATE = os.path.join(image.BUILD,
                     "lab-%s.json" % os.environ.get("VPSH_LAB", ""))


class Lab(remote.Remote):
    """A booted host with the connections to it."""

    def domains(self):
        """What `xl list` says: {name: (domid, state)} without dom0."""
        found = {}
        for line in self.root("xl list").splitlines()[1:]:
            words = line.split()
            if words[1] != "0":
                found[words[0]] = (int(words[1]), words[4])
        return found

    def create(self, domain, *options):
        """As the operator would; returns the domid."""
        self.root("xl create -q %s /etc/xen/%s.cfg" % (
            " ".join(options), domain))
        return int(self.root("xl domid " + domain))

    def clear(self):
        """No guest is left, whoever had started it."""
        self.root("xl list | awk 'NR > 1 && $2 != 0 { print $2 }' | "
                  "while read d; do xl destroy $d; done 2>/dev/null; true")
        harness.wait_until(lambda: not self.domains(), 30, "no guest left")

    def power_cut(self):
        """The plug is pulled, and put in again; all connections are new."""
        accounts = [a for a in remote.ACCOUNTS if self.masters]
        self.close()
        self.machine.power_cut()
        self.open_masters(("root",))
        self.root("systemctl is-system-running --wait; true", 120)
        self.open_masters(a for a in accounts if a != "root")

    def push(self, pack, **more):
        """`make install` once more, over what is there; what came of it."""
        self.root("tar -C / --keep-directory-symlink --no-overwrite-dir "
                  "-xzf -", 120, input=pack, errors=None, **more)
        return self.root(
            "systemd-sysusers; systemd-tmpfiles --create vpsh.conf; "
            "systemctl daemon-reload; systemctl restart vpshd; "
            "systemctl --no-pager status vpshd; true", 60, **more)


def pack():
    """What `make install` installs now, as a tar file."""
    with open(os.path.join(image.BUILD, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run(
            ["tar", "-C", image.make_install(), "--owner=0", "--group=0",
             "-czf", "-", "."],
            check=True, stdout=subprocess.PIPE).stdout


def boot(stays=False):
    """Builds what is needed and boots it; a stalled boot is tried again."""
    folder = image.make_image()
    for last in (False, True):
        host = machine.Machine(folder, image.keys())
        lab = Lab(host)
        try:
            host.start(stays)
            host.wait_boot()
            lab.open_masters(("root",))
            state = lab.root("systemctl is-system-running --wait; true", 120)
            if state.strip() not in ("running", "degraded"):
                raise machine.LabStalled("systemd is " + state)
            return lab
        except machine.LabStalled as stalled:
            image.say("lab stalled: %s" % stalled)
            lab.close()
            host.stop()
            if last:
                raise
        except BaseException:
            lab.close()
            host.stop()
            raise


@contextlib.contextmanager
def running(accounts):
    """A host for a run of tests, or for one login."""
    lab = remembered() if "VPSH_LAB" in os.environ else boot()
    try:
        lab.open_masters(a for a in accounts if a != "root" or not lab.masters)
        yield lab
    finally:
        lab.close()
        if "VPSH_LAB" not in os.environ:
            lab.machine.stop()


def remembered():
    """The host that `lab.py boot` left running."""
    try:
        with open(STATE) as f:
            state = json.load(f)
    except FileNotFoundError:
        sys.exit("lab: none is running: lab.py boot")
    host = machine.Machine(None, image.keys())
    host.__dict__.update(state)
    if not host.running():
        sys.exit("lab: the one that was running has ended: lab.py boot")
    return Lab(host)


def do_person():
    with running(("root",)) as lab:
        image.say("you are alice; `list` shows your guests, `exit` ends it")
        image.say("as root, from elsewhere: %s"
                  % " ".join(lab.argv("root", shared=False)))
        return subprocess.call(lab.argv("alice", shared=False,
                                        options=["-tt"]))


def do_boot():
    with open(STATE + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return boot_and_remember()


def boot_and_remember():
    if os.path.exists(STATE):
        with open(STATE) as f:
            old = json.load(f)
        if machine.start_time(old["pid"]) == old["born"]:
            sys.exit("lab: one is running already: lab.py stop")
    lab = boot(stays=True)
    lab.close()
    host = lab.machine
    image.put(STATE, json.dumps({
        "pid": host.pid, "born": host.born, "port": host.port,
        "folder": host.folder, "image": host.image}))
    for who in ("root",) + world.CUSTOMERS:
        print(" ".join(lab.argv(who, shared=False)))
    return 0


def do_ssh(who="alice", *line):
    lab = remembered()
    tty = ["-tt"] if sys.stdin.isatty() else []
    return subprocess.call(lab.argv(who, line, shared=False, options=tty))


def do_push():
    lab = remembered()
    files = pack()
    lab.open_masters(("root",))
    try:
        print(lab.push(files))
    finally:
        lab.close()
    return 0


def do_serial():
    print(remembered().machine.serial())
    return 0


def do_stop():
    remembered().machine.stop()
    os.unlink(STATE)
    return 0


def do_image():
    print(image.make_image())
    return 0


def main(argv):
    verbs = {"person": do_person, "boot": do_boot, "ssh": do_ssh,
             "push": do_push, "serial": do_serial, "stop": do_stop,
             "image": do_image}
    verb = verbs.get(argv[0] if argv else "person")
    if verb is None:
        sys.exit(__doc__)
    try:
        return verb(*argv[1:])
    except (image.ImageError, machine.LabStalled,
            remote.CommandFailed) as error:
        sys.exit("lab: %s" % error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
