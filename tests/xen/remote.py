# SPDX-License-Identifier: ISC
"""dom0 from outside, through the real OpenSSH client."""
import os
import shlex
import subprocess

import harness
import image

SSH = ["ssh", "-F", "none"]
QUIET_OPTIONS = [
    "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none",
    "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none",
    "HostKeyAlias=dom0", "LogLevel=ERROR", "ConnectTimeout=30",
    "EscapeChar=none", "ServerAliveInterval=0",
]
# Every connection costs seconds of emulated arithmetic. What is not about
# the login itself shares one per account, and that needs a name for it.
ACCOUNTS = {"root": "admin", "alice": "alice", "bob": "bob"}


class CommandFailed(AssertionError):
    """A command of the test's own, not of vpsh, went wrong in dom0."""


class Terminal(harness.Pty):
    """A program at a terminal that talks to an emulated host."""

    def __init__(self, machine, argv, **more):
        self.machine = machine
        super().__init__(argv, **more)

    def expect(self, pattern, seconds=10):
        try:
            return super().expect(pattern, seconds)
        except AssertionError:
            self.machine.check()
            raise

    def expect_end(self, seconds=10):
        try:
            return super().expect_end(seconds)
        except AssertionError:
            self.machine.check()
            raise


class Remote:
    def __init__(self, machine):
        self.machine = machine
        self.masters = []

    def argv(self, account, words=(), key=None, shared=True, options=()):
        """ssh as that account; words are the remote command line."""
        folder = self.machine.folder
        known = folder + "/known_hosts"
        if not os.path.exists(known):
            image.put(known, "dom0 " + image.public(
                self.machine.keys["host"]))
        argv = list(SSH)
        for option in QUIET_OPTIONS:
            argv += ["-o", option]
        argv += ["-o", "UserKnownHostsFile=" + known]
        if shared:
            argv += ["-o", "ControlPath=%s/%s.ctl" % (folder, account)]
        argv += ["-i", self.machine.keys[key or ACCOUNTS[account]],
                 "-p", str(self.machine.port), "-l", account, *options,
                 "127.0.0.1"]
        return argv + (["--", *words] if words else [])

    def open_masters(self, accounts):
        """Shared connections; they live as long as this process."""
        started = []
        for account in accounts:
            path = "%s/%s.ctl" % (self.machine.folder, account)
            if os.path.exists(path):
                os.unlink(path)     # left by one that was killed
            popen = subprocess.Popen(
                self.argv(account, options=["-M", "-N"]),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE)
            started.append((account, path, popen))
            self.masters.append(popen)
        for account, path, popen in started:
            harness.wait_until(
                lambda: os.path.exists(path) or popen.poll() is not None,
                60, "ssh connection of " + account)
            if not os.path.exists(path):
                self.machine.check()
                raise CommandFailed("no login as %s: %s" % (
                    account, popen.stderr.read().decode(errors="replace")))

    def close(self):
        for popen in self.masters:
            popen.kill()
            popen.wait()
        self.masters = []

    def run(self, account, words=(), seconds=60, options=(), **more):
        """A remote command to its end: returncode, stdout, stderr."""
        how = {k: more.pop(k) for k in ("key", "shared") if k in more}
        try:
            done = harness.run(
                self.argv(account, words, options=options, **how),
                seconds, **more)
        except subprocess.TimeoutExpired as late:
            self.machine.check()
            raise CommandFailed("%s: %s did not end in %d s; it said %r" % (
                account, list(words), seconds, late.stdout))
        if done.returncode == 255:      # ssh's own: no connection
            self.machine.check()
        return done

    def root(self, command, seconds=60, check=True, **more):
        """A shell line in dom0 as root; what it printed."""
        done = self.run("root", [command], seconds, **more)
        if check and done.returncode != 0:
            self.machine.check()
            raise CommandFailed("dom0: %s: exit %d\n%s%s" % (
                command, done.returncode, done.stdout, done.stderr))
        return done.stdout

    def write(self, path, text):
        """A file in dom0, replaced whole as an editor does it."""
        new = shlex.quote(path + ".new~")
        old = shlex.quote(path)
        self.root("cat > %s && { chmod --reference=%s %s; chown "
                  "--reference=%s %s; } 2>/dev/null; mv %s %s"
                  % (new, old, new, old, new, new, old), input=text)

    def vpsh(self, account, line, seconds=90, **more):
        """One command of vpsh without a terminal, as typed by a customer."""
        return self.run(account, [line], seconds, **more)

    def terminal(self, account, line=None, **more):
        """A customer at a terminal: ssh -tt; in line mode."""
        options = ["-tt", *more.pop("options", ())]
        how = {k: more.pop(k) for k in ("key", "shared") if k in more}
        env = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8")
        return Terminal(
            self.machine,
            self.argv(account, [line or "line"], options=options,
                      **how), env=env, **more)
