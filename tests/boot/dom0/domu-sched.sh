# SPDX-License-Identifier: GPL-2.0-only
#
# Scheduling of guests as the stock toolstack sees it: shares by weight, caps, pins, no starvation
# beside 16 busy loops, and how soon a sleeper runs beside them. Times are the hypervisor's own
# accounts (xl vcpu-list), which the emulator's pace does not change.

. /tests/lib.sh
. /tests/guest.sh

window=${GRANTA_WINDOW:-12} # seconds of a measurement at least; times have tenths of a second
late=${GRANTA_LATE:-60}     # milliseconds: what the emulator alone may make of a wake-up

# snapshot FILE: all accounts at one moment. Every call of xl takes long here, so nothing is asked twice.
snapshot() { xl vcpu-list >"$1"; }

# ran NAME [VCPU]: tenths of a second between the two snapshots, of all vcpus of a guest or one.
ran() {
    awk -v name="$1" -v vcpu="${2:-}" '
        $1 == name && (vcpu == "" || $3 == vcpu) { sum += (FNR == NR ? -1 : 1) * $(NF - 3) * 10 }
        END { printf "%d\n", sum + 0.5 }' /run/before /run/after
}

# near NAME GOT WANT PERCENT: within so many percent, and two tenths of a second for the rounding
near() {
    local off=$(($3 * $4 / 100 + 2))
    between "$1" "$2" $(($3 - off)) $(($3 + off))
}

cpus_of() { awk -v name="$1" '$1 == name { print $4 }' /run/after | sort -u | tr '\n' ' '; }
affinity_of() { awk -v name="$1" '$1 == name { print $(NF - 2) }' /run/after | sort -u | tr '\n' ' '; }

# spin NAME N: so many busy loops in a guest.
spin() { guest_do "$1" "for i in \$(seq $2); do while :; do :; done & done"; }

start_guests() {
    local name vcpus
    while read -r name vcpus; do
        file=$(guest_config "$name" "$vcpus")
        sed -i 's/^memory = .*/memory = 112/' "$file"
        xl create "$file" >"$guests/$name.out" 2>&1 || fail "$name-create" "$(tail -n 1 "$guests/$name.out")"
    done
    for name in light heavy many; do
        check "$name-up" guest_says "$name" 'guest: up' "$([ "$name" = many ] && echo 100 || echo 60)"
    done
}

# light and heavy on one cpu, 1 to 2; many with a cap on the other one, beside dom0.
shares_and_caps() {
    local l h m d
    check pin-dom0 xl vcpu-pin Domain-0 all 0
    check pin-light xl vcpu-pin light all 1
    check pin-heavy xl vcpu-pin heavy all 1
    check pin-many xl vcpu-pin many all 0
    check weight-light xl sched-credit2 -d light -w 256
    check weight-heavy xl sched-credit2 -d heavy -w 512
    check cap-many xl sched-credit2 -d many -c 30
    spin light 1
    spin heavy 1
    spin many 16
    sleep 2
    snapshot /run/before
    sleep "$window"
    snapshot /run/after
    l=$(ran light) h=$(ran heavy) m=$(ran many)
    echo "light $l, heavy $h, many $m tenths of a second"
    want affinity-light "$(affinity_of light)" '1 '
    want affinity-many "$(affinity_of many)" '0 '
    want pinned-cpus "$(cpus_of light)$(cpus_of heavy)$(cpus_of many)" '1 1 0 '
    near share-light "$l" $(((l + h) / 3)) 5
    near share-heavy "$h" $(((l + h) * 2 / 3)) 5
    # The other cpu is always busy, so it is the clock. A cap is a promise upwards: beside an emulator
    # whose cpus stand still at times, periods pass unused.
    between cap-holds "$m" 5 $(((l + h) * 30 * 105 / 10000 + 2))
}

# All on both cpus: 16 busy loops of one guest, and one of another, which has its part.
no_starvation() {
    local vcpu starved='' total part time
    check unpin-light xl vcpu-pin light all all
    check unpin-many xl vcpu-pin many all all
    check uncap-many xl sched-credit2 -d many -c 0
    guest_do heavy 'kill %1'
    sleep 2
    snapshot /run/before
    sleep "$((window * 3 / 2))"
    snapshot /run/after
    time=$(ran light)
    total=$(($(ran many) + time))
    part=$((total / 17))
    echo "light $time, many $((total - time)) tenths of a second"
    for vcpu in $(seq 0 15); do
        [ "$(ran many "$vcpu")" -ge $((part / 2)) ] || starved="$starved $vcpu:$(ran many "$vcpu")"
    done
    want no-vcpu-starves "$starved" ''
    near share-of-one-in-17 "$time" "$part" 10
}

# heavy sleeps now, and there are 17 busy loops on two cpus.
wakes_soon() {
    local line worst median
    guest_do heavy 'wakeup 200 10'
    if ! line=$(guest_says heavy '^wakeup times=' 40); then
        fail wake-up "nothing on its console"
        return
    fi
    echo "$line"
    median=$(sed 's/.*median=\([0-9]*\).*/\1/' <<<"$line")
    worst=$(sed 's/.*worst=\([0-9]*\).*/\1/' <<<"$line")
    between wake-up-median "$median" 0 $((late * 1000 / 4))
    between wake-up-worst "$worst" 0 $((late * 1000 * 4))
}

start_guests <<'EOT'
light 1
heavy 1
many 16
EOT
if [ "$failed" = 0 ]; then
    shares_and_caps
    no_starvation
    wakes_soon
else
    guest_post_mortem many
fi
for name in light heavy many; do check "$name-destroy" xl destroy "$name"; done
no_innocent_crash no-crash
finish
