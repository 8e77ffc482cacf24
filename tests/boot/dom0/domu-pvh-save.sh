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
head -c 4m /dev/urandom >$guests/disk
brctl addbr xenbr0
ip addr add 10.7.0.1/24 dev xenbr0
ip link set xenbr0 up
file=$(guest_config kept 2 "disk = [ '$guests/disk,raw,xvda,rw' ]" "vif = [ 'mac=00:16:3e:07:00:02,bridge=xenbr0' ]")

devices() {
    want "$1-disk" "$(guest_ask kept 'echo 1 >/proc/sys/vm/drop_caches; md5sum </dev/xvda | cut -c-32' 40)" "$(md5sum <$guests/disk | cut -c-32)"
    want "$1-ping" "$(guest_ask kept 'ping -c 2 -W 5 10.7.0.1' 40)" '.* [12] packets received.*'
}

begins 90
saved_and_restored
migration_breaks
migrated
saved_and_goes_on
destroyed
all_refused half tail header middle context
step again
check again restores kept $image
kept kept again
check again-shutdown xl shutdown -w kept
check again-gone guest_gone kept
saves_end
