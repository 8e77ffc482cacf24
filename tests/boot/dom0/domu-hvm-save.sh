# SPDX-License-Identifier: GPL-2.0-only
#
# An HVM guest of Debian's kernel with PV drivers and the stock device model is saved and restored, with
# the device model's state, saved and goes on, and migrates alive. Its console is the paravirtual one.

. /tests/lib.sh
. /tests/guest.sh
. /tests/saved.sh

image=$saves/image
file=$guests/kept.cfg
printf '%s\n' "name = 'kept'" "type = 'hvm'" "kernel = '/guest/vmlinuz'" "ramdisk = '/guest/initrd'" \
    "cmdline = 'console=hvc0 quiet'" 'memory = 192' 'vcpus = 1' "serial = 'file:/run/guests/serial'" "vga = 'none'" 'vnc = 0' >"$file"

fails() {
    [ "$failed" = 0 ] && return
    for f in save restore migrate; do echo "--- $f"; grep -av 'Frames.*%' $guests/kept.$f | tail -n 40; done
    for f in /var/log/xen/qemu-dm-kept*.log; do echo "--- $f"; tail -n 20 "$f"; done
    echo "--- console"; guest_log kept | tail -n 60
    xl list
    xl pause kept && xl debug-keys q && xl debug-keys d && xl dmesg | tail -n 60
    finish
    exit
}

# The emulated serial line, which the restored device model has to have as it was.
serial() { want "$1-serial" "$(guest_ask kept "echo $1-line >/dev/ttyS0; echo sent" 40)" sent; check "$1-serial-says" file_says $guests/serial "^$1-line" 10; }

step() { echo "save: $1, after $SECONDS s"; }

xl create -p "$file" >/dev/null 2>&1 && xl destroy kept
check settled guest_gone kept
account >/run/account.before

why=$(guest_starts "$file" 250) && pass up || fail up "$why"
fails
keep kept first
serial first

step save
check save saves_as kept $image
check save-gone guest_gone kept
check save-account account_back /run/account.before
ls -l $image
step restore
check restore restores kept $image
kept kept restored
serial restored
fails

step checkpoint
check checkpoint saves_as kept $image -c
kept kept checkpointed
serial checkpointed
fails

step migrate
guest_ask kept 'touch /again; sleep 0.3; echo 0 >/gap' >/dev/null
check migrate migrates kept
kept kept migrated
serial migrated
downtime kept
fails

check destroy xl destroy kept
check gone guest_gone kept
check account account_back /run/account.before
step damaged
for kind in tail context; do refused kept $kind $image; done
check damaged-account account_back /run/account.before
check no-zombie no_zombie
check no-backends no_backends
no_innocent_crash no-crash
guest_ends kept
