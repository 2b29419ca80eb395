# SPDX-License-Identifier: ISC
"""The kill matrix as a table: docs/KILLS.md, and what a run prints."""

import matrix

HEAD = """# The kill matrix

What is killed where, on the simulated host, and whether all that has to hold afterwards held. `make check-kill-full`
writes this file; `make check-kill` runs a selection. A row is a job and the named point of the code (`base/point.h`) at
which a process was stopped; a point with a second name was armed when a worker had come to that one. A column is who was
killed there with SIGKILL while the process at the point stood still; `all` is every process of vpsh. Whoever nobody else
restarts (`vpshd`, `xenconsoled`) was started again, the stopped process went on if it lived, and a customer watched the
guest's console throughout.

Afterwards, in each case: no disk was ever held by two domains; no domain, process, descriptor, lock, file or
xenstore node is left that belongs to nobody; no intent speaks of what is not; each decision in the audit log has one end;
the customer is shown what the host has; nothing was done twice; the client ended, and the guest is as it was told; the
guest's numbered console lines are complete, or a mark stands where some are missing, and none is doubled or another
guest's; a second guest noticed nothing; and the guest can be destroyed and everything is at rest as before.

"""
FOOT = (matrix.NO_WORKER, matrix.NO_CLIENT)


def cell(case, results):
    if why := matrix.absent(case):
        return "-- %d" % (FOOT.index(why) + 1)
    return results.get(matrix.name(case), "")


def counts(results):
    known = {matrix.name(c) for c in matrix.cases()}
    ok = sum(1 for n in known if results.get(n) == "ok")
    failed = sum(1 for n in known if results.get(n) == "FAIL")
    cells = len(matrix.rows()) * len(matrix.VICTIMS)
    return ("%d rows, %d columns: %d cases, %d ok, %d failed, %d not run; "
            "%d cannot be" % (len(matrix.rows()), len(matrix.VICTIMS),
                              len(known), ok, failed,
                              len(known) - ok - failed, cells - len(known)))


def lines(results):
    rows = [("job", "point") + matrix.VICTIMS]
    for job, point in matrix.rows():
        rows.append((job, point) + tuple(
            cell(matrix.Case(job, point, v), results)
            for v in matrix.VICTIMS))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]

    def line(row):
        return "| %s |" % " | ".join(c.ljust(w) for c, w in zip(row, widths))
    yield line(rows[0])
    yield "|%s|" % "|".join("-" * (w + 2) for w in widths)
    yield from (line(row) for row in rows[1:])
    yield ""
    for i, why in enumerate(FOOT):
        yield "%d. %s" % (i + 1, why)
    yield ""
    yield counts(results) + "."


def render(results):
    return "\n".join(lines(results)) + "\n"


def document(results):
    return HEAD + render(results)
