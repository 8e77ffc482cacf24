# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced after guest.sh by the tests of HVM guests. Their console is the emulated serial line: a process
# copies it to the log where the console daemon keeps those of other guests, so guest.sh's functions work.

guest_poll=1             # looking is work, and a device model has enough of it

# hvm_config NAME LINE...: write a configuration and print its path. Of two values the last one counts.
hvm_config() {
    printf '%s\n' "name = '$1'" "type = 'hvm'" "serial = 'pty'" "vga = 'none'" 'vnc = 0' "${@:2}" >"$guests/$1.cfg"
    echo "$guests/$1.cfg"
}

# hvm_screen NAME DISPLAY: it gets a screen, on this display of VNC; wants lo.
hvm_screen() { printf '%s\n' "vga = 'stdvga'" 'vnc = 1' "vnclisten = '127.0.0.1:$2'" 'vncunused = 0' >>"$guests/$1.cfg"; }

# screen [DISPLAY]: what it shows, as text.
screen() { vnctext $((5900 + ${1:-1})) /usr/share/seabios/vgabios-stdvga.bin; }

# make_disk FILE TEXT [again]: real-mode code at 0:7c00, which says TEXT, once or for ever
#     ax, ds, es = 0; int 13h: 1 sector from cylinder 0, head 0, sector 2, to 0:7e00; carry: stop
#     si = 7e00; dx = 3f8; each byte up to a 0: out, int 10h (teletype); stop: hlt, again (or from the start)
make_disk() {
    local stop='\xf4\xeb\xfd'
    [ -z "$3" ] || stop='\xeb\xd4'
    truncate -s 1M "$1"
    printf '%b' '\x31\xc0\x8e\xd8\x8e\xc0\xb8\x01\x02\xb9\x02\x00\xb6\x00\xbb\x00\x7e\xcd\x13\x72\x15' \
        '\xbe\x00\x7e\xba\xf8\x03\xac\x84\xc0\x74\x0a\xee\xb4\x0e\xbb\x07\x00\xcd\x10\xeb\xf1' "$stop" |
        dd of="$1" conv=notrunc 2>/dev/null
    printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc 2>/dev/null
    printf '%s\n' "$2" | dd of="$1" bs=512 seek=1 conv=notrunc 2>/dev/null
}

# hvm_disk FILE KERNEL INITRD ARGUMENTS: a disk that GRUB boots from, 40 MiB
hvm_disk() {
    local tree
    tree=$(mktemp -d)
    cp "$2" "$tree/kernel" && cp "$3" "$tree/initrd" || return 1
    printf '%s\n' 'root=hd0,msdos1' "linux /kernel $4" 'initrd /initrd' 'boot' >"$tree/grub.cfg"
    { cat /hvm/grub.img; (cd "$tree" && printf '%s\n' grub.cfg kernel initrd | cpio -o -H newc 2>/dev/null); } >"$1"
    truncate -s 40M "$1"
    rm -r "$tree"
}

# hvm_listen NAME: from now on its serial line is its console; anew after each of its starts.
hvm_listen() {
    local id tty
    id=$(xl domid "$1") || return 1
    tty=$(xenstore-read "/local/domain/$id/serial/0/tty") || { echo "no serial line in the store"; return 1; }
    echo "$tty" >"$guests/$1.tty"
    mkdir -p /var/log/xen/console
    cat "$tty" >>"/var/log/xen/console/guest-$1.log" 2>/dev/null &
}

# hvm_starts FILE SECONDS: create it and wait for its init; the name is the file's.
hvm_starts() {
    local name
    name=$(basename "$1" .cfg)
    rm -f "/var/log/xen/console/guest-$name.log"
    xl -v create "$1" >"$guests/$name.out" 2>&1 || { grep -aE 'error|fail' "$guests/$name.out" | head -n 1; return 1; }
    hvm_listen "$name" || return 1
    guest_says "$name" 'guest: up' "$2" || { echo "nothing on its serial line"; return 1; }
}

hvm_post_mortem() {
    echo "--- device model"; cat /var/log/xen/qemu-dm-$1.log
    guest_post_mortem "$1"
}

bridge_up() {
    modprobe tun
    brctl addbr xenbr0
    ip addr add 10.7.0.1/24 dev xenbr0
    ip link set xenbr0 up
}
