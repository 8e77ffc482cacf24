# SPDX-License-Identifier: GPL-2.0-only
#
# The stock toolstack's view of a machine with one domain: every verb works, and what it says is true.
# GRANTA_CPUS: the machine's processors; GRANTA_MEM: its memory in MiB; GRANTA_DOM0: ours in MiB.

. /tests/lib.sh

cpus=$GRANTA_CPUS

info=$(xl info 2>&1) || fail xl-info "$(tail -n 1 <<<"$info")"
# Taken apart once: two processes for each line are seconds in an emulated machine.
declare -A value
while read -r line; do
    [[ $line =~ ^([a-z_A-Z]+)\ *:\ *(.*)$ ]] && value[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
done <<<"$info"

want info-host "${value[host]}" dom0
want info-release "${value[release]}" "$(uname -r)"
want info-machine "${value[machine]}" x86_64
want info-nr_cpus "${value[nr_cpus]}" "$cpus"
between info-max_cpu_id "${value[max_cpu_id]}" $((cpus - 1)) 8191
want info-nr_nodes "${value[nr_nodes]}" 1
between info-cores_per_socket "${value[cores_per_socket]}" 1 "$cpus"
want info-threads_per_core "${value[threads_per_core]}" 1
# A calibration off by more than a few per cent would put the whole time base off.
between info-cpu_mhz "${value[cpu_mhz]%%.*}" 100 10000
want info-hw_caps "${value[hw_caps]}" '[0-9a-f]{8}(:[0-9a-f]{8})+'
want info-virt_caps "${value[virt_caps]}" 'pv( .*)?'
between info-total_memory "${value[total_memory]}" $((GRANTA_MEM * 98 / 100 - 16)) "$GRANTA_MEM"
between info-free_memory "${value[free_memory]}" 1 $((GRANTA_MEM - GRANTA_DOM0))
want info-sharing_freed_memory "${value[sharing_freed_memory]}" 0
want info-sharing_used_memory "${value[sharing_used_memory]}" 0
want info-outstanding_claims "${value[outstanding_claims]}" 0
want info-free_cpus "${value[free_cpus]}" 0
want info-xen_major "${value[xen_major]}" 4
want info-xen_minor "${value[xen_minor]}" 17
want info-xen_extra "${value[xen_extra]}" '\S+'
want info-xen_version "${value[xen_version]}" "4\\.17${value[xen_extra]}"
want info-xen_caps "${value[xen_caps]}" 'xen-3\.0-x86_64( .*)?'
want info-xen_scheduler "${value[xen_scheduler]}" credit2
want info-xen_pagesize "${value[xen_pagesize]}" 4096
want info-platform_params "${value[platform_params]}" 'virt_start=0xffff800000000000'
want info-xen_changeset "${value[xen_changeset]}" '.*'
want info-xen_commandline "${value[xen_commandline]}" ".*dom0_mem=${GRANTA_DOM0}M.*"
want info-cc_compiler "${value[cc_compiler]}" '\S.*'
want info-cc_compile_by "${value[cc_compile_by]}" '\S.*'
want info-cc_compile_domain "${value[cc_compile_domain]}" '\S.*'
want info-cc_compile_date "${value[cc_compile_date]}" '\S.*'
want info-build_id "${value[build_id]}" '[0-9a-f]+'
want info-xend_config_format "${value[xend_config_format]}" 4

topology=$(xl info -n 2>&1)
# On a single processor the stock tools print no row.
rows=$(sed '/^numa_info/,$d' <<<"$topology" | grep -cE '^ +[0-9]+: +[0-9]+ +[0-9]+ +[0-9]+$')
between info-topology-cpus "$rows" $((cpus > 1 ? cpus : 0)) "$cpus"
want info-numa-node "$(grep -A2 '^numa_info' <<<"$topology" | grep -cE '^ +0: +[0-9]+ +[0-9]+ +10$')" 1

list=$(xl list 2>&1)
want list-rows "$(wc -l <<<"$list")" 2
read -r name id mem vcpus state seconds <<<"$(tail -n 1 <<<"$list")"
want list-name "$name" Domain-0
want list-id "$id" 0
between list-mem "$mem" $((GRANTA_DOM0 - 8)) $((GRANTA_DOM0 + 1))
want list-vcpus "$vcpus" "$cpus"
want list-state "$state" 'r-----'
want list-time "$seconds" '[0-9]+\.[0-9]'
want list-time-runs "$(awk '{print ($1 > 0)}' <<<"$seconds")" 1

vcpu_rows() { xl vcpu-list Domain-0 2>&1 | tail -n +2; }
rows=$(vcpu_rows)
want vcpu-list-rows "$(wc -l <<<"$rows")" "$cpus"
pattern='^Domain-0 +0 +[0-9]+ +([0-9]+|-) +[r-][b-][p-] +[0-9]+\.[0-9] +all / all *$'
want vcpu-list-format "$(grep -cE "$pattern" <<<"$rows")" "$cpus"
want vcpu-list-numbers "$(awk '{print $3}' <<<"$rows" | paste -sd ' ')" "$(seq -s ' ' 0 $((cpus - 1)))"
want vcpu-list-on-real-cpu "$(awk -v n="$cpus" '$4 != "-" && $4 >= n' <<<"$rows" | wc -l)" 0

want dmesg-banner "$(xl dmesg 2>&1 | grep -cE 'Xen version 4\.17|Granta' | sed 's/^[1-9][0-9]*$/some/')" some
check debug-keys xl debug-keys h
# The key's handler runs in the hypervisor, maybe after the call has returned.
for _ in 1 2 3 4 5; do
    keys=$(xl dmesg 2>/dev/null | grep -ciE "key '.' .*=>|show this (message|help)|help")
    [ "$keys" -gt 0 ] && break
    sleep 0.2
done
between debug-keys-output "$keys" 1 1000
check dmesg-clear xl dmesg -c
between dmesg-after-clear "$(xl dmesg 2>&1 | wc -l)" 0 2

up() { xl uptime 2>&1 | sed -n 's/^Domain-0 *0 *//p'; }
seconds_of() { awk -F: '{print $NF + 60 * $(NF - 1) + 3600 * (NF > 2 ? $(NF - 2) : 0)}' <<<"$1"; }
before=$(cut -d. -f1 /proc/uptime)
first=$(up)
want uptime-format "$first" '([0-9]+ days?, +)?[0-9]+:[0-9]{2}:[0-9]{2}'
sleep 2
second=$(up)
between uptime-runs $(($(seconds_of "$second") - $(seconds_of "$first"))) 1 20
between clock-runs $(($(cut -d. -f1 /proc/uptime) - before)) 1 20

# On a single processor "0" and "all" are the same, and xl says "all".
affinity() { vcpu_rows | sed -n '1s/.* \([^ ]* \/ [^ ]*\) *$/\1/p'; }
zero=$([ "$cpus" = 1 ] && echo all || echo 0)

check vcpu-pin xl vcpu-pin 0 0 0
want vcpu-pin-seen "$(affinity)" "$zero / all"
want vcpu-pin-moves "$(vcpu_rows | awk 'NR == 1 {print $4}')" '0|-'
check vcpu-pin-soft xl vcpu-pin 0 0 all 0
want vcpu-pin-soft-seen "$(affinity)" "all / $zero"
check vcpu-pin-back xl vcpu-pin 0 0 all all
want vcpu-pin-back-seen "$(vcpu_rows | grep -c 'all / all')" "$cpus"
if xl vcpu-pin 0 0 4000 >/dev/null 2>&1; then
    fail vcpu-pin-bad-cpu "a CPU that is not there was accepted"
else
    pass vcpu-pin-bad-cpu
fi

credit2() { xl sched-credit2 -d Domain-0 2>&1 | tail -n 1 | sed 's/  */ /g; s/ *$//'; }
want sched-credit2 "$(credit2)" 'Domain-0 0 256 0'
check sched-credit2-set xl sched-credit2 -d Domain-0 -w 512 -c 50
want sched-credit2-seen "$(credit2)" 'Domain-0 0 512 50'
check sched-credit2-back xl sched-credit2 -d Domain-0 -w 256 -c 0
want sched-credit2-back-seen "$(credit2)" 'Domain-0 0 256 0'
want sched-credit2-pool "$(xl sched-credit2 2>&1 | head -n 1)" 'Cpupool Pool-0: .*ratelimit.*'

want domid "$(xl domid Domain-0 2>&1)" 0
want domname "$(xl domname 0 2>&1)" Domain-0
want xenstore-name "$(xenstore-read /local/domain/0/name 2>&1)" Domain-0
want online-cpus "$(grep -c '^processor' /proc/cpuinfo)" "$cpus"
between mem-total $(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1024)) \
    $((GRANTA_DOM0 * 80 / 100 - 40)) "$GRANTA_DOM0"

no_innocent_crash no-crash
finish
