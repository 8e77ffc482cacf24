/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices that are played, for a test of vpci.c and msi.c: configuration space behind ports,
 * device memory, and the interrupts that may be had. Included by that test alone.
 */
#ifndef TESTS_HOST_VPCI_WORLD_H
#define TESTS_HOST_VPCI_WORLD_H

#include <stdlib.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/hwdom.h>
#include <arch/irq.h>
#include <arch/msi.h>
#include <arch/paging.h>
#include <arch/smpboot.h>
#include <arch/vpci.h>
#include <arch/vpci_reg.h>
#include <drivers/acpi.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <hv/sched.h>

#define DEVICES 3U
#define IRQS 24U          /* few: they run out */
#define FIRST_IRQ 32U
#define VECTOR_OF(irq) (0x40U + (irq))
#define BAR_BYTES 0x4000U
#define RAM_END 0x1000000U
#define MSI_POS 0x50U
#define MSIX_POS 0x80U

struct acpi_info acpi_info;
struct rangeset *mmio_ro_ranges;
struct domain *dom0;
struct vcpu *host_current[64];
unsigned int host_cpu;
uint32_t cpu_apic_id[NR_CPUS];
DEFINE_SPINLOCK(pci_lock, RANK_PHYSDEV);
struct pci_config pci_hw;

/* --- the devices ------------------------------------------------------------------------------ */

static struct {
    uint8_t reg[256], writable[256];
    _Alignas(4096) uint8_t memory[BAR_BYTES];
} hw[DEVICES];
static struct pci_dev dev[DEVICES];
static uint32_t cf8;

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* Device n is at 00:0(n+1).0. */
static unsigned int index_of(uint32_t sbdf)
{
    const uint32_t n = (sbdf >> 3) - 1;

    return sbdf & 7 || n >= DEVICES ? DEVICES : n;
}

static uint32_t in(void *ctx, uint16_t port, unsigned int width)
{
    const unsigned int n = index_of(cf8 >> 8 & 0xffff), reg = (cf8 & 0xfc) + (port & 3);
    uint32_t val = 0;

    (void)ctx;
    if (n == DEVICES)
        return pci_all_ones(width);
    memcpy(&val, &hw[n].reg[reg], width);
    return val;
}

static void out(void *ctx, uint16_t port, uint32_t val, unsigned int width)
{
    const unsigned int n = index_of(cf8 >> 8 & 0xffff), reg = (cf8 & 0xfc) + (port & 3);

    (void)ctx;
    if (port == 0xcf8)
        cf8 = val;
    else if (n < DEVICES)
        for (unsigned int i = 0; i < width; i++) {
            const uint8_t w = hw[n].writable[reg + i];

            hw[n].reg[reg + i] = (uint8_t)((hw[n].reg[reg + i] & ~w) | (val >> 8 * i & w));
        }
}

static uint16_t reg16(unsigned int n, unsigned int reg)
{
    return (uint16_t)(hw[n].reg[reg] | hw[n].reg[reg + 1] << 8);
}

static uint32_t reg32(unsigned int n, unsigned int reg)
{
    return reg16(n, reg) | (uint32_t)reg16(n, reg + 2) << 16;
}

static void set(unsigned int n, unsigned int reg, unsigned int width, uint32_t val,
                uint32_t writable)
{
    memcpy(&hw[n].reg[reg], &val, width);
    memcpy(&hw[n].writable[reg], &writable, width);
}

/* MSI with what byte b says, MSI-X with a table at an offset of its BAR, which has 64 bits. */
static void device_start(unsigned int n, const uint8_t *b)
{
    const unsigned int wide = b[0] & 8, maskable = b[0] & 16, data = wide ? 12 : 8;

    memset(&hw[n], 0, sizeof(hw[n]));
    set(n, PCI_VENDOR_ID, 4, 0x11111111, 0);
    set(n, PCI_COMMAND, 4, 0x100000, 0x407);
    set(n, PCI_BAR0, 4, 0xe0000004 + n * BAR_BYTES, ~(BAR_BYTES - 1));
    set(n, PCI_BAR0 + 4, 4, 0, ~0U);
    set(n, PCI_CAPABILITIES, 1, b[0] & 0x20 ? MSIX_POS : MSI_POS, 0);
    set(n, MSI_POS, 4,
        PCI_CAP_MSI | MSIX_POS << 8 | (b[0] & 7U) << 17 | wide << 20 | maskable << 20, 0x710000);
    set(n, MSI_POS + 4, 4, 0, ~3U);
    if (wide)
        set(n, MSI_POS + 8, 4, 0, ~0U);
    set(n, MSI_POS + data, 2, 0, 0xffff);
    if (maskable)
        set(n, MSI_POS + data + 4, 4, 0, ~0U);
    set(n, MSIX_POS, 4, PCI_CAP_MSIX | (b[1] & 0x7fU) << 16, 0xc0000000);
    set(n, MSIX_POS + 4, 4, (b[1] & 0x80 ? 0xff8 : 0x2000) | (n == 2 && b[0] & 0x40 ? 7 : 0), 0);
    for (uint32_t i = 0; i < BAR_BYTES; i += 16) /* a firmware's messages, unmasked */
        memset(hw[n].memory + i, b[0] & 0x80 ? 0x55 & ~1 : 0, 12);
    dev[n] = (struct pci_dev){ .id = pci_sbdf(0, 0, pci_devfn(n + 1, 0)) };
}

static uint64_t bar_of(unsigned int n)
{
    return (reg32(n, PCI_BAR0) & ~15U) | (uint64_t)reg32(n, PCI_BAR0 + 4) << 32;
}

static unsigned int device_at(uint64_t pa)
{
    for (unsigned int n = 0; n < DEVICES; n++)
        if (pa >= bar_of(n) && pa - bar_of(n) < BAR_BYTES)
            return n;
    return DEVICES;
}

/* --- what vpci.c and msi.c stand on ----------------------------------------------------------- */

struct pci_dev *pci_dev_find(pci_sbdf_t id)
{
    const unsigned int n = index_of(id.n);

    return n < DEVICES ? &dev[n] : NULL;
}

struct pci_dev *pci_dev_get(pci_sbdf_t id) { return pci_dev_find(id); }

void pci_dev_search(bool (*fn)(struct pci_dev *d, void *ctx), void *ctx)
{
    for (unsigned int n = 0; n < DEVICES; n++)
        if (fn(&dev[n], ctx))
            return;
}

bool pci_dev_caps(struct pci_dev *d)
{
    if (!d->caps_read) {
        d->has_msi = pci_read_msi(&pci_hw, d->id, &d->guard.msi_cap);
        d->has_msix = pci_read_msix(&pci_hw, d->id, &d->guard.msix_cap);
        d->caps_read = true;
    }
    return true;
}

volatile uint8_t *pci_dev_ecam(struct pci_dev *d) { return NULL; }

bool mfn_is_ram(mfn_t mfn) { return mfn.n < RAM_END >> PAGE_SHIFT; }
bool rangeset_contains(struct rangeset *r, uint64_t s, uint64_t e)
{
    return e < 0xfee00 || s > 0xfeeff;
}
int rangeset_add(struct rangeset *r, uint64_t s, uint64_t e) { return 0; }
int rangeset_remove(struct rangeset *r, uint64_t s, uint64_t e) { return 0; }

static uint8_t nowhere[BAR_BYTES];

void *hv_ioremap(paddr_t pa, size_t len)
{
    const unsigned int n = device_at(pa);

    require(len > 0 && pa >= RAM_END && (pa + len <= 0xfee00000 || pa >= 0xfef00000));
    if (n == DEVICES || pa - bar_of(n) + len > BAR_BYTES)
        return len <= sizeof(nowhere) ? nowhere : NULL;
    return hw[n].memory + (pa - bar_of(n));
}

static void *given[64];
static unsigned int nr_given;

void *hv_alloc(size_t size)
{
    void *p = nr_given < ARRAY_SIZE(given) ? calloc(1, size) : NULL;

    require(size <= PAGE_SIZE);
    if (p)
        given[nr_given++] = p;
    return p;
}

void hv_free(void *p)
{
    for (unsigned int i = 0; i < nr_given; i++)
        if (given[i] == p) {
            given[i] = given[--nr_given];
            free(p);
            return;
        }
    require(!p);
}

void *hv_page_alloc(unsigned int order)
{
    void *p = nr_given < ARRAY_SIZE(given) ? calloc(PAGE_SIZE, 1UL << order) : NULL;

    if (p)
        given[nr_given++] = p;
    return p;
}

void log_print(enum log_level level, const char *fmt, ...) {}
void panic(const char *fmt, ...) { abort(); }
void cpu_wait(void) { abort(); }
void hwdom_unmap(struct domain *d, uint64_t first, uint64_t last) { require(first <= last); }

/* --- interrupts ------------------------------------------------------------------------------- */

static struct irq_desc desc[IRQS];
static bool bound[IRQS], refused[IRQS];
static bool refuse; /* the next one to be bound: one of several of an MSI comes to nobody then */
static uint64_t message[IRQS];

static unsigned int slot_of(unsigned int irq)
{
    require(irq >= FIRST_IRQ && irq < FIRST_IRQ + IRQS && desc[irq - FIRST_IRQ].allocated);
    return irq - FIRST_IRQ;
}

struct irq_desc *irq_to_desc(unsigned int irq) { return &desc[slot_of(irq)]; }

int irq_alloc_msi(unsigned int nr, const struct irq_chip *chip, void *chip_data)
{
    require(nr && nr <= 32 && !(nr & (nr - 1)));
    for (unsigned int i = 0; i + nr <= IRQS; i += nr) {
        unsigned int used = 0;

        for (unsigned int k = 0; k < nr; k++)
            used += desc[i + k].allocated;
        if (used)
            continue;
        for (unsigned int k = 0; k < nr; k++) {
            desc[i + k] = (struct irq_desc){
                .irq = (uint16_t)(FIRST_IRQ + i + k), .vector = (uint8_t)VECTOR_OF(i + k),
                .allocated = true, .chip = chip, .chip_data = chip_data
            };
            refused[i + k] = false;
            spin_init(&desc[i + k].lock, RANK_IRQ);
        }
        return (int)(FIRST_IRQ + i);
    }
    return -ENOSPC;
}

void irq_free_msi(unsigned int first, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        require(!bound[slot_of(first + i)]);
        desc[first + i - FIRST_IRQ].allocated = false;
    }
}

int irq_bind_guest(unsigned int irq, struct domain *d, uint32_t number, unsigned int cpu,
                   bool share)
{
    const unsigned int i = slot_of(irq);

    require(!bound[i] && !share && number == HWDOM_MESSAGE + irq);
    if (refuse) {
        refuse = false;
        refused[i] = true;
        return -ENOSPC;
    }
    bound[i] = true;
    desc[i].chip->unmask(&desc[i]);
    return 0;
}

void irq_unbind_guest(unsigned int irq, struct domain *d)
{
    const unsigned int i = slot_of(irq);

    if (bound[i])
        desc[i].chip->mask(&desc[i]);
    bound[i] = false;
}

void irq_set_masked(unsigned int irq, bool masked)
{
    const unsigned int i = slot_of(irq);

    if (bound[i])
        (masked ? desc[i].chip->mask : desc[i].chip->unmask)(&desc[i]);
}

void hwdom_message_set(unsigned int irq, uint64_t address, uint32_t data)
{
    message[slot_of(irq)] = address;
}

#endif
