# SPDX-License-Identifier: ISC
"""A host with customers: real sshd, real accounts, real vpshd, no Xen.

All of it stands in a private mount namespace, where /etc, /usr and /var are
overlays and /run is empty: `make install`, systemd-sysusers, useradd and
the daemons do what they do on a real host, and the machine keeps nothing.
"""

import contextlib
import ctypes
import glob
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import harness

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 0x40000, 0x1000

POLICY = {
    "alice": """
guests = (
  { name = "web"; allow = [ "console", "log", "start", "shutdown",
                            "reboot", "destroy" ]; },
  { name = "db"; allow = [ "log", "console" ]; }
);
""",
    "bob": """
guests = (
  { name = "mail"; allow = [ "console", "log", "start", "shutdown",
                             "reboot", "destroy" ]; }
);
""",
}
# nobodys has an account and a key, and no policy.
CUSTOMERS = {"alice": 20001, "bob": 20002, "nobodys": 20003}
CONF = 'support = "help@example.net";\n'

# The two ways of design: customers in the admins' sshd, or one of their own.
SHARED, OWN = "shared sshd with drop-in", "sshd of its own"


def syscall(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def mount(source, target, kind, flags, data):
    libc = ctypes.CDLL(None, use_errno=True)
    syscall(libc.mount(source.encode(), target.encode(), kind.encode(), flags,
                       data.encode()), "mount " + target)


def private_host(scratch):
    """From here on nothing that is written stays."""
    libc = ctypes.CDLL(None, use_errno=True)
    syscall(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", "", MS_REC | MS_PRIVATE, "")
    mount("tmpfs", scratch, "tmpfs", 0, "mode=0755")
    for top in ("etc", "usr", "var"):
        upper, work = scratch + "/" + top, scratch + "/work-" + top
        os.mkdir(upper, 0o755)
        os.mkdir(work)
        mount("overlay", "/" + top, "overlay", 0,
              "lowerdir=/%s,upperdir=%s,workdir=%s" % (top, upper, work))
    private_dev(scratch + "/dev")
    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755")
    os.makedirs("/run/sshd", 0o755)
    os.makedirs("/run/lock", 0o755)


def private_dev(old):
    """A /dev whose log socket is ours; the terminals are the machine's."""
    os.mkdir(old)
    mount("/dev", old, "", MS_BIND | MS_REC, "")
    mount("tmpfs", "/dev", "tmpfs", 0, "mode=0755")
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8),
                        ("urandom", 9), ("tty", 0), ("ptmx", 2)):
        major = 5 if name in ("tty", "ptmx") else 1
        os.mknod("/dev/" + name, stat.S_IFCHR | 0o666, os.makedev(major,
                                                                  minor))
        os.chmod("/dev/" + name, 0o666)
    for path in glob.glob(old + "/loop*"):      # for a disk that hangs
        info = os.stat(path)
        os.mknod("/dev/" + os.path.basename(path), info.st_mode, info.st_rdev)
    os.mkdir("/dev/pts")
    mount(old + "/pts", "/dev/pts", "", MS_BIND, "")
    os.mkdir("/dev/shm", 0o1777)
    os.symlink("/proc/self/fd", "/dev/fd")
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink("fd/%d" % fd, "/dev/" + name)


def collect_log(path):
    """What the daemons say to syslog, for a test to read."""
    inlet = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inlet.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    if (pid := os.fork()) != 0:
        harness.cleanup.callback(os.waitpid, pid, 0)
        harness.cleanup.callback(os.kill, pid, signal.SIGKILL)
        return
    with open(path, "ab", buffering=0) as log:
        while True:
            log.write(inlet.recv(65536).rstrip(b"\0\n") + b"\n")


def write(path, text, mode=0o644, group=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    if group:
        shutil.chown(path, group=group)


def read(path):
    with open(path) as f:
        return f.read()


def must(argv, **kwargs):
    done = harness.run(argv, seconds=60, **kwargs)
    assert done.returncode == 0, "%r: %s%s" % (argv, done.stdout, done.stderr)
    return done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def install_vpsh(stage):
    must(["cp", "-a", "--no-preserve=ownership", stage + "/.", "/run/stage"])
    for top in ("etc", "usr"):
        must(["cp", "-a", "/run/stage/%s/." % top, "/" + top])
    must(["systemd-sysusers", "/usr/lib/sysusers.d/vpsh.conf"])
    must(["systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/vpsh.conf"])


def install_sshd(root):
    for name in ("usr/sbin/sshd", "etc/pam.d/sshd"):
        must(["cp", "--no-preserve=ownership", root + "/" + name, "/" + name])
    for folder in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"):
        if os.path.isdir(os.path.join(root, folder)):
            must(["cp", "-a", "--no-preserve=ownership",
                  os.path.join(root, folder) + "/.",
                  "/usr/lib/x86_64-linux-gnu"])
    must(["useradd", "-r", "-M", "-d", "/run/sshd", "-s", "/usr/sbin/nologin",
          "sshd"])
    shutil.rmtree("/etc/ssh/sshd_config.d", ignore_errors=True)
    for kind in ("ed25519", "rsa"):
        path = "/etc/ssh/ssh_host_%s_key" % kind
        if os.path.exists(path):
            os.unlink(path)
        must(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path])


class Host:
    """What a test gets: the doors, the keys, the daemons."""

    def __init__(self, keys):
        self.keys = keys
        self.ports, self.sshd = {}, {}
        self.vpshd = None
        self.log = "/run/vpshd.log"

    def add_key(self, name):
        must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name,
              "-f", self.keys + "/" + name])
        return read(self.keys + "/" + name + ".pub")

    def add_customer(self, name, uid):
        must(["useradd", "-M", "-u", str(uid), "-d", "/var/lib/vpsh/home",
              "-s", "/usr/bin/vpsh", "-G", "vpsh", "-p", "*", name])
        folder = "/etc/vpsh/customers/" + name
        if name in POLICY:
            write(folder + "/policy.conf", POLICY[name], 0o640, "vpsh-policy")
        write(folder + "/authorized_keys", self.add_key(name), 0o640,
              "vpsh-policy")
        os.chmod(folder, 0o750)
        shutil.chown(folder, group="vpsh-policy")

    def start_vpshd(self):
        with open(self.log, "ab") as log:
            self.vpshd = harness.Process(["/usr/sbin/vpshd"], stdout=log,
                                         stderr=log, cwd="/",
                                         env={"PATH": "/usr/sbin:/usr/bin"})
        harness.wait_until(lambda: os.path.exists("/run/vpsh/broker.sock")
                           or not self.vpshd.alive(), 10, "broker.sock")
        assert self.vpshd.alive(), "vpshd ended: " + read(self.log)

    def start_sshd(self, door, config, extra):
        port = free_port()
        argv = ["/usr/sbin/sshd", "-D", "-e", "-f", config, "-p", str(port),
                "-o", "ListenAddress=127.0.0.1"] + extra
        must([argv[0], "-t"] + argv[3:])
        log = open("/run/sshd-%d.log" % len(self.ports), "ab")
        process = harness.Process(argv, stdout=log, stderr=log,
                                  env={"PATH": "/usr/sbin:/usr/bin"})
        self.ports[door], self.sshd[door] = port, process
        harness.wait_until(lambda: answers(port) or not process.alive(), 10,
                           door + " answers")
        assert process.alive(), read(log.name)
        host_key = read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
        with open(self.keys + "/known_hosts", "a") as f:
            f.write("[127.0.0.1]:%d %s\n" % (port, " ".join(host_key)))

    def doors(self):
        """Every test of the front door goes through both."""
        for door in (SHARED, OWN):
            print("--", door)
            yield door

    def argv(self, door, user, *words, key=None, options=()):
        return ["ssh", "-F", "/dev/null", "-p", str(self.ports[door]),
                "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "IdentityAgent=none", "-o", "LogLevel=ERROR",
                "-o", "HostKeyAlgorithms=ssh-ed25519",
                "-o", "UserKnownHostsFile=" + self.keys + "/known_hosts",
                "-i", self.keys + "/" + (key or user), *options,
                user + "@127.0.0.1", *(("--", *words) if words else ())]

    def ssh(self, door, user, *words, env=None, input="", seconds=20,
            **how):
        """One command over the door, as a script would run it."""
        argv = self.argv(door, user, *words, **how)
        done = harness.run(argv, seconds=seconds, input=input,
                           env={**os.environ, **(env or {})})
        print("$", *argv[-1 - len(words):])
        print(done.stdout + done.stderr + "-> %d" % done.returncode)
        return done

    def pty(self, door, user, *words, env=None, rows=24, cols=80, **how):
        """Without words it is line mode."""
        argv = self.argv(door, user, *(words or ("line",)), **how)
        if not words or "-tt" not in how.get("options", ()):
            argv.insert(1, "-tt")
        return harness.Pty(argv, env={**os.environ, "TERM": "xterm",
                                      **(env or {})}, rows=rows, cols=cols)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def children_of(pid):
    """All processes below pid, from /proc."""
    parent = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                stat = read("/proc/%s/stat" % entry).rsplit(")", 1)[1]
                parent[int(entry)] = int(stat.split()[1])
    found = {pid}
    while more := {c for c, p in parent.items() if p in found} - found:
        found |= more
    return sorted(found - {pid})


def program_of(pid):
    with contextlib.suppress(OSError):
        return os.path.basename(os.readlink("/proc/%d/exe" % pid))
    return ""


def session_of(user):
    """The pid of the one vpsh that this customer has running."""
    uid = CUSTOMERS[user]
    found = [int(p) for p in os.listdir("/proc") if p.isdigit()
             and program_of(int(p)) == "vpsh"
             and os.stat("/proc/" + p).st_uid in (uid, 0)
             and status_of(int(p))["Uid"][0] == str(uid)]
    assert len(found) == 1, found
    return found[0]


def status_of(pid):
    fields = {}
    for line in read("/proc/%d/status" % pid).split("\n"):
        name, _, value = line.partition(":")
        fields[name] = value.split()
    return fields


@contextlib.contextmanager
@harness.deadline(240)
def fixture():
    build = os.path.join(harness.TOP, "build")
    must([os.path.join(harness.TOP, "tests/system/unpack")])
    stage = os.path.join(build, "stage")
    shutil.rmtree(stage, ignore_errors=True)
    must(["make", "-C", harness.TOP, "install", "DESTDIR=" + stage])
    scratch = tempfile.mkdtemp(prefix="vpsh-system-")
    # The tmpfs over it goes with the namespace, the empty folder does not.
    outside = os.open(os.path.dirname(scratch), os.O_PATH)
    harness.cleanup.callback(remove_outside, scratch, outside)
    copy = tempfile.mkdtemp(prefix="vpsh-sshd-")
    harness.cleanup.callback(shutil.rmtree, copy, ignore_errors=True)
    must(["cp", "-a", stage, copy + "/stage"])
    must(["cp", "-a", build + "/sshd/root", copy + "/sshd"])

    private_host(scratch)
    install_sshd(copy + "/sshd")
    install_vpsh(copy + "/stage")
    keys = "/run/keys"
    os.mkdir(keys, 0o700)
    host = Host(keys)
    host.shipped_conf = shutil.copy("/etc/vpsh/vpsh.conf", "/run/vpsh.conf")
    write("/etc/vpsh/vpsh.conf", CONF)
    for name, uid in CUSTOMERS.items():
        host.add_customer(name, uid)
    write("/etc/ssh/admin_keys/root", host.add_key("root"), 0o600)
    examples = "/usr/share/doc/vpsh/examples/ssh"
    shared_config(copy + "/sshd/usr/share/openssh/sshd_config", examples)
    shutil.copy(examples + "/sshd_config", "/etc/vpsh/sshd_config")

    collect_log("/run/syslog")
    host.start_vpshd()
    host.start_sshd(SHARED, "/etc/ssh/sshd_config",
                    ["-o", "AuthorizedKeysFile=/etc/ssh/admin_keys/%u",
                     "-o", "PidFile=/run/sshd-shared.pid"])
    host.start_sshd(OWN, "/etc/vpsh/sshd_config", [])
    yield host


def shared_config(debian, examples):
    """Debian's sshd_config with internal-sftp and our two snippets."""
    text = read(debian).replace("/usr/lib/openssh/sftp-server",
                                "internal-sftp")
    assert "internal-sftp" in text and "UsePAM yes" in text
    write("/etc/ssh/sshd_config", text)
    shutil.copytree(examples, "/run/examples")
    os.makedirs("/etc/ssh/sshd_config.d", exist_ok=True)
    shutil.copy(examples + "/vpsh.conf", "/etc/ssh/sshd_config.d/vpsh.conf")
    line = [l for l in read(examples + "/pam-sshd.txt").split("\n")
            if l.startswith("session")][0]
    pam = read("/etc/pam.d/sshd")
    marker = "@include common-session\n"
    assert marker in pam
    write("/etc/pam.d/sshd", pam.replace(marker, line + "\n" + marker))


def remove_outside(path, folder):
    os.umask(0o022)
    subprocess.run(["umount", "-l", path], stderr=subprocess.DEVNULL)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.basename(path), dir_fd=folder)
    os.close(folder)
