/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first domain: how much memory, how many vcpus, which rights; then building and starting it.
 * Options: dom0_mem=, dom0_max_vcpus=, dom0=. Everything not kept for ourselves is its to use:
 * ports, device memory, interrupts.
 */
#include <abi.h>
#include <arch/apic.h>
#include <arch/boot.h>
#include <arch/build.h>
#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/pv32.h>
#include <arch/pv_mmu.h>
#include <arch/smpboot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <hv/platform.h>
#include <hv/rangeset.h>
#include <hv/vcpu.h>
#include <lib/cmdline.h>
#include <lib/format.h>
#include <lib/string.h>
#include <xen/domctl.h>

static struct dom0_mem opt_mem;
static char opt_max_vcpus[16];
static char opt_dom0[64];
static int parse_dom0_mem(const char *s) { return dom0_mem_parse(s, &opt_mem); }
PARAM_CUSTOM("dom0_mem", parse_dom0_mem, "memory of dom0: [min:<size>,][max:<size>,]<size>");
PARAM_STR("dom0_max_vcpus", opt_max_vcpus, "vcpus of dom0: <n> or <min>-<max>");
PARAM_STR("dom0", opt_dom0, "kind of dom0: pv (default) or pvh; verbose");

#define MIN_DOM0_PAGES (64ULL << 8)    /* 64 MiB */
/* what we leave free without dom0_mem: a sixteenth, at most this */
#define MAX_KEPT_PAGES (128ULL << 8)

extern char __image_end[];

/* --- how much --------------------------------------------------------------------------------- */

static uint64_t pages_of(const struct mem_amount *a, uint64_t total, uint64_t otherwise)
{
    return a->given ? mem_amount_resolve(a, total << PAGE_SHIFT) >> PAGE_SHIFT : otherwise;
}

/*
 * Frames for dom0, now and at most. Resolved against all memory, as administrators expect of a
 * percentage.
 */
static uint64_t memory_for_dom0(uint64_t *max)
{
    uint64_t avail = heap_free_pages(), total = heap_total_pages();
    uint64_t kept = MIN(avail / 16, MAX_KEPT_PAGES);
    uint64_t nr = pages_of(&opt_mem.size, total, avail - kept);
    uint64_t min = pages_of(&opt_mem.min, total, 0);

    *max = pages_of(&opt_mem.max, total, UINT32_MAX);
    nr = MIN(MAX(nr, min), *max);
    /* Some is needed for what describes it: frame table, M2P, page tables. */
    if (nr > avail - MIN(avail, avail / 64 + 1024)) {
        log_warn("dom0_mem: %lu MiB is more than there is; using %lu MiB", (unsigned long)(nr >> 8),
                 (unsigned long)((avail - kept) >> 8));
        nr = avail - kept;
    }
    if (nr < MIN_DOM0_PAGES)
        boot_fail("too little memory for dom0: %lu MiB, at least %lu are needed",
                  (unsigned long)(nr >> 8), (unsigned long)(MIN_DOM0_PAGES >> 8));
    return nr;
}

static unsigned int number(const char **s)
{
    unsigned int n = 0;

    for (; **s >= '0' && **s <= '9' && n < MAX_VCPUS; (*s)++)
        n = n * 10 + (unsigned int)(**s - '0');
    return n;
}

static unsigned int vcpus_for_dom0(void)
{
    unsigned int n = nr_cpu_ids, lo, hi;
    const char *s = opt_max_vcpus;

    if (*s != '\0') {
        lo = number(&s);
        hi = lo;
        if (*s == '-') {
            s++;
            hi = *s ? number(&s) : MAX_VCPUS;
        } else {
            n = lo;
        }
        if (*s != '\0' || hi == 0 || lo > hi) {
            log_warn("dom0_max_vcpus=%s is not understood; ignored", opt_max_vcpus);
            return nr_cpu_ids;
        }
        n = MIN(MAX(n, lo), hi);
    }
    return MIN(MAX(n, 1U), MAX_VCPUS);
}

/* --- rights ----------------------------------------------------------------------------------- */

static void deny_ports(struct domain *d, uint64_t first, uint64_t nr)
{
    if (nr > 0 && rangeset_remove(d->arch.ioport_caps, first, first + nr - 1))
        boot_fail("out of memory for dom0's rights");
}

static void deny_memory(struct domain *d, paddr_t start, uint64_t size)
{
    if (size > 0 &&
        rangeset_remove(d->iomem_caps, start >> PAGE_SHIFT, (start + size - 1) >> PAGE_SHIFT))
        boot_fail("out of memory for dom0's rights");
}

static void grant_rights(struct domain *d)
{
    const struct acpi_fadt *f = &acpi_info.fadt;

    if (rangeset_add(d->arch.ioport_caps, 0, 0xffff) ||
        rangeset_add(d->iomem_caps, 0, (1ULL << (cpu_features.phys_bits - PAGE_SHIFT)) - 1) ||
        rangeset_add(d->irq_caps, 0, UINT32_MAX))
        boot_fail("out of memory for dom0's rights");

    deny_ports(d, 0x20, 2); /* the 8259s */
    deny_ports(d, 0xa0, 2);
    deny_ports(d, 0x40, 4); /* the 8254 */
    deny_ports(d, 0x61, 1);
    deny_ports(d, 0xcf8, 8);
    deny_ports(d, console_uart_io_base(), console_uart_io_base() ? 8 : 0);
    if ((acpi_info.have & ACPI_HAVE_FADT) && f->pm_timer.addr != 0 &&
        f->pm_timer.space == ACPI_SPACE_IO)
        deny_ports(d, f->pm_timer.addr, 4);

    deny_memory(d, acpi_info.madt.lapic_addr ? acpi_info.madt.lapic_addr : 0xfee00000, PAGE_SIZE);
    deny_memory(d, 0xfee00000, 0x100000); /* where MSIs go */
    deny_memory(d, IMAGE_PHYS_START, (uintptr_t)__image_end - IMAGE_VIRT_START - IMAGE_PHYS_START);
    deny_memory(d, trampoline_pa, PAGE_SIZE);
    deny_memory(d, crash_record_pa, PAGE_SIZE);
    if (iommu_keep_registers(d->iomem_caps))
        boot_fail("out of memory for dom0's rights");
    /* dom0's AML may read the HPET's registers; it is our clock, so nobody else writes them. */
    if ((acpi_info.have & ACPI_HAVE_HPET) &&
        rangeset_add(mmio_ro_ranges, acpi_info.hpet.base.addr >> PAGE_SHIFT,
                     acpi_info.hpet.base.addr >> PAGE_SHIFT))
        boot_fail("out of memory for dom0's rights");
    for (unsigned int i = 0; i < host_e820.nr; i++)
        if (host_e820.entry[i].type == E820_UNUSABLE)
            deny_memory(d, host_e820.entry[i].start, host_e820.entry[i].size);
}

/* --- console ---------------------------------------------------------------------------------- */

/* What the loader told about the screen, for dom0's console driver. NULL: there is none. */
static const struct dom0_vga_console_info *screen(void)
{
    static struct dom0_vga_console_info vga;
    const struct boot_framebuffer *fb = &boot_info.fb;

    switch (fb->kind) {
    case BOOT_FB_TEXT:
        vga.video_type = XEN_VGATYPE_TEXT_MODE_3;
        vga.u.text_mode_3.font_height = 16;
        vga.u.text_mode_3.rows = (uint16_t)fb->height;
        vga.u.text_mode_3.columns = (uint16_t)fb->width;
        return &vga;
    case BOOT_FB_RGB:
        vga.video_type = boot_info.efi ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
        vga.u.vesa_lfb.width = (uint16_t)fb->width;
        vga.u.vesa_lfb.height = (uint16_t)fb->height;
        vga.u.vesa_lfb.bytes_per_line = (uint16_t)fb->pitch;
        vga.u.vesa_lfb.bits_per_pixel = fb->bpp;
        vga.u.vesa_lfb.lfb_base = (uint32_t)fb->addr;
        vga.u.vesa_lfb.ext_lfb_base = (uint32_t)(fb->addr >> 32);
        vga.u.vesa_lfb.lfb_size = (uint32_t)(((uint64_t)fb->pitch * fb->height + 0xffff) >> 16);
        vga.u.vesa_lfb.red_pos = fb->red_pos;
        vga.u.vesa_lfb.red_size = fb->red_size;
        vga.u.vesa_lfb.green_pos = fb->green_pos;
        vga.u.vesa_lfb.green_size = fb->green_size;
        vga.u.vesa_lfb.blue_pos = fb->blue_pos;
        vga.u.vesa_lfb.blue_size = fb->blue_size;
        return &vga;
    default:
        if (boot_info.efi)
            return NULL;
        vga.video_type = XEN_VGATYPE_TEXT_MODE_3; /* a PC that says nothing is in text mode */
        vga.u.text_mode_3.font_height = 16;
        vga.u.text_mode_3.rows = 25;
        vga.u.text_mode_3.columns = 80;
        return &vga;
    }
}

/*
 * Module 0's string, what follows "--" on ours, and where the ACPI tables are when no BIOS area
 * says so; a PVH dom0 has tables of its own, of which its start information tells.
 */
static const char *dom0_command_line(bool pvh)
{
    static char line[2048];
    const char *more = cmdline_after_dashes(boot_info.cmdline);

    strlcpy(line, boot_info.module[0].cmdline, sizeof(line));
    if (*more != '\0') {
        strlcat(line, " ", sizeof(line));
        strlcat(line, more, sizeof(line));
    }
    if (!pvh && boot_info.efi && acpi_info.rsdp != 0) {
        char rsdp[40];

        snprintf(rsdp, sizeof(rsdp), " acpi_rsdp=%#lx", (unsigned long)acpi_info.rsdp);
        strlcat(line, rsdp, sizeof(line));
    }
    return line;
}

/* --- kind ------------------------------------------------------------------------------------- */

/* A list, separated by commas: the last word about the kind counts. */
static bool wants_pvh(void)
{
    const char *list = opt_dom0;
    struct cmdline_item item;
    bool pvh = false;

    while (cmdline_next_item(&list, &item)) {
        if (cmdline_item_is(item, "pvh"))
            pvh = true;
        else if (cmdline_item_is(item, "pv"))
            pvh = false;
        else if (!cmdline_item_is(item, "verbose"))
            log_warn("dom0=%s: \"%.*s\" is not known; ignored", opt_dom0, (int)item.len, item.s);
    }
    return pvh;
}

/* --- creation --------------------------------------------------------------------------------- */

void dom0_create(void)
{
    struct xen_domctl_createdomain config = {
        .handle = { 0 },
        .max_evtchn_port = -1,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(2),
    };
    const bool pvh = wants_pvh();
    struct dom0_input in = { .cmdline = dom0_command_line(pvh), .vga = screen() };
    uint64_t max;
    unsigned int nr_vcpus = vcpus_for_dom0();

    if (boot_info.nr_modules == 0)
        boot_fail("no dom0 kernel: the boot loader gave no module");
    in.kernel = direct_va(boot_info.module[0].start);
    in.kernel_size = boot_info.module[0].size;
    if (boot_info.nr_modules > 1) {
        in.initrd = direct_va(boot_info.module[1].start);
        in.initrd_size = boot_info.module[1].size;
    }
    if (pvh && !arch_hvm_available())
        boot_fail("dom0=pvh needs AMD-V with nested paging, which this machine does not have");
    if (pvh) {
        config.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
        config.arch.emulation_flags = XEN_X86_EMU_LAPIC | XEN_X86_EMU_IOAPIC | XEN_X86_EMU_VPCI;
    }
    config.max_vcpus = nr_vcpus;
    if (domain_create(&dom0, 0, &config, true))
        boot_fail("dom0 cannot be created");
    if (iommu_domain_init(dom0) || iommu_assign_rest(dom0))
        boot_fail("dom0 cannot be given the IOMMU; iommu=off does without");
    in.nr_pages = memory_for_dom0(&max);
    dom0->max_pages = (uint32_t)MIN(max, UINT32_MAX);
    grant_rights(dom0);
    for (unsigned int i = 0; i < nr_vcpus; i++)
        if (vcpu_create(dom0, i) == NULL)
            boot_fail("out of memory for dom0's vcpu %u", i);
    if (pvh)
        dom0_build_pvh(dom0, &in);
    else
        dom0_build_pv(dom0, &in);
    boot_release_modules();
    log_info("dom0: %u vcpus, %lu MiB, \"%s\"", nr_vcpus, (unsigned long)(in.nr_pages >> 8),
             in.cmdline);
    if (vcpu_up(dom0->vcpu[0]))
        panic("dom0: its first vcpu has no context");
    domain_unpause_by_controller(dom0);
}

/* --- for memory_op ---------------------------------------------------------------------------- */

bool arch_machine_memory_map(unsigned int i, struct e820entry *e)
{
    if (i >= host_e820.nr)
        return false;
    *e = (struct e820entry){
        host_e820.entry[i].start, host_e820.entry[i].size, host_e820.entry[i].type
    };
    return true;
}

uint64_t arch_m2p_virt_start(const struct domain *d)
{
    return domain_is_32bit(d) ? PV32_VIRT_START : M2P_VIRT_START;
}

uint64_t arch_m2p_virt_end(const struct domain *d)
{
    return domain_is_32bit(d) ? PV32_M2P_END : M2P_VIRT_END;
}

uint64_t arch_m2p_max_mfn(const struct domain *d)
{
    return domain_is_32bit(d) ? (PV32_M2P_END - PV32_VIRT_START) / sizeof(uint32_t) - 1
                              : mfn_max().n;
}

bool arch_m2p32_frame(unsigned int i, uint64_t *mfn)
{
    mfn_t first;

    if (!pv32_m2p_piece(i, &first))
        return false;
    *mfn = first.n;
    return true;
}

unsigned int arch_address_bits(const struct domain *d)
{
    return domain_is_32bit(d) ? pv32_address_bits() : MAX_PADDR_BITS;
}
