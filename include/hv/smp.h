/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cross-cpu calls. A waiting cpu serves requests made to it (smp_serve), so two cpus calling each
 * other do not deadlock.
 */
#ifndef HV_SMP_H
#define HV_SMP_H

#include <hv/cpumask.h>

/*
 * fn runs wherever the other cpu happens to wait, whatever locks it holds: it must neither take a
 * lock that a caller of smp_call() may hold, nor call smp_call() itself. Cpus that are not online
 * are left out.
 */
/*
 * Run fn(data) on each cpu of the mask, this one included if in it, and wait for all. Interrupts
 * off on each.
 */
void smp_call(const cpumask_t *mask, void (*fn)(void *), void *data);
/* handle requests made to this cpu: from the IPI, and in every wait loop */
void smp_serve(void);
void cpu_wait(void);                   /* body of a wait loop: pause + smp_serve */
/* make the cpu look at its softirqs and events: IPI without waiting */
void smp_kick(unsigned int cpu);
void smp_kick_mask(const cpumask_t *mask);

/*
 * Implemented by the architecture: interrupt these cpus; there: smp_serve(), and softirqs on the
 * way out.
 */
void arch_send_ipi_mask(const cpumask_t *mask);

#endif
