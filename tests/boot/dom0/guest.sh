# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the tests that create guests, after lib.sh. A guest runs tools/guest/init, which says
# "guest: up ..." and then obeys its console: one command a line, each answered by "guest: status N".

guests=/run/guests
guest_type=${GRANTA_TYPE:-pv}          # of the guests that have no other
mkdir -p "$guests"

# guest_config NAME VCPUS [LINE...]: write a configuration and print its path. The kernel is the unpacked one:
# libxenguest takes five seconds for the bzImage here, which the first guests of domu and domu-pvh are made from.
guest_config() {
    local file=$guests/$1.cfg name=$1 vcpus=$2
    shift 2
    {
        echo "name = '$name'"
        echo "type = '$guest_type'"
        echo "kernel = '${guest_kernel:-/guest/vmlinux}'"
        echo "ramdisk = '/guest/initrd'"
        echo "cmdline = 'console=hvc0 ${guest_args:-}'"
        echo "memory = ${guest_memory:-128}"
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
        sleep ${guest_poll:-0.3}
    done
    echo "$line"
}

guest_tty() { xenstore-read "/local/domain/$(xl domid "$1")/console/tty"; }

# guest_do NAME COMMAND: type the command at the guest's console.
guest_do() {
    local tty
    tty=$(cat "$guests/$1.tty" 2>/dev/null || guest_tty "$1") || return 1
    echo "$2" >"$tty"
}

# guest_ask NAME COMMAND [SECONDS]: run it there; prints its output as one line, returns its status.
# The answer is told from others by a number that counts on in a file: this may run in a subshell.
guest_ask() {
    local n line
    n=$(($(cat $guests/asked 2>/dev/null || echo 0) + 1))
    echo "$n" >$guests/asked
    guest_do "$1" "r=\$( ${2//$'\n'/ } 2>&1); echo answer-$n \$? \$r" || return 1
    line=$(guest_says "$1" "^answer-$n " "${3:-20}") || { echo "no answer to: $2"; return 125; }
    read -r _ n line <<<"$line"
    echo "$line"
    return "$n"
}

# guest_starts FILE [SECONDS]: create it and wait until its init has come up; the name is the file's.
guest_starts() {
    local name
    name=$(basename "$1" .cfg)
    xl -v create "$1" >"$guests/$name.out" 2>&1 || { grep -aE 'error|fail' "$guests/$name.out" | head -n 1; return 1; }
    guest_tty "$name" >"$guests/$name.tty"
    guest_says "$name" 'guest: up' "${2:-60}" >/dev/null || { echo "nothing on its console"; return 1; }
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

# account: what the hypervisor has, line by line (its debug key H): domains with pages, ports and grants,
# its own objects by size, memory by page. Equal accounts: nothing has leaked, nothing is missing.
account() {
    xl debug-keys H
    xl dmesg | sed -n 's/^.*account: //p' | awk '/^d0 / { text = "" } { text = text $0 "\n" } END { printf "%s", text }'
}

# account_back FILE [SECONDS]: it is that again; the last references go some time after death.
account_back() {
    local end=$((SECONDS + ${2:-10}))
    until account >/run/account.now; cmp -s "$1" /run/account.now; do
        [ "$SECONDS" -ge "$end" ] && { diff "$1" /run/account.now | grep '^[<>]' | paste -sd '|'; return 1; }
        sleep 0.5
    done
}

no_zombie() {
    local rows
    rows=$(xl list | tail -n +3)
    [ -z "$rows" ] || { echo "$rows"; return 1; }
}

# guest_ends NAME...: the end of a test, with what the guests said where a check failed.
guest_ends() {
    local name
    [ "$failed" = 0 ] || for name in "$@"; do echo "--- console of $name"; guest_log "$name" | tail -n 30; done
    finish
}

# process REGEX: the numbers of those whose command line matches.
process() {
    local p
    for p in /proc/[0-9]*; do
        tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -qE "$1" && basename "$p"
    done
}

# What the machine says of a guest that did not come up.
guest_post_mortem() {
    echo "--- xl list"; xl list
    echo "--- xl vcpu-list"; xl vcpu-list
    echo "--- xl create"; tail -n 15 "$guests/$1.out"
    echo "--- xl-$1.log"; cat "/var/log/xen/xl-$1.log" 2>/dev/null
    echo "--- console"; guest_log "$1" | tail -n 30
    xl pause "$1" && xl debug-keys q && xl debug-keys d
    echo "--- xl dmesg"; xl dmesg | tail -n 60
}

# no_backends: nothing in the store of a device that dom0 served.
no_backends() {
    local end=$((SECONDS + ${1:-10})) left
    while left=$(xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -c '/state = '); [ "$left" != 0 ]; do
        [ "$SECONDS" -ge "$end" ] && { echo "$left devices are left"; return 1; }
        sleep 0.3
    done
}
