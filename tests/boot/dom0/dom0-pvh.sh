# SPDX-License-Identifier: GPL-2.0-only
#
# A PVH first domain at work: its devices interrupt by messages and read and write what they should; a PV guest
# has a real disk, whose device reaches the guest's memory through the IOMMU, and a PVH guest a network.

. /tests/lib.sh
. /tests/guest.sh

mib=4

# irqs KIND NAME: how often an interrupt of that kind came for a device of that name.
irqs() {
    grep -E "$1.* $2" /proc/interrupts |
        awk '{for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i} END {print n + 0}'
}
# sum_of FILE BYTES: past the page cache if it is a device.
sum_of() {
    dd if="$1" bs=64k $([ -b "$1" ] && echo iflag=direct) 2>/dev/null | head -c "$2" | md5sum | cut -c-32
}

# --- the machine's devices -----------------------------------------------------------------------

want kind "$(cat /sys/hypervisor/guest_type)" PVH
check drivers modprobe -a nvme e1000e
mount_disks
head -c 3000001 /dev/urandom >/run/blob
(cd /run && md5sum blob >/run/sums)
for disk in v a; do
    check write-$disk cp /run/blob /mnt/$disk/
    drop
    want read-$disk "$(md5sum </mnt/$disk/blob)" "$(md5sum </run/blob)"
done
check umount umount /mnt/v /mnt/a
size=$(stat -c %s /guest/initrd)
for _ in {1..50}; do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done
want read-nvme "$(sum_of /dev/nvme0n1 "$size")" "$(md5sum </guest/initrd | cut -c-32)"
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
sleep 1
want ping "$(ping -q -c 3 -s 1000 10.0.2.2 | grep -o '[0-9]* packets received')" '3 packets received'
for device in virtio[0-9]+-req nvme0q[1-9] eth0 ahci; do
    between "msi-$device" "$(irqs PCI-MSI "$device")" 3 100000000
done

# --- guests --------------------------------------------------------------------------------------

# up FILE: or the test ends here.
up() {
    local name why
    name=$(basename "$1" .cfg)
    why=$(guest_starts "$1") && { pass "$name-up"; return; }
    fail "$name-up" "$why"
    guest_post_mortem "$name"
    finish
}

stops_and_goes_on() {
    check "$1-pause" xl pause "$1"
    check "$1-paused" state_becomes "$1" '[r-][b-]p---'
    check "$1-unpause" xl unpause "$1"
    want "$1-lives" "$(guest_ask "$1" 'echo well')" well
}

free=$(free_memory)
up "$(guest_config first 1 "disk = [ 'phy:$virtio,xvda,w' ]")"
want first-read "$(guest_ask first "head -c ${mib}m /dev/xvda | md5sum | cut -c-32" 30)" \
    "$(sum_of "$virtio" $((mib << 20)))"
check first-write guest_ask first "head -c ${mib}m /dev/urandom >/tmp/a; dd if=/tmp/a of=/dev/xvda bs=64k conv=fsync" 30
want first-written "$(guest_ask first 'md5sum </tmp/a | cut -c-32')" "$(sum_of "$virtio" $((mib << 20)))"
stops_and_goes_on first
check first-shutdown xl shutdown -w first
check first-gone guest_gone first
between first-memory-back $((free - $(free_memory))) -1 4

free=$(free_memory)
brctl addbr xenbr0
ip addr add 10.7.0.1/24 dev xenbr0
ip link set xenbr0 up
guest_type=pvh guest_args="granta.net=10.7.0.2/24"
up "$(guest_config second 2 "vif = [ 'mac=00:16:3e:07:00:02,bridge=xenbr0' ]")"
want second-ping "$(ping -q -c 3 -s 4000 10.7.0.2 | grep -o '[0-9]* packets received')" '3 packets received'
stops_and_goes_on second
check second-destroy xl destroy second
check second-gone guest_gone second
between second-memory-back $((free - $(free_memory))) -1 4
check no-backends no_backends
check no-zombie no_zombie
want no-faults "$(xl dmesg | grep -c 'IOMMU: page fault')" 0
no_innocent_crash no-crash
[ "$failed" = 0 ] || cat /proc/interrupts
guest_ends first second
