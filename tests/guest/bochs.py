#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run test kernels as the first domain in Bochs: bochs.py [--results FILE] [--cpu MODEL] [NAME ...]

Bochs has what QEMU 7.2's TCG lacks: x2APIC, the TSC deadline timer, SYSENTER of an Intel cpu, and an SMAP that a PV
guest can live with. Each kernel boots from a GRUB disk on two cpus; besides its own checks, the hypervisor's log has to
say that it uses these, and the machine has to switch off at the end. Two run at a time. The serial line, Bochs's own log
and its rc file of a test are in build/logs/bochs/NAME/.

--cpu ryzen has AMD-V, with the next RIP and the PAUSE filter that QEMU's lacks: `bochs.py --cpu ryzen pvh` takes some
minutes, so it is by name only.

Environment: QEMU_WRAPPER (words put before Bochs's command line), TIME_SCALE (multiplies the time limit).
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

from run import BUILD, TOP, judge, report

sys.path.insert(0, os.path.join(TOP, "tests", "boot"))
import grub_iso  # noqa: E402

MODEL = "corei7_skylake_x"
LIMIT = 120
LIMITS = {"pvh": 1200}
CPUS = {"pvh": 3}
VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin"      # the link that Bochs's package brings leads nowhere
OPTIONS = "com1=115200,8n1 dom0_mem=128M loglvl=all guest_loglvl=all noreboot dom0_max_vcpus=2"
# Those that meet the hardware: its entries, interrupts, time, and segments, whose limits and null selectors QEMU's TCG
# does not check (pv32). What is left checks tables in memory only.
DEFAULT = ["hello", "exceptions", "usermode", "fastcall", "registers", "events", "timers", "smp", "pv32"]
LOG = {MODEL: [
    ("the local APIC is an x2APIC", r"\(granta\) time: .* of the x2APIC"),
    ("the timer is the TSC deadline", r"\(granta\) time: .* timer: TSC deadline"),
    ("SMAP is on", r"\(granta\) cpu: .* using.* SMAP\b"),
    ("AVX-512 is on", r"\(granta\) cpu: XCR0 0xe7\b"),
    ("both cpus are online", r"\(granta\) smp: 2 of 2 cpus online"),
], "ryzen": [
    ("AMD-V is in use", r"\(granta\) SVM: nested paging .*, next RIP, pause filter"),
]}

# `clock` none: the machine's time is counted in instructions, so a busy host changes nothing. The debugger is compiled
# in and waits for commands (`c` in a file, and an input that stays open).
RC = """\
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file={vga}
ata0-master: type=cdrom, path={dir}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={dir}/serial.log
log: {dir}/bochs.log
display_library: rfb, options="timeout=0"
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1, gameport=0
clock: sync=none
panic: action=fatal
"""
# Few instructions a second make the firmware's delays short; the timer test still tells half a millisecond.
IPS = 50000000


def strip(source, target):
    """A BIOS reads a CD slowly."""
    subprocess.run(["strip", "-o", target, source], check=True)
    return target


def prepare(name, model, workdir):
    shutil.rmtree(workdir, ignore_errors=True)
    os.makedirs(workdir)
    files = {"hypervisor": strip(f"{BUILD}/granta.elf", f"{workdir}/hypervisor"),
             "kernel": strip(f"{BUILD}/guest/{name}.elf", f"{workdir}/kernel")}
    grub_iso.make(f"{workdir}/boot.iso", files, [f"multiboot2 /boot/hypervisor placeholder {OPTIONS}",
                                                 f"module2 /boot/kernel placeholder {name} bochs"])
    with open(f"{workdir}/rc", "w") as f:
        f.write(RC.format(dir=workdir, vga=VGA_BIOS, ips=IPS, model=model, cpus=CPUS.get(name, 2)))
    with open(f"{workdir}/debugger", "w") as f:
        f.write("c\n")


def serial(workdir):
    try:
        with open(f"{workdir}/serial.log", errors="replace") as f:
            return [line.rstrip() for line in f]
    except FileNotFoundError:
        return []


def stuck(lines):
    return any("PANIC" in l or "halted" in l for l in lines)


# The display takes the first free port of some fifty; two that start at once can find the same one free,
# bind it both, and only one may listen. So they start one after the other.
STARTING = threading.Lock()


def start(cmd, workdir):
    with STARTING, open(f"{workdir}/output", "w") as out:
        p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        while p.poll() is None and not has_display(workdir):
            time.sleep(0.05)
    return p


def has_display(workdir):
    try:
        with open(f"{workdir}/bochs.log", errors="replace") as f:
            return "listening for connections on port" in f.read()
    except FileNotFoundError:
        return False


def boot(name, workdir):
    """The lines of the serial port, and Bochs's status: None if it had to be stopped."""
    limit = LIMITS.get(name, LIMIT) * float(os.environ.get("TIME_SCALE", "1"))
    wrapper = shlex.split(os.environ.get("QEMU_WRAPPER", ""))
    cmd = [*wrapper, "timeout", "--foreground", str(limit), "bochs-bin", "-q", "-f", f"{workdir}/rc",
           "-rc", f"{workdir}/debugger"]
    p = start(cmd, workdir)
    while p.poll() is None and not stuck(serial(workdir)):
        time.sleep(0.5)
    status = p.poll()
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.wait()
    p.stdin.close()
    return serial(workdir), status


def run(name, model):
    begin = time.monotonic()
    workdir = f"{BUILD}/logs/bochs/{name}"
    try:
        prepare(name, model, workdir)
        lines, status = boot(name, workdir)
    except (grub_iso.IsoError, subprocess.CalledProcessError, FileNotFoundError) as e:
        return [f"FAIL guest/{name}[bochs]: {e}"]
    facts = [(what, any(re.search(pattern, l) for l in lines)) for what, pattern in LOG.get(model, [])]
    facts.append(("the machine switches itself off at the end", status is not None and status != 124))
    results = [f"{'ok' if good else 'FAIL'} guest/{name}[bochs]: {what}" for what, good in facts]
    os.unlink(f"{workdir}/boot.iso")
    print(f"bochs: {name}: {time.monotonic() - begin:.0f} s", flush=True)
    return results + judge(name, "bochs", lines)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--results")
    ap.add_argument("--cpu", default=MODEL)
    ap.add_argument("name", nargs="*")
    args = ap.parse_args()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return report(pool.map(lambda name: run(name, args.cpu), args.name or DEFAULT), args.results, args.name) > 0


if __name__ == "__main__":
    sys.exit(main())
