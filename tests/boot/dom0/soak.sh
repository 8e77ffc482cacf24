# SPDX-License-Identifier: GPL-2.0-only
#
# Checksum loops in dom0 beside a fork storm, in a PV guest and in a PVH guest (GRANTA_GUESTS), all at
# once for GRANTA_SECONDS (default 48) and more loops than processors: no wrong sum, and no fault of an
# innocent program. Corrupted vector state shows as one or the other.

. /tests/lib.sh
. /tests/guest.sh

seconds=${GRANTA_SECONDS:-48}
right='iterations=[1-9][0-9]* wrong=0 -'
echo "soak: $seconds s, CPU flags:" "$(grep -m1 '^flags' /proc/cpuinfo | grep -owE 'xsave|avx|avx2|avx512f|fxsr' | paste -sd ' ')"
want xsave-as-planned "$(grep -m1 '^flags' /proc/cpuinfo | grep -cw xsave)" "${GRANTA_XSAVE:-[01]}"

guests_up=
for type in ${GRANTA_GUESTS:-pv pvh}; do
    if why=$(guest_type=$type guest_starts "$(guest_type=$type guest_config sum$type 2)" 60); then
        guests_up+=" sum$type"
        pass $type-up
    else
        fail $type-up "$why"
        guest_post_mortem sum$type
    fi
done

for name in $guests_up; do
    guest_do "$name" "for n in 1 2; do checksum $seconds \$n >/tmp/\$n & done"
done
storm fork "$seconds" 2 >/run/fork.out 2>&1 & fork_pid=$!
for n in 1 2 3; do
    checksum "$seconds" $n >/run/sum$n.out 2>&1 & pids[n]=$!
done
for n in 1 2 3; do
    wait "${pids[n]}"
    want "checksum-$n" "$? $(cat /run/sum$n.out)" "0 checksum $n $right"
    echo "soak: $(cat /run/sum$n.out)"
done
wait $fork_pid
want storm-fork "$? $(cat /run/fork.out)" '0 storm fork count=[1-9][0-9]* wrong=0 crashed=0'
echo "soak: $(cat /run/fork.out)"
for name in $guests_up; do
    sums=$(guest_ask "$name" 'wait; cat /tmp/1 /tmp/2; dmesg | grep -cE "segfault|general protection|traps:"' 40)
    want "$name-sums" "$sums" "checksum 1 $right checksum 2 $right 0"
    echo "soak: $name: $sums"
done
no_innocent_crash no-crash
guest_ends $guests_up
