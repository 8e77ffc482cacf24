# SPDX-License-Identifier: GPL-2.0-only
#
# DMA behind an IOMMU: disks that go through it keep their files, and QEMU's edu device, which copies
# what it is told to, reaches device memory, but not the hypervisor's. tests/guest/dma asks more, and
# has the controls.

. /tests/lib.sh

faults() { xl dmesg | grep -c 'IOMMU: page fault'; }

want capability "$(xl info | sed -n 's/^virt_caps *: //p')" '(.* )?pv_directio( .*)?|.*directio.*'

# --- disks ---------------------------------------------------------------------------------------

mount_disks
mkdir -p /run/src
for n in 1 2 3 4; do
    head -c $((n * n * 170001)) /dev/urandom >"/run/src/file$n"
done
(cd /run/src && sha256sum file*) >/run/sums
check copy-to-virtio cp -r /run/src /mnt/v/
drop
check copy-virtio-to-ahci cp -r /mnt/v/src /mnt/a/
drop
check sums-on-virtio same /mnt/v/src
check sums-on-ahci same /mnt/a/src
check umount umount /mnt/v /mnt/a
want no-faults "$(faults)" 0

# --- their interrupts ----------------------------------------------------------------------------

want remapped "$(xl dmesg | grep -c 'IOMMU: .*interrupts are remapped')" 1
want by-messages "$(awk '/-msi/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) n += $i } END { print (n > 100) }' /proc/interrupts)" 1

# --- a device that goes where it should not ------------------------------------------------------

device_with() { # vendor and device
    local d
    for d in /sys/bus/pci/devices/*; do
        [ "$(cat "$d/vendor")$(cat "$d/device")" = "$1" ] && echo "$d"
    done
}
bar0() { awk 'NR == 1 { print $1 }' "$1/resource"; }

edu=$(device_with 0x12340x11e8)
vga=$(device_with 0x12340x1111)
regs=$(bar0 "$edu") screen=$(bar0 "$vga")
echo 1 >"$edu/enable"
printf '\007' | dd of="$edu/config" bs=1 seek=4 conv=notrunc 2>/dev/null # memory, bus master

INSIDE=0x40000    # where edu keeps what it copies
copy() { # from, to, command: 1 into the device, 3 out of it; 8 bytes
    devmem $((regs + 0x80)) 64 "$1"
    devmem $((regs + 0x88)) 64 "$2"
    devmem $((regs + 0x90)) 64 8
    devmem $((regs + 0x98)) 64 "$3"
    for _ in {1..50}; do
        [ $(($(devmem $((regs + 0x98)) 64) & 1)) = 0 ] && return
        sleep 0.05
    done
    return 1
}

# Its registers are nobody's but the hypervisor's.
iommu=0xfed90000 # a VT-d of QEMU's
[ -e /sys/firmware/acpi/tables/IVRS ] && iommu=0xfed80000
untouchable() { ! devmem $iommu 32; }
check iommu-registers untouchable

want edu "$(devmem "$regs" 32)" 0x010000ED
devmem "$screen" 64 0
check from-firmware copy 0xffff0 $INSIDE 1
check to-screen copy $INSIDE "$screen" 3
want arrived "$(devmem "$screen" 64)" 0x2F3630F000E05BEA # what SeaBIOS has at the reset vector
want allowed "$(faults)" 0

# The hypervisor's image begins at 2 MiB, with its multiboot header. QEMU reads zeros where the IOMMU
# lets nothing through. (Its log of events stays empty: amdvi_test_mask() of QEMU 7.2 is never false.)
SCREEN=0x4841434b4d453f21
devmem "$screen" 64 $SCREEN
check read-hypervisor copy 0x200000 $INSIDE 1
check show copy $INSIDE "$screen" 3
want read-refused "$(devmem "$screen" 32)" 0x00000000
devmem "$screen" 64 $SCREEN
check fill copy "$screen" $INSIDE 1
for page in 0x200000 0x201000 0x210000 0x220000; do
    check write-hypervisor-$page copy $INSIDE $page 3
done
check write-iommu copy $INSIDE 0xfed80018 3
devmem "$screen" 64 0
check read-again copy 0x200000 $INSIDE 1
check show-again copy $INSIDE "$screen" 3
want still-refused "$(devmem "$screen" 32)" 0x00000000
check still-there xl info
no_innocent_crash no-crash
finish
