# SPDX-License-Identifier: GPL-2.0-only
#
# A paravirtualized guest of Debian's kernel is saved, is gone, and goes on where it was: what it computed,
# what it keeps in memory, its clock. `save -c` leaves it running. An image that ends too early is an error,
# and leaves nothing: the hypervisor's account is what it was.

. /tests/lib.sh
. /tests/guest.sh
. /tests/saved.sh

cpus=${GRANTA_VCPUS:-2}
digest='sha256sum </tmp/data | cut -c-64'

# comes_back: it answers on its new console.
comes_back() { restores s $image && guest_ask s 'echo alive' 30; }

# same LABEL: what it had when it was first asked, and its process still counts.
same() {
    want $1-digest "$(guest_ask s "$digest" 30)" "$data"
    want $1-process "$(guest_ask s 'cat /proc/sys/kernel/random/boot_id /tmp/pid')" "$process"
    between $1-uptime "$(guest_ask s 'cut -d. -f1 /proc/uptime')" "$up" $((up + 200))
    between $1-counts "$(guest_ask s 'a=$(wc -c </tmp/count); sleep 1; echo $(($(wc -c </tmp/count) - a))')" 1 100000
    between $1-date $(($(guest_ask s 'date +%s') - $(date +%s))) -5 5
    want $1-cpus "$(guest_ask s 'grep -c ^processor /proc/cpuinfo')" "$cpus"
}

# truncated LABEL BYTES: refused, with a reason, and no domain of it stays.
truncated() {
    head -c $2 $image >$image.cut
    if restores s $image.cut >$guests/why; then
        fail $1 "it was restored"
    else
        want $1 "$(cat $guests/why)" '.+'
    fi
    rm $image.cut
    check $1-gone guest_gone s 20
    check $1-account account_back /run/account.before
}

file=$(guest_config s $cpus)
check start guest_starts "$file"
guest_ask s 'head -c 20m /dev/urandom >/tmp/data; (while :; do echo >>/tmp/count; sleep 0.1; done) >/dev/null 2>&1 &
    echo $! >/tmp/pid; sleep 1' 30 >/dev/null
data=$(guest_ask s "$digest" 30)
want digest "$data" '[0-9a-f]{64}'
process=$(guest_ask s 'cat /proc/sys/kernel/random/boot_id /tmp/pid')
up=$(guest_ask s 'cut -d. -f1 /proc/uptime')

check save saves_as s $image
check save-gone guest_gone s 5
account >/run/account.before
if ! why=$(comes_back); then
    fail restore "$why"
    cat $guests/s.save $guests/s.restore
    xl dmesg | tail -n 30
    guest_ends s
fi
pass restore
same restored

check checkpoint saves_as s $image -c
same left-running
check save-again saves_as s $image
check save-again-gone guest_gone s 5
check account-after-save account_back /run/account.before

size=$(stat -c %s $image)
truncated cut-header 100
truncated cut-half $((size / 2))
truncated cut-end $((size - 6000))
check restore-again comes_back
same restored-again
xl destroy s
check destroyed guest_gone s
check account-at-end account_back /run/account.before
check no-zombie no_zombie
no_innocent_crash no-crash
[ "$failed" = 0 ] || { cat /run/account.before /run/account.now $guests/s.save $guests/s.restore; xl dmesg | tail -n 30; }
guest_ends s
