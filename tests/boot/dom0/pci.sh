# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced after guest.sh by the tests that give a network card to a guest.

card() { # vendor and device
    local d
    for d in /sys/bus/pci/devices/*; do
        [ "$(cat "$d/vendor")$(cat "$d/device")" = "$1" ] && basename "$d"
    done
}
listed() { xl pci-assignable-list | grep -c "$bdf"; }

# The card gets $bdf, and is set aside.
card_aside() {
    bdf=$(card 0x80860x10d3)
    want card "$bdf" '0000:.*'
    check pciback modprobe xen-pciback
    check set-aside xl pci-assignable-add "$bdf"
    want listed "$(listed)" 1
}

# $bdf is set aside: dom0 gets it back, and reaches the gateway by it.
card_back() {
    check back xl pci-assignable-remove "$bdf"
    check driver modprobe e1000e
    check bind sh -c "echo $bdf >/sys/bus/pci/drivers/e1000e/bind || [ -e /sys/bus/pci/drivers/e1000e/$bdf ]"
    local eth
    eth=$(basename "$(echo /sys/bus/pci/devices/"$bdf"/net/*)")
    check dom0-up sh -c "ip addr add 10.0.2.16/24 dev $eth && ip link set $eth up && sleep 3"
    check dom0-gateway ping -c 3 -W 5 10.0.2.2
}
