/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's edu device: it copies what it is told to between memory and a buffer of its own. What the
 * buffer has is seen by way of a page of memory that the device reaches.
 */
#ifndef EDU_H
#define EDU_H

#include "domu.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define EDU_PCI_ID 0x11e81234U
#define EDU_ID 0x010000edU /* its first register */
#define MEMORY_AND_MASTER 6U
#define PTE_UC 0x18UL

/* registers, and where it keeps what it copies */
#define EDU_SRC 0x80
#define EDU_DST 0x88
#define EDU_COUNT 0x90
#define EDU_COMMAND 0x98
#define EDU_BUFFER 0x40000UL
#define EDU_MAX (PAGE - 8) /* bytes at once */
#define EDU_RUN 1UL
#define EDU_TO_MEMORY 2UL

#define STALE 0x5a5a5a5a5a5a5a5aUL

static struct {
    volatile uint8_t *regs;
    uint32_t devfn;          /* on bus 0 */
    volatile uint64_t *back; /* a word that both of us reach */
    uint64_t back_at;        /* its machine address */
} edu;

static uint64_t maddr(const volatile void *va)
{
    return va_to_mfn((const void *)va) * PAGE + ((uint64_t)va & (PAGE - 1));
}

static inline uint32_t pci_config(uint32_t where)
{
    uint32_t v;

    __asm__ volatile("outl %0, %w1" : : "a"(where), "Nd"(PCI_ADDRESS));
    __asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(PCI_DATA));
    return v;
}

static inline void pci_config_write(uint32_t where, uint32_t v)
{
    __asm__ volatile("outl %0, %w1" : : "a"(where), "Nd"(PCI_ADDRESS));
    __asm__ volatile("outl %0, %w1" : : "a"(v), "Nd"(PCI_DATA));
}

/* Its registers are mapped, and it may go to memory; the way back is a page of ours. */
static bool edu_find(void)
{
    struct physdev_set_iopl iopl = { .iopl = 1 };

    hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    for (edu.devfn = 0; edu.devfn < 256; edu.devfn += 8) {
        const uint32_t at = 0x80000000U | edu.devfn << 8;

        if (pci_config(at) != EDU_PCI_ID)
            continue;
        pci_config_write(at + 4, MEMORY_AND_MASTER);
        edu.regs = alloc_page();
        edu.back = alloc_page();
        edu.back_at = maddr(edu.back);
        return set_va((uint64_t)edu.regs,
                      (pci_config(at + 0x10) & ~0xfffU) | PTE_RW_KERNEL | PTE_UC) == 0;
    }
    return false;
}

/* As the domain that drives the hardware does it. */
static inline void edu_announce(void)
{
    struct physdev_pci_device_add add = { .devfn = (uint8_t)edu.devfn };

    CHECK_EQ(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, &add), 0,
             "the device is announced");
}

static void edu_copy(uint64_t src, uint64_t dst, uint64_t bytes, uint64_t command)
{
    *(volatile uint64_t *)(edu.regs + EDU_SRC) = src;
    *(volatile uint64_t *)(edu.regs + EDU_DST) = dst;
    *(volatile uint64_t *)(edu.regs + EDU_COUNT) = bytes;
    *(volatile uint64_t *)(edu.regs + EDU_COMMAND) = command | EDU_RUN;
    YIELD_UNTIL(!(*(volatile uint64_t *)(edu.regs + EDU_COMMAND) & EDU_RUN), 5000);
}

/* The first word of its buffer. */
static void edu_fill(uint64_t v)
{
    *edu.back = v;
    edu_copy(edu.back_at, EDU_BUFFER, 8, 0);
}

/* What the device finds there; something else when it is not let. */
static inline uint64_t dma_read(uint64_t at)
{
    edu_fill(STALE);
    edu_copy(at, EDU_BUFFER, 8, 0);
    *edu.back = ~STALE;
    edu_copy(EDU_BUFFER, edu.back_at, 8, EDU_TO_MEMORY);
    return *edu.back;
}

static inline void dma_write(uint64_t at, uint64_t v)
{
    edu_fill(v);
    edu_copy(EDU_BUFFER, at, 8, EDU_TO_MEMORY);
}

#endif
