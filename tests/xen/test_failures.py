# SPDX-License-Identifier: ISC
"""Starts that cannot succeed: a sentence for the customer, the rest for
the operator, and nothing left behind."""
import re

import harness
import steps


def fails(lab, guest, sentence, operators):
    """start must fail like this, with nothing left of it."""
    steps.fresh(lab)
    free = lab.root("xl info free_memory")
    journal = steps.Journal(lab, "-u", "vpshd")
    done = steps.ask(lab, "alice", "start " + guest, 1)
    said = done.stdout + done.stderr
    assert re.search(sentence, said), said
    assert re.search(r"Ref \w+", said), said
    for secret in ("libxl", "xc_", "/usr", "/etc", ".cfg", "rc="):
        assert secret not in said, (secret, said)
    journal.expect(operators)
    assert lab.domains() == {}, "something was left behind"
    harness.wait_until(lambda: lab.root("xl info free_memory") == free, 15,
                       "the memory is free again")
    steps.agree(lab)


@harness.deadline(90)
def test_xl_cfg_with_a_syntax_error(lab):
    fails(lab, "broken", "broken did not start: .*configuration",
          r"syntax error")


@harness.deadline(90)
def test_xl_cfg_that_is_missing(lab):
    fails(lab, "absent", "absent did not start: .*missing", "alice-absent")


@harness.deadline(90)
def test_kernel_that_is_missing(lab):
    fails(lab, "nokernel", "nokernel did not start: .*kernel",
          r"grub-x86_64-xen-gone\.bin")


@harness.deadline(90)
def test_more_memory_than_the_host_has(lab):
    fails(lab, "big", r"big did not start: the host is short of \d+ MB",
          r"\d+ MiB needed, \d+ MiB free")


@harness.deadline(150)
def test_H11_one_customers_broken_policy_is_his_own(lab):
    steps.fresh(lab)
    path = "/etc/vpsh/customers/bob/policy.conf"
    good = lab.root("cat " + path)
    journal = steps.Journal(lab, "-u", "vpshd")
    try:
        lab.write(path, "guests = ( { name = }\n")
        journal.expect(r"bob/policy\.conf:1")
        steps.ask(lab, "alice", "start web", 0)
        steps.ask(lab, "alice", "destroy web --yes", 0)
    finally:
        lab.write(path, good)


@harness.deadline(150)
def test_policy_changes_act_without_a_restart(lab):
    path = "/etc/vpsh/customers/bob/policy.conf"
    good = lab.root("cat " + path)
    try:
        lab.write(path, good.replace('name = "db"', 'name = "house"'))
        harness.wait_until(
            lambda: set(steps.listed(lab, "bob")) == {"shop", "house"}, 15,
            "bob's new guest")
    finally:
        lab.write(path, good)
    harness.wait_until(
        lambda: set(steps.listed(lab, "bob")) == {"shop", "db"}, 15,
        "bob's old guests again")
