# SPDX-License-Identifier: GPL-2.0-only
#
# HVM guests come and go at every stage of their lives, device models are killed and stopped while their guest
# uses them, xl is killed in the middle of making a guest. After each the hypervisor's account is what it was.

. /tests/lib.sh
. /tests/guest.sh
. /tests/hvm.sh

busy=$guests/busy.img
make_disk $busy 'still at it' again
hvm_config half 'memory = 64' 'vcpus = 2' "disk = ['$busy,raw,hda,rw']" "serial = 'file:$guests/half.serial'" >/dev/null

# works [SECONDS]: it says more than it did.
works() {
    local end=$((SECONDS + ${1:-40})) before
    before=$(grep -ac 'still at it' $guests/half.serial 2>/dev/null)
    until [ "$(grep -ac 'still at it' $guests/half.serial 2>/dev/null)" -gt "${before:-0}" ]; do
        [ "$SECONDS" -ge "$end" ] && { echo "nothing new on its serial line"; return 1; }
        nap 0.5
    done
}

born() { rm -f $guests/half.serial; xl create "$@" $guests/half.cfg >$guests/half.out 2>&1 || { tail -n 1 $guests/half.out; return 1; }; }
model() { process 'qemu.* -xen-domid '; }

# end NAME: the guest is destroyed, its device model goes with it, and nothing stays.
end() {
    check "$1-destroy" xl destroy half
    kill -CONT $(model) 2>/dev/null     # one that has been stopped has a signal to take
    check "$1-gone" guest_gone half
    for _ in $(seq 20); do [ -z "$(model)" ] && break; sleep 0.3; done
    want "$1-no-model" "$(model)" ""
    [ ! -e /run/account.before ] || check "$1-account" account_back /run/account.before
}

killed_model() {
    check "$2-create" born
    check "$2-works" works
    kill "-$1" $(model)
    sleep 1
    want "$2-stands" "$(guest_state half)" '[r-][b-]----'
}

# killed_xl SECONDS: so long after there is a domain.
killed_xl() {
    local pid i
    xl create $guests/half.cfg >$guests/half.out 2>&1 &
    pid=$!
    for i in $(seq 200); do [ "$(xl list | wc -l)" -gt 2 ] && break; done
    sleep "$1"
    kill -9 $pid 2>/dev/null && killed=$((killed + 1))
    wait $pid 2>/dev/null
    echo "killed $1 s after birth: $(xl list | tail -n +3 | awk '{ print $1, $3, $5 }'), $(model | wc -l) device models"
    for i in $(xl list | awk 'NR > 2 { print $2 }'); do xl destroy "$i"; done >/dev/null 2>&1
    # One that libxl has not written down yet is nobody's.
    for i in $(seq 10); do [ -z "$(model)" ] && break; sleep 0.3; done
    kill -9 $(model) 2>/dev/null
}

for round in 1 2; do
    check first-$round born
    check first-$round-works works
    end first-$round
done
account >/run/account.before
cat /run/account.before
for n in 1 2 3; do check paused-$n born -p; xl destroy half; guest_gone half; done
for n in 1 2 3; do check young-$n born; sleep 0.$n; xl destroy half; guest_gone half; done
check cycles-account account_back /run/account.before
killed_model KILL killed; end killed
killed_model STOP stopped; end stopped
killed=0
for after in 0 0.3 0.6 1; do killed_xl $after; done
between creates-killed "$killed" 2 4
check creates-gone no_zombie
check creates-account account_back /run/account.before
check no-backends no_backends
no_innocent_crash no-crash
[ "$failed" = 0 ] || { cat /run/account.now; ps; xl list; tail -n 20 $guests/*.out /var/log/xen/qemu-dm-half.log; }
finish
