# SPDX-License-Identifier: ISC
"""Whoever looks whether all is well sees each thing that is not."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys

import harness
import invariants
import sim

sys.path.insert(0, os.path.join(harness.TOP, "tests/kill"))
import case
import matrix

GUEST, DOMAIN = "web", "alice-web"


def new_host(running=True):
    host = sim.SimHost()
    host.guest(GUEST, words="counts=20 guest=" + DOMAIN)
    host.start()
    if running:
        assert host.vpsh("start", GUEST).returncode == 0
    return host, invariants.Invariants(host, {DOMAIN})


def sees(findings, *words):
    """One of them speaks of it."""
    assert any(all(w in f for w in words) for f in findings), findings


def test_a_host_at_rest_has_nothing_wrong():
    host, check = new_host()
    assert check.settle(10) == []
    assert host.vpsh("destroy", GUEST, "--yes").returncode == 0
    assert check.settle(10) == []


def test_a_disk_held_twice_is_seen_even_when_it_is_over():
    host, check = new_host()
    host.twins(True)
    config = host.path("etc/xen", DOMAIN + ".cfg")
    assert host.xl("create", "-e", config).returncode == 0
    first, second = host.domains()
    sees(check.findings(), "domains are called alice-web")
    assert host.xl("destroy", str(second.domid)).returncode == 0
    harness.wait_until(lambda: len(host.domains()) == 1, what="one is gone")
    sees(invariants.disks(invariants.history(host)),
         "held by domain %d when domain %d" % (first.domid, second.domid))


def test_a_domain_of_nobody_is_seen():
    host, check = new_host(running=False)
    host.guest("stray")
    assert host.xl("create", "-e", host.path(
        "etc/xen/alice-stray.cfg")).returncode == 0
    sees(check.findings(), "alice-stray", "nobody's")


def test_what_is_left_in_xenstore_is_seen():
    host, check = new_host()
    host.store.write("/local/domain/99/name", "ghost")
    sees(check.findings(), "/local/domain/99")
    host.store.remove("/local/domain/99")
    host.store.write("/local/domain/0/backend/vbd/98/51712/state", "4")
    sees(check.findings(), "backend/vbd/98")


def test_processes_too_many_and_too_few_are_seen():
    host, check = new_host()
    stray = harness.Process(["/bin/cat", "-", host.dir],
                            stdin=subprocess.PIPE)
    # For a moment it has no words yet.
    harness.wait_until(lambda: any("/bin/cat" in f for f in check.findings()),
                       what="the stray is seen")
    sees(check.findings(), "is nobody's", "/bin/cat")
    check.ours.add(stray.pid)
    assert check.settle(5) == []
    host.kill("vpshd", signal.SIGSTOP)
    host.kill("vpsh-console")
    harness.wait_until(lambda: "vpsh-console is not there" in check.findings(),
                       what="the missing one is seen")


def test_leaked_descriptors_are_seen():
    host, _ = new_host()
    before = invariants.descriptors(host)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            sock = stack.enter_context(socket.socket(
                socket.AF_UNIX, socket.SOCK_SEQPACKET))
            sock.connect(host.socket)
        harness.wait_until(lambda: invariants.leaks(
            before, invariants.descriptors(host)), what="they are seen")
    assert invariants.leaks({"a": 4}, {"a": 5}) and not invariants.leaks(
        {"a": 4}, {"a": 4, "b": 9})


def test_leftover_files_and_those_of_the_dead_are_seen():
    host, check = new_host()
    for name in ("var/lib/vpsh/traffic/.alice-web.1234", "run/vpsh/x.new",
                 "var/lock/xenconsole.77", "var/lib/xen/userdata-d.77."
                 "00000000-0000-0000-0000-000000000000.vpsh"):
        host.folder(os.path.dirname(name))
        host.write(name, "")
        sees(invariants.files(host), name)
        os.unlink(host.path(name))
    assert invariants.files(host) == []


def test_intents_of_nobody_are_seen():
    host, check = new_host()
    path = "var/lib/vpsh/intent/" + DOMAIN
    with open(host.path(path)) as f:
        text = f.read()
    host.write(path, text.replace("mode normal", "mode creating"), 0o600)
    sees(check.findings(), "says creating")
    host.write(path, text.replace("domid 1\n", "domid 7\n"), 0o600)
    sees(check.findings(), "speaks of domain 7")


def test_a_lock_that_is_held_is_seen():
    host, check = new_host()
    with open(host.path("run/vpsh/lock", DOMAIN), "r+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        sees(check.findings(), "holds the lock of alice-web")
    assert check.settle(5) == []


def test_an_audit_log_that_is_not_complete_is_seen():
    host, check = new_host()
    whole = invariants.audit_records(host)
    assert invariants.audit(whole) == []
    done = [r for r in whole if r["event"] == "done"][-1]
    decided = [r for r in whole if r.get("verdict") == "allow"
               and r.get("ref") == done["ref"]][0]
    without = [r for r in whole if r is not done]
    sees(invariants.audit(without), done["ref"], "no end")
    sees(invariants.audit(whole + [done]), done["ref"], "too many")
    sees(invariants.audit([decided] + whole), "decided twice")
    sees(invariants.audit([r for r in whole if r is not decided]),
         "too many")
    sees(invariants.audit(whole + [{**decided, "ref": None}]),
         "without a reference")
    sees(invariants.audit([{**r, "guest": "db"} if r is done else r
                           for r in whole]), "ended as start of db")
    sees(invariants.audit(whole + [{"event": "gap"}]), "records are missing")
    with open(host.audit, "a") as f:
        f.write('{"time":"20\n')
    sees(check.findings(), "torn")


def test_a_state_that_is_shown_wrongly_is_seen():
    host, check = new_host()
    assert check.settle(5) == []
    host.kill("vpsh-domain watch", signal.SIGSTOP)
    assert host.xl("pause", DOMAIN).returncode == 0
    sees(check.findings(), "web is shown as", "is paused")
    sees(invariants.shown(host), "web is shown as", "is paused")
    host.kill("vpsh-domain watch", signal.SIGCONT)
    assert host.xl("unpause", DOMAIN).returncode == 0
    assert check.settle(10) == []


def test_lines_that_are_missing_doubled_torn_or_strange_are_seen():
    host, _ = new_host(running=False)
    viewer = case.Viewer(host, GUEST)
    assert host.vpsh("start", GUEST).returncode == 0
    harness.wait_until(lambda: "00000030" in viewer.text(),
                       what="it has counted to 30")
    assert host.vpsh("destroy", GUEST, "--yes").returncode == 0
    harness.wait_until(lambda: "switched off" in viewer.text(),
                       what="it is over")
    text = viewer.text()

    def look(changed):
        return invariants.console(host, changed, GUEST)
    assert look(text) == []
    lines = text.split("\n")
    at = next(i for i, l in enumerate(lines) if "00000015" in l)
    after = lines[at + 1:]
    mark = ["[web: this view was too slow: 40 bytes are missing here]"]
    sees(look("\n".join(lines[:at] + after)), "15 to 15 are missing")
    sees(look("\n".join(lines[:at + 1] + lines[at:])), "said 15 again")
    sees(look("\n".join(lines[:at] + [lines[at].replace(
        DOMAIN, "bob-web")] + after)), "a line of bob-web")
    sees(look("\n".join(lines[:at] + [lines[at].replace(
        "counts", "1counts")[:40]] + after)), "torn line")
    sees(look("\n".join(lines[:at] + [""])), "last lines from 15")
    assert look("\n".join(lines[:at] + mark + after)) == []
    # A mark excuses what is missing there, and nothing else.
    sees(look("\n".join(lines[:at] + after[:5] + mark + after[5:])),
         "15 to 15 are missing")


def test_a_client_that_was_told_wrongly_is_seen():
    host, _ = new_host()
    stage = case.Stage.__new__(case.Stage)
    stage.host, stage.check = host, invariants.Invariants(host, {DOMAIN})
    before = {"domid": host.domain(DOMAIN).domid, "runs": 1}
    it = matrix.Case("destroy", "stop-silent", "worker")
    said = "destroy of web was interrupted: web is %s. Its disk"

    def truth(case_, outcome, runs=1):
        return stage.truth(case_, outcome, {**before, "runs": runs})
    sees(truth(it, (0, "web is off.")), "told", "running")
    sees(truth(it, (1, said % "off")), "told", "running")
    assert truth(it, (1, said % "running")) == []
    assert stage.told(it, (1, said % "running")) == []
    sees(stage.told(it, (1, "destroy of web failed.")), "status 1")
    sees(stage.told(it, (7, "vpsh is not answering.")), "status 7")
    sees(stage.told(it._replace(victim="console"), (1, said % "running")),
         "its worker lived")
    start = matrix.Case("start", "start-created", "broker")
    assert truth(start, (0, "web is running."), runs=0) == []
    sees(truth(start, (0, "web is running."), runs=-1), "done twice")
    sees(truth(matrix.Case("restart", "stop-gone", "all"), None),
         "running and came to run 0 times")
