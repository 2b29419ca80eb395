# SPDX-License-Identifier: ISC
"""Workers with the test as their broker, stopped and killed at named points.

Xen, xl and the guests are those of the simulated host.
"""

import glob
import os
import signal

import frames
import harness
import test_worker

ZERO = test_worker.ZERO
OFF, RUNS, PAUSED, NOT_BEGUN = 0, 1, 2, 8
# What a worker does only when an operator has left word of it.
WORDS = {frames.RELEASE: "release", frames.FORGET_SAVED: "forget-saved"}


class Host(test_worker.Host):
    """Its jobs are numbered; at is (number, reference) of the last one."""

    last = 0

    def new_job(self):
        self.last += 10
        self.at = self.last, b"R%03d" % self.last
        return self.at

    def start(self):
        os.makedirs(self.path("run/vpsh/points"), exist_ok=True)
        os.chown(self.path("run/vpsh/points"), self.uid, self.uid)
        return super().start()

    def start_xen(self):
        for name in ("block", "vif-bridge"):
            script = self.path("etc/xen/scripts", name)
            os.unlink(script)
            # Stops itself where the test wants it to.
            self.write("etc/xen/scripts/" + name, """#!/bin/sh
stuck=%s/run/vpsh/points/script-%s-$1
if [ -e $stuck ]; then mv $stuck $stuck.$$; kill -STOP $$; fi
exec %s "$@"
""" % (self.dir, name, harness.program("sim/hotplug")), 0o755)
        super().start_xen()

    def arm(self, point):
        self.write("run/vpsh/points/" + point, "")

    def stopped_at(self, point):
        """The pid of who stands there, or None."""
        for path in glob.glob(self.path("run/vpsh/points", point + ".*")):
            return int(path.rsplit(".", 1)[1])
        return None

    def begin(self, op, guest="web", uuid=ZERO, job=None, word=True, **more):
        if word and op in WORDS:
            self.leave_word(WORDS[op])
        job = job or self.new_job()
        process, channel = self.domain_program("run", frames.BROKER)
        run = frames.Run(job[0], op, 0, job[1], b"alice", guest.encode(),
                         uuid)
        for name, value in more.items():
            setattr(run, name, value)
        channel.send("RUN", 0, run)
        return process, channel

    def begin_to(self, point, op, **more):
        """A worker that stands at that point, and nobody waits for it."""
        self.arm(point)
        more["job"] = more.get("job") or self.new_job()
        process, channel = self.begin(op, **more)

        def arrived():
            if harness.poll_once([channel.sock.fileno()], 0):
                got = channel.recv()
                assert got and got.name == "PHASE", "%s\n%s" % (
                    got, self.said())
                channel.send("GO", job=more["job"][0])
            return self.stopped_at(point)
        harness.wait_until(arrived, 15, "a worker at " + point,
                           [channel.sock.fileno()])
        return process, channel

    def dies_at(self, point, op, **more):
        """The supervisor ends the group of a worker that died."""
        process, channel = self.begin_to(point, op, **more)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        channel.close()
        self.forget_stops()

    def forget_stops(self):
        for path in glob.glob(self.path("run/vpsh/points/*")):
            os.unlink(path)

    def leave_word(self, verb, guest="alice:web"):
        """What vpshctl leaves for the worker beside the broker's request."""
        self.folder("run/vpsh/asked")
        path = self.path("run/vpsh/asked", verb + ":" + guest)
        with open(path, "w"):
            pass
        return path

    def ask_worker(self, op, job=None, **more):
        job = job or self.new_job()
        process, channel = self.begin(op, job=job, **more)
        while (got := channel.recv()) is not None and got.name == "PHASE":
            channel.send("GO", job=job[0])
        assert got is not None, self.said()
        assert channel.recv() is None
        assert process.wait() == 0, self.said()
        channel.close()
        return got

    def recovery(self, of_op, of=None, which=1):
        """What a RECOVER of the last job, or of that one, says."""
        of = of or self.at
        return {"job": (of[0] + which, of[1]), "of": of[0], "of_op": of_op}

    def recover(self, of_op, of=None, **more):
        return self.ask_worker(frames.RECOVER, **self.recovery(of_op, of),
                               **more)

    def boots(self):
        is_result(self.ask_worker(frames.START), "ok", 0)
        return self.has_booted()

    def has_booted(self):
        """Its drivers listen; its number."""
        number = self.domain("alice-web").domid
        node = "/local/domain/%d/control/feature-reboot" % number
        harness.wait_until(lambda: self.store.read(node) == "1",
                           what="it has booted\n" + self.said())
        return number

    def goes_down_to_reboot(self):
        is_result(self.ask_worker(frames.REBOOT), "ok", 0)
        return self.wait_domain("alice-web", state="shutdown",
                                reason="reboot")

    def intent(self, domain="alice-web"):
        try:
            with open(self.path("var/lib/vpsh/intent", domain)) as f:
                return dict(line.rstrip("\n").split(" ", 1) for line in f)
        except FileNotFoundError:
            return None

    def assert_tidy(self):
        """Nothing is there of a domain that is not."""
        domids = {str(d.domid) for d in self.domains()}
        store = self.store
        assert set(store.list("/local/domain")) - {"0"} == domids
        for kind in store.list("/local/domain/0/backend"):
            assert set(store.list("/local/domain/0/backend/" + kind)
                       ) <= domids, kind
        kept = {name.split(".")[1] for name in os.listdir(
            self.path("var/lib/xen")) if name.startswith("userdata-")}
        assert kept <= domids | {"0"}, kept
        for folder in ("run/vpsh/lock", "run/vpsh/result", "run/vpsh/torn",
                       "var/lib/vpsh/intent"):
            assert not os.path.isdir(self.path(folder)) or not [
                n for n in os.listdir(self.path(folder))
                if n.startswith(".")], folder
        workers = [words for words in self.inhabitants().values()
                   if words.endswith(" run")]
        assert not workers, workers

    def assert_off(self):
        assert self.domains() == []
        assert self.intent() is None
        self.assert_tidy()

    def assert_ours(self, domid=None):
        """It runs, once, and mark and intent say so."""
        (domain,) = self.domains()
        assert (domain.name, domain.state) == ("alice-web", "running")
        assert domid in (None, domain.domid)
        intent = self.intent()
        assert intent["mode"] == "normal", intent
        assert intent["domid"] == str(domain.domid), intent
        assert intent["uuid"].replace("-", "") == domain.uuid
        assert self.store.read("/local/domain/%d/vpsh/job"
                               % domain.domid) == intent["job"]
        self.assert_tidy()
        return domain


def new_host(**more):
    host = Host()
    host.guest("web", **more)
    return host.start()


def is_result(result, err, number=None, text=""):
    assert result.err == frames.ERR[err], result
    assert number in (None, result.number & ~NOT_BEGUN), result
    assert text in result.text, result


def xl_monitors(host):
    found = []
    for pid, words in host.inhabitants().items():
        try:
            exe = os.readlink("/proc/%d/exe" % pid)
            out = os.readlink("/proc/%d/fd/1" % pid)
        except OSError:
            continue
        if os.path.basename(exe) == "xl" and "/xl-alice-web.log" in out:
            found.append(pid)
    return found


def made_by_xl(host):
    assert host.xl("create", host.path("etc/xen/alice-web.cfg")
                   ).returncode == 0
    (monitor,) = harness.wait_until(lambda: xl_monitors(host),
                                    what="xl watches over it")
    domain = host.wait_domain("alice-web", state="running")
    assert host.store.read("/local/domain/%d/vpsh/job"
                           % domain.domid) is None
    return domain, monitor
