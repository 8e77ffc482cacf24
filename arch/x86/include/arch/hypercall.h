/* SPDX-License-Identifier: GPL-2.0-only */
/* What core/hypercall.c needs of the architecture. */
#ifndef ARCH_HYPERCALL_H
#define ARCH_HYPERCALL_H

#include <hv/types.h>

struct vcpu;

/* Make current's guest call again, with these arguments in place of the first nr_args. */
void arch_hypercall_rewind(struct vcpu *v, unsigned int nr_args, const uint64_t arg[]);

/* A call of a 32-bit guest's, arguments zero-extended: entries of its multicalls too. */
long arch_hypercall_32(struct vcpu *v, uint64_t nr, const uint64_t arg[]);

#endif
