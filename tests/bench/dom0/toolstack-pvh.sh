# SPDX-License-Identifier: GPL-2.0-only
#
# What the stock toolstack takes to create PVH guests, as toolstack.sh has it for paravirtualized ones;
# what the machine does in a second beside one that idles, and what one that computes needs for a sum.

. /tests/bench-lib.sh

guest_type=pvh

# The 32 KiB that xl takes for the tables of such a small guest are less than stock Xen has already used for it.
small() {
    printf '%s\n' "name = '$1'" "type = 'pvh'" "kernel = '/guest/pvhwords'" "memory = 8" "shadow_memory = 4" \
        >"$guests/$1.cfg"
    echo "$guests/$1.cfg"
}

# seconds_of NAME: what the machine does while nobody wants anything.
seconds_of() {
    local samples=() i ns
    for i in 1 2 3 4 5; do
        ns=$(busy 4) || { fail "busy-$1" "$ns"; return 1; }
        samples+=("$ns")
    done
    figure "second.$1" "${samples[@]}"
}

at_rest_and_at_work() {
    local why samples=() i
    sleep 5 # what began before has come to its end
    seconds_of none
    why=$(guest_starts "$(linux pvh-busy)" 100) || { fail busy-guest "$why"; return 1; }
    sleep 5
    seconds_of pvh-idle
    for i in 1 2 3; do
        why=$(guest_ask pvh-busy 'read a _ </proc/uptime; i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done;
            read b _ </proc/uptime; echo $a $b' 60) || { fail works "$why"; return 1; }
        samples+=("$(awk '{ printf "%.0f", ($2 - $1) * 1e9 }' <<<"$why")")
    done
    figure pvh-works "${samples[@]}"
    xl destroy pvh-busy
}

took xl list >"$guests/warm" && xl create -q "$(small warm)" && xl destroy warm # files into caches
creations pvh.first-words 5 "first words" small
creations pvh.userspace 1 "guest: up" linux
at_rest_and_at_work
finish
