# SPDX-License-Identifier: GPL-2.0-only
"""The table of boot tests, and every text that they wait for."""

import dataclasses

# The emulator's and the stock hypervisor's defects that decide the models:
#   safe   QEMU 7.2's SMAP faults on far returns in ring 3, its RDTSCP intercept cannot be decoded, and
#          the stock hypervisor corrupts user state there while it uses XSAVE (docs/xsave.md)
#   max    everything that QEMU emulates
#   fxsr   everything but XSAVE and what needs it
#   epyc   a processor that there is
# safe and fxsr are without ERMS: Linux clears and copies by the byte with it, and QEMU executes each by itself (a tenth of all
# time, for dom0 and guests). `max` has it.
CPU_MODELS = {
    "safe": "max,-smap,-rdtscp,-avx,-avx2,-xsave,-erms",
    "max": "max",
    "fxsr": "max,-avx,-avx2,-xsave,-erms",
    "epyc": "EPYC",
    "stock": "max,-smap,-rdtscp",    # docs/xsave.md
}

# `lines`: what each hypervisor says, as regular expressions. Adjust here when a message changes.
HYPERVISORS = {
    "granta": {
        "file": "build/granta.elf",
        "lines": {
            "no-module": r"no (dom0 )?kernel|no modules?",
            "no-notes": r"no Xen (ELF )?notes?",
            "truncated": r"truncated|lies outside of the file",
            "corrupt": r"corrupt|bad data|checksum|xz",
            "not-a-kernel": r"neither .*(ELF|bzImage)|not an? (ELF|kernel|bzImage)|unknown .*format",
            "little-memory": r"(not enough|too little|out of) memory",
            "dom0-mem-small": r"too little memory for dom0: 16 MiB",
            "dom0-mem-word": r"dom0_mem.*banana|banana.*dom0_mem",
            "unknown-option": r"unknown option .*no_such_option",
            "switched": r"input (is|goes)? ?.*(hypervisor|Granta|Xen)",
            "switched-back": r"input (is|goes)? ?.*(dom0|DOM0|d0)",
            "key-help": r"(?i)help|show this message",
            "stopped": r"(?i)halted|stopped|reboot",
        },
    },
    "xen": {
        "file": "build/images/xen",
        "cpu": "safe",             # whatever the case says, but for "stock"
        "lines": {
            "no-module": r"dom0 kernel not specified",
            "no-notes": r"ERROR: Not a Xen-ELF image",
            "truncated": r"FATAL TRAP: vec 14",       # it reads past the module's end
            "corrupt": r"XZ-compressed data is corrupt",
            "not-a-kernel": r"ELF: not an ELF binary",
            "little-memory": r"Not enough memory to relocate the dom0 kernel image",
            "dom0-mem-small": r"Domain 0 allocation is too small for kernel image",
            "dom0-mem-word": r"banana",
            "unknown-option": r"no_such_option",
            "switched": r"Serial input to Xen",
            "switched-back": r"Serial input to DOM0",
            "key-help": r"'h' pressed",
            "stopped": r"Reboot in five seconds",
        },
    },
}

# Any of these ends a case at once, unless its `allow` has the same text.
FATAL = [
    r"Kernel panic",
    r"\(XEN\) Panic on CPU",
    r"\(XEN\) Xen BUG|\(XEN\) Assertion",
    r"[Gg]ranta.*(panic|PANIC)|\bPANIC:|ASSERT(ION)? failed|BUG at",
    r"dom0: FAILED",
    r"Unable to handle kernel|BUG: unable|Oops:|general protection fault, maybe",
    r"qemu-system-x86_64: (?!warning|terminating)",
    r"IOMMU at .*: no interrupt for its faults",
]
# A PVH guest's kernel also says it at a port that the hypervisor prints.
GUEST_PANIC, XEN_PANIC, OUR_PANIC, QEMU_SAYS = FATAL[0], FATAL[1], FATAL[3], FATAL[6]


@dataclasses.dataclass
class Case:
    """One boot. The defaults make a small machine of two processors on the quickest path."""
    name: str
    what: str
    test: str = ""                 # tests/boot/dom0/NAME.sh; empty: no test in the first domain
    machine: str = "q35"
    cpus: int = 2
    mem: int = 2048                # MiB
    path: str = "mb1"              # mb1, grub-bios, grub-uefi
    cpu: str = "safe"
    cpu_more: str = ""
    kernel: str = "vmlinux"        # a file of build/images, "bad-..." made by badinput.py, or none
    initrd: str = "dom0.cpio"
    dom0_mem: str = "1024M"
    vcpus: int = 0                 # dom0_max_vcpus; 0: not given
    limit: int = 90                # seconds; three times what it has taken beside another machine, or more
    lines: tuple = ()              # waited for in order: "@name" of HYPERVISORS' lines, a regular
    #                                expression, or (either of them, bytes to send then)
    ends: bool = False             # QEMU has to end by itself after the last line
    alone: bool = False            # nothing else runs beside it: it measures how soon and how much
    threads: bool = False          # a host thread for each processor: truly at once, but slower
    disks: bool = False
    release: bool = False          # Granta as a release is built: no assertions, small functions in line
    allow: tuple = ()              # entries of FATAL that belong to this case
    acpi: tuple = ()               # broken tables of badinput.py in place of the firmware's
    manual: bool = False           # only when named
    params: dict = dataclasses.field(default_factory=dict)       # granta.NAME=VALUE for the test
    hv_args: list = dataclasses.field(default_factory=list)
    kernel_args: list = dataclasses.field(default_factory=list)
    qemu_args: list = dataclasses.field(default_factory=list)
    skip: dict = dataclasses.field(default_factory=dict)         # hypervisor: reason

    def modules(self):
        return [m for m in (self.kernel, self.initrd) if m]

    def expected_lines(self, hv):
        lines = list(self.lines)
        if not lines:
            lines = [rf"granta-test: {self.test} passed=\d+ failed=\d+"]
        result = []
        for line in lines:
            pattern, answer = line if isinstance(line, tuple) else (line, b"")
            if pattern.startswith("@"):
                pattern = HYPERVISORS[hv]["lines"][pattern[1:]]
            result.append((pattern, answer))
        return result


def toolstack(machine, cpus, path, **kw):
    name = f"toolstack-{machine}-{cpus}-{path}"
    if kw.get("cpu", "safe") != "safe":
        name += "-" + kw["cpu"]
    what = f"dom0 to the toolstack on {machine}, {cpus} CPUs, {path}, {kw.get('kernel', 'vmlinux')}"
    return Case(name, what, "toolstack", machine=machine, cpus=cpus, path=path,
                **{"limit": 120, **kw})


def soak(name, what, **kw):
    return Case("soak-" + name, f"checksums in dom0 and guests beside a fork storm, {what}", "soak",
                initrd="dom0-guest.cpio", limit=300, **kw)


def bad(name, what, **kw):
    """The hypervisor has to say one clear line and stop; it may call it a panic."""
    return Case("bad-" + name, what, **{"lines": ("@" + name, "@stopped"), "limit": 40,
                                        "allow": (XEN_PANIC, OUR_PANIC), **kw})


def under_pvh(case):
    """With an IOMMU where guests' pages go to devices: their addresses are dom0's own."""
    iommu = ["iommu=1"] if case.name.startswith("domu") else []
    return dataclasses.replace(case, name="dom0-pvh-" + case.name, what=case.what + ", with a PVH dom0", manual=True,
                               limit=2 * case.limit,
                               hv_args=[*case.hv_args, "dom0=pvh", *iommu],
                               qemu_args=[*case.qemu_args, *(PVH_ON_XEN if case.machine == "q35" else [])])


def two_nodes(size):
    """QEMU's arguments for two nodes of two processors and so many MiB each."""
    nodes = (("-object", f"memory-backend-ram,id=node{n},size={size}M",
              "-numa", f"node,nodeid={n},cpus={2 * n}-{2 * n + 1},memdev=node{n}") for n in range(2))
    return [*(word for node in nodes for word in node), "-numa", "dist,src=0,dst=1,val=21"]


# Stock Xen refuses a PVH dom0 on a machine without IOMMU.
PVH_ON_XEN = ["-device", "amd-iommu,intremap=on"]
# Cases that also run, by name only, with a PVH dom0, as dom0-pvh-NAME.
UNDER_PVH = (
    "domu", "domu-pvh", "domu-disk", "domu-pvh-disk", "domu-net", "domu-pvh-net", "domu-leak", "domu-pvh-leak",
    "domu-hvm", "domu-bios", "domu-verbs", "domu-kill", "workload-2", "workload-pc-4", "hotplug", "reboot",
    "poweroff", "poweroff-pc", "toolstack-q35-1-mb1", "toolstack-q35-8-mb1-max", "toolstack-q35-2-grub-bios-max",
)
CTRL_A = b"\x01\x01\x01"
CTRL_CLOSE = b"\x1d"              # leaves xl console

# Every number of processors meets every path, every machine every path, both kernels every path;
# together that takes nine boots instead of thirty-six.
CASES = [
    toolstack("q35", 1, "mb1"),
    toolstack("pc", 2, "mb1", kernel="vmlinuz", threads=True, limit=270),
    toolstack("q35", 8, "mb1", cpu="max"),
    toolstack("pc", 1, "grub-bios", kernel="vmlinuz"),
    toolstack("q35", 2, "grub-bios", kernel="vmlinuz", cpu="max"),
    toolstack("q35", 8, "grub-bios"),
    toolstack("q35", 1, "grub-uefi", cpu="max"),
    toolstack("q35", 2, "grub-uefi", kernel="vmlinuz", params={"xenstored": "c"}),
    toolstack("pc", 8, "grub-uefi", kernel="vmlinuz"),
    Case("workload-2", "fork and mmap storm, file copies, threads on 2 CPUs", "workload",
         cpus=2, cpu="max", threads=True, disks=True, limit=150),
    Case("workload-pc-4", "the same on pc with 4 CPUs", "workload", machine="pc",
         cpus=4, disks=True, limit=120),
    soak("xsave", "XSAVE and AVX2 on", cpu="max", params={"xsave": 1},
         skip={"xen": "its dom0 does not run on this model"}),
    soak("fxsr", "XSAVE off", cpu="fxsr", params={"xsave": 0}),
    # docs/xsave.md: the first fails on stock Xen, the second does not.
    soak("stock-lazy", "on the stock hypervisor with XSAVE", cpu="stock", manual=True,
         params={"xsave": 1, "guests": "pv"}),
    soak("stock-eager", "the same without its lazy FPU", cpu="stock", manual=True,
         params={"xsave": 1, "guests": "pv"}, hv_args=["spec-ctrl=eager-fpu"]),
    Case("hotplug", "dom0's vCPUs go offline and come back", "hotplug", cpus=4),
    Case("toolstack-xpti", "dom0 to the toolstack, kept apart, on 2 CPUs", "toolstack", limit=120,
         hv_args=["xpti=on"], skip={"xen": "the cases without are for comparing"}),
    Case("workload-xpti", "fork and mmap storm, file copies, threads on 2 CPUs, kept apart", "workload",
         cpu="max", threads=True, disks=True, limit=230, hv_args=["xpti=on"],
         skip={"xen": "the cases without are for comparing"}),
    Case("workload-release", "fork and mmap storm, file copies on 2 CPUs, on a release build", "workload",
         release=True, disks=True, limit=120, skip={"xen": "it is one, and runs `workload`"}),
    Case("iommu", "disks behind an AMD IOMMU, and a device that is kept off the hypervisor's memory", "iommu",
         disks=True, qemu_args=["-device", "amd-iommu", "-device", "edu,dma_mask=0xffffffffff"],
         skip={"xen": "its dom0 may let devices reach the hypervisor's heap"}),
    Case("iommu-vtd", "the same behind an Intel one", "iommu", disks=True,
         allow=(QEMU_SAYS,),  # of each access that it refuses
         qemu_args=["-device", "intel-iommu,caching-mode=on", "-device", "edu,dma_mask=0xffffffffff"],
         skip={"xen": "its dom0 may let devices reach the hypervisor's heap"}),
    Case("domu-pci", "a network card is given to a PV guest, behind an AMD IOMMU, and taken back", "domu-pci",
         initrd="dom0-guest.cpio", limit=170,
         qemu_args=["-device", "amd-iommu,intremap=on", "-netdev", "user,id=net", "-device", "e1000e,netdev=net"]),
    Case("domu", "PV guests are created, paused, shut down and destroyed", "domu",
         initrd="dom0-guest.cpio", limit=280),
    Case("domu-pvh", "PVH guests are created, paused, shut down and destroyed", "domu-pvh",
         initrd="dom0-guest.cpio", limit=280),
    Case("domu-pod", "a PVH guest is populated on demand, ballooned, grows and shrinks", "domu-pod",
         initrd="dom0-guest.cpio", limit=150),
    Case("domu-hvm", "an HVM guest by hvmloader, SeaBIOS and the stock device model to its userspace",
         "domu-hvm", initrd="dom0-extra.cpio", cpu="epyc", hv_args=["hap_2mb=0"], limit=320),
    Case("domu-bios", "HVM guests boot from a disk of the device model's by SeaBIOS",
         "domu-bios", initrd="dom0-extra.cpio", cpu="max", limit=150),
    # By name only: three minutes each where the machine has other work.
    Case("domu-hvm-plain", "an HVM guest without PV drivers: emulated disk, network and power button",
         "domu-hvm-plain", initrd="dom0-hvm.cpio", limit=330, manual=True),
    Case("domu-hvm-smp", "an HVM guest of Debian's kernel on three processors", "domu-hvm-smp",
         initrd="dom0-hvm.cpio", cpus=3, limit=330, manual=True),
    Case("domu-hvm-32", "Debian's 32-bit kernel on two processors of an HVM guest (make images-i386)", "domu-hvm-32",
         initrd="dom0-hvm-32.cpio", cpus=3, limit=330, manual=True),
    Case("domu-hvm-pci", "a network card is given to an HVM guest by the device model, behind an AMD IOMMU", "domu-hvm-pci",
         initrd="dom0-extra.cpio", limit=400, manual=True,
         qemu_args=["-device", "amd-iommu,intremap=on", "-netdev", "user,id=net", "-device", "e1000e,netdev=net"]),
    Case("domu-memtest", "memtest86+ on two processors of an HVM guest, 64-bit and 32-bit", "domu-memtest",
         initrd="dom0-hvm.cpio", cpus=3, limit=300, manual=True),
    Case("domu-hvm-save", "an HVM guest is saved with its device model, restored, and migrates alive", "domu-hvm-save",
         initrd="dom0-extra.cpio", cpus=3, cpu="epyc", limit=700, manual=True, skip={"xen": "it prints no such account"}),
    Case("domu-hvm-midway", "an HVM guest without PV drivers is saved in the middle of its accesses", "domu-hvm-midway",
         initrd="dom0-hvm.cpio", cpus=3, limit=600, manual=True),
    Case("domu-hvm-kill", "HVM guests come and go, xl and device models are killed: nothing leaks", "domu-hvm-kill",
         initrd="dom0-hvm.cpio", limit=330, manual=True, skip={"xen": "it prints no such account"}),
    Case("dom0-pvh", "a PVH dom0 to the toolstack, by GRUB on UEFI", "toolstack", path="grub-uefi", kernel="vmlinuz",
         cpu="epyc", hv_args=["dom0=pvh"], limit=120, qemu_args=PVH_ON_XEN),
    Case("dom0-pvh-guests", "a PVH dom0 with MSI, a PV and a PVH guest with disk and network", "dom0-pvh",
         initrd="dom0-guest.cpio", disks=True, hv_args=["dom0=pvh", "iommu=1"], limit=280,
         qemu_args=[*PVH_ON_XEN, "-netdev", "user,id=net", "-device", "e1000e,netdev=net",
                    "-drive", "file=guest.cpio,if=none,id=nvme,format=raw,snapshot=on",
                    "-device", "nvme,drive=nvme,serial=nvme"]),
    Case("domu-verbs", "the verbs of xl and the tools beside it, on guests that are alive", "domu-verbs",
         initrd="dom0-guest.cpio", limit=280),
    Case("domu-ends", "guests that end, and what on_poweroff ... on_soft_reset make of it", "domu-ends",
         initrd="dom0-guest.cpio", limit=170),
    Case("domu-sched", "weights, caps, pins, starvation and wake-ups of guests on 2 CPUs", "domu-sched",
         initrd="dom0-guest.cpio", vcpus=1, threads=True, alone=True, limit=400),
    Case("domu-pools", "pools of all policies: cpus and a working guest move between them", "domu-pools",
         initrd="dom0-guest.cpio", cpus=4, vcpus=2, limit=280, qemu_args=two_nodes(1024)),
    Case("domu-disk", "PV guests with disks on files and block devices, plugged in use", "domu-disk",
         initrd="dom0-guest.cpio", disks=True, limit=320),
    Case("domu-net", "PV guests on a bridge: pings, transfers, interfaces plugged in use", "domu-net",
         initrd="dom0-guest.cpio", limit=300),
    Case("domu-driver", "a guest's disk and network from a driver domain, which crashes and returns",
         "domu-driver", initrd="dom0-guest.cpio", limit=300),
    Case("domu-image", "PV guests boot from a disk by GRUB and pygrub; a device model's disks", "domu-image",
         initrd="dom0-extra.cpio", limit=360),
    Case("domu-pvh-disk", "domu-disk with PVH guests", "domu-disk", initrd="dom0-guest.cpio", disks=True,
         cpu="max", params={"type": "pvh"}, limit=340),
    Case("domu-pvh-net", "domu-net with PVH guests", "domu-net", initrd="dom0-guest.cpio",
         cpu="epyc", params={"type": "pvh"}, limit=360),
    Case("domu-pvh-image", "domu-image with PVH guests", "domu-image", initrd="dom0-extra.cpio",
         params={"type": "pvh"}, limit=280),
    Case("domu-pvh-verbs", "vcpus, memory, signals and ends of a living PVH guest", "domu-pvh-verbs",
         initrd="dom0-guest.cpio", hv_args=["hap_2mb=0"], limit=230, allow=(GUEST_PANIC,)),
    Case("domu-pvh-save", "a PVH guest is saved, restored and migrates alive; damaged images are refused", "domu-pvh-save",
         initrd="dom0-guest.cpio", cpus=3, cpu="max", limit=800, manual=True, skip={"xen": "it prints no such account"}),
    Case("domu-pvh-dump", "dumps of a PVH guest, alive and crashed", "domu-pvh-dump",
         initrd="dom0-guest.cpio", limit=900, manual=True, allow=(GUEST_PANIC,)),
    Case("domu-pvh-sizes", "domu-sizes with PVH guests", "domu-sizes", initrd="dom0-guest.cpio", cpus=3, mem=5120,
         params={"type": "pvh"}, limit=230, qemu_args=["-mem-prealloc"], manual=True),
    Case("domu-pvh-leak", "domu-leak with PVH guests", "domu-leak", initrd="dom0-extra.cpio",
         cpu="epyc", hv_args=["hap_2mb=0"], params={"type": "pvh"}, limit=290, skip={"xen": "it prints no such account"}),
    Case("domu-save", "a PV guest is saved, restored, and left running; truncated images leave nothing", "domu-save",
         initrd="dom0-guest.cpio", limit=300, manual=True, skip={"xen": "it prints no such account"}),
    Case("domu-sizes", "PV guests of 96 MiB to 3 GiB, of 1 to 32 vcpus, growing and shrinking", "domu-sizes",
         initrd="dom0-guest.cpio", mem=5120, limit=300),
    Case("domu-leak", "PV guests come and go, and the hypervisor's account is what it was", "domu-leak",
         initrd="dom0-extra.cpio", limit=240, skip={"xen": "it prints no such account"}),
    Case("domu-many", "forty PV guests at once on 4 GiB answer, die and leave nothing", "domu-many",
         initrd="dom0-extra.cpio", mem=4096, limit=700,
         skip={"xen": "it prints no such account"}),
    Case("domu-kill", "toolstack, daemons and a device model are killed: nothing leaks", "domu-kill",
         initrd="dom0-extra.cpio", limit=250, skip={"xen": "it prints no such account"}),
    Case("console", "a shell on hvc0, the hypervisor's keys and back, a guest's console, exit",
         initrd="dom0-guest.cpio", limit=120,
         lines=(("@banner", b""), (r'One guest runs: "xl console example"', b""),
                (r"dom0:~# ", b"echo answer-$((6*7))\n"), ("answer-42", CTRL_A),
                ("@switched", b"h"), ("@key-help", CTRL_A),
                ("@switched-back", b"echo again-$((6*8))\n"), ("again-48", b"xl console example\n"),
                ("guest: up cpus=1", b""), ("guest:/# ", b"echo guest-$((6*9))\n"),
                ("guest-54", CTRL_CLOSE),
                (r"dom0:~# ", b"xl destroy example && echo gone-$((7*9))\n"),
                ("gone-63", b"exit\n"), "dom0: shell ended"), ends=True),
    Case("reboot", "dom0 reboots the machine", "reboot", ends=True,
         lines=(r"granta-test: reboot now",)),
    Case("poweroff", "dom0 powers the machine off", "poweroff", ends=True,
         lines=(r"granta-test: poweroff now",)),
    Case("poweroff-pc", "the same on pc", "poweroff", machine="pc", cpus=1, ends=True,
         lines=(r"granta-test: poweroff now",)),

    Case("crash-record", "a crash resets the machine, and the next boot prints what it left",
         lines=(("@banner", b""), (r"dom0:~# ", CTRL_A), ("@switched", b"C"),
                r"PANIC: asked for by debug key", r"panic\+0x", r"rebooting",
                r"the last run crashed", r"\| \*\*\* PANIC: asked for by debug key", r"dom0: init"),
         qemu_args=["-action", "reboot=reset"], allow=(OUR_PANIC,),
         skip={"xen": "it keeps no such record"}),

    bad("no-module", "no kernel given", kernel="", initrd=""),
    bad("no-notes", "an ELF kernel without Xen notes", kernel="bad-no-notes"),
    bad("truncated", "a bzImage that ends in the middle of its payload", kernel="bad-truncated"),
    bad("corrupt", "a bzImage with wrong bytes in its payload", kernel="bad-corrupt"),
    bad("not-a-kernel", "a text file as kernel", kernel="bad-not-a-kernel"),
    bad("little-memory", "a machine too small for the first domain", kernel="vmlinuz", mem=96,
        dom0_mem=""),
    bad("dom0-mem-small", "dom0_mem smaller than the kernel", dom0_mem="16M"),
    bad("dom0-mem-word", "dom0_mem that is no size", dom0_mem="banana",
        skip={"xen": "known: says nothing and gives all memory"}),
    bad("unknown-option", "an option that does not exist is named, and does no harm",
        hv_args=["no_such_option=1"], lines=("@unknown-option", "dom0: init"),
        skip={"xen": "known: says nothing about options that do not exist"}),

    Case("acpi-broken", "ACPI tables that are broken, but not all of them: named, and gone without",
         path="grub-bios", acpi=("APIC-endless", "HPET-short", "SRAT-checksum"),
         limit=120,                # GRUB lists the last one first
         lines=(r"ACPI: table SRAT: has a wrong checksum", r"ACPI: table HPET: is too short",
                r"ACPI: table APIC: has an entry without length",
                r"smp: 2 of 2 cpus online", "dom0: init"),
         skip={"xen": "known: it panics in the middle of the tables"}),
    bad("no-madt", "the one ACPI table that cannot be done without is broken",
        path="grub-bios", acpi=("APIC-checksum",), limit=90,
        lines=(r"ACPI: table APIC: has a wrong checksum", r"no IO-APIC \(the firmware's MADT lists 0",
               "@stopped"), skip={"xen": "known: it warns of a checksum and uses the table"}),

    Case("cpus-64", "64 CPUs", "machine", cpus=64, vcpus=2, limit=120),
    # A store to what has been run as code costs QEMU a walk over all CPUs: Linux, as it fills its init
    # text with poison, is on its way 10 s there and 0.1 s on 2 CPUs, which its watchdog must not mind.
    Case("cpus-255", "255 CPUs", "machine", cpus=255, vcpus=2, mem=4096, limit=170,
         kernel_args=["watchdog_thresh=60"],
         skip={"xen": "known: no boot in 400 s"}),
    Case("numa", "two nodes of two CPUs and 1 GiB each", "numa", cpus=4, dom0_mem="512M",
         qemu_args=two_nodes(1024)),
    Case("mem-1g", "1 GiB of memory", "machine", mem=1024, dom0_mem="512M"),
    Case("mem-16g", "16 GiB of memory", "machine", mem=16 << 10),
    Case("mem-1t", "1 TiB of memory", "machine", mem=1 << 20, vcpus=2, cpu_more=",phys-bits=48",
         limit=150, skip={"xen": "known: needs about 60 s and 10 GiB of the host"}),
    Case("mem-16t", "16 TiB of memory", "machine", mem=16 << 20, vcpus=2, cpu_more=",phys-bits=48",
         limit=150, skip={"xen": "known: its frame table does not fit"}),
]
CASES += [under_pvh(c) for c in CASES if c.name in UNDER_PVH]

for _hv, _banner in (("granta", r"as the first domain of"), ("xen", r"as the first domain of")):
    HYPERVISORS[_hv]["lines"]["banner"] = _banner
