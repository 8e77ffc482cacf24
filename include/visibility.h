/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before everything else: all symbols are hidden, so that position-independent code
 * addresses them relative to the instruction pointer and needs no global offset table.
 */
#ifndef __ASSEMBLY__
#pragma GCC visibility push(hidden)
#endif
