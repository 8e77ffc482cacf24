# SPDX-License-Identifier: GPL-2.0-only
#
# Forty guests at once on a machine of 4 GiB, all made by the stock toolstack: some with Debian's kernel,
# which answer at their consoles, the others with GRUB in 64 MiB, which shows its prompt. When all are
# gone, everything is what it was before.
#
# GRUB at its prompt never sleeps, and an emulated machine is too slow for 32 that do so while others start. So
# these are paused as soon as they have shown it. At the end all run at once for a while: each has its part of
# the cpus, and the Debians still answer. Verbs of xl, which are most of the time, are given two at a time, and
# the Debians' kernel is unpacked once: libxenguest would do that for each, which takes longer than all else.

. /tests/lib.sh
. /tests/guest.sh

grub=/usr/lib/grub-xen/grub-x86_64-xen.bin
debians=${GRANTA_DEBIANS:-8} grubs=${GRANTA_GRUBS:-32}
together=${GRANTA_TOGETHER:-4} # GRUBs that start at once
window=${GRANTA_WINDOW:-8}     # seconds for which all 40 run

# Beside dom0 and the Debians, GRUB gets what they leave.
config() {
    case $1 in
        deb*) guest_memory=96 guest_config "$1" 1 >/dev/null ;;
        *) printf '%s\n' "name = '$1'" "type = 'pv'" "kernel = '$grub'" 'memory = 64' 'cpu_weight = 1' >"$guests/$1.cfg" ;;
    esac
}

# start NAME [OPTION]: its answer is awaited later.
start() {
    config "$1"
    xl create ${2:+"$2"} "$guests/$1.cfg" >"$guests/$1.out" 2>&1 || { tail -n 1 "$guests/$1.out"; return 1; }
}

build() { start "$1" -p; }

# One that takes all memory once: what the hypervisor needs to know of it stays.
touch_memory() {
    local free
    free=$(free_memory)
    config whole
    sed -i "s/^memory.*/memory = $((free - 64))/" $guests/whole.cfg
    xl create -p $guests/whole.cfg >$guests/whole.out 2>&1 && xl destroy whole && guest_gone whole
}

debs() { for i in $(seq "$debians"); do echo "deb$i"; done; }
grubs() { for i in $(seq "$grubs"); do echo "grub$i"; done; }

# each WHAT LIST COMMAND...: of every guest in the list; the names of those that failed are the reason.
each() {
    local what=$1 list=$2 bad='' name
    shift 2
    echo "$what after $SECONDS s"
    for name in $list; do "$@" "$name" >/dev/null 2>&1 || bad="$bad $name"; done
    want "$what" "$bad" ''
}

# two COMMAND... -- NAME...: of every guest, two at a time; prints the names of those that failed.
two() {
    local command=() n=0
    while [ "$1" != -- ]; do command+=("$1"); shift; done
    shift
    for name; do
        { "${command[@]}" "$name" >/dev/null 2>&1 || echo "$name"; } &
        [ $((++n % 2)) = 0 ] && wait
    done
    wait
}

answers() {
    case $1 in
        deb*) guest_says "$1" 'guest: up cpus=1' 120 ;;
        *) guest_says "$1" 'grub>' 60 ;;
    esac
}

# debians_obey WHAT: all are asked, then all answers are awaited.
debians_obey() {
    local bad='' name
    echo "$1 after $SECONDS s"
    for name in $(debs); do
        [ -e "$guests/$name.tty" ] || guest_tty "$name" >"$guests/$name.tty"
        guest_do "$name" "echo $1 I am $name"
    done
    for name in $(debs); do guest_says "$name" "^$1 I am $name$" 60 >/dev/null || bad="$bad $name"; done
    want "$1" "$bad" ''
}

# prompts NAME...: a few GRUBs run until all have shown their prompt.
prompts() {
    local bad name
    bad=$(two xl unpause -- "$@"; for name; do answers "$name" >/dev/null || echo "$name"; done; two xl pause -- "$@")
    [ -z "$bad" ] || { echo "$bad" | paste -sd ' '; return 1; }
}

all_prompt() {
    local list
    echo "prompts after $SECONDS s"
    grubs | xargs -n "$together" echo >/run/groups
    while read -r list; do check "prompts-${list%% *}" prompts $list; done </run/groups
}

# idle_for SECONDS: the guests that had no cpu in that time, by the tenths of a second that xl shows.
idle_for() {
    xl list | tail -n +3 >/run/list.before
    sleep "$1"
    xl list | tail -n +3 >/run/list.after
    awk 'FNR == NR { was[$1] = $NF; next } /^grub/ && $NF <= was[$1] { print $1 }' /run/list.before /run/list.after
}

check weight xl sched-credit2 -d Domain-0 -w 65535
check first-debian start deb1
check first-grub start grub1
check first-answers eval 'answers deb1 && answers grub1'
check first-gone eval 'xl destroy deb1 && xl destroy grub1 && guest_gone deb1 && guest_gone grub1'
rm -f /var/log/xen/console/guest-*.log $guests/*.tty
check all-memory-once touch_memory
account >/run/account.before
cat /run/account.before

echo "building after $SECONDS s"
want all-built "$(two build -- $(debs) $(grubs))" ''
echo "Debians run after $SECONDS s"
want debians-run "$(two xl unpause -- $(debs))" ''
each debians-up "$(debs)" answers
debians_obey debians-answer
all_prompt
want all-listed "$(xl list | tail -n +3 | wc -l)" $((debians + grubs))
want grubs-run "$(two xl unpause -- $(grubs))" ''
echo "all run after $SECONDS s"
want all-have-run "$(idle_for "$window" | paste -sd ' ')" ''
cat /run/list.after
xl info | grep memory
debians_obey debians-still-answer
echo "all die after $SECONDS s"
want all-destroyed "$(two xl destroy -- $(grubs) $(debs))" ''
echo "all gone after $SECONDS s"
check no-zombie no_zombie
check account-back account_back /run/account.before 20
no_innocent_crash no-crash
[ "$failed" = 0 ] || { cat /run/account.now; xl debug-keys e; xl dmesg | tail -n 60; ps | grep -E 'xenstored|xenconsoled'; }
guest_ends deb1 grub1
