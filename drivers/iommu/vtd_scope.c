/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which functions the scopes of the firmware's table mean: D51397, 8.3.1 "Device Scope Structure".
 * A path starts at a bus and goes through bridges, whose secondary buses are in their configuration
 * space. Neither table nor bridges are trusted: buses must rise on the way.
 */
#include "vtd_priv.h"

#include <hv/log.h>

#define EXPRESS_TYPE_SHIFT 4
#define EXPRESS_TO_PCI 7U
#define PCI_TO_EXPRESS 8U

/* Buses behind a bridge; false: it is none, or makes no sense. */
static bool behind_bridge(const struct pci_config *pci, pci_sbdf_t at, uint8_t *first,
                          uint8_t *last)
{
    const uint32_t header = pci_read(pci, at, PCI_HEADER_TYPE, 1);

    if ((header & PCI_HEADER_TYPE_MASK) != PCI_HEADER_BRIDGE)
        return false;
    *first = (uint8_t)pci_read(pci, at, PCI_SECONDARY_BUS, 1);
    *last = (uint8_t)pci_read(pci, at, PCI_SUBORDINATE_BUS, 1);
    return *first > pci_bus(at) && *last >= *first;
}

static uint16_t segment_of(const struct acpi_dmar *dmar, const struct acpi_dmar_scope *s)
{
    switch (s->owner) {
    case ACPI_DMAR_UNIT:
        return dmar->unit[s->index].segment;
    case ACPI_DMAR_RESERVED:
        return dmar->reserved[s->index].segment;
    default:
        return dmar->ats[s->index].segment;
    }
}

static bool resolve_one(struct vtd_scope *out, const struct acpi_dmar_scope *s,
                        const struct pci_config *pci)
{
    uint8_t bus = s->bus, last = 0;
    pci_sbdf_t at = pci_sbdf(out->segment, bus, s->path[0]);

    for (unsigned int i = 1; i < s->depth; i++) {
        if (!behind_bridge(pci, at, &bus, &last))
            return false;
        at = pci_sbdf(out->segment, bus, s->path[i]);
    }
    out->devid = (uint16_t)at.n;
    /* a bridge that is not there, or not set up, has nothing behind it */
    out->bridge = s->kind == ACPI_DMAR_BRIDGE &&
                  behind_bridge(pci, at, &out->bus_first, &out->bus_last);
    return true;
}

unsigned int vtd_resolve(struct vtd_scope *out, const struct acpi_dmar *dmar,
                         const struct pci_config *pci)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < dmar->nr_scopes; i++) {
        const struct acpi_dmar_scope *s = &dmar->scope[i];

        if (s->kind != ACPI_DMAR_ENDPOINT && s->kind != ACPI_DMAR_BRIDGE)
            continue;
        out[n] = (struct vtd_scope){
            .owner = s->owner, .index = s->index, .segment = segment_of(dmar, s)
        };
        if (resolve_one(&out[n], s, pci))
            n++;
        else
            log_warn("DMAR: a device from %04x:%02x:%02x.%u on is behind no bridge; ignored",
                     out[n].segment, s->bus, s->path[0] >> 3, s->path[0] & 7);
    }
    return n;
}

bool vtd_find_ioapic(const struct acpi_dmar *dmar, const struct pci_config *pci, uint8_t id,
                     unsigned int *unit, uint16_t *devid)
{
    for (unsigned int i = 0; i < dmar->nr_scopes; i++) {
        const struct acpi_dmar_scope *s = &dmar->scope[i];
        struct vtd_scope found = { .segment = segment_of(dmar, s) };

        if (s->owner != ACPI_DMAR_UNIT || s->kind != ACPI_DMAR_IOAPIC || s->id != id ||
            !resolve_one(&found, s, pci))
            continue;
        *unit = s->index;
        *devid = found.devid;
        return true;
    }
    return false;
}

bool vtd_scope_has(const struct vtd_scope *s, uint32_t sbdf)
{
    const uint8_t bus = (uint8_t)(sbdf >> 8);

    if (s->segment != sbdf >> 16)
        return false;
    return s->devid == (uint16_t)sbdf || (s->bridge && bus >= s->bus_first && bus <= s->bus_last);
}

int vtd_unit_of(const struct acpi_dmar *dmar, const struct vtd_scope *scopes, unsigned int nr,
                uint32_t sbdf)
{
    for (unsigned int i = 0; i < nr; i++)
        if (scopes[i].owner == ACPI_DMAR_UNIT && vtd_scope_has(&scopes[i], sbdf))
            return scopes[i].index;
    for (unsigned int i = 0; i < dmar->nr_units; i++)
        if (dmar->unit[i].all && dmar->unit[i].segment == sbdf >> 16)
            return (int)i;
    return -1;
}

/* --- bridges above a function: 3.4.1 "Source Identifier" -------------------------------------- */

struct search {
    const struct pci_config *pci;
    uint8_t bus;
    bool found;
    pci_sbdf_t bridge;
};

static bool leads_to(void *ctx, pci_sbdf_t at)
{
    struct search *s = ctx;
    uint8_t first, last;

    s->found = behind_bridge(s->pci, at, &first, &last) && first == s->bus;
    s->bridge = at;
    return !s->found;
}

static bool bridge_above(struct search *s, uint16_t segment)
{
    s->found = false;
    for (unsigned int bus = 0; bus < s->bus && !s->found; bus++)
        pci_for_each_function(s->pci, segment, (uint8_t)bus, leads_to, s);
    return s->found;
}

unsigned int vtd_aliases(const struct pci_config *pci, uint32_t sbdf, uint16_t *out,
                         unsigned int max)
{
    struct search s = { .pci = pci, .bus = (uint8_t)(sbdf >> 8) };
    unsigned int n = 0;

    /* buses fall on the way up, so this ends */
    while (n < max && bridge_above(&s, (uint16_t)(sbdf >> 16))) {
        const unsigned int cap = pci_find_cap(pci, s.bridge, PCI_CAP_EXPRESS);
        const unsigned int type =
            cap ? pci_read(pci, s.bridge, cap + 2, 2) >> EXPRESS_TYPE_SHIFT & 15 : PCI_TO_EXPRESS;

        if (type == EXPRESS_TO_PCI)
            out[n++] = (uint16_t)(s.bus << 8);
        else if (type == PCI_TO_EXPRESS)
            out[n++] = (uint16_t)s.bridge.n;
        s.bus = pci_bus(s.bridge);
    }
    return n;
}
