# SPDX-License-Identifier: GPL-2.0-only
#
# What an administrator does to a PVH guest that is alive: vcpus and memory, up and down; an NMI, the
# power button; a reboot; a crash. Dumps are in domu-pvh-dump.

. /tests/lib.sh
. /tests/guest.sh

guest_type=pvh

# becomes NAME VALUE COMMAND: the guest's answer is that value, now or soon.
becomes() {
    local answer end=$((SECONDS + 40))
    until answer=$(guest_ask verbs "$3"); [ "$answer" = "$2" ] || [ "$SECONDS" -ge "$end" ]; do nap 0.3; done
    want "$1" "$answer" "$2"
}

vcpus() {
    check vcpu-set-down xl vcpu-set verbs 1
    becomes vcpu-set-down-seen 1 nproc
    check vcpu-set-up xl vcpu-set --ignore-host verbs 4
    # A processor that was never there has to be brought online by hand, as in PV guests.
    becomes vcpu-set-up-seen 4 'for c in 1 2 3; do echo 1 >/sys/devices/system/cpu/cpu$c/online; done 2>/dev/null; nproc'
    want vcpu-set-all-work "$(guest_ask verbs 'for c in 0 1 2 3; do taskset -c $c sh -c "i=0;
        while [ \$i -lt 100 ]; do i=\$((i+1)); done; echo \$i" & done; wait' 30)" '(100 ){3}100'
    want vcpu-set-list "$(xl vcpu-list verbs | tail -n +2 | grep -c ' [r-][b-]- ')" 4
}

memory() {
    local mib
    for mib in 144 200; do
        check "mem-set-$mib" xl mem-set verbs ${mib}m
        for _ in {1..30}; do
            [ "$(xl list verbs | awk 'NR == 2 {print $3}')" = $mib ] && break
            nap 0.3
        done
        want "mem-set-$mib-list" "$(xl list verbs | awk 'NR == 2 {print $3}')" $mib
    done
    want mem-set-filled "$(guest_ask verbs 'dd if=/dev/zero of=/tmp/x bs=1M count=40 2>/dev/null;
        wc -c </tmp/x; rm /tmp/x' 60)" $((40 << 20))
}

signals() {
    check trigger-nmi xl trigger verbs nmi 0
    # The kernel looks for the reason at port 0x61, where a PVH guest has nothing: all ones.
    becomes trigger-nmi-seen 1 "dmesg | grep -c 'NMI: PCI system error (SERR) for reason ff'"
    # There is no button: what the toolstack makes of that is not ours.
    xl trigger verbs power
    want trigger-power-lives "$(guest_ask verbs 'echo yes')" yes
}

ends() {
    local id
    id=$(xl domid verbs)
    check reboot xl reboot verbs
    guest_says verbs '^guest: up' 60 2 >/dev/null
    want reboot-up "$(guest_log verbs | grep -ac '^guest: up')" 2
    want reboot-new "$(($(xl domid verbs) > id))" 1
    guest_tty verbs >$guests/verbs.tty
    guest_do verbs 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger'
    check crash-gone guest_gone verbs 60
}

guest_memory=200
file=$(guest_config verbs 2 'maxvcpus = 4')
if why=$(guest_starts "$file" 90); then
    pass up
    for part in vcpus memory signals ends; do
        echo "verbs: $part, after $SECONDS s"
        $part
    done
else
    fail up "$why"
    guest_post_mortem verbs
fi
check no-zombie no_zombie
no_innocent_crash no-crash
guest_ends verbs
