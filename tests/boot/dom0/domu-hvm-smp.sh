# SPDX-License-Identifier: GPL-2.0-only
#
# Debian's kernel as an HVM guest with PV drivers on three processors, which INIT and SIPI start: each runs
# processes of its own and takes its interrupts, one goes and comes back, and the power button ends it all.

. /tests/lib.sh
. /tests/guest.sh
. /tests/hvm.sh

file=$(hvm_config smp "kernel = '/guest/vmlinuz'" "ramdisk = '/hvm/initrd'" "cmdline = 'console=hvc0 quiet granta.button=1'" \
    'memory = 192' 'vcpus = 3')
if ! up=$(guest_starts "$file" 200); then
    fail up "$up"
    hvm_post_mortem smp
    finish
    exit
fi

# interrupts CPU: how many of the timer, of any kind, it has taken.
interrupts() {
    guest_ask smp "awk '/LOC:|timer/ { n += \$($1 + 2) } END { print n + 0 }' /proc/interrupts"
}

# each_runs CPU...: a process bound to each of them runs there.
each_runs() { guest_ask smp "for c in $*; do taskset \$(printf %x \$((1 << c))) cut -d' ' -f39 /proc/self/stat; done" 40; }

want up "$(guest_says smp 'guest: up' 1)" 'guest: up cpus=3 mem=[0-9]+ kB'
want vcpus "$(xl vcpu-list smp | grep -cE '[r-][b-]- ')" 3
want each-runs "$(each_runs 0 1 2)" '0 1 2'
for cpu in 0 1 2; do
    before=$(interrupts $cpu)
    check busy-$cpu guest_ask smp "taskset $(printf %x $((1 << cpu))) md5sum /bin/busybox" 40
    sleep 1
    check timer-$cpu test "$(interrupts $cpu)" -gt "$before"
done
check offline guest_ask smp 'echo 0 >/sys/devices/system/cpu/cpu2/online' 40
want two-left "$(guest_ask smp 'cat /sys/devices/system/cpu/online')" '0-1'
check online guest_ask smp 'echo 1 >/sys/devices/system/cpu/cpu2/online' 40
want back-again "$(each_runs 2)" 2
check button xl trigger smp power
check gone guest_gone smp 60
check pressed guest_says smp 'guest: button' 1
[ "$failed" = 0 ] || hvm_post_mortem smp
check no-zombie no_zombie
check no-backends no_backends
no_innocent_crash no-crash
finish
