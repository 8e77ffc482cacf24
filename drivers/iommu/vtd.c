/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intel's IOMMUs as the firmware's table (DMAR) lists them: finding, what they have in common, and
 * the ops by which the layer above reaches them.
 */
#include "vtd_priv.h"

#include <arch/boot.h>
#include <arch/mmio.h>
#include <arch/msi.h>
#include <arch/paging.h>
#include <hv/errno.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/e820.h>

#define INTERRUPT_FIRST 0xfee00ULL /* 3.14: what is written there are interrupts, mapped or not */
#define INTERRUPT_END 0xfef00ULL

static struct vtd units[ACPI_MAX_IOMMUS];
static unsigned int nr_units;
static struct vtd_scope scopes[ACPI_MAX_DMAR_SCOPES];
static unsigned int nr_scopes;
static struct iopt_kind kind;
static unsigned int nr_levels;

static const struct acpi_dmar *dmar(void) { return &acpi_info.dmar; }

/* --- who is behind which ---------------------------------------------------------------------- */

struct vtd *vtd_unit_for(uint32_t sbdf)
{
    const int i = vtd_unit_of(dmar(), scopes, nr_scopes, sbdf);

    return i >= 0 ? &units[i] : NULL;
}

static bool vtd_covers(uint32_t sbdf) { return vtd_unit_for(sbdf) != NULL; }

static uint16_t vtd_tag(uint32_t sbdf)
{
    const struct vtd *m = vtd_unit_for(sbdf);

    return m ? vtd_tag_of(m, (uint16_t)sbdf) : 0;
}

static int vtd_attach(uint32_t sbdf, const struct iommu_domain *ctx)
{
    struct vtd *m = vtd_unit_for(sbdf);
    uint16_t alias[VTD_MAX_ALIASES];
    unsigned int n;
    bool same;
    int rc;

    if (!m)
        return -ENODEV;
    n = vtd_aliases(&pci_hw, sbdf, alias, VTD_MAX_ALIASES);
    for (unsigned int i = 0; i < n && ctx; i++) {
        const uint16_t tag = vtd_tag_of(m, alias[i]);

        if (tag && tag != ctx->tag)
            return -EBUSY; /* who else is behind that bridge is another domain's */
    }
    same = ctx && vtd_tag_of(m, (uint16_t)sbdf) == ctx->tag;
    rc = same ? 0 : vtd_intr_drop(m, (uint16_t)sbdf);
    for (unsigned int i = 0; i < n && !rc && !same; i++)
        rc = vtd_intr_drop(m, alias[i]);
    if (!rc)
        rc = vtd_attach_one(m, (uint16_t)sbdf, ctx);
    for (unsigned int i = 0; i < n && !rc; i++)
        rc = vtd_attach_one(m, alias[i], ctx);
    return rc;
}

/* A scope's function, and what is behind it if it is a bridge. */
static int attach_scope(const struct vtd_scope *s, const struct iommu_domain *ctx)
{
    struct vtd *m = &units[s->index];
    int rc = vtd_attach_blocked(m, s->devid, s->devid, ctx);

    if (rc || !s->bridge)
        return rc;
    return vtd_attach_blocked(m, (uint16_t)(s->bus_first << 8),
                              (uint16_t)(s->bus_last << 8 | 0xff), ctx);
}

static int vtd_attach_rest(const struct iommu_domain *ctx)
{
    int rc = 0;

    for (unsigned int i = 0; i < nr_scopes && !rc; i++)
        if (scopes[i].owner == ACPI_DMAR_UNIT)
            rc = attach_scope(&scopes[i], ctx);
    for (unsigned int i = 0; i < nr_units && !rc; i++)
        if (units[i].all)
            rc = vtd_attach_blocked(&units[i], 0, UINT16_MAX, ctx);
    for (unsigned int i = 0; i < nr_units && !rc; i++)
        rc = vtd_attach_done(&units[i]);
    return rc;
}

static int vtd_block_tag(uint16_t tag)
{
    int rc = 0;

    for (unsigned int i = 0; i < nr_units && !rc; i++)
        rc = vtd_block_tag_one(&units[i], tag);
    for (unsigned int i = 0; i < nr_units && !rc; i++)
        rc = vtd_intr_drop_blocked(&units[i]);
    return rc;
}

static int vtd_flush(uint16_t tag, uint64_t frame, uint64_t nr)
{
    int rc = 0;

    for (unsigned int i = 0; i < nr_units && !rc; i++)
        rc = vtd_flush_one(&units[i], tag, frame, nr);
    return rc;
}

/* --- memory that matters to them -------------------------------------------------------------- */

static void range_of(struct iommu_range *out, const struct acpi_dmar_reserved *r,
                     const struct vtd_scope *s)
{
    *out = (struct iommu_range){ .first = r->start / PAGE_SIZE, .end = r->end / PAGE_SIZE,
                                 .devid_first = 1, .devid_last = 0, /* nobody */
                                 .flags = IOMMU_READ | IOMMU_WRITE };
    if (s) {
        out->devid_first = s->devid;
        out->devid_last = s->bridge ? (uint16_t)(s->bus_last << 8 | 0xff) : s->devid;
    }
}

/* Each block of memory, once for nobody, so that it is mapped, and once for each of its devices. */
static bool vtd_firmware_range(unsigned int nth, struct iommu_range *out)
{
    if (nth < dmar()->nr_reserved) {
        range_of(out, &dmar()->reserved[nth], NULL);
        return true;
    }
    nth -= dmar()->nr_reserved;
    for (unsigned int i = 0; i < nr_scopes; i++) {
        if (scopes[i].owner != ACPI_DMAR_RESERVED || nth-- > 0)
            continue;
        range_of(out, &dmar()->reserved[scopes[i].index], &scopes[i]);
        return true;
    }
    return false;
}

static size_t register_bytes(uint64_t cap, uint64_t ecap)
{
    const size_t records = VTD_CAP_FRO(cap) + 16UL * VTD_CAP_NFR(cap),
                 others = VTD_ECAP_IRO(ecap) + 16UL;

    return ROUND_UP(MAX(records, others), PAGE_SIZE);
}

static bool vtd_registers(unsigned int nth, struct iommu_range *out)
{
    if (nth > nr_units)
        return false;
    *out = (struct iommu_range){ .first = INTERRUPT_FIRST, .end = INTERRUPT_END };
    if (nth < nr_units) {
        out->first = units[nth].base / PAGE_SIZE;
        out->end = out->first + register_bytes(units[nth].cap, units[nth].ecap) / PAGE_SIZE;
    }
    return true;
}

/* --- what they have in common ----------------------------------------------------------------- */

static const struct iopt_kind *vtd_tables(unsigned int *levels)
{
    *levels = nr_levels;
    return &kind;
}

static bool vtd_can_pass(void)
{
    bool all = true;

    for (unsigned int i = 0; i < nr_units; i++)
        all = all && units[i].ecap & VTD_ECAP_PT;
    return all;
}

static uint64_t memory_end(void)
{
    uint64_t end = 0;

    for (unsigned int i = 0; i < host_e820.nr; i++)
        if (host_e820.entry[i].type == E820_RAM)
            end = MAX(end, e820_entry_end(&host_e820.entry[i]));
    return end;
}

/* One domain's tables are for all: 4 levels as physmaps have, or 3; leaves that each knows. */
static int agree(void)
{
    unsigned int depths = 1U << 2 | 1U << 1, leaves = 3;
    bool snoops = opt_iommu_snoop, coherent = true;

    kind = (struct iopt_kind){
        .read = IOPTE_VTD_READ, .write = IOPTE_VTD_WRITE, .large = IOPTE_VTD_LARGE
    };
    for (unsigned int i = 0; i < nr_units; i++) {
        depths &= VTD_CAP_SAGAW(units[i].cap);
        leaves &= VTD_CAP_SLLPS(units[i].cap);
        snoops = snoops && units[i].ecap & VTD_ECAP_SC;
        coherent = coherent && units[i].ecap & VTD_ECAP_C;
        kind.remembers_holes |= (units[i].cap & (VTD_CAP_CM | VTD_CAP_RWBF)) != 0;
    }
    if (!depths) {
        log_err("IOMMU: VT-d: no depth of page tables that all have");
        return -ENODEV;
    }
    nr_levels = depths & 1U << 2 ? 4 : 3;
    if (nr_levels == 3 && memory_end() >> 39) {
        log_err("IOMMU: VT-d: its tables of 3 levels do not reach all memory");
        return -ENODEV;
    }
    kind.leaf_level = leaves == 3 ? 3 : leaves & 1 ? 2 : 1;
    kind.leaf = snoops ? IOPTE_VTD_SNOOP : 0;
    kind.wrote = coherent ? NULL : vtd_wrote;
    return 0;
}

/* --- starting and stopping -------------------------------------------------------------------- */

static void vtd_quiesce(void)
{
    for (unsigned int i = 0; i < nr_units; i++)
        vtd_quiesce_one(&units[i]);
}

/* Registers and what they say it can do. */
static int find_one(unsigned int i)
{
    const struct acpi_dmar_unit *fw = &dmar()->unit[i];
    struct vtd *m = &units[i];

    *m = (struct vtd){
        .base = fw->base, .segment = fw->segment, .all = fw->all, .index = (uint8_t)i
    };
    m->regs = hv_ioremap(fw->base, PAGE_SIZE);
    if (!m->regs)
        return -ENOMEM;
    m->cap = mmio_read64(m->regs, VTD_REG_CAP);
    m->ecap = mmio_read64(m->regs, VTD_REG_ECAP);
    if (m->cap == UINT64_MAX || m->ecap == UINT64_MAX || VTD_CAP_FRO(m->cap) == 0) {
        log_err("IOMMU: VT-d: nothing answers at %#lx", (unsigned long)fw->base);
        return -ENODEV;
    }
    if (register_bytes(m->cap, m->ecap) > PAGE_SIZE)
        m->regs = hv_ioremap(fw->base, register_bytes(m->cap, m->ecap));
    return m->regs ? 0 : -ENOMEM;
}

static int start_one(struct vtd *m)
{
    int rc = vtd_start_one(m);

    if (rc)
        return rc;
    vtd_fault_start(m);
    log_info("IOMMU: VT-d at %#lx, version %u.%u, capabilities %#lx, %#lx; %u levels, "
             "invalidation by %s",
             (unsigned long)m->base, mmio_read32(m->regs, VTD_REG_VER) >> 4 & 15,
             mmio_read32(m->regs, VTD_REG_VER) & 15, (unsigned long)m->cap, (unsigned long)m->ecap,
             nr_levels, m->queued ? "queue" : "registers");
    return 0;
}

/* One that does not work must not be left as a filter that nobody can change. */
static int start_all(unsigned int *found)
{
    unsigned int n = 0;
    int rc = 0;

    while (n < nr_units && !rc)
        rc = start_one(&units[n++]);
    if (!rc)
        rc = vtd_remap_start(units, nr_units);
    for (unsigned int i = 0; rc && i < n; i++)
        vtd_stop_one(&units[i]);
    *found = rc ? 0 : nr_units;
    return rc;
}

/* All are looked at before the first is changed. */
static int vtd_start(unsigned int *found)
{
    int rc = 0;

    *found = 0;
    nr_units = 0;
    if (!(acpi_info.have & ACPI_HAVE_DMAR))
        return 0;
    for (; nr_units < dmar()->nr_units && !rc; nr_units += !rc)
        rc = find_one(nr_units);
    if (!rc && nr_units)
        rc = agree();
    if (!rc)
        nr_scopes = vtd_resolve(scopes, dmar(), &pci_hw);
    return rc ? rc : start_all(found);
}

const struct iommu_ops vtd_iommu_ops = {
    .name = "VT-d",
    .tables = vtd_tables,
    .can_pass = vtd_can_pass,
    .start = vtd_start,
    .covers = vtd_covers,
    .tag = vtd_tag,
    .attach = vtd_attach,
    .attach_rest = vtd_attach_rest,
    .block_tag = vtd_block_tag,
    .flush = vtd_flush,
    .firmware_range = vtd_firmware_range,
    .registers = vtd_registers,
    .intr = vtd_remap_ops,
    .quiesce = vtd_quiesce,
};
