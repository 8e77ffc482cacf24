/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions that a PV guest caused, and what enters its kernel. entry.S calls pv_exception(); each
 * vector has a row. What is not for us goes to the guest's trap table as a bounce frame. public
 * arch-x86/xen.h, "set_trap_table".
 */
#include <arch/cpu.h>
#include <arch/guest_word.h>
#include <arch/insn.h>
#include <arch/layout.h>
#include <arch/pv.h>
#include <arch/pv_mmu.h>
#include <arch/regs.h>
#include <arch/traps.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/log.h>
#include <hv/shared32.h>
#include <hv/softirq.h>
#include <lib/string.h>

#include "bounce.h"

#define IDT_ERROR_EXT 1U
#define IDT_ERROR_IDT 2U
#define OPCODE_INT 0xcd
#define ASYNC_NMI 1U

/* --- into the guest's kernel ------------------------------------------------------------------ */

static uint64_t visible_iopl(const struct vcpu *v)
{
    return v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl)
               ? (uint64_t)v->arch.pv.iopl << 12
               : 0;
}

/*
 * Nothing is written before the first word, so a fault leaves the general function to say what is
 * wrong.
 */
static inline int write_frame(uint64_t sp, const uint64_t *frame, unsigned int n)
{
    if (unlikely(!guest_words_ok(sp, n)))
        return guest_write(sp, frame, n * sizeof(frame[0]));
    guest_words_begin();
#pragma GCC unroll 8
    for (unsigned int i = 0; i < n; i++)
        guest_put_word(sp + i * 8UL, frame[i], fault);
    guest_words_end();
    return 0;
fault:
    guest_words_end();
    return guest_write(sp, frame, n * sizeof(frame[0]));
}

/* One body for all; where b is a constant but for the address, most of it folds away. */
static inline __attribute__((always_inline)) void bounce(struct vcpu *v, struct cpu_user_regs *regs,
                                                         const struct bounce *b, bool in_kernel)
{
    struct vcpu_info *info = v->info;
    const struct bounce_state s = {
        .in_kernel = in_kernel,
        .events_masked = read_once(info->evtchn_upcall_mask),
        .kernel_sp = v->arch.pv.kernel_sp,
        .iopl = visible_iopl(v),
    };
    uint64_t frame[BOUNCE_WORDS], sp;
    const unsigned int n = bounce_build(regs, b, &s, frame, &sp);

    if (!in_kernel)
        pv_set_mode(v, true);
    if (unlikely(write_frame(sp, frame, n))) {
        domain_crash(v->domain, "no stack for its kernel at %#lx", (unsigned long)sp);
        return;
    }
    if (b->mask_events)
        write_once(info->evtchn_upcall_mask, 1);
    bounce_enter(regs, b, sp);
}

void pv_bounce(struct vcpu *v, struct cpu_user_regs *regs, const struct bounce *b)
{
    if (domain_is_32bit(v->domain))
        pv32_bounce(v, regs, b);
    else
        bounce(v, regs, b, v->arch.pv.in_kernel);
}

uint64_t pv_get_cr2(const struct vcpu *v)
{
    return domain_is_32bit(v->domain) ? vcpu_info32(v)->cr2 : v->info->arch.cr2;
}

void pv_set_cr2(struct vcpu *v, uint64_t cr2)
{
    if (domain_is_32bit(v->domain))
        write_once(vcpu_info32(v)->cr2, (uint32_t)cr2);
    else
        write_once(v->info->arch.cr2, cr2);
}

void pv_inject(struct vcpu *v, unsigned int vector, uint32_t error_code)
{
    const struct trap_info *t = &v->arch.pv.trap[vector];
    const struct bounce b = {
        .address = t->address,
        .error_code = error_code,
        .has_error = vector < 32 && (TRAP_HAS_ERROR & BIT(vector)),
        .mask_events = TI_GET_IF(t),
        .cs = t->cs,
    };

    if (t->address == 0) {
        domain_crash(v->domain, "unhandled exception %u, error code %#x", vector, error_code);
        return;
    }
    pv_bounce(v, guest_regs(), &b);
}

void pv_inject_pf(struct vcpu *v, uint64_t cr2, uint32_t error_code)
{
    error_code &= ~PFEC_USER;
    if (!pv_kernel_mode(v))
        error_code |= PFEC_USER;
    /* Where we are, nothing is: not even by the present bit. */
    if (cr2 >= HV_VIRT_START && cr2 < HV_VIRT_END)
        error_code &= ~PFEC_PRESENT;
    pv_set_cr2(v, cr2);
    pv_inject(v, TRAP_PF, error_code);
}

void pv_failsafe(struct vcpu *v)
{
    const struct pv_vcpu *pv = &v->arch.pv;
    const struct bounce b = {
        .address = pv->failsafe.address,
        .mask_events = pv->failsafe.mask_events,
        .failsafe = true,
        .cs = pv->failsafe.cs,
        .ds = pv->ds,
        .es = pv->es,
        .fs = pv->fs,
        .gs = pv->gs,
    };

    if (b.address == 0)
        domain_crash(v->domain,
                     "bad selector in ds %#x es %#x fs %#x gs %#x and no failsafe callback", b.ds,
                     b.es, b.fs, b.gs);
    else
        pv_bounce(v, guest_regs(), &b);
}

/* --- by vector -------------------------------------------------------------------------------- */

typedef void trap_fn(struct vcpu *v, struct cpu_user_regs *regs);

static void trap_plain(struct vcpu *v, struct cpu_user_regs *regs)
{
    pv_inject(v, regs->entry_vector, regs->error_code);
}

static void trap_debug(struct vcpu *v, struct cpu_user_regs *regs)
{
    v->arch.pv.dr[6] |= pv_read_dr6();
    pv_inject(v, TRAP_DB, 0);
}

static void trap_invalid_opcode(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (!pv_emulate_forced(v, regs))
        pv_inject(v, TRAP_UD, 0);
}

/* FPU state is switched eagerly, so the machine's CR0.TS is set only while the guest wants it. */
static void trap_no_fpu(struct vcpu *v, struct cpu_user_regs *regs)
{
    clts();
    if (!v->arch.pv.cr0_ts)
        return;
    v->arch.pv.cr0_ts = 0;
    pv_inject(v, TRAP_NM, 0);
}

/*
 * INT n in ring 3 meets a gate of DPL 0: #GP with the vector in the error code. QEMU 7.2 puts it
 * into the wrong bits there, so the instruction itself is asked first.
 */
static bool software_interrupt(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned int vector = (regs->error_code >> 3) & 0xff;
    uint8_t code[2];

    if ((regs->error_code & (IDT_ERROR_IDT | IDT_ERROR_EXT)) != IDT_ERROR_IDT)
        return false;
    if (guest_read(code, pv_linear_rip(v, regs), sizeof(code)) == 0 && code[0] == OPCODE_INT)
        vector = code[1];
    if (v->arch.pv.trap[vector].address == 0 ||
        TI_GET_DPL(&v->arch.pv.trap[vector]) < (pv_kernel_mode(v) ? 1 : 3)) {
        regs->error_code = vector * 8 + IDT_ERROR_IDT;
        return false;
    }
    regs->rip += 2;
    pv_inject(v, vector, 0);
    return true;
}

static void trap_general_protection(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (is_phantom_interrupt(regs) || software_interrupt(v, regs))
        return;
    if (regs->error_code == 0 && pv_emulate_privileged(v, regs))
        return;
    pv_inject(v, TRAP_GP, regs->error_code);
}

bool pv_perdomain_fault(struct vcpu *v, uint64_t cr2)
{
    const uint64_t offset = cr2 - LDT_VIRT(v->id);

    if (v->is_idle || offset >= LDT_VIRT(0) - GDT_VIRT(0) ||
        offset >= (uint64_t)v->arch.pv.ldt_ents * 8)
        return false;
    return pv_map_ldt_page(v, (unsigned int)(offset >> PAGE_SHIFT));
}

/* A descriptor could not be read: the guest sees what its own tables would have given. */
static void descriptor_fault(struct vcpu *v, struct cpu_user_regs *regs, uint64_t cr2)
{
    const uint64_t offset = cr2 - GDT_VIRT(v->id), ldt = LDT_VIRT(0) - GDT_VIRT(0);

    if (offset >= ldt && offset - ldt < (uint64_t)v->arch.pv.ldt_ents * 8)
        pv_inject_pf(v, v->arch.pv.ldt_base + offset - ldt,
                     regs->error_code & ~(PFEC_PRESENT | PFEC_FETCH));
    else
        pv_inject(v, TRAP_GP, (uint32_t)(offset & 0xfff8) | (offset >= ldt ? 4 : 0));
}

static void trap_page_fault(struct vcpu *v, struct cpu_user_regs *regs)
{
    const uint64_t cr2 = read_cr2();
    const uint32_t write = PFEC_PRESENT | PFEC_WRITE;

    if (unlikely(cr2 - GDT_VIRT(v->id) < 1UL << PERDOMAIN_VCPU_SHIFT)) {
        /* Ring 3 cannot get here by itself; the cpu reads descriptors as the supervisor. */
        if (!(regs->error_code & PFEC_USER)) {
            if (!pv_perdomain_fault(v, cr2))
                descriptor_fault(v, regs, cr2);
            return;
        }
    } else if ((regs->error_code & (write | PFEC_RESERVED | PFEC_FETCH)) == write &&
               pv_kernel_mode(v)) {
        if (pv_ptwr_fault(v, cr2, regs) ||
            (v->domain->is_hardware && pv_mmio_ro_fault(v, cr2, regs)))
            return;
    }
    pv_inject_pf(v, cr2, regs->error_code);
}

static trap_fn *const traps[32] = {
    [TRAP_DE] = trap_plain,
    [TRAP_DB] = trap_debug,
    [TRAP_BP] = trap_plain,
    [TRAP_OF] = trap_plain,
    [TRAP_BR] = trap_plain,
    [TRAP_UD] = trap_invalid_opcode,
    [TRAP_NM] = trap_no_fpu,
    [TRAP_TS] = trap_plain,
    [TRAP_NP] = trap_plain,
    [TRAP_SS] = trap_plain,
    [TRAP_GP] = trap_general_protection,
    [TRAP_PF] = trap_page_fault,
    [TRAP_MF] = trap_plain,
    [TRAP_AC] = trap_plain,
    [TRAP_XM] = trap_plain,
};

void pv_exception(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    trap_fn *fn = regs->entry_vector < ARRAY_SIZE(traps) ? traps[regs->entry_vector] : NULL;

    if (fn)
        fn(v, regs);
    else
        domain_crash(v->domain, "exception %u that nothing should raise", regs->entry_vector);
}

void pv_iret_fault(struct cpu_user_regs *frame)
{
    struct cpu_user_regs *regs = guest_regs();
    struct vcpu *v = current;
    const uint32_t error = frame->error_code, vector = frame->entry_vector;
    const uint64_t cr2 = read_cr2();

    /*
     * The IRET frame is still in place; the general registers are the guest's, saved a few words
     * further down.
     */
    memmove(regs, frame, offsetof(struct cpu_user_regs, error_code));
    regs->error_code = error;
    regs->entry_vector = vector;
    if (vector == TRAP_PF) /* its GDT or LDT has a hole where the selector points */
        descriptor_fault(v, regs, cr2);
    else
        pv_inject(v, vector, error);
    guest_resume();
}

/* --- system calls ----------------------------------------------------------------------------- */

static inline void enter_callback(struct vcpu *v, struct cpu_user_regs *regs,
                                  const struct pv_callback *cb)
{
    const struct bounce b = {
        .address = cb->address, .mask_events = cb->mask_events, .cs = cb->cs
    };

    pv_bounce(v, regs, &b);
    regs->rflags &= ~X86_EFLAGS_DF;
    if (regs->entry_vector == ENTRY_SYSCALL)
        regs->r11 = regs->rflags;
}

void pv_user_syscall(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct pv_callback *cb = &v->arch.pv.syscall;
    const struct bounce b = { .address = cb->address, .mask_events = cb->mask_events };

    if (likely(cb->address)) {
        bounce(v, regs, &b, false);
        regs->rflags &= ~X86_EFLAGS_DF;
        regs->r11 = regs->rflags;
        return;
    }
    regs->rip -= 2;
    regs->entry_vector = TRAP_UD;
    pv_inject(v, TRAP_UD, 0);
}

/*
 * The cpu has not kept the segments, and entry.S stored those that 64-bit guests have for such
 * code. A 32-bit guest's kernel has no use for either instruction: so it was the user.
 */
static void segments_of_user32(const struct vcpu *v, struct cpu_user_regs *regs)
{
    if (!domain_is_32bit(v->domain))
        return;
    regs->cs = PV32_RING3_CS;
    regs->ss = PV32_RING3_DS;
    regs->entry_vector = 0; /* SYSRET would load those */
}

void pv_syscall32(struct vcpu *v, struct cpu_user_regs *regs)
{
    segments_of_user32(v, regs);
    if (v->arch.pv.syscall32.address) {
        enter_callback(v, regs, &v->arch.pv.syscall32);
        return;
    }
    regs->rip -= 2;
    regs->entry_vector = TRAP_UD;
    pv_inject(v, TRAP_UD, 0);
}

void pv_sysenter(struct vcpu *v, struct cpu_user_regs *regs)
{
    segments_of_user32(v, regs);
    if (v->arch.pv.sysenter.address)
        enter_callback(v, regs, &v->arch.pv.sysenter);
    else
        pv_inject(v, TRAP_GP, 0);
}

/* --- before returning ------------------------------------------------------------------------- */

static bool deliver_nmi(struct vcpu *v)
{
    if (!v->nmi_pending || (v->async_exception_mask & ASYNC_NMI))
        return false;
    v->nmi_pending = false;
    if (v->arch.pv.trap[TRAP_NMI].address == 0) /* nobody wants it, not later either */
        return false;
    v->async_exception_mask |= ASYNC_NMI;
    pv_inject(v, TRAP_NMI, 0);
    return true;
}

static bool deliver_event(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct bounce b = {
        .address = v->arch.pv.event.address, .mask_events = true, .cs = v->arch.pv.event.cs
    };
    const struct vcpu_info *info = v->info;

    if (!read_once(info->evtchn_upcall_pending) || read_once(info->evtchn_upcall_mask) ||
        b.address == 0)
        return false;
    pv_bounce(v, regs, &b);
    return true;
}

/*
 * The loop ends: an NMI and an event each mask themselves, and softirqs are bounded by what
 * happened.
 */
void pv_exit_work(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;

    do {
        if (softirq_pending())
            softirq_process(); /* may not return */
    } while (deliver_nmi(v) || deliver_event(v, regs) || softirq_pending());
}
