#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write "newc" cpio archives, the format that Linux unpacks as its initial root.

Everything is owned by root and dated 0, so equal content gives equal bytes, and device nodes need
no privilege because they never exist on the host. An archive is padded to 512 bytes: archives may
simply be concatenated, and a later one replaces files of an earlier one.

    cpio.py OUT PATH=FILE...     pack FILE as PATH; FILE may be a directory, packed recursively
"""

import os
import stat
import sys


class Writer:
    """One archive being written. Call close() at the end: it writes the trailer."""

    def __init__(self, out):
        self.out = out
        self.size = 0
        self.inode = 0
        self.seen = set()

    def _put(self, data):
        self.out.write(data)
        self.size += len(data)

    def _pad(self, align):
        self._put(bytes(-self.size % align))

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
        self._put(b"070701" + b"".join(b"%08x" % f for f in fields) + raw)
        self._pad(4)
        self._put(data)
        self._pad(4)

    def directory(self, name, mode=0o755):
        """A directory, and its parents where they are not there yet."""
        if not name or name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, major, minor, mode=0o600):
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | mode, rdev=(major, minor))

    def tree(self, name, path):
        """A file, link or directory of the host, with its permissions, in sorted order."""
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            self.symlink(name, os.readlink(path))
        elif stat.S_ISDIR(info.st_mode):
            self.directory(name, stat.S_IMODE(info.st_mode))
            for child in sorted(os.listdir(path)):
                self.tree(os.path.join(name, child), os.path.join(path, child))
        elif stat.S_ISREG(info.st_mode):
            with open(path, "rb") as f:
                self.file(name, f.read(), stat.S_IMODE(info.st_mode))

    def close(self):
        self._entry("TRAILER!!!", 0)
        self._pad(512)


def main(argv):
    if len(argv) < 3 or not all("=" in a for a in argv[2:]):
        sys.exit(__doc__)
    with open(argv[1] + ".new", "wb") as f:
        w = Writer(f)
        for arg in argv[2:]:
            name, path = arg.split("=", 1)
            w.tree(name, path)
        w.close()
    os.rename(argv[1] + ".new", argv[1])


if __name__ == "__main__":
    main(sys.argv)
