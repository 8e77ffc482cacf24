#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare Granta with Debian's Xen in the same QEMU, in one run: bench.py [--runs N] [--big] [--only PART]

Prints a table: figure, Granta, Xen, their ratio, and, where a figure is a median of several, the spread of each; then the
geometric mean of the instruction ratios and the bars that were missed. The two take turns, so that a busy machine burdens
both. Parts: instructions, exits, domains, pvh, time, memory, size; with --big only `big`:
machines of many CPUs and much memory.

Both have their usual defences on; --xen-options adds to the stock one's command line (spec-ctrl=no shows what those cost).
Environment: QEMU_WRAPPER, words put before QEMU's command line.
"""
import argparse
import math
import os
import re
import select
import shlex
import signal
import statistics
import struct
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
IMAGES = os.path.join(BUILD, "images")
CPU = "max,-smap,-rdtscp,-avx,-avx2,-xsave"  # what the stock hypervisor is sound on in QEMU 7.2
HV = {
    "granta": (f"{BUILD}/release/granta.elf", "com1=115200,8n1"),
    "xen": (f"{IMAGES}/xen", "xen com1=115200,8n1 console=com1"),
}
WRAPPER_LIMIT = 900  # seconds that a wrapper may wait before it starts QEMU
xen_options = ""


# --- one machine -----------------------------------------------------------------------------

class Stopped(Exception):
    """The machine did not get to the line that was waited for; its text says where it was."""


def command(hv, modules, mem="1G", cpus=1, options="dom0_mem=256M", more=(), cpu_more=""):
    image, base = HV[hv]
    wrapper = shlex.split(os.environ.get("QEMU_WRAPPER", ""))
    extra = xen_options if hv == "xen" else ""
    ram = ["-m", mem]
    if mem.endswith("T") or int(mem[:-1]) > 16:  # nothing is reserved: only what is touched is used
        ram += ["-object", f"memory-backend-ram,id=ram,size={mem},reserve=off", "-machine", "memory-backend=ram"]
    return [*wrapper, "qemu-system-x86_64", "-M", "q35", "-cpu", CPU + cpu_more, *ram, "-smp", str(cpus), "-nic", "none",
            "-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "none", *more, "-kernel", image,
            "-append", f"{base} {options} noreboot {extra}", "-initrd", modules]


def machine_env(argv):
    """QEMU's environment. Its own bitmaps of the guest's RAM, 1.5 GiB at 16 TiB, come fast in huge pages only."""
    if any(re.search(r"size=\d+T", word) for word in argv):
        return {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    return None


def run(argv, until, limit, at_end=None):
    """The machine's lines up to the one that matches, and the seconds to it; at_end(pid) is called before it is stopped."""
    at = next(i for i, word in enumerate(argv) if word.startswith("qemu-system"))
    argv = [*argv[:at], "timeout", "--foreground", str(limit + 10), *argv[at:]]  # it ends even if we are killed
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         start_new_session=True, env=machine_env(argv))
    out, began, text = p.stdout.fileno(), None, ""
    start = time.monotonic()
    try:
        while True:
            if began is None and qemu_pid(p.pid):
                began = time.monotonic()
            left = (limit if began else WRAPPER_LIMIT) - (time.monotonic() - (began or start))
            ready, _, _ = select.select([out], [], [], 0.002 if began is None else max(left, 0))
            if left <= 0:
                raise Stopped(f"no '{until}' in {limit} s; last: " + last_line(text))
            if not ready:
                continue
            chunk = os.read(out, 65536)
            if not chunk:
                raise Stopped("QEMU ended; last: " + last_line(text))
            text += chunk.decode(errors="replace")
            if re.search(until, text[-70000:]):
                took = time.monotonic() - (began or start)
                if at_end:
                    at_end(qemu_pid(p.pid))
                return text.replace("\r", "").splitlines(), took
    finally:
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        p.wait()
        p.stdin.close()
        p.stdout.close()


def last_line(text):
    return (text.strip().splitlines() or ["nothing"])[-1][:120]


def qemu_pid(pid):
    """The QEMU among pid and its children, or 0."""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            if f.read().startswith("qemu-system"):
                return pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return next((q for c in f.read().split() if (q := qemu_pid(int(c)))), 0)
    except OSError:
        return 0


def guest(name):
    return f"{BUILD}/{'guest' if name == 'hello' else 'bench'}/{name}.elf {name}"


# --- the table -------------------------------------------------------------------------------

class Table:
    def __init__(self):
        self.missed, self.kind = [], None

    def head(self, title):
        print(f"\n{title:<34} {'Granta':>10} {'Xen':>10} {'ratio':>6}  {'Granta':>15} {'Xen':>15}", flush=True)

    def row(self, name, granta, xen, bar=1.0, digits=0):
        """granta and xen are lists of samples, or [min, median, max]; the ratio is that of the medians."""
        g, x = statistics.median(granta), statistics.median(xen)
        ratio = g / x if x > 0 else math.nan

        def spread(s):
            return f"{min(s):.{digits}f}..{max(s):.{digits}f}" if min(s) != max(s) else ""
        print(f"{name:<34} {g:>10.{digits}f} {x:>10.{digits}f} {ratio:>6.2f}  {spread(granta):>15} {spread(xen):>15}", flush=True)
        if not ratio <= bar:
            self.missed.append(f"{name}: ratio {ratio:.2f}, bar {bar}")
        return ratio

    def figure(self, name, value, bar, unit):
        print(f"{name:<34} {value:>10.2f} {unit}" + ("" if bar is None else f", bar {bar}"), flush=True)
        if bar is not None and not value <= bar:
            self.missed.append(f"{name}: {value:.1f} {unit}, bar {bar}")

    def failure(self, name, error):
        print(f"{name:<34} FAILED: {error}", flush=True)
        self.missed.append(f"{name}: {error}")


# --- the parts -------------------------------------------------------------------------------

def figures(lines):
    """What a test printed: name to [min, median, max]."""
    bad = [line for line in lines if line.startswith("FAIL")]
    if bad:
        raise Stopped(bad[0])
    found = [line.split() for line in lines if line.startswith("bench ")]
    return {f[1]: [int(n) for n in f[2:5]] for f in found}


def counted(hv, kernel):
    """Figures of a test kernel that counts instructions."""
    lines, _ = run(command(hv, guest(kernel), options="dom0_mem=256M dom0_max_vcpus=2", more=["-icount", "shift=0"]),
                   f"done {kernel}:.*\n", 100)
    return figures(lines)


def counted_debian(hv, test):
    """The same of a script in Debian's dom0, in millions. An idle cpu's time passes at once."""
    modules = f"{IMAGES}/vmlinux console=hvc0 granta.test=bench-{test},{BUILD}/bench/dom0.cpio"
    lines, _ = run(command(hv, modules, mem="2G", options="dom0_mem=1024M", more=["-icount", "shift=0,sleep=off"]),
                   "granta-test: .*\n|dom0: FAILED.*\n", 400)
    return {name: [n / 1e6 for n in samples] for name, samples in figures(lines).items()}


def compare(table, title, measure, digits=0):
    """A row for each figure that measure(hv) gives; the ratios. A figure of one only is a failure."""
    granta, xen = measure("granta"), measure("xen")
    table.head(title)
    for name in granta.keys() ^ xen.keys():
        table.failure(name, "measured on one of the two only")
    return [table.row(name, granta[name], xen[name], digits=digits) for name in granta if name in xen]


def mean(table, ratios, bar):
    table.figure("geometric mean of the ratios", math.exp(sum(map(math.log, ratios)) / len(ratios)), bar, "")


def instructions(table, _runs):
    mean(table, compare(table, "instructions (min..max of 101)", lambda hv: counted(hv, "micro")), 0.8)


def exits(table, _runs):
    mean(table, compare(table, "exits of PVH and HVM guests, instructions", lambda hv: counted(hv, "exits")), 0.8)


def domains(table, _runs):
    ratios = compare(table, "two domains, instructions", lambda hv: counted(hv, "between"))
    ratios += compare(table, "toolstack, millions", lambda hv: counted_debian(hv, "toolstack"), 1)
    ratios += compare(table, "disk and network, millions", lambda hv: counted_debian(hv, "devices"), 1)
    mean(table, ratios, 0.85)


def pvh(table, _runs):
    compare(table, "PVH guests: creation, a second, a sum, millions", lambda hv: counted_debian(hv, "toolstack-pvh"), 1)


def alternate(table, name, runs, bar, make, until, limit):
    samples = {hv: [] for hv in HV}
    try:
        for _ in range(runs):
            for hv in HV:
                samples[hv].append(run(make(hv), until, limit)[1])
    except Stopped as e:
        table.failure(name, f"{hv}: {e}")
        return
    table.row(name, samples["granta"], samples["xen"], bar, 2)


def time_part(table, runs):
    table.head(f"seconds (median of {runs})")
    for cpus in (1, 2):
        alternate(table, f"first instruction of dom0, {cpus} CPU", runs, 0.5,
                  lambda hv, n=cpus: command(hv, guest("hello"), cpus=n), "ok hello:", 60)
    kernel = f"{IMAGES}/vmlinuz console=hvc0,{IMAGES}/dom0.cpio"
    alternate(table, "Debian's toolstack ready, 2 CPUs", runs, 1.0,
              lambda hv: command(hv, kernel, mem="2G", cpus=2, options="dom0_mem=1024M"), "dom0: toolstack ready", 120)


def kept(hv, mem, options, cpu_more=""):
    lines, _ = run(command(hv, guest("memory"), mem=mem, options=options, cpu_more=cpu_more), "done memory:", 120)
    free, dom0 = map(int, re.search(r"memory free (\d+) dom0 (\d+)", "\n".join(lines)).groups())
    return (int(mem[:-1]) * 2**18 - free - dom0) / 256


def memory(table, _runs):
    table.head("MiB kept by the hypervisor")
    for mem, options, what in (("4G", "dom0_mem=256M", ""), ("4G", "", ", dom0 has the rest"), ("64G", "dom0_mem=256M", "")):
        name = f"{mem[:-1]} GiB{what}"
        try:
            table.row(name, [kept("granta", mem, options)], [kept("xen", mem, options)], digits=1)
        except Stopped as e:
            table.failure(name, e)


def loadable(path):
    """Bytes of a file that are loaded, and what they take in memory: ELF program headers of type LOAD, 32 or 64 bits."""
    with open(path, "rb") as f:
        data = f.read()
    wide = data[4] == 2
    offset, = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
    size, count = struct.unpack_from("<HH", data, 54 if wide else 42)
    in_file = in_memory = 0
    for i in range(count):
        at = offset + i * size
        if struct.unpack_from("<I", data, at)[0] != 1:
            continue
        in_file += struct.unpack_from("<Q" if wide else "<I", data, at + (32 if wide else 16))[0]
        in_memory += struct.unpack_from("<Q" if wide else "<I", data, at + (40 if wide else 20))[0]
    return in_file / 1024, in_memory / 1024


def size(table, _runs):
    granta, xen = loadable(HV["granta"][0]), loadable(HV["xen"][0])
    table.head("image, KiB")
    table.row("loaded from the file", [granta[0]], [xen[0]])
    table.row("... and with zeroed memory", [granta[1]], [xen[1]])


def touched(pid):
    """MiB of the guest's RAM that exist: the resident part of QEMU's largest mapping."""
    best = (0, 0)
    with open(f"/proc/{pid}/smaps", encoding="ascii") as f:
        for line in f:
            if line.startswith("Size:"):
                mapped = int(line.split()[1])
            elif line.startswith("Rss:"):
                best = max(best, (mapped, int(line.split()[1])))
    return best[1] / 1024


def big_one(table, name, mem, cpus, limit, bar, memory_bar=None):
    rss = []
    more = ["-no-shutdown"]  # or the process could be gone before it is looked at
    if cpus > 8:
        more += ["-accel", "tcg,thread=single"]
    argv = command("granta", guest("up"), mem=mem, cpus=cpus, cpu_more=",phys-bits=48" if mem.endswith("T") else "",
                   more=more)
    try:
        lines, took = run(argv, r"up with \d+ cpus", limit, lambda pid: rss.append(touched(pid)))
    except Stopped as e:
        table.failure(name, e)
        return
    online = int(re.search(r"up with (\d+) cpus", "\n".join(lines))[1])
    if online != cpus:
        table.failure(name, f"{online} of {cpus} cpus online")
    table.figure(f"{name}, all {cpus} online" if cpus > 1 else name, took, bar, "s")
    table.figure("... memory touched, dom0's too", rss[0], memory_bar, "MiB")


# Single runs of the stock hypervisor in this QEMU, in seconds: too slow to repeat each time (255 CPUs and 16 TiB do not start).
XEN_64_CPUS, XEN_1_TIB = 26, 56


def big(table, _runs):
    table.head("large machines, Granta alone")
    big_one(table, "64 CPUs, 2 GiB", "2G", 64, 120, XEN_64_CPUS / 5)
    big_one(table, "255 CPUs, 4 GiB", "4G", 255, 150, 20)
    big_one(table, "1 TiB", "1T", 1, 60, XEN_1_TIB / 5)
    big_one(table, "16 TiB", "16T", 1, 60, 5, 64)


PARTS = {"instructions": instructions, "exits": exits, "domains": domains, "pvh": pvh, "time": time_part, "memory": memory, "size": size, "big": big}


def main():
    global xen_options
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("--runs", type=int, default=3)
    ap.add_argument("--big", action="store_true")
    ap.add_argument("--only", choices=PARTS, action="append")
    ap.add_argument("--xen-options", default="")
    args = ap.parse_args()
    # So that run()'s last act happens: the machine has a session of its own and would outlive us.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("bench: stopped"))
    xen_options = args.xen_options
    table = Table()
    for part in args.only or (["big"] if args.big else [p for p in PARTS if p != "big"]):
        try:
            PARTS[part](table, args.runs)
        except Stopped as e:
            table.failure(part, e)
    print("\nbars: " + ("all met" if not table.missed else f"{len(table.missed)} missed"))
    for line in table.missed:
        print("  missed: " + line)
    return bool(table.missed)


sys.exit(main())
