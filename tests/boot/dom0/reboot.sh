# SPDX-License-Identifier: GPL-2.0-only
#
# Reboot must reset the machine: under the runner's -no-reboot QEMU ends at the reset.

echo "granta-test: reboot now"
sync
reboot -f
sleep 60
echo "FAIL reboot the machine still runs"
