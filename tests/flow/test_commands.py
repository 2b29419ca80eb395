# SPDX-License-Identifier: ISC
"""Every case of commands.py, in each way that a command can come in."""

import json
import os
import re

import commands
import harness
from stage import Host

# How long a line a terminal takes in one piece.
TYPED_MAX = 900


def host_of(world):
    guests, web, sees = commands.WORLDS[world]
    host = Host()
    host.customer("alice", uid=os.geteuid(),
                  guests=['{ name = "%s"; %s }' % g for g in guests.items()],
                  more="limits = { power = 1000; };")
    host.start()
    host.blind = not sees
    host.reset(state=web)
    return host


def said(text):
    """As one line: a terminal breaks it anywhere."""
    return " ".join(text.split())


def jobs(host):
    return [(j.op, j.guest, chr(j.key)) if j.key else (j.op, j.guest)
            for j in host.jobs]


def check_job(host, case):
    if case.job:
        harness.wait_until(lambda: host.jobs, what="a job")
    assert jobs(host) == ([case.job] if case.job else []), jobs(host)


def is_part(part, whole):
    """Is everything in part in whole, too?"""
    if isinstance(part, type):
        return isinstance(whole, part)
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            k in whole and is_part(v, whole[k]) for k, v in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(is_part, part, whole))
    return part == whole


def check_plain(case, done):
    assert done.returncode == case.code, done
    assert re.search(case.says, said(done.stdout + done.stderr)), done
    # The answer of why is no failure of its own.
    failed = case.code != 0 and "allowed" not in (case.json or ())
    assert bool(done.stderr) == failed, done


def one_shot(host, case):
    check_plain(case, host.vpsh(case.line))


def script(host, case):
    check_plain(case, host.vpsh(input=case.line + "\n", text=True))


def program(host, case):
    """With --json: one object, whatever comes of it."""
    if case.json is commands.NEVER:
        return
    line = case.line + " --json"
    if len(line) > TYPED_MAX:   # or it would be cut off with the rest
        line = case.line.replace(" ", " --json ", 1)
    done = host.vpsh(line)
    assert done.returncode == case.code, done
    assert done.stdout.count("\n") == 1 and done.stdout[-1] == "\n", done
    answer = json.loads(done.stdout)
    assert list(answer)[0] == "v" and answer["v"] == 1, done
    wanted = case.json
    if wanted is None:
        wanted = {"error": {"exit": case.code}} if case.code else {}
    assert is_part(wanted, answer), done
    error = answer.get("error")
    assert said(done.stderr) == (said(error["text"]) if error else ""), done


def person(host, case):
    if case.person is False or len(case.line) > TYPED_MAX:
        return
    screen = host.screen
    screen.send_line(case.line)
    screen.expect("\n")
    if case.ask is not None:
        question, answer = case.ask
        screen.expect(question.replace(" ", r"\s+"))
        screen.send_line(answer)
        screen.expect("\n")
    text = screen.expect("^(.*?)\rvpsh> ").group(1).decode()
    assert re.search(case.person or case.says, said(text)), text


def run(world, way):
    host = host_of(world)
    if way is person:
        host.screen = host.person()
    for case in commands.CASES:
        if case.world != world:
            continue
        try:
            way(host, case)
            check_job(host, case)
        except AssertionError as error:
            raise AssertionError("%s: %s" % (world, case.line)) from error
        if case.job:
            host.reset(state=commands.WORLDS[world][1])


def add(name, world, way):
    globals()["test_%s_%s" % (name, world)] = harness.deadline(60)(
        lambda: run(world, way))


for each in commands.WORLDS:
    add("A01_A02_A04_D14_one_shot", each, one_shot)
    add("A13_script", each, script)
    add("G01_json", each, program)
    add("person", each, person)
