/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD I/O Virtualization Technology (IOMMU) Specification (48882), "I/O Virtualization ACPI Table":
 * IOMMUs (IVHD blocks), the requester ids behind each, and memory that devices must reach (IVMD).
 *
 * Blocks have a 16-bit length, entries of an IVHD a length by their type. An IOMMU whose list of
 * entries breaks off keeps those before.
 */
#include "priv.h"

#define FIRST_BLOCK 48

#define IVHD_10 0x10 /* the oldest; its entries start at 24 */
#define IVHD_11 0x11 /* with the feature register's image; entries at 40 */
#define IVHD_40 0x40 /* and with devices that have ACPI names */

#define IVMD_ALL 0x20
#define IVMD_ONE 0x21
#define IVMD_RANGE 0x22
#define IVMD_BYTES 32

#define ENTRY_PAD 0x00
#define ENTRY_ALL 0x01
#define ENTRY_SELECT 0x02
#define ENTRY_START 0x03
#define ENTRY_END 0x04
#define ENTRY_ALIAS_SELECT 0x42
#define ENTRY_ALIAS_START 0x43
#define ENTRY_EXT_SELECT 0x46
#define ENTRY_EXT_START 0x47
#define ENTRY_SPECIAL 0x48
#define ENTRY_NAMED 0xf0
#define NAMED_BYTES 22 /* and the name, whose length is in the last of them */

/* --- device entries --------------------------------------------------------------------------- */

struct entries {
    struct acpi_info *info;
    uint8_t iommu;
    bool open; /* a range has begun: */
    struct acpi_ivrs_range range;
};

static const char *add_range(struct entries *s, struct acpi_ivrs_range r)
{
    struct acpi_ivrs *v = &s->info->ivrs;

    if (r.first > r.last)
        return "has a range of devices that ends before it starts";
    if (v->nr_ranges >= ACPI_MAX_IVRS_RANGES) {
        s->info->too_many |= ACPI_MANY_IVRS;
        return "lists too many devices";
    }
    r.iommu = s->iommu;
    v->range[v->nr_ranges++] = r;
    return NULL;
}

static const char *add_special(struct entries *s, const uint8_t *e)
{
    struct acpi_ivrs *v = &s->info->ivrs;

    if (v->nr_special >= ACPI_MAX_IVRS_SPECIAL) {
        s->info->too_many |= ACPI_MANY_IVRS;
        return "lists too many special devices";
    }
    v->special[v->nr_special++] = (struct acpi_ivrs_special){
        .devid = get_le16(e + 5), .iommu = s->iommu, .variety = e[7], .handle = e[4],
        .settings = e[3]
    };
    return NULL;
}

static const char *begin_range(struct entries *s, struct acpi_ivrs_range r)
{
    if (s->open)
        return "has a range of devices within another";
    s->open = true;
    s->range = r;
    return NULL;
}

static const char *end_range(struct entries *s, uint16_t last)
{
    if (!s->open)
        return "ends a range of devices that has not begun";
    s->open = false;
    s->range.last = last;
    return add_range(s, s->range);
}

/* One entry, whole. Types that we do not know are skipped. */
static const char *read_entry(struct entries *s, const uint8_t *e)
{
    struct acpi_ivrs_range r = { .first = get_le16(e + 1), .last = get_le16(e + 1),
                                 .settings = e[3] };

    if (e[0] == ENTRY_ALIAS_SELECT || e[0] == ENTRY_ALIAS_START) {
        r.has_alias = true;
        r.alias = get_le16(e + 5);
    }
    switch (e[0]) {
    case ENTRY_ALL:
        r.first = 0;
        r.last = UINT16_MAX;
        return add_range(s, r);
    case ENTRY_SELECT:
    case ENTRY_ALIAS_SELECT:
    case ENTRY_EXT_SELECT:
    case ENTRY_NAMED:
        return add_range(s, r);
    case ENTRY_START:
    case ENTRY_ALIAS_START:
    case ENTRY_EXT_START:
        return begin_range(s, r);
    case ENTRY_END:
        return end_range(s, r.last);
    case ENTRY_SPECIAL:
        return add_special(s, e);
    default:
        return NULL;
    }
}

/* Bytes of an entry, of which left are there; 0 if it is not whole. */
static size_t entry_bytes(const uint8_t *e, size_t left)
{
    size_t len = e[0] < 0x40 ? 4 : e[0] < 0x80 ? 8 : e[0] < 0xc0 ? 16 : 32;

    if (e[0] >= ENTRY_NAMED)
        len = left < NAMED_BYTES ? NAMED_BYTES : NAMED_BYTES + (size_t)e[NAMED_BYTES - 1];
    return len <= left ? len : 0;
}

static const char *read_entries(struct entries *s, const uint8_t *e, size_t left)
{
    const char *wrong = NULL;

    while (left) {
        size_t len = entry_bytes(e, left);
        const char *what;

        if (!len)
            return "has a truncated device entry";
        what = read_entry(s, e);
        wrong = what ? what : wrong;
        e += len;
        left -= len;
    }
    return s->open ? "has a range of devices without end" : wrong;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* Forget an IOMMU's devices: a newer kind of block lists them again. */
static void drop_entries(struct acpi_ivrs *v, uint8_t iommu)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < v->nr_ranges; i++)
        if (v->range[i].iommu != iommu)
            v->range[n++] = v->range[i];
    v->nr_ranges = n;
    n = 0;
    for (unsigned int i = 0; i < v->nr_special; i++)
        if (v->special[i].iommu != iommu)
            v->special[n++] = v->special[i];
    v->nr_special = n;
}

/* Where a block's IOMMU goes; nr_iommus: a new one; -1: an older kind of block than we have. */
static int place_of(struct acpi_ivrs *v, const struct acpi_iommu *new)
{
    for (unsigned int i = 0; i < v->nr_iommus; i++) {
        const struct acpi_iommu *old = &v->iommu[i];

        if (old->segment != new->segment || old->devid != new->devid)
            continue;
        if (old->type >= new->type)
            return -1;
        drop_entries(v, (uint8_t)i);
        return (int)i;
    }
    return (int)v->nr_iommus;
}

static const char *read_ivhd(struct acpi_info *info, const uint8_t *b, size_t len)
{
    const size_t first = b[0] == IVHD_10 ? 24 : 40;
    struct acpi_ivrs *v = &info->ivrs;
    struct acpi_iommu new;
    struct entries s = { .info = info };
    int at;

    if (len < first)
        return "has an IOMMU that is too short";
    new = (struct acpi_iommu){
        .base = get_le64(b + 8),
        .features = b[0] == IVHD_10 ? 0 : get_le64(b + 24),
        .segment = get_le16(b + 16),
        .devid = get_le16(b + 4),
        .cap = get_le16(b + 6),
        .type = b[0],
        .flags = b[1],
    };
    if (!new.base || new.base & 0x3fff)
        return "has an IOMMU at an impossible address";
    at = place_of(v, &new);
    if (at < 0)
        return NULL;
    if (at >= ACPI_MAX_IOMMUS) {
        info->too_many |= ACPI_MANY_IVRS;
        return "lists too many IOMMUs";
    }
    if ((unsigned int)at == v->nr_iommus)
        v->nr_iommus++;
    v->iommu[at] = new;
    s.iommu = (uint8_t)at;
    return read_entries(&s, b + first, len - first);
}

static const char *read_ivmd(struct acpi_info *info, const uint8_t *b, size_t len)
{
    struct acpi_ivrs *v = &info->ivrs;
    struct acpi_ivrs_unity u;

    if (len < IVMD_BYTES)
        return "has a memory block that is too short";
    u = (struct acpi_ivrs_unity){
        .start = get_le64(b + 16),
        .size = get_le64(b + 24),
        .first = b[0] == IVMD_ALL ? 0 : get_le16(b + 4),
        .last = b[0] == IVMD_ALL ? UINT16_MAX : get_le16(b + (b[0] == IVMD_RANGE ? 6 : 4)),
        .flags = b[1],
    };
    if (!u.size || u.size > UINT64_MAX - u.start || u.first > u.last)
        return "has an impossible memory block";
    if (v->nr_unity >= ACPI_MAX_IVRS_UNITY) {
        info->too_many |= ACPI_MANY_IVRS;
        return "lists too many memory blocks";
    }
    v->unity[v->nr_unity++] = u;
    return NULL;
}

static const char *read_block(struct acpi_info *info, const uint8_t *b, size_t len)
{
    switch (b[0]) {
    case IVHD_10:
    case IVHD_11:
    case IVHD_40:
        return read_ivhd(info, b, len);
    case IVMD_ALL:
    case IVMD_ONE:
    case IVMD_RANGE:
        return read_ivmd(info, b, len);
    default:
        return NULL;
    }
}

const char *acpi_parse_ivrs(struct acpi_info *info, const uint8_t *table, size_t len)
{
    const char *wrong = NULL;

    for (size_t pos = FIRST_BLOCK; pos < len;) {
        const uint8_t *b = table + pos;
        size_t bytes = len - pos < 4 ? 0 : get_le16(b + 2);
        const char *what;

        if (bytes < 4 || bytes > len - pos)
            return "has a truncated block";
        what = read_block(info, b, bytes);
        wrong = what ? what : wrong;
        pos += bytes;
    }
    return wrong;
}
