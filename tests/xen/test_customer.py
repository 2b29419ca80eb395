# SPDX-License-Identifier: ISC
"""The main job: a customer at work with guests on real Xen."""
import harness
import steps
import world


@harness.deadline(120)
def test_admin_root_login_still_works(lab):
    done = lab.run("root", ["id -un; echo $SHELL"], 60, shared=False)
    assert done.returncode == 0, steps.show(done)
    assert done.stdout.split() == ["root", "/bin/bash"], done.stdout


@harness.deadline(120)
def test_only_the_own_key_opens_an_account(lab):
    done = lab.vpsh("alice", "whoami", shared=False)
    assert done.returncode == 0, steps.show(done)
    assert "customer: alice" in done.stdout, done.stdout
    for key in ("bob", "admin", "stranger"):
        done = lab.vpsh("alice", "whoami", shared=False, key=key)
        assert done.returncode == 255 and "alice" not in done.stdout, \
            (key, steps.show(done))


@harness.deadline(120)
def test_A01_no_shell_behind_a_login(lab):
    for line in ("sh -c id", "/bin/sh", "id; list", "$(id)"):
        done = steps.ask(lab, "alice", line, 2)
        assert "uid=" not in done.stdout + done.stderr, steps.show(done)


@harness.deadline(120)
def test_customers_see_only_their_own_guests(lab):
    steps.fresh(lab)
    assert set(steps.listed(lab, "alice")) == set(world.ALICE)
    assert set(steps.listed(lab, "bob")) == {"shop", "db"}
    lab.create("bob-shop")
    lab.create("house")
    harness.wait_until(
        lambda: steps.listed(lab, "bob")["shop"] == "running", 15,
        "bob sees his guest run")
    text = steps.ask(lab, "alice", "status").stdout
    assert "bob" not in text and "house" not in text, text
    assert set(steps.listed(lab, "alice").values()) == {"off"}


@harness.deadline(300)
def test_life_of_a_guest(lab):
    steps.fresh(lab)
    done = steps.ask(lab, "alice", "start linux", seconds=120)
    assert "linux is running" in done.stdout, steps.show(done)
    first = steps.domid(lab, "alice-linux")
    steps.agree(lab)

    tty = steps.connect(lab, "alice", "linux")
    tty.send("\r")
    tty.expect(steps.GUEST_PROMPT, 60)
    tty.send("echo $((6 * 7)); head -n 1 /dev/xvda\r")
    tty.expect(rb"\n42\r\n", 30)
    tty.expect(world.DISK_MARK.encode(), 30)

    done = steps.ask(lab, "alice", "reboot linux", seconds=150)
    assert "linux has rebooted" in done.stdout, steps.show(done)
    tty.expect(rb"linux guest up: " + world.DISK_MARK.encode(), 60)
    tty.expect(steps.GUEST_PROMPT, 30)
    tty.send("echo $((6 * 8))\r")
    tty.expect(rb"\n48\r\n", 30)
    second = steps.domid(lab, "alice-linux")
    assert second != first, "the same domain after a reboot"
    steps.agree(lab)
    steps.leave(tty)

    done = steps.ask(lab, "alice", "shutdown linux", seconds=120)
    assert "linux is off" in done.stdout, steps.show(done)
    assert "alice-linux" not in lab.domains()
    steps.agree(lab)

    steps.ask(lab, "alice", "start linux", seconds=120)
    steps.agree(lab)
    steps.ask(lab, "alice", "destroy linux", 2)
    assert "alice-linux" in lab.domains(), "destroyed without --yes"
    done = steps.ask(lab, "alice", "destroy linux --yes", seconds=60)
    assert "linux is off" in done.stdout, steps.show(done)
    assert "alice-linux" not in lab.domains()
    steps.agree(lab)


@harness.deadline(240)
def test_a_person_at_the_prompt(lab):
    steps.fresh(lab)
    tty = lab.terminal("alice")
    tty.expect(rb"for alice", 30)
    tty.expect(rb"vpsh> ", 30)
    tty.send_line("start web --console")
    tty.expect(rb"GNU GRUB|Welcome to GRUB|Minimal BASH-like", 90)
    steps.grub_answers(tty, "ping")
    steps.agree(lab)
    tty.send(steps.LEAVE)
    tty.expect(rb"vpsh> ", 20)
    tty.send_line("list")
    tty.expect(rb"web +running", 20)
    tty.expect(rb"vpsh> ", 20)
    tty.send_line("destroy web")
    tty.expect(rb"Type web to destroy it: ", 20)
    tty.send_line("wob")
    tty.expect(rb"Nothing was done", 20)
    assert "alice-web" in lab.domains()
    tty.expect(rb"vpsh> ", 20)
    tty.send_line("destroy web")
    tty.expect(rb"Type web to destroy it: ", 20)
    tty.send_line("web")
    tty.expect(rb"web is off", 60)
    tty.expect(rb"vpsh> ", 20)
    tty.send_line("exit")
    assert tty.expect_end(20) == 0, tty.output[-500:]
    assert "alice-web" not in lab.domains()
    steps.agree(lab)


@harness.deadline(180)
def test_nothing_to_do_is_success(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "shutdown web", 0)
    steps.ask(lab, "alice", "destroy web --yes", 0)
    steps.ask(lab, "alice", "reboot web", 1)
    steps.ask(lab, "alice", "start web", 0)
    before = steps.domid(lab, "alice-web")
    steps.ask(lab, "alice", "start web", 0)
    assert steps.domid(lab, "alice-web") == before
    steps.agree(lab)


@harness.deadline(180)
def test_reset_is_one_job(lab):
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    before = steps.domid(lab, "alice-web")
    steps.ask(lab, "alice", "reset web", 2)
    assert steps.domid(lab, "alice-web") == before
    steps.ask(lab, "alice", "reset web --yes", 0, seconds=120)
    assert steps.domid(lab, "alice-web") != before
    steps.agree(lab)


@harness.deadline(120)
def test_destroy_does_not_wait_for_a_shutdown(lab):
    # GRUB does not look at control/shutdown.
    steps.fresh(lab)
    steps.ask(lab, "alice", "start web", 0)
    waiting = lab.terminal("alice", "shutdown web")
    waiting.expect(rb"web was asked; waiting up to", 20)
    steps.ask(lab, "alice", "destroy web --yes", 0)
    waiting.expect(rb"destroy was asked for", 20)
    waiting.expect_end(20)
    assert "alice-web" not in lab.domains()
    steps.agree(lab)


@harness.deadline(180)
def test_E02_other_guests_do_not_exist(lab):
    steps.fresh(lab)
    lab.create("bob-shop")
    harness.wait_until(
        lambda: steps.listed(lab, "bob")["shop"] == "running", 15,
        "bob sees his guest run")
    for line in ("start %s", "status %s", "console %s", "shutdown %s",
                 "reboot %s", "reset %s --yes", "destroy %s --yes",
                 "log %s", "why start %s"):
        his, nobodys = [
            lab.vpsh("alice", line % name) for name in ("shop", "shap")]
        same = [(d.returncode, d.stdout.replace(n, "X"),
                 d.stderr.replace(n, "X"))
                for d, n in ((his, "shop"), (nobodys, "shap"))]
        assert same[0] == same[1], (line, same)
        if not line.startswith("why"):
            assert his.returncode == 4, (line, steps.show(his))
    assert "bob-shop" in lab.domains()


@harness.deadline(120)
def test_E03_denied_verbs_leave_the_guest_alone(lab):
    steps.fresh(lab)
    lab.create("alice-sealed")
    harness.wait_until(
        lambda: steps.listed(lab, "alice")["sealed"] == "running", 15,
        "sealed is shown")
    before = lab.domains()
    for line in ("shutdown sealed", "reboot sealed", "destroy sealed --yes",
                 "reset sealed --yes", "console sealed", "start sealed"):
        steps.ask(lab, "alice", line, 3)
    assert lab.domains().keys() == before.keys()
    done = steps.ask(lab, "alice", "why destroy sealed", 3)
    assert "policy.conf:" in done.stdout, done.stdout


@harness.deadline(120)
def test_what_was_done_is_on_record(lab):
    steps.fresh(lab)
    log = "/var/log/vpsh/audit.jsonl"
    at = int(lab.root("wc -l < " + log))
    steps.ask(lab, "bob", "start shop", 0)
    lines = lab.root("tail -n +%d %s" % (at + 1, log)).splitlines()
    about = [line for line in lines if '"shop"' in line and '"bob"' in line]
    assert any('"decided"' in line and "start" in line for line in about)
    assert any('"done"' in line and "start" in line for line in about), lines
