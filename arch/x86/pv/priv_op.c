/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Privileged instructions of PV guests: they fault in ring 3, and what the guest's kernel may do is
 * done here on its virtual state. Each operation has a row. Everything else stays the guest's own
 * #GP.
 */
#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/layout.h>
#include <arch/msr.h>
#include <arch/policy.h>
#include <arch/pv.h>
#include <arch/regs.h>
#include <arch/traps.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <lib/string.h>

#include "priv_decode.h"

#define STRING_BATCH 256 /* elements of INS or OUTS before the guest gets a chance of interrupts */
#define DR6_SINGLE_STEP (1UL << 14)

enum outcome {
    OP_REFUSED, /* #GP for the guest */
    OP_DONE,
    OP_AGAIN,   /* not finished: execute it once more */
};

struct op {
    struct vcpu *v;
    struct cpu_user_regs *regs;
    struct priv_insn insn;
    bool mode64;
};

static uint64_t *gpr(struct cpu_user_regs *r, unsigned int n)
{
    uint64_t *const by_number[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi,
                                      &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12, &r->r13,
                                      &r->r14, &r->r15 };
    return by_number[n & 15];
}

static uint64_t edx_eax(const struct cpu_user_regs *r) { return (r->rdx << 32) | (uint32_t)r->rax; }

static void set_edx_eax(struct cpu_user_regs *r, uint64_t v)
{
    r->rax = (uint32_t)v;
    r->rdx = v >> 32;
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t size_mask(unsigned int bytes)
{
    return bytes == 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
}

/* A write of a 32-bit register clears the upper half, a narrower one keeps what is above it. */
static void set_register(uint64_t *r, unsigned int bytes, uint64_t val)
{
    const uint64_t keep = bytes >= 4 ? 0 : ~size_mask(bytes);

    *r = (*r & keep) | (val & size_mask(bytes));
}

static enum outcome op_in(struct op *o)
{
    const uint16_t port = o->insn.port_in_dx ? (uint16_t)o->regs->rdx : o->insn.port;

    if (!pv_io_allowed(o->v, port, o->insn.operand_size))
        return OP_REFUSED;
    set_register(&o->regs->rax, o->insn.operand_size, pv_io_read(o->v, port, o->insn.operand_size));
    return OP_DONE;
}

static enum outcome op_out(struct op *o)
{
    const uint16_t port = o->insn.port_in_dx ? (uint16_t)o->regs->rdx : o->insn.port;
    const unsigned int size = o->insn.operand_size;

    if (!pv_io_allowed(o->v, port, size))
        return OP_REFUSED;
    pv_io_write(o->v, port, size, (uint32_t)(o->regs->rax & size_mask(size)));
    return OP_DONE;
}

/* One element; false: the memory operand faulted, and the guest has got its #PF. */
static bool string_element(struct op *o, uint64_t va)
{
    const uint16_t port = (uint16_t)o->regs->rdx;
    const unsigned int size = o->insn.operand_size;
    uint32_t val = 0;

    if (o->insn.op == PRIV_OUTS) {
        if (guest_read(&val, va, size)) {
            pv_inject_pf(o->v, va, 0);
            return false;
        }
        pv_io_write(o->v, port, size, val);
        return true;
    }
    /* Reading a port may have side effects: see first that the result has a place. */
    if (guest_read(&val, va, size) || guest_write(va, &val, size)) {
        pv_inject_pf(o->v, va, PFEC_WRITE);
        return false;
    }
    val = pv_io_read(o->v, port, size);
    return guest_write(va, &val, size) == 0;
}

static enum outcome op_string(struct op *o)
{
    struct cpu_user_regs *regs = o->regs;
    const struct priv_insn *in = &o->insn;
    const bool out = in->op == PRIV_OUTS;
    uint64_t *index = out ? &regs->rsi : &regs->rdi;
    const uint64_t mask = size_mask(in->address_size);
    const uint64_t step = regs->rflags & X86_EFLAGS_DF ? -(uint64_t)in->operand_size
                                                       : in->operand_size;
    uint64_t count = in->rep ? regs->rcx & mask : 1, base;

    if (!pv_io_allowed(o->v, (uint16_t)regs->rdx, in->operand_size) ||
        pv_data_base(o->v, out ? in->segment : SEG_ES, o->mode64, &base))
        return OP_REFUSED;
    for (unsigned int i = 0; count > 0; i++) {
        uint64_t va = base + (*index & mask);

        if (i == STRING_BATCH)
            return OP_AGAIN;
        if (!o->mode64)
            va &= 0xffffffff;
        if (!string_element(o, va))
            return OP_AGAIN;
        set_register(index, in->address_size, *index + step);
        count--;
        if (in->rep)
            set_register(&regs->rcx, in->address_size, count);
    }
    return OP_DONE;
}

/* --- flags, caches ---------------------------------------------------------------------------- */

static enum outcome op_cli_sti(struct op *o) { return pv_iopl_ok(o->v) ? OP_DONE : OP_REFUSED; }

static enum outcome op_clts(struct op *o)
{
    o->v->arch.pv.cr0_ts = 0;
    clts();
    return OP_DONE;
}

static enum outcome op_wbinvd(struct op *o)
{
    if (o->v->domain->is_hardware)
        wbinvd();
    return OP_DONE;
}

/* --- control and debug registers -------------------------------------------------------------- */

#define CR4_GUEST (X86_CR4_TSD | X86_CR4_DE | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE)
#define CR4_VISIBLE (X86_CR4_PAE | X86_CR4_MCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

static enum outcome op_read_cr(struct op *o)
{
    const struct pv_vcpu *pv = &o->v->arch.pv;
    uint64_t val;

    switch (o->insn.reg) {
    case 0: val = (read_cr0() & ~X86_CR0_TS) | pv->cr0_ts; break;
    case 2: val = pv_get_cr2(o->v); break;
    case 3:
        val = domain_is_32bit(o->v->domain) ? pv32_fold_cr3(pv->kernel_l4)
                                            : mfn_to_paddr(pv->kernel_l4);
        break;
    case 4: val = CR4_VISIBLE | (pv->cr4 & CR4_GUEST); break;
    default: return OP_REFUSED;
    }
    *gpr(o->regs, o->insn.gpr) = val;
    return OP_DONE;
}

static enum outcome write_cr0_guest(struct vcpu *v, uint64_t val)
{
    if ((val ^ read_cr0()) & ~X86_CR0_TS)
        return OP_REFUSED;
    v->arch.pv.cr0_ts = val & X86_CR0_TS;
    if (val & X86_CR0_TS)
        write_cr0(read_cr0() | X86_CR0_TS);
    else
        clts();
    return OP_DONE;
}

/*
 * CR4 is never refused: what a guest may not choose keeps its value. CR3 changes by mmuext_op
 * alone.
 */
static enum outcome op_write_cr(struct op *o)
{
    struct pv_vcpu *pv = &o->v->arch.pv;
    const uint64_t val = *gpr(o->regs, o->insn.gpr);

    switch (o->insn.reg) {
    case 0:
        return write_cr0_guest(o->v, val);
    case 2:
        pv_set_cr2(o->v, val);
        return OP_DONE;
    case 4:
        pv->cr4 = val & (X86_CR4_TSD | X86_CR4_DE | (cpu_features.fsgsbase ? X86_CR4_FSGSBASE : 0) |
                         (cpu_features.xsave ? X86_CR4_OSXSAVE : 0));
        pv_load_cr4(o->v);
        return OP_DONE;
    default:
        return OP_REFUSED;
    }
}

/* DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE says that they do not exist. */
static int dr_number(const struct op *o)
{
    const unsigned int n = o->insn.reg;

    if (n == 4 || n == 5)
        return o->v->arch.pv.cr4 & X86_CR4_DE ? -1 : (int)n + 2;
    return n < 8 ? (int)n : -1;
}

static enum outcome op_read_dr(struct op *o)
{
    const int n = dr_number(o);

    if (n < 0)
        return OP_REFUSED;
    *gpr(o->regs, o->insn.gpr) = pv_get_debugreg(o->v, (unsigned int)n);
    return OP_DONE;
}

static enum outcome op_write_dr(struct op *o)
{
    const int n = dr_number(o);

    if (n < 0 || pv_set_debugreg(o->v, (unsigned int)n, *gpr(o->regs, o->insn.gpr)))
        return OP_REFUSED;
    return OP_DONE;
}

static enum outcome op_xsetbv(struct op *o)
{
    if ((uint32_t)o->regs->rcx != 0 || !cpu_policy_has_xsave(o->v->domain->arch.policy) ||
        fpu_set_xcr0(o->v, edx_eax(o->regs)))
        return OP_REFUSED;
    return OP_DONE;
}

/* --- MSRs, time, identification --------------------------------------------------------------- */

/*
 * public arch-x86/xen.h, "trap_info": a kernel that has no #GP handler yet reads 0 from an MSR that
 * exists, rather than dying.
 */
static enum outcome op_rdmsr(struct op *o)
{
    const uint32_t msr = (uint32_t)o->regs->rcx;
    uint64_t val;

    if (guest_rdmsr(o->v, msr, &val)) {
        if (o->v->arch.pv.trap[TRAP_GP].address || rdmsr_safe(msr, &val))
            return OP_REFUSED;
        val = 0;
    }
    set_edx_eax(o->regs, val);
    return OP_DONE;
}

static enum outcome op_wrmsr(struct op *o)
{
    return guest_wrmsr(o->v, (uint32_t)o->regs->rcx, edx_eax(o->regs)) ? OP_REFUSED : OP_DONE;
}

/* It faulted, so CR4.TSD is on: the guest's own wish, which binds its user mode. */
static enum outcome op_rdtsc(struct op *o)
{
    if (!pv_kernel_mode(o->v))
        return OP_REFUSED;
    set_edx_eax(o->regs, rdtsc());
    if (o->insn.op == PRIV_RDTSCP)
        o->regs->rcx = (uint32_t)o->v->arch.pv.tsc_aux;
    return OP_DONE;
}

static void do_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct cpuid_regs r = guest_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx);

    regs->rax = r.a;
    regs->rbx = r.b;
    regs->rcx = r.c;
    regs->rdx = r.d;
}

/* Only with CPUID faulting, which may be on for the guest's own sake. */
static enum outcome op_cpuid(struct op *o)
{
    if (!pv_kernel_mode(o->v) && (o->v->arch.pv.misc_features & MISC_FEATURES_CPUID_FAULTING))
        return OP_REFUSED;
    do_cpuid(o->v, o->regs);
    return OP_DONE;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
    enum outcome (*fn)(struct op *o);
    bool user_too; /* may be executed by the guest's user mode; the operation checks */
} ops[] = {
    [PRIV_IN] = { op_in, true },
    [PRIV_OUT] = { op_out, true },
    [PRIV_INS] = { op_string, true },
    [PRIV_OUTS] = { op_string, true },
    [PRIV_CLI] = { op_cli_sti, true },
    [PRIV_STI] = { op_cli_sti, true },
    [PRIV_CLTS] = { op_clts, false },
    [PRIV_INVD] = { op_wbinvd, false },
    [PRIV_WBINVD] = { op_wbinvd, false },
    [PRIV_READ_CR] = { op_read_cr, false },
    [PRIV_WRITE_CR] = { op_write_cr, false },
    [PRIV_READ_DR] = { op_read_dr, false },
    [PRIV_WRITE_DR] = { op_write_dr, false },
    [PRIV_RDMSR] = { op_rdmsr, false },
    [PRIV_WRMSR] = { op_wrmsr, false },
    [PRIV_RDTSC] = { op_rdtsc, true },
    [PRIV_RDTSCP] = { op_rdtsc, true },
    [PRIV_CPUID] = { op_cpuid, true },
    [PRIV_XSETBV] = { op_xsetbv, false },
};

/* Bytes at the guest's rip, up to INSN_MAX, fewer when the next page is not there. */
static size_t fetch(uint8_t code[INSN_MAX], uint64_t va)
{
    const uint64_t in_page = PAGE_SIZE - (va & PAGE_OFFSET_MASK);

    if (guest_read(code, va, INSN_MAX) == 0)
        return INSN_MAX;
    if (in_page < INSN_MAX && guest_read(code, va, in_page) == 0)
        return in_page;
    return 0;
}

static int code_segment(const struct vcpu *v, const struct cpu_user_regs *regs, struct segment *cs)
{
    *cs = (struct segment){ .code64 = true };
    if (likely(regs->cs == FLAT_CS64))
        return 0;
    if (pv_read_segment(v, regs->cs, cs))
        return -1;
    if (cs->code64)
        cs->base = 0;
    return 0;
}

/* Past the instruction, as the cpu would have gone: RF falls, TF traps. */
static void finish(struct vcpu *v, struct cpu_user_regs *regs, unsigned int length, bool mode64)
{
    regs->rip += length;
    if (!mode64)
        regs->rip = (uint32_t)regs->rip;
    regs->rflags &= ~X86_EFLAGS_RF;
    if (regs->rflags & X86_EFLAGS_TF) {
        v->arch.pv.dr[6] |= DR6_SINGLE_STEP;
        pv_inject(v, TRAP_DB, 0);
    }
}

bool pv_emulate_privileged(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct op o = { .v = v, .regs = regs };
    struct segment cs;
    uint8_t code[INSN_MAX];
    uint64_t va = regs->rip;
    size_t n;

    if (code_segment(v, regs, &cs))
        return false;
    o.mode64 = cs.code64;
    if (!cs.code64)
        va = (uint32_t)(cs.base + (uint32_t)regs->rip);
    n = fetch(code, va);
    if (!priv_decode(code, n, cs.code64, cs.db32, &o.insn))
        return false;
    if (o.insn.op >= ARRAY_SIZE(ops) || !ops[o.insn.op].fn ||
        (!pv_kernel_mode(v) && !ops[o.insn.op].user_too))
        return false;
    switch (ops[o.insn.op].fn(&o)) {
    case OP_DONE:
        finish(v, regs, o.insn.length, o.mode64);
        return true;
    case OP_AGAIN:
        return true;
    default:
        return false;
    }
}

/* public arch-x86/xen.h, XEN_CPUID: ud2a; .ascii "xen"; cpuid. */
bool pv_emulate_forced(struct vcpu *v, struct cpu_user_regs *regs)
{
    static const uint8_t pattern[] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
    uint8_t code[sizeof(pattern)];

    if (guest_read(code, pv_linear_rip(v, regs), sizeof(code)) ||
        memcmp(code, pattern, sizeof(code)) != 0)
        return false;
    if (!pv_kernel_mode(v) && (v->arch.pv.misc_features & MISC_FEATURES_CPUID_FAULTING)) {
        regs->rip += 5;
        pv_inject(v, TRAP_GP, 0);
        return true;
    }
    do_cpuid(v, regs);
    finish(v, regs, sizeof(pattern), !domain_is_32bit(v->domain));
    return true;
}
