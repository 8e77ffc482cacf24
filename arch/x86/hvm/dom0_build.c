/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Building a PVH dom0: public arch-x86/hvm/start_info.h, docs/dom0-pvh.md. Done before the domain's
 * first instruction, by the boot cpu alone.
 *
 * Order: unpack the kernel and copy the initrd, so that the loader's modules can go; take the
 * kernel's fixed place, the first MiB, the rest; map all; load; write start information and ACPI
 * tables; the first vcpu's registers.
 */
#include "dom0_priv.h"

#include <abi.h>
#include <arch/boot.h>
#include <arch/build.h>
#include <arch/hvm.h>
#include <arch/ioapic.h>
#include <arch/irq.h>
#include <hv/domain.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <lib/string.h>
#include <xen/arch-x86/hvm/start_info.h>

#define INFO_ORDER 4U /* 64 KiB: start information, then command line, then ACPI tables */
#define INFO_BITS 30U    /* Linux reads it by its first page tables, which map 1 GiB */
#define INITRD_BITS 32U  /* a field of 32 bits in Linux's boot parameters */
#define CMDLINE_AT 0x2000U
#define ACPI_AT 0x3000U
#define INFO_BYTES (PAGE_SIZE << INFO_ORDER)

/* What the kernel finds at the address in ebx. */
struct start {
    struct hvm_start_info info;
    struct hvm_modlist_entry module;
    struct hvm_memmap_table_entry map[MEMORY_MAP_MAX];
};
_Static_assert(sizeof(struct start) <= CMDLINE_AT, "the command line comes behind it");

struct builder {
    struct dom0_kernel kernel;
    struct dom0_memory mem;
    struct e820 map;
    uint64_t initrd, initrd_size, info; /* addresses in dom0 */
};

static struct builder builder; /* too much for the stack */

/* --- modules ---------------------------------------------------------------------------------- */

/* What the loader gave lies where the kernel wants to be, or where anything else may come. */
static void save_modules(struct builder *b, const struct dom0_input *in)
{
    dom0_kernel_open(&b->kernel, in, true);
    if (xen_notes_check_pvh(&b->kernel.notes, &b->kernel.elf))
        boot_fail("dom0 kernel: %s", b->kernel.notes.why);
    b->initrd_size = in->initrd_size;
    if (in->initrd_size > 0) {
        b->initrd = dom0_memory_low(&b->mem, order_of_size(in->initrd_size), INITRD_BITS,
                                    E820_RAM);
        dom0_frames_fill(&b->mem.frames, b->initrd, in->initrd, in->initrd_size);
    }
    boot_release_modules();
}

/* --- devices ---------------------------------------------------------------------------------- */

/* Lines of the first IO-APIC; GSIs of further ones are not offered. */
static unsigned int first_gsis(void)
{
    unsigned int n = irq_nr_gsis();

    for (unsigned int i = 1; i < acpi_info.madt.nr_ioapics; i++)
        if (acpi_info.madt.ioapic[i].gsi_base > 0)
            n = MIN(n, acpi_info.madt.ioapic[i].gsi_base);
    if (n < irq_nr_gsis() || n > HVM_GSIS)
        log_warn("dom0: has lines 0 to %u of the machine's %u", MIN(n, HVM_GSIS) - 1,
                 irq_nr_gsis());
    return n;
}

static void check_devices(struct domain *d)
{
    const struct acpi_ioapic *io = &acpi_info.madt.ioapic[0];

    if (io->addr != VIOAPIC_BASE || io->gsi_base != 0)
        boot_fail("dom0=pvh: the first IO-APIC is at %#x with GSI %u, which is not supported",
                  io->addr, io->gsi_base);
    vioapic_mirror(d, first_gsis());
    if (!iommu_present())
        log_warn("dom0: no IOMMU is used: its devices can reach all memory, and must not be given "
                 "pages of other domains");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void give_memory(struct builder *b, const struct dom0_input *in)
{
    const uint64_t first = b->kernel.elf.load_start >> PAGE_SHIFT;
    const uint64_t end = DIV_ROUND_UP(b->kernel.elf.load_end, PAGE_SIZE);

    if (end - first + (b->initrd_size >> PAGE_SHIFT) + (16 << 8) > in->nr_pages)
        boot_fail("dom0: %lu MiB is too little memory for kernel and initrd",
                  (unsigned long)(in->nr_pages >> 8));
    dom0_memory_at(&b->mem, first, end - first);
    dom0_memory_first_mib(&b->mem, &host_e820);
    b->info = dom0_memory_low(&b->mem, INFO_ORDER, INFO_BITS, E820_ACPI);
    dom0_memory_rest(&b->mem);
    if (p2m_set_pool(b->mem.d, UINT32_MAX))
        boot_fail("dom0: no pool for its physmap");
    dom0_memory_map(&b->mem);
    if (b->mem.moved > 0)
        log_warn("dom0: %lu pages of its kernel are not at their own address: no device may use "
                 "them", (unsigned long)b->mem.moved);
}

/* For XENMEM_memory_map, and the same for the start information. */
static void set_memory_map(struct builder *b)
{
    struct domain *d = b->mem.d;
    struct e820entry *map = hv_alloc(MEMORY_MAP_MAX * sizeof(*map));

    if (map == NULL || dom0_e820(&b->map, &host_e820, b->mem.frames.chunk,
                                 b->mem.frames.nr_chunks, MEMORY_MAP_MAX))
        boot_fail("dom0: its memory map cannot be made");
    for (unsigned int i = 0; i < b->map.nr; i++)
        map[i] = (struct e820entry){
            b->map.entry[i].start, b->map.entry[i].size, b->map.entry[i].type
        };
    d->memory_map.map = map;
    d->memory_map.nr = b->map.nr;
}

/* --- what the kernel is told ------------------------------------------------------------------ */

static void write_acpi(struct builder *b)
{
    const struct dom0_acpi_input in = {
        .host = &acpi_info, .pa = b->info + ACPI_AT, .nr_vcpus = b->mem.d->max_vcpus,
        .gsis = b->mem.d->arch.hvm->irq.pins,
    };
    const unsigned int order = INFO_ORDER;
    void *tables = hv_page_alloc(order);
    int len;

    if (tables == NULL)
        boot_fail("dom0: out of memory for its ACPI tables");
    len = dom0_acpi_build(tables, INFO_BYTES - ACPI_AT, &in);
    if (len < 0)
        boot_fail("dom0: no room for its ACPI tables");
    dom0_frames_fill(&b->mem.frames, b->info + ACPI_AT, tables, (uint64_t)len);
    hv_page_free(tables, order);
}

static void write_start_info(struct builder *b, const struct dom0_input *in)
{
    static struct start s;

    s.info = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
        .cmdline_paddr = b->info + CMDLINE_AT,
        .rsdp_paddr = b->info + ACPI_AT,
        .memmap_paddr = b->info + offsetof(struct start, map),
        .memmap_entries = b->map.nr,
    };
    if (b->initrd_size > 0) {
        s.module = (struct hvm_modlist_entry){ .paddr = b->initrd, .size = b->initrd_size };
        s.info.nr_modules = 1;
        s.info.modlist_paddr = b->info + offsetof(struct start, module);
    }
    for (unsigned int i = 0; i < b->map.nr; i++)
        s.map[i] = (struct hvm_memmap_table_entry){
            .addr = b->map.entry[i].start, .size = b->map.entry[i].size,
            .type = b->map.entry[i].type
        };
    dom0_frames_fill(&b->mem.frames, b->info, NULL, INFO_BYTES);
    dom0_frames_fill(&b->mem.frames, b->info, &s, sizeof(s));
    dom0_frames_fill(&b->mem.frames, b->info + CMDLINE_AT, in->cmdline,
                     MIN(strlen(in->cmdline), ACPI_AT - CMDLINE_AT - 1UL));
}

void dom0_build_pvh(struct domain *d, const struct dom0_input *in)
{
    struct builder *b = &builder;

    b->mem.d = d;
    b->mem.left = in->nr_pages;
    check_devices(d);
    save_modules(b, in);
    give_memory(b, in);
    set_memory_map(b);
    log_info("dom0: PVH, kernel %#lx-%#lx, entry %#lx, initrd %lu KiB at %#lx, %lu MiB in %u parts",
             (unsigned long)b->kernel.elf.load_start, (unsigned long)b->kernel.elf.load_end,
             (unsigned long)b->kernel.notes.phys32_entry, (unsigned long)(b->initrd_size >> 10),
             (unsigned long)b->initrd, (unsigned long)(in->nr_pages >> 8), b->mem.frames.nr_chunks);
    dom0_frames_load(&b->mem.frames, &b->kernel);
    write_start_info(b, in);
    write_acpi(b);
    hvm_vcpu_start_pvh(d->vcpu[0], (uint32_t)b->kernel.notes.phys32_entry, (uint32_t)b->info);
}
