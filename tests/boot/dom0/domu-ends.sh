# SPDX-License-Identifier: GPL-2.0-only
#
# The ends of guests, and what the toolstack does at each: every on_* action, for every reason that a
# paravirtualized guest can shut down with. The guests are the kernel tests/boot/kernels/obey.c.

. /tests/lib.sh
. /tests/guest.sh

dumps=/var/lib/xen/dump
mkdir -p $dumps

# small NAME [LINE...]: create it and wait until it is up.
small() {
    local name=$1 file=$guests/$1.cfg
    shift
    {
        echo "name = '$name'"
        echo "type = 'pv'"
        echo "kernel = '/guest/obey'"
        echo "cmdline = 'I am $name'"
        echo "memory = 8"
        printf '%s\n' "$@"
    } >"$file"
    check "$name-create" guest_starts "$file" 20
}

# again NAME TIMES: it has come up so often, and is not the domain any more that it was.
again() {
    local end=$((SECONDS + 40)) id
    guest_says "$1" '^guest: up' 40 "$2" >/dev/null || { xl list; return 1; }
    until id=$(xl domid "$1" 2>/dev/null) && guest_tty "$1" >"$guests/$1.tty" 2>/dev/null; do
        [ "$SECONDS" -ge "$end" ] && { xl list; return 1; }
        nap 0.2
    done
    [ "$(guest_log "$1" | grep -ac '^guest: up')" = "$2" ] || { echo "it has come up more often"; return 1; }
    [ "$id" != "${was[$1]}" ] || { echo "it is still domain $id"; return 1; }
}

declare -A was

# tell NAME WORD...: in pairs, all at once.
tell() {
    while [ $# -gt 0 ]; do
        was[$1]=$(xl domid "$1")
        guest_do "$1" "$2"
        shift 2
    done
}

# The name that a domain gets when another one takes its own has the time in it.
renamed() { xl list | awk -v name="^$1-[0-9]" '$1 ~ name {print $1}'; }

uuid_of() { xl vm-list | awk -v name="$1" '$3 == name {print $1}'; }

# dumped LABEL NAME: its core holds together, and has its marker.
dumped() {
    want "$1" "$(coreinfo $dumps/"$2")" "vcpus=1 pages=2048 rip=ffffffff8[0-9a-f]{7} marker=$(
        guest_log "$2" | sed -n 's/^guest: marker //p' | tail -n 1) I am $2"
}

small ages "on_reboot = 'restart'" "on_crash = 'coredump-restart'" \
    "on_watchdog = 'rename-restart'" "on_poweroff = 'preserve'"
small core "on_crash = 'coredump-destroy'"
small kept "on_crash = 'preserve'"
small loud "on_poweroff = 'restart'" "on_soft_reset = 'restart'" "on_watchdog = 'destroy'"
small soft "on_crash = 'rename-restart'" "on_soft_reset = 'destroy'"
small plain "on_crash = 'restart'"
uuid=$(uuid_of ages)

tell ages reboot core crash kept crash loud poweroff soft crash plain crash
check kept-crash-preserve state_becomes kept '[r-][b-]-sc-'
check kept-dump xl dump-core kept $dumps/kept
dumped kept-dump-holds kept
check core-crash-coredump-destroy guest_gone core
dumped core-core core
check ages-reboot-restart again ages 2
want ages-same-uuid "$(uuid_of ages)" "$uuid"
check loud-poweroff-restart again loud 2
check soft-crash-rename-restart again soft 2
soft=$(renamed soft)
want soft-renamed "$(guest_state "$soft")" '[r-][b-]-sc-'
check plain-crash-restart again plain 2

tell ages crash loud soft-reset soft soft-reset plain poweroff
check soft-soft-reset-destroy guest_gone soft
check plain-poweroff-destroy guest_gone plain
check ages-crash-coredump-restart again ages 3
dumped ages-core ages
check loud-soft-reset-restart again loud 3

tell ages bite loud bite
check ages-watchdog-rename-restart again ages 4
ages=$(renamed ages)
want ages-renamed "$(guest_state "$ages")" '[r-][b-]-sw-'
check loud-watchdog-destroy guest_gone loud

tell ages poweroff
check ages-poweroff-preserve state_becomes ages '[r-][b-]-s--'
for name in ages "$ages" "$soft" kept; do
    check "destroy-${name%%-*}" xl destroy "$name"
done
check no-zombie no_zombie
no_innocent_crash no-crash
guest_ends ages core loud kept soft plain
