# SPDX-License-Identifier: GPL-2.0-only
#
# Forty guests at once on a machine of 4 GiB, all made by the stock toolstack: some with Debian's kernel,
# which answer at their consoles, the others with GRUB in 64 MiB, which shows its prompt. When all are
# gone, everything is what it was before.

. /tests/lib.sh
. /tests/guest.sh

grub=/usr/lib/grub-xen/grub-x86_64-xen.bin
debians=${GRANTA_DEBIANS:-8} grubs=${GRANTA_GRUBS:-32}

# GRUB at its prompt never sleeps: with the usual weight, 32 of them leave dom0 and the others little.
config() {
    case $1 in
        deb*) guest_memory=96 guest_config "$1" 1 >/dev/null ;;
        *) printf '%s\n' "name = '$1'" "type = 'pv'" "kernel = '$grub'" 'memory = 64' 'cpu_weight = 1' >"$guests/$1.cfg" ;;
    esac
}

# start NAME: its answer is awaited later.
start() {
    config "$1"
    xl create "$guests/$1.cfg" >"$guests/$1.out" 2>&1 || { tail -n 1 "$guests/$1.out"; return 1; }
}

# One that takes all memory once: what the hypervisor needs to know of it stays.
touch_memory() {
    local free
    free=$(free_memory)
    config whole
    sed -i "s/^memory.*/memory = $((free - 64))/" $guests/whole.cfg
    xl create -p $guests/whole.cfg >$guests/whole.out 2>&1 && xl destroy whole && guest_gone whole
}

names() { for i in $(seq "$debians"); do echo "deb$i"; done; for i in $(seq "$grubs"); do echo "grub$i"; done; }

# each WHAT COMMAND: of every guest; the names of those that failed are the reason.
each() {
    local what=$1 bad='' name
    shift
    echo "$what after $SECONDS s"
    for name in $(names); do "$@" "$name" >/dev/null 2>&1 || bad="$bad $name"; done
    want "$what" "$bad" ''
}

answers() {
    case $1 in
        deb*) guest_says "$1" 'guest: up cpus=1' 60 && [ "$(guest_ask "$1" "echo I am $1")" = "I am $1" ] ;;
        *) guest_says "$1" 'grub>' 60 ;;
    esac
}

check weight xl sched-credit2 -d Domain-0 -w 65535
check first-debian start deb1
check first-grub start grub1
check first-answers eval 'answers deb1 && answers grub1'
check first-gone eval 'xl destroy deb1 && xl destroy grub1 && guest_gone deb1 && guest_gone grub1'
rm -f /var/log/xen/console/guest-*.log
check all-memory-once touch_memory
account >/run/account.before
cat /run/account.before

each all-start start
each all-answer answers
want all-listed "$(xl list | tail -n +3 | wc -l)" $((debians + grubs))
xl list
xl info | grep memory
each all-destroyed xl destroy
echo "all gone after $SECONDS s"
check no-zombie no_zombie
check account-back account_back /run/account.before 20
no_innocent_crash no-crash
[ "$failed" = 0 ] || { cat /run/account.now; xl dmesg | tail -n 20; }
guest_ends deb1 grub1
