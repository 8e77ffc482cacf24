/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/gwalk.c arch/x86/hvm/copy.c arch/x86/hvm/guest_access.c */
/*
 * Copies from and to a guest's memory by its page tables: several pages, whole or not at all on
 * two, no memory, read-only memory, compare and exchange, the arguments of hypercalls. The
 * physmap is a table of the test's, which counts what is taken and given back.
 */
#include "check.h"

#include <arch/cpu.h>
#include <arch/gwalk.h>
#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/pt.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>

#define PAGES 16
#define TABLES 4      /* pages 1 to 4: one table a level */
#define LINEAR 0x8000000000ULL
#define RIGHTS (PTE_PRESENT | PTE_RW | PTE_USER)

static uint8_t memory[PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static enum p2m_type physmap[PAGES];
static struct page frames[PAGES];
static int held, mapped;
static struct gwalk_cpu cpu;
static struct domain dom = { .kind = 2 };
static struct vcpu vcpu = { .domain = &dom };

struct vcpu *host_current[64] = { &vcpu };
unsigned int host_cpu;

void gwalk_cpu_of(struct vcpu *v, struct gwalk_cpu *out) { *out = cpu; }
mfn_t page_to_mfn(const struct page *pg) { return _mfn(pg - frames); }
void page_put(struct page *pg) { held--; }
void page_unmap(const void *va) { mapped--; }

void *page_map(mfn_t mfn)
{
    mapped++;
    return memory[mfn.n];
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    return (struct p2m_entry){ .type = gfn.n < PAGES ? physmap[gfn.n] : P2M_NONE };
}

static uint32_t marked; /* pages, as bits */

void p2m_mark_dirty(struct domain *d, gfn_t gfn) { marked |= 1U << gfn.n; }

struct page *p2m_page_get(struct domain *d, gfn_t gfn, bool write, enum p2m_type *type)
{
    const enum p2m_type t = p2m_lookup(d, gfn).type;

    if (t == P2M_NONE || t == P2M_MMIO || (write && (t == P2M_RAM_RO || t == P2M_GRANT_RO)))
        return NULL;
    *type = t;
    held++;
    return &frames[gfn.n];
}

static uint64_t *pte(unsigned int page) { return (uint64_t *)memory[TABLES] + page; }

/* Linear page n is physical page 5 + n; there are 8. */
static void start(void)
{
    memset(memory, 0, sizeof(memory));
    memset(physmap, 0, sizeof(physmap));
    for (unsigned int i = 1; i < 5 + 8; i++)
        physmap[i] = P2M_RAM;
    for (unsigned int level = 1; level < TABLES; level++)
        ((uint64_t *)memory[level])[level == 1] = (level + 1) << 12 | RIGHTS;
    for (unsigned int i = 0; i < 8; i++)
        *pte(i) = (5 + i) << 12 | RIGHTS;
    cpu = (struct gwalk_cpu){
        .cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP,
        .cr3 = 0x1000,
        .cr4 = X86_CR4_PAE | X86_CR4_SMAP,
        .efer = EFER_LMA | EFER_NX,
        .phys_bits = 48,
    };
}

static void end(void)
{
    CHECK_EQ(held, 0);
    CHECK_EQ(mapped, 0);
}

static uint8_t data[3 * PAGE_SIZE], back[3 * PAGE_SIZE];

static void test_linear(void)
{
    struct hvm_fault f;
    uint64_t gpa;

    for (unsigned int i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + i / 256 + 1);
    TEST("over several pages, there and back")
    {
        start();
        CHECK_EQ(hvm_copy_to_linear(&vcpu, LINEAR + 100, data, sizeof(data), PFEC_USER, &f),
                 HVM_COPY_OK);
        CHECK_EQ(f.done, sizeof(data));
        CHECK(!memcmp(memory[5] + 100, data, PAGE_SIZE - 100));
        CHECK(!memcmp(memory[6], data + PAGE_SIZE - 100, PAGE_SIZE));
        CHECK_EQ(hvm_copy_from_linear(&vcpu, back, LINEAR + 100, sizeof(back), PFEC_USER, &f),
                 HVM_COPY_OK);
        CHECK(!memcmp(data, back, sizeof(data)));
        CHECK(*pte(0) & PTE_DIRTY && *pte(3) & PTE_DIRTY && !(*pte(4) & PTE_ACCESSED));
        CHECK_EQ(hvm_translate(&vcpu, LINEAR + 0x2345, PFEC_USER, &gpa, &f), HVM_COPY_OK);
        CHECK_EQ(gpa, 0x7345);
        for (unsigned int n = 0; n <= 16; n++) /* every size and alignment */
            for (unsigned int at = PAGE_SIZE - 16; at < PAGE_SIZE; at++) {
                CHECK_EQ(hvm_copy_to_linear(&vcpu, LINEAR + at, data, n, PFEC_USER, &f),
                         HVM_COPY_OK);
                CHECK(!memcmp(memory[5] + at, data, n));
            }
        end();
    }
    TEST("a fault on the second page: what is there, and for two pages no write at all")
    {
        start();
        *pte(1) &= ~PTE_RW;
        CHECK_EQ(hvm_copy_to_linear(&vcpu, LINEAR + 0xffc, data, 8, PFEC_USER, &f),
                 HVM_COPY_FAULT);
        CHECK_EQ(f.linear, LINEAR + 0x1000);
        CHECK_EQ(f.error, PFEC_PRESENT | PFEC_WRITE | PFEC_USER);
        CHECK_EQ(f.done, 0);
        CHECK_EQ(memory[5][0xffc], 0);
        CHECK_EQ(hvm_probe_write(&vcpu, LINEAR + 0xffc, 8, PFEC_USER, &f), HVM_COPY_FAULT);
        CHECK_EQ(f.linear, LINEAR + 0x1000);
        CHECK_EQ(hvm_probe_write(&vcpu, LINEAR + 0xffc, 4, PFEC_USER, &f), HVM_COPY_OK);
        *pte(1) = 0;
        CHECK_EQ(hvm_copy_from_linear(&vcpu, back, LINEAR + 0xffc, 8, PFEC_USER, &f),
                 HVM_COPY_FAULT);
        CHECK_EQ(f.error, PFEC_USER);
        CHECK_EQ(f.done, 4);
        end();
    }
    TEST("no memory")
    {
        start();
        physmap[6] = P2M_NONE;
        CHECK_EQ(hvm_copy_from_linear(&vcpu, back, LINEAR + 0xffc, 8, PFEC_USER, &f),
                 HVM_COPY_MMIO);
        CHECK_EQ(f.gpa, 0x6000);
        CHECK_EQ(f.done, 4);
        CHECK_EQ(hvm_copy_to_linear(&vcpu, LINEAR + 0xffc, data, 8, PFEC_USER, &f),
                 HVM_COPY_MMIO);
        CHECK_EQ(memory[5][0xffc], 0);
        CHECK_EQ(hvm_copy_to_linear(&vcpu, LINEAR + 0x1010, data, 8, PFEC_USER, &f),
                 HVM_COPY_MMIO);
        CHECK_EQ(f.gpa, 0x6010);
        CHECK_EQ(hvm_probe_write(&vcpu, LINEAR + 0xffc, 8, PFEC_USER, &f), HVM_COPY_OK);
        physmap[6] = P2M_IOREQ;
        CHECK_EQ(hvm_copy_from_linear(&vcpu, back, LINEAR + 0xffc, 8, PFEC_USER, &f), HVM_COPY_OK);
        CHECK_EQ(hvm_copy_to_linear(&vcpu, LINEAR + 0xffc, data, 8, PFEC_USER, &f),
                 HVM_COPY_MMIO);
        CHECK_EQ(memory[5][0xffc], 0);
        end();
    }
    TEST("read-only memory: a write is dropped, its other half is not")
    {
        start();
        physmap[6] = P2M_RAM_RO;
        CHECK_EQ(hvm_copy_to_linear(&vcpu, LINEAR + 0xffc, data, 8, PFEC_USER, &f), HVM_COPY_OK);
        CHECK_EQ(memory[5][0xffc], data[0]);
        CHECK_EQ(memory[6][0], 0);
        physmap[TABLES] = P2M_RAM_RO; /* page tables in there: no accessed bits */
        CHECK_EQ(hvm_copy_from_linear(&vcpu, back, LINEAR + 0x3000, 1, PFEC_USER, &f),
                 HVM_COPY_OK);
        CHECK_EQ(*pte(3) & PTE_ACCESSED, 0);
        end();
    }
}

static void test_cmpxchg(void)
{
    struct hvm_fault f;
    bool swapped;

    TEST("compare and exchange, all sizes, aligned or not, over two pages")
    {
        for (unsigned int n = 1; n <= 16; n *= 2)
            for (unsigned int at = PAGE_SIZE - 33; at < PAGE_SIZE; at++) {
                start();
                memset(memory[5], 0x11, 2 * PAGE_SIZE);
                CHECK_EQ(hvm_cmpxchg_linear(&vcpu, LINEAR + at, data, data + 32, n, PFEC_USER,
                                            &swapped, &f), HVM_COPY_OK);
                CHECK(!swapped && memory[5][at] == 0x11);
                if (n == 16 && at % 16 && at + n <= PAGE_SIZE)
                    continue; /* #GP by the emulator */
                CHECK_EQ(hvm_cmpxchg_linear(&vcpu, LINEAR + at, memory[5], data, n, PFEC_USER,
                                            &swapped, &f), HVM_COPY_OK);
                CHECK(swapped);
                CHECK(!memcmp(memory[5] + at, data, n));
                CHECK_EQ(memory[5][at - 1], 0x11);
                CHECK_EQ(*(&memory[5][at] + n), 0x11);
            }
        end();
    }
    TEST("compare and exchange that cannot be")
    {
        start();
        *pte(1) = 0;
        CHECK_EQ(hvm_cmpxchg_linear(&vcpu, LINEAR + 0xffc, data, data, 8, PFEC_USER, &swapped, &f),
                 HVM_COPY_FAULT);
        physmap[5] = P2M_RAM_RO;
        CHECK_EQ(hvm_cmpxchg_linear(&vcpu, LINEAR, data, data, 8, PFEC_USER, &swapped, &f),
                 HVM_COPY_OK);
        CHECK(swapped && memory[5][0] == 0);
        physmap[5] = P2M_NONE;
        CHECK_EQ(hvm_cmpxchg_linear(&vcpu, LINEAR, data, data, 8, PFEC_USER, &swapped, &f),
                 HVM_COPY_MMIO);
        end();
    }
}

static void test_guest(void)
{
    TEST("hypercall arguments: as supervisor, SMAP or not")
    {
        start();
        CHECK_EQ(hvm_guest_write(LINEAR + 0xff0, data, 64), 0);
        CHECK_EQ(hvm_guest_read(back, LINEAR + 0xff0, 64), 0);
        CHECK(!memcmp(data, back, 64));
        CHECK_EQ(hvm_guest_clear(LINEAR + 10, 2 * PAGE_SIZE), 0);
        CHECK_EQ(memory[6][0] | memory[6][0xfff] | memory[7][9], 0);
        CHECK_EQ(hvm_guest_write(LINEAR, data, 0), 0);
        *pte(0) &= ~PTE_RW;
        CHECK_EQ(hvm_guest_write(LINEAR, data, 1), -EFAULT);
        CHECK_EQ(hvm_guest_clear(LINEAR, 1), -EFAULT);
        CHECK_EQ(hvm_guest_read(back, LINEAR + 8 * PAGE_SIZE - 1, 2), -EFAULT);
        end();
    }
    TEST("hypercall arguments: addresses that are none")
    {
        start();
        CHECK(hvm_guest_range_ok(0, 1) && hvm_guest_range_ok(-1ULL, 1));
        CHECK(!hvm_guest_range_ok(-1ULL, 2));
        CHECK(hvm_guest_range_ok((1ULL << 47) - 8, 8));
        CHECK(!hvm_guest_range_ok((1ULL << 47) - 8, 9));
        CHECK(!hvm_guest_range_ok(1ULL << 47, 1));
        CHECK(!hvm_guest_range_ok(0x7000, -(1ULL << 46)));
        CHECK_EQ(hvm_guest_read(back, 1ULL << 63, 1), -EFAULT);
        cpu.efer = cpu.cr0 = 0;
        CHECK(hvm_guest_range_ok(0xffffffff, 1) && !hvm_guest_range_ok(0xffffffff, 2));
        end();
    }
    TEST("by guest-physical addresses")
    {
        start();
        marked = 0;
        CHECK_EQ(hvm_copy_to_phys(&dom, 0x5ff0, data, 64), 0);
        CHECK_EQ(marked, 3U << 5);
        CHECK_EQ(hvm_copy_from_phys(&dom, back, 0x5ff0, 64), 0);
        CHECK(!memcmp(data, back, 64));
        CHECK_EQ(hvm_copy_from_phys(&dom, back, 0xcfff, 2), -EFAULT);
        physmap[6] = P2M_RAM_RO;
        CHECK_EQ(hvm_copy_to_phys(&dom, 0x6800, data, 8), 0);
        CHECK_EQ(memory[6][0x800], 0);
        physmap[6] = P2M_GRANT_RO;
        CHECK_EQ(hvm_copy_to_phys(&dom, 0x6800, data, 8), 0);
        end();
    }
}

int main(void)
{
    test_linear();
    test_cmpxchg();
    test_guest();
    return check_exit();
}
