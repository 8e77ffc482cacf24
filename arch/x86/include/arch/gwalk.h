/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk of a guest's own page tables in software, with the processor's answers: the address, or
 * the page fault with its error code. Pure: tables are read through callbacks, so it runs in host
 * tests. AMD APM vol. 2, chapter 5 "Page Translation and Protection"; Intel SDM vol. 3, chapter
 * "Paging".
 */
#ifndef ARCH_GWALK_H
#define ARCH_GWALK_H

#include <hv/types.h>

/* What an access asks for, besides PFEC_WRITE, PFEC_USER and PFEC_FETCH. */
#define GWALK_IMPLICIT BIT(16) /* a system table, or the like: SMAP holds whatever EFLAGS.AC is */
#define GWALK_NO_SMAP BIT(17)  /* a hypercall's argument */
#define GWALK_NO_AD BIT(18)    /* a debugger's look: A and D bits stay as they are */

struct vcpu;

struct gwalk_cpu {
    uint64_t cr0, cr3, cr4, efer, rflags;
    uint32_t pkru;
    uint8_t phys_bits;     /* address bits of table entries; those above are reserved */
    bool page1gb;          /* 1 GiB pages exist; else the bit is reserved */
    bool amd;              /* reserved bits differ */
    bool pdpte_accessed;   /* QEMU's: it sets the accessed bit of PAE's PDPTEs, which is reserved */
};

enum gwalk_cas { GWALK_CAS_DONE, GWALK_CAS_LOST };

struct gwalk_ops {
    /* An entry of 4 or 8 bytes, in one read. False: there is no memory. */
    bool (*read)(void *ctx, uint64_t gpa, unsigned int size, uint64_t *val);
    /* Lost: *old is what is there. Memory that cannot be written stays as it is: done. */
    enum gwalk_cas (*cmpxchg)(void *ctx, uint64_t gpa, unsigned int size, uint64_t *old,
                              uint64_t val);
};

struct gwalk_out {
    uint64_t gpa;
    uint32_t error;        /* of the page fault */
    uint8_t shift;         /* of the page: 12, 21, 22, 30; 32 without paging */
};

/*
 * The address of linear in out->gpa; false: a page fault with out->error. A table that is not in
 * memory reads as zeros. linear is canonical (64-bit modes); elsewhere its low 32 bits count.
 * When other vcpus change the tables all the time, the answer is a fault that they have not
 * earned: guests repeat the access.
 */
bool gwalk(const struct gwalk_cpu *cpu, const struct gwalk_ops *ops, void *ctx, uint64_t linear,
           uint32_t access, struct gwalk_out *out) must_check;

/* That of v, current or at rest (gwalk_cpu.c). */
void gwalk_cpu_of(struct vcpu *v, struct gwalk_cpu *out);

/* Is linear an address in this mode at all (canonical, or within 32 bits)? */
bool gwalk_address_ok(const struct gwalk_cpu *cpu, uint64_t linear);

#endif
