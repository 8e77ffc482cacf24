# SPDX-License-Identifier: GPL-2.0-only
#
# Ordinary work in the first domain with a known right result: fork and mmap storms, CPU-bound
# threads, and files copied between a virtio and an AHCI disk. All at once, as a real system would.

. /tests/lib.sh

cpus=$GRANTA_CPUS
seconds=${GRANTA_SECONDS:-10}

mount_disks

storm fork "$seconds" $((cpus + 1)) >/run/fork.out 2>&1 & fork_pid=$!
storm mmap "$seconds" $((cpus + 1)) >/run/mmap.out 2>&1 & mmap_pid=$!
storm threads "$seconds" $((cpus + 1)) >/run/threads.out 2>&1 & threads_pid=$!

# Six files of different sizes; none is a multiple of a page or a sector.
mkdir /run/src
for n in 1 2 3 4 5 6; do
    head -c $((n * n * 70001)) /dev/urandom >"/run/src/file$n"
done
(cd /run/src && sha256sum file*) >/run/sums

check copy-to-virtio cp -r /run/src /mnt/v/
check copy-virtio-to-ahci cp -r /mnt/v/src /mnt/a/
drop
check sums-on-virtio same /mnt/v/src
check sums-on-ahci same /mnt/a/src
check copy-back cp -r /mnt/a/src /mnt/v/back
drop
check sums-after-return same /mnt/v/back
check umount-virtio umount /mnt/v
check umount-ahci umount /mnt/a
check mount-again mount -t ext4 "$virtio" /mnt/v
check sums-after-mount same /mnt/v/back
check umount-again umount /mnt/v
for bus in virtio ahci; do
    between "interrupts-$bus" "$(grep -E "$bus" /proc/interrupts |
        awk '{for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i} END {print n + 0}')" 10 100000000
done

for kind in fork mmap threads; do
    pid=${kind}_pid
    wait "${!pid}"
    want "storm-$kind" "$? $(cat /run/$kind.out)" "0 storm $kind count=[1-9][0-9]* wrong=0 crashed=0"
done
no_innocent_crash no-crash
finish
