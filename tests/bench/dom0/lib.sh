# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the benchmarks that run in the first domain, which have the tests' helpers too.

. /tests/lib.sh
. /tests/guest.sh

# figure NAME SAMPLES...: the line that bench.py reads, "bench NAME MIN MEDIAN MAX".
figure() {
    local name=$1 sorted
    shift
    sorted=($(printf '%s\n' "$@" | sort -n))
    echo "bench $name ${sorted[0]} ${sorted[$((${#sorted[@]} / 2))]} ${sorted[-1]}"
}

# measure COMMAND...: nanoseconds into ns, or a failure.
measure() {
    ns=$(took "$@" 2>"$guests/took.err") || { fail "$*" "$(tail -n 1 "$guests/took.err")"; return 1; }
}

# creations NAME ROUNDS TEXT MAKE: until TEXT is on the console of a guest that MAKE configures.
creations() {
    local name=$1 rounds=$2 text=$3 make=$4 samples=() i guest
    for ((i = 0; i < rounds; i++)); do
        guest=$name$i
        measure -u "/var/log/xen/console/guest-$guest.log" "$text" xl create "$("$make" "$guest")" || return
        samples+=("$ns")
        xl destroy "$guest"
    done
    figure "create.$name" "${samples[@]}"
}

linux() { guest_config "$1" 1; }
