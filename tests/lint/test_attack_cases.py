# SPDX-License-Identifier: ISC
"""Every known attack on a program like this one has a test with its id."""

import re

import harness
from test_source import fail_if, files, text

# A: the way in through sshd. C: environment and terminal. E: who may do what.
# G: logs, files, processes. H: what attacking this very design found.
CASES = """
A01 A02 A03 A04 A06 A07 A08 A09 A10 A12 A13 A15 A16 A18 A19
C01 C02 C03 C04 C06
E02 E03 E04 E05 E07 E08 E10 E12 E13 E14 E15 E16 E17 E18
G01 G02 G03 G04 G06 G08 G09 G10 G11
H08 H09 H10 H11 H12 H13 H14
""".split()

# What cannot be attacked because it is not there.
ABSENT = {
    "E13": "there is no rescue boot",
    "E14": "there is no rescue boot",
    "E15": "there is no rescue boot, hence no password for it",
    "E18": "nobody can be invited to somebody else's guest",
}


def names_of_tests():
    for path in files("tests/*/test_*.py"):
        yield from re.findall(r"^def test_(\w+)", text(path), re.M)
    for path in files("tests/unit/test_*.c"):
        yield from re.findall(r"^(\w+)\(void \*\*", text(path), re.M)


def test_every_attack_case_has_a_test():
    carried = set(re.findall(r"(?<![A-Z0-9])[A-H]\d\d(?!\d)",
                             " ".join(names_of_tests())))
    fail_if(["%s: no test carries it in its name" % case for case in CASES
             if case not in carried and case not in ABSENT]
            + ["%s is tested now: take it out of ABSENT" % case
               for case in ABSENT if case in carried])
