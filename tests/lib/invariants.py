# SPDX-License-Identifier: ISC
"""What holds on a host whenever vpsh is quiet, whatever was killed before.

Each function looks at one thing and returns findings, a sentence each. What
has to be looked back at stands in the host's own records: its history of
domains, the audit log, what a viewer was shown.
"""

import collections
import contextlib
import json
import os
import re
import sys

import harness
from sim import CHILDREN

sys.path.insert(0, os.path.join(harness.TOP, "tests/flow"))
import frames

POWER = ("start", "shutdown", "reboot", "reset", "destroy", "pause",
         "unpause", "sysrq")
STATES = {frames.OFF: "off", frames.RUNNING: "running",
          frames.PAUSED: "paused", frames.SAVED: "saved"}
# What vpsh says of a domain that simxen has so.
SHOWN = {"running": "running", "paused": "paused", "off": "off",
         "saved": "saved"}

# All that may lie about below /run, /var and /etc/vpsh.
FILES = re.compile("|".join((
    r"run/xenconsoled\.pid", r"run/xenstored/(socket|pid)",
    r"var/run/xen/domid-history", r"var/log/.*",
    r"run/vpsh/(broker|operator)\.sock", r"run/vpsh/(vpshd|children)\.lock",
    r"run/vpsh/journal", r"run/vpsh/policy/.*", r"run/vpsh/ring/[a-z0-9.-]+",
    r"(run/vpsh/(lock|result|torn)|var/lib/vpsh/(boots|intent|traffic|uuid|hold"
    r"|forgotten))/[a-z0-9-]+", r"var/lib/vpsh/host",
    r"etc/vpsh/vpsh\.conf", r"etc/vpsh/customers/[a-z0-9-]+/policy\.conf",
    r"var/lock/xenconsole\.\d+",
    r"var/lib/xen/userdata-[dn]\.\d+\.[0-9a-f-]{36}\.[a-z-]+")))
WALKED = ("run", "var", "etc/vpsh")


def lines_of(path):
    """Its whole lines; none if there is no such file."""
    try:
        with open(path, errors="backslashreplace") as f:
            return f.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


# --- domains ---------------------------------------------------------------

Event = collections.namedtuple("Event", "domid what guest")


def history(host, start=0):
    """What happened to domains, from that line on."""
    events, guests = [], {}
    for line in lines_of(host.path("sim/history")):
        domid, what, detail = line.split(" ", 2)
        if found := re.search(r"\bguest=(\S+)", detail):
            guests[domid] = found.group(1)
        events.append(Event(int(domid), what, guests.get(domid)))
    return events[start:]


def disks(events):
    """A disk belongs to one domain from its making to its end."""
    holders, findings = {}, []
    for event in events:
        if event.guest is None:
            continue
        held = holders.setdefault(event.guest, set())
        if event.what == "made":
            if held:
                findings.append("the disk of %s was held by domain %d when "
                                "domain %d got it" % (
                                    event.guest, max(held), event.domid))
            held.add(event.domid)
        elif event.what == "gone":
            held.discard(event.domid)
    return findings


def boots(events, guest):
    """How often it was made, and how often it came to run."""
    mine = [e.what for e in events if e.guest == guest]
    return mine.count("made"), mine.count("runs")


def domains(host, guests):
    """Each is a guest's, and no guest has two."""
    all_of = host.domains()
    names = collections.Counter(d.name for d in all_of if d.name)
    findings = ["%d domains are called %s" % (n, name)
                for name, n in names.items() if n > 1]
    findings += ["domain %d (%s, %s) is nobody's" % (d.domid, d.name, d.state)
                 for d in all_of if d.name not in guests]
    findings += ["domain %d (%s) is %s" % (d.domid, d.name, d.state)
                 for d in all_of if d.state in ("dying", "shutdown")]
    return findings


def xenstore(host):
    """Nothing is left of domains that are gone."""
    live = {str(d.domid) for d in host.domains()} | {"0"}
    findings = []
    for folder in ("/local/domain", "/libxl"):
        findings += ["%s/%s: there is no such domain" % (folder, n)
                     for n in host.store.list(folder) if n not in live]
    backends = "/local/domain/0/backend"
    for kind in host.store.list(backends):
        findings += ["%s/%s/%s: there is no such domain" % (backends, kind, n)
                     for n in host.store.list(backends + "/" + kind)
                     if n not in live]
    return findings


# --- processes -------------------------------------------------------------

HOST = ("simxen", "xenstored", "simdom0", "xenconsoled", "vpshd")


def long_lived(host):
    """{name: pid} of what stays; of vpsh what there is of it just now."""
    found = {n: p.pid for n, p in host.processes.items() if p.alive()}
    with contextlib.suppress(OSError, KeyError):
        found.update((n, pid) for n, pid in host.children().items()
                     if n in CHILDREN)
    return found


def processes(host, ours=()):
    """None is missing; none that belongs to nobody; ours are the test's."""
    known = long_lived(host)
    findings = ["%s is not there" % n for n in HOST + CHILDREN
                if n not in known]
    known = set(known.values()) | set(host.guest_pids().values()) | set(ours)
    # A zombie has no words and is not among these.
    findings += ["process %d is nobody's: %s" % (pid, words)
                 for pid, words in host.inhabitants().items()
                 if pid not in known and os.path.exists("/proc/%d" % pid)]
    return findings


def descriptors(host):
    """How many each of them has."""
    found = {}
    for name, pid in long_lived(host).items():
        with contextlib.suppress(OSError):
            found[name] = len(os.listdir("/proc/%d/fd" % pid))
    return found


def leaks(before, now):
    return ["%s has %d descriptors, it had %d" % (n, now[n], before[n])
            for n in now if n in before and now[n] > before[n]]


# --- files -----------------------------------------------------------------

def files(host):
    """No file that nobody knows, no record half written, none of the dead."""
    live = {str(d.domid) for d in host.domains()} | {"0"}
    findings = []
    for top in WALKED:
        for folder, _, names in os.walk(host.path(top)):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), host.dir)
                if not FILES.fullmatch(path):
                    findings.append("%s is left over" % path)
                elif ((of := re.search(r"(?:userdata-d|xenconsole)\.(\d+)",
                                       name))
                      and of.group(1) not in live):
                    findings.append("%s: its domain is gone" % path)
    return findings


def record(path):
    """A file of "key value" lines."""
    return dict(line.split(" ", 1) for line in lines_of(path) if " " in line)


def intents(host, saved=()):
    """Nobody is making a domain; whoever is spoken of is there."""
    live = {str(d.domid) for d in host.domains()}
    folder, findings = host.path("var/lib/vpsh/intent"), []
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        said = record(os.path.join(folder, name))
        if said.get("mode") != "normal":
            findings.append("the intent of %s says %s" % (name,
                                                          said.get("mode")))
        elif said.get("domid") not in live and name not in saved:
            findings.append("the intent of %s speaks of domain %s" % (
                name, said.get("domid")))
    return findings


def locks(host):
    """Nobody holds the lock of a guest."""
    folder, inodes = host.path("run/vpsh/lock"), {}
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        inodes[os.stat(os.path.join(folder, name)).st_ino] = name
    findings = []
    for line in lines_of("/proc/locks"):
        words = line.split()
        if words[1] == "FLOCK" and (inode := int(
                words[5].split(":")[2])) in inodes:
            findings.append("process %s holds the lock of %s" % (
                words[4], inodes[inode]))
    return findings


# --- what was said ---------------------------------------------------------

def audit_records(host, start=0):
    found = []
    for line in lines_of(host.audit)[start:]:
        try:
            found.append(json.loads(line))
        except ValueError:
            found.append({"event": "torn", "line": line})
    return found


def is_begun(record):
    """What an operator asks for is not decided, and is on record as well."""
    return (record["event"] == "decided" and record.get("verdict") == "allow"
            and record.get("verb") in POWER
            or record["event"] == "operator" and record.get("ref"))


# What changes no guest is on record with how it was refused, and has no job.
READS = ("console", "log", "list", "status", "follow", "why", "whoami", "job",
         "cancel", "prefs", "prefer", "activity")


def audit(records):
    """Each job that was allowed has one end, and each end a job.

    A reference may come again when its job is long over.
    """
    begun, ends, findings = {}, collections.Counter(), []
    for r in records:
        ref, said = r.get("ref"), "%s of %s" % (r.get("verb"), r.get("guest"))
        if r["event"] == "torn":
            findings.append("a line of the audit log is torn: " + r["line"])
        elif r["event"] in ("gap", "audit_gap"):
            findings.append("records are missing: %s" % r)
        elif is_begun(r) and not ref:
            findings.append("%s was decided without a reference" % said)
        elif is_begun(r) and ref in begun:
            findings.append("job %s was decided twice: %s" % (ref, said))
        elif is_begun(r):
            begun[ref] = said
        elif r["event"] == "done" and ref in begun:
            if begun.pop(ref) != said:
                findings.append("job %s ended as %s" % (ref, said))
            ends[ref, said] += 1
        elif r["event"] == "done" and not ref and r.get("verb") in READS:
            pass        # refused; no job was made
        elif r["event"] == "done" and (
                r.get("customer") not in ("system", None)
                or ends[ref, said]):
            findings.append("job %s has an end too many: %s" % (ref, said))
        elif r["event"] == "done":
            ends[ref, said] += 1
    return findings + ["job %s has no end on record: %s" % it
                       for it in begun.items()]


def differences(host, customer, told, saved=()):
    """told: (guest, state as list prints it, reference of its job)."""
    there = {d.name: d.state for d in host.domains()}
    findings = []
    for guest, state, job in told:
        name = "%s-%s" % (customer, guest)
        real = there.get(name, "saved" if name in saved else "off")
        if state != SHOWN.get(real):
            findings.append("%s is shown as %s and is %s" % (guest, state,
                                                             real))
        if job:
            findings.append("%s has a job: %s" % (guest, job))
    return findings


def shown(host, customer="alice", saved=()):
    """What its customer is shown is what the host has."""
    done = host.vpsh("list", "--json", customer=customer)
    if done.returncode != 0:
        return ["list says: %s" % done.stderr.strip()]
    return differences(host, customer, [
        (g["name"], g["state"], g["job"] and g["job"]["ref"])
        for g in json.loads(done.stdout)["guests"]], saved)


class Listener:
    """The same by a connection that stays, and is made again."""

    def __init__(self, host, customer="alice"):
        self.host, self.customer = host, customer
        self.client = None

    def findings(self, saved=()):
        try:
            if self.client is None:
                self.client = frames.Client(self.host.socket)
            got = self.client.answers("LIST")
        except (OSError, AssertionError) as gone:
            self.close()
            return ["nobody answers: %r" % gone]
        if got[-1].name != "END":
            self.close()
            return ["LIST is answered by %s" % got[-1]]
        return differences(self.host, self.customer, [
            (g.body.name.decode(), STATES.get(g.state, g.state), g.job_ref)
            for g in got[:-1]], saved)

    def close(self):
        if self.client is not None:
            self.client.close()
        self.client = None


# --- consoles --------------------------------------------------------------

COUNTED = re.compile(r"\[ *\d+\.\d{6}\] counts (\S+) (\d+) (\d{8})\r?$")
HOLE = "\0hole\n"


def unmarked(text, guest):
    """The text without the lines that vpsh draws; a HOLE for each that says
    that something is missing there."""
    return re.sub(
        r"\[%s: [^\]\n]*\]\r?\n" % re.escape(guest),
        lambda m: HOLE if re.search(r"missing|lost", m.group()) else "", text)


def one_console(guest, domid, lines, said, begin):
    """lines: numbers, and None for a hole; said: how many there were."""
    findings, hole = [], False
    next_one = begin
    for number in lines:
        if number is None:
            hole = True
            continue
        if number < next_one:
            findings.append("%s: domain %d said %d again after %d" % (
                guest, domid, number, next_one - 1))
        elif number > next_one and not hole:
            findings.append("%s: domain %d: lines %d to %d are missing and "
                            "no mark says so" % (guest, domid, next_one,
                                                 number - 1))
        next_one, hole = max(next_one, number + 1), False
    if next_one < said and not hole:
        findings.append("%s: domain %d: its last lines from %d to %d are "
                        "missing and no mark says so" % (
                            guest, domid, next_one, said - 1))
    return findings


def counted(host):
    """How many lines each domain's console was given by now."""
    found = {}
    for name in os.listdir(host.path("sim")):
        if name.startswith("counted-"):
            lines = lines_of(host.path("sim", name))
            found[int(name[8:])] = int(lines[0]) if lines else 0
    return found


def console(host, text, guest, customer="alice", first=None, said=None):
    """No line is missing, doubled or another guest's.

    first: a domain that ran before the viewer came; said: counted() from
    before the text was looked at.
    """
    said = counted(host) if said is None else said
    name = "%s-%s" % (customer, guest)
    lines = {e.domid: [] for e in history(host)
             if e.what == "runs" and e.guest == name
             and e.domid >= (first or 0)}
    holes, findings, torn = 0, [], False
    for line in unmarked(text, guest).split("\n")[:-1]:
        found = COUNTED.search(line)
        if line == HOLE.strip("\n"):
            holes += 1
            torn = True
            for seen in lines.values():
                seen.append(None)
        elif not found and "counts" in line and not torn:
            findings.append("%s: a torn line: %r" % (guest, line))
        elif found and found.group(1) != name:
            findings.append("%s was shown a line of %s" % (guest,
                                                           found.group(1)))
        elif found:
            torn = False
            lines.setdefault(int(found.group(2)), []).append(
                int(found.group(3)))
    for domid, seen in lines.items():
        if domid < (first or 0):
            continue            # of its end some came along
        begin, end = 0, said.get(domid, 0)
        if domid == first:
            begin = next((n for n in seen if n is not None), end)
        findings += one_console(guest, domid, seen, end, begin)
    return findings


class Invariants:
    """All of them, on one host."""

    def __init__(self, host, guests, customer="alice"):
        self.host, self.customer = host, customer
        self.guests = set(guests)       # names of domains
        self.ours = set()               # pids that the test started
        self.saved = set()              # domains that are not here, and live
        self.before = {}                # descriptors, at rest
        self.listener = Listener(host, customer)

    def rest(self):
        """What it has now is what it may have."""
        self.before = descriptors(self.host)

    def cheap(self):
        """What needs nobody's answer, and fails first while work is done."""
        host = self.host
        return (processes(host, self.ours) or locks(host)
                or intents(host, self.saved) or domains(host, self.guests) or xenstore(host))

    def findings(self):
        """Everything that is wrong just now."""
        host = self.host
        try:
            return self.cheap() or (
                disks(history(host)) + files(host)
                + audit(audit_records(host))
                or self.listener.findings(self.saved))
        except (OSError, KeyError) as gone:
            return ["while looking: %r" % gone]

    def settle(self, seconds=15, more=lambda: []):
        """Waits until nothing is wrong; what still is after that time."""
        found = []

        def look():
            found[:] = self.findings() or more()
            return not found
        try:
            harness.wait_until(look, seconds)
        except AssertionError:
            pass
        return found or shown(self.host, self.customer, self.saved)
