# SPDX-License-Identifier: GPL-2.0-only
#
# The life of a paravirtualized guest under the stock toolstack: created, watched, paused, shut down,
# destroyed, and nothing of it stays.

. /tests/lib.sh
. /tests/guest.sh
. /tests/life.sh

# The first one pays for what stays with dom0 for good, so the later ones are measured.
if guest_kernel=/guest/vmlinuz life first 1 by_shutdown; then
    free=$(free_memory)
    life second 2 by_destroy
    check memory-after-destroy memory_back "$free"
    life third 1 by_reboot
    check memory-after-reboot memory_back "$free"
    life fourth 2 by_itself
    check memory-after-poweroff memory_back "$free"
fi
no_innocent_crash no-crash
finish
