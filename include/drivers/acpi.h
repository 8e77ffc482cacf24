/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hypervisor wants to know from the firmware's ACPI tables, as plain structs of fixed
 * capacity.
 *
 * Memory is reached through a callback only. A table that is missing leaves its bit in
 * acpi_info.have clear; one that is broken does too and leaves a note; a good table with a bad
 * entry keeps its good entries and leaves a note. What does not fit a capacity is dropped and told
 * in acpi_info.too_many. The struct is about 65 KiB: keep it static.
 */
#ifndef DRIVERS_ACPI_H
#define DRIVERS_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACPI_MAX_TABLES 256
#define ACPI_MAX_NOTES 32
#define ACPI_MAX_CPUS 1024
#define ACPI_MAX_IOAPICS 64
#define ACPI_MAX_OVERRIDES 64
#define ACPI_MAX_NMI_SOURCES 32
#define ACPI_MAX_LAPIC_NMIS 256
#define ACPI_MAX_MCFG 64
#define ACPI_MAX_MEM_AFFINITY 256
#define ACPI_MAX_LOCALITIES 64
#define ACPI_MAX_IOMMUS 32
#define ACPI_MAX_IVRS_RANGES 512
#define ACPI_MAX_IVRS_SPECIAL 64
#define ACPI_MAX_IVRS_UNITY 64
#define ACPI_MAX_DMAR_SCOPES 512
#define ACPI_MAX_DMAR_RESERVED 64
#define ACPI_MAX_DMAR_PATH 8

/* Physical memory: len readable bytes, valid until the next call, or NULL if they cannot be had. */
struct acpi_mem {
    const void *(*map)(void *ctx, uint64_t phys, size_t len);
    void *ctx;
};

enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

/* ACPI specification, "Generic Address Structure"; addr 0 means that there is no such register. */
struct acpi_gas {
    uint8_t space, width, offset, access; /* width and offset in bits */
    uint64_t addr;
};

struct acpi_table {
    char signature[5]; /* with a terminator */
    uint8_t revision;
    uint32_t length; /* bytes, header included */
    uint64_t phys;
};

struct acpi_note {
    char table[5];
    const char *what;
};

/* "Fixed ACPI Description Table (FADT)", flags */
enum acpi_fadt_flag {
    ACPI_FADT_TMR_VAL_EXT = 1u << 8, /* the PM timer has 32 bits, not 24 */
    ACPI_FADT_RESET_SUP = 1u << 10,
    ACPI_FADT_APIC_CLUSTER = 1u << 18,
    ACPI_FADT_APIC_PHYSICAL = 1u << 19,
    ACPI_FADT_HW_REDUCED = 1u << 20, /* none of the PM blocks exists */
};

/* boot_arch */
enum acpi_boot_arch {
    ACPI_BOOT_LEGACY_DEVICES = 1u << 0,
    ACPI_BOOT_8042 = 1u << 1,
    ACPI_BOOT_NO_VGA = 1u << 2,
    ACPI_BOOT_NO_MSI = 1u << 3,
    ACPI_BOOT_NO_RTC = 1u << 5,
};

struct acpi_fadt {
    uint32_t flags;
    uint16_t boot_arch;
    uint16_t sci_irq;
    uint32_t smi_cmd; /* port, 0: always in ACPI mode */
    uint8_t acpi_enable, acpi_disable;
    struct acpi_gas pm1a_event, pm1b_event; /* status, then enable: half of pm1_event_len each */
    struct acpi_gas pm1a_control, pm1b_control;
    struct acpi_gas pm2_control, pm_timer, gpe0, gpe1;
    uint8_t pm1_event_len, pm1_control_len, pm_timer_len, gpe0_len, gpe1_len; /* bytes */
    struct acpi_gas reset;
    uint8_t reset_value;
    struct acpi_gas sleep_control, sleep_status;
    uint64_t facs, dsdt;
};

struct acpi_cpu {
    uint32_t apic_id, uid;
    bool enabled;        /* present now */
    bool online_capable; /* may come later */
    bool x2apic;         /* from an x2APIC entry */
};

struct acpi_ioapic {
    uint32_t addr, gsi_base;
    uint8_t id;
};

/*
 * Flags: bits 0-1 polarity (1 high, 3 low), bits 2-3 trigger (1 edge, 3 level); 0: as the bus has
 * it.
 */
struct acpi_override {
    uint8_t source; /* ISA IRQ */
    uint16_t flags;
    uint32_t gsi;
};

struct acpi_nmi_source {
    uint16_t flags; /* as above */
    uint32_t gsi;
};

struct acpi_lapic_nmi {
    uint32_t uid; /* ACPI_ALL_CPUS: every processor */
    uint16_t flags;
    uint8_t lint;
};
#define ACPI_ALL_CPUS UINT32_MAX

/* CPUs that are neither enabled nor capable, and second entries of an id, are left out. */
struct acpi_madt {
    uint64_t lapic_addr; /* the override is applied */
    bool has_8259;
    unsigned int nr_cpus, nr_ioapics, nr_overrides, nr_nmi_sources, nr_lapic_nmis;
    struct acpi_cpu cpu[ACPI_MAX_CPUS];
    struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
    struct acpi_override override[ACPI_MAX_OVERRIDES];
    struct acpi_nmi_source nmi_source[ACPI_MAX_NMI_SOURCES];
    struct acpi_lapic_nmi lapic_nmi[ACPI_MAX_LAPIC_NMIS];
};

struct acpi_hpet {
    struct acpi_gas base;
    uint32_t block_id;
    uint16_t min_tick;
    uint8_t number;
};

struct acpi_mcfg_region {
    uint64_t base; /* of bus 0, even if start_bus is not 0 */
    uint16_t segment;
    uint8_t start_bus, end_bus;
};

struct acpi_mcfg {
    unsigned int nr;
    struct acpi_mcfg_region region[ACPI_MAX_MCFG];
};

struct acpi_mem_affinity {
    uint64_t start, size;
    uint32_t domain;
    bool hotplug, nonvolatile;
};

struct acpi_cpu_affinity {
    uint32_t apic_id, domain;
};

/* Enabled entries only. */
struct acpi_srat {
    unsigned int nr_mem, nr_cpus;
    struct acpi_mem_affinity mem[ACPI_MAX_MEM_AFFINITY];
    struct acpi_cpu_affinity cpu[ACPI_MAX_CPUS];
};

/* distance[from * nr + to]; 10 is local, 255 unreachable. */
struct acpi_slit {
    unsigned int nr;
    uint8_t distance[ACPI_MAX_LOCALITIES * ACPI_MAX_LOCALITIES];
};

/* An AMD IOMMU (IVHD). Of several blocks for one, the newest type that we know counts. */
struct acpi_iommu {
    uint64_t base;          /* registers */
    uint64_t features;      /* the extended feature register's image; 0 if the block has none */
    uint16_t segment, devid; /* its own PCI function */
    uint16_t cap;           /* capability in its configuration space */
    uint8_t type, flags;
};

/* Requester ids first to last of an IOMMU's segment; they show as alias where that is not same. */
struct acpi_ivrs_range {
    uint16_t first, last, alias;
    uint8_t iommu; /* index */
    uint8_t settings;
    bool has_alias;
};

/* An IO-APIC (variety 1) or HPET (2) with this handle sends interrupts with that requester id. */
struct acpi_ivrs_special {
    uint16_t devid;
    uint8_t iommu, variety, handle, settings;
};

/* Memory that the firmware uses through devices first to last (IVMD), of all segments. */
struct acpi_ivrs_unity {
    uint64_t start, size;
    uint16_t first, last;
    uint8_t flags; /* enum acpi_ivmd_flag */
};

enum acpi_ivmd_flag {
    ACPI_IVMD_UNITY = 1u << 0,
    ACPI_IVMD_READ = 1u << 1,
    ACPI_IVMD_WRITE = 1u << 2,
    ACPI_IVMD_EXCLUSION = 1u << 3, /* accesses are not translated at all */
};

struct acpi_ivrs {
    unsigned int nr_iommus, nr_ranges, nr_special, nr_unity;
    struct acpi_iommu iommu[ACPI_MAX_IOMMUS];
    struct acpi_ivrs_range range[ACPI_MAX_IVRS_RANGES];
    struct acpi_ivrs_special special[ACPI_MAX_IVRS_SPECIAL];
    struct acpi_ivrs_unity unity[ACPI_MAX_IVRS_UNITY];
};

/* A VT-d IOMMU (DRHD). */
struct acpi_dmar_unit {
    uint64_t base; /* its registers */
    uint16_t segment;
    bool all;      /* everything in its segment that no other lists */
};

/* Memory that the firmware uses through the devices that its scopes name (RMRR). */
struct acpi_dmar_reserved {
    uint64_t start, end; /* end: the first byte behind */
    uint16_t segment;
};

/* Root ports behind which devices may translate by themselves (ATSR). */
struct acpi_dmar_ats {
    uint16_t segment;
    bool all;
};

/* Which node of memory is near the IOMMU with these registers (RHSA). */
struct acpi_dmar_near {
    uint64_t base;
    uint32_t domain;
};

enum acpi_dmar_owner { ACPI_DMAR_UNIT, ACPI_DMAR_RESERVED, ACPI_DMAR_ATS };
enum acpi_dmar_kind {
    ACPI_DMAR_ENDPOINT = 1, ACPI_DMAR_BRIDGE = 2, ACPI_DMAR_IOAPIC = 3, ACPI_DMAR_HPET = 4
};

/* A device: from a bus through the bridges of a path. */
struct acpi_dmar_scope {
    uint8_t owner, kind; /* enums above */
    uint8_t index;       /* of the owner */
    uint8_t id;          /* an IO-APIC's or HPET's number */
    uint8_t bus, depth;  /* at least 1 */
    uint8_t path[ACPI_MAX_DMAR_PATH]; /* devfn */
};

struct acpi_dmar {
    uint8_t width; /* bits of address that DMA may have */
    bool interrupts, no_x2apic; /* remapping works; the firmware wants no x2APIC */
    unsigned int nr_units, nr_reserved, nr_ats, nr_near, nr_scopes;
    struct acpi_dmar_unit unit[ACPI_MAX_IOMMUS];
    struct acpi_dmar_reserved reserved[ACPI_MAX_DMAR_RESERVED];
    struct acpi_dmar_ats ats[ACPI_MAX_IOMMUS];
    struct acpi_dmar_near near[ACPI_MAX_IOMMUS];
    struct acpi_dmar_scope scope[ACPI_MAX_DMAR_SCOPES];
};

/* What to write into the sleep type fields of PM1a and PM1b control for soft-off. */
struct acpi_s5 {
    uint8_t type_a, type_b;
};

enum acpi_have {
    ACPI_HAVE_FADT = 1u << 0,
    ACPI_HAVE_MADT = 1u << 1,
    ACPI_HAVE_HPET = 1u << 2,
    ACPI_HAVE_MCFG = 1u << 3,
    ACPI_HAVE_SRAT = 1u << 4,
    ACPI_HAVE_SLIT = 1u << 5,
    ACPI_HAVE_S5 = 1u << 6,
    ACPI_HAVE_IVRS = 1u << 7,
    ACPI_HAVE_DMAR = 1u << 8,
};

enum acpi_too_many {
    ACPI_MANY_TABLES = 1u << 0,
    ACPI_MANY_NOTES = 1u << 1,
    ACPI_MANY_CPUS = 1u << 2,
    ACPI_MANY_IOAPICS = 1u << 3,
    ACPI_MANY_OVERRIDES = 1u << 4,
    ACPI_MANY_NMIS = 1u << 5,
    ACPI_MANY_MCFG = 1u << 6,
    ACPI_MANY_MEM_AFFINITY = 1u << 7,
    ACPI_MANY_CPU_AFFINITY = 1u << 8,
    ACPI_MANY_LOCALITIES = 1u << 9,
    ACPI_MANY_IVRS = 1u << 10,
    ACPI_MANY_DMAR = 1u << 11,
};

struct acpi_info {
    uint32_t have;     /* enum acpi_have */
    uint32_t too_many; /* enum acpi_too_many */
    uint64_t rsdp;     /* physical address, 0 if only a copy was given */
    uint64_t root;     /* the RSDT or XSDT that was walked */
    bool root_is_xsdt;
    unsigned int nr_tables, nr_notes;
    struct acpi_table table[ACPI_MAX_TABLES]; /* what the root lists, parsed or not */
    struct acpi_note note[ACPI_MAX_NOTES];
    struct acpi_fadt fadt;
    struct acpi_madt madt;
    struct acpi_hpet hpet;
    struct acpi_mcfg mcfg;
    struct acpi_srat srat;
    struct acpi_slit slit;
    struct acpi_s5 s5;
    struct acpi_ivrs ivrs;
    struct acpi_dmar dmar;
};

/* Look for the root pointer where a PC BIOS leaves it. 0, or -ENOENT. */
int acpi_find_rsdp(const struct acpi_mem *mem, uint64_t *phys);

/*
 * Walk all tables, from the root pointer at a physical address, or, with 0, from where
 * acpi_find_rsdp() finds it. 0: the root was sound, see out->have for the rest. Negative errno:
 * there is no usable root, *why says the reason and out->note the details.
 */
int acpi_walk(struct acpi_info *out, const struct acpi_mem *mem, uint64_t rsdp_or_0,
              const char **why);

/* The same from a copy of the root pointer (20 or 36 bytes) that a boot loader has passed on. */
int acpi_walk_copy(struct acpi_info *out, const struct acpi_mem *mem, const uint8_t *rsdp,
                   size_t len, const char **why);

/* The nth (from 0) listed table with this signature, NULL if there are not so many. */
const struct acpi_table *acpi_find_table(const struct acpi_info *info, const char *signature,
                                         unsigned int nth);

/*
 * A whole table, mapped, its checksum verified; NULL if it is not sound. Valid until the next
 * mapping.
 */
const uint8_t *acpi_map_table(const struct acpi_mem *mem, const struct acpi_table *table);

#endif
