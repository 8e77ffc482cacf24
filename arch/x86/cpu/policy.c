/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies: features by kind of guest, what depends on what, and the serial form. Pure but for
 * cpu_policies_init(), which reads the machine (policy_host.c calls it with the leaves).
 *
 * Not for guests yet, because nothing here switches what they control: speculation control (IBRSB,
 * STIBP, SSBD, IBPB), transactional memory, AMD's breakpoint masks (DBEXT).
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

/* Only for guests with page tables and interrupts of their own. */
static const uint16_t for_hvm[] = {
    F(VME), F(PSE), F(MTRR), F(PGE), F(PSE36), F(PCID), F(X2APIC), F(TSC_DEADLINE), F(PAGE1GB),
    F(CR8_LEGACY), F(XSAVES), F(TSC_ADJUST), F(SMEP), F(INVPCID), F(SMAP), F(UMIP), F(PKU),
    F(NO_LMSL),
   
};

/* The same, on request. */
static const uint16_t for_hvm_opt_in[] = {
    F(VMX), F(SVM), F(MPX),
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

#define AMD_SHARED_EDX 0x0183f3ffU /* bits of 1:edx that AMD repeats in 80000001:edx */

/* --- feature words ---------------------------------------------------------------------------- */

static uint32_t *word_at(struct cpu_policy *p, unsigned int word)
{
    switch (word) {
    case 0: return &p->basic[1].d;
    case 1: return &p->basic[1].c;
    case 2: return &p->extended[1].d;
    case 3: return &p->extended[1].c;
    case 4: return &p->xstate[1].a;
    case 5: return &p->feat[0].b;
    case 6: return &p->feat[0].c;
    case 7: return &p->extended[7].d;
    case 8: return &p->extended[8].b;
    case 9: return &p->feat[0].d;
    case 10: return &p->feat[1].a;
    case 11: return &p->extended[0x21].a;
    case 12: return &p->feat[1].b;
    case 13: return &p->feat[2].d;
    case 14: return &p->feat[1].c;
    case 15: return &p->feat[1].d;
    case 18: return &p->extended[0x21].c;
    default: return NULL; /* 16, 17: the two halves of an MSR */
    }
}

uint32_t cpu_policy_word(const struct cpu_policy *p, unsigned int word)
{
    const uint32_t *w = word_at((struct cpu_policy *)p, word);

    if (w)
        return *w;
    if (word == 16)
        return (uint32_t)p->arch_caps;
    return word == 17 ? (uint32_t)(p->arch_caps >> 32) : 0;
}

static void set_word(struct cpu_policy *p, unsigned int word, uint32_t val)
{
    uint32_t *w = word_at(p, word);

    if (w)
        *w = val;
    else if (word == 16)
        p->arch_caps = (p->arch_caps & ~0xffffffffULL) | val;
    else if (word == 17)
        p->arch_caps = (p->arch_caps & 0xffffffffULL) | ((uint64_t)val << 32);
}

void policy_set_feature(struct cpu_policy *p, unsigned int feature, bool on)
{
    const uint32_t bit = 1U << (feature % 32), w = cpu_policy_word(p, feature / 32);

    set_word(p, feature / 32, on ? w | bit : w & ~bit);
}

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
        set_word(p, i, cpu_policy_word(p, i) & m->w[i]);
}

bool cpu_policy_has_xsave(const struct cpu_policy *p) { return cpu_policy_has(p, F(XSAVE)); }

/* --- consistency ------------------------------------------------------------------------------ */

static bool is_amd(const struct cpu_policy *p)
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
            (cpu_policy_has(p, F(PKU)) ? 0x200 : 0);
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
    if (!has_state(p, 3))
        policy_set_feature(p, F(XSAVE), false);
    if (!has_state(p, 7) || !cpu_policy_has(p, F(AVX)))
        CLEAR(p, need_ymm);
    if (!has_state(p, 0xe7) || !cpu_policy_has(p, F(AVX)) || !cpu_policy_has(p, F(AVX512F)))
        CLEAR(p, need_zmm);
    if (!cpu_policy_has(p, F(XSAVE)))
        CLEAR(p, need_xsave);
    fix_xstate(p);
    policy_set_feature(p, F(OSXSAVE), false); /* follows the guest's CR4, at CPUID time */
    policy_set_feature(p, F(OSPKE), false);
    if (is_amd(p))
        p->extended[1].d = (p->extended[1].d & ~AMD_SHARED_EDX) | (p->basic[1].d & AMD_SHARED_EDX);
    else
        p->extended[1].d &= ~AMD_SHARED_EDX | (1U << 11); /* SYSCALL is Intel's too */
}

/* --- from the host's to a guest's ------------------------------------------------------------- */

/* Leaves that describe what a guest does not have, or that must say nothing of where it runs. */
static void clean_leaves(struct cpu_policy *p)
{
    static const uint8_t empty_basic[] = { 5, 6, 9, 0xa, 0xc };
    static const uint8_t empty_extended[] = {
        0xa, 0xb, 0xc, 0xd, 0xe, 0xf, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20
    };

    p->basic[0].a = MIN(p->basic[0].a, POLICY_BASIC - 1U);
    p->basic[1].b &= 0x0000ff00; /* CLFLUSH line; no APIC id, no number of threads */
    for (unsigned int i = 0; i < ARRAY_SIZE(empty_basic); i++)
        p->basic[empty_basic[i]] = (struct leaf){ 0 };
    for (unsigned int i = 0; i < POLICY_CACHE; i++)
        p->cache[i].a &= 0x3fff; /* no sharing */
    p->feat[0].a = MIN(p->feat[0].a, POLICY_FEAT - 1U);
    memset(p->topo, 0, sizeof(p->topo));
    p->extended[0].a = MIN(p->extended[0].a, 0x80000000U + POLICY_EXTENDED - 1);
    for (unsigned int i = 0; i < ARRAY_SIZE(empty_extended); i++)
        p->extended[empty_extended[i]] = (struct leaf){ 0 };
    p->extended[7] = (struct leaf){ .d = p->extended[7].d };
    p->extended[8].c = p->extended[8].d = 0;
    p->extended[0x21].b = p->extended[0x21].d = 0;
    p->arch_caps = 0;
}

static void derive(struct cpu_policy *p, const struct cpu_policy *host, bool hvm, bool max)
{
    struct mask m = { { 0 } };

    *p = *host;
    clean_leaves(p);
    add(&m, for_all, ARRAY_SIZE(for_all));
    if (max)
        add(&m, for_all_opt_in, ARRAY_SIZE(for_all_opt_in));
    if (hvm)
        add(&m, for_hvm, ARRAY_SIZE(for_hvm));
    if (hvm && max)
        add(&m, for_hvm_opt_in, ARRAY_SIZE(for_hvm_opt_in));
    m.w[F(APIC) / 32] |= 1U << (F(APIC) % 32);
    apply_mask(p, &m);
    if (hvm) {
        policy_set_feature(p, F(APIC), true);
        policy_set_feature(p, F(X2APIC), true);
    }
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

void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max)
{
    const bool htt = cpu_policy_has(p, F(HTT)), cmp_legacy = cpu_policy_has(p, F(CMP_LEGACY));
    const uint8_t address_bits = (uint8_t)MIN(p->extended[8].a & 0xff, max->extended[8].a & 0xff);

    for (unsigned int i = 0; i < POLICY_NR_WORDS; i++)
        set_word(p, i, cpu_policy_word(p, i) & cpu_policy_word(max, i));
    policy_set_feature(p, F(HTT), htt); /* the toolstack's topology */
    policy_set_feature(p, F(CMP_LEGACY), cmp_legacy);
    policy_set_feature(p, F(HYPERVISOR), true);
    p->xstate[0].a &= max->xstate[0].a;
    p->xstate[0].d &= max->xstate[0].d;
    for (unsigned int i = 2; i < POLICY_XSTATE; i++)
        p->xstate[i] = max->xstate[i];
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

/* --- serial form ------------------------------------------------------------------------------ */

struct writer {
    struct xen_cpuid_leaf *out;
    uint32_t space, nr;
};

static void put_leaf(struct writer *w, uint32_t leaf, uint32_t subleaf, const struct leaf *l)
{
    if (w->nr < w->space)
        w->out[w->nr] = (struct xen_cpuid_leaf){ leaf, subleaf, l->a, l->b, l->c, l->d };
    w->nr++;
}

static void put_group(struct writer *w, uint32_t leaf, const struct leaf *l, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        put_leaf(w, leaf, i, &l[i]);
}

static void put_xstate(struct writer *w, const struct cpu_policy *p)
{
    const uint64_t xcr0 = p->xstate[0].a | ((uint64_t)p->xstate[0].d << 32);

    put_group(w, 0xd, p->xstate, 2);
    for (unsigned int i = 2; i < POLICY_XSTATE; i++)
        if (xcr0 & BIT(i))
            put_leaf(w, 0xd, i, &p->xstate[i]);
}

static void put_basic(struct writer *w, const struct cpu_policy *p, unsigned int leaf)
{
    switch (leaf) {
    case 4: put_group(w, 4, p->cache, POLICY_CACHE); break;
    case 7: put_group(w, 7, p->feat, MIN(p->feat[0].a, POLICY_FEAT - 1U) + 1); break;
    case 0xb: put_group(w, 0xb, p->topo, POLICY_TOPO); break;
    case 0xd: put_xstate(w, p); break;
    default: put_leaf(w, leaf, XEN_CPUID_NO_SUBLEAF, &p->basic[leaf]); break;
    }
}

int cpu_policy_to_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *out, uint32_t *nr)
{
    struct writer w = { .out = out, .space = *nr };
    const struct leaf hv = { .a = p->hv_limit }, hv2 = { .a = p->hv2_limit };
    const uint32_t basic = MIN(p->basic[0].a, POLICY_BASIC - 1U);
    const uint32_t extended = MIN(p->extended[0].a & 0xffff, POLICY_EXTENDED - 1U);

    for (unsigned int i = 0; i <= basic; i++)
        put_basic(&w, p, i);
    put_leaf(&w, 0x40000000, XEN_CPUID_NO_SUBLEAF, &hv);
    put_leaf(&w, 0x40000100, XEN_CPUID_NO_SUBLEAF, &hv2);
    for (unsigned int i = 0; i <= extended; i++)
        put_leaf(&w, 0x80000000U + i, XEN_CPUID_NO_SUBLEAF, &p->extended[i]);
    *nr = w.nr;
    return w.nr > w.space ? -ENOBUFS : 0;
}

int cpu_policy_to_msrs(const struct cpu_policy *p, struct xen_msr_entry *out, uint32_t *nr)
{
    const struct xen_msr_entry all[POLICY_MAX_MSRS] = { { .idx = 0xce, .val = p->platform_info },
                                                        { .idx = 0x10a, .val = p->arch_caps } };
    const uint32_t space = *nr;

    for (unsigned int i = 0; i < POLICY_MAX_MSRS && i < space; i++)
        out[i] = all[i];
    *nr = POLICY_MAX_MSRS;
    return POLICY_MAX_MSRS > space ? -ENOBUFS : 0;
}

/* Where a leaf of the serial form lives; NULL: no such leaf. */
static struct leaf *leaf_at(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    switch (leaf) {
    case 4: return subleaf < POLICY_CACHE ? &p->cache[subleaf] : NULL;
    case 7: return subleaf < POLICY_FEAT ? &p->feat[subleaf] : NULL;
    case 0xb: return subleaf < POLICY_TOPO ? &p->topo[subleaf] : NULL;
    case 0xd: return subleaf < POLICY_XSTATE ? &p->xstate[subleaf] : NULL;
    default: break;
    }
    if (subleaf != XEN_CPUID_NO_SUBLEAF)
        return NULL;
    if (leaf < POLICY_BASIC)
        return &p->basic[leaf];
    if (leaf - 0x80000000U < POLICY_EXTENDED)
        return &p->extended[leaf - 0x80000000U];
    return NULL;
}

static bool set_hv_limit(struct cpu_policy *p, const struct xen_cpuid_leaf *in)
{
    if (in->subleaf != XEN_CPUID_NO_SUBLEAF || (in->leaf != 0x40000000 && in->leaf != 0x40000100))
        return false;
    if (in->leaf == 0x40000000)
        p->hv_limit = (uint8_t)in->a;
    else
        p->hv2_limit = (uint8_t)in->a;
    return true;
}

int cpu_policy_from_leaves(struct cpu_policy *p, const struct xen_cpuid_leaf *in, uint32_t nr,
                           struct policy_error *err)
{
    *err = (struct policy_error){ ~0U, ~0U, ~0U };
    for (uint32_t i = 0; i < nr; i++) {
        struct leaf *l = leaf_at(p, in[i].leaf, in[i].subleaf);

        if (l) {
            *l = (struct leaf){ in[i].a, in[i].b, in[i].c, in[i].d };
        } else if (!set_hv_limit(p, &in[i])) {
            err->leaf = in[i].leaf;
            err->subleaf = in[i].subleaf;
            return -ERANGE;
        }
    }
    return 0;
}

int cpu_policy_from_msrs(struct cpu_policy *p, const struct xen_msr_entry *in, uint32_t nr,
                         struct policy_error *err)
{
    int rc = 0;

    *err = (struct policy_error){ ~0U, ~0U, ~0U };
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        if (in[i].flags)
            rc = -EINVAL;
        else if (in[i].idx == 0xce)
            p->platform_info = in[i].val;
        else if (in[i].idx == 0x10a)
            p->arch_caps = in[i].val;
        else
            rc = -ERANGE;
        if (rc)
            err->msr = in[i].idx;
    }
    return rc;
}
