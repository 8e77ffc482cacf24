# SPDX-License-Identifier: GPL-2.0-only
#
# Networks of paravirtualized guests through the kernel's own backend and a bridge: pings of every kind
# of size between all ends, transfers whose digests agree at both ends, interfaces that come and go
# while others are in use, and a guest that dies with packets under way.

. /tests/lib.sh
. /tests/guest.sh

www=/run/www
sizes="0 1 7 8 55 56 1399 1400 1471 1472 1473 4095 4096 16384 32768 65507"
blob_mib=64

config() {
    guest_args="granta.net=10.7.0.$3/24" guest_memory=$4 \
        guest_config "$1" "$2" "vif = [ 'mac=00:16:3e:07:00:0$3,bridge=xenbr0' ]"
}

# ping_sizes WORDS ADDRESS: a script for either end; it names the sizes of which an answer is missing.
ping_sizes() {
    echo "bad=; for s in $sizes; do ping -q -c 1 -W 10 -s \$s $1 >/dev/null || bad=\"\$bad \$s\"; done; echo missing:\$bad"
}

bridge_up() {
    brctl addbr xenbr0
    ip addr add 10.7.0.1/24 dev xenbr0
    ip link set xenbr0 up
}

# The payload of a ping has a checksum of its own that every receiver tests.
pings() {
    want ping-dom0-to-a "$(eval "$(ping_sizes 10.7.0.2)")" missing:
    want ping-a-to-dom0 "$(guest_ask a "$(ping_sizes 10.7.0.1)" 60)" missing:
    want ping-a-to-b "$(guest_ask a "$(ping_sizes 10.7.0.3)" 60)" missing:
    want ping-b-to-a "$(guest_ask b "$(ping_sizes 10.7.0.2)" 60)" missing:
}

# From dom0 to one guest, from there to the other, and back to dom0.
transfers() {
    local digest
    mkdir -p $www
    head -c ${blob_mib}m /dev/urandom >$www/blob
    digest=$(md5sum <$www/blob | cut -c-32)
    httpd -p 10.7.0.1:80 -h $www
    check fetch-dom0-to-a guest_ask a 'mkdir -p /www; wget -q -O /www/blob http://10.7.0.1/blob && httpd -h /www' 90
    want digest-a "$(guest_ask a 'md5sum </www/blob | cut -c-32' 30)" "$digest"
    want digest-b "$(guest_ask b 'wget -q -O - http://10.7.0.2/blob | md5sum | cut -c-32' 90)" "$digest"
    want digest-dom0 "$(timeout 60 wget -q -O - http://10.7.0.2/blob | md5sum | cut -c-32)" "$digest"
}

# A second interface comes and goes while the first one carries transfers.
plug() {
    guest_ask b '(while [ ! -e /stop ]; do wget -q -O /dev/null http://10.7.0.2/blob || echo >>/broken;
        echo >>/rounds; sleep 2; done) >/dev/null 2>&1 &' >/dev/null
    check attach xl network-attach b mac=00:16:3e:07:01:03 bridge=xenbr0
    check attach-seen guest_ask b 'for i in $(seq 50); do [ -e /sys/class/net/eth1 ] && break; sleep 0.1; done;
        ip addr add 10.8.0.3/24 dev eth1 && ip link set eth1 up'
    ip addr add 10.8.0.1/24 dev xenbr0
    want attach-mac "$(guest_ask b 'cat /sys/class/net/eth1/address')" 00:16:3e:07:01:03
    want attach-ping "$(ping -q -c 3 -s 4000 10.8.0.3 | grep -o '[0-9]* packets received')" '3 packets received'
    check detach xl network-detach b 00:16:3e:07:01:03
    check detach-seen guest_ask b 'for i in $(seq 50); do [ -e /sys/class/net/eth1 ] || exit 0; sleep 0.1; done; exit 1'
    want plug-list "$(xl network-list b | tail -n +2 | wc -l)" 1
    want plug-other-undisturbed "$(guest_ask b 'touch /stop; while [ ! -s /rounds ]; do sleep 0.1; done;
        test -e /broken || echo well' 60)" well
}

# up NAME FILE: or the test ends here.
up() {
    local why
    why=$(guest_starts "$2") && { pass "$1-up"; return; }
    fail "$1-up" "$why"
    guest_post_mortem "$1"
    finish
}

bridge_up
up a "$(config a 2 2 256)"
up b "$(config b 1 3 128)"
pings
transfers
plug
guest_do b 'while :; do wget -q -O /dev/null http://10.7.0.2/blob; done'
sleep 1
check destroy-receiver xl destroy b
check gone-receiver guest_gone b
check sender-lives guest_ask a "ping -q -c 1 10.7.0.1"
check shutdown xl shutdown -w a
check gone-sender guest_gone a
check no-backends no_backends
want no-interfaces "$(ls /sys/class/net | grep -c vif)" 0
check no-zombie no_zombie
no_innocent_crash no-crash
guest_ends a b
