/* SPDX-License-Identifier: GPL-2.0-only */
/* Between policy.c and policy_guest.c (pure) and cpuid.c (the machine and the guests). */
#ifndef CPU_POLICY_PRIV_H
#define CPU_POLICY_PRIV_H

#include <arch/policy.h>

void policy_set_word(struct cpu_policy *p, unsigned int word, uint32_t val);
void policy_set_feature(struct cpu_policy *p, unsigned int feature, bool on);
void policy_make_consistent(struct cpu_policy *p); /* drop features whose prerequisites are gone */
void policy_derive_all(struct cpu_policy *table);  /* the guests' from table[POLICY_HOST] */

#endif
