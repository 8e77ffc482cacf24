# SPDX-License-Identifier: GPL-2.0-only
#
# An HVM guest without PV drivers is saved in the middle of accesses to its device model, again and again. It
# writes numbers to a serial line, each character an access: after each restore they go on where they stopped, with
# no character twice and none missing. Beside that it reads an emulated disk, during a live migration, too.

. /tests/lib.sh
. /tests/guest.sh
. /tests/hvm.sh

rounds=${GRANTA_ROUNDS:-4}
image=$guests/image
head -c 2m /dev/urandom >$guests/disk
digest=$(md5sum <$guests/disk | cut -c-32)
file=$(hvm_config midway "kernel = '/guest/vmlinuz'" "ramdisk = '/hvm/initrd'" 'memory = 160' 'vcpus = 1' \
    "cmdline = 'console=ttyS0 quiet xen_nopv nopv xen_emul_unplug=never granta.modules=ahci,sd_mod'" \
    'xen_platform_pci = 0' "hdtype = 'ahci'" "disk = ['$guests/disk,raw,hda,rw']" "serial = ['pty', 'file:$guests/count']")

reader='(while [ ! -e /stop ]; do echo 1 >/proc/sys/vm/drop_caches; [ "$(md5sum </dev/sda | cut -c-32)" = DIGEST ] && echo >>/reads || echo >>/bad; done) >/dev/null 2>&1 &
    (i=0; while [ ! -e /nomore ]; do i=$((i + 1)); echo $i; usleep 10000; done) >/dev/ttyS1 2>/dev/null &'

fails() {
    [ "$failed" = 0 ] && return
    tail -c 300 $guests/counted
    tail -n 20 $guests/save.out $guests/restore.out
    for f in /var/log/xen/qemu-dm-midway*.log; do echo "--- $f"; tail -n 20 "$f"; done
    guest_post_mortem midway
    finish
    exit
}

# What the line has carried so far, over all device models: the first number that is not the one before plus 1.
count_is_whole() {
    tr -d '\r' <$guests/counted | sed '$d' | awk '$0 != NR { print "line " NR " is " $0; exit 1 } END { if (NR < 10) { print NR " lines"; exit 1 } }'
}

# Some numbers come, now or soon.
grows() {
    local end=$((SECONDS + 30))
    until [ "$(wc -l <$guests/count)" -gt 10 ]; do
        [ "$SECONDS" -ge "$end" ] && { echo "$(wc -l <$guests/count) lines"; return 1; }
        nap 0.5
    done
}

why=$(hvm_starts "$file" 300) && pass up || fail up "$why"
fails
check works guest_ask midway "stty -F /dev/ttyS1 raw; ${reader/DIGEST/$digest}" 60
: >$guests/counted
for ((n = 1; n <= rounds; n++)); do
    check grows-$n grows
    check save-$n eval "xl -vv save midway $image >$guests/save.out 2>&1"
    check gone-$n guest_gone midway
    cat $guests/count >>$guests/counted
    check whole-$n count_is_whole
    check restore-$n eval "xl -vv restore $image >$guests/restore.out 2>&1"
    check listen-$n hvm_listen midway
    fails
done
want answers "$(guest_ask midway 'echo yes' 60)" yes
guest_ask midway 'touch /nomore; sleep 1' 30 >/dev/null
cat $guests/count >>$guests/counted
check whole count_is_whole
reads=$(guest_ask midway 'wc -l </reads' 30)
echo "numbers: $(wc -l <$guests/counted), reads: $reads"
# What the device model writes to memory has to be in the log, too: the disk's data.
check migrate eval "xl -vv migrate -s '' midway 'exec xl migrate-receive' >$guests/restore.out 2>&1"
check listen hvm_listen midway
fails
want reads-on "$(guest_ask midway "for i in \$(seq 100); do [ \$(wc -l </reads) -gt $((reads + 2)) ] && echo on && break; sleep 0.5; done" 100)" on
want reads "$(guest_ask midway 'cat /bad 2>&1' 30)" '.*No such file.*'
want no-errors "$(guest_ask midway "dmesg | grep -cE 'ata[0-9.]+: .*(error|timeout|exception)|I/O error'" 30)" 0
fails
check destroy xl destroy midway
check gone guest_gone midway
check no-zombie no_zombie
check no-backends no_backends
no_innocent_crash no-crash
finish
