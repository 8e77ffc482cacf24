/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PV guests' cpu side: how exceptions and events enter the guest's kernel, its two modes, its
 * context. docs/exits.md.
 *
 * A guest's kernel and user both run in ring 3; v->arch.pv.in_kernel tells which. The mode, the
 * loaded page table and the two GS bases (GS.base, and KERNEL_GS_BASE of the mode that is not
 * running) change together, in pv_set_mode().
 */
#ifndef ARCH_PV_H
#define ARCH_PV_H

#include <abi.h>
#include <arch/pv32.h>
#include <hv/domain.h>
#include <hv/types.h>

struct domain;
struct vcpu;

struct bounce;

/* Guest kernel mode; v is current, or does not run. */
static inline bool pv_kernel_mode(const struct vcpu *v)
{
    return domain_is_32bit(v->domain) ? pv32_in_kernel(v) : v->arch.pv.in_kernel;
}

/* A selector of the guest's kernel, which cannot mean a lower ring than it is in. */
static inline uint16_t pv_kernel_selector(const struct domain *d, uint16_t selector)
{
    if (domain_is_32bit(d))
        return selector & 3 ? selector : selector | 1;
    return selector | 3;
}

void pv_set_trap(struct vcpu *v, struct trap_info t); /* callback.c */

/* CR2 as the guest sees it: in its vcpu_info. */
uint64_t pv_get_cr2(const struct vcpu *v);
void pv_set_cr2(struct vcpu *v, uint64_t cr2);

/* --- entering the guest's kernel (current only) ----------------------------------------------- */

void pv_bounce(struct vcpu *v, struct cpu_user_regs *regs, const struct bounce *b);
/* an exception, through its trap table */
void pv_inject(struct vcpu *v, unsigned int vector, uint32_t error_code);
void pv_inject_pf(struct vcpu *v, uint64_t cr2, uint32_t error_code);
void pv_failsafe(struct vcpu *v); /* a selector in v->arch.pv could not be loaded */
void pv_set_mode(struct vcpu *v, bool kernel);

void pv_exception(struct cpu_user_regs *regs);
/* our IRET to the guest faulted: the guest's exception */
void pv_iret_fault(struct cpu_user_regs *frame) noreturn;
void pv_exit_work(struct cpu_user_regs *regs);
void pv_user_syscall(struct vcpu *v, struct cpu_user_regs *regs);
void pv_syscall32(struct vcpu *v, struct cpu_user_regs *regs);
void pv_sysenter(struct vcpu *v, struct cpu_user_regs *regs);
/* a descriptor of v's LDT was needed: mapped now */
bool pv_perdomain_fault(struct vcpu *v, uint64_t cr2);

/* --- privileged instructions (priv_op.c) ------------------------------------------------------ */

/*
 * What faulted in the guest with #GP(0): true when done (registers are updated), false: the #GP is
 * the guest's.
 */
bool pv_emulate_privileged(struct vcpu *v, struct cpu_user_regs *regs);
bool pv_emulate_forced(struct vcpu *v, struct cpu_user_regs *regs); /* #UD: prefixed CPUID */

/* --- segments (segment.c) --------------------------------------------------------------------- */

struct segment {
    uint64_t base;
    uint32_t limit;
    bool code64, db32;
    uint8_t dpl;
    bool code, conforming; /* else data, perhaps writable */
    bool writable;
};
int pv_read_segment(const struct vcpu *v, uint16_t selector, struct segment *seg); /* 0 or -1 */
/* Is the code that runs of 64 or of 32 bits? false: of 16, or its segment is gone. */
bool pv_code_width(const struct vcpu *v, const struct cpu_user_regs *regs, bool *code64);
/* Where the instruction at rip is. */
uint64_t pv_linear_rip(const struct vcpu *v, const struct cpu_user_regs *regs);
/* Linear base of a data segment of the running guest; seg is SEG_* of priv_decode.h. 0 or -1. */
int pv_data_base(const struct vcpu *v, unsigned int seg, bool mode64, uint64_t *base);
void pv_save_segments(struct vcpu *v);
bool pv_load_segments(struct vcpu *v); /* false: a selector was bad; loaded as null */
uint64_t read_fs_base(void);
void write_fs_base(uint64_t base);
void write_gs_base(uint64_t base);
uint64_t read_gs_base(void);

/* --- debug registers (debugreg.c) ------------------------------------------------------------- */

/* 0, -ENODEV, -EINVAL, -EPERM; v may not be current */
int pv_set_debugreg(struct vcpu *v, unsigned int reg, uint64_t val);
uint64_t pv_get_debugreg(const struct vcpu *v, unsigned int reg);
void pv_load_debugregs(const struct vcpu *v); /* switch-in */
uint64_t pv_read_dr6(void);                   /* and reset it */

/* --- I/O ports (io.c) ------------------------------------------------------------------------- */

/* the virtual IOPL lets the running mode do I/O, CLI and STI */
bool pv_iopl_ok(const struct vcpu *v);
/* virtual IOPL or the I/O bitmap */
bool pv_io_allowed(struct vcpu *v, uint16_t port, unsigned int size);
uint32_t pv_io_read(struct vcpu *v, uint16_t port, unsigned int size);
void pv_io_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val);
/* The machine's, unchecked. */
uint32_t hw_port_read(uint16_t port, unsigned int size);
void hw_port_write(uint16_t port, unsigned int size, uint32_t val);
/* PHYSDEVOP_set_iopl, set_iobitmap use pv.iopl, pv.iobmp, pv.iobmp_limit. */

/* --- whole contexts (domain.c) ---------------------------------------------------------------- */

/*
 * v is paused and not loaded anywhere. -EINVAL, -EFAULT, ...; on failure v stays as it was but for
 * references.
 */
int pv_set_context(struct vcpu *v, const struct vcpu_guest_context *c) must_check;
void pv_get_context(struct vcpu *v, struct vcpu_guest_context *c);

/* Life of PV domains and vcpus, as the functions arch_*() of hv/domain.h say. */
int pv_domain_create(struct domain *d, const struct xen_domctl_createdomain *config) must_check;
void pv_domain_destroy(struct domain *d);
int pv_vcpu_create(struct vcpu *v) must_check;
void pv_vcpu_destroy(struct vcpu *v);
void pv_vcpu_reset(struct vcpu *v);
int pv_vcpu_initialise(struct vcpu *v, uint64_t arg) must_check;

struct xen_domctl;
/*
 * Contexts, XSAVE state and MSRs of vcpus, the hypercall page: for the toolstack (domctl.c).
 * -ENOSYS: not one of these.
 */
long pv_domctl(struct domain *d, struct xen_domctl *op, bool *copy_back);
long pv_get_page_info(struct domain *d, const struct xen_domctl *op); /* page_info.c */

/* --- context switch (context.c) --------------------------------------------------------------- */

void guest_resume(void) noreturn; /* entry.S: run current from cpu_info->regs */

/* Write CR4, CR0.TS and so on as current wants them, after they changed. */
void pv_load_cr4(const struct vcpu *v);

#endif
