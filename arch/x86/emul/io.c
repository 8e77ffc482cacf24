/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Port I/O, single and for the string instructions: the privilege check and the port's accesses,
 * which take part in replay like those of memory. AMD APM vol. 3, "IN", "OUT"; vol. 2 §12.2.4
 * "I/O-Permission Bitmap".
 */
#include "priv.h"

/*
 * Two bytes of the TSS. Not replayed, as the check comes again for each block of a REP: what would
 * have to be waited for is refused.
 */
static enum emul_result read_tss(struct emul *e, uint64_t offset, uint16_t *val)
{
    const uint64_t linear = e->state.tr.base + offset;
    const enum emul_result r = e->ops->read(e, e->efer & EFER_LMA ? linear : (uint32_t)linear, val,
                                            sizeof(*val), EMUL_SYSTEM);

    return r == EMUL_RETRY ? EMUL_UNHANDLED : r;
}

/* Whom the privilege level does not let, the TSS's bitmap may; one of 16 bits has none. */
static enum emul_result check_bitmap(struct emul *e, uint16_t port, unsigned int size)
{
    const struct emul_segment *tr = &e->state.tr;
    const unsigned int at_base = 102;
    uint16_t base = 0, bits = 0;
    enum emul_result r;

    if (!(tr->attr & EMUL_ATTR_P) || !(tr->attr & 8) || tr->limit < at_base + 1)
        return emul_raise(e, TRAP_GP, 0);
    r = read_tss(e, at_base, &base);
    if (r != EMUL_OK)
        return r;
    if ((uint32_t)base + port / 8 + 1 > tr->limit)
        return emul_raise(e, TRAP_GP, 0);
    r = read_tss(e, base + port / 8U, &bits);
    if (r == EMUL_OK && bits >> (port & 7) & ((1U << size) - 1))
        return emul_raise(e, TRAP_GP, 0);
    return r;
}

enum emul_result emul_check_port(struct emul *e, uint16_t port, unsigned int size)
{
    const bool v86 = e->state.rflags & X86_EFLAGS_VM;
    const unsigned int iopl = (e->state.rflags >> 12) & 3;

    if (!(e->cr0 & X86_CR0_PE) || (!v86 && e->state.cpl <= iopl))
        return EMUL_OK;
    return check_bitmap(e, port, size);
}

enum emul_result emul_port_in(struct emul *e, uint16_t port, unsigned int size, uint32_t *val)
{
    enum emul_result r = emul_check_port(e, port, size);

    if (r != EMUL_OK || emul_replayed(e, val, 4))
        return r;
    if (!e->ops->port_in)
        return EMUL_UNHANDLED;
    r = e->ops->port_in(e, port, size, val);
    return r == EMUL_OK ? emul_record(e, val, 4) : r;
}

enum emul_result emul_port_out(struct emul *e, uint16_t port, unsigned int size, uint32_t val)
{
    enum emul_result r = emul_check_port(e, port, size);

    if (r != EMUL_OK || emul_replayed(e, NULL, 0))
        return r;
    if (!e->ops->port_out)
        return EMUL_UNHANDLED;
    r = e->ops->port_out(e, port, size, val & (uint32_t)emul_mask(size));
    return r == EMUL_OK ? emul_record(e, NULL, 0) : r;
}

/* Anything that is not right is found again, and answered, element by element. */
enum emul_result emul_port_block(struct emul *e, const struct emul_block *b, uint16_t port,
                                 uint64_t linear, bool in)
{
    if (emul_check_port(e, port, b->size) != EMUL_OK)
        return EMUL_UNHANDLED;
    return e->ops->port_block(e, b, port, linear, in);
}

/* Opcode bit 0: more than a byte; bit 1: OUT; bit 3: the port is in DX. */
enum emul_result emul_in_out(struct emul *e, unsigned int arg)
{
    const uint8_t op = e->insn.opcode;
    const unsigned int size = !(op & 1) ? 1 : e->insn.opsize == 2 ? 2 : 4;
    const uint16_t port = (uint16_t)(op & 8 ? e->next.gpr[RDX] : e->insn.imm);
    uint32_t val = 0;
    enum emul_result r;

    if (op & 2)
        return emul_port_out(e, port, size, (uint32_t)e->next.gpr[RAX]);
    r = emul_port_in(e, port, size, &val);
    if (r == EMUL_OK)
        emul_write_reg(e, RAX, size, val);
    return r;
}
