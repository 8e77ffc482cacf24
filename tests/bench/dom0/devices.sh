# SPDX-License-Identifier: GPL-2.0-only
#
# A guest's disk and network, served by dom0's kernel: requests past the page cache to a disk in
# dom0's memory, and TCP both ways. Lines "bench NAME MIN MEDIAN MAX", in nanoseconds, which are
# instructions where the emulator counts them.

. /tests/lib.sh
. /tests/guest.sh

here=10.9.0.1
there=10.9.0.2
mib=16

figure() { echo "bench $1 $2 $2 $2"; }

# ask NAME COMMAND: run it in the guest; its only line of output, a number, is a figure.
asked=0
ask() {
    local line
    asked=$((asked + 1))
    guest_do io "echo asked-$asked \$($2)"
    line=$(guest_says io "^asked-$asked [0-9]+\$" 100) || { fail "$1" "$(guest_log io | tail -n 1)"; return; }
    figure "$1" "${line#* }"
}

to_guest() {
    local ns
    guest_do io "io sink 5000 && echo sunk || echo not sunk"
    sleep 0.5
    if ns=$(io send "$there" 5000 $((mib << 20)) 2>&1); then figure "$1" "$ns"; else fail "$1" "$ns"; fi
}
from_guest() {
    io sink 5001 &
    sleep 0.5
    ask "$1" "io send $here 5001 $((mib << 20))"
    wait
}

head -c ${mib}m /dev/zero >"$guests/disk"
losetup /dev/loop0 "$guests/disk"
brctl addbr xenbr0
ip addr add "$here/24" dev xenbr0
ip link set xenbr0 up
guest_args="granta.net=$there/24"
file=$(guest_config io 1 "ramdisk = '/guest/initrd-bench'" "disk = [ 'phy:/dev/loop0,xvda,w' ]" \
    "vif = [ 'bridge=xenbr0' ]")
if ! xl create "$file" >"$guests/io.out" 2>&1 || ! guest_says io 'guest: up' 100; then
    fail create "$(grep -aE 'error|fail' "$guests/io.out" | head -n 3 | tr '\n' '|')"
    guest_post_mortem io
    finish
fi
ask blk.read.sequential "io read /dev/xvda 65536 256 seq"
ask blk.read.random "io read /dev/xvda 4096 512 random"
ask blk.write.sequential "io write /dev/xvda 65536 256 seq"
ask blk.write.random "io write /dev/xvda 4096 512 random"
ping -c 2 "$there" >/dev/null
to_guest tcp.to-guest
from_guest tcp.from-guest
finish
