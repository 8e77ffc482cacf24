/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables that the cpu itself reads: GDT, TSS, IDT, and the MSRs and control registers of entry. AMD
 * APM vol. 2, chapter 4 "Segmented Virtual Memory" and §8.4 "Vectors".
 *
 * A cpu's page holds its part of the GDT at offset 0 and the TSS behind it. Guests' GDTs show the
 * page (read-only, supervisor) as page 14; GDT_LIMIT ends before the TSS, so nothing in it can be
 * loaded as a descriptor. The page and the IDT stay mapped while a guest runs apart (xpti=),
 * read-only: so the page lies beside the stack, and busy and accessed bits are set once here.
 */
#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/direct.h>
#include <arch/features.h>
#include <arch/fpu.h>
#include <arch/msr.h>
#include <arch/paging.h>
#include <arch/pv32.h>
#include <arch/regs.h>
#include <arch/smpboot.h>
#include <hv/cpumask.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/string.h>

#define DESC_CODE64_DPL0 0x00af9b000000ffffULL
#define DESC_DATA_DPL0 0x00cf93000000ffffULL
#define DESC_CODE32_DPL1 0x00cfbb000000ffffULL
#define DESC_DATA_DPL1 0x00cfb3000000ffffULL
#define DESC_CODE32_DPL3 0x00cffb000000ffffULL
#define DESC_DATA_DPL3 0x00cff3000000ffffULL
#define DESC_CODE64_DPL3 0x00affb000000ffffULL
#define SYSTEM_LDT 0x82ULL /* present, type */
#define SYSTEM_TSS 0x89ULL
#define TSS_NO_IOMAP 0x68

#define SYSRET_BASE 0xe023ULL /* CS32; + 8: SS; + 16: CS64 */
/* Cleared by SYSCALL: all but the reserved bit and what arithmetic leaves. */
#define SYSCALL_FLAGS (X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_IOPL | \
                       X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_VM | X86_EFLAGS_AC)

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "AMD APM vol. 2 §12.2.5");

#define GDT_ENTRIES ((GDT_LIMIT + 1 - GDT_RESERVED_OFFSET) / 8)

struct cpu_tables {
    uint64_t gdt[GDT_ENTRIES];
    uint64_t pad;
    uint8_t pad2[24];
    struct tss tss __attribute__((aligned(64)));
} __attribute__((aligned(4096)));
_Static_assert(sizeof(struct cpu_tables) == PAGE_SIZE, "page 14 of a GDT");

struct gate {
    uint64_t lo, hi;
};

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern char idt_entries[], syscall_entry[], syscall32_entry[], sysenter_entry[];

static struct gate idt[256] __attribute__((aligned(4096)));
static struct cpu_tables boot_tables;
static struct cpu_tables *tables[NR_CPUS]; /* at STACK_TABLES of the stack */
static mfn_t tables_mfn[NR_CPUS];
/* What 32-bit guests have there: a page in the direct map. */
static uint64_t *gdt32[NR_CPUS];

static void lgdt(uint64_t base)
{
    const struct table_register r = { .limit = GDT_LIMIT, .base = base };

    __asm__ volatile("lgdt %0" ::"m"(r));
}

static void set_system_desc(uint64_t *d, uint64_t base, uint32_t limit, uint64_t type)
{
    d[1] = base >> 32;
    d[0] = (limit & 0xffff) | ((base & 0xffffff) << 16) | (type << 40) |
           ((uint64_t)(limit & 0xf0000) << 32) | ((base & 0xff000000) << 32);
}

static uint64_t *gdt_entry(struct cpu_tables *t, unsigned int selector)
{
    return &t->gdt[(selector - GDT_RESERVED_OFFSET) / 8];
}

static void fill_tables(struct cpu_tables *t, uint64_t stack)
{
    const uint64_t top = stack + STACK_SIZE;

    *gdt_entry(t, HV_CS) = DESC_CODE64_DPL0;
    *gdt_entry(t, HV_DS) = DESC_DATA_DPL0;
    *gdt_entry(t, FLAT_CS32) = DESC_CODE32_DPL3;
    *gdt_entry(t, FLAT_DS) = DESC_DATA_DPL3;
    *gdt_entry(t, FLAT_CS64) = DESC_CODE64_DPL3;
    set_system_desc(gdt_entry(t, HV_TSS), (uintptr_t)&t->tss, sizeof(t->tss) - 1, SYSTEM_TSS);
    t->tss.rsp[0] = top - sizeof(struct cpu_info) + offsetof(struct cpu_info, regs.es);
    t->tss.ist[IST_NMI - 1] = stack + STACK_IST_NMI;
    t->tss.ist[IST_DF - 1] = stack + STACK_IST_DF;
    t->tss.ist[IST_MC - 1] = stack + STACK_IST_MC;
    t->tss.ist[IST_DB - 1] = stack + STACK_IST_DB;
    t->tss.iomap = TSS_NO_IOMAP;
}

static void fill_gdt32(uint64_t *gdt)
{
    gdt[(HV_CS - GDT_RESERVED_OFFSET) / 8] = DESC_CODE64_DPL0;
    gdt[(HV_DS - GDT_RESERVED_OFFSET) / 8] = DESC_DATA_DPL0;
    gdt[(PV32_RING1_CS - GDT_RESERVED_OFFSET) / 8] = DESC_CODE32_DPL1;
    gdt[(PV32_RING1_DS - GDT_RESERVED_OFFSET) / 8] = DESC_DATA_DPL1;
    gdt[(PV32_RING3_CS - GDT_RESERVED_OFFSET) / 8] = DESC_CODE32_DPL3;
    gdt[(PV32_RING3_DS - GDT_RESERVED_OFFSET) / 8] = DESC_DATA_DPL3;
}

/* Segment registers other than CS and SS are the guests', and unused by us. */
static void load_tables(struct cpu_tables *t)
{
    lgdt((uintptr_t)t - GDT_RESERVED_OFFSET);
    __asm__ volatile("pushq %0\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "lretq\n"
                     "1:\tmov %1, %%ss\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%fs\n\t"
                     "mov %2, %%gs\n\t"
                     "lldt %w2\n\t"
                     "ltr %w3" ::"i"(HV_CS),
                     "r"(HV_DS), "r"(0), "r"(HV_TSS)
                     : "rax", "memory");
}

static void load_idt(void)
{
    const struct table_register r = { .limit = sizeof(idt) - 1, .base = (uintptr_t)idt };

    __asm__ volatile("lidt %0" ::"m"(r));
}

static void set_gate(unsigned int vector, unsigned int dpl, unsigned int ist)
{
    const uint64_t addr = (uintptr_t)idt_entries + 16UL * vector;

    idt[vector].lo = (addr & 0xffff) | ((uint64_t)HV_CS << 16) | ((uint64_t)ist << 32) |
                     (0x8eULL << 40) | ((uint64_t)dpl << 45) | ((addr & 0xffff0000) << 32);
    idt[vector].hi = addr >> 32;
}

uint64_t idt_address(void) { return (uintptr_t)idt; }

void idt_init(void)
{
    uint64_t sp;

    for (unsigned int i = 0; i < 256; i++)
        set_gate(i, 0, 0);
    set_gate(TRAP_BP, 3, 0);
    set_gate(TRAP_OF, 3, 0);
    set_gate(PV32_HYPERCALL_VECTOR, 1, 0); /* ring 1: only there are 32-bit kernels */
    set_gate(TRAP_NMI, 0, IST_NMI);
    set_gate(TRAP_DF, 0, IST_DF);
    set_gate(TRAP_MC, 0, IST_MC);
    set_gate(TRAP_DB, 0, IST_DB);
    __asm__("mov %%rsp, %0" : "=r"(sp));
    fill_tables(&boot_tables, sp & ~(STACK_SIZE - 1ULL));
    load_tables(&boot_tables);
    load_idt();
}

/* --- SYSCALL ---------------------------------------------------------------------------------- */

/*
 * SYSCALL does not switch stacks and leaves no register free, so each cpu has its own code that
 * knows where its stack is; it lies within 2 GiB of it:
 *     mov %rsp, regs.rsp(%rip);  lea regs.rsp(%rip), %rsp;  jmp *target(%rip)
 */
struct stub {
    uint8_t mov[3];
    int32_t mov_to;
    uint8_t lea[3];
    int32_t lea_of;
    uint8_t jmp[2];
    int32_t jmp_by;
    uint64_t target;
} __attribute__((packed));

/* s is where it is written, va where it runs. */
static void write_stub(struct stub *s, uint64_t va, const struct cpu_info *info, const void *target)
{
    const uint64_t rsp = (uintptr_t)&info->regs.rsp;

    *s = (struct stub){
        .mov = { 0x48, 0x89, 0x25 },
        .mov_to = (int32_t)(rsp - (va + offsetof(struct stub, lea))),
        .lea = { 0x48, 0x8d, 0x25 },
        .lea_of = (int32_t)(rsp - (va + offsetof(struct stub, jmp))),
        .jmp = { 0xff, 0x25 },
        .jmp_by = 0,
        .target = (uintptr_t)target,
    };
}

/* written here, executed at STUB_VIRT_START */
static uint8_t *stub_pages[DIV_ROUND_UP(NR_CPUS * STUB_SIZE, PAGE_SIZE)];

void syscall_stubs_alloc(unsigned int nr_cpus)
{
    for (unsigned int i = 0; i < DIV_ROUND_UP(nr_cpus * STUB_SIZE, PAGE_SIZE); i++) {
        uint8_t *page;

        if (stub_pages[i])
            continue;
        page = hv_page_alloc(0);
        if (!page ||
            hv_map(STUB_VIRT_START + i * PAGE_SIZE, paddr_to_mfn(direct_pa(page)), 1, HV_RX))
            panic("out of memory for the system call entries");
        memset(page, 0xcc, PAGE_SIZE);
        stub_pages[i] = page;
    }
}

static uint64_t make_stubs(unsigned int cpu, struct cpu_info *info)
{
    const uint64_t offset = (uint64_t)cpu * STUB_SIZE, va = STUB_VIRT_START + offset;
    uint8_t *p;

    if (cpu == 0)
        syscall_stubs_alloc(1); /* the others' are there before they start */
    p = stub_pages[offset / PAGE_SIZE] + offset % PAGE_SIZE;
    write_stub((struct stub *)p, va, info, syscall_entry);
    write_stub((struct stub *)(p + STUB_SIZE / 2), va + STUB_SIZE / 2, info, syscall32_entry);
    return va;
}

static void init_syscall(unsigned int cpu, struct cpu_info *info)
{
    const uint64_t stub = make_stubs(cpu, info);

    wrmsr(MSR_LSTAR, stub);
    wrmsr(MSR_CSTAR, stub + STUB_SIZE / 2);
    wrmsr(MSR_STAR, (SYSRET_BASE << 48) | ((uint64_t)HV_CS << 32));
    wrmsr(MSR_FMASK, SYSCALL_FLAGS);
    if (cpu_features.vendor == VENDOR_INTEL) {
        wrmsr(MSR_SYSENTER_CS, HV_CS);
        wrmsr(MSR_SYSENTER_ESP, (uintptr_t)&info->regs.es);
        wrmsr(MSR_SYSENTER_EIP, (uintptr_t)sysenter_entry);
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

uint64_t cpu_base_cr4(void)
{
    return X86_CR4_PAE | X86_CR4_MCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT |
           (cpu_features.smep ? X86_CR4_SMEP : 0) | (cpu_features.smap ? X86_CR4_SMAP : 0) |
           (cpu_features.fsgsbase ? X86_CR4_FSGSBASE : 0) |
           (cpu_features.xsave ? X86_CR4_OSXSAVE : 0);
}

static void make_tables(unsigned int cpu)
{
    const uint64_t va = STACK_VIRT(cpu) + STACK_TABLES;
    void *page;

    if (tables[cpu])
        return;
    page = hv_page_alloc(0);
    if (!page)
        panic("cpu%u: out of memory for its GDT", cpu);
    tables_mfn[cpu] = paddr_to_mfn(direct_pa(page));
    if (hv_map(va, tables_mfn[cpu], 1, HV_RW))
        panic("cpu%u: out of memory to map its GDT", cpu);
    gdt32[cpu] = hv_page_alloc(0);
    if (!gdt32[cpu])
        panic("cpu%u: out of memory for its GDT", cpu);
    fill_gdt32(gdt32[cpu]);
    tables[cpu] = (struct cpu_tables *)va;
}

void cpu_init_tables(unsigned int cpu)
{
    const uint64_t stack = ((uintptr_t)cpu_stack_top(cpu) - 1) & ~(STACK_SIZE - 1ULL);
    struct cpu_info *info = (struct cpu_info *)(stack + STACK_SIZE) - 1;

    make_tables(cpu);
    fill_tables(tables[cpu], stack);
    load_tables(tables[cpu]);
    load_idt();
    write_cr0(X86_CR0_PG | X86_CR0_AM | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP |
              X86_CR0_PE);
    write_cr4(cpu_base_cr4());
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (cpu_features.nx ? EFER_NX : 0));
    wrmsr(MSR_PAT, PAT_VALUE);
    init_syscall(cpu, info);
    fpu_init_cpu();
}

mfn_t cpu_gdt_frame(unsigned int cpu, bool for_32bit)
{
    return for_32bit ? paddr_to_mfn(direct_pa(gdt32[cpu])) : tables_mfn[cpu];
}

void gdt_load_own(unsigned int cpu) { lgdt((uintptr_t)tables[cpu] - GDT_RESERVED_OFFSET); }
void gdt_load_vcpu(const struct vcpu *v) { lgdt(GDT_VIRT(v->id)); }

void ldt_load(const struct vcpu *v)
{
    const unsigned int cpu = smp_processor_id();
    uint16_t selector = 0;

    if (v->arch.pv.ldt_ents > 0) {
        uint64_t *desc = domain_is_32bit(v->domain)
                             ? gdt32[cpu] + (HV_LDT - GDT_RESERVED_OFFSET) / 8
                             : gdt_entry(tables[cpu], HV_LDT);

        set_system_desc(desc, LDT_VIRT(v->id), v->arch.pv.ldt_ents * 8 - 1, SYSTEM_LDT);
        selector = HV_LDT;
    }
    __asm__ volatile("lldt %0" ::"r"(selector) : "memory");
}
