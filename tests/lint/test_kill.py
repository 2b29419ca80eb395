# SPDX-License-Identifier: ISC
"""The kill matrix knows every named point, and the document every row."""

import os
import re
import sys

import harness
from test_source import fail_if, product_files, text

sys.path.insert(0, os.path.join(harness.TOP, "tests/kill"))
import matrix
import table


def test_every_point_of_the_code_is_in_the_kill_matrix():
    there = {}
    for path in product_files():
        if path == "base/point.h":
            continue
        if path.startswith("store/"):
            continue    # it touches no guest: tests/flow/test_prefs.py
        for name in re.findall(r'\bpoint\("([^"]*)"\)', text(path)):
            there.setdefault(name, path)
    findings = ["%s: point %s is not in tests/kill/matrix.py" % (path, name)
                for name, path in there.items() if name not in matrix.POINTS]
    findings += ["tests/kill/matrix.py: there is no point %s" % name
                 for name in matrix.POINTS if name not in there]
    used = {part for _, point in matrix.rows()
            for part in re.split("[@!]", point)}
    findings += ["tests/kill/matrix.py: no job comes to %s" % name
                 for name in sorted(set(matrix.POINTS) - used)]
    fail_if(findings)


def test_every_cell_of_the_kill_matrix_is_a_case_or_has_its_reason():
    fail_if(["%s/%s/%s: %s has no footnote" % (*case, matrix.absent(case))
             for row in matrix.rows() for victim in matrix.VICTIMS
             if matrix.absent(case := matrix.Case(*row, victim))
             and matrix.absent(case) not in table.FOOT])


def shape(document):
    """All but how the cases ended."""
    return [re.sub(r"\b(ok|FAIL)\b|-{3,}", "", line).replace(" ", "")
            for line in document.split("\n") if " columns: " not in line]


def test_the_document_has_the_kill_matrix_as_it_is():
    written, wanted = shape(text("docs/KILLS.md")), shape(table.document({}))
    fail_if(["docs/KILLS.md: make check-kill-full would write: %s" % line
             for line in wanted if line not in written]
            + ["docs/KILLS.md: make check-kill-full would not write: %s"
               % line for line in written if line not in wanted])
