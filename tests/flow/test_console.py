# SPDX-License-Identifier: ISC
"""What the console server, the watcher and the broker do for a console that
people trust: operators who watch or borrow it, who is there, whose it is."""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import time

import frames
import harness
import sim

LEAVE = b"\x1d"
PROMPT = rb"[$#] $"
INPUT, TAKE, HERE = 700, 701, 702
OUTPUT, MISSED, EVENT, WRITER, VIEW_END = 720, 721, 722, 723, 724


class Viewer:
    """The console server's socket, as an operator's program sees it."""

    def __init__(self, fd):
        self.sock = socket.socket(fileno=fd)
        self.sock.settimeout(10)
        self.data, self.events, self.missed = b"", [], 0
        self.next = self.writer = None

    def look(self):
        """One frame; False at the end."""
        try:
            raw = self.sock.recv(65536)
        except ConnectionResetError:
            raw = b""
        if not raw:
            return False
        kind, body = struct.unpack_from("=I", raw)[0], raw[8:]
        if kind == OUTPUT:
            offset = struct.unpack_from("=Q", body)[0]
            assert self.next in (None, offset), (self.next, offset)
            self.data += body[8:]
            self.next = offset + len(body) - 8
        elif kind == MISSED:
            self.missed += struct.unpack("=Q", body)[0]
            self.next = None
        elif kind == EVENT:
            self.events.append(body.split(b"\0")[0].decode())
        elif kind == WRITER:
            self.writer = (struct.unpack_from("=I", body)[0],
                           body[8:].split(b"\0")[0].decode())
        return True

    def see(self, text):
        while text not in self.data:
            assert self.look(), (text, self.data[-300:])

    def event(self, text):
        while not any(text in e for e in self.events):
            assert self.look(), (text, self.events)

    def ends(self):
        while self.look():
            pass
        return True

    def send(self, kind, body=b"\0\0\0\0"):
        self.sock.send(frames.head(kind) + body)

    def type(self, text):
        self.send(INPUT, struct.pack("=Q", 0) + text)

    def close(self):
        self.sock.close()


class Operator(frames.Client):
    def __init__(self, host):
        super().__init__(host.path("run/vpsh/operator.sock"), greet=False)
        self.host = host
        self.send("HELLO", 0, frames.hello(frames.OPERATOR))
        self.recv("HELLO")

    def watch(self, guest, offset=0):
        """A viewer, or the refusal."""
        self.ask("WATCH", guest=guest, until_ms=offset)
        got = self.recv()
        if got.name == "WATCHED":
            return Viewer(got.fds[0])
        self.recv("DID_END")
        return got

    def lend(self, guest, seconds=None, word=True):
        until = 0 if seconds is None else int((time.time() + seconds) * 1000)
        if word:
            # As vpshctl does: the broker alone is not believed.
            folder = self.host.path("run/vpsh/asked")
            os.makedirs(folder, exist_ok=True)
            open(os.path.join(folder, "lend:" + guest.replace("/", ":")),
                 "w").close()
        self.ask("LEND_GUEST", guest=guest, until_ms=until)
        did = self.recv("DID")
        self.recv("DID_END")
        return did


def host(*guests, **words):
    world = sim.SimHost()
    for name in guests:
        world.guest(name, words=words.get(name, ""))
    return world.start()


def connect(world, name):
    tty = world.pty("console", name)
    tty.expect(rb"\[%s: connected" % name.encode())
    tty.send("\r")
    if tty.expect(rb"login: |[$#] $").group().endswith(b"login: "):
        tty.send("root\r")
        tty.expect(PROMPT)
    return tty


def start(world, name):
    done = world.vpsh("start", name)
    assert done.returncode == 0, done
    return connect(world, name)


def answers(tty, word):
    tty.send("echo [%s]\r" % word)
    tty.expect(rb"\n\r?\[%s\]" % word.encode())
    tty.expect(PROMPT)


def leave(tty):
    tty.send(LEAVE)
    assert tty.expect_end() == 0, tty.output[-300:]


def xl_console(world, domain="alice-web"):
    return harness.Pty([world.path("usr/sbin/xl"), "console", domain],
                       env=sim.ENVIRONMENT,
                       preexec=sim.becomes(world.uid))


def records(world, **wanted):
    with open(world.audit) as f:
        found = [json.loads(line) for line in f]
    return [r for r in found
            if all(r.get(k) == v for k, v in wanted.items())]


def recorded(world, **wanted):
    return harness.wait_until(lambda: records(world, **wanted),
                              what="audit record %s" % wanted)


# --- an operator watches ------------------------------------------------------

def test_an_operator_watches_and_everybody_is_told():
    world = host("web")
    tty = start(world, "web")
    operator = Operator(world)
    viewer = operator.watch("alice/web")
    tty.expect(rb"\[web: the operator watches\]")
    answers(tty, "seen by both")
    viewer.see(b"\n[seen by both]")
    # Nothing that it does is a key, and it cannot become one who types.
    viewer.send(TAKE)
    viewer.type(b"echo pwned\r")
    viewer.send(HERE)
    viewer.event("here: alice (types), the operator (watches)")
    assert viewer.writer == (0, "alice")
    answers(tty, "still mine")
    assert b"pwned" not in tty.output
    assert records(world, event="operator", verb="watch", guest="web",
                   customer="alice", pid=os.getpid())
    # Its viewer lives without the connection that it came by, until it goes.
    operator.close()
    answers(tty, "and on")
    viewer.see(b"\n[and on]")
    viewer.close()
    tty.expect(rb"\[web: the operator has left\]")
    recorded(world, event="detach", verb="watch", guest="web")
    leave(tty)
    log = world.vpsh("log", "web", "--lines", "200").stdout
    for mark in ("alice has joined", "the operator watches",
                 "the operator has left", "alice has left"):
        assert mark in log, log
    assert log.index("the operator watches") < log.index("[still mine]")


def test_an_operator_who_may_not_watch_is_told_why():
    world = host("web")
    operator = Operator(world)
    did = operator.watch("alice/wbe")
    assert did.err == frames.ERR["no-guest"], did
    assert "did you mean alice/web" in did.text, did
    viewers = [operator.watch("alice-web") for _ in range(8)]
    did = operator.watch("alice/web")
    assert did.err == frames.ERR["busy"], did
    # Of a guest that is off, too: it waits for the first byte.
    assert world.vpsh("start", "web").returncode == 0
    viewers[3].see(b"Linux version")
    # Who has gone makes room at once.
    viewers[0].close()
    viewers[0] = harness.wait_until(
        lambda: isinstance(got := operator.watch("alice/web"), Viewer)
        and got, what="there is room")
    # None of that is at the cost of who the guest belongs to.
    tty = connect(world, "web")
    answers(tty, "mine")
    leave(tty)
    # An operator sees what some customer has, and nothing else.
    world.policies["alice"].pop("web")
    world.write_policy("alice")
    for viewer in viewers:
        assert viewer.ends()


def test_an_operator_goes_on_by_offset_after_a_restart():
    world = host("web", web="counts=20")
    assert world.vpsh("start", "web").returncode == 0
    viewer = Operator(world).watch("alice/web")
    viewer.see(b" 00000020\r\n")
    world.kill("vpsh-console")
    viewer.ends()

    def again():
        with contextlib.suppress(OSError, AssertionError):
            got = Operator(world).watch("alice/web", viewer.next)
            # One that is granted to the dead ends at once.
            return got if isinstance(got, Viewer) and got.look() else None
    later = harness.wait_until(again, what="it is back")
    later.see(b" 00000080\r\n")
    shown = viewer.data + later.data
    numbers = [int(n) for n in re.findall(rb"counts \S+ \d+ (\d{8})", shown)]
    gap = any("may be missing" in e for e in later.events)
    assert gap or numbers == list(range(numbers[0], numbers[-1] + 1)), numbers


# --- a console that is lent -----------------------------------------------------

def test_a_lent_console_is_xls_and_comes_back_when_that_ends():
    world = host("web")
    tty = start(world, "web")
    busy = xl_console(world)
    busy.expect("Could not lock")
    assert busy.expect_end() != 0
    operator = Operator(world)
    did = operator.lend("alice/web", 600)
    assert did.err == 0 and "10 minutes" in did.text, did
    tty.expect(rb"\[web: the operator has taken this console for up to 10 "
               rb"minutes\]")
    theirs = xl_console(world)
    theirs.send("\r")
    theirs.expect(PROMPT)
    answers(theirs, "for root only")
    tty.send("echo lost\r")
    theirs.send(LEAVE)
    theirs.expect_end()
    tty.expect(rb"\[web: the operator had this console; what was printed "
               rb"meanwhile is missing\]")
    tty.expect(rb"console opened again \(boot 1\)\]")
    answers(tty, "back")
    assert b"for root only" not in tty.output
    assert b"\nlost" not in tty.output + theirs.output
    busy = xl_console(world)
    busy.expect("Could not lock")
    leave(tty)
    assert records(world, event="operator", verb="lend", guest="web")
    log = world.vpsh("log", "web").stdout
    assert "the operator has taken this console" in log, log
    assert "what was printed meanwhile is missing" in log, log


def test_a_lent_console_comes_back_when_its_time_is_over():
    world = host("web")
    tty = start(world, "web")
    assert Operator(world).lend("alice/web", 2).err == 0
    tty.expect(rb"has taken this console for up to 1 minute\]")
    tty.expect(rb"the operator had this console")
    answers(tty, "back")
    leave(tty)


def test_a_lent_console_is_not_taken_from_under_who_has_it():
    world = host("web")
    tty = start(world, "web")
    assert Operator(world).lend("alice-web", 1).err == 0
    tty.expect(rb"has taken this console")
    theirs = xl_console(world)
    theirs.send("\r")
    theirs.expect(PROMPT)
    # Long after the second that it was for.
    theirs.send("slow 25\r")
    theirs.expect(rb"(alice-web|web)[^$#]*" + PROMPT)
    answers(theirs, "whole")
    assert b"the operator had" not in tty.output
    # It dies without a word: nobody removes its lock's name.
    os.kill(theirs.pid, signal.SIGKILL)
    for pid, words in world.inhabitants().items():
        if "xenconsole " in words + " ":
            os.kill(pid, signal.SIGKILL)
    theirs.wait()
    tty.expect(rb"the operator had this console")
    answers(tty, "back")
    leave(tty)


def test_a_broker_that_nobody_asked_lends_no_console():
    world = host("web")
    tty = start(world, "web")
    did = Operator(world).lend("alice/web", 600, word=False)
    assert did.err == frames.ERR["denied"] and "Nothing was done" in did.text
    answers(tty, "not lent")
    assert b"the operator" not in tty.output
    # Nor is a word good for twice.
    assert Operator(world).lend("alice/web", 1).err == 0
    tty.expect(rb"the operator had this console")
    did = Operator(world).lend("alice/web", 600, word=False)
    assert did.err == frames.ERR["denied"], did
    answers(tty, "nor now")
    leave(tty)


def test_a_watcher_that_comes_while_it_is_lent_leaves_it_lent():
    world = host("web", "shop")
    tty, shop = start(world, "web"), start(world, "shop")
    assert Operator(world).lend("alice/web", 600).err == 0
    tty.expect(rb"the operator has taken this console")
    folder = world.path("var/lock")
    name, = [n for n in os.listdir(folder) if n.startswith("xenconsole.")]
    other = os.path.join(folder, name)
    was = os.stat(other).st_ino
    world.kill("vpsh-domain watch")
    # The next one has shop's: it would have taken web's as well by then.
    harness.wait_until(
        lambda: os.path.exists(other) and os.stat(other).st_ino != was,
        what="another lock of shop's console")
    answers(shop, "settled")
    theirs = xl_console(world)
    theirs.send("\r")
    theirs.expect(PROMPT)
    answers(theirs, "still theirs")
    theirs.send(LEAVE)
    theirs.expect_end()
    tty.expect(rb"the operator had this console")
    answers(tty, "back")
    assert b"still theirs" not in tty.output
    assert os.listdir(world.path("run/vpsh/lent")) == []
    leave(tty)
    leave(shop)


def test_the_next_boot_of_a_lent_guest_is_its_customers_again():
    world = host("web")
    tty = start(world, "web")
    assert Operator(world).lend("alice/web").err == 0
    tty.expect(rb"the operator has taken this console\]")
    assert world.vpsh("destroy", "web", "--yes").returncode == 0
    assert world.vpsh("start", "web").returncode == 0
    tty.expect(rb"console opened \(boot 2\)")
    tty.expect(rb"login: ")
    leave(tty)


def test_what_cannot_be_lent_is_said():
    world = host("web")
    operator = Operator(world)
    did = operator.lend("alice/web", 60)
    assert did.err == frames.ERR["not-running"], did
    did = operator.lend("alice/shop", 60)
    assert did.err == frames.ERR["no-guest"], did


def test_a_console_server_that_comes_while_it_is_lent_leaves_it_alone():
    world = host("web")
    tty = start(world, "web")
    assert Operator(world).lend("alice/web").err == 0
    theirs = xl_console(world)
    theirs.send("\r")
    theirs.expect(PROMPT)
    world.kill("vpsh-console")
    tty.expect(rb"\[web: back")
    answers(theirs, "undisturbed")
    answers(theirs, "still")
    theirs.send(LEAVE)
    theirs.expect_end()
    tty.expect(rb"the operator had this console")
    answers(tty, "mine")
    leave(tty)


# --- the guest that is followed -------------------------------------------------

@harness.deadline(90)
def test_ten_reboots_are_followed_without_a_key():
    world = host("web")
    tty = start(world, "web")
    operator = Operator(world)
    viewer = operator.watch("alice/web")
    for boot in range(2, 12):
        how = ("reboot", "reset")[boot % 2]
        done = world.vpsh(how, "web", "--yes")
        assert done.returncode == 0, done
        tty.expect(rb"\[web: the guest is (rebooting|being reset)\]\r\n"
                   rb"\[web: console opened \(boot %d\)\]\r\n"
                   rb"\[    0\.000000\] Linux version" % boot)
        tty.expect(rb"login: ")
    viewer.event("console opened (boot 11)")
    assert not any("closed" in e for e in viewer.events), viewer.events
    leave(tty)


def test_what_xl_does_to_a_guest_is_followed():
    world = host("web")
    tty = start(world, "web")
    assert world.xl("destroy", "alice-web").returncode == 0
    tty.expect(rb"\[web: console closed; waiting for the guest\]")
    done = world.xl("create", "-e", world.path("etc/xen/alice-web.cfg"))
    assert done.returncode == 0, done
    tty.expect(rb"console opened \(boot 2\)")
    tty.expect(rb"login: ")
    tty.send("root\r")
    tty.expect(PROMPT)
    answers(tty, "xl's guest")
    leave(tty)


def test_a_crash_is_named():
    world = host("web")
    tty = start(world, "web")
    tty.send("crash\r")
    tty.expect(rb"\[web: the guest has crashed\]")
    world.wait_domain("alice-web")
    leave(tty)
    assert b"console closed" not in tty.output


# --- whose it is ----------------------------------------------------------------

def test_H01_a_guest_that_was_given_away_shows_the_old_log_to_nobody_new():
    world = host("web")
    world.customer("bob", world.uid + 900)
    tty = start(world, "web")
    answers(tty, "alices secret")
    operator = Operator(world)
    line = world.policies["alice"].pop("web")
    world.policies["bob"]["web"] = line.replace(
        'name = "web";', 'name = "web"; domain = "alice-web";')
    # Never two owners at a time, which would close it for both.
    world.write_policy("alice")
    assert tty.expect_end() == 3
    world.write_policy("bob")
    bobs = harness.wait_until(
        lambda: isinstance(got := operator.watch("bob/web"), Viewer) and got,
        what="it is bob's")
    bobs.event("console opened")
    assert b"secret" not in bobs.data, bobs.data
    assert not any("alice" in e for e in bobs.events), bobs.events
    # And back: hers is what she had, and nothing of his.
    bobs.close()
    world.policies["bob"].clear()
    world.write_policy("bob")
    world.policies["alice"]["web"] = line
    world.write_policy("alice")
    harness.wait_until(
        lambda: world.vpsh("status", "web").returncode == 0,
        what="it is alice's")
    tty = world.pty("console", "web")
    tty.expect(rb"console opened again \(boot 1\)\]")
    tty.send("\r")
    tty.expect(PROMPT)
    answers(tty, "mine again")
    log = world.vpsh("log", "web").stdout
    assert "[alices secret]" in log and "[mine again]" in log, log
    leave(tty)


def test_H01_the_name_of_a_customer_who_has_gone_shows_the_next_one_nothing():
    world = host("web")
    world.customer("bob", world.uid + 900)
    tty = start(world, "web")
    answers(tty, "alices secret")
    # The folder goes; who sells the name again makes a new one.
    folder = world.path("etc/vpsh/customers/alice")
    ring = world.path("run/vpsh/ring/alice.web")
    assert os.path.exists(ring)
    os.rename(folder, world.path("etc/alice.was"))
    tty.expect_end()
    harness.wait_until(lambda: not os.path.exists(ring),
                       what="her log is forgotten")
    assert world.xl("destroy", "alice-web").returncode == 0
    world.write_policy("alice")
    harness.wait_until(
        lambda: world.vpsh("status", "web").returncode == 0,
        what="there is an alice again")
    assert world.vpsh("log", "web").stdout == ""
    tty = start(world, "web")
    log = world.vpsh("log", "web", "--lines", "0").stdout
    assert "secret" not in log and "Linux version" in log, log
    leave(tty)


# --- slow and fast --------------------------------------------------------------

def test_a_viewer_that_is_killed_frees_everything_at_once():
    world = host("web")
    tty = start(world, "web")
    seen = connect(world, "web")
    console = world.children()["vpsh-console"]

    def open_files():
        return len(os.listdir("/proc/%d/fd" % console))
    before = open_files()
    for _ in range(5):
        other = world.pty("console", "web", "--view")
        tty.expect(rb"alice has joined")
        seen.expect(rb"alice has joined")
        harness.wait_until(lambda: open_files() == before + 1,
                           what="its socket is there")
        os.kill(other.pid, signal.SIGKILL)
        tty.expect(rb"alice has left")
        assert open_files() == before
    # The writer too, with keys that the guest has not taken.
    tty.send("deaf\r")
    tty.expect(PROMPT)
    other = world.pty("console", "web")
    other.expect(rb"\[web: connected")
    leave(seen)
    os.kill(tty.pid, signal.SIGKILL)
    other.expect(rb"you write now")
    leave(other)


def test_the_log_of_boots_stays_while_people_come_and_go():
    world = host("web")
    tty = start(world, "web")
    operator = Operator(world)
    for _ in range(60):
        viewer = operator.watch("alice/web")
        viewer.event("console opened (boot 1)")
        viewer.close()
    answers(tty, "there")
    log = world.vpsh("log", "web", "--lines", "200").stdout
    assert "console opened (boot 1)" in log, log
    assert 4 <= log.count("the operator") <= 8, log
    leave(tty)
