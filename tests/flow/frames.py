# SPDX-License-Identifier: ISC
"""wire/wire.h for tests: frames as a peer of the broker writes them."""

import contextlib
import ctypes as c
import os
import socket

import harness

MAGIC, VERSION = 0x48535056, 4
NAME, DOMAIN, TEXT, REF, WORD, BUILD, CLAIM = 40, 72, 512, 8, 24, 48, 128
ZONE = 48
FROM_TAIL = 2 ** 64 - 1
CONFIRMED, FORCE = 1, 2
VIEW, LOG, FOLLOW_LOG = 1, 2, 4
COUNTERS = 1
CUSTOMERS_DOOR, OPERATORS_DOOR = 1, 2

CLIENT, BROKER, SUPERVISOR, CONSOLE, WATCH, WORKER, OPERATOR = range(1, 8)
UNKNOWN, OFF, STARTING, RUNNING, PAUSED, STOPPING, CRASHED, SAVED = range(8)
(NO_REASON, POWEROFF, REBOOT_REASON, SUSPEND, CRASH, WATCHDOG,
 SOFT_RESET) = range(7)
(START, SHUTDOWN, REBOOT, RESET, DESTROY, DEATH, PAUSE, UNPAUSE,
 SYSRQ, RECOVER, ADOPT, HOLD, RELEASE, FORGET_SAVED) = range(1, 15)
CREATED, PAUSED_PHASE, REQUESTED = range(1, 4)


def body(name, *fields):
    return type(name, (c.Structure,), {"_fields_": list(fields)})


def text(name, size):
    return (name, c.c_char * size)


u32, u64, i32, i64 = c.c_uint32, c.c_uint64, c.c_int32, c.c_int64
uuid = ("uuid", c.c_uint8 * 16)
Hello = body("Hello", ("magic", u32), ("version", c.c_uint16),
             ("oldest", c.c_uint16), ("role", u32), text("build", BUILD),
             text("claim", CLAIM))
Empty = body("Empty", ("zero", u32))
Name = body("Name", text("guest", NAME))
Power = body("Power", text("guest", NAME), ("boot", u64), ("flags", u32),
             ("wait_s", u32), ("token", u64))
Attach = body("Attach", text("guest", NAME), ("start", u64), ("tail", u32),
              ("flags", u32), ("since_ms", i64))
Look = body("Look", text("guest", NAME), ("flags", u32), ("zero", u32))
Sysrq = body("Sysrq", text("guest", NAME), ("boot", u64), ("key", u32),
             ("zero", u32), ("token", u64))
Ref = body("Ref", text("ref", REF))
Counters = body("Counters", ("at_ms", i64), ("cpu_ns", u64),
                ("disk_read", u64), ("disk_written", u64), ("net_in", u64),
                ("net_out", u64), ("month_in", u64), ("month_out", u64))
Why = body("Why", text("verb", WORD), text("guest", NAME))
Outcome = body("Outcome", ("err", i32), text("ref", REF), ("zero", u32),
               text("text", TEXT))
Guest = body("Guest", text("name", NAME), ("state", u32),
             ("elsewhere", u32), ("boot", u64), ("uptime_ms", i64),
             ("memory_kib", u64), ("counters", Counters),
             ("cpu_permille", i32), ("vcpus", u32), ("rights", u32),
             ("zero", u32), text("job_verb", WORD), text("job_ref", REF),
             text("note", TEXT))
Count = body("Count", ("count", u32))
Job = body("Job", text("ref", REF), ("deadline_ms", u32), ("zero", u32))
Text = body("Text", text("text", TEXT))
Attached = body("Attached", text("guest", NAME), ("viewer", u64),
                ("may_write", u32), ("state", u32))
Because = body("Because", ("allowed", u32), ("zero", u32),
               text("text", TEXT))
Who = body("Who", text("customer", NAME), text("host", DOMAIN),
           text("support", CLAIM), ("guests", u32), ("rights", u32))
Peer = body("Peer", ("role", u32))
Listener = body("Listener", ("door", u32))
Spawn = body("Spawn", ("job", u64), ("worker", u32), ("deadline_ms", u32))
JobId = body("JobId", ("job", u64))
Gone = body("Gone", ("job", u64), ("status", i32), ("killed", u32))
Serial = body("Serial", ("serial", u32), ("ok", u32))
Domain = body("Domain", text("domain", DOMAIN), uuid, ("domid", u32),
              ("state", u32), ("reason", u32), ("ours", u32), ("boot", u64),
              ("since_ms", i64), ("memory_kib", u64),
              ("counters", Counters), ("vcpus", u32), ("autostart", u32),
              ("held_until_ms", i64), text("held", CLAIM))
Pty = body("Pty", text("customer", NAME), text("guest", NAME), uuid,
           ("boot", u64), ("domid", u32), ("flags", u32))
Grant = body("Grant", ("viewer", u64), text("customer", NAME),
             text("guest", NAME), text("who", NAME), ("start", u64),
             ("tail", u32), ("may_write", u32), ("flags", u32), ("zero", u32),
             ("since_ms", i64))
Viewer = body("Viewer", ("viewer", u64))
Stream = body("Stream", text("customer", NAME), text("guest", NAME),
              text("text", TEXT))
Run = body("Run", ("job", u64), ("op", u32), ("key", u32),
           text("ref", REF), text("customer", NAME), text("guest", NAME),
           uuid, ("of", u64), ("of_op", u32), ("lock_s", u32),
           ("flags", u32), ("zero", u32), ("until_ms", i64),
           text("text", CLAIM))
Phase = body("Phase", ("job", u64), ("phase", u32), ("domid", u32), uuid)
Result = body("Result", ("job", u64), ("err", i32), ("number", i32),
              text("text", TEXT))
Account = body("Account", text("customer", NAME), ("uid", u32),
               ("known", u32))
Session = body("Session", ("number", u64), text("customer", NAME),
               text("claim", CLAIM), text("guest", NAME),
               text("job_verb", WORD), text("job_guest", NAME),
               ("since_ms", i64), ("idle_ms", i64), ("uid", u32),
               ("pid", u32), ("may_write", u32), ("zero", u32))
Operate = body("Operate", text("guest", DOMAIN), text("text", CLAIM),
               ("until_ms", i64), ("flags", u32), ("zero", u32))
Did = body("Did", text("guest", DOMAIN), ("err", i32), text("ref", REF),
           ("zero", u32), text("text", TEXT))
Health = body("Health", *((name, i64) for name in (
    "broker_ms", "watcher_ms", "console_ms", "xen_ms")),
    *((name, u64) for name in ("requests", "denied", "jobs_done",
                               "jobs_failed", "audit_lost")),
    *((name, u32) for name in (
        "audit", "sessions", "viewers", "jobs", "customers",
        "customers_closed", "guests", "guests_closed", "running",
        "elsewhere", "held", "looping")), text("note", TEXT))

Prefs = body("Prefs", ("mode", u32), ("escape", u32), text("zone", ZONE),
             text("tz", ZONE), text("back", NAME), ("back_ms", i64),
             ("policy_mode", u32), ("zero", u32))
AskActivity = body("AskActivity", text("guest", NAME), ("max", u32),
                   ("zero", u32))
Act = body("Act", ("wall_ms", i64), ("took_ms", i64), text("verb", WORD),
           text("guest", NAME), text("who", NAME), text("claim", CLAIM),
           text("ref", REF), ("err", i32), ("zero", u32))
Lend = body("Lend", text("domain", DOMAIN), uuid, ("domid", u32),
            ("err", i32), ("until_ms", i64))
Put = body("Put", ("job", u64), text("customer", NAME), ("prefs", Prefs))

TYPES = {
    "HELLO": (1, Hello), "LIST": (100, Look), "STATUS": (101, Look),
    "START": (102, Power), "SHUTDOWN": (103, Power), "REBOOT": (104, Power),
    "RESET": (105, Power), "DESTROY": (106, Power), "CONSOLE": (107, Attach),
    "LOG": (108, Attach), "WHY": (109, Why), "WHOAMI": (110, Empty),
    "PAUSE": (111, Power), "UNPAUSE": (112, Power), "SYSRQ": (113, Sysrq),
    "FOLLOW": (114, Look), "UNFOLLOW": (115, Empty), "FIND": (116, Ref),
    "CANCEL": (117, Ref), "PREFS": (118, Empty), "PREFER": (119, Prefs),
    "ACTIVITY": (120, AskActivity), "LEAVE": (121, Empty),
    "PREFS_ARE": (211, Prefs),
    "ACT": (212, Act), "LEND": (402, Lend), "LENT": (423, Lend),
    "PUT": (802, Put), "WATCH": (906, Operate),
    "LEND_GUEST": (907, Operate), "WATCHED": (925, Attached),
    "LEFT": (210, Name),
    "REFUSED": (200, Outcome), "GUEST": (201, Guest), "END": (202, Count),
    "JOB": (203, Job), "NOTE": (204, Text), "DONE": (205, Outcome),
    "ATTACHED": (206, Attached), "BECAUSE": (207, Because), "WHO": (208, Who),
    "BYE": (209, Outcome), "PEER": (300, Peer), "LISTENER": (301, Listener),
    "WORKER_GONE": (302, Gone), "PING": (303, Serial),
    "SPAWN": (320, Spawn), "KILL": (321, JobId), "PONG": (322, Serial),
    "AUTOSTARTED": (401, Empty),
    "SCAN": (400, Serial), "DOMAIN_STATE": (420, Domain),
    "DOMAIN_GONE": (421, Domain), "SCANNED": (422, Serial),
    "GRANT": (600, Grant), "REVOKE": (601, Viewer), "DRAIN": (602, Stream),
    "MARK": (603, Stream), "VIEWER_GONE": (620, Viewer),
    "READY": (621, Pty),
    "DRAINED": (622, Stream), "RUN": (800, Run), "GO": (801, JobId),
    "PHASE": (820, Phase), "RESULT": (821, Result),
    "ACCOUNT": (822, Account), "ACCOUNTS_END": (823, Empty),
    "SESSIONS": (900, Empty), "SESSION": (920, Session),
    "SESSIONS_END": (921, Count), "ADOPT": (901, Operate),
    "HOLD": (902, Operate), "RELEASE": (903, Operate),
    "FORGET_SAVED": (904, Operate), "HEALTH": (905, Empty),
    "DID": (922, Did), "DID_END": (923, Count), "HEALTH_IS": (924, Health),
}
NAMES = {number: (name, kind) for name, (number, kind) in TYPES.items()}

ERR = {name: -i for i, name in enumerate(
    "ok failed usage unknown-command bytes quote foreign-tool denied "
    "no-guest busy rate timeout service host audit boot not-running "
    "no-customer policy guest-closed sessions config no-config no-kernel "
    "no-disk memory create hotplug still-up no-answer confirm version "
    "worker console revoked pygrub elsewhere memory-host connects "
    "suspended key paused no-sysrq loop interrupted held no-job "
    "no-room cancelled no-cancel zone lent".split())}


def hello(role=CLIENT, build="", claim="", version=VERSION, oldest=1,
          magic=MAGIC):
    return Hello(magic, version, oldest, role, build.encode(), claim.encode())


def frame(name, ident=0, *args, **fields):
    """Bytes of a frame; fields by name or in order, strings as str."""
    number, kind = TYPES[name]
    content = args[0] if args and isinstance(args[0], kind) else kind(
        *args, **{k: v.encode() if isinstance(v, str) else v
                  for k, v in fields.items()})
    return head(number, ident) + bytes(content)


def head(number, ident=0):
    return bytes((u32 * 2)(number, ident))


class Frame:
    """A received frame: its name, id, raw bytes and fields, strings as str."""

    def __init__(self, raw, fds):
        number, self.id = (u32 * 2).from_buffer_copy(raw)
        self.raw, self.fds = raw, fds
        self.name, kind = NAMES[number]
        self.body = kind.from_buffer_copy(raw, 8)
        assert len(raw) == 8 + c.sizeof(kind), self.name

    def __getattr__(self, name):
        value = getattr(self.body, name)
        return value.decode() if isinstance(value, bytes) else value

    def __repr__(self):
        return "<%s %s>" % (self.name, {
            k: getattr(self, k) for k, _ in self.body._fields_})


class Channel:
    """One end of a frame socket, blocking with a deadline."""

    def __init__(self, sock, seconds=10):
        self.sock = sock
        self.sock.settimeout(seconds)

    def send(self, name, ident=0, *args, fds=(), **fields):
        raw = frame(name, ident, *args, **fields)
        if fds:
            socket.send_fds(self.sock, [raw], list(fds))
        else:
            self.sock.send(raw)

    def recv(self, wanted=None):
        """The next frame; None at the end."""
        try:
            raw, fds, _, _ = socket.recv_fds(self.sock, 65536, 8)
        except (ConnectionResetError, BrokenPipeError):
            return None
        if not raw:
            return None
        got = Frame(raw, fds)
        assert wanted in (None, got.name), "%s instead of %s" % (got, wanted)
        return got

    def silent(self, seconds):
        """Is there nothing to read for so long?"""
        if harness.poll_once([self.sock.fileno()], seconds):
            raise AssertionError("not silent: %s" % self.recv())
        return True

    def close(self):
        """The peer sees the end, even while a thread waits for input."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Client(Channel):
    """A customer's side of a connection."""

    def __init__(self, path, greet=True, claim="192.0.2.1", seconds=10):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(sock, seconds)
        sock.connect(path)
        self.last = 0
        if greet:
            self.send("HELLO", 0, hello(claim=claim))
            self.hello = self.recv("HELLO")

    def ask(self, name, *args, **fields):
        """Send a request; its id."""
        self.last += 1
        self.send(name, self.last, *args, **fields)
        return self.last

    def answers(self, name, *args, **fields):
        """Send a request; all frames up to the last answer to it."""
        ident = self.ask(name, *args, **fields)
        got = []
        while True:
            answer = self.recv()
            assert answer is not None, "hung up after %s" % got
            got.append(answer)
            assert answer.id == ident or answer.name == "BYE", answer
            if answer.name not in ("GUEST", "JOB", "NOTE", "ACT"):
                return got

    def answer(self, name, *args, **fields):
        return self.answers(name, *args, **fields)[-1]


def power(guest, boot=0, flags=0, wait_s=0, token=0):
    return Power(guest.encode(), boot, flags, wait_s, token)


def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def close_fds(got):
    for fd in got.fds:
        os.close(fd)
