/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's MSRs as a table of ranges: PV's in cpu/msr.c, HVM's in hvm/msr.c. */
#ifndef CPU_MSR_ROW_H
#define CPU_MSR_ROW_H

#include <hv/types.h>

struct vcpu;

/* 0, or -1: #GP. */
typedef int msr_read_fn(struct vcpu *v, uint32_t msr, uint64_t *val);
typedef int msr_write_fn(struct vcpu *v, uint32_t msr, uint64_t val);

struct msr_row {
    uint32_t first, last;
    msr_read_fn *read; /* NULL: #GP */
    msr_write_fn *write;
};

/* NULL: in none of the rows. */
static inline const struct msr_row *msr_row_find(const struct msr_row *rows, size_t n, uint32_t msr)
{
    for (size_t i = 0; i < n; i++)
        if (msr - rows[i].first <= rows[i].last - rows[i].first)
            return &rows[i];
    return NULL;
}

static inline int msr_read_zero(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return 0;
}

static inline int msr_write_ignore(struct vcpu *v, uint32_t msr, uint64_t val) { return 0; }

static inline int msr_write_if_zero(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return val == 0 ? 0 : -1;
}

#endif
