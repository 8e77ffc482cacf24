/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies: where a feature is, and the serial form. Pure. What guests get is in policy_guest.c.
 */
#include <abi.h>
#include <arch/policy.h>
#include <hv/errno.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name

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

void policy_set_word(struct cpu_policy *p, unsigned int word, uint32_t val)
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

    policy_set_word(p, feature / 32, on ? w | bit : w & ~bit);
}

bool cpu_policy_has_xsave(const struct cpu_policy *p) { return cpu_policy_has(p, F(XSAVE)); }

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
