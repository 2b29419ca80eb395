# SPDX-License-Identifier: ISC
"""vpshctl on a real host: one command, and the customer is in."""

import grp
import json
import os
import pwd
import re
import shutil
import stat
import time

import harness
from fixture import CUSTOMERS, OWN, SHARED, must, read, session_of, write

PLAN = """support = "help@example.net";
plans = ( { name = "basic"; allow = [ "console", "log", "start", "shutdown",
                                      "reboot", "destroy" ]; } );
"""


def ctl(*words, code=0, **how):
    done = harness.run(["/usr/sbin/vpshctl", *words], cwd="/", seconds=40,
                       **how)
    print("$ vpshctl", *words)
    print(done.stdout + done.stderr + "-> %d" % done.returncode)
    assert done.returncode == code, (words, done.returncode)
    return done


def in_one_command(host, name, code=0):
    public = host.keys + "/" + name + ".pub"
    if not os.path.exists(public):
        host.add_key(name)
    return ctl("customer", "add", name, "--plan", "basic", "--guest",
               "web=%s-web" % name, "--ip", "192.0.2.10", "--key", public,
               "--unix-account", code=code)


class Onboarded:
    """A customer who was made by vpshctl, and is gone with the test."""

    def __init__(self, host, name):
        self.name = name
        self.conf = read("/etc/vpsh/vpsh.conf")
        write("/etc/vpsh/vpsh.conf", PLAN)
        harness.cleanup.callback(self.undo)
        self.done = in_one_command(host, name)
        CUSTOMERS[name] = pwd.getpwnam(name).pw_uid

    def undo(self):
        shutil.rmtree("/etc/vpsh/customers/" + self.name, ignore_errors=True)
        harness.run(["userdel", self.name])
        write("/etc/vpsh/vpsh.conf", self.conf)
        CUSTOMERS.pop(self.name, None)


def logs_in(host, door, name):
    return host.ssh(door, name, "whoami").returncode == 0


def test_a_customer_is_onboarded_in_one_command_and_logs_in(host):
    carol = Onboarded(host, "carol")
    lines = [line.split() for line in carol.done.stdout.splitlines()]
    assert dict(lines) == dict.fromkeys(
        ("directory", "policy.conf", "ips.txt", "authorized_keys",
         "account"), "made")
    for door in host.doors():       # at once: nobody waits for a reload
        done = host.ssh(door, "carol", "whoami")
        assert done.returncode == 0 and "carol" in done.stdout
        said = host.ssh(door, "carol", "list").stdout
        assert "web" in said and "mail" not in said
    again = in_one_command(host, "carol")
    assert set(again.stdout.split()[1::2]) == {"unchanged"}


def test_what_is_made_belongs_to_whom_it_should(host):
    Onboarded(host, "carol")
    folder = "/etc/vpsh/customers/carol"
    readers = grp.getgrnam("vpsh-policy").gr_gid
    for name in ("", "/policy.conf", "/ips.txt", "/authorized_keys"):
        info = os.lstat(folder + name)
        assert (info.st_uid, info.st_gid) == (0, readers), name
        assert stat.S_IMODE(info.st_mode) == (0o640 if name else 0o750), name
    account = pwd.getpwnam("carol")
    assert account.pw_shell == "/usr/bin/vpsh" and account.pw_uid >= 1000
    assert account.pw_dir == "/var/lib/vpsh/home"
    assert "carol" in grp.getgrnam("vpsh").gr_mem
    hash_ = [l.split(":")[1] for l in read("/etc/shadow").split("\n")
             if l.startswith("carol:")]
    assert hash_ == ["*"], "no password"
    assert os.listdir("/etc/vpsh/customers/") == [
        n for n in os.listdir("/etc/vpsh/customers/")
        if not n.startswith(".")]


def test_the_welcome_mail_is_true(host):
    Onboarded(host, "carol")
    harness.wait_until(lambda: logs_in(host, SHARED, "carol"), 10, "carol")
    # The test's doors have ports of their own that sshd -T cannot know.
    write("/etc/vpsh/vpsh.conf", PLAN + 'ssh_host = "127.0.0.1";\n'
          "ssh_port = %d;\n" % host.ports[OWN])
    mail = ctl("welcome", "carol").stdout
    command = re.search(r"^    (ssh .*)$", mail, re.M).group(1).split()
    assert command == ["ssh", "-p", str(host.ports[OWN]), "carol@127.0.0.1"]
    prints = set(re.findall(r"SHA256:\S+", mail))
    # As a customer's ssh sees it, who has never been here.
    seen = must(["ssh-keyscan", "-p", command[2], "127.0.0.1"])
    scanned = harness.run(["ssh-keygen", "-lf", "-"], input=seen).stdout
    assert prints == set(re.findall(r"SHA256:\S+", scanned)) and prints
    # The command of the mail, and each of the five behind it.
    login = command[:1] + ["-F", "/dev/null", "-i", host.keys + "/carol",
                           "-o", "UserKnownHostsFile=" + host.keys +
                           "/known_hosts"] + command[1:]
    five = re.search(r"Five commands.*?\n\n((?:    .*\n)+)", mail).group(1)
    words = [line[4:28].strip() for line in five.splitlines()]
    assert len(words) == 5 and words[0] == "list" and words[-1] == "help"
    for word in words:
        why = host.ssh(OWN, "carol", "why " + word if "web" in word
                       else word)
        assert why.returncode in (0, 7), word   # 7: there is no Xen here
        assert "does not allow" not in why.stdout
    terminal = harness.Pty(login, env={**os.environ, "TERM": "xterm"})
    terminal.expect("carol on ", 15)
    terminal.send("q")
    assert terminal.expect_end() == 0
    terminal = harness.Pty([login[0], "-t", *login[1:], "line"],
                           env={**os.environ, "TERM": "xterm"})
    terminal.expect("carol", 15)
    assert "Ctrl-] leaves a console" in mail
    terminal.send_line("help console")
    terminal.expect(r"Ctrl-\]", 10)
    terminal.send_line("exit")
    assert terminal.expect_end() == 0
    assert "help@example.net" in mail
    assert json.loads(ctl("welcome", "carol", "--json").stdout)["ssh"] == \
        " ".join(command)


def test_no_mail_that_would_not_be_true(host):
    Onboarded(host, "carol")
    ctl("suspend", "carol")
    assert "suspended" in ctl("welcome", "carol", code=1).stderr
    ctl("resume", "carol")
    ctl("welcome", "carol")
    os.unlink("/etc/vpsh/customers/carol/authorized_keys")
    done = ctl("welcome", "carol", code=1)
    assert "--key" in done.stderr and done.stdout == ""
    ctl("welcome", "nosuch", code=1)
    # Nor when sshd would not let her into vpsh, by either door.
    shutil.copy(host.keys + "/carol.pub",
                "/etc/vpsh/customers/carol/authorized_keys")
    ctl("welcome", "carol")
    paths = "/etc/ssh/sshd_config.d/vpsh.conf", "/etc/vpsh/sshd_config"
    good = {path: read(path) for path in paths}
    try:
        for path in paths:
            write(path, good[path].replace("ForceCommand", "#ForceCommand"))
        assert "no sshd" in ctl("welcome", "carol", code=1).stderr
        write(paths[0], good[paths[0]])
        assert "-p 2222" not in ctl("welcome", "carol").stdout
    finally:
        for path in paths:
            write(path, good[path])
    assert "-p 2222" in ctl("welcome", "carol").stdout


def test_an_account_that_does_not_fit_is_told_and_not_touched(host):
    must(["useradd", "-M", "-d", "/tmp", "-s", "/bin/sh", "-p", "*", "dora"])
    harness.cleanup.callback(harness.run, ["userdel", "dora"])
    write("/etc/vpsh/vpsh.conf", PLAN)
    try:
        done = in_one_command(host, "dora", code=1)
    finally:
        write("/etc/vpsh/vpsh.conf", 'support = "help@example.net";\n')
    for what in ("shell /bin/sh", "not in the group vpsh", "home /tmp"):
        assert what in done.stderr
    assert pwd.getpwnam("dora").pw_shell == "/bin/sh"
    assert not os.path.exists("/etc/vpsh/customers/dora")


def test_A19_suspend_ends_a_live_session_and_says_why_at_the_next(host):
    for door in host.doors():
        session = host.pty(door, "bob")
        session.expect("bob", 15)
        pid = session_of("bob")
        begin = time.monotonic()
        ctl("suspend", "bob", "--reason", "unpaid since May")
        assert harness.wait_exit(pid, 10)
        assert time.monotonic() - begin < 3
        session.expect_end()
        assert b"unpaid since May" in session.output
        done = host.ssh(door, "bob", "list")
        assert done.returncode == 3
        assert "suspended: unpaid since May" in done.stderr
        assert host.ssh(door, "alice", "whoami").returncode == 0
        ctl("resume", "bob")
        harness.wait_until(lambda door=door: logs_in(host, door, "bob"), 10,
                           "bob is back")


def records(**wanted):
    with open("/var/log/vpsh/audit.jsonl") as f:
        said = [json.loads(line) for line in f]
    return [r for r in said if all(r.get(k) == v for k, v in wanted.items())]


def test_A19_suspended_while_a_prompt_waits_for_an_answer(host):
    before = records(customer="bob", verb="destroy")
    session = host.pty(SHARED, "bob")
    session.expect("bob", 15)
    pid = session_of("bob")
    session.send_line("destroy mail")
    session.expect("Type mail", 10)
    ctl("suspend", "bob")
    harness.wait_until(lambda: records(event="logout", pid=pid), 5,
                       "the broker has shown bob out")
    session.send_line("mail")
    session.expect_end(15)
    assert b"suspended" in session.output
    assert records(customer="bob", verb="destroy") == before
    ctl("resume", "bob")
    harness.wait_until(lambda: logs_in(host, SHARED, "bob"), 10, "bob")


def test_removed_customer_is_out_and_the_account_goes_if_asked(host):
    Onboarded(host, "carol")
    harness.wait_until(lambda: logs_in(host, SHARED, "carol"), 10, "carol")
    session = host.pty(SHARED, "carol")
    session.expect("carol", 15)
    done = ctl("customer", "remove", "carol", "--yes", "--unix-account")
    session.expect_end(15)
    assert "carol-web" in done.stdout and "disks" in done.stdout
    for door in host.doors():
        assert host.ssh(door, "carol", "whoami").returncode == 255
    assert harness.run(["getent", "passwd", "carol"]).returncode != 0
    assert os.path.isdir("/var/lib/vpsh/home"), "everybody's home stays"
    kept = [n for n in os.listdir("/etc/vpsh/removed")
            if n.startswith("carol-")]
    assert len(kept) == 1
    shutil.rmtree("/etc/vpsh/removed")


def test_an_account_that_does_more_than_vpsh_outlives_its_customer(host):
    must(["useradd", "-M", "-d", "/tmp", "-s", "/bin/sh", "-p", "*", "dora"])
    harness.cleanup.callback(harness.run, ["userdel", "dora"])
    write("/etc/vpsh/vpsh.conf", PLAN)
    try:
        for name in ("dora", "daemon"):     # a colleague, a service
            ctl("customer", "add", name, "--plan", "basic", "--guest",
                "web=%s-web" % name)
            done = ctl("customer", "remove", name, "--yes",
                       "--unix-account", code=1)
            assert "Nothing was changed" in done.stderr
            assert os.path.isdir("/etc/vpsh/customers/" + name)
            done = ctl("customer", "remove", name, "--yes")
            assert "No key opens it" not in done.stdout
            assert pwd.getpwnam(name)
    finally:
        write("/etc/vpsh/vpsh.conf", 'support = "help@example.net";\n')
        shutil.rmtree("/etc/vpsh/removed", ignore_errors=True)


def test_sessions_are_for_root_and_operators(host):
    session = host.pty(SHARED, "alice")
    session.expect("alice", 15)
    said = json.loads(ctl("sessions", "--json").stdout)["sessions"]
    mine = [s for s in said if s["pid"] == session_of("alice")]
    assert len(mine) == 1 and mine[0]["customer"] == "alice"
    assert mine[0]["uid"] == CUSTOMERS["alice"]
    operator = grp.getgrnam("vpsh-operator").gr_gid
    info = os.stat("/run/vpsh/operator.sock")
    assert (info.st_uid, info.st_gid, info.st_mode & 0o777) == (
        0, operator, 0o660)
    member = harness.run(["setpriv", "--reuid", "4711", "--regid", "4711",
                          "--groups", str(operator), "/usr/sbin/vpshctl",
                          "sessions"], cwd="/")
    assert member.returncode == 0 and "alice" in member.stdout
    for uid in ("4711", str(CUSTOMERS["alice"])):
        done = harness.run(["setpriv", "--reuid", uid, "--regid", uid,
                            "--clear-groups", "/usr/sbin/vpshctl",
                            "sessions"], cwd="/")
        assert done.returncode == 7 and "vpsh-operator" in done.stderr
    # In that group by mistake: a customer is no operator.
    for words in (["sessions"], ["hold", "alice/web", "--reason", "x"],
                  ["release", "alice/web"], ["adopt", "--all"],
                  ["forget-saved", "alice/web"]):
        done = harness.run(["setpriv", "--reuid", str(CUSTOMERS["alice"]),
                            "--regid", str(CUSTOMERS["alice"]), "--groups",
                            str(operator), "/usr/sbin/vpshctl", *words],
                           cwd="/")
        assert done.returncode == 7 and done.stdout == "", words
    session.send_line("exit")
    session.expect_end()


def problems(*words, code=3):
    return json.loads(ctl("check", "--json", *words, code=code).stdout)[
        "problems"]


def test_check_finds_nothing_on_a_host_that_is_set_up_as_documented(host):
    found = problems(code=harness.run(["/usr/sbin/vpshctl", "check"],
                                      cwd="/").returncode)
    # nobodys of the fixture has a directory without a policy, on purpose.
    assert [p for p in found if "nobodys" not in p] == []
    said = ctl("check", code=3 if found else 0)
    assert "cannot be looked at" not in said.stderr, "both sshds answered"
    deaf = harness.run(["/bin/sh", "-c", "trap '' CHLD; exec \"$0\" check",
                        "/usr/sbin/vpshctl"], cwd="/", seconds=40)
    assert deaf.stdout == said.stdout, "whoever ignores SIGCHLD learns as much"


def breaks():
    """(what is done, what undoes it, what check says of it)."""
    dropin = "/etc/ssh/sshd_config.d/vpsh.conf"
    good = read(dropin)
    own = read("/etc/vpsh/sshd_config")
    pam = read("/etc/pam.d/sshd")

    def without(pattern, text):
        return "".join(l for l in text.splitlines(True) if pattern not in l)
    def swap(path, text, back):
        return lambda: write(path, text), lambda: write(path, back)
    yield (*swap(dropin, without("ForceCommand", good), good),
           "a shell, scp and sftp can be reached")
    yield (*swap(dropin, without("DisableForwarding", good), good),
           "can be forwarded")
    yield (*swap(dropin, without("AuthorizedKeysFile", good), good),
           "keys in other places")
    yield (*swap(dropin, good.replace("publickey", "password"), good),
           "other ways than a key")
    yield (*swap(dropin, "Match User bob\n\tAllowTcpForwarding yes\n"
                 "\tForceCommand /bin/sh\nMatch all\n" + good, good),
           "as bob on port 22 a shell")
    yield (*swap("/etc/vpsh/sshd_config", without("PermitUserRC", own), own),
           "~/.ssh/rc can run")
    yield (*swap("/etc/pam.d/sshd", without("pam_succeed_if", pam), pam),
           "/etc/pam.d/sshd: session modules run")

    def usermod(*words):
        return lambda: must(["usermod", *words, "bob"])
    yield (usermod("-s", "/bin/bash"), usermod("-s", "/usr/bin/vpsh"),
           "account bob: it has the shell /bin/bash")
    yield (usermod("-G", ""), usermod("-G", "vpsh"),
           "account bob: it is not in the group vpsh")
    yield (usermod("-G", "vpsh,adm"), usermod("-G", "vpsh"),
           "account bob: it is in the group adm")
    yield (usermod("-d", "/tmp"), usermod("-d", "/var/lib/vpsh/home"),
           "account bob: it has the home /tmp")
    yield (usermod("-p", "$6$x$y"), usermod("-p", "*"),
           "account bob: it has a password")
    path = "/etc/vpsh/customers/bob/policy.conf"
    yield (lambda: os.chown(path, 0, 0),
           lambda: shutil.chown(path, group="vpsh-policy"),
           "cannot be read by the broker")
    conf = "/etc/vpsh/vpsh.conf"
    mode = os.stat(conf).st_mode & 0o7777
    yield (lambda: os.chmod(conf, 0o600), lambda: os.chmod(conf, mode),
           "/etc/vpsh/vpsh.conf cannot be read by the broker")


@harness.deadline(120)
def test_check_names_every_way_past_vpsh(host):
    for broken, mended, told in breaks():
        broken()
        try:
            found = problems()
        finally:
            mended()
        assert [p for p in found if told in p], (told, found)


def test_check_says_so_where_it_cannot_look(host):
    os.rename("/usr/sbin/sshd", "/usr/sbin/sshd.aside")
    try:
        done = harness.run(["/usr/sbin/vpshctl", "check"], cwd="/")
    finally:
        os.rename("/usr/sbin/sshd.aside", "/usr/sbin/sshd")
    print(done.stdout, done.stderr)
    assert "not installed" in done.stderr
    assert "no sshd could be looked at" in done.stderr
