/* SPDX-License-Identifier: GPL-2.0-only */
/* See arch/vpci_reg.h. */
#include <arch/vpci_reg.h>

#define MSI_ENABLE 0x0001U
#define MSI_LOG2_SHIFT 4
#define MSI_LOG2_MASK 7U
#define MSIX_ENABLE 0x8000U
#define MSIX_MASK_ALL 0x4000U
#define ENTRY_BYTES 16U
#define ENTRY_MASKED 1U

static unsigned int log2_of(unsigned int n) { return (unsigned int)__builtin_ctz(n); }

static uint32_t vectors_mask(const struct vpci_regs *v) { return ~0U >> (32 - v->msi_cap.nr); }

void vpci_regs_init(struct vpci_regs *v)
{
    v->msi.enabled = v->msix.enabled = v->msix.mask_all = false;
    v->msi.log2 = 0;
    v->msi.address = 0;
    v->msi.data = 0;
    v->msi.mask = 0;
    for (unsigned int i = 0; v->has_msix && i < v->msix_cap.nr; i++)
        v->msix.entry[i] = (struct vpci_msix_entry){ .masked = true };
}

/* --- which dwords, and what is in them -------------------------------------------------------- */

enum kind { DEVICE, MSI_CONTROL, MSI_ADDRESS, MSI_UPPER, MSI_DATA, MSI_MASK, MSIX_CONTROL };

static enum kind kind_of(const struct vpci_regs *v, unsigned int reg)
{
    if (v->has_msi) {
        const struct pci_msi *c = &v->msi_cap;

        if (reg == c->pos)
            return MSI_CONTROL;
        if (reg == c->pos + 4)
            return MSI_ADDRESS;
        if (c->wide && reg == c->pos + 8)
            return MSI_UPPER;
        if (reg == (c->data_reg & ~3U))
            return MSI_DATA;
        if (c->maskable && reg == c->mask_reg)
            return MSI_MASK;
    }
    return v->has_msix && reg == v->msix_cap.pos ? MSIX_CONTROL : DEVICE;
}

/* Of these bits we hold the value; the others are the device's. */
static uint32_t own_bits(enum kind kind)
{
    switch (kind) {
    case MSI_CONTROL:
        return (MSI_ENABLE | MSI_LOG2_MASK << MSI_LOG2_SHIFT) << 16;
    case MSIX_CONTROL:
        return (MSIX_ENABLE | MSIX_MASK_ALL) << 16;
    case DEVICE:
        return 0;
    default:
        return ~0U;
    }
}

static uint32_t own_value(const struct vpci_regs *v, enum kind kind)
{
    switch (kind) {
    case MSI_CONTROL:
        return ((v->msi.enabled ? MSI_ENABLE : 0) | (uint32_t)v->msi.log2 << MSI_LOG2_SHIFT) << 16;
    case MSI_ADDRESS:
        return (uint32_t)v->msi.address;
    case MSI_UPPER:
        return (uint32_t)(v->msi.address >> 32);
    case MSI_DATA:
        return v->msi.data;
    case MSI_MASK:
        return v->msi.mask;
    case MSIX_CONTROL:
        return ((v->msix.enabled ? MSIX_ENABLE : 0) | (v->msix.mask_all ? MSIX_MASK_ALL : 0)) << 16;
    default:
        return 0;
    }
}

/* A count that the device does not have becomes the largest that it has. */
static void store_msi_control(struct vpci_regs *v, uint32_t control)
{
    const unsigned int most = log2_of(v->msi_cap.nr);
    const unsigned int wish = control >> MSI_LOG2_SHIFT & MSI_LOG2_MASK;

    v->msi.enabled = control & MSI_ENABLE;
    v->msi.log2 = (uint8_t)MIN(wish, most);
}

static enum vpci_change store(struct vpci_regs *v, enum kind kind, uint32_t val)
{
    switch (kind) {
    case MSI_CONTROL:
        store_msi_control(v, val >> 16);
        return VPCI_MSI;
    case MSI_ADDRESS:
        v->msi.address = (v->msi.address & ~0xffffffffULL) | (val & ~3U);
        return VPCI_MSI;
    case MSI_UPPER:
        v->msi.address = (uint32_t)v->msi.address | (uint64_t)val << 32;
        return VPCI_MSI;
    case MSI_DATA:
        v->msi.data = (uint16_t)val;
        return VPCI_MSI;
    case MSI_MASK:
        v->msi.mask = val & vectors_mask(v);
        return VPCI_MSI;
    case MSIX_CONTROL:
        v->msix.enabled = val & MSIX_ENABLE << 16;
        v->msix.mask_all = val & MSIX_MASK_ALL << 16;
        return VPCI_MSIX;
    default:
        return VPCI_NOTHING;
    }
}

/* --- accesses --------------------------------------------------------------------------------- */

uint32_t vpci_regs_read(const struct vpci_regs *v, unsigned int reg, unsigned int size,
                        uint32_t device)
{
    const enum kind kind = kind_of(v, reg & ~3U);
    const unsigned int shift = 8 * (reg & 3);
    const uint32_t own = own_bits(kind) >> shift & pci_all_ones(size);

    return (device & ~own & pci_all_ones(size)) | (own_value(v, kind) >> shift & own);
}

uint32_t vpci_regs_write(struct vpci_regs *v, unsigned int reg, unsigned int size, uint32_t val,
                         enum vpci_change *change)
{
    const enum kind kind = kind_of(v, reg & ~3U);
    const unsigned int shift = 8 * (reg & 3);
    const uint32_t written = pci_all_ones(size) << shift, own = own_bits(kind);

    *change = VPCI_NOTHING;
    if (own & written)
        *change = store(v, kind, (own_value(v, kind) & ~written) | (val << shift & written));
    return pci_all_ones(size) & ~(own >> shift);
}

/* --- the MSI-X table -------------------------------------------------------------------------- */

static uint32_t word_of(const struct vpci_msix_entry *e, unsigned int word)
{
    switch (word) {
    case 0: return (uint32_t)e->address;
    case 1: return (uint32_t)(e->address >> 32);
    case 2: return e->data;
    default: return e->masked ? ENTRY_MASKED : 0;
    }
}

static void store_word(struct vpci_msix_entry *e, unsigned int word, uint32_t val)
{
    switch (word) {
    case 0: e->address = (e->address & ~0xffffffffULL) | (val & ~3U); break;
    case 1: e->address = (uint32_t)e->address | (uint64_t)val << 32; break;
    case 2: e->data = val; break;
    default: e->masked = val & ENTRY_MASKED; break;
    }
}

uint64_t vpci_table_read(const struct vpci_regs *v, uint32_t offset, unsigned int size)
{
    const struct vpci_msix_entry *e = &v->msix.entry[offset / ENTRY_BYTES];
    const unsigned int word = offset % ENTRY_BYTES / 4;
    uint64_t val = word_of(e, word);

    if (size == 8)
        val |= (uint64_t)word_of(e, word + 1) << 32;
    return val;
}

unsigned int vpci_table_write(struct vpci_regs *v, uint32_t offset, unsigned int size, uint64_t val)
{
    struct vpci_msix_entry *e = &v->msix.entry[offset / ENTRY_BYTES];
    const unsigned int word = offset % ENTRY_BYTES / 4;

    store_word(e, word, (uint32_t)val);
    if (size == 8)
        store_word(e, word + 1, (uint32_t)(val >> 32));
    return offset / ENTRY_BYTES;
}
