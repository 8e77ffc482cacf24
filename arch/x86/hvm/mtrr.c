/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory type range registers and PAT of HVM guests: what may be written to them. Intel SDM vol. 3,
 * "Memory Type Range Registers (MTRRs)", "Programming the PAT".
 *
 * Under nested paging the hardware combines PAT with the nested tables' type and does not know the
 * guest's MTRRs: they are kept and shown, and change nothing.
 */
#include <abi.h>
#include <arch/msr.h>
#include <hv/errno.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/hvm/save.h>

#include "cpu_priv.h"

#define TYPE_UC_MINUS 7U           /* in PAT alone */
#define MTRR_TYPES 0x73U           /* as a set: UC, WC, WT, WP, WB */
#define CAP_FIXED (1U << 8)
#define CAP_WC (1U << 10)
#define MTRR_CAP (MTRR_VARIABLE | CAP_FIXED | CAP_WC)
#define DEF_TYPE_BITS 0xcffULL     /* type; fixed ranges on, all on */
#define BASE_RESERVED 0xf00ULL
#define MASK_RESERVED 0x7ffULL

_Static_assert(MTRR_VARIABLE == MTRR_VCNT && MTRR_FIXED == NUM_FIXED_MSR, "as in the record");
_Static_assert(MSR_MTRR_VAR_LAST - MSR_MTRR_VAR_FIRST + 1 == 2 * MTRR_VARIABLE, "a pair each");

static bool type_valid(uint64_t type) { return type < 8 && (MTRR_TYPES >> type & 1); }

/* Eight fields of a byte. */
static bool fixed_valid(uint64_t val)
{
    for (unsigned int i = 0; i < 64; i += 8)
        if (!type_valid(val >> i & 0xff))
            return false;
    return true;
}

bool hvm_pat_valid(uint64_t pat)
{
    for (unsigned int i = 0; i < 64; i += 8) {
        const uint64_t type = pat >> i & 0xff;

        if (!type_valid(type) && type != TYPE_UC_MINUS)
            return false;
    }
    return true;
}

static bool def_type_valid(uint64_t val)
{
    return !(val & ~DEF_TYPE_BITS) && type_valid(val & 0xff);
}

/* Odd ones are masks. */
static bool variable_valid(const struct vcpu *v, unsigned int n, uint64_t val)
{
    if (val >> hvm_phys_bits(v))
        return false;
    if (n & 1)
        return !(val & MASK_RESERVED);
    return !(val & BASE_RESERVED) && type_valid(val & 0xff);
}

/* -1: not a fixed range. */
static int fixed_index(uint32_t msr)
{
    if (msr == MSR_MTRR_FIX_64K)
        return 0;
    if (msr >= MSR_MTRR_FIX_16K_FIRST && msr <= MSR_MTRR_FIX_16K_LAST)
        return (int)(1 + msr - MSR_MTRR_FIX_16K_FIRST);
    if (msr >= MSR_MTRR_FIX_4K_FIRST && msr <= MSR_MTRR_FIX_4K_LAST)
        return (int)(3 + msr - MSR_MTRR_FIX_4K_FIRST);
    return -1;
}

int hvm_mtrr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct hvm_cpu *c = hvm_cpu_of(v);
    const uint32_t variable = msr - MSR_MTRR_VAR_FIRST;
    const int fixed = fixed_index(msr);

    if (msr == MSR_MTRR_CAP)
        *val = MTRR_CAP;
    else if (msr == MSR_MTRR_DEF_TYPE)
        *val = c->mtrr_def_type;
    else if (variable < 2 * MTRR_VARIABLE)
        *val = c->mtrr_variable[variable];
    else if (fixed >= 0)
        *val = c->mtrr_fixed[fixed];
    else
        return -1;
    return 0;
}

int hvm_mtrr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    struct hvm_cpu *c = hvm_cpu_of(v);
    const uint32_t variable = msr - MSR_MTRR_VAR_FIRST;
    const int fixed = fixed_index(msr);

    if (msr == MSR_MTRR_DEF_TYPE && def_type_valid(val))
        c->mtrr_def_type = val;
    else if (variable < 2 * MTRR_VARIABLE && variable_valid(v, variable, val))
        c->mtrr_variable[variable] = val;
    else if (fixed >= 0 && fixed_valid(val))
        c->mtrr_fixed[fixed] = val;
    else
        return -1;
    return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

void hvm_mtrr_save(struct vcpu *v, struct hvm_hw_mtrr *r)
{
    const struct hvm_cpu *c = hvm_cpu_of(v);

    *r = (struct hvm_hw_mtrr){
        .msr_pat_cr = c->pat, .msr_mtrr_cap = MTRR_CAP, .msr_mtrr_def_type = c->mtrr_def_type
    };
    for (unsigned int i = 0; i < 2 * MTRR_VARIABLE; i++)
        r->msr_mtrr_var[i] = c->mtrr_variable[i];
    for (unsigned int i = 0; i < MTRR_FIXED; i++)
        r->msr_mtrr_fixed[i] = c->mtrr_fixed[i];
}

static bool record_valid(const struct vcpu *v, const struct hvm_hw_mtrr *r)
{
    bool ok = hvm_pat_valid(r->msr_pat_cr) && def_type_valid(r->msr_mtrr_def_type) &&
              (r->msr_mtrr_cap & 0xff) <= MTRR_VARIABLE;

    for (unsigned int i = 0; i < 2 * MTRR_VARIABLE; i++)
        ok = ok && variable_valid(v, i, r->msr_mtrr_var[i]);
    for (unsigned int i = 0; i < MTRR_FIXED; i++)
        ok = ok && fixed_valid(r->msr_mtrr_fixed[i]);
    return ok;
}

int hvm_mtrr_load(struct vcpu *v, const struct hvm_hw_mtrr *r)
{
    struct hvm_cpu *c = hvm_cpu_of(v);

    if (!record_valid(v, r))
        return -EINVAL;
    for (unsigned int i = 0; i < 2 * MTRR_VARIABLE; i++)
        c->mtrr_variable[i] = r->msr_mtrr_var[i];
    for (unsigned int i = 0; i < MTRR_FIXED; i++)
        c->mtrr_fixed[i] = r->msr_mtrr_fixed[i];
    c->mtrr_def_type = r->msr_mtrr_def_type;
    c->pat = r->msr_pat_cr;
    hvm_ops->update(v);
    return 0;
}
