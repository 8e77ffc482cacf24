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

# file_says FILE REGEX [SECONDS [TIMES]]: so many of its lines match, now or soon; prints the last. Looks without
# starting a process, and at each line once: the guest runs in the emulator's one thread too, of which grep took half.
file_says() {
    local end=$((SECONDS + ${3:-40})) times=${4:-1} skip=${file_skip:-0} raw text open found
    while :; do
        raw=() open=''
        [ -r "$1" ] && mapfile -s "$skip" raw <"$1"
        for text in "${raw[@]}"; do
            text=${text//$'\r'/}
            [[ $text == *$'\n' ]] || { open=$text; break; }
            skip=$((skip + 1))
            [[ ${text%$'\n'} =~ $2 ]] && found=${text%$'\n'} && times=$((times - 1))
        done
        # The last line may have no end yet: a prompt, or it goes on and is looked at again.
        [ -z "$file_whole" ] && [ "$times" = 1 ] && [ -n "$open" ] && [[ $open =~ $2 ]] && found=$open && break
        [ "$times" -le 0 ] && break
        [ "$SECONDS" -ge "$end" ] && return 1
        nap "${guest_poll:-0.2}"
    done
    echo "$found"
}

# guest_says NAME REGEX [SECONDS [TIMES]]: the same of the guest's console.
guest_says() { file_says "/var/log/xen/console/guest-$1.log" "${@:2}"; }

guest_tty() { xenstore-read "/local/domain/$(xl domid "$1")/console/tty"; }

# guest_do NAME COMMAND: type the command at the guest's console.
guest_do() {
    local tty
    if [ -r "$guests/$1.tty" ]; then read -r tty <"$guests/$1.tty"; else tty=$(guest_tty "$1") || return 1; fi
    echo "$2" >"$tty"
}

# guest_log_end NAME: file_says skips what the guest has said so far.
guest_log_end() {
    local raw=()
    [ -r "/var/log/xen/console/guest-$1.log" ] && mapfile raw <"/var/log/xen/console/guest-$1.log"
    file_skip=$((${#raw[@]} > 0 ? ${#raw[@]} - 1 : 0))
}

# guest_ask NAME COMMAND [SECONDS]: run it there; prints its output as one line, returns its status.
# The answer is told from others by a number that counts on in a file: this may run in a subshell.
guest_ask() {
    local n=0 line file_skip file_whole=1
    [ -r $guests/asked ] && read -r n <$guests/asked
    n=$((n + 1))
    echo "$n" >$guests/asked
    guest_log_end "$1"
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
        nap 0.3
    done
}

guest_state() { xl list "$1" 2>/dev/null | awk 'NR == 2 {print $5}'; }

# state_becomes NAME REGEX [SECONDS]: the state that xl list shows matches, now or soon.
state_becomes() {
    local end=$((SECONDS + ${3:-10}))
    while ! [[ $(guest_state "$1") =~ ^($2)$ ]]; do
        [ "$SECONDS" -ge "$end" ] && { echo "state is '$(guest_state "$1")'"; return 1; }
        nap 0.2
    done
}

# In MiB, as the toolstack rounds it.
free_memory() { xl info | sed -n 's/^free_memory *: *//p'; }

# memory_back MIB [SECONDS]: free memory is what it was; the last references go some time after death.
memory_back() {
    local end=$((SECONDS + ${2:-10}))
    while [ "$(free_memory)" != "$1" ]; do
        [ "$SECONDS" -ge "$end" ] && { echo "$(free_memory) MiB free, $1 before"; return 1; }
        nap 0.3
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
        nap 0.5
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
    local p words
    for p in /proc/[0-9]*; do
        words=()
        mapfile -d '' words 2>/dev/null <"$p/cmdline"
        [[ "${words[*]} " =~ $1 ]] && echo "${p##*/}"
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
        nap 0.3
    done
}
