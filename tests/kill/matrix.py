# SPDX-License-Identifier: ISC
"""The kill matrix: which process dies where in which job.

A row is a job and a named point of the code (base/point.h) on its way; a
column is who is killed there. What cannot happen stands here with its reason.
"""

import collections
import re

# Who comes to a point, and stops there.
POINTS = {
    "broker-journalled": "broker",      # the journal knows of it, nobody else
    "broker-decided": "broker",         # and now the audit log does
    "broker-made": "broker",            # a job, not yet begun
    "broker-spawned": "broker",         # its worker was asked for
    "broker-worker-gone": "broker",     # its worker has ended
    "broker-recovering": "broker",      # another has to look after it
    "broker-ended": "broker",           # its end is on record, nobody knows
    "autostart-made": "broker",         # its jobs are, the watcher not told
    "supervisor-welcome": "supervisor",  # a new child has greeted
    "supervisor-spawned": "supervisor",
    "supervisor-exec": "supervisor",    # about to become a new vpshd
    "worker-asked": "worker",           # it knows what to do
    "worker-locked": "worker",          # it has the guest for itself
    "start-intent": "worker",           # nothing is made yet
    "start-created": "worker",          # the domain is there, paused
    "start-console": "worker",          # its console is read
    "start-unpaused": "worker",         # it runs, the intent says not so
    "stop-asked": "worker",             # the guest was asked to go down
    "stop-restart": "worker",           # what went down is to come back
    "stop-silent": "worker",            # it says nothing more
    "stop-destroyed": "worker",
    "stop-gone": "worker",              # its intent is still there
    "adopt-intent": "worker",           # ours, as far as we know
    "adopt-ended": "worker",            # xl does not wait for it any more
    "adopt-marked": "worker",
    "recover-locked": "worker",         # after a worker that died
    "recover-tidied": "worker",         # nothing half made is left
    "worker-result": "worker",          # done, and nobody was told
    "result-written": "worker",         # nobody but a file
    "worker-told": "worker",
    "watcher-state": "watcher",         # about to say how a domain is
    "watcher-gone": "watcher",
    "watcher-away": "watcher",          # a guest leaves, to a file
    "watcher-host": "watcher",          # this boot of the host was served
    "console-pty": "console",           # about to read a console
    "console-drained": "console",       # all is read
}

VICTIMS = ("worker", "broker", "console", "watcher", "supervisor", "all",
           "xenconsoled", "client")

NO_WORKER = "no worker is there at that point"
NO_CLIENT = "nobody asked for this job"

# No worker is there, or none that this row is about.
WITHOUT_WORKER = {"broker-journalled", "broker-decided", "broker-made",
                  "broker-worker-gone", "broker-recovering", "broker-ended",
                  "autostart-made", "supervisor-welcome", "supervisor-exec",
                  "watcher-host", "watcher-away", "watcher-state"}

# Its worker was asked for, and does not know what for.
NOT_BEGUN = {"broker-journalled", "broker-decided", "broker-made",
             "supervisor-spawned", "broker-spawned", "worker-asked"}

# before: how the guest is; words: of the client, None when nobody asks;
# after: how the guest is in the end; runs: how often it came to run.
# point@first: armed when a worker stops at the first, which goes on then;
# point!first: the same, but the worker is killed at the first.
Job = collections.namedtuple("Job", "before words after runs points")

ASKED = ("broker-journalled", "broker-decided", "broker-made",
         "supervisor-spawned", "broker-spawned", "worker-asked",
         "worker-locked")
SPAWNED = ("watcher-state", "supervisor-spawned", "broker-spawned",
           "worker-asked", "worker-locked")
STOPS = ("stop-silent", "console-drained", "stop-destroyed", "watcher-gone",
         "stop-gone")
STARTS = ("start-intent", "watcher-state@start-intent",
          "console-pty@start-intent", "start-created", "start-console",
          "start-unpaused")
TOLD = ("worker-result", "result-written", "worker-told",
        "broker-worker-gone")
ENDS = TOLD + ("broker-ended",)


def after(first):
    return tuple("%s!%s" % (point, first) for point in (
        "broker-recovering", "recover-locked", "recover-tidied"))


JOBS = {
    "start": Job("off", ("start", "web"), "running", 1,
                 ASKED + STARTS + ENDS + after("start-created")
                 + after("start-unpaused")),
    "shutdown": Job("running", ("shutdown", "web"), "off", 0,
                    ASKED + ("stop-asked",) + TOLD
                    + ("watcher-state@stop-asked",) + STOPS
                    + ("broker-ended",)),
    "reboot": Job("running", ("reboot", "web"), "running", 1,
                  ASKED + ("stop-asked",) + TOLD
                  + ("watcher-state@stop-asked", "stop-restart") + STOPS
                  + STARTS + ("broker-ended",)),
    "reset": Job("running", ("reset", "web", "--yes"), "running", 1,
                 ASKED + STOPS + STARTS + ENDS + after("stop-gone")),
    "destroy": Job("running", ("destroy", "web", "--yes"), "off", 0,
                   ASKED + STOPS + ENDS + after("stop-silent")),
    "death": Job("running", None, "off", 0,
                 SPAWNED + STOPS + ENDS + after("stop-destroyed")),
    "restart": Job("running", None, "running", 1,
                   SPAWNED + ("stop-restart",) + STOPS + STARTS + ENDS
                   + after("stop-gone") + after("start-created")),
    "crash": Job("running", None, "running", 1,
                 SPAWNED + ("stop-restart",) + STOPS + STARTS + ENDS),
    "pause": Job("running", ("pause", "web"), "paused", 0, ASKED + ENDS),
    "unpause": Job("paused", ("unpause", "web"), "running", 0, ASKED + ENDS),
    "adopt": Job("foreign", ("adopt", "alice/web"), "running", 0,
                 ASKED[2:] + ("adopt-intent", "adopt-ended", "adopt-marked")
                 + ENDS),
    "autostart": Job("due", None, "running", 1,
                     ("autostart-made", "watcher-host")
                     + SPAWNED + STARTS + ENDS),
    "saved": Job("running", None, "saved", 0, ("watcher-away",)),
    "upgrade": Job("running", None, "running", 0,
                   ("supervisor-exec", "supervisor-welcome")),
}

Case = collections.namedtuple("Case", "job point victim")


def name(case):
    return "kill/%s/%s/%s" % case


def parts(point):
    """Where it stops, where something stops before or "", and whether that
    one is killed there."""
    where, sign, first = re.fullmatch(r"([a-z-]+)(?:([@!])(.*))?",
                                      point).groups("")
    return where, first, sign == "!"


def absent(case):
    """Why there is no such case; None for one that there is."""
    job, point, victim = case
    where, first, _ = parts(point)
    if victim == "worker" and where in WITHOUT_WORKER and (
            where, first) != ("watcher-state", "start-intent"):
        return NO_WORKER
    # It has taken the domain away, and has nothing to boot.
    if (where, victim) == ("watcher-gone", "worker") and \
            JOBS[job].after == "off":
        return NO_WORKER
    if victim == "client" and JOBS[job].words is None:
        return NO_CLIENT
    return None


def rows():
    return [(job, point) for job, it in JOBS.items() for point in it.points]


def cases():
    return [case for row in rows() for victim in VICTIMS
            if not absent(case := Case(*row, victim))]


# What `make check-kill` takes of it: at every point the process that stops
# there, all of vpsh at every fourth, and every victim somewhere in every job.
def selection():
    there = {(c.job, c.point, c.victim): c for c in cases()}
    chosen = [there[row + (POINTS[parts(row[1])[0]],)] for row in rows()
              if row + (POINTS[parts(row[1])[0]],) in there]
    chosen += [there[row + ("all",)] for row in rows()[::4]]
    have = {(c.job, c.victim) for c in chosen}
    for turn, (job, victim) in enumerate(
            (j, v) for j in JOBS for v in VICTIMS if (j, v) not in have):
        could = [c for c in there.values()
                 if (c.job, c.victim) == (job, victim)]
        chosen += could and [could[7 * turn % len(could)]]
    return chosen


def shuffled(chosen):
    """So that the same process is not killed again and again: whoever
    restarts it would wait longer each time."""
    by_victim = [[c for c in chosen if c.victim == v] for v in VICTIMS]
    longest = max([len(of) for of in by_victim] or [0])
    return [of[i * len(of) // longest] for i in range(longest)
            for of in by_victim
            if of and (i == 0 or i * len(of) // longest
                       != (i - 1) * len(of) // longest)]
