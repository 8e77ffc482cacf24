# SPDX-License-Identifier: GPL-2.0-only
#
# What the stock toolstack takes to create PVH guests, as toolstack.sh has it for paravirtualized ones.

. /tests/bench-lib.sh

guest_type=pvh

# The 32 KiB that xl takes for the tables of such a small guest are less than stock Xen has already used for it.
small() {
    printf '%s\n' "name = '$1'" "type = 'pvh'" "kernel = '/guest/pvhwords'" "memory = 8" "shadow_memory = 4" \
        >"$guests/$1.cfg"
    echo "$guests/$1.cfg"
}

took xl list >"$guests/warm" && xl create -q "$(small warm)" && xl destroy warm # files into caches
creations pvh.first-words 5 "first words" small
creations pvh.userspace 1 "guest: up" linux
finish
