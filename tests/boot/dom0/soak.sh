# SPDX-License-Identifier: GPL-2.0-only
#
# Three checksum loops beside a fork storm for GRANTA_SECONDS (default 60): no wrong sum, and no fault of
# an innocent program. Corrupted vector state shows as one or the other.

. /tests/lib.sh

seconds=${GRANTA_SECONDS:-60}
echo "soak: $seconds s, CPU flags:" "$(grep -m1 '^flags' /proc/cpuinfo | grep -owE 'xsave|avx|avx2|avx512f|fxsr' | paste -sd ' ')"
want xsave-as-planned "$(grep -m1 '^flags' /proc/cpuinfo | grep -cw xsave)" "${GRANTA_XSAVE:-[01]}"

storm fork "$seconds" 2 >/run/fork.out 2>&1 & fork_pid=$!
for n in 1 2 3; do
    checksum "$seconds" $n >/run/sum$n.out 2>&1 & pids[n]=$!
done
for n in 1 2 3; do
    wait "${pids[n]}"
    want "checksum-$n" "$? $(cat /run/sum$n.out)" "0 checksum $n iterations=[1-9][0-9]* wrong=0 -"
    echo "soak: $(cat /run/sum$n.out)"
done
wait $fork_pid
want storm-fork "$? $(cat /run/fork.out)" '0 storm fork count=[1-9][0-9]* wrong=0 crashed=0'
echo "soak: $(cat /run/fork.out)"
no_innocent_crash no-crash
finish
