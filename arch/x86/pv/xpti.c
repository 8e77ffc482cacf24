/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Views of guests' page tables (xpti=): what a cpu has in CR3 while a guest runs that is kept
 * apart. Meltdown (CVE-2017-5754) lets ring 3 read whatever supervisor pages are mapped, so little
 * of ours is; entry.S changes to the whole table and back.
 *
 * A cpu has two views, of the user's and of the kernel's L4, so that going from one to the other
 * copies nothing. A view names the table that it shows, or none; it shows only a table of the vcpu
 * that is loaded here, which holds a reference to it. Always:
 *  - a view that names a table equals it in all slots of the guest's: both are written under the
 *    domain's pt_lock;
 *  - a view is in CR3 only while it names the table that current runs on (info->view_ok);
 *  - a cpu whose views name a domain's tables is in its dirty_cpus.
 * So an entry that is gone from an L4 is gone from all views before its table is given up, and the
 * rest is as without views: the levels below are the guest's own, and whoever flushes a TLB flushes
 * what came through a view.
 */
#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/direct.h>
#include <arch/features.h>
#include <arch/msr.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/pv_mmu.h>
#include <arch/xpti.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#define GUEST_SLOTS_LOW HV_FIRST_SLOT
#define GUEST_SLOTS_HIGH (HV_FIRST_SLOT + HV_NR_SLOTS)
#define ARCH_CAP_RDCL_NO BIT(0)

struct views {
    pte_t *l4;       /* two pages: the user's view, the kernel's; NULL: no domain is kept apart */
    mfn_t source[2]; /* the tables that they show, or INVALID_MFN */
    spinlock_t lock; /* a view, and what it shows, while it is written */
};
static DEFINE_PER_CPU(struct views, views);

extern char __entry_start[], __entry_end[];

/* --- for whom --------------------------------------------------------------------------------- */

enum { BY_CPU = -1, OFF, ON };
static int8_t opt_dom0 = BY_CPU, opt_domu = BY_CPU;

static int set_one(struct cmdline_item item)
{
    const char *dom0_value = cmdline_item_after(item, "dom0="),
               *domu_value = cmdline_item_after(item, "domu=");
    const char *value = dom0_value ? dom0_value : domu_value ? domu_value : item.s;
    const size_t len = (size_t)(item.s + item.len - value);
    char word[16];
    int on;

    if (len >= sizeof(word))
        return -EINVAL;
    memcpy(word, value, len);
    word[len] = '\0';
    on = cmdline_bool(word);
    if (on < 0) {
        if (strcmp(word, "default") != 0 || value != item.s)
            return -EINVAL;
        on = BY_CPU;
    }
    if (!domu_value)
        opt_dom0 = (int8_t)on;
    if (!dom0_value)
        opt_domu = (int8_t)on;
    return 0;
}

static int parse_xpti(const char *value)
{
    struct cmdline_item item;
    int rc = 0;

    if (*value == '\0')
        value = "on";
    while (rc == 0 && cmdline_next_item(&value, &item))
        rc = set_one(item);
    return rc;
}
PARAM_CUSTOM("xpti", parse_xpti,
             "keep us out of PV guests' address spaces: <bool>, default, dom0=<bool>, domu=<bool>");

/* Intel SDM vol. 4, "IA32_ARCH_CAPABILITIES"; AMD's cpus check rights before they forward data. */
static bool cpu_leaks(void)
{
    if (cpu_features.vendor == VENDOR_AMD || cpu_features.vendor == VENDOR_HYGON)
        return false;
    return cpuid(0, 0).a < 7 || !(cpuid(7, 0).d & BIT(29)) ||
           !(rdmsr(MSR_ARCH_CAPABILITIES) & ARCH_CAP_RDCL_NO);
}

void xpti_init(void)
{
    const bool leaks = cpu_leaks();

    if (opt_dom0 == BY_CPU)
        opt_dom0 = leaks;
    if (opt_domu == BY_CPU)
        opt_domu = leaks;
    log_info("xpti: separation of PV address spaces: dom0 %s, domU %s; this cpu %s it",
             opt_dom0 ? "on" : "off", opt_domu ? "on" : "off", leaks ? "needs" : "does not need");
}

bool xpti_for(const struct domain *d) { return (d->is_hardware ? opt_dom0 : opt_domu) == ON; }

/* --- a cpu's views ---------------------------------------------------------------------------- */

static pte_t *table_below(pte_t *e)
{
    pte_t *t;

    if (pte_present(*e))
        return direct_va(e->v & PTE_ADDR);
    t = hv_page_alloc(0);
    if (!t)
        panic("out of memory for xpti");
    e->v = direct_pa(t) | HV_TABLE;
    return t;
}

/* Show a page of ours below an L3 for views. */
static void show(pte_t *l3, uint64_t va, bool writable)
{
    unsigned int level;
    pte_t e = hv_walk(va, &level), *l2, *l1;

    BUG_ON(level != 1 || !pte_present(e));
    if (!writable)
        e.v &= ~(PTE_RW | PTE_DIRTY);
    l2 = table_below(&l3[pt_index(va, 3)]);
    l1 = table_below(&l2[pt_index(va, 2)]);
    l1[pt_index(va, 1)] = e;
}

/* The same for all cpus: text of entry.S, and the IDT. */
static void show_image(pte_t *l4)
{
    static pte_t entry; /* by the boot cpu, before there are others */
    pte_t *l3;

    if (!pte_present(entry)) {
        l3 = table_below(&entry);
        for (uint64_t va = (uintptr_t)__entry_start; va < (uintptr_t)__entry_end; va += PAGE_SIZE)
            show(l3, va, false);
        show(l3, idt_address(), false);
    }
    l4[pt_index(IMAGE_VIRT_START, 4)] = entry;
}

/* One cpu's: where entries push, its GDT and TSS, its SYSCALL stubs. */
static void show_stack(pte_t *l4, unsigned int cpu)
{
    pte_t *l3 = table_below(&l4[pt_index(STACK_VIRT_START, 4)]);

    for (uint64_t offset = 0; offset < STACK_GUARD; offset += PAGE_SIZE) /* IST stacks */
        show(l3, STACK_VIRT(cpu) + offset, true);
    show(l3, STACK_VIRT(cpu) + STACK_INFO, true);
    show(l3, STACK_VIRT(cpu) + STACK_TABLES, false);
    show(l3, STUB_VIRT_START + ROUND_DOWN((uint64_t)cpu * STUB_SIZE, PAGE_SIZE), false);
}

void xpti_init_cpu(unsigned int cpu)
{
    struct views *w = &per_cpu(views, cpu);

    if (w->l4 || (!opt_dom0 && !opt_domu))
        return;
    spin_init(&w->lock, RANK_LEAF);
    w->source[0] = w->source[1] = INVALID_MFN;
    w->l4 = hv_page_alloc(1);
    if (!w->l4)
        panic("cpu%u: out of memory for xpti", cpu);
    show_image(w->l4);
    show_stack(w->l4, cpu);
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        w->l4[PT_ENTRIES + i] = w->l4[i];
}

/* --- what they show --------------------------------------------------------------------------- */

static void show_nothing(struct views *w, bool kernel)
{
    write_once(w->source[kernel].n, INVALID_MFN.n);
    get_cpu_info()->view_ok[kernel] = 0;
}

void xpti_load(const struct vcpu *v)
{
    struct cpu_info *info = get_cpu_info();
    struct views *w = &this_cpu(views);
    const bool apart = v && v->domain->arch.xpti;

    if (!apart && !info->guest_cr3)
        return;
    show_nothing(w, false);
    show_nothing(w, true);
    info->guest_cr3 = apart ? direct_pa(w->l4) : 0;
}

void xpti_base_changed(bool kernel)
{
    if (get_cpu_info()->guest_cr3)
        show_nothing(&this_cpu(views), kernel);
}

static void copy_slots(pte_t *to, const pte_t *from)
{
    memcpy(to, from, GUEST_SLOTS_LOW * sizeof(*to));
    memcpy(to + GUEST_SLOTS_HIGH, from + GUEST_SLOTS_HIGH,
           (PT_ENTRIES - GUEST_SLOTS_HIGH) * sizeof(*to));
    to[pt_index(M2P_VIRT_START, 4)] = from[pt_index(M2P_VIRT_START, 4)];
    to[PERDOMAIN_SLOT] = from[PERDOMAIN_SLOT];
}

void xpti_make_view(struct vcpu *v)
{
    const bool kernel = v->arch.pv.in_kernel;
    const mfn_t l4 = kernel ? v->arch.pv.kernel_l4 : v->arch.pv.user_l4;
    struct views *w = &this_cpu(views);
    const pte_t *from = page_map(l4);

    spin_lock(&v->domain->arch.pt_lock);
    spin_lock(&w->lock);
    write_once(w->source[kernel].n, l4.n);
    copy_slots(w->l4 + (kernel ? PT_ENTRIES : 0), from);
    spin_unlock(&w->lock);
    spin_unlock(&v->domain->arch.pt_lock);
    page_unmap(from);
    get_cpu_info()->view_ok[kernel] = 1;
}

/*
 * The views' lock keeps a cpu that turns to another domain meanwhile from making its new views
 * until we are done with the old ones.
 */
void xpti_l4_written(const struct domain *d, mfn_t l4, unsigned int slot, pte_t e)
{
    for_each_cpu(cpu, &d->dirty_cpus) {
        struct views *w = &per_cpu(views, cpu);

        spin_lock(&w->lock);
        for (unsigned int kernel = 0; kernel < 2; kernel++)
            if (read_once(w->source[kernel].n) == l4.n)
                write_once(w->l4[kernel * PT_ENTRIES + slot].v, e.v);
        spin_unlock(&w->lock);
    }
}
