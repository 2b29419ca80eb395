# SPDX-License-Identifier: ISC
"""What customers prefer is kept, and where a dropped line was is known."""

import os
import signal

import frames
import harness
import stage
from world import Host, Supervised

MENU, LINE = 2, 1
NONE = 1
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


def prefer(client, mode=0, escape=0, zone=""):
    return client.answer("PREFER", frames.Prefs(mode, escape, zone.encode()))


def prefs(host):
    """As a new connection is told."""
    client = host.client()
    got = client.answer("PREFS")
    client.close()
    assert got.name == "PREFS_ARE", got
    return got


def kept(host, customer="alice"):
    return os.path.join(host.dir, "var/lib/vpsh/customers", customer, "prefs")


def content(host):
    with open(kept(host)) as f:
        return f.read()


def plant(host, text, mode=0o600):
    os.makedirs(os.path.dirname(kept(host)), exist_ok=True)
    with open(kept(host), "w") as f:
        f.write(text)
    os.chmod(kept(host), mode)


def file_of(mode="menu", escape="none", zone="Europe/Berlin", tz=BERLIN):
    return "vpsh-prefs 1\nmode %s\nescape %s\nzone %s\ntz %s\n" % (
        mode, escape, zone, tz)


def test_who_never_said_anything_has_the_defaults_and_the_policys_face():
    host = Supervised().start()
    got = prefs(host)
    assert (got.mode, got.escape, got.zone, got.tz, got.back, got.back_ms,
            got.policy_mode) == (0, 0, "", "", "", -1, MENU), got
    host.customer("alice", ("web",), os.geteuid(), 'interface = "line";')
    harness.wait_until(lambda: prefs(host).policy_mode == LINE,
                       what="the policy asks for line mode")


def test_what_is_preferred_is_on_disk_when_it_is_answered():
    host = Supervised().start()
    got = prefer(host.client(), MENU, NONE, "Europe/Berlin")
    assert got.name == "PREFS_ARE", got
    assert (got.mode, got.escape, got.zone, got.tz) == (
        MENU, NONE, "Europe/Berlin", BERLIN), got
    assert content(host) == file_of()
    assert os.stat(kept(host)).st_mode & 0o777 == 0o600
    for folder in (os.path.dirname(kept(host)),
                   os.path.dirname(os.path.dirname(kept(host)))):
        assert os.stat(folder).st_mode & 0o777 == 0o700, folder
    assert os.listdir(os.path.dirname(kept(host))) == ["prefs"]
    # And it outlives the broker.
    os.kill(host.pids()["vpsh-broker"], signal.SIGKILL)
    harness.wait_until(host.answers, 15, "the next broker")
    assert prefs(host).raw[8:] == got.raw[8:]
    got = prefer(host.client(), LINE)
    assert (got.mode, got.escape, got.zone, got.tz) == (LINE, 0, "", ""), got
    assert content(host) == file_of("line", "default", "-", "-")


def test_a_change_is_on_record_and_a_look_is_not():
    host = Supervised().start()
    prefs(host)
    prefer(host.client(), LINE, NONE, "UTC")
    host.record(event="decided", verb="prefer", customer="alice",
                verdict="allow")
    done = host.record(event="done", verb="prefer", err="ok")
    assert "zone UTC" in done["how"], done
    assert not [r for r in host.records() if r.get("verb") == "prefs"]


def test_E12_a_zone_that_is_no_zone_is_refused_and_nothing_changes():
    host = Supervised().start()
    client = host.client()
    prefer(client, MENU, 0, "UTC")
    before = content(host)
    for zone in ("../../../etc/passwd", "/etc/passwd", "Europe/../../..",
                 "Europe", "Europe/", "/", ".", "..", "zone.tab", "tzdata.zi",
                 "Europe/Berlin\n", "Europe//Berlin", "a" * 47, "Mars/Base",
                 "\x1b[2J", "Europe/Berlin;id", "-1", "$HOME", "localtime"):
        got = prefer(client, LINE, 0, zone)
        assert got.name == "REFUSED", (zone, got)
        assert got.err == frames.ERR["zone"], (zone, got)
        assert "\x1b" not in got.text and "Nothing was done" in got.text
        if client.last % 15 == 0:       # so many in a minute
            os.kill(host.pids()["vpsh-broker"], signal.SIGKILL)
            harness.wait_until(host.answers, 15, "the next broker")
            client = host.client()
    assert content(host) == before and prefs(host).mode == MENU


def test_numbers_that_mean_nothing_are_refused():
    host = Supervised().start()
    client = host.client()
    for mode, escape in ((3, 0), (0, 2), (2 ** 32 - 1, 0), (0, 2 ** 31)):
        got = prefer(client, mode, escape)
        assert got.err == frames.ERR["usage"], got
    assert not os.path.exists(kept(host))


def test_a_broken_file_is_the_defaults_and_one_line_for_the_operator():
    host = Supervised().start()
    plant(host, file_of())
    assert prefs(host).mode == MENU
    for text in ("", "nonsense", file_of() + "more\n", file_of()[:-1],
                 file_of("window"), file_of(zone="../up"),
                 file_of(tz=":/etc/passwd"), file_of(tz="/etc/passwd"),
                 file_of(tz="-"), file_of().replace("mode", "moed"),
                 file_of(zone="Europe/" + "x" * 60),
                 file_of() + "x" * 70000, file_of().replace("menu", "me\0u")):
        plant(host, text)
        before = host.said().count("alice has the defaults")
        for _ in range(3):
            got = prefs(host)
            assert (got.mode, got.zone, got.tz) == (0, "", ""), (text, got)
        harness.wait_until(lambda: host.said().count(
            "alice has the defaults") == before + 1, what=text[:40])
        plant(host, file_of("line"))
        assert prefs(host).mode == LINE


def test_a_file_that_others_could_have_written_does_not_count():
    host = Supervised().start()
    plant(host, file_of(), 0o666)
    assert prefs(host).mode == 0
    os.unlink(kept(host))
    plant(host, file_of())
    os.rename(kept(host), kept(host) + ".real")
    os.symlink(kept(host) + ".real", kept(host))
    assert prefs(host).mode == 0
    os.unlink(kept(host))
    os.mkfifo(kept(host))
    assert prefs(host).mode == 0
    # vpsh-store puts a file in its place, whatever that was.
    os.unlink(kept(host))
    os.symlink("/etc/passwd", kept(host))
    assert prefer(host.client(), LINE).mode == LINE
    assert not os.path.islink(kept(host))


def test_of_several_at_once_the_last_one_counts_and_each_is_answered():
    host = Supervised().start()
    client, other = host.client(), host.client()
    wanted = (LINE, MENU, LINE, MENU)
    for mode in wanted:
        client.ask("PREFER", frames.Prefs(mode))
    assert other.answer("WHOAMI").customer == "alice"
    for mode in wanted:
        assert client.recv("PREFS_ARE").mode == mode
    assert prefs(host).mode == MENU


def test_H14_who_changes_his_mind_all_the_time_is_told_to_wait():
    host = Supervised().start()
    client = host.client()
    errs = [prefer(client, LINE) for _ in range(22)]
    assert {g.name for g in errs[:20]} == {"PREFS_ARE"}, errs
    assert {g.name for g in errs[20:]} == {"REFUSED"}, errs
    assert errs[-1].err == frames.ERR["rate"] and "seconds" in errs[-1].text
    assert client.answer("PREFS").mode == LINE


def stop_at(host, name):
    """The next one of them stops there; its pid."""
    folder = os.path.join(host.dir, "run/vpsh/points")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w"):
        pass

    def stopped():
        for entry in os.listdir(folder):
            if entry.startswith(name + "."):
                os.unlink(os.path.join(folder, entry))
                return int(entry.rsplit(".", 1)[1])
    return lambda: harness.wait_until(stopped, what="at " + name)


def test_one_that_is_killed_leaves_the_old_file_or_the_new_one():
    host = Supervised().start()
    client = host.client()
    prefer(client, MENU)
    for place, mode in (("store-written", MENU), ("store-renamed", LINE)):
        pid = stop_at(host, place)
        client.ask("PREFER", frames.Prefs(LINE))
        os.kill(pid(), signal.SIGKILL)
        got = client.recv("REFUSED")
        assert got.err == frames.ERR["failed"], got
        assert "preferences" in got.text
        assert prefs(host).mode == mode
    # What that left is in nobody's way.
    assert prefer(client, MENU).mode == MENU
    assert os.listdir(os.path.dirname(kept(host))) == ["prefs"]


def test_a_client_that_went_away_has_it_kept_all_the_same():
    host = Supervised().start()
    client = host.client()
    pid = stop_at(host, "store-written")
    client.ask("PREFER", frames.Prefs(LINE))
    number = pid()
    client.close()
    os.kill(number, signal.SIGCONT)
    harness.wait_until(lambda: prefs(host).mode == LINE, what="kept")


def test_clients_of_the_versions_before_are_served_as_they_were():
    host = Supervised().start()
    for version in (2, 3):
        client = host.client(greet=False)
        client.send("HELLO", 0, frames.hello(version=version))
        assert client.recv("HELLO").version == frames.VERSION
        assert client.answer("WHOAMI").customer == "alice"
        # What they send is as long as it was; nothing new comes unasked.
        client.send("START", client.last + 1, frames.power("web"))
        client.last += 1
        assert client.recv("REFUSED").err == frames.ERR["host"]
        assert client.answer("FIND", ref="2222").err == frames.ERR["no-job"]
        assert client.silent(0.1)


# --- back to the console ---------------------------------------------------

def attach(host, guest="web", name="CONSOLE", flags=0, client=None):
    """A client on that console; it and its viewer's number."""
    client = client or host.client()
    client.ask(name, frames.Attach(guest.encode(), frames.FROM_TAIL, 0, flags))
    got = client.recv("ATTACHED")
    frames.close_fds(got)
    grant = host.console.recv("GRANT")
    frames.close_fds(grant)
    return client, grant.viewer


def gone(host, client):
    """It hangs up, and the console server says so of its viewer."""
    client.close()
    end = host.console.recv("REVOKE")
    host.console.send("VIEWER_GONE", viewer=end.viewer)


def ended(host, viewer):
    """The viewer's socket was closed; its connection is there."""
    host.console.send("VIEWER_GONE", viewer=viewer)
    assert host.record(event="detach")


def test_who_vanished_on_a_console_is_shown_back_to_it():
    host = Host().start()
    client, _ = attach(host)
    assert prefs(host).back == ""
    gone(host, client)
    got = prefs(host)
    assert got.back == "web" and 0 <= got.back_ms < 10000, got
    # Asking does not use it up; going there does.
    assert prefs(host).back == "web"
    client, viewer = attach(host)
    assert prefs(host).back == ""
    # Its viewer may be known to be gone before it is.
    ended(host, viewer)
    client.close()
    harness.wait_until(lambda: prefs(host).back == "web", what="once more")


def test_who_left_a_console_is_not_shown_back():
    host = Host().start()
    # From a menu, which lives on: its viewer is gone by then.
    client, viewer = attach(host)
    client.ask("LEAVE")
    ended(host, viewer)
    client.close()
    assert prefs(host).back == ""
    # And from `ssh host console web`, which ends in the same moment.
    client, viewer = attach(host)
    client.ask("LEAVE")
    gone(host, client)
    assert prefs(host).back == ""
    # Once more on one, it has not left that.
    client, viewer = attach(host)
    client.ask("LEAVE")
    ended(host, viewer)
    attach(host, "db", client=client)
    gone(host, client)
    assert prefs(host).back == "db"


def test_who_only_looked_on_is_not_shown_back():
    host = Host().start()
    for name, flags in (("LOG", frames.LOG), ("CONSOLE", frames.VIEW)):
        client, _ = attach(host, name=name, flags=flags)
        gone(host, client)
        assert prefs(host).back == ""


def test_E03_nobody_is_shown_back_to_what_is_not_theirs_any_more():
    host = Host().start()
    client, _ = attach(host)
    gone(host, client)
    assert prefs(host).back == "web"
    host.customer("alice", ("db", '{ name = "web"; allow = [ "log" ]; }'),
                  os.geteuid())
    harness.wait_until(lambda: prefs(host).back == "", what="without right")
    host.customer("alice", ("db", "web"), os.geteuid())
    harness.wait_until(lambda: prefs(host).back == "web", what="with right")
    host.customer("alice", ("db",), os.geteuid())
    harness.wait_until(lambda: prefs(host).back == "", what="without guest")


def test_who_was_shown_out_did_not_vanish():
    host = Host().start()
    client, _ = attach(host)
    host.customer("alice", ("web",), os.geteuid(), "suspended = true;")
    assert client.recv("BYE")
    host.customer("alice", ("web",), os.geteuid())
    harness.wait_until(lambda: host.client().answer("PREFS").name
                       == "PREFS_ARE", what="let in again")
    assert prefs(host).back == ""


def test_a_real_vpsh_whose_line_drops_is_shown_back_and_one_that_leaves_not():
    host = stage.Host().start()
    line, once = ("--line",), ("console", "web")

    def on_console(words):
        screen = host.person(*words)
        if words == line:
            screen.expect("vpsh> ")
            screen.send_line("console web")
        screen.expect("web login: ")
        assert prefs(host).back == ""
        return screen

    def back_is(guest):
        harness.wait_until(lambda: not host.viewers, what="nobody looks")
        assert prefs(host).back == guest

    for words in (line, once) * 3:
        screen = on_console(words)
        screen.send("\x1d")
        if words == line:
            screen.expect("vpsh> ")
            screen.send_line("exit")
        assert screen.expect_end() == 0
        back_is("")
    for words in (line, once):
        screen = on_console(words)
        screen.hang_up()
        screen.wait()
        back_is("web")
        screen = on_console(words)
        os.kill(screen.pid, signal.SIGKILL)
        screen.wait()
        back_is("web")
