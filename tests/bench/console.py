#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""make bench-console: the way of a guest's bytes, beside others.

One line a figure: NAME VALUE UNIT. A ratio has the unit x and is above 1
where vpsh is better. All that is compared is running at the same time, each
on a tty of its own of one source, and is measured in turn, again and again;
what is said is the median, for a machine has other things to do.
docs/BENCHMARK.md says what the figures mean.
"""

import argparse
import collections
import os
import resource
import shutil
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

LINE = 64
PLAIN_UID = 47133
# Others give a reader less; only so much is compared.
FLOOD_LINES, PINGS = 131072, 1000
SCALE_LINES, SCALES = 1048576, (1, 10, 100, 1000)
IDLE_S, PACE_MS, PACE_LINES = 5, 100, 50

Runner = collections.namedtuple("Runner", "name terminal guest pids")


def figure(name, value, unit):
    print("%s %.6g %s" % (name, value, unit), flush=True)


def step_down(uid):
    """Root's build may lie where no one else can read: a copy, and a uid."""
    top = tempfile.mkdtemp(prefix="vpsh-bench-")
    os.chmod(top, 0o755)
    source = os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))
    build = os.environ.get("VPSH_BIN_DIR") or os.path.join(
        source, "build/release")
    for path in ("tests/bench", "tests/lib", "tests/flow",
                 "build/conserver/root"):
        shutil.copytree(os.path.join(source, path), os.path.join(top, path),
                        symlinks=True)
    shutil.copytree(build, os.path.join(top, "build/bin"), symlinks=True,
                    ignore=shutil.ignore_patterns("obj", "unit", "*.a"))
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o555)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    pid = os.fork()
    if pid:
        status = os.waitpid(pid, 0)[1]
        shutil.rmtree(top)
        sys.exit(os.waitstatus_to_exitcode(status))
    os.setresuid(uid, uid, uid)
    os.environ.update(VPSH_BIN_DIR=os.path.join(top, "build/bin"))
    os.environ.pop("TMPDIR", None)
    os.chdir("/")
    return os.path.join(top, "tests/bench")


def start_all(stage, source):
    """Everything that is compared, each on its tty."""
    runners = [cat(stage, source, 0)]
    server = stage.Conserver([source.ttys[1]])
    terminal = stage.Terminal(*server.words(), env=dict(
        stage.sim.ENVIRONMENT, USER="alice", **stage.libraries()))
    terminal.ask("text help]")
    runners.append(Runner("conserver", terminal, 1,
                          stage.children_of(server.pid) + [terminal.pid]))
    host = stage.Xen().start(source.ttys[2])
    terminal = stage.Terminal(*host.words(), env=stage.sim.ENVIRONMENT)
    runners.append(Runner("xenconsole", terminal, 2, [terminal.pid]))
    vpsh = stage.Vpsh().start(source.ttys[3])
    terminal = stage.Terminal(*vpsh.words(), env=stage.sim.ENVIRONMENT)
    terminal.ask("text connected")
    runners.append(Runner("vpsh", terminal, 3,
                          [vpsh.server.pid, terminal.pid]))
    # The first bytes say that all of it stands.
    for runner in runners[1:]:
        runner.terminal.ask("ping 10")
    return runners, vpsh


def cat(stage, source, guest, *words):
    terminal = stage.Terminal(*words, "cat", source.ttys[guest])
    return Runner("cat", terminal, guest, [terminal.pid])


def flood(stage, source, runner, lines):
    """MB/s that came, s/MB of CPU, share that is missing."""
    before = stage.cpu_seconds(runner.pids)
    runner.terminal.tell("drain %d" % lines)
    source.tell("flood %d 1 %d" % (runner.guest, lines))
    got, missing, twice, seconds = map(float, runner.terminal.hear()[1:])
    source.hear()
    assert twice == 0, "%s gave %d lines twice" % (runner.name, twice)
    assert got + missing == lines, (runner.name, got, missing)
    return (got * LINE / 1e6 / seconds,
            (stage.cpu_seconds(runner.pids) - before)
            / (got * LINE / 1e6), missing / lines)


def ratios(found, of, index, less_is_better):
    """Round by round: what disturbs a round disturbs all of it."""
    ours, theirs = found["vpsh"], found[of]
    return statistics.median(
        (b[index] / a[index]) if less_is_better else (a[index] / b[index])
        for a, b in zip(ours, theirs))


def throughput(stage, source, runners, rounds):
    found = collections.defaultdict(list)
    for _ in range(rounds):
        for runner in runners:
            found[runner.name].append(
                flood(stage, source, runner, FLOOD_LINES))
    for name, runs in found.items():
        rates, cpu, missing = zip(*runs)
        figure("throughput.%s" % name, statistics.median(rates), "MB/s")
        figure("missing.%s" % name, 100 * statistics.mean(missing), "%")
        figure("cpu.%s" % name, statistics.median(cpu), "s/MB")
    for name in found:
        if name != "vpsh":
            figure("throughput.vpsh_to_%s" % name,
                   ratios(found, name, 0, False), "x")
            figure("cpu.vpsh_to_%s" % name, ratios(found, name, 1, True), "x")


def echo(stage, source, runners, rounds):
    """The bare tty is one that is opened, with nothing in between."""
    bare = Runner("tty", stage.Terminal("-t", source.ttys[4]), 4, [])
    found = collections.defaultdict(list)
    for _ in range(rounds):
        for runner in [bare] + runners[1:]:
            found[runner.name].append([float(n) for n in runner.terminal.ask(
                "ping %d" % PINGS)])
    for name, runs in found.items():
        figure("echo.%s" % name,
               statistics.median(r[0] for r in runs), "us")
        figure("echo_99.%s" % name,
               statistics.median(r[1] for r in runs), "us")
    for name in found:
        if name != "vpsh":
            figure("echo.vpsh_to_%s" % name, ratios(found, name, 0, True),
                   "x")


def memory(stage, runners, vpsh):
    for runner in runners:
        figure("memory.%s" % runner.name, stage.memory_kib(runner.pids),
               "KiB")
    figure("memory.vpsh_client", stage.memory_kib(runners[-1].pids[1:]),
           "KiB")
    figure("memory.vpsh_ring", stage.rings_kib(runners[-1].pids), "KiB")
    idle(stage, "idle.vpsh", runners[-1].pids + [vpsh.process.pid])
    idle(stage, "idle.conserver", runners[1].pids)


def idle(stage, name, pids):
    cpu, woken = stage.cpu_seconds(pids), stage.wake_ups(pids)
    stage.harness.poll_once([], IDLE_S)
    figure(name + "_cpu", (stage.cpu_seconds(pids) - cpu) / IDLE_S * 1e6,
           "us/s")
    figure(name + "_wake_ups", (stage.wake_ups(pids) - woken) / IDLE_S,
           "1/s")


def scale(stage, guests):
    """The console server with many guests; its viewers are one process."""
    name = "guests_%d" % guests
    source = stage.Source(guests)
    server = stage.Console(stage.harness.temp_dir())
    broker = server.peer(stage.frames.BROKER)
    empty = stage.memory_kib([server.pid])
    ends = []
    for i, tty in enumerate(source.ttys):
        server.serve("g%d" % i, tty, number=i + 1)
        for viewer in range(2):
            ends.append(server.grant(broker, "g%d" % i, 2 * i + viewer + 1))
    fds = [end.detach() for end in ends]
    viewers = stage.Told("viewers", *map(str, fds), pass_fds=fds)
    for fd in fds:
        os.close(fd)
    viewers.hear()
    pids = [server.pid]
    before = stage.cpu_seconds(pids)
    viewers.tell("drain %d" % (PACE_LINES * LINE))
    source.ask("pace 0 %d %d %d" % (guests, PACE_LINES, PACE_MS))
    viewers.hear()
    figure(name + ".cpu_of_a_line", (stage.cpu_seconds(pids) - before)
           / (guests * PACE_LINES) * 1e6, "us")
    lines = SCALE_LINES // guests
    before = stage.cpu_seconds(pids)
    viewers.tell("drain %d" % (lines * LINE))
    source.ask("flood 0 %d %d" % (guests, lines))
    got, missed, median, slowest = map(float, viewers.hear()[1:])
    cpu = stage.cpu_seconds(pids) - before
    assert got + missed == 2 * guests * lines * LINE, (got, missed)
    figure(name + ".delivered", got / 1e6 / slowest, "MB/s")
    figure(name + ".missing", 100 * missed / (got + missed), "%")
    figure(name + ".cpu", cpu / (got / 1e6), "s/MB")
    figure(name + ".median_viewer", median, "s")
    figure(name + ".slowest_viewer", slowest, "s")
    figure(name + ".memory", stage.memory_kib(pids), "KiB")
    figure(name + ".memory_of_a_guest",
           (stage.memory_kib(pids) - empty) / guests, "KiB")
    figure(name + ".rings", stage.rings_kib(pids), "KiB")
    idle(stage, name + ".idle", pids)
    assert "error" not in server.said().lower(), server.said()
    for process in (viewers.process, server.process, source.process):
        process.stop()


def conserver_memory(stage, guests):
    source = stage.Source(guests)
    server = stage.Conserver(source.ttys)
    stage.harness.wait_until(
        lambda: len(stage.children_of(server.pid)) > guests // 16)
    pids = stage.children_of(server.pid)
    figure("guests_%d.conserver_memory" % guests, stage.memory_kib(pids),
           "KiB")
    server.process.stop()
    source.process.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--uid", type=int, default=PLAIN_UID)
    parser.add_argument("--only", default="", help="part of a part's name")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if os.geteuid() == 0:
        sys.path.insert(0, step_down(args.uid))
    import stage
    with stage.harness.cleanup:
        if args.only in "compare":
            source = stage.Source(5)
            runners, vpsh = start_all(stage, source)
            throughput(stage, source, runners, args.rounds)
            echo(stage, source, runners, args.rounds)
            memory(stage, runners, vpsh)
        for guests in SCALES:
            if args.only in "guests_%d" % guests:
                scale(stage, guests)
                conserver_memory(stage, guests)


main()
