/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/policy.c arch/x86/cpu/policy_guest.c arch/x86/cpu/cpuid_leaf.c */
/* links: arch/x86/hvm/cpuid.c arch/x86/hvm/msr.c arch/x86/hvm/tsc.c arch/x86/hvm/mtrr.c */
/* links: tests/host/hvm_cpu_world.c */
/*
 * Policies of HVM guests: against the annotations of the published feature list, what the machine
 * need not have, what the toolstack does to a default before it gives it back, and policies from
 * other machines.
 */
#include "check.h"

#include "../host/hvm_cpu_world.h"

#include <hv/errno.h>
#include <xen/arch-x86/cpufeatureset.h>

#include "cpu/policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name

static const struct cpu_policy *const max = &cw.table[POLICY_HVM_MAX];
static const struct cpu_policy *const def = &cw.table[POLICY_HVM_DEFAULT];

/* What the list offers HVM guests with nested paging (A, S, H), and we do not. */
static const uint16_t not_ours[] = {
    F(RTM),        F(HLE),         F(XSAVES),   F(MPX),        F(VMX),        F(SVM),
    F(DBEXT),      F(IBRSB),       F(STIBP),    F(SSBD),       F(IBRS),       F(AMD_STIBP),
    F(AMD_SSBD),   F(IBRS_ALWAYS), F(PSFD),     F(L1D_FLUSH),  F(ARCH_CAPS),  F(TSXLDTRK),
    F(INTEL_PSFD), F(IPRED_CTRL),  F(SBPB),     F(IBPB_BRTYPE), F(RRSBA_CTRL), F(BHI_CTRL),
    F(STIBP_ALWAYS), F(IBRS_FAST), F(IBRS_SAME_MODE),
};
/* Not offered to any guest by the list: (no letter) or decided at CPUID time. */
static const uint16_t never[] = {
    F(MONITOR), F(DS), F(TM1), F(PDCM), F(EIST), F(SMX), F(OSXSAVE), F(OSPKE), F(EXTAPIC), F(OSVW),
    F(IBS), F(SKINIT), F(WDT), F(LWP), F(TOPOEXT), F(MONITORX), F(SGX), F(PQM), F(PQE),
    F(PROC_TRACE), F(CET_SS), F(CET_IBT), F(ENQCMD), F(HW_PSTATE), F(EFRO), F(AMD_PPIN),
    F(VIRT_SSBD), F(CORE_CAPS), F(AUTO_IBRS), F(AVX512_FP16), F(WBNOINVD),
};
static const uint16_t provided[] = {
    F(APIC), F(X2APIC), F(TSC_DEADLINE), F(TSC_ADJUST), F(MTRR), F(HYPERVISOR)
};
static const uint16_t native[] = {
    F(VME), F(PSE), F(PGE), F(PSE36), F(PAT), F(SEP), F(PCID), F(INVPCID), F(PAGE1GB), F(SMEP),
    F(SMAP), F(UMIP), F(CR8_LEGACY), F(NX), F(LM), F(SYSCALL), F(RDTSCP), F(FSGSBASE), F(AVX512F),
    F(IBPB), F(XSAVE), F(XSAVEC),
};

static bool refused(struct cpu_policy *p, struct policy_error *err)
{
    return cpu_policy_check(p, max, err) == -EINVAL;
}

static void test_features(void)
{
    TEST("a guest gets what it can run or we provide, and nothing else")
    {
        cw_machine("Auth");
        for (unsigned int k = 0; k < 2; k++) {
            const struct cpu_policy *p = k ? max : def;

            for (unsigned int i = 0; i < ARRAY_SIZE(not_ours); i++)
                CHECK(!cpu_policy_has(p, not_ours[i]));
            for (unsigned int i = 0; i < ARRAY_SIZE(never); i++)
                CHECK(!cpu_policy_has(p, never[i]));
            for (unsigned int i = 0; i < ARRAY_SIZE(provided); i++)
                CHECK(cpu_policy_has(p, provided[i]));
            for (unsigned int i = 0; i < ARRAY_SIZE(native); i++)
                CHECK(cpu_policy_has(p, native[i]));
        }
        CHECK(cpu_policy_has(max, F(ITSC)) && !cpu_policy_has(def, F(ITSC)));
        CHECK(cpu_policy_has(max, F(MOVDIRI)) && !cpu_policy_has(def, F(MOVDIRI)));
    }
    TEST("on a machine without any, we provide ours and no more")
    {
        struct cpu_policy *h = &cw.table[POLICY_HOST];

        for (unsigned int w = 0; w < POLICY_NR_WORDS; w++)
            policy_set_word(h, w, 0);
        policy_set_feature(h, F(TSC), true);
        policy_derive_all(cw.table);
        for (unsigned int i = 0; i < ARRAY_SIZE(provided); i++)
            CHECK(cpu_policy_has(def, provided[i]));
        for (unsigned int i = 0; i < ARRAY_SIZE(native); i++)
            CHECK(!cpu_policy_has(def, native[i]));
        CHECK_EQ(def->extended[8].a >> 8, 32);
    }
    TEST("protection keys only where their state is switched")
    {
        cw_machine("Auth");
        CHECK(!cpu_policy_has(def, F(PKU)));
        cw.table[POLICY_HOST] = (struct cpu_policy){ 0 };
        cw_machine("Auth");
        policy_set_feature(&cw.table[POLICY_HOST], F(PKU), true);
        cw.table[POLICY_HOST].xstate[0].a |= 0x200;
        cw.table[POLICY_HOST].xstate[9] = (struct leaf){ 8, 2688, 0, 0 };
        policy_derive_all(cw.table);
        CHECK(cpu_policy_has(def, F(PKU)));
        CHECK_EQ(def->xstate[0].a, 0x2e7);
        CHECK_EQ(def->xstate[0].c, 2696);
        CHECK(!cpu_policy_has(&cw.table[POLICY_PV_MAX], F(PKU)));
        CHECK_EQ(cw.table[POLICY_PV_MAX].xstate[0].a, 0xe7);
    }
    TEST("what needs a feature goes with it")
    {
        struct cpu_policy p;

        cw_machine("Auth");
        p = *def;
        policy_set_feature(&p, F(PAE), false);
        policy_set_feature(&p, F(APIC), false);
        policy_set_feature(&p, F(SSE2), false);
        cpu_policy_clamp(&p, max);
        CHECK(!cpu_policy_has(&p, F(LM)) && !cpu_policy_has(&p, F(PAGE1GB)));
        CHECK(!cpu_policy_has(&p, F(X2APIC)) && !cpu_policy_has(&p, F(TSC_DEADLINE)));
        CHECK(!cpu_policy_has(&p, F(SSE4_2)) && !cpu_policy_has(&p, F(AVX2)));
        CHECK_EQ(p.xstate[0].a, 3);
        CHECK_EQ(p.extended[1].d >> 9 & 1, 0); /* AMD repeats APIC */
    }
}

static void test_leaves(void)
{
    TEST("leaves: nothing of MONITOR, power, counters, SVM; the host's counts of threads")
    {
        cw_machine("Auth");
        CHECK_EQ(def->basic[0].a, 0xd);
        CHECK_EQ(def->basic[5].a | def->basic[6].a | def->basic[0xa].a, 0);
        CHECK_EQ(def->extended[0xa].a | def->extended[0x1c].a | def->extended[0x1e].a, 0);
        CHECK_EQ(def->topo[0].b, 0);
        CHECK_EQ(def->basic[1].b, 0x100800);
        CHECK_EQ(def->extended[8].c, 0x500f);
        CHECK_EQ(def->extended[8].d, 0);
        CHECK_EQ(def->extended[8].a, 0x3030);
        CHECK_EQ(def->cache[0].a, 0);      /* AMD's are in 0x8000001d */
        CHECK_EQ(max->platform_info, 0);
        CHECK_EQ(cw.table[POLICY_PV_MAX].platform_info, PLATFORM_INFO_CPUID_FAULTING);
        cw_machine("Genu");
        CHECK_EQ(def->cache[0].a, 0x1c000121);
        CHECK_EQ(cw.table[POLICY_PV_DEFAULT].cache[0].a, 0x121);
        CHECK_EQ(cw.table[POLICY_PV_DEFAULT].basic[1].b, 0x800);
    }
    TEST("sorted, as the toolstack searches them; the same leaves in all")
    {
        static struct xen_cpuid_leaf l[2][POLICY_MAX_LEAVES];
        uint32_t nr[2];

        cw_machine("Auth");
        for (unsigned int k = 0; k < 2; k++) {
            nr[k] = POLICY_MAX_LEAVES;
            CHECK_EQ(cpu_policy_to_leaves(k ? max : def, l[k], &nr[k]), 0);
            for (uint32_t i = 1; i < nr[k]; i++)
                CHECK(l[k][i - 1].leaf < l[k][i].leaf ||
                      (l[k][i - 1].leaf == l[k][i].leaf && l[k][i - 1].subleaf < l[k][i].subleaf));
        }
        CHECK_EQ(nr[0], nr[1]);
        for (uint32_t i = 0; i < nr[0]; i++)
            CHECK(l[0][i].leaf == l[1][i].leaf && l[0][i].subleaf == l[1][i].subleaf);
    }
}

/* What xc_cpuid_apply_policy() of 4.17 does to the default of an HVM guest. */
static void as_toolstack(struct cpu_policy *p, bool pae, bool itsc, bool nested, bool amd)
{
    uint32_t lppp = p->basic[1].b >> 16 & 0xff;

    policy_set_feature(p, F(ITSC), itsc);
    policy_set_feature(p, F(PAE), pae);
    policy_set_feature(p, F(VMX), nested);
    policy_set_feature(p, F(SVM), nested);
    policy_set_feature(p, F(HTT), true);
    policy_set_feature(p, F(CMP_LEGACY), false);
    lppp = lppp == 0 ? 2 : lppp & 0x80 ? lppp : 2 * lppp;
    p->basic[1].b = (p->basic[1].b & ~0xff0000U) | lppp << 16;
    if (amd) {
        p->extended[8].c += 0x1000;
        p->extended[8].c = (p->extended[8].c & ~0xffU) | ((p->extended[8].c & 0x7f) << 1) | 1;
        return;
    }
    for (unsigned int i = 0; i < POLICY_CACHE && p->cache[i].a & 0x1f; i++)
        p->cache[i].a = (p->cache[i].a & 0x3fff) | ((p->cache[i].a >> 26 << 1 | 1) << 26);
}

static void test_toolstack(void)
{
    TEST("what the toolstack makes of a default is taken, for both vendors")
    {
        for (unsigned int n = 0; n < 16; n++) {
            const bool amd = n & 1;
            static struct xen_cpuid_leaf l[POLICY_MAX_LEAVES];
            uint32_t nr = POLICY_MAX_LEAVES;
            struct policy_error err;
            struct cpu_policy p, got;

            cw_machine(amd ? "Auth" : "Genu");
            p = got = *def;
            as_toolstack(&p, n & 2, n & 4, n & 8, amd);
            CHECK_EQ(cpu_policy_to_leaves(&p, l, &nr), 0);
            CHECK_EQ(cpu_policy_from_leaves(&got, l, nr, &err), 0);
            CHECK_EQ(cpu_policy_check(&got, max, &err), 0);
            cpu_policy_clamp(&got, max);
            CHECK_EQ(cpu_policy_has(&got, F(PAE)), !!(n & 2));
            CHECK_EQ(cpu_policy_has(&got, F(ITSC)), !!(n & 4));
            CHECK(!cpu_policy_has(&got, F(VMX)) && !cpu_policy_has(&got, F(SVM)));
            CHECK(cpu_policy_has(&got, F(HTT)) && !cpu_policy_has(&got, F(CMP_LEGACY)));
            CHECK_EQ(got.basic[1].b, 0x200800);
            CHECK_EQ(got.extended[8].c, amd ? 0x601f : 0x500f);
            CHECK_EQ(got.cache[0].a, amd ? 0 : 0x3c000121);
        }
    }
    TEST("leaves that no guest has stay empty, whatever is put there")
    {
        struct cpu_policy p;

        cw_machine("Auth");
        p = *def;
        p.basic[5].a = p.basic[0xa].a = p.extended[0xa].a = p.extended[0x1e].b = 1;
        p.topo[0].b = p.xstate[2].b = p.xstate[1].b = 7;
        p.arch_caps = ~0ULL;
        for (unsigned int w = 0; w < 16; w++)
            policy_set_word(&p, w, ~0U);
        cpu_policy_clamp(&p, max);
        policy_set_feature(&p, F(HTT), cpu_policy_has(max, F(HTT)));
        policy_set_feature(&p, F(CMP_LEGACY), cpu_policy_has(max, F(CMP_LEGACY)));
        policy_make_consistent(&p);
        for (unsigned int w = 0; w < POLICY_NR_WORDS; w++) /* ITSC is on request */
            CHECK_EQ(cpu_policy_word(&p, w), cpu_policy_word(max, w));
        CHECK(memcmp(&p, max, sizeof(p)) == 0);
    }
}

static void test_other_machines(void)
{
    TEST("a policy of a machine with more leaves is refused, and the leaf named")
    {
        struct policy_error err;
        struct cpu_policy p;

        cw_machine("Auth");
        p = *max;
        CHECK_EQ(cpu_policy_check(&p, max, &err), 0);
        p.basic[0].a = 0x10;
        CHECK(refused(&p, &err));
        CHECK_EQ(err.leaf, 0);
        CHECK_EQ(err.msr, ~0U);
        p = *max;
        cw.table[POLICY_HVM_MAX].feat[0].a = 1;
        CHECK(refused(&p, &err));
        CHECK_EQ(err.leaf, 7);
        CHECK_EQ(err.subleaf, 0);
        cw_machine("Auth");
        p = *max;
        cw.table[POLICY_HVM_MAX].extended[0].a = 0x8000001f;
        CHECK(refused(&p, &err));
        CHECK_EQ(err.leaf, 0x80000000);
        cw_machine("Auth");
        p = *max;
        p.platform_info = PLATFORM_INFO_CPUID_FAULTING;
        CHECK(refused(&p, &err));
        CHECK_EQ(err.leaf, ~0U);
        CHECK_EQ(err.msr, 0xce);
    }
    TEST("one of a machine with more features or addresses comes down to this one's")
    {
        struct cpu_policy big, p;

        cw_machine("Auth");
        big = *max;
        policy_set_feature(&cw.table[POLICY_HOST], F(AVX512F), false);
        policy_set_feature(&cw.table[POLICY_HOST], F(SMAP), false);
        cw.table[POLICY_HOST].extended[8].a = 0x3028;
        policy_make_consistent(&cw.table[POLICY_HOST]);
        policy_derive_all(cw.table);
        p = big;
        cpu_policy_clamp(&p, max);
        CHECK(cpu_policy_has(&big, F(SMAP)) && !cpu_policy_has(&p, F(SMAP)));
        CHECK(!cpu_policy_has(&p, F(AVX512BW)));
        CHECK_EQ(p.xstate[0].a, 7);
        CHECK_EQ(p.xstate[0].c, 832);
        CHECK_EQ(p.extended[8].a, 0x3028);
        for (unsigned int w = 0; w < POLICY_NR_WORDS; w++)
            CHECK_EQ(cpu_policy_word(&p, w) & ~cpu_policy_word(max, w), 0);
    }
    TEST("one of a smaller machine is kept as it is")
    {
        struct cpu_policy small, p;

        cw_machine("Auth");
        policy_set_feature(&cw.table[POLICY_HOST], F(AVX2), false);
        policy_derive_all(cw.table);
        p = small = *def;
        cw_machine("Auth");
        cpu_policy_clamp(&p, max);
        CHECK(memcmp(&p, &small, sizeof(p)) == 0);
    }
}

int main(void)
{
    test_features();
    test_leaves();
    test_toolstack();
    test_other_machines();
    return check_exit();
}
