#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What a menu costs: `make bench-menu`, docs/BENCHMARK.md.

vpsh and what stands for xencontrol, a menu in bash over `xl list`, on the
same simulated host, with Debian's own xl and xenstored. Prints lines
`NAME VALUE UNIT`; ratios have the unit x and are above 1 where vpsh is
better.
"""

import argparse
import os
import re
import resource
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("lib", "flow"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))
sys.dont_write_bytecode = True
import harness
import sim

MENU = {k: v for k, v in sim.ENVIRONMENT.items() if k != "LC_VPSH"}
GUESTS = ("web", "db", "mail")
# As those that providers had: where the guest is, a menu, a question.
OLD_WAY = r"""
clear
echo "Xen control for alice"
running=$("$XL" list 2>/dev/null | awk '{ print $1 }')
for guest in web db mail; do
	case "$running" in
	*alice-$guest*) echo "$guest: running" ;;
	*) echo "$guest: off" ;;
	esac
done
printf '1) console\n2) start\n3) shutdown\n4) destroy\n5) reboot\n6) exit\n'
read -r -p "Your choice: " choice
"""


def figure(name, value, unit):
    print("%s %.3g %s" % (name, value, unit), flush=True)


def host():
    world = sim.SimHost()
    world.more["alice"] = "limits = { sessions = 256; };"
    for name in GUESTS:
        world.guest(name)
    world.start()
    for name in GUESTS[:2]:
        done = world.vpsh("start", name)
        assert done.returncode == 0, done
    return world


def vpsh(world):
    return world.pty(env=MENU)


def old_way(world):
    return harness.Pty(["bash", "-c", OLD_WAY], env=dict(
        MENU, XL=world.path("usr/sbin/xl")), preexec=sim.becomes(world.uid))


def paint(make, world, last):
    """Milliseconds from before fork and exec to the last of the screen."""
    begin = time.monotonic()
    tty = make(world)
    tty.expect(last)
    took = (time.monotonic() - begin) * 1000
    tty.close()
    return took


def paints(world, rounds):
    """In turn, so that what disturbs one disturbs the others."""
    found = {"vpsh": [], "xl_list": [], "true": []}
    for _ in range(rounds):
        found["vpsh"].append(paint(vpsh, world, rb"running.*log out"))
        found["xl_list"].append(paint(old_way, world, rb"web: running.*mail.*choice: "))
        found["true"].append(paint(bare, world, rb"x"))
    for name, times in found.items():
        figure("paint.%s" % name, statistics.median(times), "ms")
        figure("paint_95.%s" % name,
               sorted(times)[int(len(times) * .95)], "ms")
    figure("paint.vpsh_beyond_a_process", statistics.median(
        a - b for a, b in zip(found["vpsh"], found["true"])), "ms")
    figure("paint.vpsh_to_xl_list", statistics.median(
        b / a for a, b in zip(found["vpsh"], found["xl_list"])), "x")


def bare(world):
    """What making a process on a terminal takes by itself."""
    return harness.Pty(["/bin/echo", "x"], env={})


def private_kib(pid):
    """Pages that nobody shares with it; of vpsh only root may know."""
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(n) for n in re.findall(
            r"Private_(?:Clean|Dirty): +(\d+)", f.read()))


def family(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        found = [int(p) for p in f.read().split()]
    return [pid] + [p for child in found for p in family(child)]


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/schedstat" % pid) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def switches(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/status" % pid) as f:
            total += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)",
                                   f.read())[1])
    return total


def idle(world, sessions, seconds):
    """Sessions on a screen without figures, as after 5 minutes without a
    key on any other; then some that look at the list and its figures."""
    ttys = []
    for _ in range(sessions):
        ttys.append(vpsh(world))
        ttys[-1].expect(rb"log out", 60)
        # The settings: nothing on them changes by itself.
        ttys[-1].send("o")
        ttys[-1].expect(rb"Settings", 60)
    harness.poll_once([], 5)
    pids = [tty.pid for tty in ttys]
    figure("memory.vpsh", statistics.median(map(private_kib, pids)), "KiB")
    bash = old_way(world)
    bash.expect(rb"choice: ")
    figure("memory.bash", sum(map(private_kib, family(bash.pid))), "KiB")
    services = family(world.processes["vpshd"].pid)
    figure("memory.all_services", sum(map(private_kib, services)), "KiB")
    before = cpu_seconds(pids), cpu_seconds(services), switches(pids)
    harness.poll_once([], seconds)
    figure("idle.%d_sessions_cpu" % sessions,
           (cpu_seconds(pids) - before[0]) * 1000, "ms")
    figure("idle.%d_sessions_wake_ups" % sessions,
           switches(pids) - before[2], "times")
    figure("idle.services_cpu",
           (cpu_seconds(services) - before[1]) * 1000, "ms")
    for tty in ttys[sessions // 10:]:
        tty.close()
    lists = ttys[:sessions // 10]
    for tty in lists:
        tty.send("\x1b")
        tty.expect(rb"log out", 30)
    pids = [tty.pid for tty in lists]
    before = cpu_seconds(pids)
    begin = time.monotonic()
    while time.monotonic() < begin + 20:
        for tty in lists:
            tty.read_some(0.1)
    figure("watched.one_session_cpu", (cpu_seconds(pids) - before)
           / len(lists) / (time.monotonic() - begin) * 1000, "ms/s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with harness.cleanup:
        world = host()
        paints(world, args.rounds)
        idle(world, args.sessions, args.seconds)


main()
