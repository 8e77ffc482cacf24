# SPDX-License-Identifier: GPL-2.0-only
#
# Guests that boot themselves from a disk image: through GRUB that runs in the guest, and through pygrub
# that reads the image in dom0. The latter has its disks, raw and qcow2, from a device model, and a framebuffer
# that answers as a VNC server. A PVH guest is booted by GRUB alone, and has the device model's disks then.

. /tests/lib.sh
. /tests/guest.sh

image=$guests/system.img
qcow=$guests/data.qcow2
grub=/usr/lib/grub-xen/grub-x86_64-xen.bin
[ "$guest_type" = pvh ] && grub=/usr/lib/grub-xen/grub-i386-xen_pvh.bin
grub32=/usr/lib/grub-xen/grub-i386-xen.bin
mib=4                                  # of the qcow2 image

# A system as an installer leaves it: kernel, initial root and GRUB's menu in one file system.
make_image() {
    local mnt=/mnt
    truncate -s 16M $image
    mke2fs -F $image >/dev/null
    modprobe ext4
    mount -t ext4 -o loop $image $mnt || return 1
    mkdir -p $mnt/boot/grub
    cp /guest/vmlinuz /guest/initrd $mnt/boot/
    cat >$mnt/boot/grub/grub.cfg <<MENU
set default=0
set timeout=0
menuentry 'guest' {
    linux /boot/vmlinuz console=hvc0 granta.from=menu
    initrd /boot/initrd
}
MENU
    umount $mnt
}

# u64 VALUE, u32 VALUE: big-endian, as printf's escapes.
u32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)); }
u64() { u32 $(($1 >> 32)); u32 $(($1 & 0xffffffff)); }
at() { printf "$2" | dd of=$qcow bs=1 seek=$1 conv=notrunc 2>/dev/null; }

# An empty version 2 image (QEMU, docs/interop/qcow2.txt): clusters of 64 KiB for the header, the table
# of reference counts, one block of counts, and one first-level table.
make_qcow() {
    local cluster=$((1 << 16))
    truncate -s $((4 * cluster)) $qcow
    at 0 "QFI\\xfb$(u32 2)$(u64 0)$(u32 0)$(u32 16)$(u64 $((mib << 20)))$(u32 0)"
    at 36 "$(u32 1)$(u64 $((3 * cluster)))$(u64 $cluster)$(u32 1)$(u32 0)$(u64 0)"
    at $cluster "$(u64 $((2 * cluster)))"
    at $((2 * cluster)) '\x00\x01\x00\x01\x00\x01\x00\x01'
}

# offsets POSITION NUMBER: the clusters that a table of the image points to.
offsets() {
    dd if=$qcow bs=8 skip=$(($1 / 8)) count="$2" 2>/dev/null | xxd -p -c 8 |
        while read -r entry; do echo $((0x$entry & 0xfffffffffffe00)); done
}

# The contents of the image, read without QEMU's help.
dump_qcow() {
    local table cluster
    table=$(offsets 196608 1)
    for cluster in $(offsets "$table" $((mib * 16))); do
        dd if=$qcow bs=64k skip=$((cluster >> 16)) count=1 2>/dev/null
    done
}

# With no disk to boot from GRUB has to reach its prompt, and 64 MiB are enough for that.
grub_alone() {
    printf '%s\n' "name = 'bare'" "type = '$guest_type'" "kernel = '$grub'" 'memory = 64' >$guests/bare.cfg
    check bare-create xl create $guests/bare.cfg
    check bare-prompt guest_says bare 'grub>' 20
    want bare-mem "$(xl list bare | awk 'NR == 2 {print $3}')" 64
    check bare-destroy xl destroy bare
}

# The same for the 32-bit one, where there are such guests.
grub32_alone() {
    if ! xl info xen_caps | grep -qw xen-3.0-x86_32p; then
        echo 'SKIP grub32: this hypervisor is built without 32-bit PV guests'
        return
    fi
    printf '%s\n' "name = 'bare32'" "type = 'pv'" "kernel = '$grub32'" 'memory = 64' >$guests/bare32.cfg
    check grub32-create xl create $guests/bare32.cfg
    check grub32-prompt guest_says bare32 'grub>' 20
    check grub32-destroy xl destroy bare32
}

model_disks="'format=raw, backendtype=qdisk, vdev=xvda, access=rw, target=$image',
         'format=qcow2, vdev=xvdb, access=rw, target=$qcow'"

by_grub() {
    local disks="'$image,raw,xvda,rw'"
    [ "$guest_type" = pvh ] && disks=$model_disks
    cat >$guests/grub.cfg <<CFG
name = 'grub'
type = '$guest_type'
kernel = '$grub'
memory = 160
disk = [ $disks ]
CFG
    check grub-up guest_starts $guests/grub.cfg 120
    want grub-cmdline "$(guest_ask grub 'cat /proc/cmdline')" '(BOOT_IMAGE=\S+ )?console=hvc0 granta.from=menu *'
    if [ "$guest_type" = pvh ]; then
        by_model grub
    else
        want grub-disk "$(guest_ask grub 'md5sum </dev/xvda | cut -c-32' 30)" "$(md5sum <$image | cut -c-32)"
    fi
    check grub-destroy xl destroy grub
    check grub-no-backends no_backends
}

# by_model NAME: both disks are read and written; the images have what it says.
by_model() {
    want raw-read "$(guest_ask $1 'md5sum </dev/xvda | cut -c-32' 30)" "$(md5sum <$image | cut -c-32)"
    want qcow-empty "$(guest_ask $1 'md5sum </dev/xvdb | cut -c-32' 30)" "$(head -c ${mib}m /dev/zero | md5sum | cut -c-32)"
    check qcow-write guest_ask $1 "head -c ${mib}m /dev/urandom >/tmp/x; dd if=/tmp/x of=/dev/xvdb bs=64k conv=fsync" 30
    check raw-write guest_ask $1 'dd if=/tmp/x of=/dev/xvda bs=64k seek=16 conv=fsync' 30
    want qcow-written "$(guest_ask $1 'md5sum </tmp/x | cut -c-32')" "$(dump_qcow | md5sum | cut -c-32)"
    want raw-written "$(guest_ask $1 'md5sum </dev/xvda | cut -c-32' 30)" "$(md5sum <$image | cut -c-32)"
}

by_pygrub() {
    cat >$guests/py.cfg <<CFG
name = 'py'
type = '$guest_type'
bootloader = 'pygrub'
memory = 160
disk = [ $model_disks ]
vfb = [ 'vnc=1, vnclisten=127.0.0.1, vncdisplay=1' ]
CFG
    check py-up guest_starts $guests/py.cfg
    want py-backends "$(xenstore-ls -f /local/domain/0/backend | sed -n 's|.*backend/\(qdisk\|vfb\|vkbd\)/[0-9]*/[0-9]*/state = |\1 |p' | sort | paste -sd ' ')" \
        'qdisk "4" qdisk "4" vfb "4" vkbd "[24]"'
    want py-cmdline "$(guest_ask py 'cat /proc/cmdline')" '(root=\S* )?console=hvc0 granta.from=menu *'
    by_model py
    want vnc-greets "$(echo | timeout 5 nc 127.0.0.1 5901 | head -c 11)" 'RFB 003\.008'
    check py-shutdown xl shutdown -w py
    check py-gone guest_gone py
    check py-no-backends no_backends
    want py-no-model "$(ps | grep -c '[x]en-qemu-system')" 0
}

ip link set lo up
check make-image make_image
make_qcow
grub_alone
[ "$guest_type" = pvh ] || grub32_alone
by_grub
[ "$guest_type" = pvh ] || by_pygrub
check no-zombie no_zombie
no_innocent_crash no-crash
if [ "$failed" != 0 ]; then
    tail -n 20 /var/log/xen/xl-*.log /var/log/xen/qemu-dm-*.log /var/log/xen/bootloader.*.log /run/guests/*.out
fi
guest_ends bare bare32 grub py
