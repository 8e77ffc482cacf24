/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segment descriptors: what may stand in a GDT or LDT, what is made of it, and the bases of FS and
 * GS.
 */
#include "guest.h"

const char *test_name = "descriptors";

#define DATA_DPL(dpl) (0x00cf930000000000UL + 0xffff + ((uint64_t)(dpl) << 45)) /* flat, accessed */
#define CODE64 0x00affb000000ffffUL
#define TSS64 0x00008b0000000067UL
#define LDT_GATE 0x0000820000000067UL
#define INT_GATE 0x00008e0000330000UL
#define CALL_GATE(cs, dpl) (0x00008c0000000000UL + ((uint64_t)(cs) << 16) + ((uint64_t)(dpl) << 45))
#define NON_CANONICAL 0x1234567890123456UL
#define UNMAPPED 0x123456789000UL

static long set_gdt(uint64_t mfn, unsigned int entries)
{
    return hypercall(__HYPERVISOR_set_gdt, &mfn, entries);
}
static long update(uint64_t maddr, uint64_t desc)
{
    return hypercall(__HYPERVISOR_update_descriptor, maddr, desc);
}
static uint64_t maddr(void *p) { return va_to_mfn(p) << 12 | ((uint64_t)p & 4095); }
static long protect(void *p) { return set_va((uint64_t)p, va_to_mfn(p) << 12 | PTE_RO_KERNEL); }
static long unprotect(void *p) { return set_va((uint64_t)p, va_to_mfn(p) << 12 | PTE_RW_KERNEL); }
static unsigned int dpl(uint64_t desc) { return desc >> 45 & 3; }

static long set_ldt(void *va, unsigned int entries)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)va, .arg2.nr_ents = entries
    };

    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

static int load_fs(unsigned int selector)
{
    int v = PROBE("mov %0, %%fs", : : "r"(selector));

    __asm__ volatile("mov %0, %%fs" : : "r"(0));
    return v;
}

static const struct {
    uint64_t desc;
    bool ok;
    int dpl; /* as stored, if it is ok */
    const char *what;
} kinds[] = {
    { 0, true, 0, "an empty descriptor" },
    { DATA_DPL(3), true, 3, "a data segment of level 3" },
    { DATA_DPL(0), true, 3, "a data segment of level 0: it becomes 3" },
    { DATA_DPL(1), true, 3, "a data segment of level 1: it becomes 3" },
    { CODE64, true, 3, "a 64-bit code segment" },
    { CODE64 & ~(3UL << 45), true, 3, "a 64-bit code segment of level 0: it becomes 3" },
    { 0x00cffb000000ffff, true, 3, "a 32-bit code segment" },
    { DATA_DPL(0) & ~(1UL << 47), true, 0, "a data segment that is not present" },
    { TSS64 & ~(1UL << 47), true, 0, "a TSS that is not present" },
    { TSS64, false, 0, "a TSS" },
    { LDT_GATE, false, 0, "an LDT" },
    { INT_GATE, false, 0, "an interrupt gate" },
    { CALL_GATE(0xe033, 3), true, 0, "a call gate to the guest's code: it gets level 0" },
    { CALL_GATE(0xe008, 3), false, 0, "a call gate to the hypervisor's code" },
    { CALL_GATE(0xe033, 3) | 1UL << 32, false, 0, "a call gate with a reserved bit" },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The same rules for one entry at a time, and for a page that becomes a descriptor table. */
static void descriptor_kinds(void)
{
    uint64_t *plain = alloc_page(), *page = alloc_page();

    for (unsigned int i = 0; i < NR_KINDS; i++) {
        plain[0] = 0;
        CHECK_EQ(update(maddr(plain), kinds[i].desc), kinds[i].ok ? 0 : -XEINVAL, kinds[i].what);
        CHECK_EQ(dpl(plain[0]), kinds[i].ok ? kinds[i].dpl : 0, "... as it is stored");
    }
    for (unsigned int i = 0; i < NR_KINDS; i++) {
        unprotect(page);
        memset(page, 0, PAGE);
        page[511] = kinds[i].desc;
        protect(page);
        CHECK_EQ(set_gdt(va_to_mfn(page), 512), kinds[i].ok ? 0 : -XEINVAL,
                 "a page with it as a GDT");
        if (kinds[i].ok)
            CHECK_EQ(dpl(page[511]), kinds[i].dpl, "... as it is stored");
        CHECK_EQ(set_gdt(0, 0), 0, "... and no GDT");
    }
    CHECK_EQ(unprotect(page), 0, "nothing holds the page afterwards");
}

static void gdt(void)
{
    uint64_t *page = alloc_page(), pt = va_to_mfn((void *)start_info->pt_base), lar = 0;

    page[3] = DATA_DPL(3);
    CHECK_EQ(set_gdt(va_to_mfn(page), 512), -XEINVAL, "a GDT that can be written");
    protect(page);
    CHECK_EQ(set_gdt(va_to_mfn(page), 14 * 512 + 1), -XEINVAL, "a GDT with too many entries");
    CHECK_EQ(set_gdt(1UL << 39, 512), -XEINVAL, "a GDT in no frame");
    CHECK_EQ(set_gdt(pt, 512), -XEINVAL, "a GDT in a page table");
    CHECK_EQ(hypercall(__HYPERVISOR_set_gdt, UNMAPPED, 512), -XEFAULT,
             "a list of frames that cannot be read");
    CHECK_EQ(load_fs(0x1b), 13, "a selector of no GDT");
    CHECK_EQ(last_trap.error_code, 0x18, "... is named in the error code");
    CHECK_EQ(set_gdt(va_to_mfn(page), 512), 0, "a GDT");
    CHECK(unprotect(page) < 0, "... that cannot be made writable");
    CHECK_EQ(load_fs(0x1b), -1, "... with a data segment");
    CHECK_EQ(load_fs(0x23), 13, "... and an empty entry");
    CHECK_EQ(update(maddr(&page[4]), DATA_DPL(0)), 0, "fill that");
    CHECK_EQ(load_fs(0x23), -1, "... and load it");
    CHECK_EQ(probe_write(&page[4], 0), 14, "a GDT cannot be written by a store");
    __asm__("lar %1, %0" : "=r"(lar) : "r"(0x1bUL) : "cc");
    CHECK_EQ(lar & 0xff00, 0xf300, "lar shows the segment");
    CHECK_EQ(update(maddr(&page[4]) + 4, 0), -XEINVAL, "an update of half an entry");
    CHECK_EQ(update(pt << 12, 0), -XEINVAL, "an update of a page table");
    CHECK_EQ(update(1UL << 50, 0), -XEINVAL, "an update of no frame");
    CHECK_EQ(set_gdt(0, 0), 0, "no GDT");
    CHECK_EQ(unprotect(page), 0, "... and the page is ordinary memory");
}

static void ldt(void)
{
    uint64_t *page = alloc_page(), *second = alloc_page();

    page[1] = DATA_DPL(3);
    second[0] = DATA_DPL(3);
    CHECK_EQ(set_ldt((char *)page + 8, 512), -XEINVAL, "an LDT that is not aligned");
    CHECK_EQ(set_ldt(page, 8193), -XEINVAL, "an LDT with too many entries");
    CHECK_EQ(set_ldt((void *)UNMAPPED, 512), 0, "an LDT where nothing is");
    CHECK_EQ(load_fs(0xf), 14, "... is a page fault");
    CHECK_EQ(my_info()->arch.cr2, (long)UNMAPPED + 8, "... of its entry");
    CHECK_EQ(set_ldt(page, 512), 0, "an LDT that can be written");
    CHECK(load_fs(0xf) > 0, "... cannot be used");
    protect(page);
    CHECK_EQ(load_fs(0xf), -1, "... until it is read-only");
    CHECK(unprotect(page) < 0, "... which it stays");
    CHECK_EQ(load_fs(0x17), 13, "an empty entry");
    CHECK_EQ(last_trap.error_code, 0x14, "... is named in the error code");
    CHECK_EQ(load_fs((512 << 3) | 7), 13, "a selector beyond the LDT");
    CHECK_EQ(set_ldt(page, 1024), 0, "an LDT of two pages");
    protect(second);
    CHECK_EQ(load_fs((512 << 3) | 7), -1, "... whose second one is used");
    CHECK_EQ(set_ldt(0, 0), 0, "no LDT");
    CHECK_EQ(load_fs(0xf), 13, "... and no selector of it");
    CHECK_EQ(unprotect(page) | unprotect(second), 0, "... and its pages are ordinary memory");
}

static uint64_t read_msr(uint32_t nr)
{
    uint32_t lo = 0, hi = 0;
    int v = PROBE("rdmsr", : "+a"(lo), "=d"(hi) : "c"(nr));

    return v < 0 ? (uint64_t)hi << 32 | lo : ~0UL;
}

static void segment_bases(void)
{
    static const uint64_t words[2] = { 0x1111, 0x2222 };
    static const struct {
        int which;
        uint32_t msr;
        const char *what;
    } base[] = { { SEGBASE_FS, 0xc0000100, "FS base" },
                 { SEGBASE_GS_KERNEL, 0xc0000101, "GS base" },
                 { SEGBASE_GS_USER, 0xc0000102, "GS base of user mode" } };
    uint64_t v;

    for (int i = 0; i < 3; i++) {
        CHECK_EQ(hypercall(__HYPERVISOR_set_segment_base, base[i].which, &words[0]), 0,
                 base[i].what);
        CHECK_EQ(read_msr(base[i].msr), (long)&words[0], "... reads back");
        CHECK_EQ(hypercall(__HYPERVISOR_set_segment_base, base[i].which, NON_CANONICAL), -XEINVAL,
                 "... not canonical");
        CHECK_EQ(read_msr(base[i].msr), (long)&words[0], "... leaves the old one");
    }
    __asm__ volatile("mov %%fs:8, %0" : "=r"(v));
    CHECK_EQ(v, 0x2222, "memory at FS base");
    __asm__ volatile("mov %%gs:0, %0" : "=r"(v));
    CHECK_EQ(v, 0x1111, "memory at GS base");
    CHECK_EQ(hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0xe02b), 0,
             "a selector for the user's GS");
    CHECK_EQ(hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0x123), 0,
             "a bad one is no error");
    CHECK_EQ(hypercall(__HYPERVISOR_set_segment_base, 4, 0), -XEINVAL, "an unknown base");
    CHECK_EQ(read_msr(0xc0000101), (long)&words[0], "GS base is still there");
}

static void flat_segments(void)
{
    static const uint16_t good[] = { 0, 3, 0xe02b, 0xe023 },
                          bad[] = { 0x10, 0xe008, 0xe010, 0xfff8, 0xe040 };

    for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK_EQ(load_fs(good[i]), -1, "a flat selector can be loaded");
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(load_fs(bad[i]), 13, "a selector of the hypervisor cannot");
        CHECK_EQ(last_trap.error_code, bad[i], "... and the error code names it");
    }
}

void test_main(void)
{
    descriptor_kinds();
    gdt();
    ldt();
    segment_bases();
    flat_segments();
}
