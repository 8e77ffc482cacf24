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
