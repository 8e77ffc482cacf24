# SPDX-License-Identifier: GPL-2.0-only
#
# Shared by the tests that run inside the first domain: one line "PASS name" or "FAIL name why" for
# each check, and a last line with the totals, which is what the runner on the host waits for.

# The tools themselves: Debian puts a shell script before each, which finds their version. Init calls the daemons by it.
PATH=/usr/lib/xen-4.17/bin:$PATH

passed=0
failed=0

pass() { echo "PASS $1"; passed=$((passed + 1)); }
fail() { echo "FAIL $1 ${*:2}"; failed=$((failed + 1)); }

# check NAME COMMAND...: the command must succeed; its last line of output is the reason otherwise.
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then pass "$name"; else fail "$name" "$(tail -n 1 <<<"$out")"; fi
}

# want NAME VALUE REGEX: the whole value must match the extended regular expression.
want() {
    if [[ $2 =~ ^($3)$ ]]; then pass "$1"; else fail "$1" "got '$2', want '$3'"; fi
}

# between NAME VALUE LOW HIGH: an integer in the closed range.
between() {
    if [[ $2 =~ ^-?[0-9]+$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then
        pass "$1"
    else
        fail "$1" "got '$2', want $3..$4"
    fi
}

# nap SECONDS: sleeps without a process, which takes a twentieth of a second to start in an emulated machine.
exec {nap_fd}<> <(:)
nap() { read -rt "$1" -u "$nap_fd"; true; }

# A program of this system that died from a fault it cannot have caused is a failure of any test.
no_innocent_crash() {
    local lines
    lines=$(dmesg | grep -E 'segfault at|general protection|traps:|trap (invalid|divide|stack)|BUG:|Oops|soft lockup|rcu_sched self-detected')
    if [ -z "$lines" ]; then
        pass "$1"
    else
        fail "$1" "$(head -n 3 <<<"$lines" | tr '\n' '|')"
    fi
}

# mount_disks: the runner's two disks, of ext4: $virtio, which names itself, at /mnt/v, and AHCI's at /mnt/a.
mount_disks() {
    local d
    check modules modprobe -a virtio_pci virtio_blk ahci sd_mod ext4 crc32c_generic
    for _ in {1..50}; do
        for d in /sys/block/vd*; do
            [ "$(cat "$d/serial" 2>/dev/null)" = workload ] && virtio=/dev/${d##*/}
        done
        [ -n "$virtio" ] && [ -b /dev/sda ] && break
        nap 0.1
    done
    mkdir -p /mnt/v /mnt/a
    check mount-virtio mount -t ext4 "$virtio" /mnt/v
    check mount-ahci mount -t ext4 /dev/sda /mnt/a
}

# same DIR: its files have the sums in /run/sums.
same() { (cd "$1" && sha256sum -c /run/sums); }
drop() { sync; echo 3 >/proc/sys/vm/drop_caches; }

finish() {
    echo "granta-test: $GRANTA_TEST passed=$passed failed=$failed"
    exit $((failed > 0))
}
