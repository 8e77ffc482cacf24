# SPDX-License-Identifier: GPL-2.0-only
#
# memtest86+ as Debian ships it, the 64-bit one and the 32-bit one, each on two processors: INIT and SIPI, then
# barriers where all but the last halt with interrupts off until that one's NMI. What it finds is read off its
# screen over VNC.

. /tests/lib.sh
. /tests/guest.sh
. /tests/hvm.sh

ip link set lo up

# shows SECONDS REGEX...: the screen has lines that match each, now or soon, while there is a guest.
shows() {
    local end=$((SECONDS + $1)) regex missing
    shift
    while :; do
        screen >$guests/screen
        missing=
        for regex; do grep -qE "$regex" $guests/screen || missing=$regex; done
        [ -n "$missing" ] || return 0
        [[ $(guest_state "$name") =~ s ]] && { echo "no '$missing', and the guest has shut down"; return 1; }
        [ "$SECONDS" -ge "$end" ] && { echo "no '$missing'"; return 1; }
        sleep 1
    done
}

# life NAME FILE: its tests are under way on both processors, find nothing, and go on.
life() {
    name=$1
    hvm_config $name "kernel = '/hvm/$2'" "cmdline = 'nopause nobench'" 'memory = 48' 'vcpus = 2' \
        "on_poweroff = 'preserve'" >/dev/null
    hvm_screen $name 1
    check $name-create xl create $guests/$name.cfg
    check $name-banner shows 40 '^ *Memtest86\+ v[0-9.]+ ' 'Memory *: +[0-9]+MB'
    check $name-both shows 40 'SMP: 2T'
    check $name-tests shows 60 'Time: +0:00:(0[4-9]|[1-5])' 'Pass +[0-9]+%' 'Test #[0-9]+' 'Status: Testing'
    want $name-errors "$(sed -n 's/.*Errors: *\([0-9]*\) *$/\1/p' $guests/screen)" 0
    cat $guests/screen
    want $name-both-ran "$(xl vcpu-list $name | awk 'NR > 1 && $6 >= 0.5' | wc -l)" 2
    [ "$failed" = 0 ] || hvm_post_mortem $name
    check $name-destroy xl destroy $name
    check $name-gone guest_gone $name
}

life x64 memtest86+x64.bin
life ia32 memtest86+ia32.bin
check no-zombie no_zombie
no_innocent_crash no-crash
finish
