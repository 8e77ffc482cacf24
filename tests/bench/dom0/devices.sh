# SPDX-License-Identifier: GPL-2.0-only
#
# A guest's disk and network, served by dom0's kernel: requests past the page cache to a disk in
# dom0's memory, and TCP both ways. Lines "bench NAME MIN MEDIAN MAX", in nanoseconds, which are
# instructions where the emulator counts them.

. /tests/bench-lib.sh

here=10.9.0.1
there=10.9.0.2
mib=16

rounds=3

# ask NAME COMMAND: run it in the guest; its only line of output, a number, becomes ns. The first look at the console falls
# into what is measured, so it is not at all that the guest has said.
asked=0
ask() {
    local line file_skip
    asked=$((asked + 1))
    guest_log_end io
    guest_do io "echo asked-$asked \$($2)"
    line=$(guest_says io "^asked-$asked [0-9]+\$" 100) || { fail "$1" "$(guest_log io | tail -n 1)"; return 1; }
    ns=${line#* }
}

to_guest() {
    guest_do io "io sink 5000 && echo sunk || echo not sunk"
    sleep 0.5
    ns=$(io send "$there" 5000 $((mib << 20)) 2>&1) || { fail "$1" "$ns"; return 1; }
}
from_guest() {
    local status
    io sink 5001 &
    sleep 0.5
    ask "$1" "io send $here 5001 $((mib << 20))"
    status=$?
    wait
    return "$status"
}

# several NAME COMMAND...: a figure of some rounds of a function that leaves ns.
several() {
    local name=$1 samples=() i
    shift
    for ((i = 0; i < rounds; i++)); do
        "$@" || return
        samples+=("$ns")
    done
    figure "$name" "${samples[@]}"
}
requests() { several "blk.$1.$2" ask "blk.$1.$2" "io $1 /dev/xvda $3 $4 $2"; }

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
requests read sequential 65536 256
requests read random 4096 512
requests write sequential 65536 256
requests write random 4096 512
ping -c 2 "$there" >/dev/null
several tcp.to-guest to_guest tcp.to-guest
several tcp.from-guest from_guest tcp.from-guest
finish
