/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the PVH guest and its maker share: the first page of the guest's memory, and the notes
 * behind it.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include "mailbox_asm.h"

#include <stdint.h>

#define PVH_PAGES 2048U /* of the guest: 8 MiB from 0 on */
#define PVH_NOTES 200U
#define PVH_WHAT 96U
#define PVH_FIGURES 40U
#define PVH_VCPUS 256U

enum { RUN_ALL, RUN_TRIPLE_FAULT, RUN_HALT, RUN_SPIN, RUN_HOSTILE, RUN_BENCH, RUN_MANY, RUN_ONCE,
       RUN_PAGES, RUN_LEAVE, RUN_VIRIDIAN, RUN_FIVE_LEVELS, RUN_TSC, RUN_HVM, RUN_HVM_HOSTILE,
       RUN_HVM_TABLES, RUN_HVM_STUCK, RUN_HVM_ASK, RUN_HVM_BENCH, RUN_PCI };

/*
 * The device model that an HVM guest has: ports and memory that keep what is written, and a port
 * for orders.
 */
#define DM_PORTS 0x40U
#define DM_LAST_PORT 0x20U /* here and there the guest writes in turns, this often */
#define DM_LAST_WORD 0x1ff0UL
#define DM_TURNS 200U
#define DM_ORDER 0x380U
#define DM_MEMORY_SIZE 0x2000UL
#define DM_VGA 0xa0000UL /* ... of 0x1000 */
enum { DM_ISA = 1, DM_INTX_ON, DM_INTX_OFF, DM_MSI, DM_DEAF, DM_LOG };
#define DM_ISA_IRQ 11U
#define DM_INTX_DEVICE 4U
#define DM_INTX_GSI 32U
#define DM_MSI_VECTOR 0x48U
#define ON_DEMAND_GFN 0x1000U /* RUN_HVM_BENCH: pages that are populated on demand */
#define ON_DEMAND_PAGES 128U

/* RUN_PCI: QEMU's edu device, where the guest finds it, and what it is ordered to do: `first`. */
#define PCI_BAR 0xe4000000UL
#define PCI_BAR_PAGES 256U
#define PCI_DEVICE 4U /* its INTx A ends at pin 32 */
#define PCI_PIN 32U
#define PCI_PIN_VECTOR 0x63U
#define PCI_MARK 0x1122334455667788UL
enum {
    PCI_LOOK,   /* at its registers */
    PCI_COPY,   /* from a page to another; then to the address `add`, which is not the guest's */
    PCI_GIVE,   /* that other page back */
    PCI_HOLE,   /* the device writes to where it was */
    PCI_REGAIN, /* a page there again, and write to it */
    PCI_RAISE,  /* its interrupt `add` times; sum: how often the vector `nr` has come, ever */
    PCI_ROUTE,  /* the pin, by level, to its vector */
    PCI_SILENT, /* raise it, without a look whether it comes */
    PCI_BUSY,   /* all that for as long as the device is there; sum: rounds */
    PCI_END
};

struct pvh_note {
    int64_t got, want;
    uint32_t ok;
    char what[PVH_WHAT];
};

struct pvh_figure {
    char name[40];
    uint64_t min, median, max;
};

struct mailbox {
    uint64_t entry;        /* of the image */
    uint64_t entry_real;   /* ... for HVM guests: in real mode */
    uint32_t run;          /* RUN_*, of the maker */
    /*
     * Of the maker: stock Xen kills who sets CR0.NW without CD, and lets CR8 be written without an
     * exit, which QEMU 7.2 does not survive while an interrupt is pending.
     */
    uint32_t stock;
    uint32_t alive;        /* RUN_SPIN, RUN_LEAVE: counts */
    uint32_t vcpus;        /* RUN_MANY */
    uint32_t five_levels;  /* of page tables, not four */
    /* RUN_PAGES: `add` to a word of each page from first on, all of them to sum; order counts up */
    uint32_t order, done, first, nr;
    uint64_t add, sum;
    uint64_t seed;         /* RUN_HVM_HOSTILE */
    uint32_t bochs;        /* of the maker: the emulator is Bochs */
    uint32_t nr_notes, nr_figures;
    struct pvh_note note[PVH_NOTES];
    struct pvh_figure figure[PVH_FIGURES];
};

#endif
