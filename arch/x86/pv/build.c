/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Building the first domain: a PV guest from a kernel image, an optional initrd and a command line,
 * in the layout of public xen.h, "Start-of-day memory layout". All of it is done before the
 * domain's first instruction, by the boot cpu alone.
 *
 * Order: unpack and check the kernel; decide sizes and places (struct layout, in pseudo-physical
 * frames); allocate; fill; build page tables in which page tables are read-only; let the PV MMU
 * validate them like any guest's. Nothing here bypasses the type rules.
 */
#include <abi.h>
#include <arch/build.h>
#include <arch/direct.h>
#include <arch/paging.h>
#include <arch/pv_hypercall.h>
#include <arch/pv_mmu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <lib/string.h>
#include <xen/elfnote.h>

#define LAYOUT_ALIGN (4ULL << 20)     /* the initial region ends at a multiple of this */
#define LAYOUT_PADDING (512ULL << 10) /* with at least this much free behind its last item */

/* Everything in pseudo-physical frames, unless it says va. */
struct layout {
    uint64_t va_base;
    uint64_t kernel_end;
    uint64_t start_info, pt_base, nr_pt, stack, region_end;
    uint64_t initrd, nr_initrd;
    uint64_t p2m, nr_p2m, nr_p2m_pt; /* the list, then the tables that map it at p2m_va */
    uint64_t p2m_va;
    uint64_t nr_pages;
};

struct builder {
    struct domain *d;
    struct dom0_kernel kernel;
    struct layout lay;
    struct dom0_frames mem;
    uint64_t next_pt; /* next free frame for a page table */
};

static struct builder builder; /* 30 KiB: too much for the stack */

/* --- the kernel image ------------------------------------------------------------------------- */

static void load_kernel_image(struct builder *b, const struct dom0_input *in)
{
    dom0_kernel_open(&b->kernel, in, false);
    if (xen_notes_check_pv(&b->kernel.notes, true))
        boot_fail("dom0 kernel: %s", b->kernel.notes.why);
}

/* --- layout ----------------------------------------------------------------------------------- */

static uint64_t frames(uint64_t bytes) { return DIV_ROUND_UP(bytes, PAGE_SIZE); }

/* Page tables for [va, va + nr frames): one L4 is not counted. */
static uint64_t tables_for(uint64_t va, uint64_t nr)
{
    uint64_t last = va + (nr << PAGE_SHIFT) - 1, n = 0;

    for (unsigned int shift = L2_SHIFT; shift <= L4_SHIFT; shift += 9)
        n += (last >> shift) - (va >> shift) + 1;
    return n;
}

static void plan(struct builder *b, const struct dom0_input *in, uint64_t nr_pages)
{
    struct layout *l = &b->lay;
    uint64_t end;

    l->nr_pages = nr_pages;
    l->va_base = b->kernel.notes.virt_base;
    l->kernel_end = frames(b->kernel.notes.virt_end - l->va_base);
    l->start_info = l->kernel_end;
    l->pt_base = l->start_info + 1;
    /* more tables may need more region, which may need more tables */
    for (l->nr_pt = 3;; l->nr_pt++) {
        l->stack = l->pt_base + l->nr_pt;
        end = l->va_base + ((l->stack + 1) << PAGE_SHIFT) + LAYOUT_PADDING;
        l->region_end = frames(ROUND_UP(end, LAYOUT_ALIGN) - l->va_base);
        if (1 + tables_for(l->va_base, l->region_end) <= l->nr_pt)
            break;
    }
    l->initrd = l->region_end;
    l->nr_initrd = frames(in->initrd_size);
    l->p2m = l->initrd + l->nr_initrd;
    l->nr_p2m = frames(nr_pages * sizeof(uint64_t));
    l->p2m_va = b->kernel.notes.init_p2m;
    l->nr_p2m_pt = tables_for(l->p2m_va, l->nr_p2m);
    if (l->p2m + l->nr_p2m + l->nr_p2m_pt + frames(8 << 20) > nr_pages)
        boot_fail("dom0: %lu MiB is too little memory for kernel and initrd (%lu MiB and some "
                  "room)",
            (unsigned long)(nr_pages >> 8),
            (unsigned long)((l->p2m + l->nr_p2m + l->nr_p2m_pt) >> 8));
}

static void check_notes(const struct builder *b)
{
    if (!xen_notes_has(&b->kernel.notes, XEN_ELFNOTE_INIT_P2M) || !b->kernel.notes.mod_start_pfn)
        boot_fail("dom0 kernel: needs the notes INIT_P2M and MOD_START_PFN (Linux 2.6.39 or "
                  "later)");
    if (b->kernel.notes.virt_start < b->kernel.notes.virt_base || b->kernel.notes.paddr_offset != 0)
        boot_fail("dom0 kernel: its addresses do not start at VIRT_BASE");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void allocate(struct builder *b)
{
    uint64_t pfn = 0;
    unsigned int order = MAX_ORDER;

    while (pfn < b->lay.nr_pages) {
        struct page *pg = NULL;

        while ((1ULL << order) > b->lay.nr_pages - pfn)
            order--;
        /* Nobody else's data can be in it: at boot all memory was the firmware's or ours. */
        while ((pg = page_alloc_for(b->d, order, ALLOC_NO_SCRUB)) == NULL && order > 0)
            order--;
        if (pg == NULL)
            boot_fail("dom0: out of memory after %lu MiB of %lu", (unsigned long)(pfn >> 8),
                      (unsigned long)(b->lay.nr_pages >> 8));
        dom0_frames_add(&b->mem, pfn, page_to_mfn(pg), 1ULL << order, 0);
        pfn += 1ULL << order;
    }
}

/*
 * Kernels from before 2024 call through a page of ours in their image; newer ones make the calls
 * themselves.
 */
static void fill_hypercall_page(struct builder *b)
{
    uint64_t va = b->kernel.notes.hypercall_page;
    void *page;

    if (!xen_notes_has(&b->kernel.notes, XEN_ELFNOTE_HYPERCALL_PAGE))
        return;
    if ((va & PAGE_OFFSET_MASK) || va < b->kernel.notes.virt_start ||
        va >= b->kernel.notes.virt_end)
        boot_fail("dom0 kernel: its hypercall page %#lx is not a page of its image",
                  (unsigned long)va);
    page = page_map(dom0_frames_mfn(&b->mem, (va - b->lay.va_base) >> PAGE_SHIFT));
    pv_fill_hypercall_page(b->d, page);
    page_unmap(page);
}

static void write_p2m_and_m2p(struct builder *b)
{
    for (unsigned int i = 0; i < b->mem.nr_chunks; i++) {
        const struct dom0_chunk *c = &b->mem.chunk[i];
        uint64_t k = 0;

        while (k < c->nr) {
            uint64_t pfn = c->gfn + k, slot = pfn & 511;
            uint64_t *list = page_map(dom0_frames_mfn(&b->mem, b->lay.p2m + (pfn >> 9)));

            for (; slot < 512 && k < c->nr; slot++, k++) {
                list[slot] = c->mfn.n + k;
                m2p_set(_mfn(c->mfn.n + k), c->gfn + k);
            }
            page_unmap(list);
        }
    }
}

/* --- page tables ------------------------------------------------------------------------------ */

static bool is_table(const struct layout *l, uint64_t pfn)
{
    return (pfn >= l->pt_base && pfn < l->pt_base + l->nr_pt) ||
           (pfn >= l->p2m + l->nr_p2m && pfn < l->p2m + l->nr_p2m + l->nr_p2m_pt);
}

#define GUEST_TABLE (PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define GUEST_LEAF (PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

/*
 * Frame of the table below entry va of the table in frame t (level 4 to 2), taken from next_pt if
 * there is none yet.
 */
static uint64_t descend(struct builder *b, mfn_t *t, uint64_t va, unsigned int level)
{
    pte_t *table = page_map(*t);
    pte_t *e = &table[pt_index(va, level)];

    if (!pte_present(*e)) {
        mfn_t below = dom0_frames_mfn(&b->mem, b->next_pt);
        void *clear = page_map(below);

        memset(clear, 0, PAGE_SIZE);
        page_unmap(clear);
        b->next_pt++;
        *e = pte_make(below, GUEST_TABLE);
    }
    *t = pte_mfn(*e);
    page_unmap(table);
    return level;
}

/* Map nr frames from pfn on at va, 4 KiB pages; a page table among them read-only. */
static void map_range(struct builder *b, uint64_t va, uint64_t pfn, uint64_t nr)
{
    mfn_t l4 = dom0_frames_mfn(&b->mem, b->lay.pt_base), t = l4;
    pte_t *l1 = NULL;

    for (uint64_t i = 0; i < nr; i++, va += PAGE_SIZE) {
        if (l1 == NULL || pt_index(va, 1) == 0) {
            if (l1 != NULL)
                page_unmap(l1);
            t = l4;
            for (unsigned int level = 4; level > 1; level--)
                descend(b, &t, va, level);
            l1 = page_map(t);
        }
        l1[pt_index(va, 1)] = pte_make(dom0_frames_mfn(&b->mem, pfn + i),
                                       GUEST_LEAF | (is_table(&b->lay, pfn + i) ? 0 : PTE_RW));
    }
    if (l1 != NULL)
        page_unmap(l1);
}

static void build_page_tables(struct builder *b)
{
    const struct layout *l = &b->lay;

    dom0_frames_fill(&b->mem, l->pt_base << PAGE_SHIFT, NULL, PAGE_SIZE);
    b->next_pt = l->pt_base + 1;
    map_range(b, l->va_base, 0, l->region_end);
    /*
     * Tables planned for and not needed stay as cleared pages, still counted, so that the kernel
     * frees them.
     */
    for (; b->next_pt < l->pt_base + l->nr_pt; b->next_pt++)
        dom0_frames_fill(&b->mem, b->next_pt << PAGE_SHIFT, NULL, PAGE_SIZE);
    b->next_pt = l->p2m + l->nr_p2m;
    map_range(b, l->p2m_va, l->p2m, l->nr_p2m);
    BUG_ON(b->next_pt > l->p2m + l->nr_p2m + l->nr_p2m_pt);
}

/* --- start_info and the first vcpu ------------------------------------------------------------ */

static uint64_t va_of(const struct layout *l, uint64_t pfn)
{
    return l->va_base + (pfn << PAGE_SHIFT);
}

static void write_start_info(struct builder *b, const struct dom0_input *in)
{
    const struct layout *l = &b->lay;
    struct start_info *si = page_map(dom0_frames_mfn(&b->mem, l->start_info));

    memset(si, 0, PAGE_SIZE);
    strlcpy(si->magic, "xen-3.0-x86_64p", sizeof(si->magic));
    si->nr_pages = l->nr_pages;
    si->shared_info = direct_pa(b->d->shared_info);
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = va_of(l, l->pt_base);
    si->nr_pt_frames = l->nr_pt;
    si->mfn_list = l->p2m_va;
    si->first_p2m_pfn = l->p2m;
    si->nr_p2m_frames = l->nr_p2m + l->nr_p2m_pt;
    if (in->initrd_size > 0) {
        si->mod_start = l->initrd;
        si->mod_len = in->initrd_size;
        si->flags |= SIF_MOD_START_PFN;
    }
    if (in->vga != NULL) {
        si->console.dom0.info_off = sizeof(*si);
        si->console.dom0.info_size = sizeof(*in->vga);
        memcpy((char *)si + sizeof(*si), in->vga, sizeof(*in->vga));
    }
    if (strlcpy((char *)si->cmd_line, in->cmdline, sizeof(si->cmd_line)) >= sizeof(si->cmd_line))
        log_warn("dom0: command line cut to %zu bytes", sizeof(si->cmd_line) - 1);
    page_unmap(si);
}

static void set_first_context(struct builder *b)
{
    const struct layout *l = &b->lay;
    struct vcpu *v = b->d->vcpu[0];
    struct cpu_user_regs *r = &v->arch.regs;

    *r = (struct cpu_user_regs){
        .rip = b->kernel.notes.entry,
        .rsp = va_of(l, l->stack) + PAGE_SIZE,
        .rsi = va_of(l, l->start_info),
        .cs = FLAT_CS64,
        .ss = FLAT_DS,
        .rflags = 0x202, /* IF, and the bit that is always one */
    };
    v->arch.pv.in_kernel = true;
    v->arch.pv.kernel_ss = FLAT_DS;
    v->arch.pv.kernel_sp = r->rsp;
    v->is_initialised = true;
}

void dom0_build_pv(struct domain *d, const struct dom0_input *in)
{
    struct builder *b = &builder;
    mfn_t l4;
    int rc;

    b->d = d;
    load_kernel_image(b, in);
    check_notes(b);
    plan(b, in, in->nr_pages);
    allocate(b);
    dom0_frames_load(&b->mem, &b->kernel);
    fill_hypercall_page(b);
    dom0_frames_fill(&b->mem, b->lay.initrd << PAGE_SHIFT, in->initrd, in->initrd_size);
    write_p2m_and_m2p(b);
    build_page_tables(b);
    write_start_info(b, in);

    l4 = dom0_frames_mfn(&b->mem, b->lay.pt_base);
    rc = pv_mmu_adopt_l4(d, l4);
    if (rc)
        panic("dom0: its first page tables are refused (%d)", rc);
    set_first_context(b);
    log_info("dom0: kernel %#lx-%#lx, entry %#lx, initrd %lu KiB at pfn %#lx, page tables at pfn "
             "%#lx (%lu), %lu MiB in %u parts",
        (unsigned long)b->kernel.notes.virt_start, (unsigned long)b->kernel.notes.virt_end,
        (unsigned long)b->kernel.notes.entry, (unsigned long)(in->initrd_size >> 10),
        (unsigned long)b->lay.initrd, (unsigned long)b->lay.pt_base, (unsigned long)b->lay.nr_pt,
        (unsigned long)(b->lay.nr_pages >> 8), b->mem.nr_chunks);
}
