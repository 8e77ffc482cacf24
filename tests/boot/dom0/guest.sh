# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the tests that create guests, after lib.sh. A guest runs tools/guest/init, which says
# "guest: up ..." and then obeys its console: one command a line, each answered by "guest: status N".

guests=/run/guests
mkdir -p "$guests"

# guest_config NAME VCPUS [LINE...]: write a configuration and print its path.
guest_config() {
    local file=$guests/$1.cfg name=$1 vcpus=$2
    shift 2
    {
        echo "name = '$name'"
        echo "type = 'pv'"
        echo "kernel = '/guest/vmlinuz'"
        echo "ramdisk = '/guest/initrd'"
        echo "cmdline = 'console=hvc0 ${guest_args:-}'"
        echo "memory = 128"
        echo "vcpus = $vcpus"
        printf '%s\n' "$@"
    } >"$file"
    echo "$file"
}

guest_log() { tr -d '\r' <"/var/log/xen/console/guest-$1.log" 2>/dev/null; }

# guest_says NAME REGEX [SECONDS]: the guest's console has such a line, now or soon; prints the last.
guest_says() {
    local name=$1 regex=$2 end=$((SECONDS + ${3:-40})) line
    while :; do
        line=$(guest_log "$name" | grep -aE "$regex" | tail -n 1)
        [ -n "$line" ] && break
        [ "$SECONDS" -ge "$end" ] && return 1
        sleep 0.3
    done
    echo "$line"
}

# guest_do NAME COMMAND: type the command at the guest's console.
guest_do() {
    local tty
    tty=$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty") || return 1
    echo "$2" >"$tty"
}

# guest_gone NAME [SECONDS]: the domain leaves the list, soon.
guest_gone() {
    local end=$((SECONDS + ${2:-30}))
    while xl list "$1" >/dev/null 2>&1; do
        [ "$SECONDS" -ge "$end" ] && return 1
        sleep 0.3
    done
}

guest_state() { xl list "$1" 2>/dev/null | awk 'NR == 2 {print $5}'; }

# state_becomes NAME REGEX [SECONDS]: the state that xl list shows matches, now or soon.
state_becomes() {
    local end=$((SECONDS + ${3:-10}))
    while ! [[ $(guest_state "$1") =~ ^($2)$ ]]; do
        [ "$SECONDS" -ge "$end" ] && { echo "state is '$(guest_state "$1")'"; return 1; }
        sleep 0.2
    done
}

# In MiB, as the toolstack rounds it.
free_memory() { xl info | sed -n 's/^free_memory *: *//p'; }

# memory_back MIB [SECONDS]: free memory is what it was; the last references go some time after death.
memory_back() {
    local end=$((SECONDS + ${2:-10}))
    while [ "$(free_memory)" != "$1" ]; do
        [ "$SECONDS" -ge "$end" ] && { echo "$(free_memory) MiB free, $1 before"; return 1; }
        sleep 0.3
    done
}

no_zombie() {
    local rows
    rows=$(xl list | tail -n +3)
    [ -z "$rows" ] || { echo "$rows"; return 1; }
}

# What the machine says of a guest that did not come up.
guest_post_mortem() {
    echo "--- xl list"; xl list
    echo "--- xl vcpu-list"; xl vcpu-list
    echo "--- xl-$1.log"; cat "/var/log/xen/xl-$1.log" 2>/dev/null
    echo "--- console"; guest_log "$1" | tail -n 30
    echo "--- xl dmesg"; xl dmesg | tail -n 40
}
