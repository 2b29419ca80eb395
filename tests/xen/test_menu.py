# SPDX-License-Identifier: ISC
"""The menu through the real OpenSSH, on real guests.

Everything is found by what stands on the screen, as a customer finds it.
"""

import os

import harness
import screen
import steps


class Menu(screen.Screen):
    """ssh -tt of a customer, and what a person sees there."""

    def __init__(self, lab, account, *words, **more):
        self.machine = lab.machine
        super().__init__(
            lab.argv(account, list(words), options=["-tt"]),
            env=dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8"), **more)

    def until(self, answer, what, seconds=30):
        try:
            return super().until(answer, what, seconds)
        except AssertionError:
            self.machine.check()
            raise

    def see(self, pattern, seconds=30):
        return super().see(pattern, seconds)

    def title(self, text, seconds=30):
        self.until(lambda: self.lines()[0].strip().startswith(text),
                   "the title %r" % text, seconds)
        return self

    def press(self, keys, title, seconds=30):
        self.send(keys)
        return self.title(title, seconds)

    def opened(self, guest):
        """From the list: down to that guest, and Enter."""
        self.title("Your guests", 60)
        for _ in range(20):
            at = self.row("^> ")
            if at and at[1].split()[1] == guest:
                break
            self.send("j")
            self.until(lambda: self.row("^> ") not in (None, at),
                       "the next guest")
        return self.press("\r", guest)

    def console(self, pattern, seconds=60):
        """What a guest says, and not the menu."""
        self.until(lambda: 1049 not in self.terminal.private, "a console")
        return self.see(pattern, seconds)


@harness.deadline(300)
def test_a_customer_goes_all_the_way_by_what_the_screen_says(lab):
    steps.fresh(lab)
    shown = Menu(lab, "alice")
    shown.opened("linux")
    shown.see("2 s Start switch it on")
    shown.send("2")
    shown.press("\r", "linux: start")
    shown.see("linux is running.*Enter back", 120)
    shown.press("\r", "linux")
    shown.see("1 c Console")
    shown.send("1\r")
    shown.console("guest# ?$", 90)
    shown.send("echo $((6 * 7))\r")
    shown.see(r"\b42\b.*guest# ?$", 30)
    shown.send(steps.LEAVE.decode())
    shown.title("linux")
    shown.see("3 d Shutdown ask it to go off")
    shown.press("3\r", "Shut down linux?")
    shown.see("> No, leave linux as it is.*y yes")
    shown.press("y", "linux: shutdown")
    shown.see("linux is off.*Enter back", 120)
    assert "alice-linux" not in lab.domains()
    shown.press("\r", "linux")
    shown.press("s", "linux: start")
    shown.see("linux is running.*Enter back", 120)
    shown.press("\r", "linux")
    shown.press("4\r", "Destroy linux?")
    shown.see("type linux and press Enter")
    shown.send("wrong\r")
    shown.see("That is not the name linux. Nothing was done.")
    assert "alice-linux" in lab.domains()
    shown.send("\x15linux")
    shown.see("Name: linux")
    shown.press("\r", "linux: destroy")
    shown.see("linux is off.*Enter back", 60)
    assert "alice-linux" not in lab.domains()
    shown.press("\r", "linux")
    shown.press("q", "Your guests")
    shown.send("q")
    assert shown.expect_end(20) == 0, shown.text()
    assert not shown.terminal.private & {1049, 1000, 1006, 2004}
    steps.agree(lab)


@harness.deadline(180)
def test_a_guest_that_somebody_else_starts_is_shown(lab):
    steps.fresh(lab)
    shown = Menu(lab, "alice")
    shown.see(r"web .{1,3}off", 60)
    lab.create("alice-web")
    shown.see(r"web .{1,3}running", 20)
    lab.root("xl destroy alice-web")
    shown.see(r"web .{1,3}off", 20)
    shown.send("q")
    assert shown.expect_end(20) == 0


@harness.deadline(240)
def test_a_dropped_line_is_offered_its_console_again(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    shown = Menu(lab, "alice")
    shown.opened("web").send("1\r")
    shown.console("grub>|GNU GRUB|BASH", 90)
    shown.hang_up()
    assert harness.wait_exit(shown.pid, 20)
    shown.close()
    again = Menu(lab, "alice")
    again.see("Enter: back to the console of web", 60)
    again.send("\r")
    again.console("grub>|GNU GRUB|BASH", 60)
    again.send(steps.LEAVE.decode())
    again.title("Your guests")
    again.send("q")
    assert again.expect_end(20) == 0


@harness.deadline(240)
def test_the_window_of_the_client_counts(lab):
    steps.fresh(lab)
    shown = Menu(lab, "alice", rows=12, cols=40)
    shown.title("Your guests", 60)
    shown.see("Enter open")
    assert len(shown.lines()[-1]) <= 40
    for rows, cols in ((60, 200), (24, 80)):
        shown.resize(rows, cols)
        shown.until(lambda: "log out" in shown.lines()[-1],
                    "the keys on the last of %d lines" % rows)
    shown.send("q")
    assert shown.expect_end(20) == 0
