#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""`make screens`: the screens of the menu, as text and as pictures.

From a real run on a simulated host; into docs/screens.
"""

import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
for folder in ("lib", "flow", "demo"):
    sys.path.insert(0, os.path.join(TOP, "tests", folder))
sys.dont_write_bytecode = True
PLAIN_UID = 47199


def host():
    import seat
    import sim
    world = sim.SimHost()
    world.guest("db", memory=1024, vcpus=2)
    world.guest("mail", memory=256, words="ignore-shutdown")
    world.guest("shop", memory=512, cfg='on_crash = "preserve"')
    world.guest("web", memory=512, vcpus=2)
    world.start()
    for name in ("mail", "shop", "web"):
        seat.begin(world, name)
    type_into(world, "shop", "crash", "end Kernel panic")
    return world


def type_into(world, name, line, wanted):
    """Logged in on that console; and away again."""
    tty = world.pty("console", name)
    tty.expect("login: ")
    tty.send("root\r")
    tty.expect(rb"# $", 20)
    tty.send(line + "\r")
    tty.expect(wanted, 20)
    tty.send("\x1d")
    tty.expect_end()


def busy(world):
    """Somebody works on web, so that there is something to see."""
    tty = world.pty("console", "web")
    tty.expect("login: ")
    for line in ("root", "net 900 in", "disk 3000 write", "burn 300"):
        tty.send(line + "\r")
        tty.expect(rb"# $", 20)
    tty.send("exit\r\x1d")
    tty.expect_end()


def visits(world):
    """The name of a picture, and whoever looks at it."""
    from seat import Seat
    shown = Seat(world)
    shown.listed()
    for _ in range(3):
        busy(world)
        shown.read_for(2.2)
    yield "list", shown
    shown.send("3\r")
    shown.title("shop ")
    shown.see("panic")
    yield "panic", shown
    shown.back("Your guests")
    shown.send("4\r")
    shown.title("web ")
    shown.see("in/out a second.*login:")
    yield "guest", shown
    for name, keys, title in (("destroy", "4\r", "Destroy web"),
                              ("question", "3\r", "Shut down web"),
                              ("log", "l", "Log of web"),
                              ("activity", "a", "Activity of web"),
                              ("settings", "o", "Settings"),
                              ("help", "?", "Help")):
        shown.press(keys, title)
        shown.read_for(0.3)
        yield name, shown
        shown.back("web ")
    shown.close()
    shown = Seat(world)
    shown.listed()
    shown.send("2\r")
    shown.press("d", "Shut down mail").press("y", "mail: shutdown")
    shown.see("x cancel")
    shown.read_for(1)
    yield "job", shown
    shown.close()
    shown = Seat(world, rows=12, cols=40)
    shown.listed()
    yield "narrow-list", shown
    shown.send("4\r")
    shown.title("web ")
    shown.see("login:")
    yield "narrow-guest", shown
    shown.close()


def take_all():
    """In the child: one line of JSON a picture."""
    import harness
    import svg
    with harness.cleanup:
        for name, shown in visits(host()):
            print(json.dumps([name, shown.text().rstrip() + "\n",
                              svg.picture(shown)]), flush=True)


def step_down():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(PLAIN_UID, PLAIN_UID, PLAIN_UID)
        os.setresuid(PLAIN_UID, PLAIN_UID, PLAIN_UID)


def main():
    if sys.argv[1:] == ["--take"]:
        step_down()
        take_all()
        return
    folder = os.path.join(TOP, "docs/screens")
    os.makedirs(folder, exist_ok=True)
    child = subprocess.Popen([sys.executable, __file__, "--take"],
                             stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        name, text, drawn = json.loads(line)
        for kind, content in (("txt", text), ("svg", drawn)):
            with open(os.path.join(folder, "%s.%s" % (name, kind)), "w") as f:
                f.write(content)
        print("docs/screens/%s" % name, flush=True)
    sys.exit(child.wait())


main()
