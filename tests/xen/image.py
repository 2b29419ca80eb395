#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Build the dom0 of the lab in layers, each rebuilt only when it changed.

base   a Debian 12 with Xen, made from packages alone
tree   base + overlay/ + the accounts, guests and keys of the lab
image  tree + what `make install` puts there, as an ext4 file

Every layer lies in build/lab under a hash of all that it is made of.
"""
import fcntl
import glob
import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import time

import world

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, "build", "lab")
SUITE = "bookworm"
VERSION = "1"		# of the recipe: change it and everything is rebuilt

PACKAGES = """
linux-image-amd64 xen-hypervisor-4.17-amd64 xen-utils-4.17 xen-utils-common
xenstore-utils grub-xen-host openssh-server systemd-sysv libpam-systemd dbus
udev kmod iproute2 iptables bridge-utils initramfs-tools busybox-static
procps psmisc login passwd
libevent-core-2.1-7 libconfig9 libcap2 libseccomp2 libxenmisc4.17
libxenstore4 libxentoolcore1 libxentoollog1 libyajl2 libncursesw6
""".split()

# dom0 runs in an emulator: drivers for real hardware only cost time.
EXCLUDES = [
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*",
    "/usr/share/info/*", "/usr/share/lintian/*",
    "/lib/modules/*/kernel/sound/*",
    "/lib/modules/*/kernel/drivers/gpu/*",
    "/lib/modules/*/kernel/drivers/media/*",
    "/lib/modules/*/kernel/drivers/infiniband/*",
    "/lib/modules/*/kernel/drivers/isdn/*",
    "/lib/modules/*/kernel/drivers/staging/*",
    "/lib/modules/*/kernel/drivers/iio/*",
    "/lib/modules/*/kernel/drivers/hwmon/*",
    "/lib/modules/*/kernel/drivers/usb/*",
    "/lib/modules/*/kernel/drivers/bluetooth/*",
    "/lib/modules/*/kernel/drivers/scsi/*",
    "/lib/modules/*/kernel/drivers/net/wireless/*",
    "/lib/modules/*/kernel/drivers/net/ethernet/*",
    "/lib/modules/*/kernel/drivers/net/usb/*",
]

# Only what finds the root disk: the initrd is unpacked by emulation.
INITRAMFS = "MODULES=list\nRESUME=none\nCOMPRESS=gzip\n"
INITRAMFS_MODULES = "virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n"


class ImageError(Exception):
    """The image could not be built; the text says why."""


def say(text):
    print("lab: " + text, file=sys.stderr, flush=True)


def run(argv, deadline=120, **kw):
    """Run a build step; its output is shown only when it fails."""
    try:
        res = subprocess.run(argv, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=deadline, **kw)
    except subprocess.TimeoutExpired:
        raise ImageError("%s: not done after %d s" % (argv[0], deadline))
    except FileNotFoundError:
        raise ImageError("%s is not installed (make deps)" % argv[0])
    if res.returncode != 0:
        tail = res.stdout.decode(errors="replace")[-3000:]
        raise ImageError("%s: exit %d\n%s" % (" ".join(argv)[:200],
            res.returncode, tail))
    return res.stdout.decode(errors="replace")


def digest(*parts):
    h = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode()
        h.update(b"%d:" % len(data) + data)
    return h.hexdigest()[:16]


def tree_digest(top):
    """Hash of names, modes, and contents below a folder."""
    rows = []
    for folder, dirs, files in os.walk(top):
        dirs.sort()
        for name in sorted(dirs + files):
            path = os.path.join(folder, name)
            st = os.lstat(path)
            rel = os.path.relpath(path, top)
            if os.path.islink(path):
                body = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as f:
                    body = hashlib.sha256(f.read()).hexdigest()
            else:
                body = ""
            rows.append((rel, st.st_mode, body))
    return digest(rows)


def apt_sources():
    """This machine's own sources, as far as they carry this Debian."""
    found = []
    main = "/etc/apt/sources.list"
    folder = "/etc/apt/sources.list.d"
    names = [main] if os.path.exists(main) else []
    if os.path.isdir(folder):
        names += [os.path.join(folder, n) for n in sorted(os.listdir(folder))]
    for name in names:
        with open(name) as f:
            text = f.read()
        if name.endswith(".sources"):
            for stanza in re.split(r"\n\s*\n", text):
                suites = re.search(r"(?mi)^suites:(.*)$", stanza)
                if suites and any(s.split("-")[0] == SUITE
                        for s in suites.group(1).split()):
                    found.append(re.sub(r"(?m)^#.*\n?", "", stanza).strip())
        elif name.endswith(".list"):
            for line in text.splitlines():
                m = re.match(r"deb\s+(\[[^]]*\]\s+)?\S+\s+(\S+)", line)
                if m and m.group(2).split("-")[0] == SUITE:
                    found.append(line)
    if not found:
        raise ImageError("no apt source of this machine has " + SUITE)
    lists = [s for s in found if s.startswith("deb")]
    stanzas = [s for s in found if not s.startswith("deb")]
    return "\n".join(lists), "\n\n".join(stanzas)


def sweep(kind, keep):
    """Forget older results of one layer: they are big."""
    for name in os.listdir(BUILD):
        if name.startswith(kind + "-") and name != keep:
            path = os.path.join(BUILD, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def make_base():
    name = "base-" + digest(VERSION, PACKAGES, EXCLUDES, INITRAMFS,
        INITRAMFS_MODULES)
    path = os.path.join(BUILD, name)
    if os.path.isdir(path):
        return path
    say("building the Debian dom0 (once, 1 to 2 minutes)")
    begun = time.monotonic()
    sweep("base", name)
    tmp = os.path.join(BUILD, "new-base")
    shutil.rmtree(tmp, ignore_errors=True)
    argv = ["mmdebstrap", "--variant=minbase", "--mode=root",
        "--skip=cleanup/apt,cleanup/reproducible",
        "--include=" + ",".join(PACKAGES), "--dpkgopt=force-unsafe-io",
        "--aptopt=Acquire::Languages none"]
    argv += ["--dpkgopt=path-exclude=" + e for e in EXCLUDES]
    conf = os.path.join(BUILD, "initramfs")
    shutil.rmtree(conf, ignore_errors=True)
    os.makedirs(conf + "/conf.d")
    put(conf + "/conf.d/lab", INITRAMFS)
    put(conf + "/modules", INITRAMFS_MODULES)
    argv += ["--essential-hook=mkdir -p $1/etc/initramfs-tools",
        "--essential-hook=cp -r %s/. $1/etc/initramfs-tools/" % conf]
    lists, stanzas = apt_sources()
    argv += [SUITE, tmp]
    for suffix, text in (("list", lists), ("sources", stanzas)):
        if text:
            source = os.path.join(BUILD, "apt." + suffix)
            put(source, text + "\n")
            argv.append(source)
    run(argv, 540, env=clean_env())
    os.rename(tmp, path)
    say("dom0 built in %d s" % (time.monotonic() - begun))
    return path


def clean_env():
    """Ours, without the job slots of a make that called us."""
    env = dict(os.environ, LC_ALL="C.UTF-8")
    for name in ("TMPDIR", "MFLAGS", "MAKELEVEL"):
        env.pop(name, None)
    words = env.get("MAKEFLAGS", "").split(" ")
    env["MAKEFLAGS"] = " ".join(
        w for w in words if not re.match(r"--jobserver|-j\d*$", w))
    return env


def put(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w" if isinstance(text, str) else "wb") as f:
        f.write(text)
    os.chmod(path, mode)


def unpack_kernel(path):
    """The ELF inside a bzImage: emulation takes seconds to unpack it."""
    with open(path, "rb") as f:
        data = f.read()
    at = data.find(b"\xfd7zXZ\x00")
    if at < 0:
        raise ImageError("%s: no xz payload found" % path)
    elf = lzma.LZMADecompressor().decompress(data[at:])
    if not elf.startswith(b"\x7fELF"):
        raise ImageError("%s: the payload is no ELF file" % path)
    return elf


def cpio(files):
    """A newc archive of {path: (mode, bytes)}, folders first."""
    out = bytearray()
    number = 1
    rows = sorted(files.items()) + [("TRAILER!!!", (0, b""))]
    for name, (mode, body) in rows:
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0,
            len(raw), 0)
        out += b"070701" + b"".join(b"%08X" % v for v in fields) + raw
        out += b"\0" * (-len(out) % 4) + body
        out += b"\0" * (-len(out) % 4)
        number += 1
    return bytes(out)


def guest_initrd(root):
    files = {name: (0o40755, b"") for name in
        ("bin", "sbin", "lib", "proc", "sys", "dev", "tmp")}
    with open(os.path.join(root, "bin/busybox"), "rb") as f:
        files["bin/busybox"] = (0o100755, f.read())
    (version,) = os.listdir(os.path.join(root, "lib/modules"))
    with open(os.path.join(root, "lib/modules", version,
            "kernel/drivers/block/xen-blkfront.ko"), "rb") as f:
        files["lib/xen-blkfront.ko"] = (0o100644, f.read())
    files["bin/sh"] = (0o120777, b"busybox")
    for name, text in world.GUEST_FILES.items():
        files[name] = (0o100755, text.encode())
    return gzip.compress(cpio(files), 6, mtime=0)


def keys():
    """The lab's ssh keys, made once: {name: path of the private key}."""
    folder = os.path.join(BUILD, "keys")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    paths = {}
    for name in ("admin", "host", "stranger") + world.CUSTOMERS:
        path = paths[name] = os.path.join(folder, name)
        if not os.path.exists(path):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name,
                "-f", path])
    return paths


def public(path):
    with open(path + ".pub") as f:
        return f.read()


def make_install():
    """`make install` into a folder of its own; returns the folder."""
    dest = os.path.join(BUILD, "dest")
    shutil.rmtree(dest, ignore_errors=True)
    os.makedirs(dest)
    run(["make", "-C", TOP, "-j2", "install", "DESTDIR=" + dest, "prefix=/usr",
        "sysconfdir=/etc", "localstatedir=/var", "runstatedir=/run"],
        300, env=clean_env())
    return dest


def copy_over(source, root):
    """Put the files of `source` into `root`, root's own."""
    for folder, _, files in os.walk(source):
        rel = os.path.relpath(folder, source)
        os.makedirs(os.path.join(root, rel), exist_ok=True)
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                put(os.path.join(root, rel, name), f.read(),
                    os.stat(path).st_mode & 0o777)


def furnish(root, paths):
    """Host keys, the admin's key, guests and their files."""
    put(root + "/root/.ssh/authorized_keys", public(paths["admin"]), 0o600)
    os.chmod(root + "/root/.ssh", 0o700)
    for old in glob.glob(root + "/etc/ssh/ssh_host_*"):
        os.unlink(old)
    with open(paths["host"], "rb") as f:
        put(root + "/etc/ssh/ssh_host_ed25519_key", f.read(), 0o600)
    put(root + "/etc/ssh/ssh_host_ed25519_key.pub", public(paths["host"]))
    put(root + "/etc/hostname", "dom0\n")
    put(root + "/etc/hosts", "127.0.0.1 localhost dom0\n")
    put(root + "/etc/fstab", "/dev/vda / ext4 noatime 0 1\n")
    for name, text in world.XL_CFG.items():
        put("%s/etc/xen/%s.cfg" % (root, name), text)
    kernel, = glob.glob(root + "/boot/vmlinuz-*")
    put(root + world.LINUX, unpack_kernel(kernel))
    put(root + world.INITRD, guest_initrd(root))
    mark = (world.DISK_MARK + "\n").encode()
    put(root + "/srv/lab/alice-linux.img", mark.ljust(1 << 20, b"\0"))
    put(root + "/srv/shelf/books.img", b"books\n".ljust(1 << 20, b"\0"))


def admit(root, paths):
    """The customers, as the operator's handbook would have it done."""
    inside = ["chroot", root]
    run(inside + ["systemd-sysusers"])
    with open(root + "/etc/group") as f:
        groups = {line.split(":")[0]: int(line.split(":")[2]) for line in f}
    for number, name in enumerate(world.CUSTOMERS):
        run(inside + ["useradd", "-M", "-u", str(world.FIRST_UID + number),
            "-d", "/var/lib/vpsh/home", "-s", "/usr/bin/vpsh", "-G", "vpsh",
            "-p", "*", name])
        folder = "%s/etc/vpsh/customers/%s" % (root, name)
        put(folder + "/policy.conf", world.POLICIES[name], 0o640)
        put(folder + "/authorized_keys", public(paths[name]), 0o640)
    for folder, _, files in os.walk(root + "/etc/vpsh/customers"):
        os.chmod(folder, 0o750)
        for name in [folder] + [os.path.join(folder, f) for f in files]:
            os.chown(name, 0, groups["vpsh-policy"])
    adopt_samples(root)
    run(inside + ["systemctl", "-q", "enable", "systemd-networkd.service",
        "vpshd.service"])
    run(inside + ["systemctl", "-q", "mask", "apt-daily.timer",
        "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer",
        "dpkg-db-backup.timer"])


def adopt_samples(root):
    """sshd and PAM, changed as the installed samples say."""
    folder = root + "/usr/share/doc/vpsh/examples/ssh/"
    with open(folder + "vpsh.conf") as f:
        put(root + "/etc/ssh/sshd_config.d/vpsh.conf", f.read())
    with open(folder + "pam-sshd.txt") as f:
        line, = [row for row in f if row.startswith("session")]
    with open(root + "/etc/pam.d/sshd") as f:
        text = f.read()
    here = "@include common-session"
    if text.count(here) != 1:
        raise ImageError("/etc/pam.d/sshd is not as it was")
    put(root + "/etc/pam.d/sshd", text.replace(here, line + here))


def make_image():
    """The folder that holds dom0.img, xen, vmlinux and initrd."""
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_image_locked()


def make_image_locked():
    base = make_base()
    paths = keys()
    dest = make_install()
    with open(world.__file__, "rb") as a, open(__file__, "rb") as b:
        recipe = a.read() + b.read()
    name = "image-" + digest(base, recipe, tree_digest(HERE + "/overlay"),
        tree_digest(dest), [public(p) for p in paths.values()])
    path = os.path.join(BUILD, name)
    if os.path.isdir(path):
        return path
    begun = time.monotonic()
    say("putting vpsh and the guests into dom0")
    sweep("image", name)
    sweep("new", "")
    new = os.path.join(BUILD, "new-image")
    os.makedirs(new)
    root = os.path.join(BUILD, "new-root")
    run(["cp", "-a", "--reflink=auto", base, root])
    copy_over(HERE + "/overlay", root)
    copy_over(dest, root)
    furnish(root, paths)
    admit(root, paths)
    # With a journal: it has to outlive a power cut.
    run(["mke2fs", "-q", "-t", "ext4", "-J", "size=16", "-d", root,
        new + "/dom0.img", "1500M"])
    boot_files(root, new)
    shutil.rmtree(root)
    os.rename(new, path)
    say("image ready after %d s" % (time.monotonic() - begun))
    return path


def boot_files(root, new):
    """What QEMU's multiboot loader wants: plain ELF files."""
    xen, = glob.glob(root + "/boot/xen-*-amd64.gz")
    with gzip.open(xen) as f:
        put(new + "/xen", f.read())
    shutil.copy(root + world.LINUX, new + "/vmlinux")
    initrd, = glob.glob(root + "/boot/initrd.img-*")
    shutil.copy(initrd, new + "/initrd")
