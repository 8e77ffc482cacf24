# SPDX-License-Identifier: GPL-2.0-only
#
# A network card behind an IOMMU is given to a PV guest by pciback: the guest's own driver reaches the
# gateway by it, with its interrupts. The guest ends, the card is set aside, then dom0's again, whose
# driver reaches the gateway too. No process of dom0's has touched the card meanwhile.

. /tests/lib.sh
. /tests/guest.sh
. /tests/pci.sh

card_aside

# --- the guest's ---------------------------------------------------------------------------------

check create guest_starts "$(guest_config pci 1 "pci = ['$bdf']")"
want given "$(xl pci-list pci | grep -c "$bdf")" 1
check drivers guest_ask pci "modprobe xen-pcifront && modprobe e1000e && sleep 1" 40
want seen "$(guest_ask pci 'cat /sys/bus/pci/devices/*/device')" '.*0x10d3.*'
check up guest_ask pci "ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up && sleep 3" 30
check gateway guest_ask pci "ping -c 3 -W 5 10.0.2.2" 40
want interrupts "$(guest_ask pci "grep eth0 /proc/interrupts | awk '{ n += \$2 } END { print n }'")" '[1-9][0-9]*'
check big guest_ask pci "ping -c 3 -W 5 -s 1400 10.0.2.2" 40
check destroy xl destroy pci
check gone guest_gone pci

# --- dom0's again --------------------------------------------------------------------------------

want still-aside "$(listed)" 1
card_back
no_innocent_crash no-crash
finish
