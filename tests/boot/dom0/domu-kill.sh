# SPDX-License-Identifier: GPL-2.0-only
#
# Parts of the toolstack die without a word: xl in the middle of making a guest, the daemon that watches a
# guest, the console daemon, the device model that serves a guest's disk. Nothing of the hypervisor is lost,
# what is left goes with `xl destroy`, and a guest that had no part in it goes on.

. /tests/lib.sh
. /tests/guest.sh

grub=/usr/lib/grub-xen/grub-x86_64-xen.bin
image=$guests/disk.img

config() { printf '%s\n' "name = '$1'" "type = 'pv'" "kernel = '$grub'" 'memory = 64' 'vcpus = 2' "${@:2}" >"$guests/$1.cfg"; }

# Everything of that name that the toolstack can find.
clean() {
    local id
    for id in $(xl list | awk 'NR > 2 && ($1 == "half" || $1 == "(null)") { print $2 }'); do xl destroy "$id"; done >/dev/null 2>&1
}

# killed_after DOMAINS_SEEN TENTHS: xl creates; killed so long after there is a domain (or after its start).
killed_after() {
    local pid i
    xl create -p $guests/half.cfg >$guests/half.out 2>&1 &
    pid=$!
    if [ "$1" = born ]; then
        for i in $(seq 200); do [ "$(xl list | wc -l)" -gt 3 ] && break; done
    fi
    sleep "$2"
    if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
    wait $pid 2>/dev/null
    rows=$(xl list | tail -n +4 | awk '{ print $1, $3, $5 }' | paste -sd ',')
    echo "killed $2 s after $1: ${rows:-nothing} left"
    clean
}

only_bystander() {
    for _ in $(seq 50); do
        [ "$(xl list | tail -n +3 | awk '{ print $1 }')" = stay ] && return
        clean
        sleep 0.2
    done
    xl list | tail -n +3
    return 1
}

in_the_middle_of_create() {
    local point
    killed=0
    for point in 'start 0.05' 'start 0.15' 'start 0.3' 'born 0' 'born 0.05' 'born 0.15' 'born 0.3'; do
        killed_after $point
    done
    between creates-killed "$killed" 4 7
    check creates-cleaned only_bystander
    check creates-account account_back /run/account.before
}

# xl create leaves a process that waits for the guest's end.
daemon() {
    config watched
    check watched-create xl create $guests/watched.cfg
    pid=$(process 'xl create .*watched.cfg')
    check watched-daemon test -n "$pid"
    kill -9 "$pid"
    check watched-prompt guest_says watched 'grub>' 20
    check watched-destroy xl destroy watched
    check watched-gone guest_gone watched
    check watched-account account_back /run/account.before
}

console() {
    kill -9 "$(pidof xenconsoled)"
    sleep 0.5
    xenconsoled --log=guest --log-dir=/var/log/xen/console
    check console-again eval '[ -n "$(pidof xenconsoled)" ]'
    guest_tty stay >$guests/stay.tty
    check console-answers bystander
}

# The disk's device model dies while the guest uses it.
device_model() {
    local pid
    truncate -s 8M $image
    config disk "disk = [ 'format=raw, backendtype=qdisk, vdev=xvda, access=rw, target=$image' ]"
    check disk-create xl create $guests/disk.cfg
    check disk-prompt guest_says disk 'grub>' 30
    pid=$(process "qemu.* -xen-domid $(xl domid disk) ")
    check disk-model test -n "$pid"
    kill -9 "$pid"
    check disk-alive state_becomes disk '[r-][b-]----'
    check disk-destroy xl destroy disk
    check disk-gone guest_gone disk
    check disk-account account_back /run/account.before
}

bystander() { [ "$(guest_ask stay 'echo still here')" = 'still here' ]; }

config half
check bystander-up guest_starts "$(guest_memory=96 guest_config stay 1)"
for round in 1 2; do           # what dom0 and the daemons need for good
    config first "disk = [ 'format=raw, backendtype=qdisk, vdev=xvda, access=rw, target=$image' ]"
    truncate -s 8M $image
    check first-$round eval 'xl create $guests/first.cfg && guest_says first "grub>" 30 && xl destroy first && guest_gone first'
done
account >/run/account.before
cat /run/account.before
in_the_middle_of_create
check bystander-answers bystander
daemon
console
device_model
check bystander-still-answers bystander
check bystander-shutdown xl destroy stay
check no-zombie no_zombie
no_innocent_crash no-crash
if [ "$failed" != 0 ]; then
    cat /run/account.now
    ps
    xl list
    tail -n 20 /var/log/xen/xl-*.log /var/log/xen/qemu-dm-*.log $guests/*.out
fi
guest_ends stay disk watched
