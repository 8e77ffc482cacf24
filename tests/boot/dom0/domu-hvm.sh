# SPDX-License-Identifier: GPL-2.0-only
#
# An HVM guest: the stock hvmloader, SeaBIOS and device model bring up Debian's kernel, which speaks on
# the emulated serial line first and then, as each character there is several requests to the device
# model, on the paravirtual console.

. /tests/lib.sh
. /tests/guest.sh

file=$guests/full.cfg
cat >"$file" <<'CONFIG'
name = 'full'
type = 'hvm'
kernel = '/guest/vmlinuz'
ramdisk = '/guest/initrd'
cmdline = 'earlyprintk=ttyS0 console=hvc0'
memory = 192
vcpus = 1
serial = 'file:/run/guests/serial'
vga = 'none'
vnc = 0
CONFIG

# log_says REGEX SECONDS: the hypervisor's log, which has what the loader and the firmware say.
log_says() {
    local end=$((SECONDS + $2))
    until xl dmesg | grep -aqE "$1"; do
        [ "$SECONDS" -ge "$end" ] && return 1
        sleep 1
    done
}

post_mortem() {
    echo "--- serial"; tail -c 4000 $guests/serial
    echo "--- device model"; cat /var/log/xen/qemu-dm-full.log
    guest_post_mortem full
}

if ! xl -vvv create "$file" >"$guests/full.out" 2>&1; then
    fail create "$(grep -aE 'error|fail' "$guests/full.out" | head -n 3 | tr '\n' '|')"
    tail -n 30 "$guests/full.out"
    post_mortem
    finish
    exit
fi
pass create
check loader log_says 'HVM Loader' 20
check firmware log_says 'SeaBIOS \(version' 40
check kernel file_says $guests/serial 'Linux version' 80
check userspace guest_says full 'guest: up' 130
if [ "$failed" = 0 ]; then
    guest_tty full >$guests/full.tty
    want hypervisor "$(guest_ask full 'cat /sys/hypervisor/type /sys/hypervisor/guest_type')" 'xen HVM'
    want serial-write "$(guest_ask full 'echo from-the-guest >/dev/ttyS0; echo sent')" sent
    check serial-says file_says $guests/serial '^from-the-guest' 10
else
    post_mortem
fi
check destroy xl destroy full
check gone guest_gone full
check no-zombie no_zombie
no_innocent_crash no-crash
finish
