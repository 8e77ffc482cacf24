# SPDX-License-Identifier: GPL-2.0-only
#
# Guests of the stock toolstack come and go, one after another: built and never run, killed while GRUB
# starts in them, killed at its prompt. Afterwards the hypervisor's account is what it was, to the page.

. /tests/lib.sh
. /tests/guest.sh

grub=/usr/lib/grub-xen/grub-x86_64-xen.bin
[ "$guest_type" = pvh ] && grub=/usr/lib/grub-xen/grub-i386-xen_pvh.bin
seconds=${GRANTA_SECONDS:-40} least=${GRANTA_CYCLES:-20}
printf '%s\n' "name = 'leak'" "type = '$guest_type'" "kernel = '$grub'" 'memory = 64' 'vcpus = 2' >$guests/leak.cfg

# cycle N: one life, of the kind that the number says.
cycle() {
    rm -f /var/log/xen/console/guest-leak.log
    case $(($1 % 8)) in
        0) xl create $guests/leak.cfg && guest_says leak 'grub>' 20 >/dev/null ;;
        1 | 5) xl create $guests/leak.cfg ;;
        *) xl create -p $guests/leak.cfg ;;
    esac >$guests/leak.out 2>&1 || { tail -n 1 $guests/leak.out; return 1; }
    xl destroy leak
}

# What the configuration allows is what the hypervisor holds it to (tests/guest/limits tries them).
limits() {
    { cat $guests/leak.cfg; printf '%s\n' 'max_grant_frames = 5' 'max_maptrack_frames = 7' 'max_grant_version = 1' 'max_event_channels = 77'; } >$guests/limits.cfg
    xl create -p $guests/limits.cfg >$guests/limits.out 2>&1 || { tail -n 1 $guests/limits.out; return 1; }
    account | grep "^d$(xl domid leak) "
    xl destroy leak
}

# More memory than there is: the claim that libxl makes first is refused.
too_much() {
    sed "s/^memory.*/memory = $(($(free_memory) + 64))/" $guests/leak.cfg >$guests/too-much.cfg
    ! xl create -p $guests/too-much.cfg >$guests/too-much.out 2>&1
}

n=0
check first-cycles eval 'cycle 0 && cycle 1 && cycle 2'
check settled guest_gone leak
account >/run/account.before
cat /run/account.before
end=$((SECONDS + seconds))
while [ $n -lt $least ] || [ $SECONDS -lt $end ]; do
    why=$(cycle $n) || { fail "cycle-$n" "$why"; break; }
    n=$((n + 1))
done
took=$((SECONDS - end + seconds))
want limits "$(limits)" 'd[0-9]+ state 0: .* of 77 ports .*, grants v1 [0-9]+\+0 of 5 frames, .* of 7 pages'
check too-much too_much
cat $guests/too-much.out
want too-much-says "$(grep -ci 'memory' $guests/too-much.out)" '[1-9]'
want no-claims "$(xl info | sed -n 's/^outstanding_claims *: *//p')" 0
echo "cycles: $n in $took seconds"
between cycles "$n" "$least" 10000
check no-zombie no_zombie
check account-back account_back /run/account.before
no_innocent_crash no-crash
[ "$failed" = 0 ] || { cat /run/account.now; xl dmesg | tail -n 20; }
guest_ends leak
