/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before everything else when Frama-C reads our sources: what it does not know is checked
 * by the compilers.
 */
#define _Static_assert(...)
