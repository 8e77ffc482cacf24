#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run test kernels as the first domain: run.py [--hv granta|xen] [--option WORD]... [--cpu MODEL] [--results FILE] [NAME ...]

Each kernel prints `ok NAME: what` or `FAIL NAME: what` for a check and `done NAME` at its end; a missing `done` is a
failure with the end of the log. Two run at a time. --option gives the hypervisor one more word, for example xpti=on;
--cpu runs them on this model of QEMU's only.
QEMU_WRAPPER in the environment: words put before QEMU's command line.
"""
import argparse
import concurrent.futures
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
STOCK_CPU = "max,-smap,-rdtscp,-avx,-avx2,-xsave"
LIMIT = 120
LIMITS = {"pvh": 300, "hvm": 300}     # a hundred lives, and 256 vcpus
EDU = ("-device", "edu,dma_mask=0xffffffffff")
AMD_VI = ("-device", "amd-iommu", *EDU)
# name: cpus, more options for the hypervisor, and for QEMU; the default is one cpu with one vcpu
MACHINE = {
    "smp": (2, ""), "pvh": (3, ""), "pv32": (2, ""), "top_level": (2, ""), "races": (2, ""), "grants2": (2, ""), "pvhmem": (3, ""), "hvm": (3, ""), "pvh_fpu": (2, ""), "pvh_once": (2, "", "-accel", "tcg,thread=single"), "fifo": (2, ""),
    "events": (1, "dom0_max_vcpus=2"), "registers": (1, "dom0_max_vcpus=2"),
    "timers": (1, "dom0_max_vcpus=2"), "callbacks": (1, "dom0_max_vcpus=2"),
    # counted in instructions: a busy host does not matter
    "latency": (1, "", "-icount", "shift=0"), "shares": (2, "", "-icount", "shift=0"),
    "shares8": (8, "", "-icount", "shift=0"),
    "dma": (1, "", *AMD_VI), "passthrough": (1, "", *AMD_VI), "passthrough_hvm": (1, "", *AMD_VI),
    "intremap": (1, "", *AMD_VI),
}



def vtd(word, options=""):
    return ("max", word, "-device", "intel-iommu" + options, *EDU)


# name: models to run on as well, on Granta, each with a word for the hypervisor or none, and with other options for QEMU
MORE = {
    "fastcall": [(STOCK_CPU + ",vendor=GenuineIntel", "")],   # stock Xen double faults at a SYSENTER there
    "pvh": [("EPYC", "hap_2mb=0")],
    # the controls; and VT-d, of 3 levels and of 4, with a queue and with registers
    "dma": [("max", "iommu=off"), ("max", "dom0-iommu=none"), ("max", "dom0-iommu=passthrough"),
            vtd("iommu=on"), vtd("iommu=verbose", ",caching-mode=on"), vtd("iommu=force", ",aw-bits=48,device-iotlb=on"),
            vtd("iommu=no-qinval", ",intremap=off,snoop-control=on")],
    "passthrough_hvm": [vtd("iommu=on")],
    "passthrough": [vtd("iommu=on"), vtd("iommu=no-qinval", ",intremap=off,caching-mode=on")],
    # the controls; and VT-d
    "intremap": [("max", "iommu=no-intremap"), vtd("iommu=force"), vtd("iommu=force,no-intremap", ",caching-mode=on")],
}

HYPERVISOR = {
    "granta": ("granta.elf", ["max", STOCK_CPU], "com1=115200,8n1 dom0_mem=256M loglvl=all guest_loglvl=all noreboot"),
    "xen": ("images/xen", [STOCK_CPU], "xen console=com1 dom0_mem=256M loglvl=all guest_loglvl=all noreboot"),
}


def end(p):
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def judge(name, kind, lines):
    """The checks in a kernel's output, as results."""
    results = [l.replace(f" {name}:", f" guest/{name}[{kind}]:", 1) for l in lines if l.startswith(("ok ", "FAIL ", "skip "))]
    if not any(l.startswith(f"done {name}:") for l in lines):
        results.append(f"FAIL guest/{name}[{kind}]: did not finish; last lines: " + " | ".join(lines[-4:]))
    return results


def report(out, results_file, show_all):
    """Each list of results as it comes; returns the number of failures."""
    lines = []
    for results in out:
        lines += results
        for line in results:
            if show_all or not line.startswith("ok "):
                print(line, flush=True)
    failed = sum(l.startswith("FAIL") for l in lines)
    print(f"guest: {len(lines) - failed} ok, {failed} failed")
    if results_file:
        os.makedirs(os.path.dirname(results_file), exist_ok=True)
        with open(results_file, "w") as f:
            f.write("\n".join(lines) + "\n")
    return failed


def inject_nmi(path):
    """Press the machine's NMI button, through QEMU's control socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        with s.makefile() as answers:
            answers.readline()              # the greeting
            for command in ("qmp_capabilities", "inject-nmi"):
                s.sendall(f'{{"execute": "{command}"}}'.encode())
                answers.readline()


def run(hv, name, cpu, more, *other_machine):
    image, _, options = HYPERVISOR[hv]
    n, own, *machine = MACHINE.get(name, (1, ""))
    machine = other_machine or machine
    wrapper = shlex.split(os.environ.get("QEMU_WRAPPER", ""))
    control = os.path.join(tempfile.mkdtemp(prefix="granta-"), "qmp")   # a socket's path has to be short
    cmd = [*wrapper, "timeout", "--foreground", str(LIMITS.get(name, LIMIT)),  # counts from QEMU's own start, which a wrapper may delay
           "qemu-system-x86_64", "-M", "q35", "-cpu", cpu, "-m", "1G", "-smp", str(n), *machine, "-nic", "none", "-display", "none",
           "-no-reboot", "-serial", "stdio", "-monitor", "none", "-qmp", f"unix:{control},server=on,wait=off", "-kernel", os.path.join(BUILD, image),
           "-append", " ".join([options, own, *more]), "-initrd", f"{BUILD}/guest/{name}.elf {name}"]
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         start_new_session=True)
    lines, done = [], False
    for raw in p.stdout:
        line = raw.decode(errors="replace").rstrip()
        lines.append(line)
        if line == f"{name}: an NMI, please":
            time.sleep(0.2)         # it goes to sleep first
            inject_nmi(control)
        if line.startswith(f"done {name}:"):
            done = True
            break
        if "halted" in line or "PANIC" in line or "crashed" in line and line.startswith("(XEN)"):
            time.sleep(0.5)
            break
    end(p)
    rest = p.stdout.read().decode(errors="replace").splitlines()
    p.wait()
    shutil.rmtree(os.path.dirname(control))
    lines += [] if done else rest
    os.makedirs(os.path.join(BUILD, "logs"), exist_ok=True)
    kind = ",".join(["intel" if "Intel" in cpu else "plain" if "," in cpu else cpu, *more])
    with open(f"{BUILD}/logs/guest-{hv}-{name}-{kind}.log", "w") as f:
        f.write("\n".join(lines) + "\n")
    return judge(name, kind, lines)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--hv", default=os.environ.get("HV", "granta"), choices=HYPERVISOR)
    ap.add_argument("--option", action="append", default=[])
    ap.add_argument("--cpu")
    ap.add_argument("--results")
    ap.add_argument("name", nargs="*")
    args = ap.parse_args()
    names = args.name or sorted(f[:-4] for f in os.listdir(f"{BUILD}/guest") if f.endswith(".elf"))
    models = [args.cpu] if args.cpu else HYPERVISOR[args.hv][1]
    jobs = [(n, c, args.option) for n in names for c in models]
    if args.hv == "granta" and not args.cpu:
        jobs += [(n, c, args.option + [word] * bool(word), *machine) for n in names for c, word, *machine in MORE.get(n, [])]
    jobs.sort(key=lambda j: -LIMITS.get(j[0], LIMIT))      # a long one is not the last
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        failed = report(pool.map(lambda j: run(args.hv, *j), jobs), args.results, args.name)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
