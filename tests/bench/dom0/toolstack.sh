# SPDX-License-Identifier: GPL-2.0-only
#
# What the stock toolstack takes for its everyday work. Lines "bench NAME MIN MEDIAN MAX", in
# nanoseconds, which are instructions where the emulator counts them.

. /tests/bench-lib.sh

# small NAME: the configuration of a guest that says its first words and sleeps.
small() {
    {
        echo "name = '$1'"
        echo "type = 'pv'"
        echo "kernel = '/guest/words'"
        echo "memory = 8"
    } >"$guests/$1.cfg"
    echo "$guests/$1.cfg"
}

lists() {
    local have=0 want samples i
    for want in 1 10 40; do
        for ((; have < want; have++)); do
            xl create -q -e "$(small "list$have")" || fail "create-list$have"
        done
        samples=()
        for i in 1 2 3 4 5; do
            measure xl list || return
            samples+=("$ns")
        done
        figure "list.$want" "${samples[@]}"
    done
}

took xl list >"$guests/warm" && xl create -q "$(small warm)" && xl destroy warm # files into caches
creations first-words 5 "first words" small
creations userspace 1 "guest: up" linux # eight thousand million instructions
lists
finish
