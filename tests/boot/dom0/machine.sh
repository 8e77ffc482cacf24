# SPDX-License-Identifier: GPL-2.0-only
#
# A short look at a large machine: the toolstack works, and all processors and memory are there.
# GRANTA_CPUS: the machine's processors; GRANTA_MEM: its memory in MiB; GRANTA_VCPUS: ours.

. /tests/lib.sh

info=$(xl info 2>&1)
value() { sed -n "s/^$1 *: *//p" <<<"$info"; }

want nr_cpus "$(value nr_cpus)" "$GRANTA_CPUS"
# The hypervisor's own bookkeeping must not eat the machine: 3 % covers holes and frame tables.
between total_memory "$(value total_memory)" $((GRANTA_MEM * 97 / 100 - 16)) "$GRANTA_MEM"
between free_memory "$(value free_memory)" $((GRANTA_MEM * 97 / 100 - 16 - GRANTA_DOM0)) "$GRANTA_MEM"
want dom0-vcpus "$(xl list 0 2>&1 | awk 'NR == 2 {print $4}')" "$GRANTA_VCPUS"
want online-cpus "$(grep -c '^processor' /proc/cpuinfo)" "$GRANTA_VCPUS"
# Pin to the last processor and run there: it is really up, not only counted.
check pin-last xl vcpu-pin 0 0 $((GRANTA_CPUS - 1))
sleep 0.5
want runs-on-last "$(xl vcpu-list 0 2>&1 | awk '$3 == 0 {print $4}')" "$((GRANTA_CPUS - 1))|-"
no_innocent_crash no-crash
finish
