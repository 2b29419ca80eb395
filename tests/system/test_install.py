# SPDX-License-Identifier: ISC
"""`make install` as a packager uses it: into an empty folder."""

import os
import re

import harness

PROGRAMS = {"/usr/bin/vpsh", "/usr/sbin/vpshd", "/usr/sbin/vpshctl"} | {
    "/usr/libexec/vpsh/" + name for name in
    ("vpsh-broker", "vpsh-console", "vpsh-domain", "vpsh-store", "vpsh-keys")}


def make(*words):
    done = harness.run(["make", "-C", harness.TOP, *words], seconds=110)
    assert done.returncode == 0, done.stdout + done.stderr


def files(top):
    return {"/" + os.path.relpath(os.path.join(folder, name), top)
            for folder, _, names in os.walk(top) for name in names}


def content(path):
    with open(path) as f:
        return f.read()


def test_install_puts_no_live_file_into_etc_but_vpsh_conf():
    top = harness.temp_dir()
    make("install", "DESTDIR=" + top)
    found = files(top)
    assert PROGRAMS <= found
    assert {p for p in found if p.startswith("/etc/")} == {
        "/etc/vpsh/vpsh.conf"}
    for name in ("customers/alice/policy.conf", "ssh/vpsh.conf",
                 "ssh/sshd_config"):
        assert "/usr/share/doc/vpsh/examples/" + name in found
    for path in found:
        mode = os.stat(top + path).st_mode & 0o7777
        assert mode in (0o755, 0o644), "%s has mode %o" % (path, mode)
        assert (mode == 0o755) == (path in PROGRAMS), path
    for path in found - PROGRAMS:
        assert not re.search(r"@\w+@", content(top + path)), path


def test_uninstall_removes_what_install_put_and_nothing_else():
    top = harness.temp_dir()
    make("install", "DESTDIR=" + top)
    os.makedirs(top + "/etc/vpsh/customers/alice")
    os.makedirs(top + "/usr/libexec/other")
    kept = ("/etc/vpsh/customers/alice/policy.conf", "/usr/bin/other",
            "/usr/share/doc/vpsh/examples/mine")
    for path in kept:
        with open(top + path, "w"):
            pass
    make("uninstall", "DESTDIR=" + top)
    assert files(top) == set(kept)


def test_upgrade_leaves_the_operators_vpsh_conf_alone():
    top = harness.temp_dir()
    make("install", "DESTDIR=" + top)
    with open(top + "/etc/vpsh/vpsh.conf", "w") as f:
        f.write("# mine\n")
    make("install", "DESTDIR=" + top)
    assert content(top + "/etc/vpsh/vpsh.conf") == "# mine\n"
    make("uninstall", "DESTDIR=" + top)
    assert files(top) == {"/etc/vpsh/vpsh.conf"}


@harness.deadline(120)
def test_prefix_and_sysconfdir_reach_files_and_binaries():
    top = harness.temp_dir()
    build = harness.temp_dir()
    make("install", "DESTDIR=" + top, "B=" + build, "prefix=/opt/vpsh",
         "sysconfdir=/opt/etc", "-j%d" % os.cpu_count(),
         # Quickly made: nobody runs it.
         "CPPFLAGS=-U_FORTIFY_SOURCE", "CFLAGS=-O0 -g0")
    found = files(top)
    assert "/opt/vpsh/bin/vpsh" in found and "/opt/etc/vpsh/vpsh.conf" in found
    unit = content(top + "/opt/vpsh/lib/systemd/system/vpshd.service")
    assert "ExecStart=/opt/vpsh/sbin/vpshd\n" in unit
    with open(top + "/opt/vpsh/sbin/vpshd", "rb") as f:
        binary = f.read()
    assert b"/opt/vpsh/libexec/vpsh" in binary
    assert b"/usr/libexec/vpsh" not in binary


def test_units_are_understood_by_systemd_and_never_stop_guests():
    top = harness.temp_dir()
    make("install", "DESTDIR=" + top)
    folder = top + "/usr/lib/systemd/system/"
    for name in os.listdir(folder):
        done = harness.run(["systemd-analyze", "verify", "--man=no",
                            folder + name])
        said = [l for l in (done.stdout + done.stderr).split("\n")
                if name in l and "is not executable" not in l
                and "not found" not in l]
        assert not said, said
    unit = content(folder + "vpshd.service")
    after = re.search(r"^After=(.*)$", unit, re.M).group(1).split()
    assert {"xen.service", "xendomains.service"} <= set(after)
    lines = unit.split("\n")
    for line in ("KillMode=process", "OOMPolicy=continue", "Restart=always",
                 "TasksMax=infinity", "MemoryMax=infinity", "Type=notify",
                 "NotifyAccess=main", "WatchdogSec=60",
                 "ExecReload=/bin/kill -HUP $MAINPID"):
        assert line in lines
    assert not re.search(r"^(Conflicts|Requires|BindsTo|PartOf)=", unit, re.M)


def test_supervisors_bounding_set_fits_into_that_of_its_unit():
    """A capability that workers are meant to have must not be cut off."""
    with open(os.path.join(harness.TOP, "broker/vpshd.c")) as f:
        table = re.search(r"child_caps\[\] = \{(.*?)\};", f.read(), re.S)
    wanted = set(re.findall(r"CAP_\w+", table.group(1)))
    assert len(wanted) > 5
    unit = content(os.path.join(harness.TOP, "etc/systemd/vpshd.service.in"))
    given = set(re.findall(r"CAP_\w+", " ".join(
        re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.M))))
    assert wanted == given, wanted ^ given
