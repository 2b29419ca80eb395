# SPDX-License-Identifier: ISC
"""The real broker and vpsh; watcher, workers and console server are played.

Their real selves need Xen, or a simulated host: see tests/lib/sim.py.
"""

import contextlib
import os
import select
import socket
import struct
import threading

import frames
import harness
from world import Inner

UUID = tuple(range(16))
OUTPUT, INPUT, WRITER, VIEW_END, STAMP = 720, 700, 723, 724, 725
# Line mode; the tests of the menu take LC_VPSH out again.
ENVIRONMENT = {"TERM": "xterm", "LANG": "C.UTF-8", "TZ": "UTC",
               "LC_VPSH": "line"}
LOGGED_MS = 1795273200000       # 2026-11-21 15:00:00 UTC
BOOT_TEXT = b"first byte of the boot\r\n"


WEB = dict(state=frames.RUNNING, boot=7, since_ms=0, memory_kib=524288,
           vcpus=2)


class Host(Inner):
    """A host on which guests start, stop and talk, in a thread."""

    def start(self):
        super().start()
        self.watcher = self.peer(frames.WATCH)
        self.console = self.peer(frames.CONSOLE)
        self.domains = {"alice-web": dict(WEB)}
        self.counters = dict(at_ms=-1)
        self.deaf = False                   # guests ignore requests
        self.blind = False                  # Xen does not answer
        self.may_end = threading.Event()    # jobs end while it is set
        self.may_end.set()
        self.asked = threading.Event()      # a job has begun
        self.jobs, self.grants, self.viewers = [], [], {}
        # Two ends of a pipe: closing one ends the thread.
        self.alive, self.stop = os.pipe()
        thread = threading.Thread(target=self.play, daemon=True)
        thread.start()
        harness.cleanup.callback(thread.join, 5)
        harness.cleanup.callback(os.close, self.stop)
        return self

    def play(self):
        # The broker may end first, in the middle of anything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while self.play_one():
                pass

    def play_one(self):
        channels = [self.watcher, self.console, self.supervisor]
        ready, _, _ = select.select(
            [c.sock for c in channels] + list(self.viewers) + [self.alive],
            [], [])
        if self.alive in ready:
            return False
        for sock in [s for s in list(self.viewers) if s in ready]:
            self.viewer_said(sock)
        for channel in [c for c in channels if c.sock in ready]:
            got = channel.recv()
            if got is None:
                return False
            self.handle(got)
        return True

    def handle(self, got):
        if got.name == "SCAN":
            for name, domain in list(self.domains.items()):
                self.tell(name, **domain)
            self.watcher.send("SCANNED", serial=got.serial,
                              ok=int(not self.blind))
        elif got.name == "SPAWN":
            sock = socket.socket(fileno=got.fds[0])
            threading.Thread(target=self.work, daemon=True,
                             args=(frames.Channel(sock), got)).start()
        elif got.name == "GRANT":
            self.grants.append(got)
            self.viewer_new(got)
        elif got.name == "REVOKE":
            for sock, viewer in list(self.viewers.items()):
                if viewer == got.viewer:
                    self.viewer_end(sock)
        elif got.name == "DRAIN":
            self.console.send("DRAINED", customer=got.customer,
                              guest=got.guest)

    def tell(self, name, kind="DOMAIN_STATE", state=frames.RUNNING, boot=1,
             since_ms=0, memory_kib=0, vcpus=0, reason=0):
        self.watcher.send(kind, 0, frames.Domain(
            name.encode(), UUID, 1, state, reason, 1, boot, since_ms,
            memory_kib, frames.Counters(**self.counters), vcpus, 0))

    def look(self):
        """What the broker has by now heard of all guests."""
        client = self.client()
        client.ask("LIST")
        guests = []
        while (got := client.recv()).name != "END":
            guests.append(got)
        client.close()
        return guests

    def reset(self, state=frames.RUNNING):
        """As it was in the beginning, when all jobs have ended."""
        harness.wait_until(
            lambda: not any(g.job_verb for g in self.look()),
            what="no job is under way")
        for name in list(self.domains):
            if name != "alice-web" or state == frames.OFF:
                self.gone(name)
        if state != frames.OFF:
            self.domains["alice-web"] = dict(WEB, state=state)
        self.jobs.clear()
        self.look()

    def state(self, name, state):
        self.domains[name]["state"] = state
        self.tell(name, **self.domains[name])

    def boot(self, name):
        self.domains[name] = dict(
            state=frames.RUNNING, boot=self.last_boot(name) + 1, since_ms=0,
            memory_kib=262144, vcpus=1)
        self.tell(name, **self.domains[name])

    def last_boot(self, name):
        return self.domains.get(name, {"boot": 7})["boot"]

    def gone(self, name, reason=7):
        if self.domains.pop(name, None):
            self.tell(name, kind="DOMAIN_GONE", reason=reason)

    def work(self, worker, spawn):
        worker.recv("HELLO")
        worker.send("HELLO", 0, frames.hello(frames.WORKER, self.build))
        if spawn.worker == 2:
            worker.send("ACCOUNTS_END")
        elif spawn.worker == 3:
            self.keep(worker, worker.recv("PUT"))
        else:
            run = worker.recv("RUN")
            if not self.is_so(run):
                self.jobs.append(run)
            self.asked.set()
            self.may_end.wait(20)
            if self.is_so(run):
                err, number = "ok", 1
            else:
                err, number = self.act(worker, run) or "ok", 0
            worker.send("RESULT", job=run.job, err=frames.ERR[err],
                        number=number)
        worker.close()
        self.supervisor.send("WORKER_GONE", job=spawn.job)

    def keep(self, worker, put):
        """What vpsh-store does; it knows one zone."""
        folder = os.path.join(self.dir, "var/lib/vpsh/customers",
                              put.customer)
        zone = put.prefs.zone.decode()
        if zone not in ("", "Europe/Berlin"):
            worker.send("RESULT", job=put.job, err=frames.ERR["zone"])
            return
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "prefs"), "w") as f:
            f.write("vpsh-prefs 1\nmode %s\nescape %s\nzone %s\ntz %s\n" % (
                ("default", "line", "menu")[put.prefs.mode],
                ("default", "none")[put.prefs.escape], zone or "-",
                "CET-1CEST,M3.5.0,M10.5.0/3" if zone else "-"))
        worker.send("RESULT", job=put.job)

    def is_so(self, run):
        """There is nothing to do."""
        there = self.domains.get("%s-%s" % (run.customer, run.guest))
        if run.op == frames.START:
            return bool(there) and there["state"] == frames.RUNNING
        return run.op in (frames.SHUTDOWN, frames.DESTROY) and not there

    def act(self, worker, run):
        name = "%s-%s" % (run.customer, run.guest)
        if self.domains.get(name, {}).get("state") == frames.PAUSED and \
                run.op in (frames.START, frames.SHUTDOWN, frames.REBOOT,
                           frames.SYSRQ):
            return "paused"
        if run.op in (frames.DESTROY, frames.RESET):
            self.gone(name)
        if run.op in (frames.START, frames.RESET):
            self.show(BOOT_TEXT)
            self.boot(name)
        if run.op in (frames.SHUTDOWN, frames.REBOOT):
            worker.send("PHASE", job=run.job, phase=frames.REQUESTED, domid=1)
            if self.deaf:
                return
            if run.op == frames.SHUTDOWN:
                self.gone(name, reason=frames.POWEROFF)
            else:
                self.boot(name)
        if run.op == frames.PAUSE:
            self.state(name, frames.PAUSED)
        if run.op == frames.UNPAUSE:
            self.state(name, frames.RUNNING)

    def viewer_new(self, grant):
        sock = socket.socket(fileno=grant.fds[0])
        self.viewers[sock] = grant.viewer
        if grant.flags & frames.LOG:
            # A menu may have closed it by now.
            with contextlib.suppress(OSError):
                sock.send(frames.head(STAMP) + struct.pack("<Qq", 0,
                                                           LOGGED_MS))
                self.output(sock, b"one\r\n\x1b[31mtwo\r\nthree\r\n")
                if not grant.flags & frames.FOLLOW_LOG:
                    sock.send(frames.head(VIEW_END) + bytes(frames.Outcome()))
            return
        sock.send(frames.head(WRITER) + struct.pack(
            "<II40s", 1, 0, grant.who.encode()))
        self.output(sock, b"%s login: " % grant.guest.encode())

    def output(self, sock, data):
        with contextlib.suppress(OSError):
            sock.send(frames.head(OUTPUT) + struct.pack("<Q", 0) + data)

    def show(self, data):
        for sock in list(self.viewers):
            self.output(sock, data)

    def drop_viewers(self):
        """As when the console server dies: no word, just the end."""
        for sock in list(self.viewers):
            sock.shutdown(socket.SHUT_RDWR)

    def viewer_said(self, sock):
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = sock.recv(65536)
        if not data:
            self.viewer_end(sock)
        elif data[:4] == struct.pack("<I", INPUT):
            self.output(sock, b"<%s>" % data[16:].upper())

    def viewer_end(self, sock):
        number = self.viewers.pop(sock)
        sock.close()
        self.console.send("VIEWER_GONE", viewer=number)

    def vpsh(self, *words, **kwargs):
        """One command without a terminal, to its end."""
        return harness.run([harness.program("vpsh"), "-S", self.socket,
                            *words], env=ENVIRONMENT, **kwargs)

    def person(self, *words, **kwargs):
        """vpsh on a terminal."""
        screen = harness.Pty([harness.program("vpsh"), "-S", self.socket,
                              *words], env=ENVIRONMENT, **kwargs)
        if not words:
            screen.expect("help for.*commands.*vpsh> ")
        return screen

    def job(self, number=-1):
        return self.jobs[number].op, self.jobs[number].guest
