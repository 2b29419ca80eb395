# SPDX-License-Identifier: ISC
"""Who may do what: the kernel's word, root's files, nothing else."""

import itertools
import os
import statistics
import struct
import time

import harness
from fixture import CUSTOMERS, OWN, POLICY, SHARED, must, read, write

BROKER = "/run/vpsh/broker.sock"
NO_GUEST, NO_CUSTOMER, POLICY_UNUSABLE = -8, -17, -18


def as_uid(uid, function, *arguments):
    """Runs function in a child with that uid; its answer as text."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(writing, repr(function(*arguments)).encode())
            status = 0
        except BaseException as broken:
            os.write(writing, repr(broken).encode())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as f:
        answer = f.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, "as uid %d: %s" % (uid, answer)
    print("uid %d: %s" % (uid, answer))
    return answer


def ask_who(**hello):
    client = harness.FrameClient(BROKER)
    greeting = client.hello(**hello)
    if struct.unpack_from("=I", greeting)[0] == harness.REFUSED:
        return outcome(greeting[8:])
    kind, body = client.ask(harness.frame(harness.WHOAMI, 1))[-1]
    if kind == harness.WHO:
        return body[:40].split(b"\0")[0].decode()
    return outcome(body) if body else "closed"


def outcome(body):
    return struct.unpack_from("=i", body)[0]


def test_E07_the_kernel_says_who_a_client_is(host):
    for name in ("alice", "bob"):
        for claim in (b"", b"alice", b"bob", b"uid=0", b"root"):
            assert as_uid(CUSTOMERS[name], who_claiming, claim) == repr(name)


def who_claiming(claim):
    return ask_who(claim=claim)


def test_E07_other_uids_are_no_customers(host):
    for uid in (65534, 20999, 1, 33, 0):
        assert as_uid(uid, ask_who) == repr(NO_CUSTOMER)
    assert as_uid(CUSTOMERS["nobodys"], ask_who) == repr(POLICY_UNUSABLE)


def test_other_uids_get_a_sentence_from_vpsh_and_nothing_else(host):
    for uid, reason in ((CUSTOMERS["nobodys"], "cannot be used now"),
                        (65534, "not set up"), (20999, "not set up")):
        done = harness.run(["setpriv", "--reuid", str(uid), "--regid",
                            str(uid), "--clear-groups", "/usr/bin/vpsh",
                            "-c", "list"], cwd="/")
        print(done.stdout, done.stderr)
        assert done.returncode == 3 and done.stdout == ""
        assert reason in done.stderr


def start(client, guest, number):
    return client.ask(harness.power_frame(harness.START, number, guest))


def foreign_and_nobodys():
    """bob's guest and a name that nobody has, as alice sees them."""
    client = harness.FrameClient(BROKER)
    client.hello()
    answers, times = {}, {"mail": [], "nail": []}
    numbers = itertools.count(1)
    for i in range(60):
        for guest in times:
            begin = time.perf_counter()
            answer = start(client, guest, next(numbers))
            times[guest].append(time.perf_counter() - begin)
            answers.setdefault(guest, answer)
            if answers[guest] != answer:
                return "answer %d differs" % i
    if answers["mail"] != answers["nail"]:
        return "different: %r" % answers
    medians = sorted(statistics.median(t) for t in times.values())
    if medians[1] > 2 * medians[0] + 50e-6:
        return "told apart by time: %r" % medians
    return outcome(answers["mail"][-1][1])


def test_E02_guest_of_another_is_like_one_that_nobody_has(host):
    assert as_uid(CUSTOMERS["alice"], foreign_and_nobodys) == repr(NO_GUEST)
    for door in host.doors():
        for verb in ("start", "status", "shutdown", "reboot", "console",
                     "log", "why start"):
            theirs = host.ssh(door, "alice", verb + " mail")
            nobodys = host.ssh(door, "alice", verb + " nail")
            assert theirs.returncode == nobodys.returncode
            assert (theirs.stdout.replace("mail", "nail") == nobodys.stdout)
            assert (theirs.stderr.replace("mail", "nail") == nobodys.stderr)
            if verb != "why start":
                assert theirs.returncode == 4


def test_vpsh_keys_prints_the_keys_of_a_customer_and_only_those(host):
    def keys(name):
        return must(["setpriv", "--reuid", "vpsh", "--regid", "vpsh-policy",
                     "--clear-groups", "/usr/libexec/vpsh/vpsh-keys", name])
    blob = read(host.keys + "/alice.pub").split()[1]
    assert blob in keys("alice")
    assert keys("alice").startswith("restrict,pty "), "whatever sshd says"
    for name in ("root", "nobody", "nosuch", "../alice", "alice/../bob", ""):
        done = harness.run(["/usr/libexec/vpsh/vpsh-keys", name])
        assert done.stdout == "", name


def test_A10_key_line_with_options_costs_that_key_only(host):
    path = "/etc/vpsh/customers/alice/authorized_keys"
    good = read(path)
    other = host.add_key("optioned")
    try:
        for options in ('command="/bin/sh"', "cert-authority",
                        'permitopen="*:*"', "environment=\"X=1\""):
            write(path, options + " " + other + good, 0o640, "vpsh-policy")
            for door in host.doors():
                done = host.ssh(door, "alice", "whoami", key="optioned")
                assert done.returncode == 255
                assert host.ssh(door, "alice", "whoami").returncode == 0
    finally:
        write(path, good, 0o640, "vpsh-policy")
        for name in ("optioned", "optioned.pub"):
            os.unlink(host.keys + "/" + name)


def test_removed_key_and_removed_customer_act_at_once(host):
    folder = "/etc/vpsh/customers/bob"
    aside = "/etc/vpsh/bob-aside"
    os.rename(folder, aside)
    try:
        for door in host.doors():
            done = host.ssh(door, "bob", "whoami")
            assert done.returncode == 255
        harness.wait_until(
            lambda: as_uid(CUSTOMERS["bob"], ask_who) != repr("bob"), 5,
            "bob is nobody")
        assert host.ssh(SHARED, "alice", "whoami").returncode == 0
    finally:
        os.rename(aside, folder)
    harness.wait_until(
        lambda: as_uid(CUSTOMERS["bob"], ask_who) == repr("bob"), 5,
        "bob is back")


def test_policy_change_counts_without_restart(host):
    path = "/etc/vpsh/customers/alice/policy.conf"

    def verdict():
        return host.ssh(OWN, "alice", "why start db").stdout
    denied = verdict()
    try:
        write(path, POLICY["alice"].replace(
            'allow = [ "log", "console" ]',
            'allow = [ "log", "console", "start" ]'), 0o640, "vpsh-policy")
        harness.wait_until(lambda: verdict() != denied, 10, "a new verdict")
    finally:
        write(path, POLICY["alice"], 0o640, "vpsh-policy")
    harness.wait_until(lambda: verdict() == denied, 10, "the old verdict")


def test_H11_typo_in_bobs_file_leaves_alice_alone(host):
    path = "/etc/vpsh/customers/bob/policy.conf"
    try:
        write(path, POLICY["bob"].replace(");", ""), 0o640, "vpsh-policy")
        for door in host.doors():
            assert host.ssh(door, "alice", "whoami").returncode == 0
            # The last good policy stays for a while.
            assert host.ssh(door, "bob", "whoami").returncode == 0
        os.chmod(path, 0o666)
        harness.wait_until(
            lambda: host.ssh(SHARED, "bob", "whoami").returncode != 0, 10,
            "a file that anyone may write denies at once")
        assert host.ssh(SHARED, "alice", "whoami").returncode == 0
    finally:
        write(path, POLICY["bob"], 0o640, "vpsh-policy")
    harness.wait_until(
        lambda: host.ssh(SHARED, "bob", "whoami").returncode == 0, 10,
        "bob is back")


def test_samples_work_as_they_are_shipped(host):
    conf, path = "/etc/vpsh/vpsh.conf", "/etc/vpsh/customers/bob/policy.conf"
    samples = "/usr/share/doc/vpsh/examples/customers/alice/"
    before = read(conf)
    try:
        write(conf, read(host.shipped_conf))
        write(path, read(samples + "policy.conf"), 0o640, "vpsh-policy")
        harness.wait_until(lambda: 'plan "basic" allows' in host.ssh(
            SHARED, "bob", "why start web").stdout, 10, "the plan counts")
        said = read("/run/syslog").rsplit("policy: ", 1)[-1]
        assert said.startswith("3 customers, "), said
        for name in ("bob/policy.conf:", "vpsh.conf:"):
            assert name not in said, said
    finally:
        write(conf, before)
        write(path, POLICY["bob"], 0o640, "vpsh-policy")
    harness.wait_until(lambda: "mail" in host.ssh(
        SHARED, "bob", "list").stdout, 10, "bob's own policy is back")
