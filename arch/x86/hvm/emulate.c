/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulator at work for current: its state from and to the vcpu, its callbacks onto guest
 * memory, devices and registers, and what its answers mean (docs/emul.md). Only code that the
 * processor cannot run by itself comes here: accesses to devices, string I/O, writes of control
 * registers.
 */
#include <arch/cpu.h>
#include <arch/features.h>
#include <arch/fpu.h>
#include <arch/fpu_vector.h>
#include <arch/gwalk.h>
#include <arch/hvm.h>
#include <arch/hvm_io.h>
#include <arch/msr.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <lib/string.h>

#include "cpu_priv.h"

#define DR6_SINGLE_STEP (1ULL << 14)

static struct vcpu *owner(struct emul *e) { return e->owner; }

/* --- memory ----------------------------------------------------------------------------------- */

static uint32_t rights(const struct emul *e, enum emul_access access)
{
    if (access == EMUL_SYSTEM)
        return GWALK_IMPLICIT;
    return e->state.cpl == 3 ? PFEC_USER : 0;
}

/* What a copy that did not succeed means where there has to be memory. */
static enum emul_result failed(struct emul *e, enum hvm_copy r, const struct hvm_fault *f)
{
    if (r == HVM_COPY_FAULT)
        return emul_page_fault(e, f->error, f->linear);
    return EMUL_UNHANDLED;
}

static enum emul_result fetch(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                              unsigned int *got)
{
    struct hvm_fault f;
    const enum hvm_copy r = hvm_copy_from_linear(owner(e), buf, linear, size,
                                                 PFEC_FETCH | rights(e, EMUL_DATA), &f);

    *got = size;
    return r == HVM_COPY_OK ? EMUL_OK : failed(e, r, &f);
}

/*
 * A copy that was not done, as there is a device: on one page, at f->gpa, or on one of two or both.
 * Those are translated before anything is done, so that either's fault leaves nothing half-way.
 */
static enum emul_result device(struct emul *e, uint64_t linear, unsigned int size, uint32_t how,
                               struct hvm_fault *f, void *data)
{
    const unsigned int room = (unsigned int)(PAGE_SIZE - (linear & PAGE_OFFSET_MASK));
    struct hvm_place p = { .gpa = { f->gpa }, .first = MIN(size, room) };

    if (size > room && (hvm_translate(owner(e), linear, how, &p.gpa[0], f) != HVM_COPY_OK ||
                        hvm_translate(owner(e), linear + room, how, &p.gpa[1], f) != HVM_COPY_OK))
        return emul_page_fault(e, f->error, f->linear);
    return hvm_mmio_access(owner(e), &p, size, how & PFEC_WRITE, data);
}

static enum emul_result read(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                             enum emul_access access)
{
    const uint32_t how = rights(e, access);
    struct hvm_fault f;
    const enum hvm_copy r = hvm_copy_from_linear(owner(e), buf, linear, size, how, &f);

    if (r == HVM_COPY_OK)
        return EMUL_OK;
    return r == HVM_COPY_MMIO ? device(e, linear, size, how, &f, buf) : failed(e, r, &f);
}

static enum emul_result write(struct emul *e, uint64_t linear, const void *buf, unsigned int size,
                              enum emul_access access)
{
    const uint32_t how = PFEC_WRITE | rights(e, access);
    uint8_t copy[32];
    struct hvm_fault f;
    const enum hvm_copy r = hvm_copy_to_linear(owner(e), linear, buf, size, how, &f);

    if (r == HVM_COPY_OK)
        return EMUL_OK;
    if (r != HVM_COPY_MMIO || size > sizeof(copy))
        return failed(e, r, &f);
    memcpy(copy, buf, size);
    return device(e, linear, size, how, &f, copy);
}

/* A device takes any write. */
static enum emul_result probe_write(struct emul *e, uint64_t linear, unsigned int size,
                                    enum emul_access access)
{
    struct hvm_fault f;
    const enum hvm_copy r = hvm_probe_write(owner(e), linear, size, rights(e, access), &f);

    return r == HVM_COPY_OK ? EMUL_OK : failed(e, r, &f);
}

static enum emul_result cmpxchg(struct emul *e, uint64_t linear, const void *old, const void *new,
                                unsigned int size, bool *swapped)
{
    struct hvm_fault f;
    const enum hvm_copy r = hvm_cmpxchg_linear(owner(e), linear, old, new, size,
                                               PFEC_WRITE | rights(e, EMUL_DATA), swapped, &f);

    if (r == HVM_COPY_OK)
        return EMUL_OK;
    if (r != HVM_COPY_MMIO)
        return failed(e, r, &f);
    /* A locked access to a device is a write to it. */
    *swapped = true;
    return write(e, linear, new, size, EMUL_DATA);
}

/* --- ports, and blocks ------------------------------------------------------------------------ */

static enum emul_result port_in(struct emul *e, uint16_t port, unsigned int size, uint32_t *val)
{
    return hvm_port_access(owner(e), port, size, false, val);
}

static enum emul_result port_out(struct emul *e, uint16_t port, unsigned int size, uint32_t val)
{
    return hvm_port_access(owner(e), port, size, true, &val);
}

static enum emul_result port_block(struct emul *e, const struct emul_block *b, uint16_t port,
                                   uint64_t linear, bool in)
{
    const uint32_t access = (in ? PFEC_WRITE : 0) | rights(e, EMUL_DATA);
    struct hvm_fault f;
    uint64_t gpa;

    if (hvm_block_done(owner(e)))
        return EMUL_OK;
    if (hvm_translate(owner(e), linear, access, &gpa, &f) != HVM_COPY_OK)
        return EMUL_UNHANDLED;
    return hvm_port_block(owner(e), b, port, gpa, in);
}

static enum emul_result copy_block(struct emul *e, const struct emul_block *b, uint64_t from,
                                   uint64_t to)
{
    const uint32_t user = rights(e, EMUL_DATA);
    struct hvm_fault f;
    uint64_t from_gpa, to_gpa;

    if (hvm_block_done(owner(e)))
        return EMUL_OK;
    if (hvm_translate(owner(e), from, user, &from_gpa, &f) != HVM_COPY_OK ||
        hvm_translate(owner(e), to, PFEC_WRITE | user, &to_gpa, &f) != HVM_COPY_OK)
        return EMUL_UNHANDLED;
    return hvm_copy_block(owner(e), b, from_gpa, to_gpa);
}

/* --- registers -------------------------------------------------------------------------------- */

static enum emul_result read_cr(struct emul *e, unsigned int nr, uint64_t *val)
{
    const struct hvm_cpu *c = &owner(e)->arch.hvm->cpu;

    switch (nr) {
    case 0: *val = c->cr0; break;
    case 2: *val = c->cr2; break;
    case 3: *val = c->cr3; break;
    case 4: *val = c->cr4; break;
    case 8: *val = vlapic_get_cr8(owner(e)); break;
    default: return emul_raise(e, TRAP_UD, 0);
    }
    return EMUL_OK;
}

static int set_cr8(struct vcpu *v, uint64_t val)
{
    if (val > 15)
        return -1;
    vlapic_set_cr8(v, (unsigned int)val);
    return 0;
}

static int set_cr2(struct vcpu *v, uint64_t val)
{
    v->arch.hvm->cpu.cr2 = val;
    hvm_ops->update(v);
    return 0;
}

static enum emul_result write_cr(struct emul *e, unsigned int nr, uint64_t val)
{
    static int (*const set[])(struct vcpu *, uint64_t) = {
        [0] = hvm_set_cr0, [2] = set_cr2, [3] = hvm_set_cr3, [4] = hvm_set_cr4, [8] = set_cr8
    };
    struct vcpu *v = owner(e);

    if (nr >= ARRAY_SIZE(set) || !set[nr])
        return emul_raise(e, TRAP_UD, 0);
    if (set[nr](v, val))
        return emul_raise(e, TRAP_GP, 0);
    e->cr0 = v->arch.hvm->cpu.cr0;
    e->cr4 = v->arch.hvm->cpu.cr4;
    e->efer = v->arch.hvm->cpu.efer;
    return EMUL_OK;
}

static enum emul_result read_msr(struct emul *e, uint32_t msr, uint64_t *val)
{
    return hvm_rdmsr(owner(e), msr, val) ? emul_raise(e, TRAP_GP, 0) : EMUL_OK;
}

static enum emul_result write_msr(struct emul *e, uint32_t msr, uint64_t val)
{
    return hvm_wrmsr(owner(e), msr, val) ? emul_raise(e, TRAP_GP, 0) : EMUL_OK;
}

static enum emul_result emul_cpuid(struct emul *e, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    hvm_cpuid(owner(e), leaf, subleaf, out);
    return EMUL_OK;
}

static enum emul_result event(struct emul *e, enum emul_event event, uint64_t linear)
{
    if (event == EMUL_HLT)
        hvm_hlt(owner(e));
    else if (event == EMUL_INVLPG)
        hvm_ops->forget_tlb(owner(e));
    return EMUL_OK;
}

/* --- vector registers ------------------------------------------------------------------------- */

/* read: the register's value goes there; NULL: it becomes what is at write. */
static void move_mmx(const struct fpu_area *a, unsigned int nr, void *read, const void *write)
{
    if (read)
        vector_read_mmx(a, nr, read);
    else
        vector_write_mmx(a, nr, write);
}

static void move_ymm(const struct fpu_area *a, unsigned int nr, void *read, const void *write,
                     bool keep_upper)
{
    if (read)
        vector_read_ymm(a, nr, read);
    else
        vector_write_ymm(a, nr, write, keep_upper);
}

/* They are in the cpu's registers; nobody sees them elsewhere between begin and end. */
static enum emul_result vector(struct emul *e, enum emul_vector kind, unsigned int nr, void *read,
                               const void *write, bool keep_upper)
{
    struct fpu_area a;
    bool fine = true;

    fpu_edit_begin(owner(e), &a);
    if (kind != EMUL_MMX)
        move_ymm(&a, nr, read, write, keep_upper);
    else if ((fine = vector_enter_mmx(&a)))
        move_mmx(&a, nr, read, write);
    fpu_edit_end(owner(e));
    return fine ? EMUL_OK : emul_raise(e, TRAP_MF, 0);
}

static enum emul_result read_vector(struct emul *e, enum emul_vector kind, unsigned int nr,
                                    void *buf)
{
    return vector(e, kind, nr, buf, NULL, true);
}

static enum emul_result write_vector(struct emul *e, enum emul_vector kind, unsigned int nr,
                                     const void *buf, bool keep_upper)
{
    return vector(e, kind, nr, NULL, buf, keep_upper);
}

static const struct emul_ops ops = {
    .fetch = fetch,
    .read = read,
    .write = write,
    .probe_write = probe_write,
    .cmpxchg = cmpxchg,
    .port_in = port_in,
    .port_out = port_out,
    .port_block = port_block,
    .copy_block = copy_block,
    .read_cr = read_cr,
    .write_cr = write_cr,
    .read_msr = read_msr,
    .write_msr = write_msr,
    .cpuid = emul_cpuid,
    .event = event,
    .read_vector = read_vector,
    .write_vector = write_vector,
};

void hvm_emulate_init(struct vcpu *v) { emul_init(&v->arch.hvm->emul, &ops, v); }

/* --- one instruction -------------------------------------------------------------------------- */

void hvm_emul_fill(struct vcpu *v, struct emul *e)
{
    const struct hvm_cpu *c = &v->arch.hvm->cpu;

    hvm_ops->get_state(v, &e->state);
    e->cr0 = c->cr0;
    e->cr4 = c->cr4;
    e->efer = c->efer;
    e->xcr0 = v->arch.xcr0;
    e->amd = cpu_features.vendor == VENDOR_AMD || cpu_features.vendor == VENDOR_HYGON;
    e->nr_bytes = 0;
}

static void log_unhandled(struct vcpu *v, const struct emul *e)
{
    guest_log(LOG_WARNING, "d%uv%u: cannot emulate %02x (map %u) at %04x:%#lx", v->domain->id,
              v->id, e->insn.opcode, e->insn.map, e->state.seg[INSN_CS].selector,
              (unsigned long)e->state.rip);
}

static void single_step(struct vcpu *v)
{
    v->arch.hvm->cpu.dr6 |= DR6_SINGLE_STEP;
    hvm_ops->update(v);
    hvm_inject(v, TRAP_DB, 0);
}

void hvm_emul_fault(struct vcpu *v, const struct emul *e)
{
    if (e->fault.vector == TRAP_PF)
        hvm_inject_pf(v, e->fault.error, e->fault.cr2);
    else
        hvm_inject(v, e->fault.vector, e->fault.error);
}

void hvm_emulate(struct vcpu *v)
{
    struct emul *e = &v->arch.hvm->emul;
    enum emul_result r;

    hvm_emul_fill(v, e);
    r = emul_run(e);
    hvm_io_emulated(v, r == EMUL_RETRY);
    hvm_ops->set_state(v, &e->state);
    switch (r) {
    case EMUL_OK:
        hvm_ops->set_shadow(v, e->shadow_sti || e->shadow_ss);
        if (e->single_step)
            single_step(v);
        break;
    case EMUL_PARTIAL:
    case EMUL_RETRY:
        break;
    case EMUL_FAULT:
        hvm_emul_fault(v, e);
        break;
    case EMUL_UNHANDLED:
        log_unhandled(v, e);
        hvm_inject(v, TRAP_UD, 0);
        break;
    }
}

void hvm_advance(struct vcpu *v, unsigned int length)
{
    struct cpu_user_regs *r = hvm_regs(v);

    r->rip += length;
    if (hvm_insn_mode(v) != INSN_LONG64)
        r->rip = (uint32_t)r->rip;
    r->rflags &= ~X86_EFLAGS_RF;
    hvm_ops->set_shadow(v, false);
    if (r->rflags & X86_EFLAGS_TF)
        single_step(v);
}
