# SPDX-License-Identifier: ISC
"""Several customers on one simulated host, each with a uid of their own."""

import re

import sim

PROMPT = rb"[$#] $"


def test_E02_customers_with_real_uids_have_only_their_own_guests():
    host = sim.SimHost()
    host.customer("bob")
    host.guest("web")
    host.guest("shop", customer="bob")
    host.start()
    for customer, guest in (("alice", "web"), ("bob", "shop")):
        done = host.vpsh("start", guest, customer=customer)
        assert done.returncode == 0, done
    listed = host.vpsh("list", customer="bob").stdout
    assert re.search("^shop +running", listed, re.M), listed
    assert "web" not in listed, listed
    before = host.domain("alice-web")
    for words in (("status",), ("console",), ("log",), ("shutdown",),
                  ("pause",), ("destroy", "--yes")):
        verb, *options = words
        his, nobodys = (host.vpsh(verb, guest, *options, customer="bob")
                        for guest in ("web", "nope"))
        assert his.returncode == nobodys.returncode == 4, (his, nobodys)
        assert his.stderr.replace("web", "nope") == nobodys.stderr
    assert host.domain("alice-web") == before


def test_H01_two_customers_consoles_at_once_are_not_mixed_up():
    host = sim.SimHost()
    host.customer("bob")
    guests = (("alice", "web"), ("bob", "shop"))
    for customer, guest in guests:
        host.guest(guest, customer=customer)
    host.start()
    screens = {}
    for customer, guest in guests:
        screen = host.pty("start", guest, "--console", customer=customer)
        screen.expect("login: ")
        screens[customer, guest] = screen
    host.restart_consoled()
    for (customer, guest), screen in screens.items():
        screen.expect("console opened", 20)
        screen.send("root\r")
        screen.expect(PROMPT)
        screen.send("hostname\r")
        screen.expect("%s-%s\r" % (customer, guest))
    for customer, guest in guests:
        other = {"alice": b"bob-", "bob": b"alice-"}[customer]
        assert other not in screens[customer, guest].output
