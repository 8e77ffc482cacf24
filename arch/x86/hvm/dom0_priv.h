/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the builder of a PVH dom0: docs/dom0-pvh.md. */
#ifndef DOM0_PRIV_H
#define DOM0_PRIV_H

#include <arch/build.h>
#include <drivers/acpi.h>
#include <hv/types.h>
#include <lib/e820.h>

struct domain;

struct dom0_memory {
    struct domain *d;
    uint64_t left;    /* frames that it is still to get */
    uint64_t moved;   /* frames above 1 MiB whose gfn is not their mfn */
    struct dom0_frames frames;
};

/* --- dom0_memory.c: gets frames; those that cannot be had end the boot ------------------------ */

/* 2^order frames at their own address, which is below 2^bits. */
uint64_t dom0_memory_low(struct dom0_memory *m, unsigned int order, unsigned int bits,
                         uint32_t type);
/* All that lies in [first, first + nr): the kernel's place, which is fixed. */
void dom0_memory_at(struct dom0_memory *m, uint64_t first, uint64_t nr);
/* RAM of the first MiB, with what the firmware has left there. */
void dom0_memory_first_mib(struct dom0_memory *m, const struct e820 *host);
void dom0_memory_rest(struct dom0_memory *m);
/* Into the physmap. */
void dom0_memory_map(struct dom0_memory *m);

/* --- dom0_map.c: pure ------------------------------------------------------------------------- */

/*
 * dom0's map: the machine's, in which RAM that is not dom0's is unusable. At most `max` ranges: the
 * smallest of RAM are left out if there are more. -ENOSPC.
 */
int dom0_e820(struct e820 *out, const struct e820 *host, const struct dom0_chunk *chunk,
              unsigned int nr, unsigned int max) must_check;

/* --- dom0_acpi.c: pure ------------------------------------------------------------------------ */

struct dom0_acpi_input {
    const struct acpi_info *host;
    uint64_t pa;            /* where it will be */
    unsigned int nr_vcpus;
    unsigned int gsis;      /* of the one IO-APIC that it has */
};
/* RSDP (at the start), XSDT and MADT; the length, or -ENOSPC. */
int dom0_acpi_build(void *buffer, size_t size, const struct dom0_acpi_input *in) must_check;

#endif
