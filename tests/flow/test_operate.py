# SPDX-License-Identifier: ISC
"""What operators have done to guests, and what they are told of the service."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

import frames
import harness
from world import UUID, Host


class Operator(frames.Client):
    """A connection to the operators' door."""

    def __init__(self, path):
        super().__init__(path, greet=False)
        self.send("HELLO", 0, frames.hello(frames.OPERATOR))
        self.hello = self.recv("HELLO")

    def operate(self, name, guest="", text="", until_ms=0, flags=0):
        return self.ask(name, guest=guest, text=text, until_ms=until_ms,
                        flags=flags)

    def did(self):
        """All answers up to the end of them."""
        got = []
        while (answer := self.recv()).name == "DID":
            got.append(answer)
        assert answer.name == "DID_END" and answer.count == len(got)
        return got

    def one(self, *args, **how):
        self.operate(*args, **how)
        did, = self.did()
        return did


class Operated(Host):
    """A host with the operators' door; watcher and workers are played."""

    def listen(self):
        super().listen()
        self.door = os.path.join(self.dir, "run/vpsh/operator.sock")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.door)
        # Where vpshctl leaves its word for the worker.
        os.makedirs(os.path.join(self.dir, "run/vpsh/asked"), exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.door)
            listener.listen(16)
            self.supervisor.send("LISTENER", door=frames.OPERATORS_DOOR,
                                 fds=[listener.fileno()])

    def operator(self):
        return Operator(self.door)

    def works(self, op, said="", err="ok", domains=(), **wanted):
        """One worker does that; the RUN it had."""
        run, worker, number = self.worker()
        assert run.op == op, run
        for name, value in wanted.items():
            assert getattr(run, name) == value, (name, run)
        self.says(worker, number, said, err)
        if err == "ok":
            self.scanned(*domains)
        return run

    def says(self, worker, number, text="", err="ok"):
        worker.send("RESULT", job=number, err=frames.ERR[err], text=text)
        worker.close()
        self.supervisor.send("WORKER_GONE", job=number)

    def begin(self, *words, **how):
        """vpshctl, while the test plays the worker."""
        return harness.Process(
            [harness.program("vpshctl"), "-p", self.dir, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **how)

    def done(self, process, code=0):
        out, err = process.popen.communicate(timeout=20)
        print("$", *process.argv[3:], "\n", out, err)
        assert process.popen.returncode == code, (code, err)
        return out.decode(), err.decode()

    def ctl(self, *words, code=0):
        return self.done(self.begin(*words), code)

    def outcome(self, ref):
        """How that job ended, as it is on record."""
        return self.record(event="done", ref=ref)["err"]


def test_a_hold_is_one_job_and_its_worker_gets_reason_and_time():
    host = Operated().start()
    operator = host.operator()
    operator.operate("HOLD", "alice/web", "bäckup | \\o/", 1795300000123)
    run = host.works(frames.HOLD, "web is held: backup", customer="alice",
                     guest="web", text="bäckup | \\o/",
                     until_ms=1795300000123, flags=0)
    did, = operator.did()
    assert (did.guest, did.err, did.text) == ("alice/web", 0,
                                              "web is held: backup")
    assert did.ref == run.ref != ""
    begun = host.record(event="operator", verb="hold", ref=did.ref)
    assert begun["uid"] == os.geteuid() and begun["pid"] == os.getpid()
    assert (begun["guest"], begun["domain"]) == ("web", "alice-web")
    assert begun["how"] == "bäckup | \\o/" and begun["verdict"] == "allow"
    assert host.outcome(did.ref) == "ok"


def test_a_guest_is_named_by_customer_or_by_domain():
    host = Operated().start()
    operator = host.operator()
    for name in ("bob/shop", "bob-shop"):
        operator.operate("RELEASE", name)
        host.works(frames.RELEASE, customer="bob", guest="shop")
        did, = operator.did()
        assert did.guest == "bob/shop" and did.text.startswith("shop ")


def test_an_unknown_guest_is_told_what_there_is():
    host = Operated().start()
    operator = host.operator()
    for name, said in (("alice/wbe", "did you mean alice/web?"),
                       ("shop", "did you mean bob/shop?"),
                       ("bob/web", "did you mean alice/web?"),
                       ("/", "there are alice/db alice/web bob/shop"),
                       ("alice/", ""), ("/web", ""), ("a/b/c", ""),
                       ("\x1b[2Jxxxxxxxx", "\\x1b[2J"),
                       ("Domain-0", "there are alice/db")):
        did = operator.one("RELEASE", name)
        assert did.err == frames.ERR["no-guest"] and said in did.text, did
        assert "\x1b" not in did.text and "Nothing was done" in did.text
    host.supervisor.silent(0)
    out, err = host.ctl("hold", "web", "--reason", "x", code=1)
    assert out == "" and "alice/web?" in err


def test_adopt_all_is_every_guest_that_runs_and_is_not_ours():
    host = Operated().start()
    operator = host.operator()
    domains = (dict(domain="alice-web", ours=0), dict(domain="alice-db"),
               dict(domain="bob-shop", ours=0, domid=7))
    for flags in (1, 0):
        operator.operate("ADOPT", flags=flags)
        host.scanned(*domains)
        runs = [host.worker() for _ in range(2)]
        assert sorted(run.guest for run, _, _ in runs) == ["shop", "web"]
        for run, worker, number in runs:
            assert (run.op, run.flags) == (frames.ADOPT, flags)
            assert bytes(run.uuid) == bytes(UUID)
            host.says(worker, number, "done with " + run.guest,
                      "ok" if run.guest == "web" else "config")
        host.scanned()
        assert sorted((d.guest, d.err, d.text) for d in operator.did()) == [
            ("alice/web", 0, "done with web"),
            ("bob/shop", frames.ERR["config"], "done with shop")]
    operator.operate("ADOPT")
    host.scanned(*(dict(d, ours=1) for d in domains))
    assert operator.did() == []
    operator.operate("ADOPT")
    scan = host.watcher.recv("SCAN")
    host.watcher.send("SCANNED", serial=scan.serial, ok=0)
    did, = operator.did()
    assert (did.guest, did.err) == ("", frames.ERR["host"])


def test_a_hundred_guests_are_adopted_a_few_at_a_time():
    host = Operated()
    names = ["g%03d" % i for i in range(100)]
    host.customer("carol", names, uid=47998)
    host.start()
    operator = host.operator()
    operator.operate("ADOPT")
    host.scanned(*(dict(domain="carol-" + n, ours=0) for n in names))
    waiting, seen, most = [], set(), 0
    while len(seen) < len(names):
        while len(waiting) < min(4, len(names) - len(seen)):
            waiting.append(host.worker())
        most = max(most, len(waiting))
        host.supervisor.silent(0)
        run, worker, number = waiting.pop(0)
        seen.add(run.guest)
        host.says(worker, number, err="config")
    assert seen == set(names) and most == 4
    assert len(operator.did()) == 100


def test_jobs_go_on_when_the_operator_hangs_up():
    host = Operated().start()
    operator = host.operator()
    operator.operate("RELEASE", "alice/web")
    run, worker, number = host.worker()
    operator.close()
    again = host.operator()
    again.operate("HOLD", "alice/web", "x")
    host.says(worker, number)
    host.scanned()
    assert host.outcome(run.ref) == "ok"
    host.works(frames.HOLD)
    assert again.did()[0].err == 0


def test_a_hold_wins_over_starts_that_wait():
    host = Operated().start()
    alice = host.client()
    # Its last boot is being cleaned up; a start waits for that.
    host.tell(reason=frames.REBOOT_REASON)
    death, worker, number = host.worker()
    assert death.op == frames.DEATH
    started = alice.ask("START", frames.power("web"))
    alice.recv("JOB")
    alice.recv("NOTE")
    operator = host.operator()
    operator.operate("HOLD", "alice/web", "x")
    refused = alice.recv("DONE")
    assert refused.id == started and refused.err == frames.ERR["busy"]
    refused = alice.answer("START", frames.power("web"))
    assert refused.err == frames.ERR["busy"] and "hold" in refused.text
    host.result(worker, number)
    host.works(frames.HOLD)
    assert operator.did()[0].err == 0


def test_a_hold_wins_over_a_start_whose_turn_has_not_come():
    host = Operated()
    host.customer("alice", ("db", "mail", "web"), uid=os.geteuid())
    host.start()
    alice = host.client()
    for guest in ("db", "mail", "web"):
        alice.ask("START", frames.power(guest))
        alice.recv("JOB")
    alice.recv("NOTE")
    others = [host.worker() for _ in range(2)]      # of two at a time
    operator = host.operator()
    operator.operate("HOLD", "alice/web", "x")
    assert alice.recv("DONE").err == frames.ERR["busy"]
    host.works(frames.HOLD)
    assert operator.did()[0].err == 0
    for run, worker, number in others:
        host.result(worker, number)
        assert alice.recv("DONE").err == 0
    host.supervisor.silent(0)


def test_a_customers_destroy_does_not_break_off_a_hold():
    host = Operated().start()
    alice, operator = host.client(), host.operator()
    host.tell()
    operator.operate("HOLD", "alice/web", "x")
    run, worker, number = host.worker()
    refused = alice.answer("DESTROY", frames.power(
        "web", flags=frames.CONFIRMED))
    assert refused.name == "REFUSED" and refused.err == frames.ERR["busy"]
    assert "hold is under way, ref " + run.ref in refused.text
    # Nor one that waits.
    again = host.operator()
    again.operate("RELEASE", "alice/web")
    refused = alice.answer("DESTROY", frames.power(
        "web", flags=frames.CONFIRMED))
    assert refused.err == frames.ERR["busy"]
    host.says(worker, number)
    host.scanned()
    assert operator.did()[0].err == 0
    host.works(frames.RELEASE)
    assert again.did()[0].err == 0


@harness.deadline(40)
def test_a_guest_that_stays_busy_is_waited_for_ten_seconds():
    host = Operated().start()
    alice, operator = host.client(), host.operator()
    alice.ask("START", frames.power("web"))
    alice.recv("JOB")
    start, worker, number = host.worker()
    operator.sock.settimeout(15)
    did = operator.one("HOLD", "alice/web", "x")
    assert did.err == frames.ERR["busy"]
    assert "start is under way, ref " + start.ref in did.text
    assert host.outcome(did.ref) == "busy"
    host.result(worker, number)
    assert alice.recv("DONE").err == 0, "the start was not disturbed"


def test_operators_may_not_say_everything():
    host = Operated().start()
    good = dict(guest="alice/web", text="why", until_ms=0, flags=0)
    for name, change in (
            ("HOLD", dict(text="")), ("HOLD", dict(text="a\x1b[2Jb")),
            ("HOLD", dict(text="x" * 121)), ("HOLD", dict(text="a\nb")),
            ("HOLD", dict(text="\u202egnp")), ("HOLD", dict(guest="")),
            ("HOLD", dict(until_ms=-1)), ("HOLD", dict(flags=1)),
            ("RELEASE", dict()), ("RELEASE", dict(guest="", text="")),
            ("FORGET_SAVED", dict(text="", until_ms=1)),
            ("ADOPT", dict(text="", flags=2)), ("ADOPT", dict())):
        operator = host.operator()
        operator.operate(name, **dict(good, **change))
        assert operator.recv() is None, (name, change)
    whole = frames.frame("HOLD", 1, guest="alice/web", text="why")
    for raw in (whole[:-1], whole + b"\0", whole[:8],
                whole[:8] + b"x" * (len(whole) - 8),    # no NUL anywhere
                frames.frame("HOLD", 0, guest="alice/web", text="why"),
                frames.frame("DID", 1), frames.frame("RUN", 1),
                frames.frame("HEALTH_IS", 1), frames.frame("LIST", 1)):
        operator = host.operator()
        operator.sock.send(raw)
        assert operator.recv() is None, raw[:20]
    # Two questions at once, and a greeting in the middle.
    operator = host.operator()
    operator.operate("RELEASE", "alice/web")
    operator.operate("RELEASE", "alice/db")
    assert operator.recv() is None
    host.works(frames.RELEASE)
    host.supervisor.silent(0)
    assert host.client().answer("WHOAMI").customer == "alice"


def test_what_a_worker_says_reaches_no_terminal_as_it_is():
    host = Operated().start()
    words = ("hold", "alice/web", "--reason", "x", "--for", "2h")
    before = time.time()
    process = host.begin(*words)
    run = host.works(frames.HOLD, "held \x1b[2J\x9b\nnext")
    assert 7195 < run.until_ms / 1000 - before < 7260
    out, err = host.done(process)
    assert out.startswith("alice/web: held \\x1b[2J") and err == ""
    assert out.count("\n") == 1
    process = host.begin(*words, "--json")
    host.works(frames.HOLD, "held \x1b[2J\nnext", err="config")
    out, err = host.done(process, 1)
    said, = json.loads(out)["guests"]
    assert "\x1b" not in out and said["text"] == "held \x1b[2J\nnext"
    assert said["error"] == "config" and not said["done"] and said["ref"]


def test_wrong_words_are_usage_and_a_dead_service_is_7():
    host = Operated().start()
    for words in (("adopt",), ("adopt", "alice/web", "--all"),
                  ("hold", "alice/web"), ("hold", "alice/web", "--reason="),
                  ("hold", "--reason", "x"),
                  ("hold", "alice/web", "--reason", "a\x1b[2J"),
                  ("hold", "alice/web", "--reason", "x" * 121),
                  ("hold", "alice/web", "--reason", "x", "--for", "0m"),
                  ("hold", "alice/web", "--reason", "x", "--for", "10"),
                  ("hold", "alice/web", "--reason", "x", "--for", "9999d"),
                  ("release", "a/b/c"), ("release", "a b"), ("release",),
                  ("forget-saved", "../x y"), ("forget-saved", "x" * 72),
                  ("health", "x"), ("metrics", "--file", "x"),
                  ("metrics", "--json")):
        out, err = host.ctl(*words, code=2)
        assert "\x1b" not in err + out
    host.supervisor.silent(0)
    host.process.stop()
    for words in (("adopt", "--all"), ("release", "alice/web")):
        out, err = host.ctl(*words, code=7)
        assert "does not answer" in err


@harness.deadline(40)
def test_a_service_that_is_being_restarted_is_waited_for():
    host = Operated().start()
    host.process.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.unlink(host.door)
        process = host.begin("release", "alice/web")
        line = process.popen.stderr.readline()
        assert b"perhaps it is restarting" in line, line
        listener.bind(host.door)
        listener.listen(5)
        # One that takes it and dies, then one that dies over the question.
        listener.accept()[0].close()
        for lives in (False, True):
            broker = frames.Channel(listener.accept()[0])
            assert broker.recv("HELLO").role == frames.OPERATOR
            broker.send("HELLO", 0, frames.hello(frames.BROKER, "new"))
            asked = broker.recv("RELEASE")
            assert asked, process.popen.stderr.read()
            if lives:
                broker.send("DID", asked.id, guest=b"alice/web",
                            text=b"web is released")
                broker.send("DID_END", asked.id, count=1)
            broker.close()
    out, err = host.done(process)
    assert "web is released" in out and err == "", (out, err)


@harness.deadline(60)
def test_no_word_is_left_for_later_when_the_service_does_not_come_back():
    host = Operated().start()
    host.process.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.unlink(host.door)
        listener.bind(host.door)
        listener.listen(5)
        process = host.begin("release", "alice/web")
        broker = frames.Channel(listener.accept()[0])
        broker.recv("HELLO")
        broker.send("HELLO", 0, frames.hello(frames.BROKER, "new"))
        assert broker.recv("RELEASE")
        assert os.listdir(os.path.join(host.dir, "run/vpsh/asked"))
        os.unlink(host.door)
        broker.close()
    out, err = host.done(process, 7)
    assert os.listdir(os.path.join(host.dir, "run/vpsh/asked")) == [], err


def test_who_is_turned_away_for_his_version_reads_that():
    host = Operated().start()
    host.process.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.unlink(host.door)
        listener.bind(host.door)
        listener.listen(5)
        process = host.begin("release", "alice/web")
        broker = frames.Channel(listener.accept()[0])
        broker.recv("HELLO")
        broker.send("HELLO", 0, frames.hello(frames.BROKER, "new", version=99,
                                             oldest=99))
        out, err = host.done(process, 7)
        assert "of another version" in err, err


# --- health and metrics ------------------------------------------------------


PERF = re.compile(r"'([^'=]+)'=(-?[0-9.]+)(s|B|c|%)?"
                  r"((?:;[0-9.~:@-]*){0,4})(?: |$)")


def health(text):
    """(state, reasons, {label: value}) of the line, which has to be good."""
    assert text.count("\n") == 1 and text.count("|") == 1
    said, numbers = text[:-1].split("|")
    state, reasons = said.rstrip().split(" - ", 1)
    found, at = {}, 0
    numbers = numbers.strip()
    while at < len(numbers):
        one = PERF.match(numbers, at)
        assert one and one[1] not in found, numbers[at:]
        found[one[1]] = float(one[2])
        at = one.end()
    return state, reasons, found


def metrics(text):
    """{(name, labels): value}; strict as the format's description is."""
    typed, helped, found, last = {}, set(), {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped and len(line.split(" ", 3)[3]) > 3
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed and name in helped, line
            assert kind in ("counter", "gauge")
            assert name.endswith("_total") == (kind == "counter"), line
            assert re.fullmatch("vpsh_[a-z_]+", name)
            assert not name.endswith(("_ms", "_kib", "_minutes")), name
            typed[name] = kind
            last = name
        else:
            one = re.fullmatch(
                r'([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? '
                r'(-?[0-9]+(?:\.[0-9]+)?)', line)
            assert one, line
            assert one[1] == last, "a family stands together"
            assert (one[1], one[2]) not in found, line
            found[one[1], one[2]] = float(one[3])
    assert set(typed) == helped == {name for name, _ in found}
    return found


def log_of(host):
    with open(host.log.name, errors="backslashreplace") as f:
        return f.read()


@harness.deadline(60)
def test_health_says_what_is_missing():
    host = Operated().start()
    host.tell(domain="alice-web", ours=0)
    process = host.begin("health")
    host.scanned()
    said, _ = host.done(process)
    state, reasons, numbers = health(said)
    assert state == "OK" and "the broker was started" in reasons
    assert numbers["running"] == numbers["elsewhere"] == 1
    assert numbers["guests"] == 3 and numbers["sessions"] == 0
    host.console.close()
    harness.wait_until(lambda: "console server is gone" in log_of(host),
                       what="the broker notices")
    process = host.begin("health")
    scan = host.watcher.recv("SCAN")
    host.watcher.send("SCANNED", serial=scan.serial, ok=0)
    said, _ = host.done(process, 2)
    state, reasons, numbers = health(said)
    assert state == "CRITICAL"
    assert "no console server" in reasons and "Xen does not" in reasons
    # Nor does it answer at all.
    process = host.begin("metrics")
    host.watcher.recv("SCAN")
    found = metrics(host.done(process)[0])
    assert found["vpsh_xen_up", None] == found["vpsh_console_up", None] == 0
    assert found["vpsh_watcher_up", None] == 1
    host.watcher.close()
    # It waits for the next one's first look, and not for ever.
    said, _ = host.ctl("health", code=2)
    assert "no watcher" in said
    host.process.kill(signal.SIGSTOP)
    said, _ = host.ctl("health", code=2)
    assert "the broker does not answer" in said
    host.process.stop(signal.SIGKILL)
    said, _ = host.ctl("health", code=2)
    state, reasons, numbers = health(said)
    assert "is vpshd running?" in reasons and "running" not in numbers
    assert host.dir + "/var/log/vpsh" in numbers


def test_a_mistake_in_the_policy_is_a_warning_with_its_place():
    host = Operated()
    host.write("customers/bob/policy.conf", 'plan = "ba|sic";\n')
    host.start()
    process = host.begin("health")
    host.scanned()
    state, reasons, _ = health(host.done(process, 1)[0])
    assert state == "WARNING" and "bob/policy.conf" in reasons
    process = host.begin("health", "--json")
    host.scanned()
    said = json.loads(host.done(process, 1)[0])
    assert said["health"] == "WARNING" and said["customers_closed"] == 1


def test_metrics_are_what_prometheus_reads():
    host = Operated().start()
    client = host.client()
    assert client.answer("PAUSE", frames.power("web")).err == \
        frames.ERR["denied"]
    host.tell(domain="alice-web")
    process = host.begin("metrics")
    host.scanned()
    found = metrics(host.done(process)[0])
    assert found["vpsh_up", None] == 1
    assert found["vpsh_requests_total", None] == 1
    assert found["vpsh_requests_denied_total", None] == 1
    assert found["vpsh_guests_running", None] == 1
    assert found["vpsh_sessions", None] == 1
    assert found["vpsh_audit_state", '{state="fine"}'] == 1
    assert found["vpsh_build_info",
                 '{version="%s"}' % host.build] == 1
    assert found["vpsh_disk_free_bytes",
                 '{path="%s/run/vpsh"}' % host.dir] > 0
    folder = harness.temp_dir()
    path = os.path.join(folder, "vpsh.prom")
    with open(path, "w") as f:
        f.write("old")
    before = os.stat(path)
    process = host.begin("metrics", "--file", path)
    host.scanned()
    assert host.done(process) == ("", "")
    assert os.stat(path).st_ino != before.st_ino, "replaced, not rewritten"
    assert os.stat(path).st_mode & 0o777 == 0o644
    assert os.listdir(folder) == ["vpsh.prom"]
    with open(path) as f:
        assert metrics(f.read())["vpsh_up", None] == 1
    process = host.begin("metrics", "--file", "/nonexistent/x.prom")
    host.scanned()
    assert "cannot be written" in host.done(process, 1)[1]
    host.process.stop()
    assert metrics(host.ctl("metrics")[0])["vpsh_up", None] == 0


def test_jobs_are_counted_by_how_they_end():
    host = Operated().start()
    operator = host.operator()
    for err in ("ok", "config", "ok"):
        operator.operate("RELEASE", "alice/web")
        host.works(frames.RELEASE, err=err)
        operator.did()
    process = host.begin("metrics")
    host.scanned()
    found = metrics(host.done(process)[0])
    assert found["vpsh_jobs_done_total", None] == 2
    assert found["vpsh_jobs_failed_total", None] == 1
