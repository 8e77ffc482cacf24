# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced after guest.sh by the tests that save, restore and migrate guests. The guest computes
# and keeps what it has computed; whoever comes out of the file must have the same.

saves=$guests/saves
image=$saves/image
mkdir -p $saves

# A process writes four files for ever, each with a digest beside it, and notes when one is no longer what it
# was; one computes in all vector registers; one notes the longest time that it did not run (in hundredths, by
# the guest's clock). Nothing outlives /stop.
keeper='mkdir -p /k; cd /k; head -c 3000000 /dev/urandom >data; md5sum <data >sum;
    (i=0; while [ ! -e /stop ]; do f=$((i % 4)); i=$((i + 1)); head -c 400000 /dev/urandom >w$f; md5sum <w$f >s$f;
        for f in 0 1 2 3; do [ ! -e w$f ] || [ "$(md5sum <w$f)" = "$(cat s$f)" ] || echo $f >>bad; done;
        echo $i >r; mv r rounds; done) >/dev/null 2>&1 &
    (while [ ! -e /stop ]; do checksum 2 kept || echo checksum >>bad; echo >>sums; sleep 1; done) >/dev/null 2>&1 &
    (most=0; read last x </proc/uptime; last=${last%.*}${last#*.}; while [ ! -e /stop ]; do usleep 20000;
        read now x </proc/uptime; now=${now%.*}${now#*.}; gap=$((now - last)); last=$now;
        [ ! -e /again ] || { rm /again; most=0; }; [ $gap -le $most ] || { most=$gap; echo $gap >/gap; }; done) >/dev/null 2>&1 &'

keep() { check "$2-keeps" guest_ask "$1" "$keeper" 60; }

# kept NAME WHAT: what it kept is as it was, the process works on, the clock too.
kept() {
    local rounds
    want "$2-answers" "$(guest_ask "$1" 'echo yes' 60)" yes
    want "$2-digest" "$(guest_ask "$1" 'cd /k; [ "$(md5sum <data)" = "$(cat sum)" ] && cat bad 2>&1' 60)" "cat: can't open 'bad'.*"
    rounds=$(guest_ask "$1" 'cat /k/rounds')
    want "$2-works-on" "$(guest_ask "$1" "for i in \$(seq 60); do [ \$(cat /k/rounds) -gt $rounds ] && echo on && break; sleep 0.5; done" 60)" on
    want "$2-computes" "$(guest_ask "$1" 'cd /k; n=$(wc -l <sums); for i in $(seq 60); do [ $(wc -l <sums) -gt $n ] && echo on && break; sleep 0.5; done' 60)" on
    want "$2-clock" "$(clock "$1")" 'goes [0-9]+'
    no_complaints "$1" "$2"
}

# clock NAME: the guest's clock goes as dom0's: three seconds here are about three there. And how far they are apart.
clock() {
    local a b began
    a=$(guest_ask "$1" 'date +%s')
    began=$EPOCHSECONDS
    sleep 3
    b=$(guest_ask "$1" 'date +%s')
    echo "clock: guest $b, dom0 $EPOCHSECONDS" >&2
    if [ $((b - a)) -ge 2 ] && [ $((b - a)) -le $((EPOCHSECONDS - began + 4)) ]; then
        echo "goes $((b - a))"
    else
        echo "$a to $b in $((EPOCHSECONDS - began)) s"
    fi
}

no_complaints() {
    want "$2-kernel-well" "$(guest_ask "$1" "dmesg | grep -E 'BUG:|Oops|WARNING: CPU|soft lockup|rcu.*stall' | head -n 3; echo none" 30)" none
}

# guest_finds NAME: after a restore or a migration: where its console is now.
guest_finds() { guest_tty "$1" >"$guests/$1.tty"; }

# said FILE: the lines of xl's that matter.
said() { grep -aE 'rror|ail|nvalid|denied|runcated|agic|not a ' "$1" | head -n 3 | tr '\n' '|'; }

# saves_as NAME FILE [OPTION...]: xl save.
saves_as() {
    if xl -vv save "${@:3}" "$1" "$2" >$guests/$1.save 2>&1; then return; fi
    said $guests/$1.save
    return 1
}

restores() {
    if xl -vv restore "$2" >$guests/$1.restore 2>&1; then guest_finds "$1"; return; fi
    said $guests/$1.restore
    return 1
}

# migrates NAME: to this machine, alive; each line of xl's with the time.
migrates() {
    local line rc
    { xl -vvv migrate -s '' "$1" 'exec xl -vv migrate-receive' 2>&1; echo "ended: $?"; } |
        while IFS= read -r line; do echo "$EPOCHREALTIME $line"; done >$guests/$1.migrate
    rc=$(sed -n 's/.*ended: //p' $guests/$1.migrate)
    # The console daemon has named its log after the domain that was to become it.
    [ "$rc" = 0 ] && { ln -sf "guest-$1--incoming.log" "/var/log/xen/console/guest-$1.log"; guest_finds "$1"; return; }
    said $guests/$1.migrate
    return 1
}

# downtime NAME: by dom0's clock, from xl's log, and the longest gap by the guest's.
downtime() {
    local from to
    from=$(sed -n 's/^\([0-9]*\)\.\([0-9]\{3\}\).*issuing .* suspend request.*/\1\2/p' $guests/$1.migrate | tail -n 1)
    to=$(sed -n 's/^\([0-9]*\)\.\([0-9]\{3\}\).*Target reports successful startup.*/\1\2/p' $guests/$1.migrate | tail -n 1)
    echo "downtime of $1: at most $((to - from)) ms by dom0, $(guest_ask "$1" 'cat /gap')0 ms by the guest"
}

# damage FILE KIND: a copy of an image with something wrong in it; prints its name.
damage() {
    local out=$saves/damaged size at
    size=$(stat -c %s "$1")
    cp "$1" $out
    case $2 in
        half) truncate -s $((size / 2)) $out ;;
        tail) truncate -s $((size - 3000)) $out ;;
        header) printf 'no image' | dd of=$out conv=notrunc 2>/dev/null ;;
        # A record in the middle of its pages: a length that is none.
        middle) dd if=/dev/urandom of=$out bs=4096 seek=$((size / 8192)) count=1024 conv=notrunc 2>/dev/null ;;
        # The magic number in the header of the hypervisor's own records: public arch-x86/hvm/save.h.
        context)
            at=$(tail -c 400000 "$1" | od -An -v -tx1 | tr -d ' \n' | awk '{ print index($0, "86123854") }')
            [ "${at:-0}" != 0 ] || { echo "no context found"; return 1; }
            printf 'XXXX' | dd of=$out bs=1 seek=$((size - 400000 + at / 2)) conv=notrunc 2>/dev/null
            ;;
    esac
    echo $out
}

# refused NAME KIND FILE: xl restore of a damaged copy fails, with a line that says so, and leaves nothing.
refused() {
    local out
    out=$(damage "$3" "$2") || { fail "$2-damage" "$out"; return; }
    if timeout 100 xl restore "$out" >$guests/$1.damaged 2>&1; then
        fail "$2-refused" "it was restored"
        xl destroy "$1"
    else
        pass "$2-refused"
    fi
    echo "$2: $(said $guests/$1.damaged)"
    want "$2-says" "$(said $guests/$1.damaged | wc -c)" '[1-9][0-9]+'
    check "$2-no-zombie" no_zombie
    rm -f $out
}

# --- the life of a guest called "kept", from $file; the caller's devices() looks at the rest of it ---------------

step() { echo "save: $1, after $SECONDS s"; }

# What there is to see, if something has failed; the end.
fails() {
    local f
    [ "$failed" = 0 ] && return
    for f in save restore migrate; do echo "--- $f"; grep -av 'Frames.*%' $guests/kept.$f | tail -n 40; done
    for f in /var/log/xen/qemu-dm-kept*.log; do [ -f "$f" ] && echo "--- $f" && tail -n 20 "$f"; done
    echo "--- console"; guest_log kept | tail -n 90
    xl list
    xl pause kept && xl debug-keys q && xl debug-keys d && xl dmesg | tail -n 60
    finish
    exit
}

# begins SECONDS: it is up and computes; the account from before it in /run/account.before.
begins() {
    local why
    xl create -p "$file" >/dev/null 2>&1 && xl destroy kept
    check settled guest_gone kept
    account >/run/account.before
    if why=$(guest_starts "$file" "$1"); then pass up; else fail up "$why"; fi
    fails
    keep kept first
    devices first
}

saved_and_restored() {
    step save
    check save saves_as kept $image
    check save-gone guest_gone kept
    check save-account account_back /run/account.before
    ls -l $image
    step restore
    check restore restores kept $image
    kept kept restored
    devices restored
    fails
}

migrated() {
    step migrate
    guest_ask kept 'touch /again; sleep 0.3; echo 0 >/gap' >/dev/null
    check migrate migrates kept
    kept kept migrated
    devices migrated
    downtime kept
    fails
}

# The other end reads some of it and dies: the guest goes on as if nothing had been.
migration_breaks() {
    step broken
    if xl migrate -s '' kept "printf 'xl migration receiver ready, send binary domain data.\n'; exec head -c 30000000 >/dev/null" >$guests/kept.broken 2>&1; then
        fail broken "it says that it succeeded"
    else
        pass broken
    fi
    echo "broken: $(said $guests/kept.broken)"
    kept kept broken
    fails
}

saved_and_goes_on() {
    step checkpoint
    check checkpoint saves_as kept $image -c
    kept kept checkpointed
    devices checkpointed
    fails
}

destroyed() {
    check destroy xl destroy kept
    check gone guest_gone kept
    check account account_back /run/account.before
}

# all_refused KIND...
all_refused() {
    local kind
    step damaged
    for kind in "$@"; do refused kept "$kind" $image; done
    check damaged-account account_back /run/account.before
    [ "$failed" = 0 ] || { cat $guests/kept.damaged; xl dmesg | tail -n 20; }
}

saves_end() {
    check no-zombie no_zombie
    check no-backends no_backends
    check end-account account_back /run/account.before
    no_innocent_crash no-crash
    guest_ends kept
}
