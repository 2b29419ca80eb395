# SPDX-License-Identifier: ISC
"""What the benchmark of the console is made of.

The guests are a C program that plays xenconsoled; supervisor and watcher are
played by this process; the broker, the console server and vpsh are the real
ones. Nothing that is played is in the byte path behind the tty.
"""

import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", d) for d in ("lib", "flow")]
import frames
import harness
import sim
import world

# wire/wire.h
RING_BYTES = 4096 + 64 * 1024 + 1024 * 1024
UUID = tuple(range(16))
DEADLINE_S = 60
frames.TYPES["PTY"] = 500, frames.Pty


class Told:
    """A helper that does what it is told, a line at a time."""

    def __init__(self, *words, **kwargs):
        self.process = harness.Process(
            [harness.program("bench/" + words[0]), *words[1:]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            **kwargs)
        self.words = words

    def tell(self, line):
        self.process.popen.stdin.write(line.encode() + b"\n")
        self.process.popen.stdin.flush()

    def hear(self):
        out = self.process.popen.stdout
        assert harness.poll_once([out.fileno()], DEADLINE_S), \
            "%s: silent" % (self.words,)
        line = out.readline().decode()
        assert line.endswith("\n"), "%s ended" % (self.words,)
        return line.split()

    def ask(self, line):
        self.tell(line)
        return self.hear()[1:]


class Source(Told):
    """Guests that talk; ttys are their names."""

    def __init__(self, guests):
        super().__init__("source", str(guests))
        self.ttys = [self.hear()[0] for _ in range(guests)]


class Terminal(Told):
    """A program on a terminal; pid is its."""

    def __init__(self, *words, **kwargs):
        super().__init__("terminal", *words, **kwargs)
        self.pid = int(self.hear()[1])


def children_of(pid):
    found = [pid]
    with contextlib.suppress(OSError):
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            for child in f.read().split():
                found += children_of(int(child))
    return found


def cpu_seconds(pids):
    """Time on a CPU so far, to the nanosecond."""
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                total += int(f.read().split()[0])
    return total / 1e9


def status(pids, *names):
    """The sum of these lines of /proc/PID/status."""
    total = 0
    for pid in pids:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.split(":")[0] in names:
                    total += int(line.split()[1])
    return total


def memory_kib(pids):
    """Pages that are theirs alone, rings left out."""
    return status(pids, "RssAnon")


def rings_kib(pids):
    return status(pids, "RssShmem")


def wake_ups(pids):
    """How often they have gone to sleep, and so woken up."""
    return status(pids, "voluntary_ctxt_switches")


class Console:
    """The real console server; its watcher is played."""

    def __init__(self, folder):
        self.dir = folder
        ours, theirs = frames.pair()
        fd = theirs.detach()
        self.log = open(os.path.join(folder, "console.log"), "ab+")
        self.process = harness.Process(
            [harness.program("vpsh-console"), "-p", folder],
            stderr=self.log, stdout=self.log, close_fds=False,
            preexec_fn=lambda: os.dup2(fd, 3))
        os.close(fd)
        self.pid = self.process.pid
        self.supervisor = frames.Channel(ours)
        self.build = self.supervisor.recv("HELLO").build
        self.supervisor.send("HELLO", 0, frames.hello(
            frames.SUPERVISOR, self.build))
        self.watcher = self.peer(frames.WATCH)

    def introduce(self, role, sock):
        self.supervisor.send("PEER", role=role, fds=[sock.fileno()])
        sock.close()

    def peer(self, role):
        """Be that one of its peers."""
        ours, theirs = frames.pair()
        self.introduce(role, theirs)
        channel = frames.Channel(ours)
        channel.recv("HELLO")
        channel.send("HELLO", 0, frames.hello(role, self.build))
        return channel

    def serve(self, guest, tty, customer="alice", number=1):
        """As the watcher hands over a tty, its lock and its ring."""
        ring = tempfile.TemporaryFile(
            dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        os.posix_fallocate(ring.fileno(), 0, RING_BYTES)
        fds = [os.open(tty, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC),
               os.open(os.path.join(self.dir, "lock-" + guest),
                       os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600),
               ring.fileno()]
        self.watcher.send("PTY", 0, frames.Pty(
            customer.encode(), guest.encode(),
            (number & 255, number >> 8) + UUID[2:], 1, number, 0), fds=fds)
        for fd in fds[:2]:
            os.close(fd)
        ring.close()

    def grant(self, broker, guest, number, customer="alice"):
        """A viewer's end, as the broker would pass it on."""
        ours, theirs = frames.pair()
        broker.send("GRANT", 0, frames.Grant(
            number, customer.encode(), guest.encode(), customer.encode(),
            frames.FROM_TAIL, 0, 0, 0, 0, -1), fds=[theirs.fileno()])
        theirs.close()
        while harness.poll_once([broker.sock.fileno()], 0):
            assert broker.recv().name == "READY"
        return ours

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="backslashreplace")


class Vpsh(world.Inner):
    """Broker, console server and vpsh of one customer, with one guest."""

    def start(self, tty):
        super().start()
        self.watcher = self.peer(frames.WATCH, world.Watcher)
        self.server = Console(self.dir)
        to_broker, to_console = frames.pair()
        self.supervisor.send("PEER", role=frames.CONSOLE,
                             fds=[to_broker.fileno()])
        to_broker.close()
        self.server.introduce(frames.BROKER, to_console)
        scan = self.watcher.recv("SCAN")
        self.watcher.send("DOMAIN_STATE", 0, frames.Domain(
            b"alice-web", UUID, 1, frames.RUNNING, 0, 1, 1, 0, 262144,
            frames.Counters(-1), 1, 0, 0, b""))
        self.watcher.send("SCANNED", serial=scan.serial, ok=1)
        self.server.serve("web", tty)
        return self

    def words(self):
        return [harness.program("vpsh"), "-S", self.socket, "console", "web"]


def libraries():
    return {"LD_LIBRARY_PATH": os.path.join(
        TOP, "build/conserver/root/usr/lib/x86_64-linux-gnu")}


class Conserver:
    """Debian's, with one console that is a tty; nothing is logged."""

    def __init__(self, ttys):
        self.root = os.path.join(TOP, "build/conserver/root")
        self.dir = harness.temp_dir()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.write("conserver.cf", """
config * { sslrequired no; primaryport %d; logfile %s/log; }
default * { master localhost; logfile /dev/null; type device;
  baud 115200; parity none; rw *; options "!onlcr"; }
access * { trusted 127.0.0.1; }
%s""" % (self.port, self.dir, "\n".join(
            "console g%d { device %s; }" % i for i in enumerate(ttys))))
        self.write("passwd", "*any*:\n")
        self.write("console.cf", "config * { master 127.0.0.1; port %d; "
                   "sslenabled no; sslrequired no; }\n" % self.port)
        self.process = harness.Process(
            [os.path.join(self.root, "usr/sbin/conserver"), "-M",
             "127.0.0.1", "-C", self.path("conserver.cf"), "-P",
             self.path("passwd"), "-p", str(self.port), "-U",
             self.path("log"), "-n", "-o"],
            env=dict(sim.ENVIRONMENT, **libraries()),
            stdout=open(self.path("said"), "wb"),
            stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        # It starts a process for every 16 consoles, one after the other.
        harness.wait_until(self.listens, DEADLINE_S, "conserver listens")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), 0o600)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def words(self, guest=0):
        return [os.path.join(self.root, "usr/bin/console"), "-C",
                self.path("console.cf"), "-M", "127.0.0.1", "-p",
                str(self.port), "-f", "g%d" % guest]


class Xen(sim.SimHost):
    """A simulated host with one domain, whose tty is another one: for the
    xenconsole of Debian, which wants xenstore and a domain."""

    def start(self, tty):
        self.guest("web", policy="")
        super().start(vpsh=False)
        created = self.xl("create", self.path("etc/xen/alice-web.cfg"))
        assert created.returncode == 0, created
        self.domid = self.wait_domain("alice-web", state="running").domid
        # Its own daemon would write the node again.
        self.processes.pop("xenconsoled").stop()
        self.store.write("/local/domain/%d/console/tty" % self.domid, tty)
        return self

    def words(self):
        return ["env", *("%s=%s" % i for i in self.preloaded().items()),
                self.path("usr/lib/xen-4.17/bin/xenconsole"),
                str(self.domid)]
