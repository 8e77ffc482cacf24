/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID and MSR policy: what a guest is told of the machine. Kinds, from which a domain's starts:
 * raw (the machine), host (what we use of it), and for each kind of guest the most it may have and
 * what it has by default.
 *
 * The toolstack reads and writes policies as arrays of leaves and MSRs, and reads feature words.
 * SURFACE: public arch-x86/cpufeatureset.h; public sysctl.h, "XEN_SYSCTL_get_cpu_policy"; public
 * domctl.h, "XEN_DOMCTL_set_cpu_policy".
 */
#ifndef ARCH_POLICY_H
#define ARCH_POLICY_H

#include <abi.h>
#include <hv/types.h>

struct domain;
struct vcpu;

struct leaf {
    uint32_t a, b, c, d;
};

#define POLICY_BASIC 0xe    /* leaves 0 to 0xd */
#define POLICY_CACHE 6      /* 4, subleaves */
#define POLICY_FEAT 3       /* 7 */
#define POLICY_TOPO 2       /* 0xb */
#define POLICY_XSTATE 63    /* 0xd */
#define POLICY_EXTENDED 0x22 /* 0x80000000 to 0x80000021 */
#define POLICY_MAX_LEAVES 120
#define POLICY_MAX_MSRS 2
#define POLICY_NR_WORDS 19

#define FEATURE_LA57 (6U * 32 + 16) /* 7:ecx: five levels of page tables; not in the ABI's list */

struct cpu_policy {
    struct leaf basic[POLICY_BASIC]; /* 4, 7, 0xb and 0xd are unused */
    struct leaf cache[POLICY_CACHE], feat[POLICY_FEAT], topo[POLICY_TOPO], xstate[POLICY_XSTATE];
    struct leaf extended[POLICY_EXTENDED];
    uint8_t hv_limit, hv2_limit;     /* highest hypervisor leaf shown, low byte; 0: default */
    uint64_t platform_info, arch_caps;
};

/* As numbered by XEN_SYSCTL_cpu_policy_*. */
enum policy_kind {
    POLICY_RAW,
    POLICY_HOST,
    POLICY_PV_MAX,
    POLICY_HVM_MAX,
    POLICY_PV_DEFAULT,
    POLICY_HVM_DEFAULT,
    NR_POLICIES
};

struct policy_error {
    uint32_t leaf, subleaf, msr; /* what is wrong; ~0 where unset */
};

void cpu_policies_init(void); /* boot, after the features and options */
/* NULL for an unknown one, and for those of HVM guests on a machine that runs none */
const struct cpu_policy *cpu_policy_of(enum policy_kind kind);

/*
 * Serialise: *nr is the space in, what is needed out. -ENOBUFS when that is more (out is filled as
 * far as it goes).
 */
int cpu_policy_to_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *out, uint32_t *nr);
int cpu_policy_to_msrs(const struct cpu_policy *p, struct xen_msr_entry *out, uint32_t *nr);
/*
 * Put these over what is in p. -ERANGE: no such leaf or MSR; -EINVAL, -EOVERFLOW; err says which.
 */
int cpu_policy_from_leaves(struct cpu_policy *p, const struct xen_cpuid_leaf *in, uint32_t nr,
                           struct policy_error *err);
int cpu_policy_from_msrs(struct cpu_policy *p, const struct xen_msr_entry *in, uint32_t nr,
                         struct policy_error *err);
/* May p run under max? -EINVAL. */
int cpu_policy_check(const struct cpu_policy *p, const struct cpu_policy *max,
                     struct policy_error *err);
/* features not in max go, and what depends on them */
void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max);
uint32_t cpu_policy_word(const struct cpu_policy *p, unsigned int word);   /* of the feature set */

/*
 * A domain's: default of its kind at creation; set checks and clamps. -EEXIST after the first
 * unpause.
 */
int domain_policy_init(struct domain *d) must_check;
void domain_policy_destroy(struct domain *d);
int domain_policy_set(struct domain *d, const struct xen_cpuid_leaf *leaves, uint32_t nr_leaves,
                      const struct xen_msr_entry *msrs, uint32_t nr_msrs, struct policy_error *err)
    must_check;

static inline bool cpu_policy_has(const struct cpu_policy *p, unsigned int feature)
{
    return cpu_policy_word(p, feature / 32) & (1U << (feature % 32));
}
bool cpu_policy_has_xsave(const struct cpu_policy *p);
bool cpu_policy_is_amd(const struct cpu_policy *p); /* or Hygon */

/* CPUID as v's guest gets it. */
struct cpuid_regs guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf);
/* CPUID faulting of this cpu as v wants it, where the machine has it. */
void cpuid_faulting_load(const struct vcpu *v);

#endif
