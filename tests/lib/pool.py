# SPDX-License-Identifier: ISC
"""Jobs of a test run, several at a time.

A job is a function of the slot that runs it. A slot has a number, which gives
its tests a uid and a temporary folder of their own: limits that count per uid
then count one test, and keeps workers (see worker.py --serve).
"""

import collections
import contextlib
import os
import subprocess
import threading

PYTHON = "/usr/bin/python3"
SERVED = "."


class Slot:
    def __init__(self, number):
        self.number = number
        self.workers = {}
        self.process = None     # the program that it runs just now
        self.lock, self.stopped = threading.Lock(), False

    def start(self, argv, **kwargs):
        """Nothing is started any more after stop()."""
        with self.lock:
            if self.stopped:
                raise InterruptedError
            return subprocess.Popen(argv, errors="backslashreplace",
                                    stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, **kwargs)

    def stop(self):
        with self.lock:
            self.stopped = True
        if self.process is not None:
            self.process.kill()
        self.close_workers()

    def run(self, argv, seconds, **kwargs):
        """As subprocess.run(), with both outputs in one."""
        self.process = self.start(argv, stdin=subprocess.DEVNULL, **kwargs)
        try:
            output, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
            return None, output
        return self.process.returncode, output

    def worker(self, folder, env, uid):
        """The worker for that folder, which lives as long as the slot.

        A folder may bring its own.
        """
        key = folder, env["VPSH_BIN_DIR"]
        if key not in self.workers:
            own = os.path.join(folder, "worker.py")
            argv = [PYTHON, own if os.path.exists(own) else os.path.join(
                env["VPSH_TOP"], "tests/lib/worker.py"), folder, "--serve"]
            if uid is not None:
                argv += ["--uid", str(uid)]
            self.workers[key] = self.start(argv, env=env,
                                           cwd=env["VPSH_TOP"],
                                           stdin=subprocess.PIPE)
        return self.workers[key]

    def serve(self, folder, env, uid, names, take):
        """Run the tests of those names; take() gets each report whole."""
        worker = self.worker(folder, env, uid)
        report = []
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write(" ".join(names) + "\n")
            worker.stdin.flush()
        for line in worker.stdout:
            done = line.rstrip("\n") == SERVED
            if report and (done or not line.startswith("     |")):
                take(report)
                report = []
            if done:
                return
            report.append(line)
        if report:
            take(report)
        del self.workers[folder, env["VPSH_BIN_DIR"]]
        raise RuntimeError("the worker ended with status %d" % worker.wait())

    def close_workers(self):
        """They end what they run when their input ends."""
        for worker in list(self.workers.values()):
            with contextlib.suppress(BrokenPipeError):
                worker.stdin.close()

    def end_workers(self, take=None):
        """take() gets what one that kept something had to say at its end."""
        self.close_workers()
        for worker in list(self.workers.values()):
            report = []
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.stdin = None
                report = worker.communicate(timeout=20)[0].splitlines(True)
            if report and take:
                take(report)
        self.workers = {}


class Pool:
    def __init__(self, size, failed):
        """failed(name, exception) is told of jobs that broke."""
        self.jobs, self.busy, self.failed = collections.deque(), 0, failed
        self.changed = threading.Condition()
        self.slots = [Slot(i) for i in range(size)]
        for slot in self.slots:
            threading.Thread(target=self.work, args=(slot,),
                             daemon=True).start()

    def add(self, name, job):
        with self.changed:
            self.jobs.append((name, job))
            self.changed.notify_all()

    def work(self, slot):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.jobs)
                name, job = self.jobs.popleft()
                self.busy += 1
            try:
                job(slot)
            except Exception as broken:
                self.failed(name, broken)
            with self.changed:
                self.busy -= 1
                self.changed.notify_all()

    def join(self, take=None):
        """Until nothing is left to do; workers end."""
        with self.changed:
            self.changed.wait_for(lambda: not self.jobs and not self.busy)
        for slot in self.slots:
            slot.end_workers(take)

    def stop(self):
        """Ends what runs, now."""
        with self.changed:
            self.jobs.clear()
            self.failed = lambda *_: None
        for slot in self.slots:
            slot.stop()
        for slot in self.slots:
            slot.end_workers()
