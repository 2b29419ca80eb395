# SPDX-License-Identifier: ISC
"""Whose uid it is: what a look-up of accounts costs, and that none is lost.

The real broker; the test is the supervisor and the worker that asks the name
service.
"""

import os
import signal
import time

import frames
import harness
from frames import power
from world import Host, Inner

ALICE = {"alice": os.geteuid()}


def by_account(*names):
    """A host whose customers have accounts; nothing is started yet."""
    host = Inner()
    for name in ("alice", *names):
        host.customer(name, ("web",))
    return host


def connect(host):
    """One that has said HELLO and waits."""
    client = host.client(greet=False)
    client.send("HELLO", 0, frames.hello())
    return client


def test_until_accounts_are_known_nobody_is_refused():
    host = by_account().start(accounts=False)
    clients = [connect(host) for _ in range(6)]
    assert clients[0].silent(0.3)
    host.accounts_end(**ALICE)
    for client in clients:
        client.recv("HELLO")
        assert client.answer("WHOAMI").customer == "alice"


def test_when_the_first_look_up_fails_those_who_wait_hear_so():
    host = by_account().start(accounts=False)
    early = connect(host)
    host.accounts_fail()
    early.recv("HELLO")
    bye = early.recv("BYE")
    assert bye.err == frames.ERR["service"] and bye.text, bye
    # It is done again by itself, and who comes meanwhile waits for that.
    got, worker = host.accounts()
    late = connect(host)
    late.recv("HELLO")
    assert late.silent(0.2)
    worker.send("ACCOUNT", customer="alice", uid=os.geteuid(), known=1)
    worker.send("ACCOUNTS_END")
    worker.close()
    host.supervisor.send("WORKER_GONE", job=got.job)
    assert late.answer("WHOAMI").customer == "alice"


def test_a_second_failure_is_no_word_on_who_is_a_customer():
    host = by_account().start(accounts=False)
    host.accounts_fail()
    got, worker = host.accounts()
    clients = [connect(host) for _ in range(3)]
    for client in clients:
        client.recv("HELLO")
    worker.close()
    host.supervisor.send("WORKER_GONE", job=got.job, status=-1)
    for client in clients:
        assert client.recv("BYE").err == frames.ERR["service"]
    host.accounts_end(**ALICE)
    harness.wait_until(host_answers(host), what="alice is known")


def host_answers(host):
    def asks():
        client = connect(host)
        answer = client.recv("HELLO") and client.answer("WHOAMI")
        client.close()
        return answer.name == "WHO"
    return asks


def test_what_a_worker_said_before_its_end_counts():
    """However the broker gets to read it: it may be busy meanwhile."""
    host = by_account().start(accounts=False)
    client = connect(host)
    got, worker = host.accounts()
    host.process.kill(signal.SIGSTOP)
    host.supervisor.send("WORKER_GONE", job=got.job)
    worker.send("ACCOUNT", customer="alice", uid=os.geteuid(), known=1)
    worker.send("ACCOUNTS_END")
    worker.close()
    host.process.kill(signal.SIGCONT)
    client.recv("HELLO")
    assert client.answer("WHOAMI").customer == "alice"


def test_a_result_that_is_read_after_the_workers_end_counts():
    host = Host().start()
    client = host.client()
    client.ask("START", power("web"))
    client.recv("JOB")
    run, worker, number = host.worker()
    host.process.kill(signal.SIGSTOP)
    host.supervisor.send("WORKER_GONE", job=number)
    worker.send("RESULT", job=number)
    worker.close()
    host.process.kill(signal.SIGCONT)
    assert client.recv("DONE").err == 0


def test_a_reload_whose_look_up_fails_keeps_what_was_known():
    host = by_account().start(accounts=False)
    host.accounts_end(**ALICE)
    client = host.client()
    assert client.answer("WHOAMI").customer == "alice"
    host.customer("dora", ("web",))
    host.accounts_fail()
    assert host_answers(host)()
    assert client.answer("WHOAMI").customer == "alice"
    # And the next one, which nobody has to ask for, brings what is new.
    host.accounts_end(alice=48001, dora=os.geteuid())
    assert client.recv("BYE").err == frames.ERR["revoked"]
    client = host.client()
    assert client.answer("WHOAMI").customer == "dora"


def test_a_reload_does_not_wait_for_its_look_up():
    host = by_account().start(accounts=False)
    host.accounts_end(**ALICE)
    host.client()
    host.customer("alice", ("web", "db"))
    harness.wait_until(
        lambda: host.client().answer("WHOAMI").guests == 2, what="reloaded")


def test_a_new_account_is_found_without_a_restart():
    host = Host()
    host.customer("alice", ("web",))
    host.start()
    client = host.client()
    host.accounts_end(alice=os.geteuid())
    assert client.answer("WHOAMI").customer == "alice"


def test_a_uid_of_two_accounts_is_neithers():
    host = Host()
    host.customer("alice", ("web",))
    host.customer("carol", ("mail",))
    host.start()
    client = host.client()
    host.accounts_end(alice=os.geteuid(), carol=os.geteuid())
    assert client.recv("BYE").err == frames.ERR["no-customer"]


def test_a_look_up_that_fails_does_not_say_that_there_is_no_account():
    host = Host()
    host.customer("alice", ("web",))
    host.start()
    client = host.client()
    host.accounts_fail()
    assert client.recv("BYE").err == frames.ERR["service"]
