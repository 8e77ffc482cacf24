# SPDX-License-Identifier: GPL-2.0-only
#
# Cpu pools as the stock toolstack sees them, on two nodes of two cpus: a pool for each policy, cpus
# and a working guest that move between them, parameters, and what has to be refused. A hypervisor
# that is built without a policy refuses its pool at the beginning, and is asked no more of it.

. /tests/lib.sh
. /tests/guest.sh

window=${GRANTA_WINDOW:-8} # seconds of a measurement at least

# refused NAME COMMAND...: it fails, and says why.
refused() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then fail "$name" "it succeeded"; elif [ -z "$out" ]; then fail "$name" "without a word"; else pass "$name"; fi
}

pool_row() { xl cpupool-list 2>/dev/null | awk -v name="$1" '$1 == name { print $2, $3, $5 }'; }     # cpus, policy, domains
pool_cpus() { xl cpupool-list -c 2>/dev/null | awk -v name="$1" '$1 == name { print $2 }'; }

# new_pool NAME POLICY CPU
new_pool() {
    check "remove-cpu-$3" xl cpupool-cpu-remove Pool-0 "$3"
    check "create-$1" xl cpupool-create "name=\"$1\"" "sched=\"$2\"" "cpus=[\"$3\"]"
    want "pool-$1" "$(pool_row "$1")" "1 $2 0"
}

works() { want "$1" "$(guest_ask g 'echo works-$((6 * 7))' 30)" 'works-42'; }

# move POOL: live, while the guest works and obeys its console.
move() {
    check "move-to-$1" xl cpupool-migrate g "$1"
    works "works-in-$1"
    want "domains-of-$1" "$(pool_row "$1" | cut -d ' ' -f 3)" '[12]'
}

# times: tenths of a second that the guest's two vcpus have had.
times() { xl vcpu-list g | awk 'NR > 1 { printf "%d ", $(NF - 3) * 10 }'; }

rtds_set() { xl sched-rtds -d g -v 0 -p 10000 -b "$1" -e 0 -v 1 -p 20000 -b 2000 -e 1; }

# One cpu for two vcpus that want all of it: the first has its budget, the second the rest.
budgets() {
    local a b c d
    guest_do g 'for i in 1 2; do while :; do :; done & done'
    check rtds-set rtds_set 4000
    want rtds-get "$(xl sched-rtds -d g -v all | awk 'NR > 1 && NF == 6 { print $3, $4, $5, $6 }' | tr '\n' ' ')" \
        '0 10000 4000 no 1 20000 2000 yes '
    refused rtds-bad-budget rtds_set 20000
    sleep 1
    read -r a b <<<"$(times)"
    sleep "$window"
    read -r c d <<<"$(times)"
    echo "budget of 40 %: $((c - a)), the rest: $((d - b)) tenths of a second"
    between share-of-40 $(((c - a) * 1000 / (c - a + d - b))) 380 420
    guest_do g 'kill %1 %2; wait'
}

policy=rtds
spare=null
if ! xl cpupool-create 'name="try"' 'sched="rtds"' 'cpus=[]' >/dev/null 2>&1; then
    [ -n "$(xl dmesg | grep -i granta)" ] && fail rtds "no such policy"
    policy=credit
    spare=credit # stock Xen 4.17 crashes when a domain moves between two pools of credit2
else
    xl cpupool-destroy try
fi
want one-pool "$(pool_row Pool-0)" '4 credit2 1'
want its-cpus "$(pool_cpus Pool-0)" '0,1,2,3'
new_pool first $policy 2
new_pool second credit 3
want cpus-left "$(pool_cpus Pool-0)" '0,1'
check pools-parameter xl sched-credit -s -p second -t 10 -r 500
want parameter-of-pool "$(xl sched-credit -s -p second | grep -o 'tslice=10ms ratelimit=500us')" '.+'

if ! why=$(guest_starts "$(guest_config g 2 'pool = "first"')" 60); then
    fail guest-in-pool "$why"
    guest_post_mortem g
else
    pass guest-in-pool
    want its-pool "$(xl list -c g | awk 'NR == 2 { print $NF }')" first
    want its-cpu "$(xl vcpu-list g | awk 'NR > 1 { print $4 }' | sort -u)" '2|-|2.-|-.2'
    refused destroy-with-domain xl cpupool-destroy first
    want remove-last-cpu "$(xl cpupool-cpu-remove first 2 2>&1 | tail -n 1)" '.+' # its status says nothing
    want last-cpu-stays "$(pool_cpus first)" 2
    refused wrong-policy xl sched-credit2 -d g
    [ $policy = rtds ] && budgets
    guest_do g 'while sleep 0.05; do echo working >/dev/null; done &'
    move second
    check credit-set xl sched-credit -d g -w 512 -c 150
    want credit-get "$(xl sched-credit -d g | awk 'NR == 2 { print $3, $4 }')" '512 150'
    refused wrong-policy-again xl sched-rtds -d g
    refused move-dom0 xl cpupool-migrate 0 second
    move Pool-0
    check credit2-set xl sched-credit2 -d g -w 300
    # The first pool ends, and its cpu with another one is for the policy that has a cpu for each vcpu.
    check remove-only-cpu xl cpupool-cpu-remove first 2
    check destroy-empty xl cpupool-destroy first
    new_pool third $spare 1
    check add-cpu xl cpupool-cpu-add third 2
    want third-cpus "$(pool_cpus third)" '1,2'
    move third
    want one-cpu-each "$(xl vcpu-list g | awk 'NR > 1 { print $4 }' | sort | tr '\n' ' ')" '1 2 '
    check rename xl cpupool-rename third renamed
    want renamed "$(pool_row renamed)" "2 $spare 1"
    check remove-busy-cpu xl cpupool-cpu-remove renamed 1
    works works-on-one-cpu
    check guest-destroy xl destroy g
    check renamed-empty xl cpupool-cpu-remove renamed 2
    check renamed-destroy xl cpupool-destroy renamed
    check second-empty xl cpupool-cpu-remove second 3
    check second-destroy xl cpupool-destroy second
    check all-back xl cpupool-cpu-add Pool-0 1-3
    want all-in-one "$(pool_cpus Pool-0)" '0,1,2,3'
    check numa-split xl cpupool-numa-split
    want nodes "$(xl cpupool-list -c | awk 'NR > 1 { print $1, $2 }' | tr '\n' ' ')" 'Pool-node0 0,1 Pool-node1 2,3 '
fi
want dom0-runs "$(xl list 0 | awk 'NR == 2 { print $1, $5 }')" 'Domain-0 r-----'
no_innocent_crash no-crash
guest_ends g
