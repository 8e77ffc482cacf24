# SPDX-License-Identifier: GPL-2.0-only
#
# Disks of paravirtualized guests through the kernel's own backend: on a real disk, on a file, on a loop
# device. What one end writes the other reads; a read-only disk stays as it is; disks come and go while
# others are in use; a guest that dies with requests under way leaves nothing behind. Each disk costs
# dom0's scripts seconds in an emulator, so there are no more than are needed.

. /tests/lib.sh
. /tests/guest.sh

mib=4                                  # the size of each disk
real=/dev/vda
guest_memory=192
disks=$guests/disks
mkdir -p $disks

sum() { head -c ${mib}m "$1" | md5sum | cut -d' ' -f1; }
# The backend goes past dom0's page cache: so must whoever looks at the real disk.
real_sum() { dd if=$real bs=1M count=$mib iflag=direct 2>/dev/null | md5sum | cut -d' ' -f1; }
guest_sum() { guest_ask "$1" "head -c ${mib}m /dev/$2 | md5sum | cut -d' ' -f1" 30; }

fill() { head -c ${mib}m /dev/urandom >"$1"; }

for name in file ro loop; do fill $disks/$name; done
load_modules() { local m; for m in "$@"; do modprobe "$m"; done; }
load_modules virtio_pci virtio_blk
for _ in {1..50}; do [ -b $real ] && break; sleep 0.1; done
dd if=/dev/urandom of=$real bs=1M count=$mib oflag=direct 2>/dev/null || fail real-disk "no $real"
loop=$(losetup -f --show $disks/loop)

config() {
    guest_config "$1" 2 "disk = [ 'phy:$real,xvda,w', '$disks/file,raw,xvdb,rw' ]"
}

# The same bytes at both ends of every disk.
reads() {
    want sees-its-disks "$(guest_ask d 'cat /sys/block/xvd[ab]/size')" "196608 $((mib * 2048))"
    want read-real "$(guest_sum d xvda)" "$(real_sum)"
    want read-file "$(guest_sum d xvdb)" "$(sum $disks/file)"
}

# Both disks at once, each with other bytes.
writes() {
    local before
    before=$(sum $disks/file)
    check writes guest_ask d "for d in a b; do (head -c ${mib}m /dev/urandom >/tmp/\$d;
        dd if=/tmp/\$d of=/dev/xvd\$d bs=64k conv=fsync) & done; wait" 60
    if [ "$(sum $disks/file)" = "$before" ]; then
        fail write-changes "the same digest as before"
    else
        pass write-changes
    fi
    want write-real "$(real_sum)" "$(guest_ask d 'md5sum </tmp/a | cut -c-32')"
    want write-file "$(sum $disks/file)" "$(guest_ask d 'md5sum </tmp/b | cut -c-32')"
}

seen() { echo "for i in \$(seq 50); do [ -b /dev/$1 ] && exit; sleep 0.1; done; exit 1"; }
not_seen() { echo "for i in \$(seq 50); do [ -b /dev/$1 ] || exit 0; sleep 0.1; done; exit 1"; }

# A disk comes, is written, and goes while another one is read without an end.
plug() {
    guest_ask d '(while [ ! -e /tmp/stop ]; do dd if=/dev/xvda of=/dev/null bs=64k || echo >>/tmp/broken;
        echo >>/tmp/rounds; echo 3 >/proc/sys/vm/drop_caches; sleep 0.5; done) >/dev/null 2>&1 &' >/dev/null
    check attach xl block-attach d "phy:$loop,xvde,w"
    check attach-seen guest_ask d "$(seen xvde)"
    want attach-read "$(guest_sum d xvde)" "$(sum $disks/loop)"
    check attach-write guest_ask d "head -c ${mib}m /dev/urandom >/dev/xvde && sync"
    want attach-written "$(guest_sum d xvde)" "$(sum $disks/loop)"
    check detach xl block-detach d xvde
    check detach-seen guest_ask d "$(not_seen xvde)"
    want plug-list "$(xl block-list d | tail -n +2 | wc -l)" 2
    want plug-other-undisturbed "$(guest_ask d 'touch /tmp/stop; wc -l </tmp/rounds; cat /tmp/broken')" \
        "[1-9][0-9]* cat: can't open.*"
}

read_only() {
    local before
    before=$(sum $disks/ro)
    check ro-attach xl block-attach d "format=raw, vdev=xvdf, access=ro, target=$disks/ro"
    check ro-seen guest_ask d "$(seen xvdf)"
    want ro-flag "$(guest_ask d 'cat /sys/block/xvdf/ro /sys/block/xvda/ro')" '1 0'
    want ro-read "$(guest_sum d xvdf)" "$before"
    if guest_ask d 'dd if=/dev/zero of=/dev/xvdf bs=4k count=1 conv=fsync' >$guests/ro.out; then
        fail ro-write "it was possible"
    else
        want ro-write "$(cat $guests/ro.out)" '.*([Rr]ead-only|not permitted).*'
    fi
    want ro-unchanged "$(sum $disks/ro)" "$before"
}

# Torn out while the guest has it open and reads it: its requests fail, the guest goes on.
tear_out() {
    guest_ask d 'dmesg -n 1; (exec 5</dev/xvdf; while dd if=/dev/xvdf of=/dev/null bs=64k; do
        echo 3 >/proc/sys/vm/drop_caches; sleep 0.2; done; touch /tmp/torn) >/dev/null 2>&1 & sleep 1' >/dev/null
    check tear-detach xl block-detach d xvdf --force
    check tear-noticed guest_ask d 'for i in $(seq 50); do [ -e /tmp/torn ] && exit; sleep 0.2; done; exit 1'
    check tear-guest-lives guest_ask d "head -c ${mib}m /dev/xvdb | wc -c"
}

# The guest dies with requests under way on every kind of disk.
die_busy() {
    guest_do d "for d in a b; do (while :; do head -c ${mib}m /dev/urandom >/dev/xvd\$d; sync; done) & done; sleep 3; echo busy"
    check busy guest_says d '^busy' 30
    check destroy xl destroy d
    check gone guest_gone d
    check no-backends no_backends
    want loops-freed "$(losetup -a | wc -l)" 1
    # Less exact than in the test of a guest's life: what dom0 needs for its first guest stays with it.
    between memory-back $((free - $(free_memory))) -1 4
    check no-zombie no_zombie
}

free=$(free_memory)
if ! start=$(guest_starts "$(config d)"); then
    fail start "$start"
    guest_post_mortem d
    finish
fi
pass start
reads
writes
[ "$failed" = 0 ] || guest_ends d
plug
read_only
tear_out
die_busy
no_innocent_crash no-crash
guest_ends d
