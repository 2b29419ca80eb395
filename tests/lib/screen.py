# SPDX-License-Identifier: ISC
"""A program on a terminal, and what a person would see there.

The terminal is pyte, with what it lacks and a real one has: the alternate
screen, REP, and which private modes are on.
"""

import copy
import fcntl
import re
import struct
import termios
import time

import pyte

import harness

ENTER, ESC, TAB, BACKSPACE = "\r", "\x1b", "\t", "\x7f"
UP, DOWN, RIGHT, LEFT = "\x1bOA", "\x1bOB", "\x1bOC", "\x1bOD"
PASTE_BEGIN, PASTE_END = "\x1b[200~", "\x1b[201~"
WHEEL_UP, WHEEL_DOWN = "\x1b[<64;10;5M", "\x1b[<65;10;5M"

ALTERNATE = (47, 1047, 1049)


class Terminal(pyte.Screen):
    def __init__(self, columns, lines, answer):
        self.private = set()    # numbers of DEC private modes that are on
        self.behind = None      # what the alternate screen hides
        self.bells = 0
        self.answer = answer
        super().__init__(columns, lines)

    def reset(self):
        self.private.clear()
        self.behind = None
        super().reset()

    def bell(self, *args):
        self.bells += 1

    def write_process_input(self, data):
        self.answer(data)

    def set_mode(self, *modes, **kwargs):
        if kwargs.get("private"):
            self.private.update(modes)
            if any(m in ALTERNATE for m in modes) and self.behind is None:
                self.behind = (copy.deepcopy(self.buffer),
                               copy.copy(self.cursor))
                self.erase_in_display(2)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes, **kwargs):
        if kwargs.get("private"):
            self.private.difference_update(modes)
            if any(m in ALTERNATE for m in modes) and self.behind is not None:
                self.buffer, self.cursor = self.behind
                self.behind = None
                self.dirty.update(range(self.lines))
        super().reset_mode(*modes, **kwargs)

    def draw(self, data):
        super().draw(data)
        if data:
            self.last = data[-1]

    def repeat_last(self, count=1, **kwargs):
        self.draw(self.last * (count or 1))

    def set_margins(self, top=None, bottom=None):
        if not top and not bottom:
            self.margins = None
        else:
            super().set_margins(top, bottom)

    def scroll_up(self, count=1, **kwargs):
        self.scroll(self.delete_lines, count)

    def scroll_down(self, count=1, **kwargs):
        self.scroll(self.insert_lines, count)

    def scroll(self, function, count):
        row, column = self.cursor.y, self.cursor.x
        self.cursor.y = self.margins.top if self.margins else 0
        function(count or 1)
        self.cursor.y, self.cursor.x = row, column


class Stream(pyte.ByteStream):
    csi = dict(pyte.ByteStream.csi, b="repeat_last", S="scroll_up",
               T="scroll_down")
    events = pyte.ByteStream.events | {"repeat_last", "scroll_up",
                                       "scroll_down"}


class Screen(harness.Pty):
    """Sizes are rows and columns; rows and columns are counted from 0."""

    def __init__(self, argv, env=None, rows=24, cols=80, utf8=True, **kwargs):
        self.terminal = Terminal(cols, rows, self.answer)
        self.answers = True     # those that a terminal gives by itself
        self.stream = Stream(self.terminal)
        if not utf8:
            self.stream.select_other_charset("@")
        before = kwargs.pop("preexec", None)

        def preexec():
            # It has its size from the beginning.
            fcntl.ioctl(0, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, cols, 0, 0))
            if before:
                before()

        super().__init__(argv, env=env, rows=rows, cols=cols,
                         preexec=preexec, **kwargs)

    def answer(self, data):
        if self.answers and self.fd >= 0:
            self.send(data)

    def resize(self, rows, cols):
        super().resize(rows, cols)
        self.terminal.resize(rows, cols)

    def read_some(self, seconds):
        before = len(self.output)
        got = super().read_some(seconds)
        if got:
            self.stream.feed(self.output[before:])
        return got

    def lines(self):
        """What is on the screen now, row by row, without blanks behind."""
        return [line.rstrip() for line in self.terminal.display]

    def text(self):
        return "\n".join(self.lines())

    def words(self):
        """All of it as one line, each run of blanks as one."""
        return " ".join(self.text().split())

    def until(self, answer, what, seconds=10):
        """Waits until the screen is as answer() wants it; its answer."""
        end = time.monotonic() + seconds
        while True:
            found = answer()
            if found:
                return found
            got = self.read_some(end - time.monotonic())
            if got is True:
                continue
            raise AssertionError("%s: %s without %s; it shows\n%s" % (
                self.argv[0], "ended" if got is None else
                "after %g s" % seconds, what, self.text()))

    def see(self, pattern, seconds=10):
        """Waits until it is on the screen, over the ends of lines, too."""
        wanted = re.compile(pattern, re.DOTALL)
        return self.until(lambda: wanted.search(self.words()),
                          "%r" % pattern, seconds)

    def see_no_more(self, pattern, seconds=10):
        wanted = re.compile(pattern, re.DOTALL)
        self.until(lambda: not wanted.search(self.words()),
                   "%r gone" % pattern, seconds)

    def row(self, pattern):
        """The first row with that on it, and its text; None if there is."""
        for number, line in enumerate(self.lines()):
            if re.search(pattern, line):
                return number, line
        return None

    def cursor(self):
        return self.terminal.cursor.y, self.terminal.cursor.x

    def cell(self, row, column):
        """A character with .data, .fg, .bg, .bold, .reverse, ..."""
        return self.terminal.buffer[row][column]

    def read_for(self, seconds):
        """All that comes in that time; how many bytes."""
        before, end = len(self.output), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.read_some(left) is None:
                break
        return len(self.output) - before
