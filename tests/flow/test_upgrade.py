# SPDX-License-Identifier: ISC
"""Another build takes over while people are at work; nobody loses a line."""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import threading

import builds
import frames
import harness
import sim

GUEST, DOMAIN = "web", "alice-web"
LINE = re.compile(rb"counts alice-web \d+ (\d{8})")
# vpsh's own, which may come in the middle of a line.
NOTE = re.compile(rb"(\r\n)?\[web: [^]]*\]\r\n")
# wire/wire.h: console server -> viewer
OUTPUT, MISSED, EVENT = 720, 721, 722


class Host(sim.SimHost):
    """Its vpsh is installed in folders of its own, where it is upgraded."""

    def furnish(self):
        super().furnish()
        self.link(harness.program("sim/libsimxen.so"), "libexec/libsimxen.so")
        self.folder("sbin")
        self.install(0)

    def install(self, number):
        """As a package does it: nothing is told, nothing restarted."""
        builds.install(self.path("libexec"), builds.CHILDREN, number,
                       {"vpsh-domain": "sim/vpsh-domain"})
        builds.install(self.path("sbin"), ("vpshd",), number)

    def start_vpsh(self):
        self.run("vpshd", [self.path("sbin/vpshd"), "-p", self.dir, "-x",
                           self.path("libexec")])
        self.answers(0)
        return self

    def answers(self, number):
        """Until it is that build, and all of it is there."""
        wanted = builds.build_id() if number == 0 else builds.next_id(number)

        def look():
            with contextlib.suppress(OSError, AssertionError):
                client = frames.Client(self.socket, seconds=2)
                client.close()
                return client.hello and client.hello.build == wanted
        harness.wait_until(look, 20, "build %s answers; %s" % (
            wanted, self.said()))
        harness.wait_until(
            lambda: self.whole()
            and "running" in self.vpsh("status", GUEST).stdout
            or not self.started, 20, "it sees its guest; " + self.said())

    def upgrade(self, number, how):
        """how: what is done once the files are there."""
        before = set(self.children().values())
        self.install(number)
        how(self)
        self.answers(number)
        after = self.children()
        assert not before & set(after.values()), (before, after)
        for pid in before:
            assert harness.wait_exit(pid, 10)


class Viewer(threading.Thread):
    """
    Looks on as any vpsh does: by offset, and again from there whenever it is
    cut off. version 2 is that of a vpsh from before the upgrade.
    """

    def __init__(self, host, version):
        super().__init__(daemon=True)
        self.host, self.version = host, version
        self.at = None          # offset of the next byte
        self.data = b""
        self.marks, self.lost, self.attached = [], [], 0
        self.ending, self.error = False, None
        self.start()

    def run(self):
        try:
            while not self.ending:
                with contextlib.suppress(OSError):
                    self.attach()
        except BaseException as error:
            self.error = error

    def attach(self):
        client = frames.Client(self.host.socket, greet=False, seconds=3)
        with contextlib.closing(client):
            client.send("HELLO", 0, frames.hello(version=self.version,
                                                 oldest=self.version))
            if client.recv() is None:
                return
            client.send("CONSOLE", 1, frames.Attach(
                GUEST.encode(),
                frames.FROM_TAIL if self.at is None else self.at, 0,
                frames.VIEW))
            answer = client.recv()
            if answer is None or answer.name != "ATTACHED":
                return
            with socket.socket(fileno=answer.fds[0]) as viewer:
                self.attached += 1
                self.look(viewer, client.sock)

    def look(self, viewer, session):
        while not self.ending:
            ready = harness.poll_once([viewer, session], 1)
            if viewer.fileno() in ready:
                frame = viewer.recv(65536)
                if not frame:
                    return
                self.take(struct.unpack_from("=I", frame)[0], frame[8:])
            elif ready:
                return

    def take(self, kind, body):
        if kind == OUTPUT:
            offset = struct.unpack_from("=Q", body)[0]
            if self.at is not None and offset != self.at:
                self.lost.append((self.at, offset))
            self.data += body[8:]
            self.at = offset + len(body) - 8
        elif kind == EVENT:
            self.marks.append(body.split(b"\0")[0].decode())
        elif kind == MISSED:
            self.marks.append("missed")

    def numbers(self):
        return [int(n) for n in LINE.findall(self.data)]

    def goes_on(self, seconds=15):
        """Until there are lines from after this moment."""
        last = max(self.numbers(), default=0)
        harness.wait_until(
            lambda: self.error or max(self.numbers(), default=0) > last + 20,
            seconds, "more lines than %d; %s" % (last, self.host.said()))
        if self.error:
            raise self.error

    def end(self):
        self.ending = True
        self.join(10)
        if self.error:
            raise self.error
        check(self.numbers())
        assert not self.lost and "missed" not in self.marks, (self.lost,
                                                              self.marks)


def check(numbers):
    """Each once, and in order."""
    wrong = [(a, b) for a, b in zip(numbers, numbers[1:]) if b != a + 1]
    assert len(numbers) > 40 and not wrong, (numbers[:1], wrong, numbers[-1:])


@contextlib.contextmanager
def counted(*versions):
    """A host whose guest counts while these and a person look on."""
    host = Host()
    host.guest(GUEST, words="counts=20")
    host.start()
    done = host.vpsh("start", GUEST)
    assert done.returncode == 0, done
    domid = host.wait_domain(DOMAIN, state="running").domid
    viewers = [Viewer(host, version) for version in versions]
    person = host.pty("console", GUEST)
    person.expect(LINE.pattern)
    for viewer in viewers:
        viewer.goes_on()
    yield host, viewers
    for viewer in viewers:
        viewer.goes_on()
        # Each renewal cut it off, and it came back.
        assert viewer.attached > 1, viewer.attached
        viewer.end()
    last = viewers[0].numbers()[-1]
    person.expect(rb"counts alice-web \d+ %08d" % last, 15)
    check([int(n) for n in LINE.findall(NOTE.sub(b"", person.output))])
    assert b"bytes are missing" not in person.output
    person.send(b"\x1d")
    assert person.expect_end() == 0
    assert host.domain(DOMAIN).domid == domid
    assert host.domain(DOMAIN).state == "running"


def reload(host):
    host.kill("vpshd", signal.SIGHUP)


def restart(host):
    """Of the whole service."""
    host.stop_vpsh()
    host.run("vpshd", [host.path("sbin/vpshd"), "-p", host.dir, "-x",
                       host.path("libexec")])


@harness.deadline(60)
def test_reload_after_an_upgrade_costs_no_viewer_a_line():
    with counted(2, 3) as (host, _):
        host.upgrade(1, reload)
        assert host.said().count("executing ") == 1


@harness.deadline(60)
def test_restart_after_an_upgrade_costs_no_viewer_a_line():
    with counted(2, 3) as (host, _):
        host.upgrade(1, restart)


@harness.deadline(60)
def test_whoever_dies_after_an_upgrade_brings_it_about():
    with counted(2, 3) as (host, _):
        host.upgrade(1, lambda host: host.kill("vpsh-domain watch"))


@harness.deadline(60)
def test_all_of_it_killed_at_once_costs_no_viewer_a_line():
    def kill(host):
        children = host.children().values()
        vpshd = host.processes.pop("vpshd")
        for pid in [vpshd.pid, *children]:
            os.kill(pid, signal.SIGKILL)
        vpshd.wait()
        host.run("vpshd", [host.path("sbin/vpshd"), "-p", host.dir, "-x",
                           host.path("libexec")])
    with counted(2, 3) as (host, _):
        host.upgrade(1, kill)


@harness.deadline(60)
def test_an_upgrade_back_and_forth_costs_no_viewer_a_line():
    with counted(2) as (host, _):
        host.upgrade(1, reload)
        # The second waits until the first was long enough ago.
        host.upgrade(0, reload)
        assert host.said().count("executing ") == 2


# --- jobs under way -----------------------------------------------------------

@contextlib.contextmanager
def held_at(point, words, *before):
    """A job of alice's whose worker has come to that point."""
    host = Host()
    host.guest(GUEST, words="counts=20")
    host.start()
    for earlier in before:
        done = host.vpsh(*earlier)
        assert done.returncode == 0, done
    host.folder("run/vpsh/points")
    host.write("run/vpsh/points/" + point, "")
    client = host.vpsh_beside(*words)
    folder = host.path("run/vpsh/points")
    worker = int(harness.wait_until(
        lambda: [n for n in os.listdir(folder) if n[-1].isdigit()], 20,
        "the worker is there; " + host.said())[0].rsplit(".", 1)[1])
    yield host, client, worker


def upgrade_beside(host):
    """The worker is stopped: what shows the guest may wait for it."""
    before = set(host.children().values())
    host.install(1)
    reload(host)
    harness.wait_until(
        lambda: not before & set(host.children().values())
        and host.whole(), 20, "new children; " + host.said())


def goes_on(host, client, worker, said):
    """It hears how its job ended, and nobody is left behind."""
    os.kill(worker, signal.SIGCONT)
    output, errors = client.popen.communicate(timeout=30)
    assert client.wait(0) == 0, (output, errors, host.said())
    assert said in output + errors, (output, errors)
    assert harness.wait_exit(worker, 10)
    harness.wait_until(lambda: len(host.children()) == 3, 10,
                       "three children, no zombie: %s" % host.children())
    done = [r for r in audited(host) if r["event"] == "done"]
    assert len([r for r in done if r.get("verb") == client.argv[3]]) == 1, done


def audited(host):
    with open(host.audit) as f:
        return [json.loads(line) for line in f]


@harness.deadline(60)
def test_a_start_under_way_ends_and_its_customer_hears_so():
    with held_at("start-created", ("start", GUEST)) as (host, client, worker):
        upgrade_beside(host)
        goes_on(host, client, worker, b"web")
        assert host.wait_domain(DOMAIN, state="running")


@harness.deadline(60)
def test_a_destroy_under_way_ends_and_its_customer_hears_so():
    with held_at("stop-silent", ("destroy", GUEST, "--yes"),
                 ("start", GUEST)) as (host, client, worker):
        upgrade_beside(host)
        goes_on(host, client, worker, b"web")
        host.wait_domain(DOMAIN)


@harness.deadline(60)
def test_between_an_upgrade_and_the_reload_jobs_are_done_as_before():
    host = Host()
    host.guest(GUEST, words="counts=20")
    host.start()
    before = host.children()
    host.install(1)
    for words in (("start", GUEST), ("reboot", GUEST),
                  ("destroy", GUEST, "--yes")):
        done = host.vpsh(*words, seconds=30)
        assert done.returncode == 0, (words, done, host.said())
    # A new customer is looked up, too.
    host.customer("carol")
    assert host.children() == before
    assert "executing" not in host.said()
