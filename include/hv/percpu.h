/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-CPU data. DEFINE_PER_CPU puts a zero-initialised variable into the template section; each cpu
 * has its copy. this_cpu(x) is an lvalue; per_cpu(x, n) is another cpu's.
 */
#ifndef HV_PERCPU_H
#define HV_PERCPU_H

#include <arch/percpu.h>
#include <hv/types.h>

#endif
