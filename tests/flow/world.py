# SPDX-License-Identifier: ISC
"""A host of its own below a temporary folder, and what runs there."""

import contextlib
import json
import os
import signal
import socket

import frames
import harness

UUID = tuple(range(16))
LOOKS = (frames.START, frames.RESET, frames.DESTROY, frames.DEATH,
         frames.PAUSE, frames.UNPAUSE)

PLAN = """
support = "help@example.net";
plans = ( { name = "basic";
  allow = [ "console", "log", "start", "shutdown", "reboot", "destroy" ];
  limits = { sessions = 8; }; } );
"""


class World:
    """Configuration files below a prefix; our own uid is alice's."""

    def __init__(self):
        self.dir = harness.temp_dir()
        os.chmod(self.dir, 0o755)
        for path in ("etc/vpsh/customers", "var/log/vpsh", "var/lib/vpsh",
                     "run/vpsh"):
            os.makedirs(os.path.join(self.dir, path))
        self.socket = os.path.join(self.dir, "run/vpsh/broker.sock")
        self.audit = os.path.join(self.dir, "var/log/vpsh/audit.jsonl")
        self.write("vpsh.conf", PLAN)
        self.customer("alice", guests=("db", "web"), uid=os.geteuid())
        self.customer("bob", guests=("shop",), uid=47999)

    def path(self, *names):
        return os.path.join(self.dir, "etc/vpsh", *names)

    def write(self, name, text, mode=0o644):
        """As editors do: a new file that takes the name."""
        with open(self.path(name + ".new"), "w") as f:
            f.write(text)
        os.chmod(self.path(name + ".new"), mode)
        os.rename(self.path(name + ".new"), self.path(name))

    def customer(self, name, guests=(), uid=None, more=""):
        os.makedirs(self.path("customers", name), exist_ok=True)
        lines = ['plan = "basic";', more]
        if uid is not None:
            lines.append("uid = %d;" % uid)
        lines.append("guests = ( %s );" % ", ".join(
            g if g.startswith("{") else '{ name = "%s"; }' % g
            for g in guests))
        self.write("customers/%s/policy.conf" % name, "\n".join(lines))

    def records(self):
        """The audit log so far; every line of it has to be whole."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.audit) as f:
                return [json.loads(line) for line in f]
        return []

    def record(self, **wanted):
        """Waits for the audit record that has all of these."""
        def find():
            for r in self.records():
                if all(r.get(k) == v for k, v in wanted.items()):
                    return r
        return harness.wait_until(find, what="audit record %s" % wanted)

    def client(self, **kwargs):
        return frames.Client(self.socket, **kwargs)


class Supervised(World):
    """With a real vpshd, broker, console server; no Xen, so no watcher."""

    def start(self, seconds=15):
        self.log = open(os.path.join(self.dir, "log"), "ab+")
        self.process = harness.Process(
            [harness.program("vpshd"), "-p", self.dir, "-x",
             os.path.dirname(harness.program("vpshd"))],
            stderr=self.log, stdout=self.log)
        harness.wait_until(lambda: os.path.exists(self.socket),
                           what="vpshd listens")
        harness.wait_until(self.answers, seconds, "the broker answers")
        harness.wait_until(
            lambda: "console server is there" in self.said(), seconds,
            "the broker has the console server")
        return self

    def answers(self):
        try:
            client = self.client(seconds=1)
            client.close()
            return True
        except (OSError, AssertionError):
            return False

    def said(self):
        self.log.flush()
        with open(self.log.name, errors="backslashreplace") as f:
            return f.read()

    def pids(self):
        """The supervisor's children by name: {"vpsh-broker": 123, ...}."""
        with open("/proc/%d/task/%d/children" % (
                self.process.pid, self.process.pid)) as f:
            pids = [int(p) for p in f.read().split()]
        found = {}
        for pid in pids:
            with contextlib.suppress(OSError):
                with open("/proc/%d/cmdline" % pid) as f:
                    words = f.read().split("\0")
                found[" ".join([os.path.basename(words[0])] + words[3:-1])
                      ] = pid
        return found


class Watcher(frames.Channel):
    """Is told once that nothing is to be started; most do not care."""

    def recv(self, wanted=None):
        while (got := super().recv()) and got.name == "AUTOSTARTED" != wanted:
            pass
        assert got is None or wanted in (None, got.name), (got, wanted)
        return got

    def silent(self, seconds):
        while harness.poll_once([self.sock.fileno()], seconds):
            got = super().recv()
            assert got and got.name == "AUTOSTARTED", got
        return True


class Inner(World):
    """The real broker alone: the test plays everybody else."""

    def __init__(self):
        super().__init__()
        self.listener = None
        self.early = []     # workers that are asked for later
        self.workers, self.kills = [], []
        self.points = os.path.join(self.dir, "run/vpsh/points")

    def start(self, accounts=True):
        ours, theirs = frames.pair()
        self.supervisor = frames.Channel(ours)
        fd = theirs.detach()
        self.log = open(os.path.join(self.dir, "log"), "ab+")

        def give_control():
            os.dup2(fd, 3)

        self.process = harness.Process(
            [harness.program("vpsh-broker"), "-p", self.dir],
            stderr=self.log, stdout=self.log, close_fds=False,
            preexec_fn=give_control)
        os.close(fd)
        # Inner channels want the same build: say what it says.
        said = self.supervisor.recv("HELLO")
        self.build = said.build
        self.supervisor.send("HELLO", 0, frames.hello(
            frames.SUPERVISOR, self.build))
        self.listen()
        if accounts:
            self.accounts_end()
        return self

    def listen(self):
        """The socket is the supervisor's: it outlives the broker."""
        if self.listener is None:
            self.listener = socket.socket(socket.AF_UNIX,
                                          socket.SOCK_SEQPACKET)
            self.listener.bind(self.socket)
            self.listener.listen(128)
        self.supervisor.send("LISTENER", door=frames.CUSTOMERS_DOOR,
                             fds=[self.listener.fileno()])

    def kill(self):
        """The broker dies, without a word and at once."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()
        self.supervisor.close()

    def point(self, name):
        """The broker is to stop there; to be called before it comes by."""
        os.makedirs(self.points, exist_ok=True)
        with open(os.path.join(self.points, name), "w"):
            pass

    def stopped(self, name):
        """Waits until it did."""
        path = os.path.join(self.points, "%s.%d" % (name, self.process.pid))
        harness.wait_until(lambda: os.path.exists(path), what="at " + name)
        os.unlink(path)

    def peer(self, role, kind=frames.Channel):
        """Introduce ourselves as the console server or the watcher."""
        ours, theirs = frames.pair()
        self.supervisor.send("PEER", role=role, fds=[theirs.fileno()])
        theirs.close()
        channel = kind(ours)
        channel.recv("HELLO")
        channel.send("HELLO", 0, frames.hello(role, self.build))
        return channel

    def spawned(self, kind):
        """The next worker of that kind: (SPAWN, its channel)."""
        while True:
            for i, (got, _) in enumerate(self.early):
                if got.worker == kind:
                    return self.early.pop(i)
            self.listen_once()

    def listen_once(self):
        """Takes one word of the broker to its supervisor."""
        got = self.supervisor.recv()
        if got.name == "KILL":
            self.kills.append(got.job)
            return
        assert got.name == "SPAWN", got
        channel = frames.Channel(socket.socket(fileno=got.fds[0]))
        channel.recv("HELLO")
        channel.send("HELLO", 0, frames.hello(frames.WORKER, self.build))
        self.workers.append(channel)    # none ends by being forgotten
        self.early.append((got, channel))

    def accounts(self):
        """The next look-up of accounts: (SPAWN, its channel)."""
        return self.spawned(2)

    def accounts_fail(self):
        """It ends without an answer."""
        got, worker = self.accounts()
        worker.close()
        self.supervisor.send("WORKER_GONE", job=got.job, status=9, killed=1)

    def accounts_end(self, **uids):
        """Answer the look-up of accounts: these exist, no others."""
        got, worker = self.accounts()
        for name, uid in uids.items():
            worker.send("ACCOUNT", customer=name, uid=uid, known=1)
        worker.send("ACCOUNTS_END")
        worker.close()
        self.supervisor.send("WORKER_GONE", job=got.job)

    def worker(self):
        """A worker for a guest: (RUN, its channel, its number)."""
        got, worker = self.spawned(1)
        return worker.recv("RUN"), worker, got.job

    def result(self, worker, job, err="ok", number=0):
        worker.send("RESULT", job=job, err=frames.ERR[err], number=number)
        worker.close()
        self.supervisor.send("WORKER_GONE", job=job)

    def died(self, worker, job, **how):
        """A worker's end without a word of how it went."""
        self.supervisor.send("WORKER_GONE", job=job, **(how or {"status": 9}))
        worker.close()


class Host(Inner):
    """With a watcher that knows of domains, and answers scans."""

    def __init__(self):
        super().__init__()
        self.ops = {}       # of workers, by their number
        self.watcher = self.console = None
        self.dead, self.restarted = {}, False

    def start(self, console=True):
        super().start()
        self.watcher = self.peer(frames.WATCH)
        if console:
            self.console = self.peer(frames.CONSOLE)
        self.scanned()
        return self

    def scanned(self, *domains):
        """Answers the next scan, after telling of these domains."""
        scan = self.watcher.recv("SCAN")
        for domain in domains:
            self.tell(**domain)
        self.watcher.send("SCANNED", serial=scan.serial, ok=1)

    def peer(self, role):
        return super().peer(role, Watcher if role == frames.WATCH
                            else frames.Channel)

    def tell(self, name="DOMAIN_STATE", domain="alice-web", domid=1,
             state=frames.RUNNING, reason=0, ours=1, boot=1, since_ms=-1,
             at_ms=-1, cpu_ns=0, held=b"", held_until_ms=0, **counters):
        self.watcher.send(name, 0, frames.Domain(
            domain.encode(), UUID, domid, state, reason, ours, boot,
            since_ms, 0, frames.Counters(at_ms, cpu_ns, **counters), 1, 0,
            held_until_ms, held))

    def worker(self):
        run, worker, number = super().worker()
        self.ops[number] = run.of_op or run.op
        if self.restarted and run.op == frames.RECOVER:
            self.dead[number] = run.of
        return run, worker, number

    def result(self, worker, job, err="ok", number=0):
        super().result(worker, job, err, number)
        # One that has been given up is not to begin any more.
        while self.dead.get(job) not in (None, *self.kills):
            self.listen_once()
        # Xen says nothing of a pause and its end: the broker looks.
        if err == "ok" and self.watcher and self.ops[job] in LOOKS:
            self.scanned()

    def restart(self, *domains):
        """Its successor is told of these domains, and of no others."""
        self.kill()
        self.early.clear()
        self.kills.clear()
        self.dead, self.restarted = {}, True
        Inner.start(self)
        self.watcher = self.peer(frames.WATCH)
        self.console = self.peer(frames.CONSOLE)
        self.scanned(*domains)
        return self

    def status(self, client, guest="web"):
        """What STATUS says, with a watcher that has nothing to add."""
        ident = client.ask("STATUS", guest=guest)
        fds = [client.sock.fileno(), self.watcher.sock.fileno()]
        while fds[0] not in (ready := harness.poll_once(fds, 10)):
            assert ready, "neither an answer nor a scan"
            self.scanned()
        answer = client.recv("GUEST")
        assert answer.id == ident
        client.recv("END")
        return answer
