# SPDX-License-Identifier: GPL-2.0-only
#
# An HVM guest of Debian's kernel with PV drivers and the stock device model is saved and restored, with
# the device model's state, saved and goes on, and migrates alive. Its console is the paravirtual one.

. /tests/lib.sh
. /tests/guest.sh
. /tests/saved.sh

file=$guests/kept.cfg
printf '%s\n' "name = 'kept'" "type = 'hvm'" "kernel = '/guest/vmlinuz'" "ramdisk = '/guest/initrd'" \
    "cmdline = 'console=hvc0 quiet'" 'memory = 192' 'vcpus = 1' "serial = 'file:/run/guests/serial'" "vga = 'none'" 'vnc = 0' >"$file"

# The emulated serial line, which the restored device model has to have as it was.
devices() {
    want "$1-serial" "$(guest_ask kept "echo $1-line >/dev/ttyS0; echo sent" 40)" sent
    check "$1-serial-says" file_says $guests/serial "^$1-line" 10
}

begins 250
saved_and_restored
saved_and_goes_on
migrated
destroyed
# Not a cut tail: libxl's reader takes an early end of the file, in its own record of the device model, for the record's.
all_refused half context
saves_end
