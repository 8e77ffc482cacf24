# SPDX-License-Identifier: GPL-2.0-only
#
# A driver domain: an unprivileged guest with Debian's kernel has the backends of another guest's disk
# and interface, and runs `xl devd` and the stock hotplug scripts as dom0 would. The bytes agree at both
# ends; the driver domain crashes under load, and the guest that it served lives; a new driver domain
# serves it again; and a guest that dies takes its backends in the driver domain along.

. /tests/lib.sh
. /tests/guest.sh

mib=8                                  # of the disk and of what goes over the network
xl=/usr/lib/xen-4.17/bin/xl
programs="$xl /usr/bin/xenstore-write"
modules="xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs xen-blkback xen-netback loop"

# What the programs load, as the dynamic loader finds it here.
libraries() {
    local program
    for program in $programs; do LD_TRACE_LOADED_OBJECTS=1 "$program"; done | grep -o '/lib[^ ]*' | sort -u
}

# The modules and what they depend on; the paths in modules.dep are below its folder.
module_files() {
    local all=/lib/modules/$(uname -r) name
    for name in $modules; do sed -n "s,:, ,; /\/$name\.ko /p" $all/modules.dep; done |
        tr ' ' '\n' | grep . | sort -u | sed "s,^,$all/,"
    echo $all/modules.dep
}

# Debian's scripts fork a hundred times, for which `xl devd` does not wait long enough in an emulator.
driver_scripts() {
    cat >"$1/block-plain" <<'END'
#!/bin/busybox sh
[ "$1" = add ] || exit 0
/usr/bin/xenstore-write "$XENBUS_PATH/physical-device" "$(stat -c %t:%T /dev/loop0)" "$XENBUS_PATH/hotplug-status" connected
END
    cat >"$1/vif-plain" <<'END'
#!/bin/busybox sh
[ "$1" = online ] || exit 0
ifconfig "$vif" 10.9.0.1 up && /usr/bin/xenstore-write "$XENBUS_PATH/hotplug-status" connected
END
    chmod +x "$1"/*
}

# The guests' root, and over it what the backends need: Debian's files of this very root.
driver_initrd() {
    local stage=$guests/stage
    mkdir -p $stage/{etc/xen/scripts,usr,run/xen,run/lock,var/log/xen,var/lib/xen}
    ln -s ../run $stage/var/run
    ln -s ../run/lock $stage/var/lock
    driver_scripts $stage/etc/xen/scripts
    touch $stage/etc/xen/xl.conf
    cp -L --parents $programs $(libraries) $(module_files) $stage
    (cd $stage && find . | busybox cpio -o -H newc 2>/dev/null) | cat /guest/initrd - >$guests/driver-initrd
    rm -rf $stage
}

# What an administrator's boot scripts do in a driver domain.
setup() {
    check "$1-modules" guest_ask drv "for m in $modules; do modprobe \$m || exit 1; done; mount -t xenfs xenfs /proc/xen" 40
    check "$1-devd" guest_ask drv "$xl devd" 40
    check "$1-disk" guest_ask drv "head -c ${mib}m /dev/urandom >/disk && losetup /dev/loop0 /disk
        && mkdir /www && head -c ${mib}m /dev/urandom >/www/blob && httpd -h /www" 40
}

driver_up() {
    local why
    why=$(guest_starts "$driver") || { fail "$1-up" "$why"; guest_post_mortem drv; guest_ends drv a; }
    pass "$1-up"
    setup "$1"
    [ "$failed" = 0 ] || guest_ends drv a
}

# served NAME: bytes agree at both ends, both ways, on the disk and on the network.
served() {
    want "$1-disk-read" "$(guest_ask a 'md5sum </dev/xvda | cut -c-32' 40)" "$(guest_ask drv 'md5sum </disk | cut -c-32')"
    check "$1-disk-write" guest_ask a "head -c ${mib}m /dev/urandom >/tmp/new && dd if=/tmp/new of=/dev/xvda bs=64k conv=fsync" 40
    want "$1-disk-written" "$(guest_ask drv 'md5sum </disk | cut -c-32')" "$(guest_ask a 'md5sum </tmp/new | cut -c-32')"
    want "$1-net-fetched" "$(guest_ask a 'wget -q -O - http://10.9.0.1/blob | md5sum | cut -c-32' 60)" \
        "$(guest_ask drv 'md5sum </www/blob | cut -c-32')"
    want "$1-net-sent" "$(guest_ask drv 'wget -q -O - http://10.9.0.2/new | md5sum | cut -c-32' 60)" \
        "$(guest_ask a 'md5sum </tmp/new | cut -c-32')"
}

# The driver domain dies in the middle of transfers; what it served goes on without it. The disk is at
# rest: Linux waits for ever for a request that a backend took along.
crash() {
    guest_ask a 'dmesg -n 1; (while :; do wget -q -O /dev/null http://10.9.0.1/blob; echo >>/tmp/rounds; done) >/dev/null 2>&1 &
        while [ ! -s /tmp/rounds ]; do sleep 0.1; done' >/dev/null
    guest_do drv 'echo c >/proc/sysrq-trigger'
    check crash-gone guest_gone drv
    want crash-served-lives "$(guest_ask a "echo alive-\$((6*7))")" alive-42
    check crash-disk-detach xl block-detach a xvda --force
    check crash-net-detach xl network-detach a 0
    check crash-noticed guest_ask a 'for i in $(seq 150); do [ -e /dev/xvda -o -e /sys/class/net/eth0 ] || exit 0; sleep 0.1; done; exit 1'
    want crash-no-devices "$( (xl block-list a; xl network-list a) | grep -vc ^[VI])" 0
    [ "$failed" = 0 ] || guest_ends drv a
}

attach() {
    check attach-disk xl block-attach a "$disk"
    check attach-net xl network-attach a ${vif//,/ }
    check attach-seen guest_ask a 'for i in $(seq 100); do [ -b /dev/xvda -a -e /sys/class/net/eth0 ] && break; sleep 0.1; done;
        ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up && head -c 512 /dev/xvda | wc -c'
}

# Its backends end in the driver domain, which goes on; then nobody is left.
the_served_dies() {
    local backends end=$((SECONDS + 20))
    backends=/local/domain/$(xl domid drv)/backend
    guest_do a 'while :; do wget -q -O /dev/null http://10.9.0.1/blob; done & while :; do head -c 8m /dev/urandom >/dev/xvda; done'
    sleep 1
    check destroy xl destroy a
    check gone guest_gone a
    while xenstore-ls -f $backends | grep -q '/state = ' && [ $SECONDS -lt $end ]; do sleep 0.3; done
    want no-backends "$(xenstore-ls -f $backends | grep -c '/state = ')" 0
    want no-interfaces "$(guest_ask drv 'ls /sys/class/net')" lo
    check driver-destroy xl destroy drv
    check driver-gone guest_gone drv
    check no-zombie no_zombie
    # dom0 keeps what it needed for its first guests.
    between memory-back $((free - $(free_memory))) -1 4
}

disk="format=raw, vdev=xvda, access=rw, backend=drv, script=block-plain, target=/dev/loop0"
vif="mac=00:16:3e:09:00:02,backend=drv,script=vif-plain"

driver_initrd
driver=$(guest_memory=224 guest_config drv 1 "driver_domain = 1" "on_crash = 'destroy'")
sed -i "s,^ramdisk = .*,ramdisk = '$guests/driver-initrd'," "$driver"
served_guest=$(guest_args="granta.net=10.9.0.2/24" guest_config a 1 "disk = [ '$disk' ]" "vif = [ '$vif' ]")

free=$(free_memory)
driver_up first
check frontend-up guest_starts "$served_guest"
[ "$failed" = 0 ] || guest_ends drv a
check frontend-httpd guest_ask a 'httpd -h /tmp'
served first
[ "$failed" = 0 ] || guest_ends drv a
crash
driver_up second
attach
served second
the_served_dies
no_innocent_crash no-crash
guest_ends drv a
