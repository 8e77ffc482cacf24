/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The root of the ACPI tables that a PVH dom0 sees: an RSDP and an XSDT of its own, which list the
 * machine's tables that are about devices and AML, and a MADT of dom0's vcpus and its IO-APIC.
 * Tables about what is ours (HPET, IOMMUs) or has no meaning for vcpus (SRAT, SLIT) are left out.
 * ACPI specification, "Root System Description Pointer", "Multiple APIC Description Table". Pure.
 */
#include "dom0_priv.h"

#include <hv/errno.h>
#include <lib/string.h>

#define RSDP_BYTES 36U
#define RSDP_V1_BYTES 20U
#define HEADER_BYTES 36U
#define MADT_BYTES 44U
#define ISO_BYTES 10U
#define NMI_BYTES 8U
#define IOAPIC_BYTES 12U
#define X2APIC_BYTES 16U
#define LAPIC_PA 0xfee00000U
#define ENABLED 1U
#define ALIGN 16U

/* FACS and DSDT hang off the FADT. */
static const char passed[][5] = {
    "FACP", "SSDT", "PSDT", "SBST", "MCFG", "SLIC", "MSDM", "WDAT", "FPDT", "S3PT",
};

struct out {
    uint8_t *base;
    size_t pos, size;
    bool full;
};

static void put(struct out *o, uint64_t value, unsigned int bytes)
{
    o->full = o->full || bytes > o->size - o->pos;
    if (o->full)
        return;
    for (unsigned int i = 0; i < bytes; i++)
        o->base[o->pos++] = (uint8_t)(value >> (8 * i));
}

static void put_text(struct out *o, const char *text, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        put(o, (uint8_t)text[i], 1);
}

static void put_32_at(struct out *o, size_t pos, uint32_t value)
{
    const size_t end = o->pos;

    o->pos = pos;
    put(o, value, 4);
    o->pos = end;
}

static void sum_at(struct out *o, size_t start, size_t len, size_t where)
{
    uint8_t sum = 0;

    if (o->full)
        return;
    for (size_t i = start; i < start + len; i++)
        sum = (uint8_t)(sum + o->base[i]);
    o->base[where] = (uint8_t)(o->base[where] - sum);
}

/* The header with no length yet. Where it starts. */
static size_t begin_table(struct out *o, const char *signature, uint8_t revision)
{
    size_t start;

    while (o->pos % ALIGN && !o->full)
        put(o, 0, 1);
    start = o->pos;
    put_text(o, signature, 4);
    put(o, 0, 4);
    put(o, revision, 1);
    put(o, 0, 1); /* checksum */
    put_text(o, "GRANTADOM0    ", 14);
    put(o, 1, 4);
    put_text(o, "GRNT", 4);
    put(o, 1, 4);
    return start;
}

static void end_table(struct out *o, size_t start)
{
    put_32_at(o, start + 4, (uint32_t)(o->pos - start));
    sum_at(o, start, o->pos - start, start + 9);
}

/* --- MADT ------------------------------------------------------------------------------------- */

static void put_ioapic(struct out *o, const struct acpi_madt *m)
{
    put(o, 1, 1);
    put(o, IOAPIC_BYTES, 1);
    put(o, m->ioapic[0].id, 1);
    put(o, 0, 1);
    put(o, m->ioapic[0].addr, 4);
    put(o, m->ioapic[0].gsi_base, 4);
}

/* Ids above 254 can only be said in this form; it is good for all. */
static void put_vcpu(struct out *o, unsigned int n)
{
    put(o, 9, 1);
    put(o, X2APIC_BYTES, 1);
    put(o, 0, 2);
    put(o, n * 2ULL, 4); /* vlapic_id() */
    put(o, ENABLED, 4);
    put(o, n, 4);
}

static void put_override(struct out *o, const struct acpi_override *r)
{
    put(o, 2, 1);
    put(o, ISO_BYTES, 1);
    put(o, 0, 1); /* ISA */
    put(o, r->source, 1);
    put(o, r->gsi, 4);
    put(o, r->flags, 2);
}

static void put_nmi_source(struct out *o, const struct acpi_nmi_source *n)
{
    put(o, 3, 1);
    put(o, NMI_BYTES, 1);
    put(o, n->flags, 2);
    put(o, n->gsi, 4);
}

static uint64_t put_madt(struct out *o, const struct dom0_acpi_input *in)
{
    const struct acpi_madt *m = &in->host->madt;
    const size_t start = begin_table(o, "APIC", 4);

    put(o, LAPIC_PA, 4);
    put(o, 0, 4); /* no 8259s */
    if (m->nr_ioapics > 0)
        put_ioapic(o, m);
    for (unsigned int i = 0; i < in->nr_vcpus; i++)
        put_vcpu(o, i);
    for (unsigned int i = 0; i < m->nr_overrides; i++)
        if (m->override[i].gsi < in->gsis)
            put_override(o, &m->override[i]);
    for (unsigned int i = 0; i < m->nr_nmi_sources; i++)
        if (m->nmi_source[i].gsi < in->gsis)
            put_nmi_source(o, &m->nmi_source[i]);
    end_table(o, start);
    return in->pa + start;
}

/* --- XSDT and RSDP ---------------------------------------------------------------------------- */

static bool is_passed(const char *signature)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(passed); i++)
        if (strcmp(signature, passed[i]) == 0)
            return true;
    return false;
}

static uint64_t put_xsdt(struct out *o, const struct dom0_acpi_input *in, uint64_t madt)
{
    const size_t start = begin_table(o, "XSDT", 1);

    put(o, madt, 8);
    for (unsigned int i = 0; i < in->host->nr_tables; i++)
        if (is_passed(in->host->table[i].signature))
            put(o, in->host->table[i].phys, 8);
    end_table(o, start);
    return in->pa + start;
}

static void put_rsdp(struct out *o, uint64_t xsdt)
{
    o->pos = 0;
    put_text(o, "RSD PTR ", 8);
    put(o, 0, 1);
    put_text(o, "GRANTA", 6);
    put(o, 2, 1);
    put(o, 0, 4); /* no RSDT */
    put(o, RSDP_BYTES, 4);
    put(o, xsdt, 8);
    put(o, 0, 4);
    sum_at(o, 0, RSDP_V1_BYTES, 8);
    sum_at(o, 0, RSDP_BYTES, 32);
}

int dom0_acpi_build(void *buffer, size_t size, const struct dom0_acpi_input *in)
{
    struct out o = { .base = buffer, .pos = RSDP_BYTES, .size = size, .full = size < RSDP_BYTES };
    uint64_t madt, xsdt;
    size_t end;

    if (o.full)
        return -ENOSPC;
    memset(buffer, 0, size);
    madt = put_madt(&o, in);
    xsdt = put_xsdt(&o, in, madt);
    end = o.pos;
    put_rsdp(&o, xsdt);
    return o.full ? -ENOSPC : (int)end;
}
