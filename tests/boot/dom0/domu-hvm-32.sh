# SPDX-License-Identifier: GPL-2.0-only
#
# Debian's 32-bit kernel as an HVM guest without PV drivers, on two processors, from an emulated disk: protected
# mode with PAE, through the BIOS's calls, the PICs and the IO-APIC to its userspace.

. /tests/lib.sh
. /tests/guest.sh
. /tests/hvm.sh

disk=$guests/old.img
hvm_disk $disk /hvm/vmlinuz32 /hvm/initrd32 "console=ttyS0 quiet nopv xen_emul_unplug=never \
    granta.modules=ahci,sd_mod granta.button=1"
digest=$(md5sum <$disk | cut -c-32)
file=$(hvm_config old 'memory = 192' 'vcpus = 2' 'xen_platform_pci = 0' "hdtype = 'ahci'" "disk = ['$disk,raw,hda,rw']")
if ! up=$(hvm_starts "$file" 240); then
    fail up "$up"
    hvm_post_mortem old
    finish
    exit
fi
want up "$up" 'guest: up cpus=2 mem=[0-9]+ kB'
want machine "$(guest_ask old 'uname -m')" i686
want pae "$(guest_ask old 'grep -c "^flags.* pae " /proc/cpuinfo')" 2
want disk-digest "$(guest_ask old 'md5sum </dev/sda | cut -c-32' 60)" "$digest"
check work guest_ask old 'for i in 1 2 3 4; do (seq 1 2000 | sort -n | md5sum | grep -q . || touch /bad) & done; wait; [ ! -e /bad ]' 60
check button xl trigger old power
check gone guest_gone old 60
check pressed guest_says old 'guest: button' 1
[ "$failed" = 0 ] || hvm_post_mortem old
check no-zombie no_zombie
check no-backends no_backends
no_innocent_crash no-crash
finish
