/* SPDX-License-Identifier: GPL-2.0-only */
/* NMIs that no code of ours has asked for. */
#ifndef ARCH_NMI_H
#define ARCH_NMI_H

#include <abi.h>

void nmi_init(void);
/* In the NMI: whatever the machine means by it, for whom `nmi=` says. */
void nmi_of_machine(const struct cpu_user_regs *regs);

#endif
