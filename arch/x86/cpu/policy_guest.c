/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies: features by kind of guest, what depends on what, and what a toolstack may ask for.
 * Pure. The kinds follow the annotations in public arch-x86/cpufeatureset.h.
 *
 * Not for guests yet, because nothing here switches what they control: speculation control (IBRSB,
 * STIBP, SSBD), transactional memory, AMD's breakpoint masks (DBEXT), supervisor state (XSAVES),
 * and virtualization inside a guest (SVM, VMX).
 */
#include <abi.h>
#include <arch/policy.h>
#include <hv/errno.h>
#include <lib/string.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name

/* For every guest. */
static const uint16_t for_all[] = {
    F(FPU), F(DE), F(TSC), F(MSR), F(PAE), F(MCE), F(CX8), F(SEP), F(MCA), F(CMOV), F(PAT),
    F(CLFLUSH), F(ACPI), F(MMX), F(FXSR), F(SSE), F(SSE2), F(SS), F(SSE3), F(PCLMULQDQ), F(SSSE3),
    F(FMA), F(CX16), F(SSE4_1), F(SSE4_2), F(MOVBE), F(POPCNT), F(AESNI), F(XSAVE), F(AVX), F(F16C),
    F(RDRAND), F(SYSCALL), F(NX), F(MMXEXT), F(FFXSR), F(RDTSCP), F(LM), F(3DNOWEXT), F(3DNOW),
    F(LAHF_LM), F(ABM), F(SSE4A), F(MISALIGNSSE), F(3DNOWPREFETCH), F(XOP), F(FMA4), F(TBM),
    F(XSAVEOPT), F(XSAVEC), F(XGETBV1), F(FSGSBASE), F(BMI1), F(AVX2), F(BMI2), F(ERMS), F(AVX512F),
    F(AVX512DQ), F(RDSEED), F(ADX), F(AVX512_IFMA), F(CLFLUSHOPT), F(CLWB), F(AVX512PF),
    F(AVX512ER), F(AVX512CD), F(SHA), F(AVX512BW), F(AVX512VL), F(PREFETCHWT1), F(AVX512_VBMI),
    F(AVX512_VBMI2), F(GFNI), F(VAES), F(VPCLMULQDQ), F(AVX512_VNNI), F(AVX512_BITALG),
    F(AVX512_VPOPCNTDQ), F(RDPID), F(CLDEMOTE), F(CLZERO), F(RSTR_FP_ERR_PTRS), F(SSB_NO),
    F(BTC_NO), F(AVX512_4VNNIW), F(AVX512_4FMAPS), F(FSRM), F(MD_CLEAR), F(SERIALIZE), F(AVX_VNNI),
    F(AVX512_BF16), F(FZRM), F(FSRS), F(FSRCS), F(LFENCE_DISPATCH), F(VERW_CLEAR), F(NSCB),
    F(SRSO_NO), F(SRSO_US_NO), F(MCDT_NO), F(TSA_SQ_NO), F(TSA_L1_NO),
};

/* For every guest that asks. */
static const uint16_t for_all_opt_in[] = {
    F(MOVDIRI), F(MOVDIR64B), F(ITSC), F(AVX512_VP2INTERSECT),
};

/*
 * Only for guests with page tables and interrupts of their own; the prediction barrier, because its
 * MSR is a command and leaves no state to be switched.
 */
static const uint16_t for_hvm[] = {
    F(VME), F(PSE), F(PGE), F(PSE36), F(PCID), F(PAGE1GB), F(CR8_LEGACY), F(SMEP), F(INVPCID),
    F(SMAP), F(UMIP), F(PKU), F(NO_LMSL), F(IBPB), F(IBPB_RET),
};

/*
 * For HVM guests that ask: stock toolstacks know nothing of it, so that a guest which has it cannot
 * be kept off a machine that has it not.
 */
static const uint16_t for_hvm_opt_in[] = { FEATURE_LA57 };

/* HVM guests get these from us, whatever the machine has. */
static const uint16_t hvm_provided[] = {
    F(APIC), F(X2APIC), F(TSC_DEADLINE), F(TSC_ADJUST), F(MTRR),
};

/* Need XSAVE with the state that they use. */
static const uint16_t need_ymm[] = {
    F(AVX), F(FMA), F(F16C), F(XOP), F(FMA4), F(AVX2), F(VAES), F(VPCLMULQDQ), F(AVX_VNNI), F(LWP),
};
static const uint16_t need_zmm[] = {
    F(AVX512F), F(AVX512DQ), F(AVX512_IFMA), F(AVX512PF), F(AVX512ER), F(AVX512CD), F(AVX512BW),
    F(AVX512VL), F(AVX512_VBMI), F(AVX512_VBMI2), F(AVX512_VNNI), F(AVX512_BITALG),
    F(AVX512_VPOPCNTDQ), F(AVX512_4VNNIW), F(AVX512_4FMAPS), F(AVX512_VP2INTERSECT), F(AVX512_BF16),
    F(AVX512_FP16),
};
static const uint16_t need_xsave[] = {
    F(XSAVEOPT), F(XSAVEC), F(XGETBV1), F(XSAVES), F(PKU), F(MPX)
};

/* A feature that is nothing without another; what is needed comes before what needs it. */
static const struct {
    uint16_t feature, needs;
} chains[] = {
    { F(LM), F(PAE) },      { F(LAHF_LM), F(LM) },      { F(PAGE1GB), F(LM) },
    { F(PCID), F(LM) },     { F(FSGSBASE), F(LM) },     { F(IBPB_RET), F(IBPB) },
    { FEATURE_LA57, F(LM) },
    { F(X2APIC), F(APIC) }, { F(TSC_DEADLINE), F(APIC) }, { F(TSC_DEADLINE), F(TSC) },
    { F(ITSC), F(TSC) },    { F(TSC_ADJUST), F(TSC) },  { F(MMX), F(FPU) },
    { F(MMXEXT), F(MMX) },  { F(3DNOW), F(MMX) },       { F(3DNOWEXT), F(3DNOW) },
    { F(FXSR), F(FPU) },    { F(FFXSR), F(FXSR) },      { F(SSE), F(FXSR) },
    { F(SSE2), F(SSE) },    { F(SSE3), F(SSE2) },       { F(SSSE3), F(SSE3) },
    { F(SSE4_1), F(SSSE3) }, { F(SSE4_2), F(SSE4_1) },  { F(SSE4A), F(SSE3) },
    { F(AESNI), F(SSE2) },  { F(PCLMULQDQ), F(SSE2) },  { F(SHA), F(SSE2) },
    { F(GFNI), F(SSE2) },   { F(AVX), F(SSE2) },
};

#define AMD_SHARED_EDX 0x0183f3ffU /* bits of 1:edx that AMD repeats in 80000001:edx */
#define XSTATE_PKRU 0x200U

static void clear_features(struct cpu_policy *p, const uint16_t *list, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        policy_set_feature(p, list[i], false);
}
#define CLEAR(p, list) clear_features(p, list, ARRAY_SIZE(list))

struct mask {
    uint32_t w[POLICY_NR_WORDS];
};

static void add(struct mask *m, const uint16_t *list, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        m->w[list[i] / 32] |= 1U << (list[i] % 32);
}

static void apply_mask(struct cpu_policy *p, const struct mask *m)
{
    for (unsigned int i = 0; i < POLICY_NR_WORDS; i++)
        policy_set_word(p, i, cpu_policy_word(p, i) & m->w[i]);
}

/* --- consistency ------------------------------------------------------------------------------ */

bool cpu_policy_is_amd(const struct cpu_policy *p)
{
    return p->basic[0].b == 0x68747541 || p->basic[0].b == 0x6f677948; /* "Auth", "Hygo" */
}

static bool has_state(const struct cpu_policy *p, uint64_t bits)
{
    const uint64_t xcr0 = p->xstate[0].a | ((uint64_t)p->xstate[0].d << 32);

    return cpu_policy_has_xsave(p) && (xcr0 & bits) == bits;
}

/* Components that features still use, and the size of the area for them. */
static void fix_xstate(struct cpu_policy *p)
{
    uint64_t xcr0 = p->xstate[0].a | ((uint64_t)p->xstate[0].d << 32);
    uint32_t size = 512 + 64;

    if (!cpu_policy_has(p, F(XSAVE))) {
        memset(p->xstate, 0, sizeof(p->xstate));
        return;
    }
    xcr0 &= 3 | (cpu_policy_has(p, F(AVX)) ? 4 : 0) | (cpu_policy_has(p, F(AVX512F)) ? 0xe0 : 0) |
            (cpu_policy_has(p, F(PKU)) ? XSTATE_PKRU : 0);
    p->xstate[0].a = (uint32_t)xcr0;
    p->xstate[0].d = (uint32_t)(xcr0 >> 32);
    p->xstate[1] = (struct leaf){ .a = p->xstate[1].a };
    for (unsigned int i = 2; i < POLICY_XSTATE; i++) {
        if (!(xcr0 & BIT(i)))
            p->xstate[i] = (struct leaf){ 0 };
        else
            size = MAX(size, p->xstate[i].a + p->xstate[i].b);
    }
    p->xstate[0].b = p->xstate[0].c = size;
}

void policy_make_consistent(struct cpu_policy *p)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(chains); i++)
        if (!cpu_policy_has(p, chains[i].needs))
            policy_set_feature(p, chains[i].feature, false);
    if (!has_state(p, 3) || p->basic[0].a < 0xd)
        policy_set_feature(p, F(XSAVE), false);
    if (!has_state(p, 7) || !cpu_policy_has(p, F(AVX)))
        CLEAR(p, need_ymm);
    if (!has_state(p, 0xe7) || !cpu_policy_has(p, F(AVX)) || !cpu_policy_has(p, F(AVX512F)))
        CLEAR(p, need_zmm);
    if (!cpu_policy_has(p, F(XSAVE)))
        CLEAR(p, need_xsave);
    if (!has_state(p, XSTATE_PKRU))
        policy_set_feature(p, F(PKU), false);
    fix_xstate(p);
    policy_set_feature(p, F(OSXSAVE), false); /* follows the guest's CR4, at CPUID time */
    policy_set_feature(p, F(OSPKE), false);
    if (cpu_policy_is_amd(p))
        p->extended[1].d = (p->extended[1].d & ~AMD_SHARED_EDX) | (p->basic[1].d & AMD_SHARED_EDX);
    else
        p->extended[1].d &= ~AMD_SHARED_EDX | (1U << 11); /* SYSCALL is Intel's too */
}

/* --- from the host's to a guest's ------------------------------------------------------------- */

/* Leaves that describe what no guest has. */
static void clear_leaves(struct cpu_policy *p)
{
    static const uint8_t empty_basic[] = { 5, 6, 9, 0xa, 0xc };
    static const uint8_t empty_extended[] = {
        0xa, 0xb, 0xc, 0xd, 0xe, 0xf, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(empty_basic); i++)
        p->basic[empty_basic[i]] = (struct leaf){ 0 };
    for (unsigned int i = 0; i < ARRAY_SIZE(empty_extended); i++)
        p->extended[empty_extended[i]] = (struct leaf){ 0 };
    memset(p->topo, 0, sizeof(p->topo));
    p->extended[7] = (struct leaf){ .d = p->extended[7].d };
    p->extended[8].d = 0;
    p->extended[0x21].b = p->extended[0x21].d = 0;
}

static void limit_leaves(struct cpu_policy *p)
{
    p->basic[0].a = MIN(p->basic[0].a, POLICY_BASIC - 1U);
    p->feat[0].a = MIN(p->feat[0].a, POLICY_FEAT - 1U);
    p->extended[0].a = MIN(p->extended[0].a, 0x80000000U + POLICY_EXTENDED - 1);
}

/* A PV guest is told nothing of where it runs: no APIC id, no number of threads, no sharing. */
static void hide_topology(struct cpu_policy *p)
{
    p->basic[1].b &= 0x0000ff00; /* CLFLUSH line */
    for (unsigned int i = 0; i < POLICY_CACHE; i++)
        p->cache[i].a &= 0x3fff;
    p->extended[8].c = 0;
}

/*
 * The toolstack makes an HVM guest's topology out of the host's counts (it doubles them, as APIC
 * ids are twice the vcpu's number), so the default has those: threads in a package (1:ebx, 4:eax,
 * 80000008:ecx). Addresses: what four levels reach.
 */
static void hvm_leaves(struct cpu_policy *p)
{
    p->basic[1].b &= 0x00ffff00;
    if (cpu_policy_is_amd(p))
        memset(p->cache, 0, sizeof(p->cache));
    for (unsigned int i = 0; i < POLICY_CACHE; i++)
        p->cache[i].a &= 0xfc003fff;
    p->extended[8].a = (p->extended[8].a & 0xff) | (cpu_policy_has(p, F(LM)) ? 48 : 32) << 8;
    p->extended[8].c &= 0xf0ff;
    p->platform_info = 0; /* Not yet: CPUID faulting. */
}

static void derive(struct cpu_policy *p, const struct cpu_policy *host, bool hvm, bool max)
{
    struct mask m = { { 0 } };

    *p = *host;
    limit_leaves(p);
    clear_leaves(p);
    p->arch_caps = 0;
    if (hvm)
        hvm_leaves(p);
    else
        hide_topology(p);
    add(&m, for_all, ARRAY_SIZE(for_all));
    if (max)
        add(&m, for_all_opt_in, ARRAY_SIZE(for_all_opt_in));
    if (hvm)
        add(&m, for_hvm, ARRAY_SIZE(for_hvm));
    if (hvm && max)
        add(&m, for_hvm_opt_in, ARRAY_SIZE(for_hvm_opt_in));
    m.w[F(APIC) / 32] |= 1U << (F(APIC) % 32);
    apply_mask(p, &m);
    for (unsigned int i = 0; hvm && i < ARRAY_SIZE(hvm_provided); i++)
        policy_set_feature(p, hvm_provided[i], true);
    policy_set_feature(p, F(HYPERVISOR), true);
    policy_make_consistent(p);
}

void policy_derive_all(struct cpu_policy *table)
{
    derive(&table[POLICY_PV_MAX], &table[POLICY_HOST], false, true);
    derive(&table[POLICY_PV_DEFAULT], &table[POLICY_HOST], false, false);
    derive(&table[POLICY_HVM_MAX], &table[POLICY_HOST], true, true);
    derive(&table[POLICY_HVM_DEFAULT], &table[POLICY_HOST], true, false);
}

/* --- from the toolstack ----------------------------------------------------------------------- */

void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max)
{
    const bool htt = cpu_policy_has(p, F(HTT)), cmp_legacy = cpu_policy_has(p, F(CMP_LEGACY));
    const uint8_t address_bits = (uint8_t)MIN(p->extended[8].a & 0xff, max->extended[8].a & 0xff);

    for (unsigned int i = 0; i < POLICY_NR_WORDS; i++)
        policy_set_word(p, i, cpu_policy_word(p, i) & cpu_policy_word(max, i));
    policy_set_feature(p, F(HTT), htt); /* the toolstack's topology */
    policy_set_feature(p, F(CMP_LEGACY), cmp_legacy);
    policy_set_feature(p, F(HYPERVISOR), true);
    p->xstate[0].a &= max->xstate[0].a;
    p->xstate[0].d &= max->xstate[0].d;
    for (unsigned int i = 2; i < POLICY_XSTATE; i++)
        p->xstate[i] = max->xstate[i];
    clear_leaves(p);
    p->extended[8].a = (p->extended[8].a & ~0xffU) | address_bits;
    policy_make_consistent(p);
}

int cpu_policy_check(const struct cpu_policy *p, const struct cpu_policy *max,
                     struct policy_error *err)
{
    *err = (struct policy_error){ ~0U, ~0U, ~0U };
    if (p->basic[0].a > max->basic[0].a) {
        err->leaf = 0;
    } else if (p->feat[0].a > max->feat[0].a) {
        err->leaf = 7;
        err->subleaf = 0;
    } else if (p->extended[0].a > max->extended[0].a) {
        err->leaf = 0x80000000;
    } else if (p->platform_info & ~max->platform_info) {
        err->msr = 0xce;
    } else {
        return 0;
    }
    return -EINVAL;
}
