/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding out what this machine can do: fills cpu_features (<arch/cpu.h>). */
#ifndef ARCH_FEATURES_H
#define ARCH_FEATURES_H

#include <arch/cpu.h>

enum { VENDOR_UNKNOWN, VENDOR_INTEL, VENDOR_AMD, VENDOR_HYGON };

void features_init(void);          /* boot cpu, the very first: only CPUID */
/* the administrator's: smap=, smep=, xsave=; before any cpu loads CR4 */
void features_apply_options(void);
void features_report(void);        /* a line or two for the log */

#endif
