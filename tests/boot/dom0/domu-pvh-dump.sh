# SPDX-License-Identifier: GPL-2.0-only
#
# A PVH guest is dumped while it lives, and leaves a core when it crashes. For a dump the toolstack
# tries to map every gfn up to 0xf0000 (xc_domain_dumpcore_via_callback()): it takes minutes.

. /tests/lib.sh
. /tests/guest.sh

guest_type=pvh
dumps=/var/lib/xen/dump
mkdir -p $dumps

dump() {
    local begin=$SECONDS
    # A page that begins with what tests/boot/progs/coreinfo.c looks for.
    guest_ask dump 'printf "granta-marker in dump" >/tmp/marker' >/dev/null
    check dump xl dump-core dump $dumps/alive
    echo "dump: $((SECONDS - begin)) s"
    want dump-holds "$(coreinfo $dumps/alive)" 'vcpus=1 pages=[0-9]+ rip=[0-9a-f]+ marker=[0-9]+ in dump'
    rm -f $dumps/alive
    want dump-goes-on "$(guest_ask dump 'echo yes')" yes
}

core() {
    guest_ask dump 'printf "granta-marker in its core" >/tmp/marker' >/dev/null
    guest_do dump 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger'
    check crash-gone guest_gone dump 400
    want crash-core "$(coreinfo $dumps/dump*)" 'vcpus=1 pages=[0-9]+ rip=[0-9a-f]+ marker=[0-9]+ in its core'
}

file=$(guest_config dump 1 "on_crash = 'coredump-destroy'")
if why=$(guest_starts "$file" 90); then
    pass up
    dump
    core
else
    fail up "$why"
    guest_post_mortem dump
fi
check no-zombie no_zombie
no_innocent_crash no-crash
guest_ends dump
