# SPDX-License-Identifier: ISC
"""What tests/xen does to consoles a few times, often."""
import harness
import test_console


@harness.deadline(900)
def test_H01_no_viewer_ever_sees_another_guest_in_twenty_rounds(lab):
    test_console.no_viewer_sees_another_guest(lab, 20)


@harness.deadline(1200)
def test_D03_ten_reboots_while_attached_show_every_line_once(lab):
    test_console.reboots_show_every_line_once(lab, 10)
