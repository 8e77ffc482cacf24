# SPDX-License-Identifier: GPL-2.0-only
#
# An HVM guest that does not know of a hypervisor: no platform device, no PV drivers. All that it has is what
# the device model and the hypervisor emulate: an AHCI disk, a network card, a serial line, a power button.

. /tests/lib.sh
. /tests/guest.sh
. /tests/hvm.sh

disk=$guests/plain.img
bridge_up
hvm_disk $disk /guest/vmlinuz /hvm/initrd "console=ttyS0 ${GRANTA_QUIET-quiet} xen_nopv nopv xen_emul_unplug=never \
    granta.modules=ahci,sd_mod,8139cp granta.net=10.7.0.2/24 granta.button=1"
digest=$(md5sum <$disk | cut -c-32)
file=$(hvm_config plain 'memory = 192' 'vcpus = 1' 'xen_platform_pci = 0' "hdtype = 'ahci'" "disk = ['$disk,raw,hda,rw']" \
    "vif = ['model=rtl8139,bridge=xenbr0,mac=00:16:3e:07:00:02']")

if ! up=$(hvm_starts "$file" 240); then
    fail up "$up"
    hvm_post_mortem plain
    finish
fi
want up "$up" 'guest: up cpus=1 mem=[0-9]+ kB'
want no-hypervisor "$(guest_ask plain 'ls /sys/hypervisor /sys/bus/xen/devices 2>/dev/null | grep -v :')" ''
want disk "$(guest_ask plain 'cat /sys/block/sda/device/model' | xargs)" 'QEMU HARDDISK'
want disk-digest "$(guest_ask plain 'md5sum </dev/sda | cut -c-32' 60)" "$digest"
check disk-write guest_ask plain 'echo written-by-the-guest | dd of=/dev/sda bs=512 seek=80000 conv=sync,fsync' 30
want disk-written "$(dd if=$disk bs=512 skip=80000 count=1 2>/dev/null | head -n 1)" written-by-the-guest
want card "$(guest_ask plain 'basename $(readlink /sys/class/net/eth0/device/driver)')" 8139cp
want ping-dom0 "$(guest_ask plain 'ping -q -c 3 -s 1400 10.7.0.1 | grep -o "[0-9]* packets received"' 40)" '3 packets received'
want ping-guest "$(ping -q -c 3 -s 4000 10.7.0.2 | grep -o '[0-9]* packets received')" '3 packets received'
check button xl trigger plain power
check gone guest_gone plain 60
check pressed guest_says plain 'guest: button' 1
[ "$failed" = 0 ] || hvm_post_mortem plain
check no-zombie no_zombie
check no-backends no_backends
no_innocent_crash no-crash
finish
