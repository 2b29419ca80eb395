# SPDX-License-Identifier: ISC
"""vpsh-domain on a simulated host; the test is broker and supervisor.

What a broker that was taken over could ask for stops here, too.
"""

import glob
import json
import os

import frames
import harness
import sim

ZERO = (0,) * 16
OK = 0


class Host(sim.SimHost):
    """Xen and vpsh-domain, and nothing else of vpsh."""

    number = 7          # of the last job

    def start(self):
        harness.cleanup.callback(self.stop)
        self.start_xen()
        # Without the watcher there is nobody else who makes it.
        for path in ("run/vpsh", "run/vpsh/lock", "run/vpsh/ring"):
            os.makedirs(self.path(path), mode=0o700, exist_ok=True)
        return self

    def domain_program(self, word, role):
        ours, theirs = frames.pair()
        fd = theirs.detach()

        def give_control():
            os.dup2(fd, 3)

        log = open(self.path("log"), "ab")
        process = harness.Process(
            [self.path("libexec/vpsh-domain"), "-p", self.dir, word],
            env=sim.ENVIRONMENT, stdout=log, stderr=log,
            close_fds=False, preexec_fn=give_control)
        log.close()
        os.close(fd)
        channel = frames.Channel(ours, 30)
        self.build = channel.recv("HELLO").build
        channel.send("HELLO", 0, frames.hello(role, self.build))
        return process, channel

    def job(self, op, guest="web", uuid=ZERO, key=0, go=True):
        """One worker from its request to its end: RESULT and the phases."""
        self.number += 1
        process, channel = self.domain_program("run", frames.BROKER)
        channel.send("RUN", 0, frames.Run(
            self.number, op, key, b"K7F3", b"alice", guest.encode(), uuid))
        phases = []
        while True:
            got = channel.recv()
            assert got is not None, self.said()
            if got.name == "RESULT":
                break
            phases.append(got.phase)
            if go:
                channel.send("GO", job=self.number)
        assert channel.recv() is None
        status = process.wait()
        assert status == 0, "%d: %s" % (status, self.said())
        channel.close()
        return got, phases

    def done(self, op, guest="web", **more):
        result, phases = self.job(op, guest, **more)
        assert result.err == OK, "%s\n%s" % (result, self.said())
        return result, phases

    def refused(self, err, op, guest="web", **more):
        result, _ = self.job(op, guest, **more)
        assert result.err == frames.ERR[err], "%s\n%s" % (result, self.said())
        return result

    def uuid(self, domain="alice-web"):
        return tuple(bytes.fromhex(self.domain(domain).uuid))

    def boots(self, domain="alice-web"):
        """Start it and wait until its drivers listen."""
        self.done(frames.START, domain.split("-", 1)[1])
        number = self.domain(domain).domid
        harness.wait_until(
            lambda: self.store.read("/local/domain/%d/control/feature-reboot"
                                    % number) == "1",
            what="%s has booted" % domain)
        return number


class Watcher:
    """The watcher with the test as its supervisor and its broker."""

    def __init__(self, host):
        self.host = host
        self.process, self.supervisor = host.domain_program(
            "watch", frames.SUPERVISOR)
        ours, theirs = frames.pair()
        self.broker = frames.Channel(ours, 30)
        self.supervisor.send("PEER", role=frames.BROKER,
                             fds=[theirs.fileno()])
        theirs.close()
        self.broker.recv("HELLO")
        self.broker.send("HELLO", 0, frames.hello(frames.BROKER, host.build))
        self.serial = 0

    def scan(self):
        """{domain: the last that was said of it} up to SCANNED."""
        self.serial += 1
        self.broker.send("SCAN", serial=self.serial, ok=0)
        said = {}
        while True:
            got = self.broker.recv()
            if got.name == "SCANNED" and got.serial == self.serial:
                assert got.ok == 1
                return said
            if got.name != "SCANNED":
                said[got.domain] = got

    def counters(self, domain="alice-web"):
        return self.scan()[domain].counters

    def stop(self):
        """As when the supervisor ends."""
        self.broker.close()
        self.supervisor.close()
        assert self.process.wait() == 0, self.host.said()

    def traffic(self, domain="alice-web"):
        with open(self.host.path("var/lib/vpsh/traffic", domain)) as f:
            return dict(line.split() for line in f)


def new_host(*guests, **more):
    host = Host()
    for name in guests or ("web",):
        host.guest(name, **more)
    return host.start()


@harness.deadline(60)
def test_pause_and_unpause():
    host = new_host()
    host.refused("not-running", frames.PAUSE)
    host.refused("not-running", frames.UNPAUSE)
    number = host.boots()
    host.done(frames.PAUSE)
    assert host.domain("alice-web").paused == 1
    result, _ = host.done(frames.PAUSE)
    assert "already" in result.text, result.text
    assert host.domain("alice-web").paused == 1
    for _ in range(3):
        host.ask(sim.PAUSE, number)
    host.done(frames.UNPAUSE)
    assert host.domain("alice-web").paused == 0
    result, _ = host.done(frames.UNPAUSE)
    assert "not paused" in result.text, result.text
    assert host.domain("alice-web").domid == number


@harness.deadline(60)
def test_E10_another_boot_than_was_meant_is_left_alone():
    host = new_host()
    host.boots()
    other = (9,) + host.uuid()[1:]
    for op in (frames.PAUSE, frames.UNPAUSE, frames.SYSRQ, frames.DESTROY,
               frames.SHUTDOWN, frames.RESET):
        host.refused("boot", op, uuid=other, key=ord("h"))
    assert host.domain("alice-web").paused == 0
    host.done(frames.PAUSE, uuid=host.uuid())
    assert host.domain("alice-web").paused == 1


@harness.deadline(60)
def test_E08_an_operation_that_there_is_not_does_nothing():
    host = new_host()
    host.boots()
    before = host.domain("alice-web")
    for op in (0, frames.FORGET_SAVED + 1, 2 ** 32 - 1):
        host.refused("failed", op)
    assert host.domain("alice-web") == before


@harness.deadline(60)
def test_E10_sysrq_takes_nothing_but_a_letter_or_a_digit():
    host = new_host()
    number = host.boots()
    node = "/local/domain/%d/control/sysrq" % number
    for key in (0, ord("A"), ord("/"), ord(":"), ord("`"), ord("{"), 10,
                0x68 + 256, 2 ** 32 - 1):
        host.refused("key", frames.SYSRQ, key=key)
        assert not host.store.read(node)
    result, _ = host.done(frames.SYSRQ, key=ord("h"))
    assert "took key h" in result.text, result.text
    assert host.store.read(node) != "h"
    host.done(frames.PAUSE)
    host.refused("paused", frames.SYSRQ, key=ord("h"))


@harness.deadline(60)
def test_a_guest_without_a_driver_is_not_sent_sysrq_keys():
    host = new_host(words="no-pv")
    host.done(frames.START)
    host.refused("no-sysrq", frames.SYSRQ, key=ord("b"))
    # Nor does the key wait for a driver that comes later.
    assert host.store.read("/local/domain/%d/control/sysrq"
                           % host.domain("alice-web").domid) == ""


@harness.deadline(60)
def test_a_half_made_domain_is_neither_paused_nor_set_going():
    host = new_host()
    process, channel = host.domain_program("run", frames.BROKER)
    channel.send("RUN", 0, frames.Run(7, frames.START, 0, b"K7F3", b"alice",
                                      b"web", ZERO))
    assert channel.recv("PHASE").phase == frames.CREATED
    process.kill(9)
    process.wait()
    channel.close()
    half = host.domain("alice-web")
    assert half.paused == 1
    host.refused("busy", frames.UNPAUSE)
    host.refused("busy", frames.PAUSE)
    host.refused("busy", frames.SYSRQ, key=ord("h"))
    assert host.domain("alice-web") == half
    # A start takes it away and makes a whole one.
    host.done(frames.START)
    assert host.domain("alice-web").domid != half.domid
    assert host.domain("alice-web").paused == 0


@harness.deadline(60)
def test_a_guest_of_the_operators_making_is_set_going_once_it_is_whole():
    host = new_host()
    assert host.xl("create", "-p", "-e",
                   host.path("etc/xen/alice-web.cfg")).returncode == 0
    # libxl writes this last; xl may still be at work.
    (whole,) = glob.glob(host.path("var/lib/xen/userdata-d.%d.*.libxl-json"
                                   % host.domain("alice-web").domid))
    os.rename(whole, host.path("aside"))
    host.refused("busy", frames.UNPAUSE)
    assert host.domain("alice-web").paused == 1
    os.rename(host.path("aside"), whole)
    host.done(frames.UNPAUSE)
    assert host.domain("alice-web").paused == 0


@harness.deadline(60)
def test_the_same_uuid_and_mac_at_every_boot_without_any_in_the_xl_cfg():
    host = Host()
    host.guest("web", net=False, cfg='vif = [ "bridge=xenbr0", '
               '"bridge=xenbr0" ]')
    host.guest("db", net=False, cfg='vif = [ "mac=00:16:3e:aa:bb:cc, '
               'bridge=xenbr0", "bridge=xenbr0" ]')
    host.start()

    def identity(guest):
        host.done(frames.START, guest)
        domain = host.domain("alice-" + guest)
        macs = [host.store.read("/local/domain/%d/device/vif/%d/mac"
                                % (domain.domid, i)) for i in (0, 1)]
        host.done(frames.DESTROY, guest)
        return domain.uuid, macs

    first = identity("web"), identity("db")
    assert (identity("web"), identity("db")) == first
    (web, web_macs), (db, db_macs) = first
    assert web != db and db_macs[0] == "00:16:3e:aa:bb:cc"
    macs = web_macs + db_macs
    assert len(set(macs)) == 4, macs
    assert all(m.startswith("00:16:3e:") for m in macs), macs


@harness.deadline(60)
def test_counters_are_those_of_the_kernel():
    host = new_host()
    number = host.boots()
    watcher = Watcher(host)
    host.ask(sim.MOVED, number, 0, 5000)        # the guest sent
    host.ask(sim.MOVED, number, 1, 300)
    host.ask(sim.MOVED, number, 2, 8192)
    host.ask(sim.MOVED, number, 3, 1024)
    harness.wait_until(
        lambda: host.counters(number).get("wr_sect", 0) > 0,
        what="dom0 counted")
    kernel = host.counters(number)
    counters = watcher.counters()
    assert counters.at_ms > 0
    assert counters.net_out == kernel["rx_bytes"] >= 5000
    assert counters.net_in == kernel["tx_bytes"] >= 300
    assert counters.disk_read == 512 * kernel["rd_sect"] >= 8192
    assert counters.disk_written == 512 * kernel["wr_sect"] >= 1024
    later = watcher.counters()
    assert later.at_ms >= counters.at_ms
    assert later.cpu_ns >= counters.cpu_ns > 0


@harness.deadline(90)
def test_a_month_adds_up_over_boots_and_watchers():
    host = new_host()
    watcher = Watcher(host)
    assert watcher.scan()["alice-web"].name == "DOMAIN_GONE"
    number = host.boots()
    before = host.counters(number)["rx_bytes"]

    def sent(domid, more):
        total = host.counters(domid)["rx_bytes"] + more
        host.ask(sim.MOVED, domid, 0, more)
        harness.wait_until(
            lambda: host.counters(domid)["rx_bytes"] == total,
            what="dom0 counted")
        return total

    first = sent(number, 5000)
    assert first == before + 5000
    assert watcher.counters().month_out == first
    first = sent(number, 60)
    watcher.stop()
    assert watcher.traffic()["out"] == str(first)
    # While nobody watches: the kernel goes on counting.
    total = sent(number, 700)
    watcher = Watcher(host)
    counters = watcher.counters()
    assert (counters.month_out, counters.net_out) == (total, total)
    # A boot later it has begun afresh, and the month has not.
    host.done(frames.DESTROY)
    number = host.boots()
    second = sent(number, 40)
    counters = watcher.counters()
    assert counters.net_out == second
    assert counters.month_out == total + second
    # It is off: the month is known all the same, also to a new watcher.
    host.done(frames.DESTROY)
    harness.wait_until(lambda: not watcher.scan() and
                       watcher.traffic()["out"] == str(total + second),
                       what="what it had is on the disk")
    watcher.stop()
    watcher = Watcher(host)
    gone = watcher.broker.recv("DOMAIN_GONE")
    assert gone.counters.month_out == total + second
    watcher.stop()


@harness.deadline(60)
def test_what_a_guest_had_when_it_shut_down_counts():
    host = new_host(cfg='on_poweroff = "preserve"')
    watcher = Watcher(host)
    number = host.boots()
    watcher.scan()
    host.ask(sim.MOVED, number, 0, 123456)
    harness.wait_until(
        lambda: host.counters(number)["rx_bytes"] >= 123456,
        what="dom0 counted")
    host.done(frames.SHUTDOWN)
    # Nobody asks: it is said with the news that the guest is down.
    while True:
        got = watcher.broker.recv("DOMAIN_STATE")
        if got.reason == frames.POWEROFF:
            break
    assert got.counters.net_out >= 123456
    assert got.counters.month_out >= 123456


def test_actions_say_what_the_domain_was_made_with():
    host = new_host(cfg='on_reboot = "destroy"')
    number = host.boots()
    config = json.loads(host.xl("list", "-l", "alice-web").stdout)
    assert config[0]["domid"] == number
    # Changed since: counts from the next boot on.
    host.guest("web", cfg='on_reboot = "restart"')
    host.done(frames.REBOOT)
    host.wait_domain("alice-web", state="shutdown", reason="reboot")
    result, phases = host.done(frames.DEATH)
    assert "is gone" in result.text
    assert phases == [frames.PAUSED_PHASE]
    assert host.domain("alice-web") is None
