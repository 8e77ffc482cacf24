/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files that make up a domain's life: domain.c, domain_life.c, vcpu.c, sched_op.c. */
#ifndef CORE_DOMAIN_PRIV_H
#define CORE_DOMAIN_PRIV_H

#include <hv/page.h>

struct domain;

/* Zeroed memory of any size: a small object, or whole pages. */
void *object_alloc(size_t size) must_check;
void object_free(void *p, size_t size); /* NULL is ignored */

void domain_watchdog_init(struct domain *d);
void domain_watchdog_exit(struct domain *d);

#endif
