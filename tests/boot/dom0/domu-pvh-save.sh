# SPDX-License-Identifier: GPL-2.0-only
#
# A PVH guest is saved and restored, saved and goes on, and migrates alive to this same machine, with what
# it computes, its disk and its network. Images that are damaged are refused. Nothing leaks.

. /tests/lib.sh
. /tests/guest.sh
. /tests/saved.sh

guest_type=pvh
guest_memory=160
guest_args="granta.net=10.7.0.2/24"
image=$saves/image
head -c 4m /dev/urandom >$guests/disk
brctl addbr xenbr0
ip addr add 10.7.0.1/24 dev xenbr0
ip link set xenbr0 up
file=$(guest_config kept 2 "disk = [ '$guests/disk,raw,xvda,rw' ]" "vif = [ 'mac=00:16:3e:07:00:02,bridge=xenbr0' ]")

devices() {
    want "$1-disk" "$(guest_ask kept 'echo 1 >/proc/sys/vm/drop_caches; md5sum </dev/xvda | cut -c-32' 40)" "$(md5sum <$guests/disk | cut -c-32)"
    want "$1-ping" "$(guest_ask kept 'ping -c 2 -W 5 10.7.0.1' 40)" '.* [12] packets received.*'
}

fails() {
    [ "$failed" = 0 ] && return
    for f in save restore migrate; do echo "--- $f"; grep -av 'Frames.*%' $guests/kept.$f | tail -n 40; done
    echo "--- console"; guest_log kept | tail -n 90
    xl list
    xl pause kept && xl debug-keys q && xl debug-keys d && xl dmesg | tail -n 60
    finish
}

step() { echo "save: $1, after $SECONDS s"; }

xl create -p "$file" >/dev/null 2>&1 && xl destroy kept
check settled guest_gone kept
account >/run/account.before

why=$(guest_starts "$file" 90) && pass up || { fail up "$why"; fails; }
keep kept first
devices first

step save
check save saves_as kept $image
check save-gone guest_gone kept
check save-account account_back /run/account.before
ls -l $image
step restore
check restore restores kept $image
kept kept restored
devices restored
fails

step migrate
guest_ask kept 'touch /again; sleep 0.3; echo 0 >/gap' >/dev/null
check migrate migrates kept
kept kept migrated
devices migrated
downtime kept
fails

step checkpoint
check checkpoint saves_as kept $image -c
kept kept checkpointed
devices checkpointed
fails

check destroy xl destroy kept
check gone guest_gone kept
check account account_back /run/account.before
step damaged
for kind in half tail header middle context; do refused kept $kind $image; done
check damaged-account account_back /run/account.before
[ "$failed" = 0 ] || { cat $guests/kept.damaged; xl dmesg | tail -n 20; }
step again
check again restores kept $image
kept kept again
check again-shutdown xl shutdown -w kept
check again-gone guest_gone kept
check no-zombie no_zombie
check no-backends no_backends
check end-account account_back /run/account.before
no_innocent_crash no-crash
guest_ends kept
