# SPDX-License-Identifier: ISC
"""Who may talk to the broker, and what a broken or hostile client costs."""

import contextlib
import os
import re
import socket
import struct
import time

import frames
import harness
from world import Supervised


ATTACH = frames.Attach(b"web", 0, 0, 0)


@contextlib.contextmanager
def fixture():
    yield Supervised().start()


def lives(world):
    """Does a well-behaved customer get an answer?"""
    client = world.client()
    assert client.answer("WHOAMI").customer == "alice"
    client.close()


def test_whoami_says_what_the_policy_says(world):
    who = world.client().answer("WHOAMI")
    assert (who.customer, who.guests) == ("alice", 2), who
    assert who.support == "help@example.net" and who.host


def test_a_client_of_no_version_of_ours_is_told_so(world):
    for wrong in ({"version": 99, "oldest": 99}, {"magic": 1},
                  {"version": 0, "oldest": 0},
                  {"role": frames.WATCH}):
        client = world.client(greet=False)
        role = wrong.pop("role", frames.CLIENT)
        client.send("HELLO", 0, frames.hello(role, **wrong))
        answer = client.recv("REFUSED")
        assert answer.err == frames.ERR["version"] and answer.text, answer
    newer = world.client(greet=False)
    newer.send("HELLO", 0, frames.hello(version=7, oldest=1))
    assert newer.recv("HELLO").version == frames.VERSION
    lives(world)


def test_E08_malformed_frames_end_only_that_connection(world):
    bystander = world.client()
    good = frames.frame("STATUS", 1, guest="web")
    power = frames.frame("START", 1, guest="web")
    unterminated = frames.head(101, 1) + b"w" * frames.NAME
    broken = [
        b"\0", good[:4], good[:8], good[:-1], good + b"\0",
        power[:-1], power[:-16], power + b"\0", unterminated, frames.head(111, 1), frames.head(0, 1),
        frames.head(2 ** 32 - 1, 1) + b"x" * 40,
        frames.frame("GUEST", 1), frames.frame("SPAWN", 1),
        frames.frame("RUN", 1), frames.frame("DOMAIN_STATE", 1),
        frames.frame("HELLO", 1, frames.hello()),
        frames.frame("STATUS", 0, guest="web"), b"x" * 20000, b"x" * 66000]
    for raw in broken:
        client = world.client()
        with contextlib.suppress(OSError):
            client.sock.send(raw)
        assert client.recv() is None, raw[:40]
        first = world.client(greet=False)
        with contextlib.suppress(OSError):
            first.sock.send(raw)
        if raw != frames.frame("HELLO", 1, frames.hello()):
            assert first.recv() is None, raw[:40]
        first.close()
    assert bystander.answer("WHOAMI").customer == "alice"


def test_E08_requests_with_ids_that_do_not_increase_end_it(world):
    client = world.client()
    client.send("WHOAMI", 5)
    client.recv("WHO")
    client.send("WHOAMI", 5)
    assert client.recv() is None
    lives(world)


def test_E08_a_frame_cut_in_two_is_two_broken_frames(world):
    client = world.client()
    raw = frames.frame("STATUS", 1, guest="web")
    client.sock.send(raw[:20])
    with contextlib.suppress(OSError):
        client.sock.send(raw[20:])
    assert client.recv() is None
    lives(world)


def test_E08_descriptors_from_a_client_are_refused(world):
    client = world.client()
    read, write = os.pipe()
    socket.send_fds(client.sock, [frames.frame("WHOAMI", 1)], [write])
    os.close(write)
    assert client.recv() is None
    # The broker has let go of its copy, too.
    assert harness.poll_once([read], 5) and os.read(read, 1) == b""
    os.close(read)


@harness.deadline(60)
def test_E08_a_thousand_connects_leave_the_others_alone():
    world = Supervised().start()
    # Not idle, or it would have to make room for the others.
    bystander = world.client()
    viewer = bystander.answer("CONSOLE", ATTACH)
    for i in range(1000):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(10)
        s.connect(world.socket)
        if i % 3 == 0:
            with contextlib.suppress(OSError):
                s.send(frames.frame("HELLO", 0, frames.hello()))
        s.close()
    assert bystander.answer("WHOAMI").customer == "alice"
    frames.close_fds(viewer)
    # Each login is on record; so many more are not taken in this minute.
    late = world.client(greet=False)
    bye = late.recv("BYE")
    assert bye.err == frames.ERR["connects"], bye
    assert re.search(r"Wait \d+ s", bye.text), bye
    logins = [r for r in world.records() if r["event"] == "login"]
    assert len(logins) <= 300, len(logins)


def test_at_the_session_limit_one_more_is_refused_and_none_is_ended():
    world = Supervised().start()
    sessions = [world.client() for _ in range(8)]
    for client in sessions:
        client.answer("WHOAMI")
    extra = world.client(greet=False)
    bye = extra.recv("BYE")
    assert bye.err == frames.ERR["sessions"] and bye.text, bye
    for client in sessions:
        assert client.answer("WHOAMI").customer == "alice"
    sessions.pop().close()
    harness.wait_until(world.answers, what="a place is free again")


def test_one_that_is_refused_hears_why_whatever_it_says_meanwhile():
    world = Supervised().start()
    sessions = [world.client() for _ in range(8)]
    for _ in range(30):
        extra = world.client(greet=False)
        extra.send("HELLO", 0, frames.hello())
        assert extra.recv("BYE").err == frames.ERR["sessions"]
        extra.close()
    assert sessions[0].answer("WHOAMI").customer == "alice"


def test_A19_a_customer_who_is_suspended_is_shown_out_at_once():
    world = Supervised().start()
    client = world.client()
    viewer = client.answer("CONSOLE", ATTACH)
    console = socket.socket(fileno=viewer.fds[0])
    suspended = world.path("customers", "alice", "suspended")
    with open(suspended, "w") as f:
        f.write("unpaid since May")
    begin = time.monotonic()
    bye = client.recv("BYE")
    assert time.monotonic() - begin < 1
    assert bye.err == frames.ERR["suspended"], bye
    assert "unpaid since May" in bye.text and "untouched" in bye.text, bye
    # The console, too: it says that it is over, then it is.
    console.settimeout(10)
    while console.recv(65536):
        pass
    late = world.client()
    bye = late.recv("BYE")
    assert bye.err == frames.ERR["suspended"], bye
    assert "unpaid since May" in bye.text, bye
    os.unlink(suspended)
    harness.wait_until(lambda: whoami(world), what="resumed")


def whoami(world):
    client = world.client()
    answer = client.answer("WHOAMI")
    client.close()
    return answer.name == "WHO"


def test_E08_a_client_that_does_not_read_is_dropped():
    world = Supervised()
    world.customer("alice", ["g%d" % i for i in range(60)], os.geteuid())
    world.start()
    slow = world.client()
    dropped = False
    try:
        for _ in range(1000):
            slow.ask("LIST")
    except (BrokenPipeError, ConnectionResetError):
        dropped = True
    assert dropped
    assert world.client().answer("WHOAMI").customer == "alice"


def test_one_that_asks_too_fast_is_served_later_and_others_at_once():
    world = Supervised().start()
    fast, other = world.client(), world.client()
    begin = time.monotonic()
    for _ in range(100):
        fast.ask("WHOAMI")
    assert other.answer("WHOAMI").customer == "alice"
    assert time.monotonic() - begin < 1
    assert [fast.recv("WHO").id for _ in range(100)] == [*range(1, 101)]
    assert time.monotonic() - begin > 1.5


def test_E07_identity_is_the_kernels_word_not_the_clients(world):
    client = world.client(claim="uid=0 customer=bob")
    assert client.answer("WHOAMI").customer == "alice"
    record = world.record(event="login", claim="uid=0 customer=bob")
    assert record["customer"] == "alice" and record["uid"] == os.geteuid()
    # There is no field for it: a longer HELLO is no HELLO.
    liar = world.client(greet=False)
    with contextlib.suppress(OSError):
        liar.sock.send(frames.frame("HELLO", 0, frames.hello())
                       + struct.pack("I", 0))
    assert liar.recv() is None


def test_E02_anothers_guest_and_no_guest_look_the_same(world):
    client = world.client()
    asked = [("STATUS", lambda g: frames.Look(g.encode())),
             ("START", frames.power), ("SHUTDOWN", frames.power),
             ("REBOOT", frames.power), ("RESET", frames.power),
             ("DESTROY", lambda g: frames.power(g, flags=1)),
             ("CONSOLE", lambda g: frames.Attach(g.encode())),
             ("LOG", lambda g: frames.Attach(g.encode())),
             ("WHY", lambda g: frames.Why(b"start", g.encode()))]
    for name, make in asked:
        bobs = client.answers(name, make("shop"))
        nobodys = client.answers(name, make("none"))
        assert len(bobs) == len(nobodys) == 1
        # All but the request's own number.
        assert bobs[0].raw[:4] == nobodys[0].raw[:4], name
        assert bobs[0].raw[8:] == nobodys[0].raw[8:], name
        if name != "WHY":
            assert bobs[0].err == frames.ERR["no-guest"]
    # The operator is told which is which.
    assert "guest of bob" in world.record(
        event="decided", verb="start", guest="shop")["because"]
    assert "nobody" in world.record(
        event="decided", verb="start", guest="none")["because"]


def test_G01_what_a_client_writes_cannot_forge_a_record(world):
    evil = 'x"}\n{"event":"forged\x1b[2J\u202e'
    client = world.client(claim=evil)
    client.answer("STATUS", frames.Look(b'a"\n\x1b\xff\x9b{'))
    client.answer("START", frames.power('\n"}'))
    seen = harness.wait_until(lambda: [
        r for r in world.records() if "forged" in r.get("claim", "")],
        what="the record")
    assert all(r["event"] in ("login", "decided", "done", "logout")
               for r in seen), seen
    with open(world.audit, encoding="utf-8") as f:
        assert all(c >= " " or c == "\n" for c in f.read())


def test_why_names_the_rule(world):
    client = world.client()
    yes = client.answer("WHY", frames.Why(b"start", b"web"))
    no = client.answer("WHY", frames.Why(b"pause", b"web"))
    unknown = client.answer("WHY", frames.Why(b"launch", b"web"))
    assert yes.allowed == 1 and "vpsh.conf:" in yes.text, yes
    assert no.allowed == 0 and "pause" in no.text, no
    assert unknown.name == "REFUSED", unknown
    assert unknown.err == frames.ERR["unknown-command"], unknown


def test_without_xen_lists_are_answered_and_power_is_refused(world):
    client = world.client()
    *guests, end = client.answers("LIST")
    assert [g.name for g in guests] == ["GUEST", "GUEST"] and end.count == 2
    assert {g.body.name for g in guests} == {b"db", b"web"}
    assert all(g.state == frames.UNKNOWN for g in guests)
    refused = client.answer("START", frames.power("web"))
    assert refused.err == frames.ERR["host"] and refused.text
    assert world.record(event="decided", verb="start", guest="web",
                        verdict="allow")["domain"] == "alice-web"
    assert world.record(event="done", verb="start", err="host")


def test_destroy_and_reset_want_to_be_confirmed(world):
    client = world.client()
    for name in ("DESTROY", "RESET"):
        refused = client.answer(name, frames.power("web"))
        assert refused.err == frames.ERR["confirm"], refused


def test_the_console_of_a_guest_is_a_socket_to_the_console_server(world):
    client = world.client()
    got = client.answer("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    assert got.name == "ATTACHED" and got.may_write == 1, got
    viewer = socket.socket(fileno=got.fds[0])
    assert world.record(event="attach", guest="web")
    viewer.close()
    assert world.record(event="detach", guest="web")
    looks = client.answer("CONSOLE", frames.Attach(
        b"web", 0, 0, frames.VIEW))
    assert looks.may_write == 0
    frames.close_fds(looks)
