# SPDX-License-Identifier: GPL-2.0-only
#
# Shared by the tests that run inside the first domain: one line "PASS name" or "FAIL name why" for
# each check, and a last line with the totals, which is what the runner on the host waits for.

passed=0
failed=0

pass() { echo "PASS $1"; passed=$((passed + 1)); }
fail() { echo "FAIL $1 ${*:2}"; failed=$((failed + 1)); }

# check NAME COMMAND...: the command must succeed; its last line of output is the reason otherwise.
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then pass "$name"; else fail "$name" "$(tail -n 1 <<<"$out")"; fi
}

# want NAME VALUE REGEX: the whole value must match the extended regular expression.
want() {
    if [[ $2 =~ ^($3)$ ]]; then pass "$1"; else fail "$1" "got '$2', want '$3'"; fi
}

# between NAME VALUE LOW HIGH: an integer in the closed range.
between() {
    if [[ $2 =~ ^-?[0-9]+$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then
        pass "$1"
    else
        fail "$1" "got '$2', want $3..$4"
    fi
}

# A program of this system that died from a fault it cannot have caused is a failure of any test.
no_innocent_crash() {
    local lines
    lines=$(dmesg | grep -E 'segfault at|general protection|traps:|trap (invalid|divide|stack)|BUG:|Oops|soft lockup|rcu_sched self-detected')
    if [ -z "$lines" ]; then
        pass "$1"
    else
        fail "$1" "$(head -n 3 <<<"$lines" | tr '\n' '|')"
    fi
}

finish() {
    echo "granta-test: $GRANTA_TEST passed=$passed failed=$failed"
    exit $((failed > 0))
}
