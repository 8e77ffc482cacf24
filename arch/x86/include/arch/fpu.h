/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FPU and vector state: switched eagerly with XSAVE where the machine has it and `xsave` is not
 * disabled, else with FXSAVE. A vcpu's area is in the standard (not compacted) format, which is
 * what the toolstack saves too.
 */
#ifndef ARCH_FPU_H
#define ARCH_FPU_H

#include <hv/types.h>

struct fpu_area;
struct vcpu;

#define FXSAVE_SIZE 512
#define FCW_DEFAULT 0x37f
#define XSAVE_HEADER 512 /* offset of XSTATE_BV in the area */

void fpu_init_cpu(void);
int fpu_vcpu_create(struct vcpu *v) must_check; /* area with the reset state */
void fpu_vcpu_destroy(struct vcpu *v);
void fpu_save(struct vcpu *v);    /* its state is in this cpu's registers */
void fpu_restore(struct vcpu *v); /* and XCR0 */
/*
 * Of current, whose state is in this cpu's registers: out of them, to be looked at and changed
 * (arch/fpu_vector.h), and back. Nothing else between the two.
 */
void fpu_edit_begin(struct vcpu *v, struct fpu_area *area);
void fpu_edit_end(struct vcpu *v);
/*
 * After v, which may use XSAVE, was in the guest: XCR0 as it is. Not every processor intercepts
 * XSETBV; QEMU 7.2's does not.
 */
void fpu_note_xcr0(struct vcpu *v);
/* While v is on this cpu; 0 or -1 for #GP: its policy, or the machine, has it not. */
int fpu_set_xcr0(struct vcpu *v, uint64_t xcr0);
/* The rights by protection key of v, current or at rest; 0 where there are none. */
uint32_t fpu_pkru(const struct vcpu *v);
bool xcr0_valid(uint64_t xcr0, uint64_t allowed); /* pure: architectural dependencies */
/* The 512 legacy bytes, for vcpu_guest_context; v is not running. */
void fpu_get_legacy(const struct vcpu *v, void *fx);
void fpu_set_legacy(struct vcpu *v, const void *fx); /* NULL: reset state */
/*
 * The whole area, for the toolstack: cpu_features.xsave_size bytes (or FXSAVE_SIZE), checked;
 * -EINVAL. v is not running.
 */
int fpu_set_area(struct vcpu *v, const void *area, size_t size, uint64_t xcr0, uint64_t xcr0_accum)
    must_check;

#endif
