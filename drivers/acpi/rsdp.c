/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The root pointer: ACPI specification, "Root System Description Pointer (RSDP)". The first 20
 * bytes are ACPI 1.0's, with a checksum of their own; from revision 2 on 16 more follow, and a
 * second checksum covers all.
 */
#include "priv.h"

#include <hv/errno.h>
#include <lib/string.h>

#define RSDP_V1_BYTES 20
#define RSDP_V2_BYTES 36
#define RSDP_MAX_BYTES 4096

#define EBDA_POINTER 0x40e /* BIOS data area: segment of the extended one */
#define EBDA_SEARCH_BYTES 1024
#define LOW_RAM_END 0xa0000
#define BIOS_START 0xe0000
#define BIOS_BYTES 0x20000

bool acpi_checksum_ok(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

static bool is_rsdp(const uint8_t *p)
{
    return !memcmp(p, "RSD PTR ", 8) && acpi_checksum_ok(p, RSDP_V1_BYTES);
}

int acpi_read_rsdp(const uint8_t *rsdp, size_t len, struct acpi_root *root)
{
    uint32_t length;

    if (len < RSDP_V1_BYTES || !is_rsdp(rsdp))
        return -EINVAL;
    *root = (struct acpi_root){ .rsdt = get_le32(rsdp + 16) };
    if (rsdp[15] < 2 || len < RSDP_V2_BYTES)
        return 0;

    length = get_le32(rsdp + 20);
    /* of a longer one we have only the part that matters, and cannot sum it up */
    if (length < RSDP_V2_BYTES || (length <= len && !acpi_checksum_ok(rsdp, length)))
        return -EINVAL;
    root->xsdt = get_le64(rsdp + 24);
    return 0;
}

int acpi_map_rsdp(const struct acpi_mem *mem, uint64_t phys, struct acpi_root *root)
{
    const uint8_t *p = mem->map(mem->ctx, phys, RSDP_V1_BYTES);
    size_t len = RSDP_V1_BYTES;

    if (!p)
        return -EFAULT;
    if (p[15] >= 2) {
        p = mem->map(mem->ctx, phys, RSDP_V2_BYTES);
        if (!p)
            return -EFAULT;
        len = get_le32(p + 20);
        if (len < RSDP_V2_BYTES || len > RSDP_MAX_BYTES)
            return -EINVAL;
        p = mem->map(mem->ctx, phys, len);
        if (!p)
            return -EFAULT;
    }
    return acpi_read_rsdp(p, len, root);
}

/* It stands at a multiple of 16. */
static bool search(const struct acpi_mem *mem, uint64_t start, size_t bytes, uint64_t *phys)
{
    const uint8_t *p = mem->map(mem->ctx, start, bytes);

    for (size_t i = 0; p && i + RSDP_V1_BYTES <= bytes; i += 16)
        if (is_rsdp(p + i)) {
            *phys = start + i;
            return true;
        }
    return false;
}

int acpi_find_rsdp(const struct acpi_mem *mem, uint64_t *phys)
{
    const uint8_t *segment = mem->map(mem->ctx, EBDA_POINTER, 2);
    uint32_t ebda = segment ? (uint32_t)get_le16(segment) << 4 : 0;

    if (ebda >= 0x400 && ebda < LOW_RAM_END) {
        size_t bytes = LOW_RAM_END - ebda;

        if (search(mem, ebda, bytes < EBDA_SEARCH_BYTES ? bytes : EBDA_SEARCH_BYTES, phys))
            return 0;
    }
    return search(mem, BIOS_START, BIOS_BYTES, phys) ? 0 : -ENOENT;
}
