# SPDX-License-Identifier: GPL-2.0-only
#
# Paravirtualized guests of unusual sizes: one with gigabytes and many more vcpus than the machine has
# cpus, and one of little more memory than its kernel needs, which may grow and does. A guest of 64 MiB
# is in the test domu-image: Debian's kernel does not fit into it.

. /tests/lib.sh
. /tests/guest.sh

# born NAME VCPUS MEMORY [LINE...]: it comes up with these vcpus.
born() {
    local name=$1 vcpus=$2 why
    file=$(guest_memory=$3 guest_config "$name" "$vcpus" "${@:4}")
    if ! why=$(guest_starts "$file" 90); then
        fail "$name-up" "$why"
        guest_post_mortem "$name"
        return 1
    fi
    want "$name-up" "$(guest_says "$name" 'guest: up' 0)" "guest: up cpus=$vcpus mem=[0-9]+ kB"
    want "$name-listed" "$(xl list "$name" | awk 'NR == 2 {print $3, $4}')" "$3 $vcpus"
}

# The kernel keeps some for itself: sixteenths and its own size.
found() { between "$1-mem" "$(guest_ask "$1" "sed -n 's/^MemTotal: *//p' /proc/meminfo | cut -d' ' -f1")" "$2" "$3"; }

die() {
    check "$1-destroy" xl destroy "$1"
    check "$1-gone" guest_gone "$1"
}

# Every vcpu does work of its own, all at once; a good part of the memory is really written.
big() {
    born big 32 3072 || return
    found big 2700000 3145728
    want big-online "$(guest_ask big 'cat /sys/devices/system/cpu/online')" 0-31
    want big-all-work "$(guest_ask big 'for c in $(seq 0 31); do (taskset -c $c sh -c "i=0;
        while [ \$i -lt 100 ]; do i=\$((i+1)); done; echo \$i") & done; wait' 60)" '(100 ){31}100'
    want big-filled "$(guest_ask big 'mkdir /t; mount -t tmpfs -o size=400m t /t;
        dd if=/dev/zero of=/t/x bs=1M count=384 2>/dev/null; wc -c </t/x' 60)" $((384 << 20))
    die big
    echo "sizes: big took $SECONDS s"
}

grows() {
    local mem end first=96
    # Populated on demand, it has to give back all that it sees above that, with tables for 512 MiB: 0.4 MiB too much of 96.
    [ "$guest_type" != pvh ] || first=128
    born grows 1 "$first" "maxmem = 512" "maxvcpus = 4" || return
    found grows 20000 $((first << 10))
    check grows-set xl mem-set grows 400m
    end=$((SECONDS + 90))
    while [ "$SECONDS" -lt "$end" ]; do
        mem=$(guest_ask grows "sed -n 's/^MemTotal: *//p' /proc/meminfo | cut -d' ' -f1")
        [ "${mem:-0}" -gt 340000 ] && break
        nap 0.5
    done
    between grows-mem "$mem" 340000 409600
    want grows-listed "$(xl list grows | awk 'NR == 2 {print $3}')" 400
    check grows-max xl mem-max grows 450
    if xl mem-set grows 480m >/dev/null 2>&1; then fail grows-over-max "it was possible"; else pass grows-over-max; fi
    check grows-shrinks xl mem-set grows 200m
    check grows-shrunk shrunk
    check grows-vcpus xl vcpu-set --ignore-host grows 3
    want grows-more-vcpus "$(guest_ask grows 'for i in $(seq 50); do [ -d /sys/devices/system/cpu/cpu2 ] && break; sleep 0.1; done;
        for c in 1 2; do echo 1 >/sys/devices/system/cpu/cpu$c/online; done; grep -c ^processor /proc/cpuinfo')" 3
    die grows
}

shrunk() {
    for _ in {1..60}; do
        [ "$(xl list grows | awk 'NR == 2 {print $3}')" -le 201 ] && return
        nap 0.5
    done
    xl list grows
    return 1
}

big
grows
check no-zombie no_zombie
no_innocent_crash no-crash
guest_ends big grows
