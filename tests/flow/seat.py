# SPDX-License-Identifier: ISC
"""A person in front of the menu, on a simulated host that tests share.

What is expected of a screen is written as it looks: "~" stands for
anything within a line, a line "..." for any number of lines.
"""

import contextlib
import re

import harness
import screen
import sim

MENU = {k: v for k, v in sim.ENVIRONMENT.items() if k != "LC_VPSH"}
SIZES = ((24, 80), (12, 40), (60, 200))
ESC, LEAVE = screen.ESC, "\x1d"
GUESTS = ("db", "mail", "sealed", "web")


@contextlib.contextmanager
def fixture():
    """web and mail run, and mail does not go off when it is asked to; db
    is off, and of sealed only the console may be watched."""
    world = sim.SimHost()
    world.guest("web")
    world.guest("db")
    world.guest("mail", words="ignore-shutdown")
    world.guest("sealed", policy='allow = [ "view", "log" ];')
    world.start()
    for name in ("web", "mail"):
        begin(world, name)
    yield world


def begin(world, name):
    done = world.vpsh("start", name)
    assert done.returncode == 0, done


def pattern_of(lines):
    rows = []
    for line in lines:
        if line.strip() == "...":
            rows.append(r"(?:[^\n]*\n)*?")
        else:
            rows.append(r"%s *\n" % "[^\n]*?".join(
                re.escape(part) for part in line.split("~")))
    return re.compile("".join(rows))


class Seat(screen.Screen):
    def __init__(self, world, *words, env=MENU, **kwargs):
        kwargs.setdefault("preexec", sim.becomes(world.uids["alice"]))
        self.world = world
        super().__init__([harness.program("vpsh"), "-p", world.dir, *words],
                         env=env, **kwargs)

    def looks(self, *lines, seconds=10):
        """Waits until the whole screen looks like that."""
        wanted = pattern_of(lines)
        self.until(lambda: wanted.fullmatch(self.text() + "\n"),
                   "\n%s\n" % "\n".join(lines), seconds)

    def title(self, text, seconds=10):
        """Waits for a screen with that in its title line."""
        self.until(lambda: re.match(" *" + text, self.lines()[0]),
                   "the title %r" % text, seconds)
        return self

    def press(self, keys, title):
        self.send(keys)
        return self.title(title)

    def fill(self, text):
        """Into a field; so much at once counts as a paste, Enter too."""
        self.send(text)
        self.see(re.escape(text))
        self.send("\r")

    def back(self, title):
        return self.press(ESC, title)

    def chosen(self, text, seconds=10):
        """Waits until the line with that is the one in reverse."""
        def is_so():
            for row, line in enumerate(self.lines()):
                if re.match(r" ?> ", line) and re.search(text, line):
                    cells = [self.cell(row, column) for column in (1, 6)]
                    return all(c.reverse for c in cells)
        self.until(is_so, "%r chosen" % text, seconds)

    def listed(self):
        self.title("Your guests")
        self.see(r"web .{1,3}running")
        return self

    def console(self):
        """Attached: not the menu is shown, but a guest at its prompt."""
        self.until(lambda: 1049 not in self.terminal.private
                   and re.search(r"(login:|#) ?$", self.words()),
                   "the console")
        return self

    def opened(self, guest):
        """The screen of a guest, from the list."""
        self.listed()
        self.send(str(1 + GUESTS.index(guest)))
        self.chosen(guest)
        self.send("\r")
        self.title(guest + " ")
        self.see("Console")
        return self

    def left(self):
        """It has ended, and the terminal is as it was."""
        status = self.expect_end()
        on = self.terminal.private & {1, 47, 1047, 1049, 1000, 1002, 1003,
                                      1006, 1015, 2004}
        assert not on, on
        # Not all terminals can hide it.
        assert self.output.rfind(b"?25l") <= self.output.rfind(b"?25h"), \
            "the cursor is hidden"
        return status
