# SPDX-License-Identifier: GPL-2.0-only
#
# The first domain's own vCPUs go away and come back: through the kernel's /sys, and through
# `xl vcpu-set`, which asks the kernel over xenstore. The toolstack must see each step.

. /tests/lib.sh

cpus=$GRANTA_CPUS
last=$((cpus - 1))
online=/sys/devices/system/cpu/cpu$last/online

count() { grep -c '^processor' /proc/cpuinfo; }
vcpu_state() { xl vcpu-list Domain-0 2>/dev/null | awk -v n="$1" '$3 == n {print $4, $5}'; }

present() { ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l; }

# wait_until COMMAND NUMBER: the kernel acts on xenstore in its own time.
wait_until() {
    for _ in {1..100}; do
        [ "$($1)" = "$2" ] && return 0
        nap 0.1
    done
    echo "$1 stays at $($1)"
    return 1
}

want before "$(count)" "$cpus"
for round in 1 2 3; do
    check "offline-$round" bash -c "echo 0 >$online"
    want "offline-$round-count" "$(count)" $((cpus - 1))
    want "offline-$round-seen" "$(vcpu_state $last)" '- --p'
    check "online-$round" bash -c "echo 1 >$online"
    want "online-$round-count" "$(count)" "$cpus"
    want "online-$round-seen" "$(vcpu_state $last)" '([0-9]+|-) [r-][b-]-'
    # A task on that CPU must really run: its timer and its interrupts came back.
    check "online-$round-runs" timeout 20 taskset "$(printf '%x' $((1 << last)))" sleep 0.2
done

for ((n = 1; n < cpus; n++)); do echo 0 >/sys/devices/system/cpu/cpu$n/online; done
want all-but-one "$(count)" 1
for ((n = 1; n < cpus; n++)); do echo 1 >/sys/devices/system/cpu/cpu$n/online; done
want all-back "$(count)" "$cpus"

check vcpu-set-1 xl vcpu-set 0 1
check vcpu-set-1-done wait_until count 1
check vcpu-set-1-gone wait_until present 1
want vcpu-set-1-seen "$(vcpu_state $last)" '- --p'
# What comes back is only present: bringing it online is udev's part, which this system lacks.
check vcpu-set-all xl vcpu-set 0 "$cpus"
check vcpu-set-all-present wait_until present "$cpus"
want vcpu-set-all-not-yet-online "$(count)" 1
for ((n = 1; n < cpus; n++)); do echo 1 >/sys/devices/system/cpu/cpu$n/online; done
want vcpu-set-all-online "$(count)" "$cpus"
want vcpu-set-all-seen "$(vcpu_state $last)" '([0-9]+|-) [r-][b-]-'
no_innocent_crash no-crash
finish
