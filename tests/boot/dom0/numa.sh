# SPDX-License-Identifier: GPL-2.0-only
#
# A machine of two nodes as the stock toolstack sees it: processors, memory and distances are where
# the firmware's SRAT and SLIT put them. The case's QEMU arguments say what that is.

. /tests/lib.sh

topology=$(xl info -n 2>&1)
want nr_nodes "$(sed -n 's/^nr_nodes *: *//p' <<<"$topology")" 2
# cpu: core socket node
nodes=$(sed '/^numa_info/,$d' <<<"$topology" | awk '$1 ~ /^[0-9]+:$/ {print $4}' | paste -sd ' ')
want cpus-of-nodes "$nodes" '0 0 1 1'
# node: memsize memfree distances, in MiB; node 0 lacks the hole below 1 MiB at most, and counts the
# PCI hole's address range where the firmware does.
row() { sed '1,/^numa_info/d' <<<"$topology" | awk -v n="$1:" '$1 == n'; }
for node in 0 1; do
    read -r _ size free distances <<<"$(row $node)"
    between "node$node-size" "$size" 1020 1100
    between "node$node-free" "$free" 0 1024
    want "node$node-distances" "$distances" "$([ $node = 0 ] && echo 10,21 || echo 21,10)"
done
total=$(sed -n 's/^free_memory *: *//p' <<<"$topology")
sum=$(($(row 0 | awk '{print $3}') + $(row 1 | awk '{print $3}')))
between free-is-the-sum "$sum" $((total - 2)) $((total + 2))
# The first domain's memory comes from both or either; a pinned vcpu runs on the node it is sent to.
check pin-node-1 xl vcpu-pin 0 0 nodes:1
sleep 0.5
want runs-on-node-1 "$(xl vcpu-list 0 | awk '$3 == 0 {print $4}')" '2|3|-'
check pin-back xl vcpu-pin 0 0 all
no_innocent_crash no-crash
finish
