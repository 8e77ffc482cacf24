# SPDX-License-Identifier: GPL-2.0-only
#
# A network card behind an IOMMU is given to an HVM guest by the stock device model (xen_pt): the guest's own
# driver reaches the gateway by it, with its MSI-X interrupts. The card is plugged out and in again; the guest
# ends with it, and the card is dom0's again.

. /tests/lib.sh
. /tests/guest.sh
. /tests/pci.sh
. /tests/hvm.sh

card_aside

# --- the guest's ---------------------------------------------------------------------------------

file=$(hvm_config card "kernel = '/guest/vmlinuz'" "ramdisk = '/guest/initrd'" "cmdline = 'earlyprintk=ttyS0 console=hvc0'" \
    'memory = 192' 'vcpus = 1' "serial = 'file:/run/guests/serial'" "pci = ['$bdf']")
if ! xl -vvv create "$file" >$guests/card.out 2>&1 || ! guest_says card 'guest: up' 240; then
    fail up "$(grep -aE 'error|fail' $guests/card.out | head -n 3 | tr '\n' '|')"
    echo "--- create"; tail -n 40 $guests/card.out
    echo "--- serial"; tail -c 6000 $guests/serial
    hvm_post_mortem card
    finish
fi
pass up
guest_tty card >$guests/card.tty
want given "$(xl pci-list card | grep -c "${bdf#0000:}")" 1
want seen "$(guest_ask card 'cat /sys/bus/pci/devices/*/device | grep -c 0x10d3' 40)" 1
check driver guest_ask card 'modprobe e1000e && sleep 1' 60
check up guest_ask card 'ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up && sleep 3' 60
check gateway guest_ask card 'ping -c 3 -W 5 10.0.2.2' 60
check big guest_ask card 'ping -c 3 -W 5 -s 1400 10.0.2.2' 60
want messages "$(guest_ask card "grep -c 'PCI-MSI.*eth0' /proc/interrupts" 40)" '[1-9]'
want interrupts "$(guest_ask card "grep eth0 /proc/interrupts | awk '{ n += \$2 } END { print n }'" 40)" '[1-9][0-9]*'

# --- plugged out while it is in use, and in again ------------------------------------------------

check detach xl pci-detach card "$bdf"
want detached "$(xl pci-list card | grep -c "${bdf#0000:}")" 0
want unseen "$(guest_ask card 'cat /sys/bus/pci/devices/*/device | grep -c 0x10d3' 40)" 0
check attach xl pci-attach card "$bdf"
want seen-again "$(guest_ask card 'sleep 3; cat /sys/bus/pci/devices/*/device | grep -c 0x10d3' 40)" 1
check up-again guest_ask card 'ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up && sleep 3' 60
check gateway-again guest_ask card 'ping -c 3 -W 5 10.0.2.2' 60
[ "$failed" = 0 ] || { guest_ask card 'cat /proc/interrupts; dmesg | tail -n 30'; hvm_post_mortem card; }
check destroy xl destroy card
check gone guest_gone card

# --- dom0's again --------------------------------------------------------------------------------

want still-aside "$(listed)" 1
card_back
no_innocent_crash no-crash
finish
