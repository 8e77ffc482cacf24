/* SPDX-License-Identifier: GPL-2.0-only */
/* Register numbers of the local APIC (offset / 16) and what its files share. */
#ifndef VLAPIC_PRIV_H
#define VLAPIC_PRIV_H

#include <arch/hvm.h>
#include <hv/domain.h>

enum {
    R_ID = 0x02, R_VERSION = 0x03, R_TPR = 0x08, R_APR = 0x09, R_PPR = 0x0a, R_EOI = 0x0b,
    R_RRD = 0x0c, R_LDR = 0x0d, R_DFR = 0x0e, R_SVR = 0x0f, R_ISR = 0x10, R_TMR = 0x18,
    R_IRR = 0x20, R_ESR = 0x28, R_ICR = 0x30, R_ICR_HIGH = 0x31, R_LVTT = 0x32, R_LVTTHMR = 0x33,
    R_LVTPC = 0x34, R_LVT0 = 0x35, R_LVT1 = 0x36, R_LVTERR = 0x37, R_TMICT = 0x38, R_TMCCT = 0x39,
    R_TDCR = 0x3e, R_SELF = 0x3f
};

#define LAPIC_VERSION 0x00050014U /* six LVT entries */
#define SVR_ENABLE (1U << 8)
#define LVT_MASKED (1U << 16)
#define LVT_STATUS (1U << 12)     /* delivery status: read-only, always idle here */
#define LVT_REMOTE_IRR (1U << 14)
#define LVTT_MODE (3U << 17)
#define LVTT_PERIODIC (1U << 17)
#define LVTT_DEADLINE (2U << 17)

#define ESR_SEND_VECTOR (1U << 5)
#define ESR_RECV_VECTOR (1U << 6)
#define ESR_REGISTER (1U << 7)

#define BASE_BSP BIT(8)
#define BASE_X2APIC BIT(10)
#define BASE_ENABLE BIT(11)

/* ICR and message fields. */
#define ICR_VECTOR 0xffU
#define ICR_MODE_SHIFT 8
#define ICR_LOGICAL (1U << 11)
#define ICR_ASSERT (1U << 14)
#define ICR_LEVEL (1U << 15)
#define ICR_SHORT_SHIFT 18
#define ICR_BITS 0x000ccfffU

/* How a register may be used; a table in vlapic.c. */
#define REG_READ 1U
#define REG_WRITE 2U
#define REG_X2READ 4U
#define REG_X2WRITE 8U
struct lapic_reg {
    uint32_t bits; /* writable */
    uint8_t access;
};
extern const struct lapic_reg lapic_regs[VLAPIC_REGS];

static inline struct vlapic *lapic_of(const struct vcpu *v) { return &v->arch.hvm->lapic; }
static inline bool vector_test(const uint32_t *bank, unsigned int vector)
{
    return (bank[vector / 32] >> (vector % 32)) & 1;
}
static inline void vector_set(uint32_t *bank, unsigned int vector)
{
    bank[vector / 32] |= 1U << (vector % 32);
}
static inline void vector_clear(uint32_t *bank, unsigned int vector)
{
    bank[vector / 32] &= ~(1U << (vector % 32));
}
int vector_highest(const uint32_t *bank); /* -1: none */

/* With the lock held. */
void vlapic_error(struct vlapic *l, uint32_t esr_bit) REQUIRES(l->lock);
void vlapic_accept(struct vlapic *l, unsigned int vector, bool level) REQUIRES(l->lock);
void vlapic_regs_reset(struct vlapic *l) REQUIRES(l->lock);
uint32_t vlapic_reg_read(struct vlapic *l, unsigned int r) REQUIRES(l->lock);
/* Something that the caller must do once it has let go of the lock. */
enum lapic_after { AFTER_NOTHING, AFTER_EOI, AFTER_ICR };
enum lapic_after vlapic_reg_write(struct vlapic *l, unsigned int r, uint32_t val)
    REQUIRES(l->lock);
void vlapic_after(struct vcpu *v, enum lapic_after what);
bool vlapic_sw_enabled(const struct vlapic *l);
uint32_t vlapic_x2_ldr(uint32_t id);
uint32_t vlapic_ppr_of(const struct vlapic *l);

void vlapic_send(struct vcpu *v, uint64_t icr, bool wide); /* no lock held */

/* The timer, vlapic_timer.c. */
uint32_t vlapic_timer_count(const struct vlapic *l);
void vlapic_timer_start(struct vlapic *l, uint32_t count) REQUIRES(l->lock);
/* `left` of the initial count are still to go. */
void vlapic_timer_run(struct vlapic *l, uint32_t left) REQUIRES(l->lock);
void vlapic_timer_stop(struct vlapic *l) REQUIRES(l->lock);
void vlapic_timer_divide(struct vlapic *l, uint32_t tdcr) REQUIRES(l->lock);
void vlapic_timer_mode(struct vlapic *l, uint32_t old_lvtt) REQUIRES(l->lock);
void vlapic_timer_deadline(struct vlapic *l, uint64_t tsc) REQUIRES(l->lock);
uint32_t vlapic_timer_divisor(const struct vlapic *l);
void vlapic_timer_fired(struct vtick *t);

#endif
