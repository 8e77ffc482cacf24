# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that no hypervisor should start, made from the good one; and broken firmware tables."""

import os
import struct


def no_notes(_images):
    """A 64-bit ELF that loads and has an entry point, but says nothing about Xen."""
    text = b"\xf4\xeb\xfd" + bytes(4093)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x1000000, 64, 0, 0,
                         64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 4096, 0x1000000, 0x1000000, len(text), len(text), 4096)
    return (header + segment).ljust(4096, b"\0") + text


def vmlinuz(images):
    with open(os.path.join(images, "vmlinuz"), "rb") as f:
        return f.read()


def truncated(images):
    kernel = vmlinuz(images)
    return kernel[:len(kernel) // 2]


def corrupt(images):
    """Wrong bytes in the middle, where the compressed payload is."""
    kernel = bytearray(vmlinuz(images))
    middle = len(kernel) // 2
    for i in range(middle, middle + 64):
        kernel[i] ^= 0x5a
    return bytes(kernel)


def not_a_kernel(_images):
    return b"This is no kernel, whatever the menu says.\n" * 100


# --- ACPI tables (ACPI specification, "System Description Table Format") ------------------------

def table(signature, body, length=0):
    """A table with a right checksum; `length`: what its header claims, if not the truth."""
    head = struct.pack("<4sIBB6s8sI4sI", signature.encode(), length or 36 + len(body), 1, 0,
                       b"GRANTA", b"TESTTABL", 1, b"TEST", 1)
    data = bytearray(head + body)
    data[9] = -sum(data) & 0xff
    return bytes(data)


def madt(entries):
    """Two processors and QEMU's I/O APIC with the overrides of its ISA interrupts, then `entries`."""
    good = b"".join(struct.pack("<BBBBI", 0, 8, i, i, 1) for i in range(2))
    good += struct.pack("<BBBBII", 1, 12, 0, 0, 0xfec00000, 0)
    good += struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0)
    good += b"".join(struct.pack("<BBBBIH", 2, 10, 0, i, i, 0xd) for i in (5, 9, 10, 11))
    return table("APIC", struct.pack("<II", 0xfee00000, 1) + good + entries)


def wrong_checksum(good):
    return good[:9] + bytes([good[9] ^ 0x55]) + good[10:]


ACPI_TABLES = {
    "APIC-endless": madt(b"\x07\x00" * 4),
    "APIC-checksum": wrong_checksum(madt(b"")),
    "HPET-short": table("HPET", bytes(4)),
    "SRAT-checksum": wrong_checksum(table("SRAT", bytes(60))),
}


def acpi_table(name, workdir):
    """(signature, path) of a broken table."""
    path = os.path.join(workdir, name)
    with open(path, "wb") as f:
        f.write(ACPI_TABLES[name])
    return name[:4], path


MAKERS = {"bad-no-notes": no_notes, "bad-truncated": truncated, "bad-corrupt": corrupt,
          "bad-not-a-kernel": not_a_kernel}


def make(name, images, workdir):
    path = os.path.join(workdir, name)
    with open(path, "wb") as f:
        f.write(MAKERS[name](images))
    return path
