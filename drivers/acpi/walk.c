/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the root pointer to the tables: find them, check length and checksum, hand each to its
 * parser, write down what is wrong. A mapping lives only until the next one, so the root table is
 * read entry by entry.
 */
#include "priv.h"

#include <hv/errno.h>
#include <lib/string.h>

#define TABLE_MAX_BYTES (16u << 20) /* DSDTs of large servers have a few MiB */

static const struct table_row {
    char signature[5];
    uint16_t min_len;
    enum acpi_have have;
    const char *(*parse)(struct acpi_info *info, const uint8_t *table, size_t len);
} table_rows[] = {
    { "FACP", 116, ACPI_HAVE_FADT, acpi_parse_fadt },
    { "APIC", 44, ACPI_HAVE_MADT, acpi_parse_madt },
    { "HPET", 56, ACPI_HAVE_HPET, acpi_parse_hpet },
    { "MCFG", 44, ACPI_HAVE_MCFG, acpi_parse_mcfg },
    { "SRAT", 48, ACPI_HAVE_SRAT, acpi_parse_srat },
    { "SLIT", 44, ACPI_HAVE_SLIT, acpi_parse_slit },
    { "IVRS", 48, ACPI_HAVE_IVRS, acpi_parse_ivrs },
    { "DMAR", 48, ACPI_HAVE_DMAR, acpi_parse_dmar },
};

static void add_note(struct acpi_info *info, const char *signature, const char *what)
{
    struct acpi_note *n;

    if (info->nr_notes >= ACPI_MAX_NOTES) {
        info->too_many |= ACPI_MANY_NOTES;
        return;
    }
    n = &info->note[info->nr_notes++];
    memcpy(n->table, signature, 4);
    n->table[4] = '\0';
    n->what = what;
}

/* Signatures are printed: keep them printable. */
static void copy_signature(char to[5], const uint8_t *from)
{
    for (unsigned int i = 0; i < 4; i++)
        to[i] = from[i] >= ' ' && from[i] <= '~' ? (char)from[i] : '?';
    to[4] = '\0';
}

/* The header alone. NULL or what is wrong. */
static const char *read_header(const struct acpi_mem *mem, uint64_t phys, struct acpi_table *t)
{
    const uint8_t *h = phys ? mem->map(mem->ctx, phys, ACPI_HEADER_BYTES) : NULL;

    memcpy(t->signature, "????", 5);
    if (!h)
        return "is not in readable memory";
    copy_signature(t->signature, h);
    t->length = get_le32(h + 4);
    t->revision = h[8];
    t->phys = phys;
    if (t->length < ACPI_HEADER_BYTES || t->length > TABLE_MAX_BYTES)
        return "has an impossible length";
    return NULL;
}

/* The whole table. NULL with *what saying why not. */
static const uint8_t *map_whole(const struct acpi_mem *mem, const struct acpi_table *t,
                                const char **what)
{
    const uint8_t *p = mem->map(mem->ctx, t->phys, t->length);

    if (!p)
        *what = "is not in readable memory";
    else if (!acpi_checksum_ok(p, t->length))
        *what = "has a wrong checksum";
    else
        return p;
    return NULL;
}

const uint8_t *acpi_map_table(const struct acpi_mem *mem, const struct acpi_table *table)
{
    const char *what;

    return map_whole(mem, table, &what);
}

const struct acpi_table *acpi_find_table(const struct acpi_info *info, const char *signature,
                                         unsigned int nth)
{
    for (unsigned int i = 0; i < info->nr_tables; i++)
        if (!strcmp(info->table[i].signature, signature) && !nth--)
            return &info->table[i];
    return NULL;
}

static void parse_table(struct acpi_info *info, const struct acpi_mem *mem,
                        const struct acpi_table *t, const struct table_row *row)
{
    const char *what = "is too short";
    const uint8_t *p;

    if (info->have & row->have) {
        add_note(info, t->signature, "is there twice, the second is ignored");
        return;
    }
    p = t->length >= row->min_len ? map_whole(mem, t, &what) : NULL;
    if (!p) {
        add_note(info, t->signature, what);
        return;
    }
    info->have |= row->have;
    what = row->parse(info, p, t->length);
    if (what)
        add_note(info, t->signature, what);
}

static void visit_table(struct acpi_info *info, const struct acpi_mem *mem, uint64_t phys)
{
    struct acpi_table t = { 0 };
    const char *what = read_header(mem, phys, &t);

    if (what) {
        add_note(info, t.signature, what);
        return;
    }
    if (info->nr_tables < ACPI_MAX_TABLES)
        info->table[info->nr_tables++] = t;
    else
        info->too_many |= ACPI_MANY_TABLES;
    for (size_t i = 0; i < sizeof(table_rows) / sizeof(table_rows[0]); i++)
        if (!strcmp(t.signature, table_rows[i].signature))
            parse_table(info, mem, &t, &table_rows[i]);
}

/* The addresses stand behind the header; the RSDT's have 4 bytes, the XSDT's 8. */
static const char *walk_root(struct acpi_info *info, const struct acpi_mem *mem, uint64_t phys,
                             bool xsdt)
{
    size_t step = xsdt ? 8 : 4;
    struct acpi_table root = { 0 };
    const char *what = read_header(mem, phys, &root);

    if (!what && strcmp(root.signature, xsdt ? "XSDT" : "RSDT") != 0)
        what = "has a wrong signature";
    if (what || !map_whole(mem, &root, &what))
        return what;

    info->root = phys;
    info->root_is_xsdt = xsdt;
    for (size_t pos = ACPI_HEADER_BYTES; root.length - pos >= step; pos += step) {
        const uint8_t *entry = mem->map(mem->ctx, phys + pos, step);

        if (pos / step > 4UL * ACPI_MAX_TABLES) { /* garbage, or a machine we do not know */
            info->too_many |= ACPI_MANY_TABLES;
            break;
        }
        if (!entry)
            break;
        visit_table(info, mem, xsdt ? get_le64(entry) : get_le32(entry));
    }
    return NULL;
}

static bool find_s5_in(struct acpi_info *info, const struct acpi_mem *mem,
                       const struct acpi_table *t)
{
    const char *what = NULL;
    const uint8_t *p = map_whole(mem, t, &what);

    if (!p) {
        add_note(info, t->signature, what);
        return false;
    }
    return acpi_aml_find_s5(p + ACPI_HEADER_BYTES, t->length - ACPI_HEADER_BYTES, &info->s5);
}

/* The DSDT hangs off the FADT; SSDTs are listed by the root. */
static void find_s5(struct acpi_info *info, const struct acpi_mem *mem)
{
    struct acpi_table dsdt = { 0 };
    const struct acpi_table *ssdt;
    bool found = false;

    if (info->have & ACPI_HAVE_FADT) {
        const char *what = read_header(mem, info->fadt.dsdt, &dsdt);

        if (!what && strcmp(dsdt.signature, "DSDT") != 0)
            what = "has a wrong signature";
        if (what)
            add_note(info, "DSDT", what);
        else
            found = find_s5_in(info, mem, &dsdt);
    }
    for (unsigned int i = 0; !found && (ssdt = acpi_find_table(info, "SSDT", i)); i++)
        found = find_s5_in(info, mem, ssdt);
    if (found)
        info->have |= ACPI_HAVE_S5;
}

static int walk_from(struct acpi_info *info, const struct acpi_mem *mem,
                     const struct acpi_root *root, const char **why)
{
    const char *what = "is not there";

    if (root->xsdt)
        what = walk_root(info, mem, root->xsdt, true);
    if (what && root->rsdt) {
        if (root->xsdt)
            add_note(info, "XSDT", what);
        what = walk_root(info, mem, root->rsdt, false);
    }
    if (what) {
        add_note(info, root->rsdt ? "RSDT" : "XSDT", what);
        *why = "the ACPI root table is not usable";
        return -EINVAL;
    }
    find_s5(info, mem);
    return 0;
}

int acpi_walk(struct acpi_info *out, const struct acpi_mem *mem, uint64_t rsdp_or_0,
              const char **why)
{
    uint64_t rsdp = rsdp_or_0;
    struct acpi_root root;
    int rc;

    memset(out, 0, sizeof(*out));
    if (!rsdp && acpi_find_rsdp(mem, &rsdp)) {
        *why = "there is no ACPI root pointer";
        return -ENOENT;
    }
    rc = acpi_map_rsdp(mem, rsdp, &root);
    if (rc) {
        *why = "the ACPI root pointer is broken";
        return rc;
    }
    out->rsdp = rsdp;
    return walk_from(out, mem, &root, why);
}

int acpi_walk_copy(struct acpi_info *out, const struct acpi_mem *mem, const uint8_t *rsdp,
                   size_t len, const char **why)
{
    struct acpi_root root;

    memset(out, 0, sizeof(*out));
    if (acpi_read_rsdp(rsdp, len, &root)) {
        *why = "the ACPI root pointer that the boot loader gave is broken";
        return -EINVAL;
    }
    return walk_from(out, mem, &root, why);
}

const char *acpi_parse_entries(struct acpi_info *info, const uint8_t *table, size_t len,
                               size_t first, const struct acpi_entry_row *rows, size_t nr_rows)
{
    const char *wrong = NULL;

    for (size_t pos = first; pos < len;) {
        const uint8_t *e = table + pos;
        size_t left = len - pos;

        if (left < 2 || e[1] > left)
            return "has a truncated entry";
        if (e[1] < 2)
            return "has an entry without length";
        if (e[0] < nr_rows && rows[e[0]].parse) {
            const char *what = e[1] < rows[e[0]].min_len ? "has an entry that is too short"
                                                         : rows[e[0]].parse(info, e);

            if (what)
                wrong = what;
        }
        pos += e[1];
    }
    return wrong;
}

struct acpi_gas acpi_read_gas(const uint8_t *p)
{
    return (struct acpi_gas){
        .space = p[0],
        .width = p[1],
        .offset = p[2],
        .access = p[3],
        .addr = get_le64(p + 4),
    };
}
