/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The record of MSRs that have no place in the others: public arch-x86/hvm/save.h, "struct
 * hvm_msr". Only those that are not 0 are in it.
 */
#include <abi.h>
#include <arch/msr.h>
#include <hv/errno.h>
#include <xen/hvm/save.h>

#include "cpu_priv.h"

/* What Xen puts there; some of them guests do not have here. */
static const uint32_t listed[] = {
    MSR_SPEC_CTRL, MSR_MISC_FEATURES, MSR_XSS, MSR_AMD_DR1_MASK, MSR_AMD_DR1_MASK + 1,
    MSR_AMD_DR3_MASK, MSR_AMD_DR0_MASK,
};
_Static_assert(ARRAY_SIZE(listed) == HVM_MSR_LIST, "as the header says");

unsigned int hvm_msr_list_save(struct vcpu *v, struct hvm_one_msr *out)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(listed); i++) {
        uint64_t val;

        if (hvm_rdmsr(v, listed[i], &val) == 0 && val)
            out[nr++] = (struct hvm_one_msr){ .index = listed[i], .val = val };
    }
    return nr;
}

static bool is_listed(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(listed); i++)
        if (listed[i] == msr)
            return true;
    return false;
}

int hvm_msr_list_load(struct vcpu *v, const struct hvm_one_msr *in, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        uint64_t now;

        if (in[i]._rsvd)
            return -EOPNOTSUPP;
        if (!is_listed(in[i].index) || hvm_wrmsr(v, in[i].index, in[i].val) ||
            hvm_rdmsr(v, in[i].index, &now) || now != in[i].val) /* msr_relaxed ignores writes */
            return -ENXIO;
    }
    return 0;
}
