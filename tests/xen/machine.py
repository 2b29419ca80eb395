# SPDX-License-Identifier: ISC
"""One emulated host: QEMU with Xen in it, started, watched and ended."""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import harness

# No KVM: everything is emulated. More of the CPU than this was tried: with
# smap dom0 dies, and with AVX programs in dom0 were seen to corrupt their
# heap while guests ran.
CPU = "qemu64,+svm,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"
XEN_ARGS = "console=com1 com1=115200 dom0_mem=1024M,max:1024M"
LINUX_ARGS = "root=/dev/vda rw console=hvc0 systemd.show_status=0"
BOOT_SECONDS = 300
# Emulation is slow but never silent for so long while it boots.
SILENT_SECONDS = 60
PANIC = re.compile(r".*(?:Panic on CPU|Kernel panic|Dom0 crashed).*")
PR_SET_PDEATHSIG = 1


class LabStalled(Exception):
    """The emulated host does not get on: says nothing about vpsh."""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start_time(pid):
    """With the pid this names a process for good."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[19]
    except FileNotFoundError:
        return None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Machine:
    """pid and port are set from start() on; folder is the machine's own.

    Its disk is there, a copy of the image's: it survives a power cut.
    """

    def __init__(self, image, keys):
        self.image, self.keys = image, keys
        self.folder = self.pid = self.born = self.port = None

    def start(self, stays=False):
        """stays: outlives this process, for a developer."""
        self.folder = tempfile.mkdtemp(prefix="vpsh-lab-")
        self.port = free_port()
        subprocess.run(
            ["cp", "--sparse=always", "--reflink=auto",
             self.image + "/dom0.img", self.folder], check=True)
        self.power_on(stays)

    def power_on(self, stays):
        argv = [
            "qemu-system-x86_64", "-machine", "q35", "-accel",
            "tcg,thread=multi", "-smp", "2", "-m", "3072", "-cpu", CPU,
            "-kernel", self.image + "/xen", "-append", XEN_ARGS,
            "-initrd", "%s/vmlinux %s,%s/initrd" % (
                self.image.replace(",", ",,"), LINUX_ARGS,
                self.image.replace(",", ",,")),
            "-drive", "file=%s/dom0.img,if=virtio,format=raw"
            % self.folder,
            "-netdev", "user,id=n0,restrict=on,"
            "hostfwd=tcp:127.0.0.1:%d-:22" % self.port,
            "-device", "virtio-net,netdev=n0",
            "-device", "virtio-rng-pci",
            "-display", "none", "-monitor", "none", "-no-reboot",
            "-serial", "file:%s/serial.log" % self.folder,
            "-qmp", "unix:%s/qmp,server=on,wait=off" % self.folder,
        ]
        with open(self.folder + "/qemu.log", "wb") as log:
            popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
                preexec_fn=None if stays else die_with_parent)
        self.pid, self.born = popen.pid, start_time(popen.pid)
        # Not ours to reap later: whoever looks, looks by pid.
        self._popen = popen

    def stop(self):
        if self.pid and start_time(self.pid) == self.born:
            os.kill(self.pid, signal.SIGKILL)
            harness.wait_exit(self.pid, 10)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def running(self):
        return start_time(self.pid) == self.born \
            and not harness.wait_exit(self.pid, 0)

    def serial(self):
        try:
            with open(self.folder + "/serial.log", "rb") as f:
                return f.read().decode("ascii", "replace")
        except FileNotFoundError:
            return ""

    def greets(self, seconds):
        """Whether dom0's sshd says who it is: that takes all of dom0."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                s.settimeout(seconds)
                return s.recv(16).startswith(b"SSH-")
        except OSError:
            return False

    def trouble(self):
        """What ended this host, as a sentence, or None."""
        panic = PANIC.search(self.serial())
        if panic:
            return "dom0 or Xen died: " + panic.group().strip()
        if not self.running():
            with open(self.folder + "/qemu.log", errors="replace") as f:
                return "QEMU ended: " + f.read()[-500:].strip()
        return None

    def wait_boot(self):
        """Until sshd answers. LabStalled when that does not come."""
        end = time.monotonic() + BOOT_SECONDS
        grown, said = time.monotonic(), 0
        while not self.greets(5):
            trouble = self.trouble()
            if trouble:
                raise LabStalled(trouble)
            now = time.monotonic()
            if len(self.serial()) > said:
                grown, said = now, len(self.serial())
            if now > end or now - grown > SILENT_SECONDS:
                raise LabStalled(
                    "no sshd after %d s, serial line silent for %d s; "
                    "QEMU is %s; last words: %s" % (
                        now - end + BOOT_SECONDS, now - grown, self.status(),
                        self.serial()[-300:].strip()))
            harness.wait_exit(self.pid, 0.5)

    def power_cut(self):
        """Everything in memory is gone, and it boots from its disk.

        By a QEMU of its own: after a system_reset Xen's timers stall. It is
        this process's, so that the machine ends with the test that does it.
        """
        os.kill(self.pid, signal.SIGKILL)
        harness.wait_exit(self.pid, 10)
        self.power_on(False)
        self.wait_boot()

    def status(self):
        """What QEMU itself says: running, paused, ... or no answer."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(self.folder + "/qmp")
                stream = s.makefile("rw")
                stream.readline()
                for verb in ("qmp_capabilities", "query-status"):
                    stream.write('{"execute": "%s"}\n' % verb)
                    stream.flush()
                    answer = json.loads(stream.readline())
                return answer["return"]["status"]
        except (OSError, ValueError, KeyError) as error:
            return "not answering (%s)" % error

    def check(self):
        """Raises LabStalled unless dom0 gets on: blame it, not a test."""
        trouble = self.trouble()
        if not trouble and not self.greets(30):
            trouble = "dom0 does not answer; QEMU is " + self.status()
        if trouble:
            raise LabStalled("lab stalled: " + trouble)
