# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that no hypervisor should start: each is made from the good one when a case needs it."""

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


MAKERS = {"bad-no-notes": no_notes, "bad-truncated": truncated, "bad-corrupt": corrupt,
          "bad-not-a-kernel": not_a_kernel}


def make(name, images, workdir):
    path = os.path.join(workdir, name)
    with open(path, "wb") as f:
        f.write(MAKERS[name](images))
    return path
