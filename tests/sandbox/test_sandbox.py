# SPDX-License-Identifier: ISC
"""The release binaries with their filters on, and a build of the same
sources that turns against them: after its start-up each process there tries
what VPSH_HIJACK names, as somebody would who had taken it over."""

import os
import re
import signal
import struct
import subprocess

import harness

PROGRAMS = ("vpsh", "vpshd", "vpsh-broker", "vpsh-console", "vpsh-domain",
            "vpsh-store", "vpsh-keys")
ATTEMPTS = ("open", "exec", "fork", "socket-inet", "ptrace", "kill",
            "tiocsti", "setuid", "mount")
HOOK = b"VPSH_HIJACK"
# What the filter answers to what is not on its list.
NOT_THERE = "Function not implemented"


def hijack(name):
    return os.path.join(harness.TOP, "build/hijack", name)


def content(path):
    with open(path, "rb") as f:
        return f.read()


class World:
    """A supervisor below a prefix, as a plain user; we are the customer."""

    def __init__(self, hijacked=None, attempt=None):
        self.root = harness.temp_dir()
        customer = self.root + "/etc/vpsh/customers/tester"
        os.makedirs(customer)
        for folder in ("/run", "/var/lib/vpsh", "/var/log/vpsh"):
            os.makedirs(self.root + folder)
        self.write("/etc/vpsh/vpsh.conf", 'support = "help@example.net";\n')
        self.write("/etc/vpsh/customers/tester/policy.conf",
                   'uid = %d;\nguests = ( { name = "web"; allow = '
                   '[ "console", "start" ]; } );\n' % os.getuid())
        libexec = self.root + "/libexec"
        os.mkdir(libexec)
        for name in ("vpsh-broker", "vpsh-console", "vpsh-domain",
                     "vpsh-store"):
            build = hijack if name == hijacked else harness.program
            os.symlink(build(name), libexec + "/" + name)
        self.log_path = self.root + "/log"
        env = {"PATH": "/usr/bin:/bin"}
        if attempt:
            env["VPSH_HIJACK"] = attempt
        start = hijack if hijacked else harness.program
        with open(self.log_path, "wb") as log:
            self.vpshd = harness.Process(
                [start("vpshd"), "-p", self.root, "-x", libexec],
                stdout=log, stderr=log, env=env)
        self.socket = self.root + "/run/vpsh/broker.sock"

    def write(self, path, text):
        with open(self.root + path, "w") as f:
            f.write(text)
        os.chmod(self.root + path, 0o644)

    def log(self):
        return content(self.log_path).decode("utf-8", "backslashreplace")

    def wait_log(self, pattern, seconds=15):
        def look():
            return re.search(pattern, self.log())
        try:
            return harness.wait_until(look, seconds, pattern)
        finally:
            print(self.log())

    def children(self, program):
        path = "/proc/%d/task/%d/children" % (self.vpshd.pid, self.vpshd.pid)
        return [int(p) for p in content(path).split()
                if content("/proc/%s/cmdline" % p.decode())
                .split(b"\0")[0].endswith(program.encode())]

    def vpsh(self, *words, build=harness.program, env=None, **how):
        return harness.run([build("vpsh"), "-S", self.socket, *words],
                           env={"PATH": "/usr/bin:/bin", "TERM": "xterm",
                                **(env or {})}, cwd="/", **how)


def status_of(pid):
    return dict(re.findall(r"^(\w+):\s*(.*)$",
                           content("/proc/%d/status" % pid).decode(), re.M))


def test_no_binary_that_is_installed_has_the_hook():
    assert HOOK in content(hijack("vpsh")), "the hook would be found"
    for name in PROGRAMS:
        assert HOOK not in content(harness.program(name)), name


def test_binaries_are_hardened():
    for name in PROGRAMS:
        out = harness.run(["readelf", "-hldW", harness.program(name)]).stdout
        assert re.search(r"Type:\s+DYN", out), name + " is no PIE"
        assert "GNU_RELRO" in out and "BIND_NOW" in out or "NOW" in out, name
        assert re.search(r"GNU_STACK.* RW ", out), name
        symbols = harness.run(["readelf", "--dyn-syms", "-W",
                               harness.program(name)]).stdout
        assert "__stack_chk_fail" in symbols, name


def test_only_domain_is_linked_with_libxl_and_xenstore():
    for name in PROGRAMS:
        out = harness.run(["readelf", "-d", harness.program(name)]).stdout
        xen = re.findall(r"\[(libxen\w+|libconfig)\b", out)
        print(name, xen)
        assert bool([x for x in xen if x.startswith("libxen")]) == (
            name == "vpsh-domain"), name
        if name in ("vpsh", "vpsh-console"):
            assert "libconfig" not in xen, name


def test_broker_and_console_server_run_under_their_filters():
    world = World()
    for program in ("vpsh-broker", "vpsh-console"):
        pid = harness.wait_until(lambda: world.children(program), 10,
                                 program)[0]
        harness.wait_until(lambda: status_of(pid)["Seccomp"] == "2", 10,
                           program + " has a filter")
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    done = world.vpsh("whoami")
    print(done.stdout, done.stderr)
    assert done.returncode == 0 and "tester" in done.stdout


def test_session_works_under_its_filter():
    world = World()
    env = {"PATH": "/usr/bin:/bin", "TERM": "xterm"}
    session = harness.Pty([harness.program("vpsh"), "--line", "-S",
                           world.socket], env=env)
    session.expect("tester", 15)
    status = status_of(session.pid)
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    for command, answer in (("help", "console"), ("whoami", "tester"),
                            ("why start web", "policy.conf:2"),
                            ("list", "unknown"), ("nonsense", "no command")):
        session.send_line(command)
        session.expect(answer, 15)
        session.expect("> ", 15)
    at_prompt = session.modes()
    session.send_line("console web")
    session.expect("waiting for the guest", 15)
    assert session.modes() != at_prompt, "raw while it is attached"
    session.send("\x1d")
    session.expect("> ", 15)
    assert session.modes() == at_prompt, "as it was before"
    session.send_line("exit")
    assert session.expect_end() == 0


def blocked(text, attempt, status=None, killed=None):
    """Ended by the filter, or answered as if there were no such call."""
    print(text)
    assert "SUCCEEDED" not in text and "no such attempt" not in text
    if status == -signal.SIGSYS or (killed and re.search(killed, text)):
        return
    assert "hijack %s: blocked (%s)" % (attempt, NOT_THERE) in text


@harness.deadline(120)
def test_G08_hijacked_session_can_do_nothing_of_it():
    world = World()
    harness.wait_until(lambda: os.path.exists(world.socket), 10, "the socket")
    for attempt in ATTEMPTS:
        done = world.vpsh("version", build=hijack,
                          env={"VPSH_HIJACK": attempt})
        blocked(done.stdout + done.stderr, attempt, done.returncode)


def hijacked_child(program, attempts):
    for attempt in attempts:
        world = World(program, attempt)
        killed = r"%s \(pid \d+\) ended, signal %d" % (program,
                                                       signal.SIGSYS)
        world.wait_log(r"hijack %s: \w+|%s" % (attempt, killed))
        blocked(world.log(), attempt, killed=killed)
        world.vpshd.stop()


@harness.deadline(120)
def test_hijacked_broker_can_do_nothing_of_it():
    # It reads policy files, so it may open for reading; its uid decides.
    hijacked_child("vpsh-broker", [a for a in ATTEMPTS if a != "open"])


@harness.deadline(120)
def test_hijacked_console_server_can_do_nothing_of_it():
    hijacked_child("vpsh-console", ATTEMPTS)


# PREFER: mode, escape, zone, tz, back, back_ms, policy_mode, zero.
PREFER, PREFS_ARE = 119, 211
PREFERENCES = struct.Struct("=II48s48s40sqII")


def prefer(world, zone=b"Europe/Berlin"):
    """Has the broker start a vpsh-store; what that came to."""
    harness.wait_until(lambda: os.path.exists(world.socket), 10, "the socket")
    client = harness.FrameClient(world.socket)
    client.hello(version=4)
    return client.ask(harness.frame(PREFER, 1, PREFERENCES.pack(
        1, 0, zone, b"", b"", 0, 0, 0)))[-1]


def test_preferences_are_kept_under_the_filter_of_vpsh_store():
    world = World()
    kind, body = prefer(world)
    print(world.log())
    assert kind == PREFS_ARE
    assert PREFERENCES.unpack(body)[3].startswith(b"CET-1CEST,")
    kept = content(world.root + "/var/lib/vpsh/customers/tester/prefs")
    assert kept.startswith(b"vpsh-prefs 1\nmode line\n")


@harness.deadline(120)
def test_hijacked_store_can_do_nothing_of_it():
    for attempt in ATTEMPTS:
        world = World("vpsh-store", attempt)
        prefer(world)
        killed = r"ended without a word, signal %d" % signal.SIGSYS
        world.wait_log(r"hijack %s: \w+|%s" % (attempt, killed))
        blocked(world.log(), attempt, killed=killed)
        world.vpshd.stop()


def test_filter_kills_what_calls_exec():
    """Not only answers: a process that tries is not ours any more."""
    world = World()
    harness.wait_until(lambda: os.path.exists(world.socket), 10, "the socket")
    for attempt in ("exec", "fork", "ptrace", "kill"):
        done = world.vpsh("version", build=hijack,
                          env={"VPSH_HIJACK": attempt},
                          stdin=subprocess.DEVNULL)
        assert done.returncode == -signal.SIGSYS, (attempt, done)
