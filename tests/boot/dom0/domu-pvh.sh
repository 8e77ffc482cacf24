# SPDX-License-Identifier: GPL-2.0-only
#
# The life of PVH guests under the stock toolstack, as domu.sh has it for paravirtualized ones, but for what
# does not depend on the guest's kind; and what only they are.

. /tests/lib.sh
. /tests/guest.sh
. /tests/life.sh

guest_type=pvh
if guest_kernel=/guest/vmlinuz life first 1 by_shutdown; then
    free=$(free_memory)
    life second 2 by_reboot
    check memory-back memory_back "$free"
fi
file=$(guest_config kind 2)
if why=$(guest_starts "$file" 90); then
    want kind-hypervisor "$(guest_ask kind 'cat /sys/hypervisor/type /sys/hypervisor/guest_type')" 'xen PVH'
    want kind-cpus "$(guest_ask kind 'grep -c ^processor /proc/cpuinfo')" 2
    want kind-interrupts "$(guest_ask kind "grep -cE 'HYP:|Hypervisor callback' /proc/interrupts")" 1
    check kind-destroy xl destroy kind
else
    fail kind-up "$why"
    guest_post_mortem kind
fi
check kind-gone guest_gone kind
check no-zombie no_zombie
no_innocent_crash no-crash
finish
