/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of day on the boot cpu: from head.S, on the boot stack, to the idle loop, with the first
 * domain ready to run. start_bsp() is the order of initialisation as a plain list; what a step
 * needs stands above it.
 */
#include <abi.h>
#include <arch/apic.h>
#include <arch/boot.h>
#include <arch/build.h>
#include <arch/clock.h>
#include <arch/crash.h>
#include <arch/desc.h>
#include <arch/direct.h>
#include <arch/features.h>
#include <arch/ioapic.h>
#include <arch/irq.h>
#include <arch/numa.h>
#include <arch/msi.h>
#include <arch/nmi.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/pv_mmu.h>
#include <arch/smpboot.h>
#include <arch/svm.h>
#include <arch/xpti.h>
#include <arch/topology.h>
#include <drivers/acpi.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/sched.h>
#include <hv/timer.h>
#include <hv/version.h>
#include <lib/cmdline.h>
#include <lib/e820.h>
#include <lib/format.h>
#include <lib/multiboot.h>
#include <lib/string.h>

#define LOW_MEMORY 0x100000 /* the first MiB stays the firmware's, the trampoline's and dom0's */
#define MAX_BOOT_INFO (1U << 20)

extern char __image_start[], __image_end[];
void start_bsp(uint32_t magic, uint32_t info);

struct boot_info boot_info;
struct e820 host_e820;
struct acpi_info acpi_info;
paddr_t trampoline_pa, crash_record_pa;

const char *hv_command_line(void) { return boot_info.cmdline; }

/* --- memory ----------------------------------------------------------------------------------- */

/* Machine memory below 4 GiB through the first direct map. */
static const void *map_low(void *ctx, uint64_t phys, size_t len)
{
    (void)ctx;
    return phys + len < phys || phys + len > (4ULL << 30) ? NULL : direct_va(phys);
}

static struct e820 usable; /* RAM that is not spoken for */

static void reserve(uint64_t start, uint64_t end)
{
    if (e820_reserve(&usable, start, end - start))
        boot_fail("memory map: more than %d ranges", E820_MAX_ENTRIES);
}

/* A page of RAM below 640 KiB: for code or data that must lie there. */
static paddr_t low_page(void)
{
    uint64_t pa;

    if (!e820_find_high(&usable, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 0x9f000, &pa))
        boot_fail("no RAM below 640 KiB for starting cpus");
    reserve(pa, pa + PAGE_SIZE);
    return pa;
}

static void find_memory(void)
{
    uint64_t image_end = ROUND_UP((uintptr_t)__image_end - IMAGE_VIRT_START, PAGE_SIZE);

    if (boot_info.memory.nr == 0)
        boot_fail("the boot loader gave no memory map");
    if (e820_sanitise(&boot_info.memory, &host_e820))
        boot_fail("memory map: more than %d ranges", E820_MAX_ENTRIES);
    for (unsigned int i = 0; i < host_e820.nr; i++)
        log_info("memory: %#018lx-%#018lx %s", (unsigned long)host_e820.entry[i].start,
                 (unsigned long)(e820_entry_end(&host_e820.entry[i]) - 1),
                 e820_type_name(host_e820.entry[i].type));
    usable = host_e820;
    trampoline_pa = low_page();
    crash_record_pa = low_page();
    crash_record_place(direct_va(crash_record_pa));
    reserve(0, LOW_MEMORY);
    reserve(IMAGE_PHYS_START, image_end);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        reserve(ROUND_DOWN(boot_info.module[i].start, PAGE_SIZE),
                ROUND_UP(boot_info.module[i].start + boot_info.module[i].size, PAGE_SIZE));
}

/* Give [start, end) to the allocator, cut at the borders of NUMA nodes. */
static void add_to_heap(uint64_t start, uint64_t end)
{
    start = ROUND_UP(start, PAGE_SIZE);
    end = MIN(ROUND_DOWN(end, PAGE_SIZE), 1ULL << MAX_PADDR_BITS);
    while (start < end) {
        unsigned int node = 0;
        uint64_t cut = numa_range_end(start, end, &node);

        heap_add_range(start, cut, node);
        start = cut;
    }
}

static void start_heap(void)
{
    e820_for_each_ram(&usable, e)
        if (e->start >= (4ULL << 30) || e820_entry_end(e) > (4ULL << 30))
            paging_map_ram(MAX(e->start, 4ULL << 30), e820_entry_end(e));
    /*
     * All of it, also our image and the modules, which come to the heap later: what is not RAM may
     * be mapped as a device by dom0.
     */
    e820_for_each_ram(&host_e820, e)
        ram_add_range(e->start, e820_entry_end(e));
    e820_for_each_ram(&usable, e)
        add_to_heap(e->start, e820_entry_end(e));
}

/*
 * A module's last page goes with it: a PVH dom0's kernel may have to be there. Another module that
 * begins in it does not count it as its own, as its start is rounded up.
 */
static void release_module(const struct boot_module *m)
{
    const uint64_t end = m->start + m->size, last = ROUND_DOWN(end, PAGE_SIZE);
    const bool ram = e820_range_is(&host_e820, last, PAGE_SIZE, E820_RAM);

    add_to_heap(m->start, ram ? ROUND_UP(end, PAGE_SIZE) : last);
}

void boot_release_modules(void)
{
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        release_module(&boot_info.module[i]);
    boot_info.nr_modules = 0;
}

/* --- firmware tables -------------------------------------------------------------------------- */

static const void *map_table(void *ctx, uint64_t phys, size_t len)
{
    (void)ctx;
    if (phys + len >= phys && phys + len <= (4ULL << 30))
        return direct_va(phys);
    return hv_map_firmware(phys, len);
}

static void read_acpi(void)
{
    const struct acpi_mem mem = { .map = map_table };
    const char *why = "?";
    bool found = boot_info.rsdp_len > 0 &&
                 acpi_walk_copy(&acpi_info, &mem, boot_info.rsdp, boot_info.rsdp_len, &why) == 0;

    if (!found && acpi_walk(&acpi_info, &mem, 0, &why))
        boot_fail("ACPI: %s", why);
    for (unsigned int i = 0; i < acpi_info.nr_notes; i++)
        log_warn("ACPI: table %s: %s", acpi_info.note[i].table, acpi_info.note[i].what);
    if (acpi_info.too_many)
        log_warn("ACPI: more entries than we keep (%#x); the rest is not used", acpi_info.too_many);
}

/* --- messages --------------------------------------------------------------------------------- */

static void banner(void)
{
#ifdef NDEBUG
    log_info("Granta %s, Xen ABI 4.17", GRANTA_VERSION);
#else
    log_info("Granta %s, Xen ABI 4.17, with assertions", GRANTA_VERSION);
#endif
    log_info("loader: %s; command line: %s", boot_info.loader, boot_info.cmdline);
}

static char bad_option[200]; /* the first whose value cannot be used */

static void warn_option(const char *fmt, ...)
{
    char line[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    log_warn("command line: %s", line);
    if (strncmp(line, "bad value", 9) == 0 && bad_option[0] == '\0')
        strlcpy(bad_option, line, sizeof(bad_option));
}

/* --- console input ---------------------------------------------------------------------------- */

#define POLL_PERIOD MILLISECS(20)
static struct timer poll_timer;

static void poll_console(void *unused)
{
    console_service(unused);
    timer_set(&poll_timer, time_now() + POLL_PERIOD);
}

static void start_console_input(void)
{
    unsigned int irq = console_irq();
    bool have_irq;

    if (console_uart_io_base() == 0)
        return;
    have_irq = irq != 0 && irq_request(ioapic_isa_gsi(irq), console_service, NULL) == 0;
    if (!have_irq) {
        timer_init(&poll_timer, poll_console, NULL, 0);
        timer_set(&poll_timer, time_now() + POLL_PERIOD);
    }
    console_start_interrupts(have_irq);
}

/* --- the list --------------------------------------------------------------------------------- */

static void noreturn start_on_own_stack(void)
{
    irq_init();
    time_init();
    topology_init();
    domain_init_system();
    pv_mmu_init();
    pci_dev_init();
    timer_init_cpu(0);
    cpumask_set(&cpu_online_map, 0); /* interrupts have a cpu to go to */
    if (iommu_boot())
        boot_fail("iommu=required, and there is no IOMMU that can be used");
    sched_init();
    svm_init();
    svm_cpu_init();
    smp_boot_start();
    nmi_init();
    dom0_create();
    debug_keys_init();
    start_console_input();
    idle_loop();
}

void start_bsp(uint32_t magic, uint32_t info)
{
    int rc;

    features_init();
    idt_init();
    paging_init_early();
    rc = boot_info_parse(&boot_info, magic, direct_va(info), MAX_BOOT_INFO, map_low, NULL);
    console_defaults();
    if (rc == 0)
        cmdline_apply(boot_info.cmdline, warn_option);
    console_init_early();
    if (rc)
        boot_fail("boot loader: %s", boot_info.error ? boot_info.error : "bad information");
    banner();
    if (bad_option[0] != '\0')
        boot_fail("command line: %s", bad_option);
    features_apply_options();
    features_report();
    xpti_init();
    find_memory();
    crash_record_report();
    read_acpi();
    numa_init(&acpi_info);
    start_heap();
    console_grow_ring();
    percpu_init_bsp();
    cpu_init_tables(0);
    xpti_init_cpu(0);
    reset_stack_and_call(cpu_stack_top(0), start_on_own_stack);
}
