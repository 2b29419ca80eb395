# SPDX-License-Identifier: ISC
"""Who and what lives in the lab: customers, guests, their files.

Everything is plain data; image.py writes it into dom0.
"""

CUSTOMERS = ("alice", "bob")
FIRST_UID = 2001

GRUB = "/usr/lib/grub-xen/grub-x86_64-xen.bin"
LINUX = "/srv/lab/vmlinux"
INITRD = "/srv/lab/guest.cpio.gz"
DISK_MARK = "disk of alice-linux"

ALL = ("console", "view", "log", "start", "shutdown", "reboot", "destroy",
       "pause", "sysrq")

# guest name -> rights; the domain is CUSTOMER-GUEST throughout.
ALICE = {
    "web": ALL, "db": ALL, "linux": ALL, "net": ALL, "script": ALL,
    "broken": ALL, "nokernel": ALL, "big": ALL, "foreign": ALL,
    "absent": ALL,		# no such xl.cfg
    "sealed": ("view", "log"),
}


def uuid(number):
    return "5e0f0000-1ab0-4000-8000-%012x" % number


def grub(name, number=None, extra="", memory=32):
    text = 'name = "%s"\ntype = "pv"\nkernel = "%s"\n' % (name, GRUB)
    if number is not None:
        text += 'uuid = "%s"\n' % uuid(number)
    # GRUB waits for keys in a busy loop: dom0 must not starve beside it.
    text += "memory = %d\nvcpus = 1\ncpu_weight = 16\n" % memory
    return text + extra


# The operator's own xl.cfg files. Some have no uuid and no mac, as real ones.
XL_CFG = {
    "alice-web": grub("alice-web", 1),
    "alice-db": grub("alice-db"),
    "alice-linux": 'name = "alice-linux"\ntype = "pv"\n'
        'uuid = "%s"\nkernel = "%s"\nramdisk = "%s"\n'
        'extra = "console=hvc0 quiet"\nmemory = 96\nvcpus = 1\n'
        'disk = [ "/srv/lab/alice-linux.img,raw,xvda,rw" ]\n'
        % (uuid(3), LINUX, INITRD),
    "alice-net": grub("alice-net", extra='vif = [ "bridge=xenbr0,'
        'script=vif-shaped" ]\n'),
    "alice-script": grub("alice-script", 5, 'disk = [ "format=raw, vdev=xvda,'
        ' access=rw, script=block-shelf, target=books" ]\n'),
    "alice-broken": grub("alice-broken", 6) + 'disk = [ "a,raw,xvda,rw"\n'
        'vif = = "nonsense"\n',
    "alice-nokernel": grub("alice-nokernel", 7).replace(".bin", "-gone.bin"),
    "alice-big": grub("alice-big", 8, memory=30000),
    "alice-foreign": grub("alice-foreign", 9),
    "alice-sealed": grub("alice-sealed", 10),
    "bob-shop": grub("bob-shop", 21),
    "bob-db": grub("bob-db", 22),
    # Nobody's guest in vpsh, but a guest of this host.
    "house": grub("house", 31),
}


def alice_policy():
    rows = []
    for name, rights in ALICE.items():
        rows.append('  { name = "%s"; allow = [ %s ]; }' % (name,
            ", ".join('"%s"' % r for r in rights)))
    return ("guests = (\n%s\n);\n"
        "limits = { sessions = 40; consoles = 40; power = 60; };\n"
        % ",\n".join(rows))


# bob's is the shortest that there is.
POLICIES = {
    "alice": alice_policy(),
    "bob": 'plan = "basic";\n'
        'guests = ( { name = "shop"; }, { name = "db"; } );\n',
}


# init of the Linux guest. The kernel itself answers control/shutdown by
# running /sbin/poweroff or /sbin/reboot.
GUEST_INIT = r"""#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox insmod /lib/xen-blkfront.ko
/bin/busybox --install -s /bin
while [ ! -b /dev/xvda ]; do :; done
echo "linux guest up: $(head -n 1 /dev/xvda)"
export PS1='guest# ' PATH=/bin:/sbin
while :; do setsid cttyhack sh; done
"""
GUEST_FILES = {
    "init": GUEST_INIT,
    "sbin/poweroff": "#!/bin/sh\nexec /bin/busybox poweroff -f\n",
    "sbin/reboot": "#!/bin/sh\nexec /bin/busybox reboot -f\n",
}
