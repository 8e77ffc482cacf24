/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/gnttab.c core/gnttab_entry.c core/gnttab_pin.c core/gnttab_map.c */
/* links: core/gnttab_copy.c core/gnttab_table.c core/gnttab_op.c core/compat.c core/lock.c */
/* links: tests/host/world.c */
/* All of tests/unit/gnttab.c with callers of 32 bits: the same answers to the same questions. */
#define CALLER_IS_32BIT true
#include "gnttab.c"
