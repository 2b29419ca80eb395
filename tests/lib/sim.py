# SPDX-License-Identifier: ISC
"""A simulated host in one folder, with all of vpsh on it.

Hypervisor, console daemon and guests are played by programs of tests/sim;
xenstored, xl and libxl are Debian's own, and vpsh's programs are those that
are installed, to the last object file. Runs as any user. Under root the host
is root's where the accounts of vpsh exist and HOST_UID's elsewhere, and
customers have uids of their own; under any other user all is that user's,
and the one customer who can be had is "alice".
"""

import collections
import contextlib
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess

import harness

ENVIRONMENT = {"TERM": "xterm", "LANG": "C.UTF-8", "LC_VPSH": "line",
               "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
HOST_UID, FIRST_UID = 47200, 47201
CHILDREN = ("vpsh-broker", "vpsh-console", "vpsh-domain watch")

RIGHTS = ("console", "view", "log", "start", "shutdown", "reboot", "destroy",
          "pause", "sysrq")
VPSH_CONF = """
support = "help@example.net";
plans = ( { name = "basic"; allow = [ %s ];
  limits = { sessions = 64; consoles = 16; power = 600; }; } );
""" % ", ".join('"%s"' % r for r in RIGHTS)

FOLDERS = ("etc/vpsh/customers", "etc/xen/scripts", "images",
           "libexec", "proc/xen", "run/xen", "run/xenstored", "sim",
           "sys/bus/xen-backend/devices", "sys/class/net", "usr/sbin",
           "usr/lib/xen-4.17", "var/lib/vpsh", "var/lib/xen/dump",
           "var/lib/xen/save", "var/lock", "var/log/vpsh", "var/log/xen",
           "var/run/xen")

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                     "runtime error:")

# tests/sim/ring.h
LIST, CONNECT, MOVED = 1, 2, 3
PAUSE, UNPAUSE, DESTROY, HOST, TWINS, ZOMBIES = 10, 11, 12, 13, 14, 15
REQUEST = struct.Struct("=IIQI16s4096s4x")
REPLY = struct.Struct("=iIIxxxxQQ")
DOMAIN = struct.Struct("=I16s4BIIQQQ")
REASONS = {0: "poweroff", 10: "reboot", 11: "crash", 12: "watchdog",
           13: "soft_reset", 14: "suspend"}

Domain = collections.namedtuple(
    "Domain", "domid name uuid state reason paused memory_kib pid")


class Store:
    """xenstored, one request at a time."""

    DIRECTORY, READ, WATCH, WRITE, RM, EVENT, ERROR = 1, 2, 4, 11, 13, 15, 16

    def __init__(self, path):
        self.events = []        # paths that changed and were not asked for
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(path)

    def exactly(self, length):
        data = b""
        while len(data) < length:
            more = self.sock.recv(length - len(data))
            if not more:
                raise ConnectionResetError("xenstored closed")
            data += more
        return data

    def ask(self, kind, body):
        self.sock.sendall(struct.pack("=IIII", kind, 0, 0, len(body)) + body)
        while (answer := self.receive())[0] == self.EVENT:
            pass
        return None if answer[0] == self.ERROR else answer[1]

    def receive(self):
        kind, _, _, length = struct.unpack("=IIII", self.exactly(16))
        data = self.exactly(length)
        if kind == self.EVENT:
            self.events.append(data.split(b"\0")[0].decode())
        return kind, data

    def watch(self, path):
        assert self.ask(self.WATCH, path.encode() + b"\0w\0") is not None

    def event(self):
        """The next path that changed, of those that are watched."""
        while not self.events:
            self.receive()
        return self.events.pop(0)

    def read(self, path):
        """The value of a node, None if it is not there."""
        data = self.ask(self.READ, path.encode() + b"\0")
        return None if data is None else data.decode()

    def write(self, path, value):
        assert self.ask(self.WRITE, path.encode() + b"\0" + value.encode())

    def remove(self, path):
        self.ask(self.RM, path.encode() + b"\0")

    def list(self, path):
        data = self.ask(self.DIRECTORY, path.encode() + b"\0") or b""
        return [n.decode() for n in data.split(b"\0") if n]

    def close(self):
        self.sock.close()


def listens(path):
    """Is somebody behind that socket? There is a file before there is."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(path) == 0


def state_of(pid):
    """The letter that ps shows; X for one that is not there."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def words_of(pid):
    """Its command line; [""] of one that is being made, or is dead."""
    with open("/proc/%d/cmdline" % pid) as f:
        return f.read().split("\0")


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(p) for p in f.read().split()]


def host_uid():
    """Whose processes a host is made of."""
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        for name in ("vpsh", "vpsh-console"):
            pwd.getpwnam(name)
    except KeyError:
        return HOST_UID
    return 0


def becomes(uid):
    """What a child does to have that uid and nothing else."""
    def change():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if os.geteuid() == uid:
        return None
    if os.geteuid() != 0:
        raise PermissionError("only root can become %d" % uid)
    return change


class SimHost:
    """start() and stop() it; guests and customers may come at any time."""

    def __init__(self, folder=None, memory=8192):
        self.dir = folder or harness.temp_dir()
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.memory = memory
        self.uid = host_uid()
        self.own("")
        self.socket = self.path("run/vpsh/broker.sock")
        self.audit = self.path("var/log/vpsh/audit.jsonl")
        self.uids = {}
        self.policies = collections.defaultdict(dict)
        self.more = {}
        self.processes = {}     # name -> harness.Process, in order of start
        self.started = False
        self.furnish()
        self.customer("alice", None if os.geteuid() == 0 else self.uid)

    # --- files -------------------------------------------------------------

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def own(self, name):
        if self.uid != os.geteuid():
            os.chown(self.path(name), self.uid, self.uid,
                     follow_symlinks=False)

    def folder(self, name):
        path = ""
        for part in name.split("/"):
            path = os.path.join(path, part)
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.path(path), 0o755)
                self.own(path)

    def write(self, name, text, mode=0o644):
        """As editors do: a new file that takes the name."""
        path = self.path(name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        self.own(name + ".new")
        os.rename(path + ".new", path)

    def link(self, target, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(name))
        os.symlink(target, self.path(name))

    def furnish(self):
        for folder in FOLDERS:
            self.folder(folder)
        self.write("proc/xen/xsd_kva", "\0" * 4096)
        self.write("proc/xen/xsd_port", "2")
        self.write("images/linux", "a kernel, as far as libxl looks\n")
        self.write("images/disk", "a disk\n")
        self.write("etc/xen/xl.conf", 'autoballoon = "off"\n')
        self.write("etc/vpsh/vpsh.conf", VPSH_CONF)
        if self.uid == 0:
            # As etc/tmpfiles.conf says.
            self.folder("run/vpsh/policy")
            os.chown(self.path("run/vpsh/policy"), 0,
                     pwd.getpwnam("vpsh").pw_gid)
            os.chmod(self.path("run/vpsh/policy"), 0o750)
        for name in ("vpsh-broker", "vpsh-console", "vpsh-store"):
            self.link(harness.program(name), "libexec/" + name)
        self.link(harness.program("sim/vpsh-domain"), "libexec/vpsh-domain")
        self.link(harness.program("sim/libsimxen.so"), "sim/libsimxen.so")
        self.link(harness.program("sim/xen/xl"), "sim/xl")
        self.link(harness.program("sim/xen"), "usr/lib/xen-4.17/bin")
        for script in ("block", "vif-bridge"):
            self.link(harness.program("sim/hotplug"),
                      "etc/xen/scripts/" + script)
        # It finds its world by its own name, which a link would not keep.
        shutil.copy(harness.program("sim/xl"), self.path("usr/sbin/xl"))

    # --- what the operator writes -------------------------------------------

    def customer(self, name, uid=None, more=""):
        """A customer; as root with a uid, else only alice has a real one."""
        if uid is None:
            uid = FIRST_UID + len(self.uids)
        self.uids[name] = uid
        self.more[name] = more
        self.write_policy(name)
        return self

    def write_policy(self, name):
        self.folder("etc/vpsh/customers/" + name)
        self.write("etc/vpsh/customers/%s/policy.conf" % name,
                   'plan = "basic";\nuid = %d;\n%s\nguests = ( %s );\n'
                   % (self.uids[name], self.more[name],
                      ",\n  ".join(self.policies[name].values())))

    def guest(self, name, customer="alice", words="", memory=64, vcpus=1,
              disk=True, net=True, policy="", cfg=""):
        """A guest that is off: its xl.cfg, and a line in the policy."""
        domain = "%s-%s" % (customer, name)
        lines = ['name = "%s"' % domain,
                 'kernel = "%s"' % self.path("images/linux"),
                 'extra = "console=hvc0 %s"' % words,
                 "memory = %d" % memory, "vcpus = %d" % vcpus]
        if disk:
            lines.append('disk = [ "%s,raw,xvda,rw" ]'
                         % self.path("images/disk"))
        if net:
            lines.append('vif = [ "bridge=xenbr0" ]')
        self.write("etc/xen/%s.cfg" % domain, "\n".join(lines + [cfg, ""]))
        self.policies[customer][name] = '{ name = "%s"; %s }' % (name, policy)
        self.write_policy(customer)
        if self.started and self.can_be(customer):
            harness.wait_until(
                lambda: self.vpsh("status", name,
                                  customer=customer).returncode == 0,
                what="%s has %s" % (customer, name))
        return domain

    # --- start and stop -----------------------------------------------------

    def run(self, name, argv, env=None, ready=None, session=True):
        log = open(self.path("log"), "ab")
        process = harness.Process(argv, env=dict(ENVIRONMENT, **(env or {})),
                                  stdout=log, stderr=log, session=session,
                                  preexec_fn=becomes(self.uid))
        log.close()
        self.processes[name] = process
        if ready:
            harness.wait_until(
                lambda: ready() or not process.alive(), 20,
                "%s is ready; %s" % (name, self.said()))
            assert process.alive(), "%s ended: %s" % (name, self.said())
        return process

    def said(self):
        try:
            with open(self.path("log"), errors="backslashreplace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def preloaded(self):
        return {"SIM_WORLD": self.dir,
                "XENSTORED_RUNDIR": self.path("run/xenstored"),
                "XENSTORED_PATH": self.path("run/xenstored/socket"),
                "LD_PRELOAD": self.path("sim/libsimxen.so")}

    def start(self, vpsh=True, **kwargs):
        """With vpsh=False a host that has not heard of it."""
        harness.cleanup.callback(self.stop)
        self.start_xen()
        if vpsh:
            self.start_vpsh(**kwargs)
            self.started = True
        return self

    def start_xen(self):
        store = self.path("run/xenstored/socket")
        self.run("simxen", [harness.program("sim/simxen"), "-p", self.dir,
                            "-m", str(self.memory)],
                 ready=lambda: os.path.exists(self.path("sim/xen.sock")))
        self.run("xenstored", [harness.program("sim/xen/xenstored"),
                               "--no-fork", "--pid-file",
                               self.path("run/xenstored/pid")],
                 self.preloaded(), ready=lambda: listens(store))
        harness.run([harness.program("sim/xen/xen-init-dom0")], check=True,
                    env=dict(ENVIRONMENT, **self.preloaded()),
                    preexec_fn=becomes(self.uid))
        self.store = Store(store)
        self.run("simdom0", [harness.program("sim/simdom0"), "-p", self.dir],
                 ready=lambda: self.store.read("/local/domain/0/backend")
                 is not None)
        self.start_consoled()

    def start_consoled(self):
        pid_file = self.path("run/xenconsoled.pid")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(pid_file)
        return self.run(
            "xenconsoled", [harness.program("sim/xenconsoled"), "-p",
                            self.dir],
            {"XENSTORED_PATH": self.path("run/xenstored/socket")},
            ready=lambda: os.path.exists(pid_file))

    def start_vpshd(self, **kwargs):
        """Not waiting for anybody; of our session for who stops children."""
        return self.run("vpshd", [harness.program("vpshd"), "-p", self.dir,
                                  "-x", self.path("libexec")], **kwargs)

    def start_vpsh(self, **kwargs):
        self.start_vpshd(ready=lambda: os.path.exists(self.socket), **kwargs)
        harness.wait_until(
            lambda: self.whole()
            and self.vpsh("list", customer="alice").returncode == 0,
            20, "vpsh answers; " + self.said())
        return self

    def stop_vpsh(self):
        self.processes.pop("vpshd").stop(seconds=10)

    def restart_consoled(self):
        self.processes.pop("xenconsoled").stop()
        return self.start_consoled()

    def inhabitants(self):
        """Every process that lives in this world, whoever started it."""
        found = {}
        mark = ("SIM_WORLD=%s\0" % self.dir).encode()
        for pid in [int(n) for n in os.listdir("/proc") if n.isdigit()]:
            words = environ = b""
            with contextlib.suppress(OSError):
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    words = f.read()
                # Those with a sandbox do not show theirs.
                with open("/proc/%d/environ" % pid, "rb") as f:
                    environ = f.read()
            words = words.decode("utf-8", "replace").split("\0")[:-1]
            if pid != os.getpid() and words and (
                    mark in environ or self.dir in words[1:]):
                found[pid] = " ".join(words)
        return found

    def stop(self):
        """Ends everything that runs here."""
        self.started = False
        for name in reversed(list(self.processes)):
            self.processes.pop(name).stop()
        if getattr(self, "store", None):
            self.store.close()
            self.store = None
        for pid in self.inhabitants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        harness.wait_until(lambda: not self.inhabitants(),
                           what="nobody is left in %s" % self.dir)
        said = self.said()
        if any(report in said for report in SANITIZER_REPORTS):
            raise harness.Findings(said.splitlines())

    # --- vpsh ---------------------------------------------------------------

    def can_be(self, customer):
        return os.geteuid() in (0, self.uids[customer])

    def vpsh(self, *words, customer="alice", **kwargs):
        """One command to its end: returncode, stdout, stderr."""
        kwargs.setdefault("env", ENVIRONMENT)
        return harness.run([harness.program("vpsh"), "-p", self.dir, *words],
                           preexec_fn=becomes(self.uids[customer]), **kwargs)

    def vpsh_beside(self, *words, customer="alice", **kwargs):
        """The same, while it runs."""
        kwargs.setdefault("env", ENVIRONMENT)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        return harness.Process(
            [harness.program("vpsh"), "-p", self.dir, *words],
            preexec_fn=becomes(self.uids[customer]), **kwargs)

    def pty(self, *words, customer="alice", **kwargs):
        """A person at a terminal."""
        kwargs.setdefault("env", ENVIRONMENT)
        return harness.Pty(
            [harness.program("vpsh"), "-p", self.dir, *words],
            preexec=becomes(self.uids[customer]), **kwargs)

    def child_pids(self):
        """vpshd's."""
        return children_of(self.processes["vpshd"].pid)

    def children(self):
        """{"vpsh-broker": pid, "vpsh-domain watch": pid, ...}."""
        found = {}
        for pid in self.child_pids():
            with contextlib.suppress(OSError):
                words = words_of(pid)
                found[" ".join([os.path.basename(words[0])] + words[3:-1])
                      ] = pid
        return found

    def whole(self):
        """Are all of them there? A worker would be one more, and a process
        that has just been forked has not its own name yet."""
        return set(CHILDREN) <= set(self.children())

    def kill(self, name, number=signal.SIGKILL):
        """A process of the host or of vpsh, by its name; its pid."""
        if name in self.processes:
            pid = self.processes[name].pid
        else:
            pid = self.children()[name]
        os.kill(pid, number)
        return pid

    # --- the outside actor, and the truth -----------------------------------

    def xl(self, *words, **kwargs):
        kwargs.setdefault("env", ENVIRONMENT)
        return harness.run([self.path("usr/sbin/xl"), *words],
                           preexec_fn=becomes(self.uid), **kwargs)

    def xl_beside(self, *words, **kwargs):
        kwargs.setdefault("env", ENVIRONMENT)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.STDOUT)
        return harness.Process([self.path("usr/sbin/xl"), *words],
                               preexec_fn=becomes(self.uid), **kwargs)

    def ask(self, op, domid=0, value=0, number=0):
        """simxen: (reply, what came behind it)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(10)
            sock.connect(self.path("sim/xen.sock"))
            sock.send(REQUEST.pack(op, domid, number, value, b"", b""))
            data = sock.recv(1 << 20)
        reply = REPLY.unpack_from(data)
        if reply[0]:
            raise OSError(reply[0], os.strerror(reply[0]))
        return reply, data[REPLY.size:]

    def free_kib(self):
        return self.ask(HOST)[0][3]

    def guest_pids(self):
        """What plays them, by domid: the hypervisor's children."""
        found = {}

        def own_words(pid):
            """Once it is no longer simxen itself. In between it has no
            words; one that has died has none any more."""
            words = words_of(pid)
            if not words[0] and state_of(pid) in "ZX":
                raise ProcessLookupError(pid)
            return os.path.basename(words[0]) not in ("simxen", "") and words
        for pid in children_of(self.processes["simxen"].pid):
            with contextlib.suppress(OSError):
                words = harness.wait_until(lambda: own_words(pid), 5,
                                           "a guest runs")
                if "-d" in words:
                    found[int(words[words.index("-d") + 1])] = pid
        return found

    def domains(self):
        """All that there are, by domid, domain 0 left out."""
        pids, found = self.guest_pids(), []
        for fields in DOMAIN.iter_unpack(self.ask(LIST)[1]):
            (domid, uuid, paused, shutdown, dying, reason, _, _, memory, _,
             _) = fields
            if domid == 0:
                continue
            state = ("dying" if dying else "shutdown" if shutdown else
                     "paused" if paused else "running")
            found.append(Domain(
                domid, self.store.read("/local/domain/%d/name" % domid),
                uuid.hex(), state, REASONS[reason] if shutdown else None,
                paused, memory, pids.get(domid)))
        return found

    def domain(self, name):
        """The newest of that name, or None."""
        found = [d for d in self.domains() if d.name == name]
        return found[-1] if found else None

    def wait_domain(self, name, seconds=10, **wanted):
        """Until it has all of these; no keyword: until there is none."""
        def look():
            domain = self.domain(name)
            if not wanted:
                return domain is None
            return domain and all(getattr(domain, k) == v
                                  for k, v in wanted.items()) and domain
        return harness.wait_until(look, seconds, "%s: %s, it is %s" % (
            name, wanted or "gone", self.domain(name)))

    def twins(self, on):
        """Creates check names before anybody writes one, as may happen."""
        self.ask(TWINS, value=1 if on else 0)

    def zombies(self, on):
        """A destroyed domain is there until xenconsoled lets go of it."""
        self.ask(ZOMBIES, value=1 if on else 0)

    def counters(self, domid):
        """What the kernel of domain 0 counted for that domain."""
        found = {}
        for pattern, names in (
                ("sys/class/net/vif%d.0", ("rx_bytes", "tx_bytes")),
                ("sys/bus/xen-backend/devices/vbd-%d-51712",
                 ("rd_sect", "wr_sect"))):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    with open(self.path(pattern % domid, "statistics",
                                        name)) as f:
                        found[name] = int(f.read())
        return found
