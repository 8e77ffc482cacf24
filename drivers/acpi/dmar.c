/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intel Virtualization Technology for Directed I/O (D51397), chapter 8 "BIOS Considerations": the
 * table of IOMMUs (DRHD), the memory that the firmware uses through devices (RMRR), ports of
 * devices that may translate by themselves (ATSR), which memory is near which IOMMU (RHSA).
 *
 * A structure has a 16-bit type and a 16-bit length; device scopes fill the rest of it. One whose
 * list of scopes breaks off keeps those before. Where a path of bridges leads is found out later.
 */
#include "priv.h"

#define FIRST_STRUCT 48
#define SCOPE_BYTES 6 /* and two for each step of the path */

#define FLAG_ALL 1    /* of DRHD: INCLUDE_PCI_ALL; of ATSR: ALL_PORTS */
#define FLAG_INTERRUPTS 1
#define FLAG_NO_X2APIC 2

/* --- device scopes: 8.3.1 --------------------------------------------------------------------- */

static const char *too_many(struct acpi_info *info, const char *what)
{
    info->too_many |= ACPI_MANY_DMAR;
    return what;
}

/* One scope, whole. Kinds that we do not know (devices with ACPI names) are skipped. */
static const char *read_scope(struct acpi_info *info, struct acpi_dmar_scope s, const uint8_t *p,
                              size_t len)
{
    struct acpi_dmar *d = &info->dmar;
    const size_t depth = (len - SCOPE_BYTES) / 2;

    if (p[0] < ACPI_DMAR_ENDPOINT || p[0] > ACPI_DMAR_HPET)
        return NULL;
    if (!depth || depth > ACPI_MAX_DMAR_PATH)
        return "has a device with an impossible path";
    for (size_t i = 0; i < depth; i++) {
        const uint8_t *step = p + SCOPE_BYTES + 2 * i;

        if (step[0] > 31 || step[1] > 7)
            return "has a device with an impossible path";
        s.path[i] = (uint8_t)(step[0] << 3 | step[1]);
    }
    if (d->nr_scopes >= ACPI_MAX_DMAR_SCOPES)
        return too_many(info, "lists too many devices");
    s.kind = p[0];
    s.id = p[4];
    s.bus = p[5];
    s.depth = (uint8_t)depth;
    d->scope[d->nr_scopes++] = s;
    return NULL;
}

static const char *read_scopes(struct acpi_info *info, enum acpi_dmar_owner owner,
                               unsigned int index, const uint8_t *p, size_t left)
{
    const struct acpi_dmar_scope s = { .owner = (uint8_t)owner, .index = (uint8_t)index };
    const char *wrong = NULL;

    while (left) {
        const size_t len = left < SCOPE_BYTES ? 0 : p[1];
        const char *what;

        if (len < SCOPE_BYTES || len > left)
            return "has a truncated list of devices";
        what = read_scope(info, s, p, len);
        wrong = what ? what : wrong;
        p += len;
        left -= len;
    }
    return wrong;
}

/* --- structures ------------------------------------------------------------------------------- */

/* 8.3 */
static const char *read_unit(struct acpi_info *info, const uint8_t *p, size_t len)
{
    struct acpi_dmar *d = &info->dmar;
    const struct acpi_dmar_unit u = {
        .base = get_le64(p + 8), .segment = get_le16(p + 6), .all = p[4] & FLAG_ALL
    };

    if (!u.base || u.base & 0xfff || u.base >> 52)
        return "has an IOMMU at an impossible address";
    for (unsigned int i = 0; i < d->nr_units; i++) {
        if (d->unit[i].base == u.base)
            return "lists an IOMMU twice";
        if (u.all && d->unit[i].all && d->unit[i].segment == u.segment)
            return "has two IOMMUs for all other devices";
    }
    if (d->nr_units >= ACPI_MAX_IOMMUS)
        return too_many(info, "lists too many IOMMUs");
    d->unit[d->nr_units++] = u;
    return read_scopes(info, ACPI_DMAR_UNIT, d->nr_units - 1, p + 16, len - 16);
}

/* 8.4: base and limit are of whole pages, and the limit is the last byte. */
static const char *read_reserved(struct acpi_info *info, const uint8_t *p, size_t len)
{
    struct acpi_dmar *d = &info->dmar;
    const uint64_t base = get_le64(p + 8), limit = get_le64(p + 16);

    if (base & 0xfff || (limit & 0xfff) != 0xfff || limit < base || limit >> 52)
        return "has an impossible memory block";
    if (d->nr_reserved >= ACPI_MAX_DMAR_RESERVED)
        return too_many(info, "lists too many memory blocks");
    d->reserved[d->nr_reserved++] = (struct acpi_dmar_reserved){
        .start = base, .end = limit + 1, .segment = get_le16(p + 6)
    };
    return read_scopes(info, ACPI_DMAR_RESERVED, d->nr_reserved - 1, p + 24, len - 24);
}

/* 8.5 */
static const char *read_ats(struct acpi_info *info, const uint8_t *p, size_t len)
{
    struct acpi_dmar *d = &info->dmar;

    if (d->nr_ats >= ACPI_MAX_IOMMUS)
        return too_many(info, "lists too many root ports");
    d->ats[d->nr_ats++] = (struct acpi_dmar_ats){
        .segment = get_le16(p + 6), .all = p[4] & FLAG_ALL
    };
    return read_scopes(info, ACPI_DMAR_ATS, d->nr_ats - 1, p + 8, len - 8);
}

/* 8.6 */
static const char *read_near(struct acpi_info *info, const uint8_t *p, size_t len)
{
    struct acpi_dmar *d = &info->dmar;

    if (d->nr_near >= ACPI_MAX_IOMMUS)
        return too_many(info, "has too many affinities");
    d->near[d->nr_near++] = (struct acpi_dmar_near){
        .base = get_le64(p + 8), .domain = get_le32(p + 16)
    };
    return NULL;
}

static const struct struct_row {
    const char *(*read)(struct acpi_info *info, const uint8_t *p, size_t len);
    uint8_t min_len;
} rows[] = {
    { read_unit, 16 }, { read_reserved, 24 }, { read_ats, 8 }, { read_near, 20 },
};

static const char *read_struct(struct acpi_info *info, const uint8_t *p, size_t len)
{
    const unsigned int type = get_le16(p);

    if (type >= sizeof(rows) / sizeof(rows[0]))
        return NULL;
    return len < rows[type].min_len ? "has a structure that is too short"
                                    : rows[type].read(info, p, len);
}

const char *acpi_parse_dmar(struct acpi_info *info, const uint8_t *table, size_t len)
{
    const char *wrong = NULL;

    info->dmar.width = table[36] < 64 ? (uint8_t)(table[36] + 1) : 64;
    info->dmar.interrupts = table[37] & FLAG_INTERRUPTS;
    info->dmar.no_x2apic = table[37] & FLAG_NO_X2APIC;
    for (size_t pos = FIRST_STRUCT; pos < len;) {
        const uint8_t *p = table + pos;
        const size_t bytes = len - pos < 4 ? 0 : get_le16(p + 2);
        const char *what;

        if (bytes < 4 || bytes > len - pos)
            return "has a truncated structure";
        what = read_struct(info, p, bytes);
        wrong = what ? what : wrong;
        pos += bytes;
    }
    return wrong;
}
