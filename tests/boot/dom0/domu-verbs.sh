# SPDX-License-Identifier: GPL-2.0-only
#
# The verbs of `xl` and the tools beside it that an administrator of paravirtualized guests uses. Two
# guests are alive: `work` is Debian's kernel, `tiny` is tests/boot/kernels/obey.c. What a tool says of
# something that a hypervisor of this kind does not have is tested as well.

. /tests/lib.sh
. /tests/guest.sh
export PATH=$PATH:/usr/lib/xen-4.17/bin

# says NAME REGEX COMMAND...: the last line of its output, of either stream.
says() {
    want "$1" "$("${@:3}" 2>&1 | tail -n 1)" "$2"
}

# refuses NAME REGEX COMMAND...: it fails, and one line of its output matches.
refuses() {
    local out
    if out=$("${@:3}" 2>&1); then
        fail "$1" "it succeeded"
    elif grep -qE "$2" <<<"$out"; then
        pass "$1"
    else
        fail "$1" "$(tr '\n' '|' <<<"$out")"
    fi
}

# reports NAME REGEX COMMAND...: one line of its output matches, whatever its exit status is.
reports() {
    local out
    out=$("${@:3}" 2>&1)
    if grep -qE "$2" <<<"$out"; then pass "$1"; else fail "$1" "$(head -c 300 <<<"$out" | tr '\n' '|')"; fi
}

row() { xl list "$1" | awk 'NR == 2 {print $1, $3, $4, $5}'; }
in_guest() { guest_ask work "$@"; }
pinned() { xl vcpu-list "$1" | awk -v v="$2" 'NR > 1 && $3 == v {print $7, $8, $9}'; }

bad_configs() {
    local cfg=$guests/bad.cfg
    echo "name = 'bad" >"$cfg"
    refuses create-syntax 'config parsing error|Failed to parse config' xl create "$cfg"
    printf '%s\n' "name = 'bad'" "type = 'pv'" "kernel = '/no/such'" "memory = 16" >"$cfg"
    refuses create-no-kernel 'No such file|failed' xl create "$cfg"
    printf '%s\n' "name = 'bad'" "type = 'pv'" "kernel = '/guest/initrd'" "memory = 16" >"$cfg"
    refuses create-no-elf 'xc_dom_parse_image|no loader found|Invalid kernel' xl create "$cfg"
    want create-nothing-left "$(xl list | wc -l)" 2
}

creates() {
    local up
    guest_config work 2 "maxvcpus = 3" "maxmem = 192" >/dev/null
    check create-paused xl create -p $guests/work.cfg
    want paused-state "$(guest_state work)" '--p---'
    want paused-time "$(xl list work | awk 'NR == 2 {print $6}')" '0\.0'
    check paused-pin xl vcpu-pin work 0 1
    refuses create-same-name 'already exists|already running' xl create $guests/work.cfg
    printf '%s\n' "name = 'tiny'" "type = 'pv'" "kernel = '/guest/obey'" "cmdline = 'I am tiny'" \
        "memory = 8" >$guests/tiny.cfg
    check create-tiny guest_starts $guests/tiny.cfg
    want paused-still "$(row work)" 'work 128 1 --p---'
    check unpause xl unpause work
    guest_tty work >$guests/work.tty
    up=$(guest_says work 'guest: up' 60)
    want unpaused-up "$up" 'guest: up cpus=2 mem=[0-9]+ kB'
    work=$(xl domid work)
    tiny=$(xl domid tiny)
}

names() {
    want domid "$work $tiny" '[0-9]+ [0-9]+'
    want domname "$(xl domname "$work")" work
    check rename xl rename work other
    want renamed "$(xl domid other) $(xenstore-read /local/domain/$work/name)" "$work other"
    refuses renamed-old 'invalid domain identifier|work' xl domid work
    refuses rename-taken 'already exists|cannot rename|Can.t rename' xl rename other tiny
    check rename-back xl rename "$work" work
    refuses domid-nobody 'nobody' xl domid nobody
    refuses domname-nobody '99' xl domname 99
}

lists() {
    local uuid
    uuid=$(xl vm-list | awk '$3 == "work" {print $1}')
    want vm-list "$uuid" '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
    want list-v "$(xl list -v work | awk 'NR == 2 {print $7, $8, $9}')" "$uuid - -"
    want list-long "$(xl list -l work | grep -cE '"domid": '"$work"',|"name": "work"|"uuid": "'"$uuid"'"|"kernel": "/guest/vmlinux"|"max_memkb": 196608')" 5
    want list-numa "$(xl list -n work | awk 'NR == 2 {print $NF}')" all
    want list-pool "$(xl list -c work | awk 'NR == 2 {print $NF}')" Pool-0
    want uptime "$(xl uptime work | tail -n 1)" "work +$work +0:0[0-9]:[0-9]{2} *"
    want claims "$(xl claims | awk '$1 == "work" || $1 == "tiny" {print $NF}' | paste -sd ' ')" '0 0'
    want sharing "$(xl sharing work | awk 'NR == 2 {print $3, $4}')" '128 0'
    want top "$(xentop -b -i 1 | awk '$1 == "work" {print $5, $7, $9, $NF}')" '131072 132096 3 0'
    # No guest has any of these: a heading, and nothing under it.
    for kind in block network vtpm vkb channel; do
        want $kind-list "$(xl $kind-list work 2>&1 | wc -l)" 1
    done
    want pci-list "$(xl pci-list work 2>&1)" ''
}

vcpus() {
    want vcpu-list "$(xl vcpu-list work | awk 'NR > 1 {print $3, $5}' | paste -sd ' ')" '0 [r-][b-]- 1 [r-][b-]- 2 --p'
    want pin-kept "$(pinned work 0)" '1 / all'
    check pin-hard xl vcpu-pin work all 0
    want pin-hard-seen "$(pinned work 0) $(pinned work 1)" '0 / all 0 / all'
    check pin-soft xl vcpu-pin work 1 all 1
    want pin-soft-seen "$(pinned work 1)" 'all / 1'
    refuses pin-nobody 'affinity' xl vcpu-pin work 7 0
    check vcpu-set-down xl vcpu-set work 1
    want vcpu-set-down-seen "$(in_guest 'for i in $(seq 50); do [ $(nproc) = 1 ] && break; sleep 0.1; done; nproc')" 1
    check vcpu-set-listed state_becomes work '[r-][b-]----'
    want vcpu-set-list "$(row work)" 'work 128 1 .*'
    check vcpu-set-up xl vcpu-set work 2
    want vcpu-set-up-seen "$(in_guest 'for i in $(seq 50); do echo 1 >/sys/devices/system/cpu/cpu1/online && break; sleep 0.1; done 2>/dev/null; nproc')" 2
    refuses vcpu-set-too-many 'greater than maxvcpus|Requested|max' xl vcpu-set --ignore-host work 9
    check mem-max xl mem-max work 160
    want mem-max-seen "$(xentop -b -i 1 | awk '$1 == "work" {print $7}')" 164864
    refuses mem-set-over 'memory_dynamic_max must be less|failed' xl mem-set work 1g
}

# A line goes in at the program behind `xl console`, and the answer comes out of it. From what is no
# terminal it reads only if it is told to; the case `console` has `xl console` on one.
both_ways() {
    local out=/run/console.out
    : >$out
    {
        echo 'echo both-$((6*7))'
        for _ in {1..60}; do grep -q 'both-42' $out && break; sleep 0.2; done
    } | timeout 20 xenconsole "$work" --type pv --num 0 --interactive >$out 2>&1
    tr -d '\r' <$out | grep -c '^both-42'
}

signals() {
    check sysrq xl sysrq work h
    check trigger-nmi xl trigger work nmi 0
    want kernel-heard "$(in_guest 'for i in $(seq 50); do dmesg | grep -q "NMI received" && break; sleep 0.1; done;
        dmesg | grep -cE "sysrq: HELP|NMI received for unknown reason"')" 2
    reports trigger-reset "'reset' failed: Function not implemented" xl trigger work reset
    reports trigger-power "'power' failed: Invalid argument" xl trigger work power
    reports trigger-resume "'s3resume' failed" xl trigger work s3resume
    refuses trigger-nobody 'nobody' xl trigger nobody nmi
    reports trigger-no-vcpu "'nmi' failed" xl trigger work nmi 17
    check debug-keys xl debug-keys q
    sleep 0.5
    want debug-keys-output "$(xl dmesg | grep -cE "(General information for domain |\) d)$work:")" 1
    want console "$(both_ways)" 1
}

looks() {
    local out
    check dump xl dump-core tiny /run/tiny.core
    want dump-holds "$(coreinfo /run/tiny.core)" "vcpus=1 pages=2048 rip=ffffffff8[0-9a-f]{7} marker=$(
        guest_log tiny | sed -n 's/^guest: marker //p') I am tiny"
    guest_do tiny 'still here'
    check dump-goes-on guest_says tiny '^heard: still here' 5
    out=$(xenctx "$work" 0 2>&1)
    want xenctx "$(grep -cE '^(rip: ffffffff8[0-9a-f]{7}|rsp: ffff[0-9a-f]{12}| cs: e033.*|Code \(instr addr ffffffff8[0-9a-f]{7}\)) *$' <<<"$out")" 4
    want xenctx-stack "$(xenctx -S "$work" 0 2>&1 | grep -cE '^ +[0-9a-f]{16}|Stack')" '[1-9][0-9]*'
    want lsevtchn "$(lsevtchn "$tiny" | grep -c 'Interdomain (Connected) - Remote Domain 0')" '[12]'
    want gnttab-size "$(xen-diag gnttab_query_size "$tiny")" "domid=$tiny: nr_frames=1, max_nr_frames=64"
    out=$(xen-mfndump dump-p2m "$work" 2>&1)
    want mfndump "$(grep -cE 'pfn=0x[0-9a-f]+ ==> mfn=0x[0-9a-f]+ \(type 0x0\)' <<<"$out")" '[23][0-9]{4}'
    want mfndump-tables "$(grep -cE 'type 0xc\)' <<<"$out")" '[1-9][0-9]*'
}

settings() {
    want hypfs-tree "$(xenhypfs tree | grep -cE '^(/|  (buildinfo|cpupool|params)/|    (changeset|compileinfo/|config|version/|loglvl|guest_loglvl|gnttab_max_frames))$')" 11
    want hypfs-ls "$(xenhypfs ls / | awk '{print $1, $2, $3}' | paste -sd ' ')" '<dir> r- buildinfo <dir> r- cpupool <dir> r- params'
    want hypfs-version "$(xenhypfs cat /buildinfo/version/major).$(xenhypfs cat /buildinfo/version/minor)$(
        xenhypfs cat /buildinfo/version/extra)" "$(xl info | sed -n 's/^xen_version *: *//p')"
    want hypfs-config "$(xenhypfs cat /buildinfo/config | grep -cE '^CONFIG_(PV|64BIT|HYPFS)=y$|^CONFIG_NR_CPUS=[0-9]+$')" 4
    want hypfs-pool "$(xenhypfs cat /cpupool/0/sched-gran)" cpu
    want hypfs-loglvl "$(xenhypfs cat /params/loglvl)" all/all
    check hypfs-write xenhypfs write /params/guest_loglvl warning/info
    want hypfs-written "$(xenhypfs cat /params/guest_loglvl)" warning/info
    refuses hypfs-write-bad 'Invalid argument' xenhypfs write /params/loglvl banana
    refuses hypfs-write-constant 'Permission denied' xenhypfs write /buildinfo/version/major 5
    refuses hypfs-nothing 'No such file' xenhypfs cat /params/nothing
    check set-parameters xl set-parameters gnttab_max_frames=80
    want set-parameters-seen "$(xenhypfs cat /params/gnttab_max_frames)" 80
    refuses set-parameters-none 'No such file' xl set-parameters nothing=1
    printf '%s\n' "name = 'more'" "type = 'pv'" "kernel = '/guest/obey'" "memory = 8" >$guests/more.cfg
    check set-parameters-guest guest_starts $guests/more.cfg
    want set-parameters-used "$(xen-diag gnttab_query_size "$(xl domid more)")" '.*max_nr_frames=80'
    want set-parameters-others "$(xen-diag gnttab_query_size "$tiny")" '.*max_nr_frames=64'
    check more-destroy xl destroy more
    sed 's/console=hvc0/& granta.updated=1/' $guests/work.cfg >$guests/new.cfg
    check config-update xl config-update work $guests/new.cfg
}

# What there is not: each says so, and the guests live on.
not_there() {
    refuses getenforce 'Flask XSM Disabled' xl getenforce
    refuses loadpolicy 'Flask XSM disabled' xl loadpolicy /etc/passwd
    refuses psr-cmt-attach 'CMT is not supported in this system' xl psr-cmt-attach work
    refuses psr-cat 'Failed to get' xl psr-cat-show
    refuses migrate 'migration' xl migrate -s false work host
    refuses remus 'migration' xl remus -s false work host
    refuses lockprof 'Function not implemented' xenlockprof
    refuses perf 'Function not implemented' xenperf
    reports cpufreq 'failed to get cpufreq parameter' xenpm get-cpufreq-para
    want cpu-topology "$(xenpm get-cpu-topology | grep -cE '^CPU[0-9]+')" "$GRANTA_CPUS"
    refuses hvmcrash 'is not HVM' xen-hvmcrash "$work"
    says detect 'Running in PV context on Xen V4\.17\.' xen-detect
    want guests-live "$(xl list | awk 'NR > 2 {print $1, $3}' | paste -sd ' ')" 'work 128 tiny 8'
}

stores() {
    local path=/local/domain/$tiny
    want store-ls "$(xenstore-ls -f $path | grep -cE "^$path/(name = \"tiny\"|console/(ring-ref|port|tty) = )")" 4
    want store-list "$(xenstore-list $path | grep -cxE 'name|console|memory|control')" 4
    check store-write xenstore-write $path/data/a 1
    check store-chmod xenstore-chmod $path/data/a n0 "b$tiny"
    check store-exists xenstore-exists $path/data/a
    check store-rm xenstore-rm $path/data/a
    refuses store-gone '' xenstore-exists $path/data/a
}

comes_again() {
    guest_says work '^guest: up' 60 2 && [ "$(guest_log work | grep -ac '^guest: up')" = 2 ] || { xl list; return 1; }
    guest_tty work >$guests/work.tty
}

# The daemon keeps dom0's own watchdog from biting: it is armed for shorter than this test takes.
check watchdogd xenwatchdogd 30 5
bad_configs
creates
names
lists
vcpus
signals
looks
settings
not_there
stores
check tiny-destroy xl destroy tiny
check reboot-wait xl reboot -w work
check rebooted comes_again
want updated "$(in_guest 'grep -c granta.updated=1 /proc/cmdline')" 1
check watchdogd-lives kill "$(pidof xenwatchdogd)"
no_innocent_crash no-crash
guest_ends work tiny
