# SPDX-License-Identifier: GPL-2.0-only
#
# The life of a paravirtualized guest under the stock toolstack: created, watched, paused, shut down,
# destroyed, and nothing of it stays.

. /tests/lib.sh
. /tests/guest.sh
. /tests/life.sh

lives
no_innocent_crash no-crash
finish
