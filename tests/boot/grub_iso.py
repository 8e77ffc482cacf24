# SPDX-License-Identifier: GPL-2.0-only
"""A disk with GRUB for BIOS and for UEFI that starts one menu entry at once, over the serial line."""

import os
import shutil
import subprocess

MODULES = ("multiboot2 normal serial terminal echo configfile test part_gpt part_msdos iso9660 fat "
           "search")
HEAD = ["serial --unit=0 --speed=115200", "terminal_input serial", "terminal_output serial",
        "set timeout=0"]


class IsoError(Exception):
    """The disk cannot be made; the text is grub-mkrescue's last line."""


def link_or_copy(source, target):
    """Images are large, and usually lie on the same file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def make(iso, files, entry, modules=""):
    """Writes `iso`. `files`: name in /boot to a path here; `entry`: the commands of the entry."""
    tree = iso + ".tree"
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "boot", "grub"))
    for name, path in files.items():
        link_or_copy(os.path.realpath(path), os.path.join(tree, "boot", name))
    menu = HEAD + ["menuentry 'first domain' {", *("    " + line for line in entry), "}"]
    with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w", encoding="ascii") as f:
        f.write("\n".join(menu) + "\n")
    made = subprocess.run(
        ["grub-mkrescue", "-o", iso, "--locales=", "--themes=", "--fonts=",
         f"--install-modules={MODULES} {modules}".rstrip(), tree],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    shutil.rmtree(tree)
    if made.returncode:
        raise IsoError("grub-mkrescue: " + made.stdout.strip().splitlines()[-1])
