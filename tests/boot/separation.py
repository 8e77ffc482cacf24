#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is mapped while a guest runs: stops a busy machine again and again, walks the page table of every cpu that is in
ring 3, and compares our slots with the list of docs/memory.md, "Separation".

    separation.py            with xpti=on nothing else may be there, and with xpti=off the walk has to find it

The machine's memory is a file, so the tables are read as they are.
"""

import json
import mmap
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import run  # noqa: E402
from cases import Case  # noqa: E402

CPUS, MEM = 2, 2048            # all below the hole under 4 GiB: file offset = machine address
SAMPLES = 60                   # of cpus in ring 3
LIMIT = 150
PRESENT, RW, USER, LARGE, NX = 1, 2, 4, 0x80, 1 << 63
ADDR = 0x000FFFFFFFFFF000
PAGE = 4096

# arch/x86/include/arch/layout.h
HV_SLOTS = range(256, 272)
M2P_SLOT, PERDOMAIN_SLOT = 256, 259
STACK, STRIDE, STUBS = 0xFFFF820000000000, 0x10000, 0xFFFF820010000000
IST_PAGES, TABLES_PAGE, INFO_PAGE = (0, 0x1000, 0x2000), 0xC000, 0x7000
INFO_USED = 296                # bytes of struct cpu_info that are fields


class Failure(Exception):
    """What the machine did, or did not do in time."""


class Monitor:
    """QMP on a socket."""

    def __init__(self, path, deadline):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise Failure("QEMU's monitor does not answer") from None
                time.sleep(0.1)
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Failure(f"{command}: {answer['error']}")

    def cpus(self):
        """(cpu, level, cr3) of each."""
        text = self.ask("human-monitor-command", **{"command-line": "info registers -a"})
        for part in re.split(r"^CPU#", text, flags=re.M)[1:]:
            level = int(re.search(r"CPL=(\d)", part).group(1))
            cr3 = int(re.search(r"CR3=([0-9a-f]+)", part).group(1), 16)
            yield int(part.split()[0]), level, cr3 & ADDR


def symbols():
    """Addresses by name."""
    text = subprocess.run(["nm", os.path.join(run.TOP, "build", "granta.elf")], stdout=subprocess.PIPE, text=True, check=True)
    return {line.split()[2]: int(line.split()[0], 16) for line in text.stdout.splitlines() if len(line.split()) == 3}


class Walk:
    """Our slots in one page table."""

    def __init__(self, memory, cpu, sym):
        self.memory, self.sym = memory, sym
        self.wrong = []
        self.allowed = {}              # page: rights that it may have, of RW and NX
        for page in range(sym["__entry_start"], sym["__entry_end"], PAGE):
            self.allowed[page] = 0
        self.allowed[sym["idt"]] = NX
        base = STACK + cpu * STRIDE
        for offset in (*IST_PAGES, INFO_PAGE):
            self.allowed[base + offset] = RW | NX
        self.allowed[base + TABLES_PAGE] = NX
        self.allowed[STUBS + cpu * 128 // PAGE * PAGE] = 0
        self.must = set(self.allowed)  # the machine could not run without
        self.info_page = base + INFO_PAGE
        self.read_only = {}            # tables of the M2P that have been looked at

    def table(self, address):
        return memoryview(self.memory)[address:address + PAGE].cast("Q")

    def leaves(self, address, level, va, rights):
        """(address, size, entry with the rights of all levels)."""
        for i, entry in enumerate(self.table(address)):
            if not entry & PRESENT:
                continue
            at = va + (i << (12 + 9 * (level - 1)))
            both = rights & entry & (RW | USER) | (rights | entry) & NX
            if level == 1 or entry & LARGE:
                yield at, 1 << (12 + 9 * (level - 1)), entry & ADDR, both
            else:
                yield from self.leaves(entry & ADDR, level - 1, at, both)

    def writable_in(self, address, level):
        """Whether anything below can be written; the M2P shares its tables, so each is looked at once."""
        if address not in self.read_only:
            self.read_only[address] = any(
                entry & PRESENT and entry & RW and (level == 1 or entry & LARGE or self.writable_in(entry & ADDR, level - 1))
                for entry in self.table(address))
        return self.read_only[address]

    def slot(self, number, entry):
        va = 0xFFFF000000000000 | number << 39
        if number == M2P_SLOT:
            if entry & RW and self.writable_in(entry & ADDR, 3):
                self.wrong.append("M2P is writable")
            return
        seen_rights = entry & (RW | USER | NX)
        for at, size, frame, rights in self.leaves(entry & ADDR, 3, va, seen_rights):
            if rights & USER:
                self.wrong.append(f"{at:#x}: ring 3 can read it")
            if number == PERDOMAIN_SLOT:
                # The cpu marks the guest's descriptors as accessed; page 14 of a GDT is ours, page 15 nobody's.
                page = at % (32 * PAGE) // PAGE
                if size != PAGE or page == 15 or (page == 14 and rights & RW) or not rights & NX:
                    self.wrong.append(f"{at:#x}: no descriptor page, or with more rights than it needs")
                continue
            self.must.discard(at)
            may = self.allowed.get(at)
            if size != PAGE or may is None:
                self.wrong.append(f"{at:#x}: {size >> 10} KiB are mapped")
            elif rights & RW & ~may or (may & NX and not rights & NX):
                self.wrong.append(f"{at:#x}: more rights than it needs")
            elif at == self.info_page:
                self.info(frame)
            if len(self.wrong) > 100:
                return

    def info(self, frame):
        if any(self.memory[frame + INFO_USED:frame + PAGE]):
            self.wrong.append("something lies behind struct cpu_info in its page")

    def all(self, cr3):
        l4 = self.table(cr3)
        for number in HV_SLOTS:
            if l4[number] & PRESENT:
                self.slot(number, l4[number])
        self.wrong += [f"{page:#x} is not mapped" for page in sorted(self.must)]
        return self.wrong


class Machine:
    """A first domain at work."""

    def __init__(self, option):
        self.dir = os.path.join(run.TOP, "build", "logs", "granta", "separation-" + option.replace("=", "-"))
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.ram, self.qmp = os.path.join(self.dir, "ram"), os.path.join(self.dir, "qmp")
        case = Case("separation", "", "workload", cpus=CPUS, mem=MEM, cpu="max", threads=True, disks=True, hv_args=[option],
                    qemu_args=["-object", f"memory-backend-file,id=ram,size={MEM}M,mem-path={self.ram},share=on",
                               "-machine", "memory-backend=ram", "-qmp", f"unix:{self.qmp},server=on,wait=off"])
        wrapper = os.environ.get("QEMU_WRAPPER", "").split()
        argv = [*wrapper, "timeout", "--foreground", str(LIMIT), *run.qemu_command(case, "granta", self.dir),
                "-serial", "stdio", "-monitor", "none"]
        self.process = subprocess.Popen(argv, cwd=run.IMAGES, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.text = ""

    def log(self):
        """What it has said since, without waiting."""
        while select.select([self.process.stdout], [], [], 0)[0]:
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise Failure("QEMU ended; last lines: " + " | ".join(self.text.splitlines()[-3:]))
            self.text += chunk.decode("latin-1")

    def wait_for(self, what):
        while what not in self.text:
            self.log()
            time.sleep(0.1)

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
        with open(os.path.join(self.dir, "serial.log"), "w", encoding="latin-1") as f:
            f.write(self.text)
        for name in ("ram", "virtio.img", "ahci.img"):
            if os.path.exists(os.path.join(self.dir, name)):
                os.unlink(os.path.join(self.dir, name))


def tables(seen):
    """How many each cpu has been seen on."""
    return {cpu: sum(1 for c, _ in seen if c == cpu) for cpu in range(CPUS)}


def all_tables(seen):
    return all(n >= 2 for n in tables(seen).values())


def sample(machine):
    """Stop it until enough cpus have been seen in ring 3: (how often, {(cpu, cr3)}, what was wrong)."""
    sym, seen, wrong, number = symbols(), set(), set(), 0
    machine.wait_for("dom0: init")     # the kernel is up, and a user in it
    monitor = Monitor(machine.qmp, time.monotonic() + 30)
    with open(machine.ram, "r+b") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        deadline = time.monotonic() + 60
        while number < SAMPLES or (not all_tables(seen) and time.monotonic() < deadline):
            machine.log()
            monitor.ask("stop")
            for cpu, level, cr3 in monitor.cpus():
                if level == 3:
                    number += 1
                    seen.add((cpu, cr3))
                    walk = Walk(memory, cpu, sym)
                    wrong.update(walk.all(cr3))
            monitor.ask("cont")
            time.sleep(0.05)
    return number, seen, wrong


def check(option, judge):
    """One boot, whether it is as it should be, and the line that says so."""
    machine = Machine(option)
    try:
        good, text = judge(*sample(machine))
    except (Failure, run.CaseError) as e:
        good, text = False, str(e)
    finally:
        machine.close()
    line = f"{'ok' if good else 'FAIL'} boot/separation: {option}: {text}"
    print(line, flush=True)
    return good, line


def judge_on(number, seen, wrong):
    if wrong:
        return False, f"{len(wrong)} mappings too many or too few: " + "; ".join(sorted(wrong)[:5])
    if any(n != 2 for n in tables(seen).values()):
        return False, f"each cpu has a view for the kernel and one for the user, but this was seen: {tables(seen)}"
    return True, f"{number} times a cpu was stopped in a guest, and nothing of ours was mapped but the list"


def judge_off(_number, _seen, wrong):
    direct = [w for w in wrong if w.startswith("0xffff83")]
    return bool(direct), "the direct map is found" if direct else "the walk does not find the direct map: it proves nothing"


if __name__ == "__main__":
    results = [check("xpti=on", judge_on), check("xpti=off", judge_off)]
    os.makedirs(run.RESULTS, exist_ok=True)
    with open(os.path.join(run.RESULTS, "separation.txt"), "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for _, line in results)
    sys.exit(0 if all(good for good, _ in results) else 1)
