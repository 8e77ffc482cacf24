/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI specification, "Fixed ACPI Description Table (FADT)". ACPI 1.0 gave 32-bit I/O ports; later
 * versions add an address structure for each, which counts if it is there and makes sense. Fields
 * past the end of a short table are 0.
 */
#include "priv.h"

struct fadt {
    const uint8_t *p;
    size_t len;
};

static uint8_t field8(const struct fadt *f, size_t at)
{
    return at + 1 <= f->len ? f->p[at] : 0;
}

static uint16_t field16(const struct fadt *f, size_t at)
{
    return at + 2 <= f->len ? get_le16(f->p + at) : 0;
}

static uint32_t field32(const struct fadt *f, size_t at)
{
    return at + 4 <= f->len ? get_le32(f->p + at) : 0;
}

static uint64_t field64(const struct fadt *f, size_t at)
{
    return at + 8 <= f->len ? get_le64(f->p + at) : 0;
}

/* A register we could use: in memory or at a port that exists. Anything else is none. */
static struct acpi_gas field_gas(const struct fadt *f, size_t at)
{
    struct acpi_gas none = { 0 }, gas;

    if (at + 12 > f->len)
        return none;
    gas = acpi_read_gas(f->p + at);
    if (gas.space > ACPI_SPACE_PCI || (gas.space == ACPI_SPACE_IO && gas.addr > 0xffff))
        return none;
    return gas;
}

/* A register block of len bytes: the new field if usable, else the old one. */
static struct acpi_gas block(const struct fadt *f, size_t new_at, size_t old_at, uint8_t len)
{
    struct acpi_gas gas = field_gas(f, new_at);
    uint32_t port = field32(f, old_at);

    if (gas.addr || !port || port > 0xffff)
        return gas;
    return (struct acpi_gas){ .space = ACPI_SPACE_IO, .width = (uint8_t)(len * 8), .addr = port };
}

static uint64_t pointer(const struct fadt *f, size_t new_at, size_t old_at)
{
    uint64_t p = field64(f, new_at);

    return p ? p : field32(f, old_at);
}

static void read_pm_blocks(const struct fadt *f, struct acpi_fadt *out)
{
    out->pm1_event_len = field8(f, 88);
    out->pm1_control_len = field8(f, 89);
    out->pm_timer_len = field8(f, 91);
    out->gpe0_len = field8(f, 92);
    out->gpe1_len = field8(f, 93);
    out->pm1a_event = block(f, 148, 56, out->pm1_event_len);
    out->pm1b_event = block(f, 160, 60, out->pm1_event_len);
    out->pm1a_control = block(f, 172, 64, out->pm1_control_len);
    out->pm1b_control = block(f, 184, 68, out->pm1_control_len);
    out->pm2_control = block(f, 196, 72, field8(f, 90));
    out->pm_timer = block(f, 208, 76, out->pm_timer_len);
    out->gpe0 = block(f, 220, 80, out->gpe0_len);
    out->gpe1 = block(f, 232, 84, out->gpe1_len);
    if (out->pm_timer_len != 4) /* there is a timer only if it has its four bytes */
        out->pm_timer = (struct acpi_gas){ 0 };
}

const char *acpi_parse_fadt(struct acpi_info *info, const uint8_t *table, size_t len)
{
    const struct fadt f = { table, len };
    struct acpi_fadt *out = &info->fadt;

    *out = (struct acpi_fadt){
        .flags = field32(&f, 112),
        .boot_arch = field16(&f, 109),
        .sci_irq = field16(&f, 46),
        .smi_cmd = field32(&f, 48),
        .acpi_enable = field8(&f, 52),
        .acpi_disable = field8(&f, 53),
        .sleep_control = field_gas(&f, 244),
        .sleep_status = field_gas(&f, 256),
        .facs = pointer(&f, 132, 36),
        .dsdt = pointer(&f, 140, 40),
    };
    if (!(out->flags & ACPI_FADT_HW_REDUCED))
        read_pm_blocks(&f, out);
    if ((out->flags & ACPI_FADT_RESET_SUP) && len >= 129) {
        out->reset = field_gas(&f, 116);
        out->reset_value = field8(&f, 128);
    }
    return NULL;
}
