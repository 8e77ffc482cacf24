/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the framing of save records (save.c) and what is in them (save_cpu.c, save_types.c). */
#ifndef HVM_SAVE_PRIV_H
#define HVM_SAVE_PRIV_H

#include <abi.h>
#include <hv/types.h>
#include <xen/hvm/save.h>

struct domain;
struct vcpu;

/* Which record, of whom. */
struct save_rec {
    struct domain *d;
    struct vcpu *v;            /* NULL: the domain's */
    unsigned int instance;
    uint64_t host_tsc;         /* one moment for all vcpus */
    bool even_if_down;         /* save a vcpu that does not run, too */
};

/* Bytes written to out; 0: there is no such record now. */
typedef size_t save_fn(const struct save_rec *r, void *out);
/* in has a length that its type allows, and is aligned to 8. */
typedef int load_fn(const struct save_rec *r, const void *in, size_t length);
/* The record that has everything which loading `in` would change. NULL: save_fn gives that. */
typedef size_t backup_fn(const struct save_rec *r, const void *in, size_t length, void *out);

struct save_type {
    const char *name;          /* NULL: no such type, or not one of ours */
    save_fn *save;
    load_fn *check, *load;     /* check: NULL where load refuses before it changes anything */
    backup_fn *backup;
    uint32_t device;           /* XEN_X86_EMU_*: only domains that have it */
    uint32_t min;              /* length; the most is its size */
    bool per_vcpu, variable;   /* variable: save_max_length() says the most */
    uint8_t instances;         /* of the domain's: 0 is 1 */
};

extern const struct save_type save_types[HVM_SAVE_CODE_MAX + 1]; /* by typecode */
size_t save_max_length(unsigned int code);

/* The CPU record: written by save, and into the vcpu without any check by load. */
size_t save_cpu(const struct save_rec *r, void *out);
int save_cpu_check(const struct save_rec *r, const void *in, size_t length);
int save_cpu_load(const struct save_rec *r, const void *in, size_t length);
/* The last step, which cannot fail: v has a context and goes up. */
void save_cpu_commit(struct vcpu *v, const struct hvm_hw_cpu *in, bool has_xsave);

/* --- MSRs and CPUID (mtrr.c, msr_save.c, cpuid.c) --------------------------------------------- */

void hvm_mtrr_save(struct vcpu *v, struct hvm_hw_mtrr *r);
int hvm_mtrr_load(struct vcpu *v, const struct hvm_hw_mtrr *r) must_check;
#define HVM_MSR_LIST 7U
unsigned int hvm_msr_list_save(struct vcpu *v, struct hvm_one_msr *out);
int hvm_msr_list_load(struct vcpu *v, const struct hvm_one_msr *in, unsigned int nr) must_check;
unsigned int hvm_phys_bits(const struct vcpu *v);

/* Registers in the form of PV guests, of a vcpu that does not run (vcpu_context.c). */
struct xen_domctl;
long hvm_context_get(struct domain *d, struct vcpu *v, struct xen_domctl *op);
long hvm_context_set(struct domain *d, struct vcpu *v, struct xen_domctl *op);

void hvm_fill_hypercall_page(void *page); /* hypercall.c */

#endif
