# SPDX-License-Identifier: ISC
"""The operator changes files; what was allowed changes within a second."""

import os
import shutil
import time

import frames
import harness
from world import Supervised


def within_a_second(predicate, what):
    begin = time.monotonic()
    harness.wait_until(predicate, 5, what)
    took = time.monotonic() - begin
    assert took < 1, "%s took %.2f s" % (what, took)


def guests(client):
    """A LIST would wait for a watcher, and there is none here."""
    names = []
    client.ask("FOLLOW", frames.Look(b""))
    while (got := client.recv()).name == "GUEST":
        names.append(got.body.name.decode())
    assert got.name == "END", got
    client.ask("UNFOLLOW")
    client.ask("WHOAMI")
    while client.recv().name != "WHO":
        pass
    return sorted(names)


def test_a_new_guest_is_there_within_a_second():
    world = Supervised().start()
    client = world.client()
    assert guests(client) == ["db", "web"]
    world.customer("alice", ("db", "new", "web"), os.geteuid())
    within_a_second(lambda: guests(client) == ["db", "new", "web"],
                    "the new guest")


def test_a_file_written_in_place_is_read_again_too():
    world = Supervised().start()
    client = world.client()
    with open(world.path("customers/alice/policy.conf"), "r+") as f:
        text = f.read().replace("web", "www")
        f.seek(0)
        f.write(text)
        f.truncate()
    within_a_second(lambda: guests(client) == ["db", "www"], "the new name")


def test_a_lost_right_ends_the_viewer_that_uses_it():
    world = Supervised().start()
    client = world.client()
    got = client.answer("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    viewer = got.fds[0]
    world.customer("alice", ('{ name = "web"; allow = [ "start" ]; }',),
                   os.geteuid())
    assert world.record(event="detach", guest="web")
    # The session lives, the viewer's socket is at its end.
    refused = client.answer("CONSOLE", frames.Attach(b"web", 0, 0, 0))
    assert refused.err == frames.ERR["denied"], refused

    def ended():
        return harness.poll_once([viewer], 1) and not os.read(viewer, 99999)
    harness.wait_until(ended, what="the end of the viewer's socket")
    os.close(viewer)


def test_A19_suspension_ends_sessions_and_refuses_new_ones():
    world = Supervised().start()
    client = world.client()
    assert client.answer("WHOAMI").customer == "alice"
    world.customer("alice", ("web",), os.geteuid(), "suspended = true;")
    bye = client.recv("BYE")
    assert bye.err == frames.ERR["suspended"]
    assert "help@example.net" in bye.text
    new = world.client()
    assert new.recv("BYE").err == frames.ERR["suspended"]
    world.customer("alice", ("web",), os.geteuid())
    harness.wait_until(
        lambda: world.client().answer("WHOAMI").name == "WHO",
        what="alice is back")


def test_a_removed_customer_is_shown_out():
    world = Supervised().start()
    client = world.client()
    client.answer("WHOAMI")
    shutil.rmtree(world.path("customers/alice"))
    assert client.recv("BYE").err == frames.ERR["no-customer"]
    stranger = world.client()
    assert stranger.recv("BYE").err == frames.ERR["no-customer"]


def test_a_uid_that_is_nobodys_gets_one_sentence():
    world = Supervised()
    world.customer("alice", ("web",), 47998)
    world.start()
    client = world.client()
    bye = client.recv("BYE")
    assert bye.err == frames.ERR["no-customer"] and bye.text
    assert world.record(event="refused", uid=os.geteuid(), err="no-customer")


def test_two_customers_with_one_uid_are_both_refused():
    world = Supervised()
    world.customer("carol", ("mail",), os.geteuid())
    world.start()
    assert world.client().recv("BYE").err in (frames.ERR["no-customer"],
                                              frames.ERR["policy"])


def test_E05_H11_a_broken_file_of_bobs_leaves_alice_alone():
    world = Supervised().start()
    client = world.client()
    path = world.path("customers/bob/policy.conf")

    def fifo():
        os.unlink(path)
        os.mkfifo(path)

    def link():
        os.unlink(path)
        os.symlink("/dev/zero", path)

    def folder():
        os.unlink(path)
        os.mkdir(path)
        os.rmdir(path)

    breaks = [
        lambda: world.write("customers/bob/policy.conf", "guests = ( {{"),
        lambda: world.write("customers/bob/policy.conf",
                            '@include "/dev/zero"\n'),
        lambda: world.write("customers/bob/policy.conf", "uid = 4294967296;"),
        lambda: world.write("customers/bob/policy.conf", "x\0y"),
        lambda: world.write("customers/bob/policy.conf", "#" * 100000),
        lambda: os.chmod(path, 0o666), fifo, link, folder]
    for number, broken in enumerate(breaks):
        broken()
        # A change of alice's own is the sign that it was read again.
        name = "new%d" % number
        world.customer("alice", ("web", name), os.geteuid())
        harness.wait_until(lambda: name in guests(client),
                           what="read again after mistake %d" % number)
        assert client.answer("WHOAMI").customer == "alice"
    assert "bob/policy.conf" in world.said()


def test_a_hundred_changes_in_a_row_are_read_a_few_times():
    world = Supervised().start()
    client = world.client()
    before = world.said().count("policy:")
    for i in range(100):
        world.customer("alice", ("web", "g%d" % i), os.geteuid())
    harness.wait_until(lambda: "g99" in guests(client), what="the last one")
    assert world.said().count("policy:") - before < 20
