# SPDX-License-Identifier: ISC
"""Programs that are installed in a folder and upgraded while they run."""

import os
import shutil

import harness

CHILDREN = ("vpsh-broker", "vpsh-console", "vpsh-domain", "vpsh-store")


def build_id(folder=None):
    """Of the build that is tested, or of the one in that folder."""
    path = (os.path.join(folder, "build-id") if folder
            else harness.program("build-id"))
    with open(path) as f:
        return f.read().strip()


def next_id(number, own=None):
    """That of the number-th build after it; as long, for renamed()."""
    return "%s%c" % ((own or build_id())[:-1], chr(ord("G") + number))


def renamed(program, number, own=None):
    """The same bytes, but they call themselves the number-th build after."""
    old = (own or build_id()).encode() + b"\0"
    return program.replace(old, next_id(number, own).encode() + b"\0")


def put(source, path, number=0):
    """As package managers do: a new file that takes the name."""
    with open(source, "rb") as f:
        data = f.read()
    if number:
        data, same = renamed(data, number), data
        assert data != same, "%s does not name its build" % source
    with open(path + ".dpkg-new", "wb") as f:
        f.write(data)
    shutil.copymode(source, path + ".dpkg-new")
    os.rename(path + ".dpkg-new", path)


def install(folder, names=("vpshd",) + CHILDREN, number=0, sources=()):
    """sources: where a program is if it is not in the build's own folder."""
    os.makedirs(folder, exist_ok=True)
    for name in names:
        put(harness.program(dict(sources).get(name, name)),
            os.path.join(folder, name), number)
