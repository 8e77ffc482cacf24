# SPDX-License-Identifier: GPL-2.0-only
#
# What an administrator does to a PVH guest that is alive: vcpus and memory, up and down; an NMI, the
# power button; a dump while it lives; a reboot; a crash that leaves a core.

. /tests/lib.sh
. /tests/guest.sh

guest_type=pvh
dumps=/var/lib/xen/dump
mkdir -p $dumps

# becomes NAME VALUE COMMAND: the guest's answer is that value, now or soon.
becomes() {
    local answer
    for _ in {1..30}; do
        answer=$(guest_ask verbs "$3")
        [ "$answer" = "$2" ] && break
        sleep 0.3
    done
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
            sleep 0.3
        done
        want "mem-set-$mib-list" "$(xl list verbs | awk 'NR == 2 {print $3}')" $mib
    done
    want mem-set-filled "$(guest_ask verbs 'head -c 40m /dev/zero >/tmp/x; wc -c </tmp/x; rm /tmp/x' 30)" $((40 << 20))
}

signals() {
    check trigger-nmi xl trigger verbs nmi 0
    becomes trigger-nmi-seen 1 "dmesg | grep -c 'NMI received for unknown reason'"
    # There is no button: what the toolstack makes of that is not ours.
    xl trigger verbs power
    want trigger-power-lives "$(guest_ask verbs 'echo yes')" yes
    # A page that begins with what tests/boot/progs/coreinfo.c looks for.
    guest_ask verbs 'printf "granta-marker in verbs" >/tmp/marker' >/dev/null
    check dump xl dump-core verbs $dumps/alive
    want dump-holds "$(coreinfo $dumps/alive)" 'vcpus=[1-4] pages=[0-9]+ rip=[0-9a-f]+ marker=[0-9]+ in verbs'
    rm -f $dumps/alive
}

ends() {
    local id
    id=$(xl domid verbs)
    check reboot xl reboot verbs
    for _ in {1..120}; do
        [ "$(guest_log verbs | grep -ac '^guest: up')" = 2 ] && break
        sleep 0.5
    done
    want reboot-up "$(guest_log verbs | grep -ac '^guest: up')" 2
    want reboot-new "$(($(xl domid verbs) > id))" 1
    guest_tty verbs >$guests/verbs.tty
    guest_ask verbs 'printf "granta-marker in its core" >/tmp/marker' >/dev/null
    guest_do verbs 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger'
    check crash-gone guest_gone verbs 60
    want crash-core "$(coreinfo $dumps/verbs*)" 'vcpus=[1-4] pages=[0-9]+ rip=[0-9a-f]+ marker=[0-9]+ in its core'
}

guest_memory=200
file=$(guest_config verbs 2 'maxvcpus = 4' "on_crash = 'coredump-destroy'")
if why=$(guest_starts "$file" 90); then
    pass up
    vcpus
    memory
    signals
    ends
else
    fail up "$why"
    guest_post_mortem verbs
fi
check no-zombie no_zombie
no_innocent_crash no-crash
guest_ends verbs
