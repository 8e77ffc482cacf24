/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 80000 */
/* links: arch/x86/cpu/policy.c arch/x86/cpu/policy_guest.c arch/x86/cpu/cpuid_leaf.c */
/* links: arch/x86/hvm/cpuid.c arch/x86/hvm/msr.c arch/x86/hvm/tsc.c arch/x86/hvm/mtrr.c */
/* links: arch/x86/hvm/msr_save.c tests/host/hvm_cpu_world.c */
/*
 * Sequences of RDMSR, WRMSR and CPUID by an HVM guest, and of records by who restores it. Input:
 * two bytes that choose the vendor and drop features from the policy, then 12 a step: what, which
 * MSR, value. After each step, nothing in the vcpu is a value that hardware would have refused.
 */
#include <stdlib.h>
#include <string.h>

#include "../host/hvm_cpu_world.h"

#include <arch/pt.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/hvm/save.h>

#include "cpu/policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool what)
{
    if (!what)
        abort();
}

static bool types_hold(uint64_t val, uint32_t allowed)
{
    for (unsigned int i = 0; i < 64; i += 8)
        if ((val >> i & 0xff) > 7 || !(allowed >> (val >> i & 0xff) & 1))
            return false;
    return true;
}

static void invariants(void)
{
    const struct hvm_cpu *c = &cw.hv.cpu;
    static const uint32_t addresses[] = {
        MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE,
        MSR_KERNEL_GS_BASE,
    };

    hold(types_hold(c->pat, 0xf3));
    hold(!(c->mtrr_def_type & ~0xcffULL) && types_hold(c->mtrr_def_type & 0xff, 0x73));
    for (unsigned int i = 0; i < MTRR_FIXED; i++)
        hold(types_hold(c->mtrr_fixed[i], 0x73));
    for (unsigned int i = 0; i < 2 * MTRR_VARIABLE; i += 2) {
        const uint64_t base = c->mtrr_variable[i], mask = c->mtrr_variable[i + 1];

        hold(!(base >> 46) && !(base & 0xf00) && types_hold(base & 0xff, 0x73));
        hold(!(mask >> 46) && !(mask & 0x7ff));
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++)
        hold(is_canonical(cw.block[cw_block_index(addresses[i])]));
    hold(!(cw.block[cw_block_index(MSR_FMASK)] >> 32) && !(c->tsc_aux >> 32));
    hold(c->tsc_offset == c->tsc_adjust); /* both began at 0, and only these MSRs move them */
    hold(c->xss == 0 && c->spec_ctrl == 0);
    hold(!(cw.hypercall_page & 0xfff));
}

static uint32_t pick(uint8_t kind, uint16_t n)
{
    static const uint32_t known[] = {
        0x10, 0x1b, 0x3b, 0x48, 0x49, 0x174, 0x175, 0x176, 0x1d9, 0x200, 0x201, 0x20e, 0x20f, 0x250,
        0x258, 0x259, 0x268, 0x26f, 0x277, 0x2ff, 0x6e0, 0x80b, 0x40000000, 0xc0000080, 0xc0000081,
        0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
    };

    switch (kind & 7) {
    case 0: return n;
    case 1: return 0xc0000000 + n;
    case 2: return 0xc0010000 + n;
    default: return known[n % ARRAY_SIZE(known)];
    }
}

static void write_and_read(uint32_t msr, uint64_t val)
{
    const struct hvm_cpu before = cw.hv.cpu;
    uint64_t now;

    if (hvm_wrmsr(&cw.v, msr, val)) {
        hold(memcmp(&before, &cw.hv.cpu, sizeof(before)) == 0);
        return;
    }
    /* What can be read and is not the machine's or fixed, reads as it was written. */
    if (cw_block_index(msr) >= 0 || (msr >= 0x200 && msr < 0x280) || msr == MSR_TSC ||
        msr == MSR_TSC_ADJUST || msr == MSR_TSC_AUX || msr == MSR_MTRR_DEF_TYPE)
        hold(hvm_rdmsr(&cw.v, msr, &now) == 0 && now == val);
}

static void ask_cpuid(uint32_t leaf, uint32_t subleaf)
{
    uint32_t out[4];

    hvm_cpuid(&cw.v, leaf, subleaf, out);
    if (leaf == 0x80000008 && out[0])
        hold((out[0] & 0xff) <= cw.gpa_bits);
}

static void load(const uint8_t *b, uint64_t val)
{
    struct hvm_hw_mtrr r, now;

    hvm_mtrr_save(&cw.v, &r);
    memcpy((uint8_t *)&r + (b[1] | b[2] << 8) % (sizeof(r) - sizeof(val)), &val, sizeof(val));
    if (hvm_mtrr_load(&cw.v, &r))
        return;
    hvm_mtrr_save(&cw.v, &now);
    now.msr_mtrr_cap = r.msr_mtrr_cap;
    hold(memcmp(&r, &now, sizeof(r)) == 0);
}

static void step(const uint8_t *b)
{
    const uint32_t msr = pick(b[0] >> 3, (uint16_t)(b[1] | b[2] << 8));
    uint64_t val, got;

    memcpy(&val, b + 4, sizeof(val));
    switch (b[0] & 7) {
    case 0:
        if (hvm_rdmsr(&cw.v, msr, &got))
            hold(got == 0);
        break;
    case 1: ask_cpuid((uint32_t)val, (uint32_t)(val >> 32)); break;
    case 2: load(b, val); break;
    case 3: {
        const struct hvm_one_msr in = { msr, b[3] & 1, val };

        (void)!hvm_msr_list_load(&cw.v, &in, 1);
        break;
    }
    default: write_and_read(msr, b[3] & 1 ? (uint64_t)((int64_t)(val << 16) >> 16) : val); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t droppable[] = { F(TSC_ADJUST), F(SEP), F(MTRR), F(PAT), F(LM), F(RDTSCP),
                                          F(X2APIC), F(IBPB) };

    if (size < 2)
        return 0;
    cw_start(data[0] & 1 ? "Auth" : "Genu", data[0] >> 1);
    for (unsigned int i = 0; i < ARRAY_SIZE(droppable); i++)
        if (data[1] >> i & 1)
            policy_set_feature(&cw.policy, droppable[i], false);
    cw.d.arch.msr_relaxed = data[0] & 2;
    cw.machine_msr = MSR_XSS;
    for (size_t i = 2; i + 12 <= size && i < 4096; i += 12) {
        step(&data[i]);
        invariants();
    }
    return 0;
}
