#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boot tests: start QEMU for a case, read its serial line, and decide.

    run.py [--hv granta|xen] [-j N] [NAME...]     run all cases, or those whose name contains a NAME
    run.py [--cpu MODEL] [--option WORD] NAME...  the same on another processor, with a word of the hypervisor's
    run.py --list                                 the table of cases
    run.py --interactive [--cpus N] [--mem MIB]   a first domain with a shell on this terminal

Each case prints one line, "ok CASE: what", "FAIL CASE: why" or "skip CASE: why"; the lines are also
kept in build/results/boot.txt. The serial log and the QEMU command of a case are in
build/logs/HV/CASE/. The cases themselves are in cases.py, what is expected of bad input too.

Environment: QEMU (the program), QEMU_WRAPPER (words put before its command line, for example a
limiter), TIME_SCALE (multiplies every time limit, for slow machines), CONSOLE=1 (shows the serial
line of the running case).
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import badinput  # noqa: E402
import grub_iso  # noqa: E402
from cases import CASES, CPU_MODELS, FATAL, HYPERVISORS, Case  # noqa: E402

IMAGES = os.path.join(TOP, "build", "images")
RESULTS = os.path.join(TOP, "build", "results")
OVMF = "/usr/share/ovmf/OVMF.fd"
LOG_LIMIT = 16 << 20          # a guest that prints without end must not fill the disk

ECHO = re.compile(r"[Cc]ommand line:.*console=")    # every command line here has a console

Result = collections.namedtuple("Result", "verdict case text")


class CaseError(Exception):
    """The case cannot be set up; its text is the reason."""


# --- command lines ---------------------------------------------------------------------------

def hypervisor_args(case):
    words = ["console=com1", "com1=115200,8n1", "loglvl=all", "guest_loglvl=all",
             "conring_size=128k"]   # or the start of a talkative boot is gone from xl dmesg
    if case.dom0_mem:
        words.append(f"dom0_mem={case.dom0_mem}")
    if case.vcpus:
        words.append(f"dom0_max_vcpus={case.vcpus}")
    return " ".join(words + case.hv_args)


def kernel_args(case):
    words = ["console=hvc0"]
    if case.test:
        facts = {"test": case.test, "cpus": case.cpus, "mem": case.mem,
                 "vcpus": case.vcpus or case.cpus, "dom0": case.dom0_mem.rstrip("M"), **case.params}
        words += [f"granta.{k}={v}" for k, v in facts.items()]
    return " ".join(words + case.kernel_args)


def machine_args(case, hv):
    model = case.cpu if hv == "granta" or case.cpu == "stock" else HYPERVISORS[hv]["cpu"]
    # In one thread a spinning processor gives way to the next one: with a thread each, two machines at
    # once on two real processors took three to five times as long.
    threads = "multi" if case.threads else "single"
    argv = ["-M", case.machine, "-accel", f"tcg,thread={threads}",
            "-cpu", CPU_MODELS[model] + case.cpu_more, "-smp", str(case.cpus), "-nic", "none", "-no-reboot", "-display", "none"]
    if case.mem <= 65536:
        return argv + ["-m", str(case.mem)]
    # More memory than this machine has: nothing is reserved, and only what is touched is used.
    backend = f"memory-backend-ram,id=ram,size={case.mem}M,reserve=off"
    return argv + ["-m", f"{case.mem}M", "-object", backend, "-machine", "memory-backend=ram"]


def path_mb1(case, hv_file, modules):
    """QEMU itself is the multiboot loader; a comma inside a module's arguments is doubled."""
    argv = ["-kernel", hv_file, "-append", hypervisor_args(case)]
    if modules:
        kernel, rest = modules[0], modules[1:]
        first = f"{kernel} {kernel_args(case)}".replace(",", ",,")
        argv += ["-initrd", ",".join([first, *rest])]
    return argv


def acpi_commands(case, workdir, files):
    """GRUB puts these tables into the place of the firmware's."""
    tables = [badinput.acpi_table(name, workdir) for name in case.acpi]
    if not tables:
        return []
    files.update((os.path.basename(path), path) for _, path in tables)
    names = " ".join(f"/boot/{os.path.basename(path)}" for _, path in tables)
    return [f"acpi --exclude={','.join(s for s, _ in tables)} {names}"]


def path_grub(case, hv_file, modules, workdir):
    """A disk with GRUB, and a menu as Debian's update-grub writes it."""
    iso = os.path.join(workdir, "boot.iso")
    files = {"hypervisor": hv_file}
    entry = ["echo 'grub: loading the hypervisor'", *acpi_commands(case, workdir, files),
             f"multiboot2 /boot/hypervisor placeholder {hypervisor_args(case)}"]
    for i, module in enumerate(modules):
        name = os.path.basename(module)
        files[name] = os.path.join(IMAGES, module)
        entry.append(f"module2 /boot/{name} placeholder root=/dev/ram0 {kernel_args(case)}" if i == 0
                     else f"module2 --nounzip /boot/{name}")
    try:
        grub_iso.make(iso, files, entry + ["echo 'grub: starting'"], "acpi" if case.acpi else "")
    except grub_iso.IsoError as e:
        raise CaseError(str(e)) from e
    argv = ["-drive", f"file={iso},if=none,id=boot,format=raw,readonly=on",
            "-device", "virtio-blk-pci,drive=boot,bootindex=0"]
    if case.path == "grub-uefi":
        argv += ["-bios", OVMF]
    return argv


def disk_args(case, workdir):
    """An empty ext4 file system on a virtio and on an AHCI disk."""
    if not case.disks:
        return []
    argv = ["-device", "ahci,id=wahci"]
    virtio = "virtio-blk-pci,serial=workload"
    if any(a.startswith("amd-iommu") for a in case.qemu_args):   # otherwise it goes around it
        virtio += ",iommu_platform=on,disable-legacy=on"
    devices = (("virtio", virtio), ("ahci", "ide-hd,bus=wahci.0"))
    for name, device in devices:
        image = os.path.join(workdir, name + ".img")
        with open(image, "wb") as f:
            f.truncate(96 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        argv += ["-drive", f"file={image},if=none,id={name},format=raw",
                 "-device", f"{device},drive={name}"]
    return argv


def qemu_command(case, hv, workdir):
    name = "build/release/granta.elf" if case.release else HYPERVISORS[hv]["file"]
    hv_file = os.path.join(TOP, name)
    if not os.path.exists(hv_file):
        raise CaseError(f"{name} is missing: build it first (make, make release)")
    modules = [m if not m.startswith("bad-") else badinput.make(m, IMAGES, workdir)
               for m in case.modules()]
    for module in modules:
        if not os.path.exists(os.path.join(IMAGES, module)):
            raise CaseError(f"build/images/{module} is missing: make images")
    argv = [os.environ.get("QEMU", "qemu-system-x86_64"), *machine_args(case, hv)]
    if case.path == "mb1":
        argv += path_mb1(case, hv_file, modules)
    else:
        argv += path_grub(case, hv_file, modules, workdir)
    return argv + disk_args(case, workdir) + case.qemu_args


# --- one run ---------------------------------------------------------------------------------

class Machine:
    """A running QEMU. Its serial line comes as text lines; nothing outlives stop()."""

    def __init__(self, argv, workdir, limit):
        wrapper = shlex.split(os.environ.get("QEMU_WRAPPER", ""))
        # `timeout` counts from QEMU's own start, which a wrapper may delay.
        argv = [*wrapper, "timeout", "--foreground", str(limit), *argv,
                "-serial", "stdio", "-monitor", "none"]
        with open(os.path.join(workdir, "command"), "w", encoding="utf-8") as f:
            f.write(shlex.join(argv) + "\n")
        self.log = open(os.path.join(workdir, "serial.log"), "wb")
        self.process = subprocess.Popen(argv, cwd=IMAGES, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.begin = time.monotonic()
        self.last = ""

    def lines(self):
        """(text, complete): every line once complete, and a prompt without end of line as it grows."""
        pending, size = b"", 0
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            size += len(chunk)
            if size > LOG_LIMIT:
                return
            self.log.write(chunk)
            if os.environ.get("CONSOLE"):
                sys.stderr.write(chunk.decode("latin-1"))
            *whole, pending = (pending + chunk).split(b"\n")
            for raw in whole:
                text = clean(raw)
                if text.strip():
                    self.last = text.strip()
                yield text, True
            if pending:
                yield clean(pending), False

    def send(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def seconds(self):
        return time.monotonic() - self.begin

    def cpu_seconds(self):
        """What QEMU has taken so far; asked before its end, which a killed wrapper does not tell us of."""
        ticks = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Ends QEMU and its wrapper; returns the status QEMU ended with, if it did by itself."""
        status = self.process.poll()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()
        return status


def clean(raw):
    """Without terminal escapes and carriage returns."""
    text = raw.decode("utf-8", "replace").replace("\r", "")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][AB0]?", "", text)


class Judge:
    """Follows the serial line of one case. `verdict` stays None until the case is decided."""

    def __init__(self, case, hv, machine):
        self.case, self.machine = case, machine
        self.expect = case.expected_lines(hv)
        self.fatal = [re.compile(p) for p in FATAL if p not in case.allow]
        self.passed, self.failed = 0, []
        self.marks = []
        self.verdict = None
        self.text = ""
        self.done = False              # all lines seen, QEMU has to end by itself

    def decide(self, verdict, text):
        self.verdict, self.text = verdict, text

    def line(self, text, complete):
        if complete:
            self.check_result(text)
            for pattern in self.fatal:
                if self.verdict is None and pattern.search(text):
                    self.decide("FAIL", f"the machine said: {text.strip()[:160]}")
        if self.verdict is None and self.expect:
            pattern, answer = self.expect[0]
            # A prompt has no end of line. An echoed command line proves nothing.
            if (complete or answer) and not ECHO.search(text) and re.search(pattern, text):
                self.expect.pop(0)
                self.mark(pattern)
                if answer:
                    self.machine.send(answer)
                if not self.expect:
                    self.all_seen()

    def mark(self, what):
        self.marks.append((round(self.machine.seconds(), 1), what))

    def check_result(self, text):
        if found := re.search(r"\bPASS (\S+)", text):
            self.passed += 1
            self.mark(found.group(1))
        elif found := re.search(r"\bFAIL (\S+ ?.*)", text):
            self.failed.append(found.group(1).strip())
        if re.search(r"dom0: (init|xenstored up|toolstack ready)", text):
            self.mark(text.strip())

    def all_seen(self):
        if self.case.ends:
            self.done = True
        elif self.failed:
            self.decide("FAIL", f"{len(self.failed)} checks: " + "; ".join(self.failed[:4])[:400])
        elif self.case.test and not self.passed:
            self.decide("FAIL", "the test ended without a single check")
        else:
            self.decide("ok", self.success())

    def success(self):
        checks = f", {self.passed} checks" if self.passed else ""
        return f"{self.case.what}{checks}"

    def machine_ended(self, status):
        if self.verdict is not None:
            return
        if self.done and status == 0:
            self.decide("ok", self.success())
        elif status == 124:
            waiting = "the machine's end" if self.done else f"'{self.expect[0][0]}'"
            self.decide("FAIL", f"time limit, waiting for {waiting}; "
                                f"last line: {self.machine.last[:160]}")
        else:
            self.decide("FAIL", f"QEMU ended (status {status}) before "
                                f"'{self.expect[0][0] if self.expect else 'its time'}'; "
                                f"last line: {self.machine.last[:160]}")


def run_case(case, hv):
    reason = case.skip.get(hv)
    if reason:
        return Result("skip", case, reason)
    workdir = os.path.join(TOP, "build", "logs", hv, case.name)
    shutil.rmtree(workdir, ignore_errors=True)
    os.makedirs(workdir)
    limit = case.limit * float(os.environ.get("TIME_SCALE", "1"))
    try:
        argv = qemu_command(case, hv, workdir)
    except CaseError as e:
        return Result("FAIL", case, str(e))
    machine = Machine(argv, workdir, limit)
    judge = Judge(case, hv, machine)
    try:
        for text, complete in machine.lines():
            judge.line(text, complete)
            if judge.verdict is not None:
                break
        else:
            machine.process.wait()
    finally:
        seconds, cpu = machine.seconds(), machine.cpu_seconds()
        status = machine.stop()
    judge.machine_ended(status)
    with open(os.path.join(workdir, "marks"), "w", encoding="utf-8") as f:
        f.writelines(f"{t:7.1f} {what}\n" for t, what in judge.marks)
        f.write(f"{seconds:7.1f} end; {cpu:.1f} s of processors\n")
    for leftover in ("boot.iso", "virtio.img", "ahci.img"):
        try:
            os.unlink(os.path.join(workdir, leftover))
        except FileNotFoundError:
            pass
    log = "" if judge.verdict == "ok" else f" (build/logs/{hv}/{case.name}/serial.log)"
    return Result(judge.verdict, case, f"{judge.text} ({seconds:.1f} s){log}")


# --- the program -----------------------------------------------------------------------------

def results(cases, hv, jobs):
    """As cases end: the longest first, so that the last one to end is a short one; then those that want
    the machine for themselves."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        ordered = sorted((c for c in cases if not c.alone), key=lambda c: -c.limit)
        running = [pool.submit(run_case, c, hv) for c in ordered]
        yield from (future.result() for future in concurrent.futures.as_completed(running))
    alone = [c for c in cases if c.alone]
    if alone:
        wait_for_aside()
    yield from (run_case(c, hv) for c in alone)


def wait_for_aside():
    """Until what `make test` runs beside (tools/aside) is done."""
    with open(os.path.join(TOP, "build", "aside.lock"), "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def run_all(cases, hv, jobs):
    os.makedirs(RESULTS, exist_ok=True)
    bad = 0
    with open(os.path.join(RESULTS, "boot.txt"), "w", encoding="utf-8") as out:
        for result in results(cases, hv, jobs):
            line = f"{result.verdict} boot/{result.case.name}: {result.text}"
            print(line, flush=True)
            out.write(line + "\n")
            out.flush()
            bad += result.verdict == "FAIL"
    return bad


def interactive(hv, cpus, mem, machine):
    """Replaces this program by QEMU, with monitor and serial line on the terminal."""
    case = Case("interactive", "a shell and a guest", machine=machine, cpus=cpus, mem=mem,
                path="mb1", initrd="dom0-guest.cpio",
                threads=cpus <= (os.cpu_count() or 1), dom0_mem=f"{min(mem // 2, 4096)}M")
    workdir = os.path.join(TOP, "build", "logs", hv, case.name)
    os.makedirs(workdir, exist_ok=True)
    try:
        argv = qemu_command(case, hv, workdir)
    except CaseError as e:
        sys.exit(f"run: {e}")
    print(f"run: {HYPERVISORS[hv]['file']} on {cpus} CPUs and {mem} MiB in QEMU; "
          "the shell comes after some twenty seconds.\n"
          "run: Ctrl-A X leaves. Ctrl-A A sends one Ctrl-A: three of them switch the keyboard "
          "between dom0 and the hypervisor.", flush=True)
    os.chdir(IMAGES)
    wrapper = shlex.split(os.environ.get("QEMU_WRAPPER", ""))
    argv = [*wrapper, *argv, "-serial", "mon:stdio"]
    os.execvp(argv[0], argv)


def select(names):
    if not names:
        return [c for c in CASES if not c.manual]
    chosen = []
    for name in names:
        exact = [c for c in CASES if c.name == name]
        found = exact or [c for c in CASES if name in c.name]
        if not found:
            sys.exit(f"run.py: no case is called {name}; --list shows them")
        chosen += [c for c in found if c not in chosen]
    return chosen


def varied(case, cpu, options):
    """The case on that model, with these words; its name says so."""
    if not cpu and not options:
        return case
    words = [case.name, *([cpu] if cpu else []), *options]
    return dataclasses.replace(case, name="+".join(words).replace("=", "-"),  # grub-mkrescue minds "=" in a path
                               cpu=cpu or case.cpu, hv_args=[*case.hv_args, *options])


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--hv", default="granta", choices=sorted(HYPERVISORS))
    p.add_argument("--cpu", choices=sorted(CPU_MODELS))
    p.add_argument("--option", default=[], action="append")
    p.add_argument("--list", action="store_true")
    p.add_argument("--interactive", action="store_true")
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--mem", type=int, default=2048)
    p.add_argument("--machine", default="q35")
    p.add_argument("-j", "--jobs", type=int, default=2)
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    if args.interactive:
        interactive(args.hv, args.cpus, args.mem, args.machine)
    cases = [varied(c, args.cpu, args.option) for c in select(args.names)]
    if args.list:
        for c in cases:
            print(f"{c.name:24} {c.machine:4} {c.cpus:3} CPUs {c.mem:9} MiB  {c.path:10} "
                  f"{c.cpu:5} {c.kernel or '-':8} {c.limit:4} s  {c.what}")
        return
    sys.exit(1 if run_all(cases, args.hv, args.jobs) else 0)


if __name__ == "__main__":
    main()
