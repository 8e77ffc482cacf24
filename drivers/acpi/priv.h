/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the table parsers. A parser gets a whole table that is mapped and whose length and
 * checksum hold.
 */
#ifndef DRIVERS_ACPI_PRIV_H
#define DRIVERS_ACPI_PRIV_H

#include <drivers/acpi.h>
#include <lib/bytes.h>

#define ACPI_HEADER_BYTES 36

/*
 * Each returns NULL, or the last thing that was wrong with an entry; what could be read is in info.
 */
const char *acpi_parse_fadt(struct acpi_info *info, const uint8_t *table, size_t len);
const char *acpi_parse_madt(struct acpi_info *info, const uint8_t *table, size_t len);
const char *acpi_parse_hpet(struct acpi_info *info, const uint8_t *table, size_t len);
const char *acpi_parse_mcfg(struct acpi_info *info, const uint8_t *table, size_t len);
const char *acpi_parse_srat(struct acpi_info *info, const uint8_t *table, size_t len);
const char *acpi_parse_slit(struct acpi_info *info, const uint8_t *table, size_t len);
const char *acpi_parse_ivrs(struct acpi_info *info, const uint8_t *table, size_t len);
const char *acpi_parse_dmar(struct acpi_info *info, const uint8_t *table, size_t len);

/* Entries that start with a byte of type and a byte of length, as in MADT and SRAT. */
struct acpi_entry_row {
    const char *(*parse)(struct acpi_info *info, const uint8_t *entry);
    uint8_t min_len;
};
const char *acpi_parse_entries(struct acpi_info *info, const uint8_t *table, size_t len,
                               size_t first, const struct acpi_entry_row *rows, size_t nr_rows);

/* 12 bytes */
struct acpi_gas acpi_read_gas(const uint8_t *p);

/* Find the package _S5_ in a definition block (AML without the table's header). */
bool acpi_aml_find_s5(const uint8_t *aml, size_t len, struct acpi_s5 *s5);

/* Does the sum of all bytes vanish? */
bool acpi_checksum_ok(const uint8_t *p, size_t len);

/* The fields of a root pointer that matter; -EINVAL if it is not one. len is 20 or at least 36. */
struct acpi_root {
    uint64_t rsdt, xsdt; /* 0: none */
};
int acpi_read_rsdp(const uint8_t *rsdp, size_t len, struct acpi_root *root);

/* Map and read the one at a physical address. */
int acpi_map_rsdp(const struct acpi_mem *mem, uint64_t phys, struct acpi_root *root);

#endif
