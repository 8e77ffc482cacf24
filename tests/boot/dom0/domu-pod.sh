# SPDX-License-Identifier: GPL-2.0-only
#
# A PVH guest that is populated on demand: its kernel believes in maxmem= until its balloon driver is up.
# Then it grows into that and shrinks again, and nothing of it stays.

. /tests/lib.sh
. /tests/guest.sh

guest_type=pvh

# pages_become LOW HIGH: MiB of the guest, now or soon.
pages_become() {
    local mem
    for _ in {1..60}; do
        mem=$(xl list grows | awk 'NR == 2 {print $3}')
        [ "${mem:-0}" -ge "$1" ] && [ "$mem" -le "$2" ] && return
        nap 0.5
    done
    echo "$mem MiB"
    return 1
}

free=$(free_memory)
file=$(guest_config grows 2 "maxmem = 320")
if why=$(guest_starts "$file" 90); then
    check grows-listed pages_become 127 128
    want grows-balloon "$(guest_ask grows 'cat /sys/devices/system/xen_memory/xen_memory0/target_kb')" '1[23][0-9]{4}'
    between grows-mem "$(guest_ask grows "sed -n 's/^MemTotal: *//p' /proc/meminfo | cut -d' ' -f1")" 60000 140000
    # nearly all that it has, written: it is there, and no more than that
    want grows-filled "$(guest_ask grows 'mkdir /t; mount -t tmpfs -o size=60m t /t;
        dd if=/dev/urandom of=/t/x bs=1M count=40 2>/dev/null; md5sum </t/x >/t/sum; md5sum </t/x | cmp - /t/sum; wc -c </t/x' 60)" $((40 << 20))
    check grows-set xl mem-set grows 240m
    check grows-grown pages_become 239 240
    want grows-same "$(guest_ask grows 'md5sum </t/x | cmp - /t/sum && echo same' 60)" same
    check grows-back xl mem-set grows 160m
    check grows-shrunk pages_become 159 160
    want grows-still "$(guest_ask grows 'md5sum </t/x | cmp - /t/sum && echo same' 60)" same
    check grows-destroy xl destroy grows
else
    fail grows-up "$why"
    guest_post_mortem grows
    xl destroy grows
fi
check grows-gone guest_gone grows
check no-zombie no_zombie
check memory-back memory_back "$free" 5
no_innocent_crash no-crash
guest_ends grows
