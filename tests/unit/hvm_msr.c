/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu/policy.c arch/x86/cpu/policy_guest.c arch/x86/cpu/cpuid_leaf.c */
/* links: arch/x86/hvm/cpuid.c arch/x86/hvm/msr.c arch/x86/hvm/tsc.c arch/x86/hvm/mtrr.c */
/* links: arch/x86/hvm/msr_save.c tests/host/hvm_cpu_world.c */
/*
 * MSRs of an HVM vcpu: the rights of each on both vendors, values that are taken and refused
 * (Intel SDM vol. 3 for memory types and time), relaxed domains, and the records.
 */
#include "check.h"

#include "../host/hvm_cpu_world.h"

#include <hv/errno.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/hvm/save.h>

#include "cpu/policy_priv.h"

#define F(name) XEN_X86_FEATURE_##name
#define PAT_RESET 0x0007040600070406ULL
#define NON_CANONICAL 0x0000800000000000ULL

static int rd(uint32_t msr, uint64_t *val) { return hvm_rdmsr(&cw.v, msr, val); }
static int wr(uint32_t msr, uint64_t val) { return hvm_wrmsr(&cw.v, msr, val); }

static uint64_t get(uint32_t msr)
{
    uint64_t val = ~0ULL;

    CHECK_EQ(rd(msr, &val), 0);
    return val;
}

static bool gp(uint32_t msr, uint64_t val) { return wr(msr, val) != 0; }

/* --- rights ----------------------------------------------------------------------------------- */

enum { R = 1, W = 2, RA = 4, WA = 8, RI = 16, WI = 32 }; /* A: AMD alone, I: Intel alone */

/* good: a value that may be written, bad: one that may not (if it differs). */
static const struct right {
    uint32_t first, last;
    unsigned int can;
    uint64_t good, bad;
} rights[] = {
    { 0x10, 0x10, R | W, ~0ULL, ~0ULL },
    { 0x17, 0x17, RI, 0, 0 },
    { 0x1b, 0x1b, R | W, 0xfee00800, 0xfee00c01 },
    { 0x3b, 0x3b, R | W, ~0ULL, ~0ULL },
    { 0x49, 0x49, W, 1, 2 },
    { 0x8b, 0x8b, R | W, 0, 1 },
    { 0xce, 0xce, R, 0, 0 },
    { 0xfe, 0xfe, R, 0, 0 },
    { 0x140, 0x140, R | W, 0, 1 },
    { 0x174, 0x174, R | W, 0x10, 1ULL << 32 },
    { 0x175, 0x176, R | W, 0xffff800000000000, NON_CANONICAL },
    { 0x179, 0x179, R, 0, 0 },
    { 0x17a, 0x17b, R | W, 1, 1 },
    { 0x1a0, 0x1a0, RI | WI, 1, 1 },
    { 0x1d9, 0x1d9, R | W, 3, 4 },
    { 0x1db, 0x1de, R, 0, 0 },
    { 0x200, 0x20f, R | W, 0x3ff000000000, 0x700 },
    { 0x250, 0x250, R | W, 0x0606060606060606, 2 },
    { 0x258, 0x259, R | W, 0x0504010006050401, 0x0200000000000000 },
    { 0x268, 0x26f, R | W, 0, 7 },
    { 0x277, 0x277, R | W, 0x0706050401000000, 3 },
    { 0x280, 0x29f, R | W, 1, 1 },
    { 0x2ff, 0x2ff, R | W, 0xc06, 0x1000 },
    { 0x345, 0x345, R, 0, 0 },
    { 0x400, 0x47f, R | W, 0, 0 },
    { 0x6e0, 0x6e0, R | W, ~0ULL, ~0ULL },
    { 0x40000000, 0x40000000, R | W, 0x1000, 0x1001 },
    { 0xc0000080, 0xc0000080, R | W, 0x900, 0x1000 },
    { 0xc0000081, 0xc0000081, R | W, ~0ULL, ~0ULL },
    { 0xc0000082, 0xc0000083, R | W, 0x00007fffffffffff, NON_CANONICAL },
    { 0xc0000084, 0xc0000084, R | W, 0xffffffff, 1ULL << 32 },
    { 0xc0000100, 0xc0000102, R | W, 0xffffffffffffffff, 0xff7fffffffffffff },
    { 0xc0000103, 0xc0000103, R | W, 0xffffffff, 1ULL << 32 },
    { 0xc0010000, 0xc0010007, RA | WA, 1, 1 },
    { 0xc0010010, 0xc0010010, RA | WA, 0, 1 },
    { 0xc0010015, 0xc0010015, RA | WA, 1, 1 },
    { 0xc0010016, 0xc001001d, RA | WA, 0, 1 },
    { 0xc001001f, 0xc001001f, RA | WA, 1, 1 },
    { 0xc0010058, 0xc0010058, RA | WA, 1, 1 },
    { 0xc0010061, 0xc001006b, RA | WA, 1, 1 },
    { 0xc0010200, 0xc001020b, RA | WA, 1, 1 },
    { 0xc0011029, 0xc0011029, RA | WA, 2, 2 },
};

static const struct right *right_of(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(rights); i++)
        if (msr - rights[i].first <= rights[i].last - rights[i].first)
            return &rights[i];
    return NULL;
}

static void check_right(uint32_t msr, bool amd)
{
    const struct right *r = right_of(msr);
    const bool can_read = r && r->can & (R | (amd ? RA : RI));
    const bool can_write = r && r->can & (W | (amd ? WA : WI));
    uint64_t val = 1;

    if (!CHECK_EQ(rd(msr, &val) == 0, can_read))
        printf("  reading %#x\n", msr);
    CHECK(can_read || val == 0);
    if (!CHECK_EQ(wr(msr, r ? r->good : 0) == 0, can_write))
        printf("  writing %#x\n", msr);
    if (r && can_write && r->bad != r->good && !CHECK(gp(msr, r->bad)))
        printf("  writing %#x\n", msr);
}

static void test_rights(void)
{
    static const char *const vendor[] = { "Genu", "Auth" };
    static const uint32_t blocks[] = { 0, 0x40000000, 0xc0000000, 0xc0010000 };

    TEST("each MSR's rights, on both vendors; all others are #GP")
    {
        for (unsigned int amd = 0; amd < 2; amd++) {
            cw_start(vendor[amd], 0);
            for (unsigned int b = 0; b < ARRAY_SIZE(blocks); b++)
                for (uint32_t n = 0; n < 0x2000; n++)
                    check_right(blocks[b] + n, amd);
            check_right(0xffffffff, amd);
        }
    }
    TEST("an MSR goes with its feature")
    {
        static const struct { uint16_t feature; uint32_t msr; uint64_t val; } with[] = {
            { F(TSC_ADJUST), 0x3b, 0 }, { F(SEP), 0x174, 0 }, { F(SEP), 0x176, 0 },
            { F(PAT), 0x277, 0 }, { F(MTRR), 0xfe, 0 }, { F(MTRR), 0x2ff, 0 },
            { F(MTRR), 0x200, 0 },
            { F(TSC_DEADLINE), 0x6e0, 0 }, { F(SYSCALL), 0xc0000081, 0 }, { F(LM), 0xc0000082, 0 },
            { F(LM), 0xc0000084, 0 }, { F(LM), 0xc0000102, 0 },
        };

        for (unsigned int i = 0; i < ARRAY_SIZE(with); i++) {
            uint64_t val;

            cw_start("Auth", 0);
            policy_set_feature(&cw.policy, with[i].feature, false);
            CHECK(rd(with[i].msr, &val) != 0);
            CHECK(gp(with[i].msr, with[i].val));
        }
        cw_start("Auth", 0);
        policy_set_feature(&cw.policy, F(RDTSCP), false);
        CHECK(!gp(0xc0000103, 1));
        policy_set_feature(&cw.policy, F(RDPID), false);
        CHECK(gp(0xc0000103, 1));
        policy_set_feature(&cw.policy, F(IBPB), false);
        CHECK(gp(0x49, 1));
    }
    TEST("arch caps and speculation control where the policy has them")
    {
        uint64_t val;

        cw_start("Genu", 0);
        CHECK(rd(0x10a, &val) != 0 && rd(0x48, &val) != 0);
        policy_set_feature(&cw.policy, F(ARCH_CAPS), true);
        cw.policy.arch_caps = 0x2b;
        CHECK_EQ(get(0x10a), 0x2b);
        CHECK(gp(0x10a, 0x2b));
        policy_set_feature(&cw.policy, F(IBRSB), true);
        CHECK(gp(0x48, 0)); /* the control block of this test has it not */
        CHECK_EQ(cw.barriers, 0);
        CHECK(!gp(0x49, 0) && cw.barriers == 0);
        CHECK(!gp(0x49, 1) && cw.barriers == 1);
    }
    TEST("a relaxed domain: what only the machine has reads 0 and ignores writes")
    {
        uint64_t val = 1;

        cw_start("Auth", 0);
        cw.machine_msr = 0x1fc;
        CHECK(rd(0x1fc, &val) != 0 && gp(0x1fc, 1));
        cw.d.arch.msr_relaxed = true;
        CHECK_EQ(get(0x1fc), 0);
        CHECK(!gp(0x1fc, 1));
        CHECK(rd(0x1fd, &val) != 0 && gp(0x1fd, 1));
        CHECK(gp(0xfe, 0) && gp(0x277, 2)); /* what we know is as strict as before */
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static void test_time(void)
{
    TEST("writing the TSC shows in TSC_ADJUST, and the other way round")
    {
        cw_start("Auth", 0);
        CHECK_EQ(get(0x10), 1000000);
        CHECK(!gp(0x10, 0));
        CHECK_EQ(get(0x10), 0);
        CHECK_EQ(get(0x3b), (uint64_t)-1000000);
        CHECK_EQ(cw.updates, 1);
        cw.host_tsc += 500;
        CHECK_EQ(get(0x10), 500);
        CHECK(!gp(0x3b, 0));
        CHECK_EQ(get(0x10), 1000500);
        CHECK_EQ(cw.hv.cpu.tsc_offset, 0);
        CHECK(!gp(0x3b, 7) && !gp(0x3b, 9));
        CHECK_EQ(get(0x10), 1000509);
        CHECK(!gp(0x10, ~0ULL));
        CHECK_EQ(get(0x10), ~0ULL);
        CHECK_EQ(cw.hv.cpu.tsc_offset, get(0x3b));
    }
    TEST("a deadline is armed again when the TSC moves, and only then")
    {
        cw_start("Auth", 0);
        CHECK(!gp(0x10, 5));
        CHECK_EQ(cw.deadline_writes, 0);
        CHECK(!gp(0x6e0, 1234));
        CHECK_EQ(cw.deadline_writes, 1);
        CHECK(!gp(0x10, 6) && !gp(0x3b, 3));
        CHECK_EQ(cw.deadline_writes, 3);
        CHECK_EQ(get(0x6e0), 1234);
    }
    TEST("x2APIC only with its feature, and only in its mode")
    {
        uint64_t val;

        cw_start("Auth", 0);
        CHECK(rd(0x802, &val) != 0 && gp(0x80b, 0));
        CHECK(!gp(0x1b, 0xfee00c00));
        CHECK(!gp(0x80b, 0x55));
        CHECK_EQ(get(0x80b), 0x55);
        CHECK(gp(0x80b, 1ULL << 32));
        policy_set_feature(&cw.policy, F(X2APIC), false);
        CHECK(rd(0x802, &val) != 0 && gp(0x80b, 0));
        CHECK(gp(0x1b, 0xfee00c00));
        CHECK(!gp(0x1b, 0xfee00800));
    }
}

static void test_memory_types(void)
{
    TEST("after power-on: PAT as architected, MTRRs off and empty")
    {
        cw_start("Auth", 0);
        CHECK_EQ(get(0x277), PAT_RESET);
        CHECK_EQ(get(0x2ff), 0);
        CHECK_EQ(get(0xfe), 0x508);
        for (uint32_t m = 0x200; m < 0x210; m++)
            CHECK_EQ(get(m), 0);
        CHECK_EQ(get(0x250) | get(0x258) | get(0x26f), 0);
        CHECK_EQ(get(0xc0000103) | get(0x3b), 0);
    }
    TEST("types: 0, 1, 4, 5, 6, and 7 in PAT; in each of the eight fields")
    {
        cw_start("Auth", 0);
        for (unsigned int t = 0; t < 256; t++) {
            const bool mtrr = t <= 1 || (t >= 4 && t <= 6);

            for (unsigned int i = 0; i < 64; i += 8) {
                CHECK_EQ(gp(0x250, (uint64_t)t << i), !mtrr);
                CHECK_EQ(gp(0x277, (uint64_t)t << i), !mtrr && t != 7);
            }
            CHECK_EQ(gp(0x2ff, t), !mtrr);
            CHECK_EQ(gp(0x200, t), !mtrr);
        }
        CHECK_EQ(get(0x250), 6ULL << 56);
    }
    TEST("reserved bits of the default type, of bases and of masks; each where it was written")
    {
        cw_start("Auth", 0);
        for (unsigned int b = 8; b < 64; b++)
            CHECK_EQ(gp(0x2ff, BIT(b)), b != 10 && b != 11);
        for (unsigned int b = 0; b < 64; b++) {
            CHECK_EQ(gp(0x205, BIT(b)), b < 11 || b >= 46);
            if (b >= 8)
                CHECK_EQ(gp(0x204, BIT(b)), b < 12 || b >= 46);
        }
        for (uint32_t m = 0x200; m < 0x210; m++)
            CHECK(!gp(m, (uint64_t)m << 12));
        for (uint32_t m = 0x268; m < 0x270; m++)
            CHECK(!gp(m, (m & 1) * 6));
        CHECK(!gp(0x258, 1) && !gp(0x259, 4) && !gp(0x250, 5));
        for (uint32_t m = 0x200; m < 0x210; m++)
            CHECK_EQ(get(m), (uint64_t)m << 12);
        for (uint32_t m = 0x268; m < 0x270; m++)
            CHECK_EQ(get(m), (m & 1) * 6);
        CHECK_EQ(get(0x258) | get(0x259) << 8 | get(0x250) << 16, 0x50401);
    }
}

static void test_rest(void)
{
    TEST("what comes back is what was written")
    {
        cw_start("Auth", 0);
        for (unsigned int i = 0; i < ARRAY_SIZE(rights); i++) {
            const struct right *r = &rights[i];

            if (cw_block_index(r->first) < 0)
                continue;
            for (uint32_t m = r->first; m <= r->last; m++) {
                CHECK(!gp(m, r->good ^ (m & 1)));
                CHECK_EQ(get(m), (r->good ^ (m & 1)));
                CHECK(r->bad == r->good || gp(m, r->bad));
                CHECK_EQ(get(m), (r->good ^ (m & 1)));
            }
        }
        CHECK(!gp(0xc0000080, 0x901));
        CHECK_EQ(get(0xc0000080), 0x901);
        CHECK(!gp(0x40000000, 0x5000) && cw.hypercall_page == 0x5000);
        CHECK_EQ(get(0x40000000), 0);
    }
    TEST("AMD's that kernels look at")
    {
        cw_start("Auth", 0);
        CHECK_EQ(get(0xc0010015), 1ULL << 24);
        CHECK_EQ(get(0xc0011029), 2);
        CHECK_EQ(get(0xc0010010) | get(0xc001001a) | get(0xc0010064), 0);
        CHECK_EQ(get(0x8b), 0x1234);
        cw.policy.basic[1].a = 0xf10;
        CHECK_EQ(get(0xc0010015), 0);
        CHECK(!gp(0xc0010015, ~0ULL));
        CHECK_EQ(get(0xc0010015), 0);
    }
}

/* --- records ---------------------------------------------------------------------------------- */

static void test_records(void)
{
    struct hvm_hw_mtrr r, again;

    TEST("the record of memory types goes there and back")
    {
        cw_start("Auth", 0);
        CHECK(!gp(0x277, 0x0606060606060606) && !gp(0x2ff, 0xc06) && !gp(0x20f, 0x3ffff0000800));
        CHECK(!gp(0x26f, 0x0101010101010101));
        hvm_mtrr_save(&cw.v, &r);
        CHECK_EQ(r.msr_mtrr_cap, 0x508);
        cw_start("Auth", 0);
        CHECK_EQ(hvm_mtrr_load(&cw.v, &r), 0);
        CHECK_EQ(cw.updates, 1);
        CHECK_EQ(get(0x20f), 0x3ffff0000800);
        hvm_mtrr_save(&cw.v, &again);
        CHECK(memcmp(&r, &again, sizeof(r)) == 0);
    }
    TEST("one that no guest could have set is refused and changes nothing")
    {
        const struct hvm_hw_mtrr good = r;

        cw_start("Auth", 0);
        for (unsigned int i = 0; i < 5; i++) {
            struct hvm_hw_mtrr bad = good;

            switch (i) {
            case 0: bad.msr_pat_cr = 2; break;
            case 1: bad.msr_mtrr_def_type = 0x100; break;
            case 2: bad.msr_mtrr_var[15] = BIT(46); break;
            case 3: bad.msr_mtrr_fixed[10] = 3ULL << 56; break;
            case 4: bad.msr_mtrr_cap = 9; break;
            }
            CHECK_EQ((uint32_t)hvm_mtrr_load(&cw.v, &bad), (uint32_t)-EINVAL);
            CHECK_EQ(get(0x277), PAT_RESET);
            CHECK_EQ(get(0x2ff) | get(0x20f) | get(0x26f), 0);
        }
        CHECK_EQ(cw.updates, 0);
    }
    TEST("the list of other MSRs: empty here; what a guest cannot have is refused")
    {
        struct hvm_one_msr out[HVM_MSR_LIST];
        const struct hvm_one_msr zero[] = { { .index = 0x140 } };
        const struct hvm_one_msr bad[] = {
            { .index = 0x140, .val = 1 }, { .index = 0xda0 }, { .index = 0x10 }, { .index = 0x48 },
        };
        const struct hvm_one_msr reserved = { .index = 0x140, ._rsvd = 1 };

        cw_start("Auth", 0);
        CHECK_EQ(hvm_msr_list_save(&cw.v, out), 0);
        CHECK_EQ(hvm_msr_list_load(&cw.v, zero, 1), 0);
        CHECK_EQ(hvm_msr_list_load(&cw.v, NULL, 0), 0);
        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
            CHECK_EQ((uint32_t)hvm_msr_list_load(&cw.v, &bad[i], 1), (uint32_t)-ENXIO);
        CHECK_EQ((uint32_t)hvm_msr_list_load(&cw.v, &reserved, 1), (uint32_t)-EOPNOTSUPP);
        cw.d.arch.msr_relaxed = true; /* does not take what it would lose */
        cw.machine_msr = 0xda0;
        CHECK(!gp(0xda0, 1));
        CHECK_EQ((uint32_t)hvm_msr_list_load(&cw.v, &(struct hvm_one_msr){ 0xda0, 0, 1 }, 1),
                 (uint32_t)-ENXIO);
    }
}

static void test_moved(void)
{
    TEST("Hyper-V's MSRs are in the place of Xen's, which moves")
    {
        uint64_t val = 1;

        cw_start("Auth", 0);
        CHECK_EQ(rd(0x40000200, &val), -1);
        CHECK_EQ(wr(0x40000200, 0x1000), -1);
        cw.viridian = 1;
        CHECK_EQ(get(0x40000000), 0x40000000); /* what the pretended interface says */
        CHECK_EQ(get(0x400001ff), 0x400001ff);
        CHECK_EQ(wr(0x40000000, 0x1000), 0);
        CHECK_EQ(cw.hypercall_page, 0);
        CHECK_EQ(get(0x40000200), 0);
        CHECK_EQ(wr(0x40000200, 0x2000), 0);
        CHECK_EQ(cw.hypercall_page, 0x2000);
        CHECK(gp(0x40000200, 0x2001));
    }
    TEST("addresses of 57 bits in MSRs: with five levels of page tables")
    {
        cw_start("Genu", 0);
        CHECK(gp(0xc0000102, 0x0001000000000000));
        policy_set_feature(&cw.policy, FEATURE_LA57, true);
        CHECK_EQ(wr(0xc0000102, 0x0001000000000000), 0);
        CHECK_EQ(wr(0x175, 0xff00000000000000), 0);
        CHECK(gp(0xc0000082, 0x0100000000000000));
    }
}

int main(void)
{
    test_rights();
    test_moved();
    test_time();
    test_memory_types();
    test_rest();
    test_records();
    return check_exit();
}
