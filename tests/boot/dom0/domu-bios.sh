# SPDX-License-Identifier: GPL-2.0-only
#
# HVM guests smaller than any system: SeaBIOS reads a boot sector from a disk of the device model's, and
# the sector reads the next one by the BIOS and writes it to the emulated serial line and to the screen,
# which is read over VNC. They are paused and destroyed, and nothing of them stays.

. /tests/lib.sh
. /tests/guest.sh

ip link set lo up

# make_disk FILE TEXT: real-mode code at 0:7c00
#     ax, ds, es = 0; int 13h: 1 sector from cylinder 0, head 0, sector 2, to 0:7e00; carry: stop
#     si = 7e00; dx = 3f8; each byte up to a 0: out, int 10h (teletype); stop: hlt, again
make_disk() {
    truncate -s 1M "$1"
    printf '%b' '\x31\xc0\x8e\xd8\x8e\xc0\xb8\x01\x02\xb9\x02\x00\xb6\x00\xbb\x00\x7e\xcd\x13\x72\x15' \
        '\xbe\x00\x7e\xba\xf8\x03\xac\x84\xc0\x74\x0a\xee\xb4\x0e\xbb\x07\x00\xcd\x10\xeb\xf1\xf4\xeb\xfd' |
        dd of="$1" conv=notrunc 2>/dev/null
    printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc 2>/dev/null
    printf '%s\n' "$2" | dd of="$1" bs=512 seek=1 conv=notrunc 2>/dev/null
}

# bios_guest NAME VCPUS VGA: a screen on VNC's port 5901, or 'none'
bios_guest() {
    make_disk "$guests/$1.img" "sector two of $1"
    cat >"$guests/$1.cfg" <<CONFIG
name = '$1'
type = 'hvm'
memory = 64
vcpus = $2
disk = ['$guests/$1.img,raw,hda,rw']
serial = 'file:$guests/$1.serial'
vga = '$3'
vnc = $([ "$3" = none ] && echo 0 || echo 1)
vnclisten = '127.0.0.1:1'
vncunused = 0
CONFIG
    check "$1-create" xl create "$guests/$1.cfg"
}

says() {
    file_says "$guests/$1.serial" "^sector two of $1" 40 || { tail -n 1 "$guests/$1.serial"; return 1; }
}

# What the screen shows, as text.
screen() { vnctext 5901 /usr/share/seabios/vgabios-stdvga.bin; }

shows() {
    screen >"$guests/screen"
    [ "$(grep -cE "$1" "$guests/screen")" = 1 ] || { cat "$guests/screen"; return 1; }
}

# What is no character may be the cursor, which blinks: alone on its line, below where the text has ended.
only_text() {
    [ "$(grep -c '?' "$guests/screen")" -le 1 ] || { grep -n '?' "$guests/screen"; return 1; }
    ! grep '?' "$guests/screen" | grep -vE '^ {17}\?$'
}

life() {
    bios_guest "$@"
    check "$1-boots" says "$1"
    if [ "$3" != none ]; then
        check "$1-banner" shows '^SeaBIOS \(version [-0-9a-z.]+\)$'
        check "$1-screen" shows "^sector two of $1$"
        check "$1-nothing-else" only_text
    fi
    check "$1-halts" state_becomes "$1" '-b----'
    check "$1-pause" xl pause "$1"
    check "$1-unpause" xl unpause "$1"
    [ "$failed" = 0 ] || guest_post_mortem "$1"
    check "$1-destroy" xl destroy "$1"
    check "$1-gone" guest_gone "$1"
    check "$1-no-zombie" no_zombie
}

life one 1 stdvga
free=$(free_memory)
life two 2 none
check memory memory_back "$free"
check no-backends no_backends
no_innocent_crash no-crash
finish
