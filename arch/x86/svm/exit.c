/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exits of an AMD-V guest: a table from exit code to a small function each. Whatever is not the
 * extension's own matter goes on in arch/x86/hvm/. AMD APM vol. 2 §15.9 to §15.14, appendix C.
 */
#include <arch/cpu.h>
#include <arch/emul_task.h>
#include <arch/insn.h>
#include <arch/pt.h>
#include <arch/regs.h>
#include <hv/log.h>
#include <hv/sched.h>

#include "svm_priv.h"

typedef void exit_fn(struct vcpu *v, struct vmcb *b);

/* --- instructions ----------------------------------------------------------------------------- */

/*
 * Length of the instruction that made the exit; 0: memory holds another one by now, and an
 * exception is on its way.
 */
static unsigned int length_of(struct vcpu *v, const struct vmcb *b, unsigned int map,
                              uint8_t opcode)
{
    if (svm_features.next_rip && b->next_rip)
        return (unsigned int)(b->next_rip - guest_regs()->rip);
    return hvm_insn_length(v, map, opcode);
}

static void exit_cpuid(struct vcpu *v, struct vmcb *b)
{
    const unsigned int length = length_of(v, b, MAP_0F, 0xa2);
    struct cpu_user_regs *r = guest_regs();
    uint32_t out[4];

    if (length == 0)
        return;
    hvm_cpuid(v, (uint32_t)r->rax, (uint32_t)r->rcx, out);
    r->rax = out[0];
    r->rbx = out[1];
    r->rcx = out[2];
    r->rdx = out[3];
    hvm_advance(v, length);
}

static void exit_msr(struct vcpu *v, struct vmcb *b)
{
    struct cpu_user_regs *r = guest_regs();
    const bool write = b->exit_info1 == 1;
    const unsigned int length = length_of(v, b, MAP_0F, write ? 0x30 : 0x32);
    uint64_t val = (r->rdx << 32) | (uint32_t)r->rax;

    if (length == 0)
        return;
    if (write ? hvm_wrmsr(v, (uint32_t)r->rcx, val) : hvm_rdmsr(v, (uint32_t)r->rcx, &val)) {
        hvm_inject(v, TRAP_GP, 0);
        return;
    }
    if (!write) {
        r->rax = (uint32_t)val;
        r->rdx = val >> 32;
    }
    hvm_advance(v, length);
}

static void exit_io(struct vcpu *v, struct vmcb *b)
{
    const uint32_t info = (uint32_t)b->exit_info1;

    if (info & IOIO_STRING) {
        hvm_emulate(v);
        return;
    }
    /* EXITINFO2 has the next RIP, whatever the processor's age. */
    hvm_advance(v, (unsigned int)(b->exit_info2 - guest_regs()->rip));
    hvm_port_exit(v, IOIO_PORT(info), IOIO_SIZE(info), !(info & IOIO_IN));
}

static void exit_emulate(struct vcpu *v, struct vmcb *b) { hvm_emulate(v); }

static void exit_vmmcall(struct vcpu *v, struct vmcb *b)
{
    const unsigned int length = length_of(v, b, MAP_0F, 0x01);

    if (length && hvm_hypercall(v))
        hvm_advance(v, length);
}

static void exit_xsetbv(struct vcpu *v, struct vmcb *b)
{
    const struct cpu_user_regs *r = guest_regs();
    const unsigned int length = length_of(v, b, MAP_0F, 0x01);

    if (length == 0)
        return;
    if (hvm_ops->cpl(v) != 0 ||
        hvm_xsetbv(v, (uint32_t)r->rcx, (r->rdx << 32) | (uint32_t)r->rax))
        hvm_inject(v, TRAP_GP, 0);
    else
        hvm_advance(v, length);
}

/* Caches are coherent with what guests can reach. */
static void exit_wbinvd(struct vcpu *v, struct vmcb *b)
{
    const unsigned int length =
        length_of(v, b, MAP_0F, b->exit_code == SVM_EXIT_WBINVD ? 0x09 : 0x08);

    if (length)
        hvm_advance(v, length);
}

static void exit_undefined(struct vcpu *v, struct vmcb *b) { hvm_inject(v, TRAP_UD, 0); }
static void exit_rdpmc(struct vcpu *v, struct vmcb *b) { hvm_inject(v, TRAP_GP, 0); }

static void exit_hlt(struct vcpu *v, struct vmcb *b)
{
    const unsigned int length = length_of(v, b, MAP_ONE, 0xf4);

    if (length == 0)
        return;
    hvm_advance(v, length);
    hvm_hlt(v);
}

static void exit_pause(struct vcpu *v, struct vmcb *b) { vcpu_yield(); }

/* From now on the guest has the registers, until it leaves the cpu. */
static void exit_debug_register(struct vcpu *v, struct vmcb *b)
{
    struct hvm_cpu *c = &v->arch.hvm->cpu;

    if (c->dr_dirty) {
        hvm_inject(v, TRAP_UD, 0);
        return;
    }
    c->dr_dirty = true;
    b->intercept_dr = 0;
    b->clean &= ~VMCB_CLEAN_INTERCEPTS;
    __asm__ volatile("mov %0, %%db0" ::"r"(c->dr[0]));
    __asm__ volatile("mov %0, %%db1" ::"r"(c->dr[1]));
    __asm__ volatile("mov %0, %%db2" ::"r"(c->dr[2]));
    __asm__ volatile("mov %0, %%db3" ::"r"(c->dr[3]));
}

/* --- events ----------------------------------------------------------------------------------- */

static void exit_interrupt(struct vcpu *v, struct vmcb *b) { irq_window(); }
static void exit_nothing(struct vcpu *v, struct vmcb *b) {}

static void exit_window(struct vcpu *v, struct vmcb *b)
{
    b->intercept1 &= ~INTERCEPT1_VINTR;
    b->vintr &= ~(VINTR_IRQ | VINTR_PRIO | VINTR_IGNORE_TPR);
    b->clean &= ~(VMCB_CLEAN_INTERCEPTS | VMCB_CLEAN_TPR);
}

/* The handler of an NMI ends: with this instruction, which the next entry executes. */
static void exit_iret(struct vcpu *v, struct vmcb *b)
{
    v->arch.hvm->svm->nmi_masked = false;
    b->intercept1 &= ~INTERCEPT1_IRET;
    b->clean &= ~VMCB_CLEAN_INTERCEPTS;
    b->shadow = VMCB_SHADOW; /* not another one before it */
}

static void exit_db(struct vcpu *v, struct vmcb *b) { hvm_inject(v, TRAP_DB, 0); }
static void exit_ac(struct vcpu *v, struct vmcb *b) { hvm_inject(v, TRAP_AC, 0); }

static void exit_mc(struct vcpu *v, struct vmcb *b)
{
    panic("machine check while d%uv%u ran", v->domain->id, v->id);
}

/*
 * An event went through a task gate: nothing of it is left to be delivered, and RIP is where the
 * old task goes on; but for software's, whose instruction is not behind us yet.
 */
static bool is_event(const struct vmcb *b)
{
    const uint64_t info = b->exit_int_info;
    const unsigned int type = info >> VMCB_EVENT_TYPE_SHIFT & 7, vector = info & 0xff;

    return (info & VMCB_EVENT_VALID) && type != HVM_EVENT_SOFT_INT &&
           !(type == HVM_EVENT_EXCEPTION && (vector == TRAP_BP || vector == TRAP_OF));
}

static void exit_task_switch(struct vcpu *v, struct vmcb *b)
{
    const uint64_t info = b->exit_info2, rip = guest_regs()->rip;
    struct emul_task t = {
        .selector = (uint16_t)b->exit_info1,
        .how = info & TASK_SWITCH_IRET ? EMUL_TASK_IRET
               : info & TASK_SWITCH_JMP ? EMUL_TASK_JMP : EMUL_TASK_CALL,
        .has_error = info & TASK_SWITCH_ERROR,
        .error = (uint32_t)info,
        .rf = info & TASK_SWITCH_RF,
        .next_rip = rip,
    };
    unsigned int length;

    v->arch.hvm->cpu.event.vector = -1;
    if (!is_event(b)) {
        length = hvm_task_insn_length(v);
        if (length == 0)
            return;
        t.next_rip = rip + length;
    }
    hvm_task_switch(v, &t);
}

static void exit_shutdown(struct vcpu *v, struct vmcb *b) { hvm_triple_fault(v); }

static void exit_npf(struct vcpu *v, struct vmcb *b)
{
    hvm_nested_fault(v, b->exit_info2, (uint32_t)b->exit_info1 & PFEC_WRITE,
                     b->exit_info1 >> 33 & 1);
}

static void exit_invalid(struct vcpu *v, struct vmcb *b)
{
    domain_crash(v->domain, "VMRUN found invalid state: cr0 %#lx cr3 %#lx cr4 %#lx efer %#lx",
                 (unsigned long)b->cr0, (unsigned long)b->cr3, (unsigned long)b->cr4,
                 (unsigned long)b->efer);
}

/* --- the table -------------------------------------------------------------------------------- */

static exit_fn *const exits[] = {
    [SVM_EXIT_CR_WRITE + 0] = exit_emulate,
    [SVM_EXIT_CR_WRITE + 4] = exit_emulate,
    [SVM_EXIT_CR_WRITE + 8] = exit_emulate,
    [SVM_EXIT_DR_READ ... SVM_EXIT_DR_WRITE + 15] = exit_debug_register,
    [SVM_EXIT_EXCEPTION + TRAP_DB] = exit_db,
    [SVM_EXIT_EXCEPTION + TRAP_AC] = exit_ac,
    [SVM_EXIT_EXCEPTION + TRAP_MC] = exit_mc,
    [SVM_EXIT_INTR] = exit_interrupt,
    [SVM_EXIT_NMI] = exit_nothing, /* taken when GIF was set */
    [SVM_EXIT_SMI] = exit_nothing,
    [SVM_EXIT_INIT] = exit_nothing,
    [SVM_EXIT_VINTR] = exit_window,
    [SVM_EXIT_RDTSC] = exit_emulate, /* of RDTSCP as well, in QEMU 7.2 */
    [SVM_EXIT_RDPMC] = exit_rdpmc,
    [SVM_EXIT_CPUID] = exit_cpuid,
    [SVM_EXIT_IRET] = exit_iret,
    [SVM_EXIT_INVD] = exit_wbinvd,
    [SVM_EXIT_PAUSE] = exit_pause,
    [SVM_EXIT_HLT] = exit_hlt,
    [SVM_EXIT_INVLPGA] = exit_undefined,
    [SVM_EXIT_IOIO] = exit_io,
    [SVM_EXIT_MSR] = exit_msr,
    [SVM_EXIT_TASK_SWITCH] = exit_task_switch,
    [SVM_EXIT_FERR_FREEZE] = exit_nothing,
    [SVM_EXIT_SHUTDOWN] = exit_shutdown,
    [SVM_EXIT_VMRUN] = exit_undefined,
    [SVM_EXIT_VMMCALL] = exit_vmmcall,
    [SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT] = exit_undefined,
    [SVM_EXIT_RDTSCP] = exit_emulate,
    [SVM_EXIT_WBINVD] = exit_wbinvd,
    [SVM_EXIT_MONITOR] = exit_undefined,
    [SVM_EXIT_MWAIT] = exit_undefined,
    [SVM_EXIT_XSETBV] = exit_xsetbv,
    [SVM_EXIT_RDPRU] = exit_undefined,
    [SVM_EXIT_NPF] = exit_npf,
};

void svm_exit(struct vcpu *v, struct vmcb *b)
{
    const uint64_t code = b->exit_code;

    hvm_callback_sync(v); /* before the end of an interrupt asks whether its wire is still up */
    if (code == (uint64_t)SVM_EXIT_INVALID)
        exit_invalid(v, b);
    else if (code < ARRAY_SIZE(exits) && exits[code])
        exits[code](v, b);
    else
        domain_crash(v->domain, "unexpected exit %#lx", (unsigned long)code);
}
