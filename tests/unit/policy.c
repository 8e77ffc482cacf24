/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/policy.c arch/x86/cpu/policy_guest.c */
/*
 * CPUID policies: what guests get of a made-up machine, the serial form there and back, and what a
 * toolstack may not ask for.
 */
#include "check.h"

#include <hv/errno.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "cpu/policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name

static struct cpu_policy table[NR_POLICIES];

/* A machine with every feature bit on, all state components of AVX-512, and vendor `vendor`. */
static void make_machine(const char *vendor)
{
    struct cpu_policy *h = &table[POLICY_HOST];

    memset(table, 0, sizeof(table));
    h->basic[0].a = 0x1f;
    memcpy(&h->basic[0].b, vendor, 4);
    h->basic[1] = (struct leaf){ 0x000306a9, 0x0b100800, ~0U, ~0U };
    h->basic[5] = (struct leaf){ 1, 1, 1, 1 };
    h->feat[0] = (struct leaf){ 2, ~0U, ~0U, ~0U };
    h->feat[1] = h->feat[2] = (struct leaf){ ~0U, ~0U, ~0U, ~0U };
    h->xstate[0] = (struct leaf){ 0xe7, 0, 2688, 0 };
    h->xstate[1].a = 0xf;
    h->xstate[2] = (struct leaf){ 256, 576, 0, 0 };
    h->xstate[5] = (struct leaf){ 64, 1088, 0, 0 };
    h->xstate[6] = (struct leaf){ 512, 1152, 0, 0 };
    h->xstate[7] = (struct leaf){ 1024, 1664, 0, 0 };
    h->extended[0].a = 0x80000021;
    h->extended[1] = (struct leaf){ 0, 0, ~0U, ~0U };
    h->extended[7].d = ~0U;
    h->extended[8] = (struct leaf){ 0x3030, ~0U, 7, 7 };
    h->extended[0x21] = (struct leaf){ ~0U, 0, ~0U, 0 };
    h->platform_info = 1U << 31;
    policy_make_consistent(h);
    policy_derive_all(table);
}

static const uint16_t never_pv[] = { F(VME), F(PSE), F(PGE), F(PSE36), F(PCID), F(SMEP), F(SMAP),
                                     F(UMIP), F(PKU), F(INVPCID), F(TSC_DEADLINE), F(XSAVES),
                                     F(VMX), F(SVM), F(MONITOR), F(MTRR), F(OSXSAVE), F(OSPKE),
                                     F(PAGE1GB), F(IBRSB), F(DBEXT), F(CET_SS), F(SGX) };
static const uint16_t always_pv[] = { F(FPU), F(LM), F(SYSCALL), F(NX), F(LAHF_LM), F(HYPERVISOR),
                                      F(APIC), F(XSAVE), F(AVX), F(AVX512F), F(FSGSBASE), F(SSE2),
                                      F(CX16) };

int main(void)
{
    make_machine("Genu");
    TEST("PV guests get what they can use, and nothing else") {
        for (unsigned int k = 0; k < 2; k++) {
            const struct cpu_policy *p = &table[k ? POLICY_PV_MAX : POLICY_PV_DEFAULT];

            for (unsigned int i = 0; i < ARRAY_SIZE(never_pv); i++)
                CHECK(!cpu_policy_has(p, never_pv[i]));
            for (unsigned int i = 0; i < ARRAY_SIZE(always_pv); i++)
                CHECK(cpu_policy_has(p, always_pv[i]));
            CHECK_EQ(p->basic[0].a, 0xd);
            CHECK_EQ(p->basic[1].b, 0x800); /* no APIC id, no count of threads */
            CHECK_EQ(p->basic[5].a, 0);
            CHECK_EQ(p->xstate[0].c, 2688);
        }
        CHECK(cpu_policy_has(&table[POLICY_PV_MAX], F(ITSC)));
        CHECK(!cpu_policy_has(&table[POLICY_PV_DEFAULT], F(ITSC)));
        CHECK(cpu_policy_has(&table[POLICY_HVM_DEFAULT], F(SMEP)));
    }
    TEST("without XSAVE, nothing that needs it") {
        struct cpu_policy *h = &table[POLICY_HOST];

        policy_set_feature(h, F(XSAVE), false);
        policy_make_consistent(h);
        policy_derive_all(table);
        CHECK(!cpu_policy_has(&table[POLICY_PV_MAX], F(AVX)));
        CHECK(!cpu_policy_has(&table[POLICY_PV_MAX], F(AVX2)));
        CHECK(!cpu_policy_has(&table[POLICY_PV_MAX], F(AVX512F)));
        CHECK(!cpu_policy_has(&table[POLICY_PV_MAX], F(XSAVEOPT)));
        CHECK_EQ(table[POLICY_PV_MAX].xstate[0].a, 0);
        make_machine("Genu");
    }
    TEST("a policy without AVX drops AVX2 and the state") {
        struct cpu_policy p = table[POLICY_PV_DEFAULT];

        policy_set_feature(&p, F(AVX), false);
        policy_make_consistent(&p);
        CHECK_EQ(p.xstate[0].a, 3);
        CHECK_EQ(p.xstate[0].c, 576);
        policy_make_consistent(&p);
        CHECK(!cpu_policy_has(&p, F(AVX2)));
    }
    TEST("80000001:edx repeats 1:edx on AMD only") {
        CHECK_EQ(table[POLICY_PV_DEFAULT].extended[1].d & 1, 0);
        make_machine("Auth");
        CHECK_EQ(table[POLICY_PV_DEFAULT].extended[1].d & 0x0183f3ff,
                 table[POLICY_PV_DEFAULT].basic[1].d & 0x0183f3ff);
        make_machine("Genu");
    }
    TEST("there and back, and the space that it takes") {
        struct xen_cpuid_leaf leaves[POLICY_MAX_LEAVES];
        struct xen_msr_entry msrs[POLICY_MAX_MSRS];
        struct policy_error err;

        for (unsigned int k = 0; k < NR_POLICIES; k++) {
            struct cpu_policy copy = { 0 };
            uint32_t nl = POLICY_MAX_LEAVES, nm = POLICY_MAX_MSRS, few = 3;

            if (k == POLICY_RAW || k == POLICY_HOST)
                continue;
            CHECK_EQ(cpu_policy_to_leaves(&table[k], leaves, &nl), 0);
            CHECK_EQ(cpu_policy_to_msrs(&table[k], msrs, &nm), 0);
            CHECK_EQ(cpu_policy_from_leaves(&copy, leaves, nl, &err), 0);
            CHECK_EQ(cpu_policy_from_msrs(&copy, msrs, nm, &err), 0);
            CHECK(memcmp(&copy, &table[k], sizeof(copy)) == 0);
            CHECK_EQ((uint32_t)cpu_policy_to_leaves(&table[k], leaves, &few), (uint32_t)-ENOBUFS);
            CHECK_EQ(few, nl);
        }
    }
    TEST("unknown leaves and MSRs are named") {
        struct cpu_policy p = table[POLICY_PV_DEFAULT];
        const struct xen_cpuid_leaf bad[] = { { .leaf = 0xe, .subleaf = XEN_CPUID_NO_SUBLEAF },
                                              { .leaf = 7, .subleaf = 3 },
                                              { .leaf = 7, .subleaf = XEN_CPUID_NO_SUBLEAF },
                                              { .leaf = 1, .subleaf = 0 },
                                              { .leaf = 0xd, .subleaf = 63 },
                                              { .leaf = 0x80000022,
                                                .subleaf = XEN_CPUID_NO_SUBLEAF },
                                              { .leaf = 0x40000001,
                                                .subleaf = XEN_CPUID_NO_SUBLEAF } };
        const struct xen_msr_entry msr = { .idx = 0x10 }, flags = { .idx = 0xce, .flags = 1 };
        struct policy_error err;

        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
            CHECK_EQ((uint32_t)cpu_policy_from_leaves(&p, &bad[i], 1, &err), (uint32_t)-ERANGE);
            CHECK_EQ(err.leaf, bad[i].leaf);
            CHECK_EQ(err.subleaf, bad[i].subleaf);
        }
        CHECK_EQ((uint32_t)cpu_policy_from_msrs(&p, &msr, 1, &err), (uint32_t)-ERANGE);
        CHECK_EQ(err.msr, 0x10);
        CHECK_EQ((uint32_t)cpu_policy_from_msrs(&p, &flags, 1, &err), (uint32_t)-EINVAL);
    }
    TEST("limits above the most are refused, features above it are dropped") {
        const struct cpu_policy *max = &table[POLICY_PV_MAX];
        struct cpu_policy p = table[POLICY_PV_DEFAULT];
        struct policy_error err;

        CHECK_EQ(cpu_policy_check(&p, max, &err), 0);
        p.basic[0].a++;
        CHECK_EQ((uint32_t)cpu_policy_check(&p, max, &err), (uint32_t)-EINVAL);
        CHECK_EQ(err.leaf, 0);
        p = table[POLICY_PV_DEFAULT];
        p.extended[0].a++;
        CHECK_EQ((uint32_t)cpu_policy_check(&p, max, &err), (uint32_t)-EINVAL);
        CHECK_EQ(err.leaf, 0x80000000);
        p = table[POLICY_PV_DEFAULT];
        p.platform_info |= 1;
        CHECK_EQ((uint32_t)cpu_policy_check(&p, max, &err), (uint32_t)-EINVAL);
        CHECK_EQ(err.msr, 0xce);
        p = table[POLICY_PV_DEFAULT];
        policy_set_feature(&p, F(SMEP), true);
        policy_set_feature(&p, F(HYPERVISOR), false);
        p.xstate[0].a = ~0U;
        cpu_policy_clamp(&p, max);
        CHECK(!cpu_policy_has(&p, F(SMEP)));
        CHECK(cpu_policy_has(&p, F(HYPERVISOR)));
        CHECK_EQ(p.xstate[0].a, 0xe7);
    }
    return check_exit();
}
