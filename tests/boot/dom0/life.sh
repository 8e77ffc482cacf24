# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced after guest.sh by the tests of guests' lives: each is created, looked at, ended in one of the
# ways there are, and nothing of it stays.

# The first guest leaves allocations of dom0's own behind (grant tables, the daemons' pages): what it
# needs for good is not a leak, so the second one's life is measured.
life() {
    local name=$1 vcpus=$2 how=$3 file
    file=$(guest_config "$name" "$vcpus" "on_reboot = 'destroy'")
    echo "creating $name"
    if ! xl -vvv create "$file" >"$guests/$name.out" 2>&1; then
        fail "$name-create" "$(grep -aE 'error|fail' "$guests/$name.out" | head -n 3 | tr '\n' '|')"
        tail -n 30 "$guests/$name.out"
        guest_post_mortem "$name"
        return 1
    fi
    pass "$name-create"
    if ! up=$(guest_says "$name" 'guest: up' 60); then
        fail "$name-up" "nothing on its console"
        guest_post_mortem "$name"
        xl destroy "$name"
        return 1
    fi
    want "$name-up" "$up" "guest: up cpus=$vcpus mem=[0-9]+ kB"
    look "$name" "$vcpus"
    "$how" "$name"
    check "$name-gone" guest_gone "$name"
    check "$name-no-zombie" no_zombie
}

look() {
    local name=$1 vcpus=$2 row id
    id=$(xl domid "$name")
    row=$(xl list "$name" | tail -n 1 | awk '{print $1, $2, $3, $4, $5}')
    want "$name-list" "$row" "$name $id 12[78] $vcpus [r-][b-]----"
    want "$name-domname" "$(xl domname "$id")" "$name"
    want "$name-vcpu-list" "$(xl vcpu-list "$name" | tail -n +2 | grep -cE "^$name +$id +[0-9]+ +([0-9]+|-) +[r-][b-]- ")" "$vcpus"
    check "$name-idles" state_becomes "$name" '-b----'

    check "$name-pause" xl pause "$name"
    want "$name-paused" "$(guest_state "$name")" '[r-][b-]p---'
    before=$(xl list "$name" | awk 'NR == 2 {print $6}')
    guest_do "$name" 'echo while-paused'
    sleep 1
    want "$name-stands-still" "$(xl list "$name" | awk 'NR == 2 {print $6}')" "$before"
    if guest_says "$name" '^while-paused' 0 >/dev/null; then
        fail "$name-deaf-while-paused" "it answered"
    else
        pass "$name-deaf-while-paused"
    fi
    check "$name-unpause" xl unpause "$name"
    check "$name-console" guest_says "$name" '^while-paused' 10
    guest_do "$name" 'echo sum-$((6 * 7)) cmdline-$(wc -w </proc/cmdline)'
    check "$name-console-shell" guest_says "$name" '^sum-42 cmdline-1' 10
}

by_shutdown() {
    check "$1-shutdown" xl shutdown -w "$1"
    check "$1-said-so" guest_says "$1" 'guest: powering off' 5
}
by_destroy() { check "$1-destroy" xl destroy "$1"; }
by_reboot() {
    check "$1-reboot" xl reboot "$1"
    check "$1-said-so" guest_says "$1" 'guest: rebooting' 20
}
by_itself() { guest_do "$1" 'poweroff -f'; }
