/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/policy.c arch/x86/cpu/policy_guest.c arch/x86/cpu/cpuid_leaf.c */
/* links: arch/x86/hvm/cpuid.c arch/x86/hvm/msr.c arch/x86/hvm/tsc.c arch/x86/hvm/mtrr.c */
/* links: tests/host/hvm_cpu_world.c */
/*
 * CPUID of an HVM vcpu: what follows its state, sizes of XSAVE areas as the Intel SDM computes
 * them, topology, the hypervisor's leaves, and that every other leaf is the policy's or empty.
 */
#include "check.h"

#include "../host/hvm_cpu_world.h"

#include <arch/regs.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#include "cpu/policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name
#define MASK(name) (1U << (F(name) % 32))

static struct leaf ask(uint32_t leaf, uint32_t subleaf)
{
    uint32_t out[4];

    hvm_cpuid(&cw.v, leaf, subleaf, out);
    return (struct leaf){ out[0], out[1], out[2], out[3] };
}

static bool is_empty(struct leaf l) { return !(l.a | l.b | l.c | l.d); }

static void test_state(void)
{
    TEST("OSXSAVE and OSPKE follow CR4, the APIC bit its enable, SYSCALL long mode on Intel")
    {
        cw_start("Genu", 0);
        CHECK(!(ask(1, 0).c & MASK(OSXSAVE)));
        cw.hv.cpu.cr4 = X86_CR4_OSXSAVE | 1U << 22;
        CHECK(ask(1, 0).c & MASK(OSXSAVE));
        CHECK(!(ask(7, 0).c & MASK(OSPKE)));
        policy_set_feature(&cw.policy, F(PKU), true);
        CHECK(ask(7, 0).c & MASK(OSPKE));
        CHECK(!(ask(7, 1).c & MASK(OSPKE)));
        cw.hv.cpu.cr4 = 0;
        CHECK(!(ask(7, 0).c & MASK(OSPKE)));
        CHECK(!(ask(0x80000001, 0).d & MASK(SYSCALL)));
        cw.hv.cpu.efer = EFER_LME;
        CHECK(!(ask(0x80000001, 0).d & MASK(SYSCALL)));
        cw.hv.cpu.efer |= EFER_LMA;
        CHECK(ask(0x80000001, 0).d & MASK(SYSCALL));
        CHECK(ask(1, 0).d & MASK(APIC));
        cw.lapic_on = false;
        CHECK(!(ask(1, 0).d & MASK(APIC)));
        CHECK(ask(1, 0).c & MASK(X2APIC));
    }
    TEST("on AMD, SYSCALL always, and the APIC bit twice")
    {
        cw_start("Auth", 0);
        CHECK(ask(0x80000001, 0).d & MASK(SYSCALL));
        CHECK(ask(0x80000001, 0).d & MASK(APIC));
        cw.lapic_on = false;
        CHECK(!(ask(0x80000001, 0).d & MASK(APIC)));
        CHECK(!(ask(1, 0).d & MASK(APIC)));
    }
    TEST("sizes of the XSAVE area by XCR0, standard and compacted")
    {
        cw_start("Auth", 0);
        cw.v.arch.xcr0 = 1;
        CHECK_EQ(ask(0xd, 0).b, 576);
        CHECK_EQ(ask(0xd, 0).c, 2688);
        CHECK_EQ(ask(0xd, 1).b, 576);
        cw.v.arch.xcr0 = 7;
        CHECK_EQ(ask(0xd, 0).b, 832);
        CHECK_EQ(ask(0xd, 1).b, 832);
        cw.v.arch.xcr0 = 0xe7;
        CHECK_EQ(ask(0xd, 0).b, 2688);
        CHECK_EQ(ask(0xd, 1).b, 832 + 64 + 512 + 1024);
        cw.policy.xstate[5].a = 8; /* then the next begins at the following multiple of 64 */
        CHECK_EQ(ask(0xd, 1).b, 832 + 64 + 512 + 1024);
        cw.policy.xstate[6].c = 0;
        cw.policy.xstate[7].c = 0;
        CHECK_EQ(ask(0xd, 1).b, 832 + 8 + 512 + 1024);
        CHECK_EQ(ask(0xd, 2).a, 256);
        CHECK(is_empty(ask(0xd, 62)) && is_empty(ask(0xd, 63)) && is_empty(ask(0xd, ~0U)));
        policy_set_feature(&cw.policy, F(XSAVEC), false);
        CHECK_EQ(ask(0xd, 1).b, 0);
        policy_set_feature(&cw.policy, F(XSAVE), false);
        policy_make_consistent(&cw.policy);
        CHECK(is_empty(ask(0xd, 0)));
    }
    TEST("addresses: no more than the physmap has, no less than PAE's")
    {
        cw_start("Auth", 0);
        CHECK_EQ(ask(0x80000008, 0).a, 0x302e);
        cw.gpa_bits = 48;
        CHECK_EQ(ask(0x80000008, 0).a, 0x3030);
        cw.policy.extended[8].a = 0x3010;
        CHECK_EQ(ask(0x80000008, 0).a, 0x3024);
        cw.policy.extended[0].a = 0x80000007;
        CHECK(is_empty(ask(0x80000008, 0)));
    }
}

static void test_topology(void)
{
    TEST("APIC ids are twice the vcpu's number, in leaves 1 and 0xb")
    {
        static const unsigned int ids[] = { 0, 1, 3, 127, 128 };

        for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
            cw_start("Auth", ids[i]);
            CHECK_EQ(ask(1, 0).b >> 24, 2 * ids[i] & 0xff);
            CHECK_EQ(ask(1, 0).b & 0xffffff, 0x100800);
            for (uint32_t s = 0; s < 5; s++) {
                const struct leaf l = ask(0xb, s);

                CHECK_EQ(l.d, 2 * ids[i]);
                CHECK_EQ(l.c, s);
                CHECK_EQ(l.a | l.b, 0);
            }
        }
        cw.policy.basic[0].a = 0xa;
        CHECK(is_empty(ask(0xb, 0)));
        cw.policy.basic[0].a = 0;
        CHECK(is_empty(ask(1, 0)) && is_empty(ask(7, 0)));
        cw_start("Auth", 5);
        policy_set_feature(&cw.policy, F(X2APIC), false);
        CHECK(is_empty(ask(0xb, 0)));
        CHECK(is_empty(ask(0x8000001e, 0)));
    }
}

static void test_hypervisor(void)
{
    TEST("the hypervisor's leaves")
    {
        struct leaf l;

        cw_start("Auth", 3);
        l = ask(0x40000000, 0);
        CHECK_EQ(l.a, 0x40000005);
        CHECK(memcmp(&l.b, "XenVMMXenVMM", 12) == 0);
        CHECK_EQ(ask(0x40000001, 0).a, 0x40011);
        l = ask(0x40000002, 0);
        CHECK_EQ(l.a, 1);
        CHECK_EQ(l.b, 0x40000000);
        CHECK_EQ(l.c | l.d, 0);
        cw.info.time.tsc_to_system_mul = 0x12345678;
        cw.info.time.tsc_shift = -1;
        cw.d.tsc_mode = 2;
        l = ask(0x40000003, 0);
        CHECK_EQ(l.a, 6);
        CHECK_EQ(l.b, 2);
        CHECK_EQ(l.c, 2500000);
        l = ask(0x40000003, 1);
        CHECK_EQ(l.c, 0x12345678);
        CHECK_EQ(l.d, 0xffffffff);
        CHECK_EQ(ask(0x40000003, 2).a, 2500000);
        CHECK(is_empty(ask(0x40000003, 3)));
        l = ask(0x40000004, 0);
        CHECK_EQ(l.a, XEN_HVM_CPUID_IOMMU_MAPPINGS | XEN_HVM_CPUID_VCPU_ID_PRESENT |
                          XEN_HVM_CPUID_DOMID_PRESENT | XEN_HVM_CPUID_UPCALL_VECTOR);
        CHECK_EQ(l.b, 3);
        CHECK_EQ(l.c, 7);
        CHECK(is_empty(ask(0x40000004, 1)));
        CHECK(is_empty(ask(0x40000005, 0)));
        CHECK(is_empty(ask(0x40000006, 0)) && is_empty(ask(0x400000ff, 0)));
    }
    TEST("the toolstack's limit on them, from 2 up; no second range")
    {
        cw_start("Auth", 0);
        cw.policy.hv_limit = 3;
        CHECK_EQ(ask(0x40000000, 0).a, 0x40000003);
        CHECK(is_empty(ask(0x40000004, 0)));
        cw.policy.hv_limit = 1;
        CHECK_EQ(ask(0x40000000, 0).a, 0x40000002);
        cw.policy.hv_limit = 200;
        CHECK_EQ(ask(0x40000000, 0).a, 0x40000005);
        CHECK(is_empty(ask(0x40000100, 0)) && is_empty(ask(0x3fffffff, 0)));
    }
    TEST("a PV guest has the same with its own differences")
    {
        cw_start("Auth", 0);
        cw.d.kind = 1;
        CHECK_EQ(ask(0x40000002, 0).c, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD);
        CHECK(is_empty(ask(0x40000004, 0)));
        CHECK_EQ(ask(0x40000005, 0).b, 35);
    }
}

static void test_rest(void)
{
    TEST("other leaves are the policy's; beyond the limits all is empty")
    {
        cw_start("Auth", 0);
        for (uint32_t i = 0; i < 0x40; i++) {
            if (i > cw.policy.basic[0].a)
                CHECK(is_empty(ask(i, 0)));
            if (i > 0x21)
                CHECK(is_empty(ask(0x80000000 + i, 0)));
        }
        CHECK_EQ(ask(0, 0).a, 0xd);
        CHECK_EQ(ask(0x80000000, 0).a, 0x80000021);
        CHECK(is_empty(ask(7, 3)) && is_empty(ask(7, ~0U)));
        CHECK(is_empty(ask(4, POLICY_CACHE)) && is_empty(ask(4, ~0U)));
        CHECK(is_empty(ask(0xffffffff, 0)) && is_empty(ask(0x7fffffff, 0)));
        CHECK(is_empty(ask(0x80860000, 0)) && is_empty(ask(0xc0000000, 0)));
        cw.policy.basic[0].a = ~0U; /* what no check has seen */
        cw.policy.feat[0].a = ~0U;
        cw.policy.extended[0].a = ~0U;
        CHECK(is_empty(ask(0xe, 0)) && is_empty(ask(7, 3)) && is_empty(ask(0x80000022, 0)));
    }
}

static void test_moved(void)
{
    TEST("with Hyper-V's leaves, Xen's are at 0x40000100, and have a limit of their own")
    {
        cw_start("Auth", 3);
        CHECK(is_empty(ask(0x40000100, 0)));
        cw.viridian = 1;
        CHECK_EQ(ask(0x40000003, 0).b, 0x40000003); /* what the pretended interface says */
        CHECK_EQ(ask(0x400000ff, 0).a, 0x400000ff);
        CHECK_EQ(ask(0x40000100, 0).a, 0x40000105);
        CHECK_EQ(ask(0x40000100, 0).b, 0x566e6558);
        CHECK_EQ(ask(0x40000102, 0).b, 0x40000200);
        CHECK_EQ(ask(0x40000104, 0).b, 3);
        CHECK(is_empty(ask(0x40000106, 0)) && is_empty(ask(0x40000200, 0)));
        cw.policy.hv_limit = 4;
        CHECK_EQ(ask(0x40000100, 0).a, 0x40000105);
        cw.policy.hv2_limit = 2;
        CHECK_EQ(ask(0x40000100, 0).a, 0x40000102);
        CHECK(is_empty(ask(0x40000104, 0)));
    }
    TEST("57 address bits with five levels of page tables, which a guest has to ask for")
    {
        cw_start("Auth", 0);
        CHECK_EQ(ask(0x80000008, 0).a >> 8 & 0xff, 48);
        CHECK(!cpu_policy_has(&cw.table[POLICY_HVM_DEFAULT], FEATURE_LA57));
        CHECK(cpu_policy_has(&cw.table[POLICY_HVM_MAX], FEATURE_LA57));
        CHECK(!cpu_policy_has(&cw.table[POLICY_PV_MAX], FEATURE_LA57));
        policy_set_feature(&cw.policy, FEATURE_LA57, true);
        CHECK_EQ(ask(0x80000008, 0).a >> 8 & 0xff, 57);
    }
}

int main(void)
{
    test_moved();
    test_state();
    test_topology();
    test_hypervisor();
    test_rest();
    return check_exit();
}
