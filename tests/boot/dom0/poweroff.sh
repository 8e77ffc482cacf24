# SPDX-License-Identifier: GPL-2.0-only
#
# Power-off must end the machine: the runner sees QEMU end, so there is nothing to print afterwards.

echo "granta-test: poweroff now"
sync
poweroff -f
sleep 60
echo "FAIL poweroff the machine still runs"
