/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory through segmentation, and the replay of accesses. AMD APM vol. 2 §4 "Segmented Virtual
 * Memory", §5.3.1 "Canonical Address Form".
 *
 * Replay: each access that a callback answered is counted, and the data that it read kept. When a
 * later access of the same instruction has to wait, the next run of the instruction gets the
 * answered ones from here, so that no device sees an access twice.
 */
#include "priv.h"

enum emul_result emul_raise(struct emul *e, unsigned int vector, uint32_t error)
{
    const bool has_error = TRAP_HAS_ERROR >> vector & 1 && e->cr0 & X86_CR0_PE;

    e->fault = (struct emul_fault){ .vector = (uint8_t)vector, .has_error = has_error,
                                    .error = has_error ? error : 0 };
    return EMUL_FAULT;
}

enum emul_result emul_page_fault(struct emul *e, uint32_t error, uint64_t linear)
{
    emul_raise(e, TRAP_PF, error);
    e->fault.cr2 = linear;
    return EMUL_FAULT;
}

bool emul_replayed(struct emul *e, void *buf, unsigned int size)
{
    const unsigned int words = (size + 7) / 8;

    if (e->at_access >= e->replay.accesses)
        return false;
    if (e->at_word + words <= e->replay.words)
        __builtin_memcpy(buf, &e->replay.data[e->at_word], size);
    e->at_word = (uint8_t)(e->at_word + words);
    e->at_access++;
    return true;
}

enum emul_result emul_record(struct emul *e, const void *buf, unsigned int size)
{
    const unsigned int words = (size + 7) / 8;

    if (e->at_access == UINT8_MAX || e->at_word + words > EMUL_REPLAY_WORDS)
        return EMUL_UNHANDLED;
    if (size > 0)
        __builtin_memcpy(&e->replay.data[e->at_word], buf, size);
    e->at_word = (uint8_t)(e->at_word + words);
    e->at_access++;
    e->replay.words = e->at_word;
    e->replay.accesses = e->at_access;
    return EMUL_OK;
}

bool emul_canonical(const struct emul *e, uint64_t linear)
{
    const unsigned int bits = e->cr4 & X86_CR4_LA57 ? 57 : 48;

    return (uint64_t)((int64_t)(linear << (64 - bits)) >> (64 - bits)) == linear;
}

uint64_t emul_effective_address(const struct emul *e)
{
    const struct insn *i = &e->insn;
    uint64_t address = (uint64_t)i->disp;

    if (i->rip_relative)
        address += e->state.rip + i->length;
    if (i->base != INSN_NO_REG)
        address += e->next.gpr[i->base & 15];
    if (i->index != INSN_NO_REG)
        address += e->next.gpr[i->index & 15] * i->scale;
    return address & emul_mask(i->adsize);
}

static enum emul_result segment_fault(struct emul *e, unsigned int seg)
{
    return emul_raise(e, seg == INSN_SS ? TRAP_SS : TRAP_GP, 0);
}

/* size > 0. Expand-down segments hold what is above their limit. */
static bool within_limit(const struct emul_segment *s, uint64_t offset, unsigned int size)
{
    const uint64_t last = offset + size - 1;
    const uint64_t top = s->attr & EMUL_ATTR_DB ? UINT32_MAX : UINT16_MAX;

    if ((s->attr & (EMUL_ATTR_CODE | EMUL_ATTR_DOWN)) == EMUL_ATTR_DOWN)
        return offset > s->limit && last <= top;
    return last <= s->limit;
}

static bool right_type(const struct emul_segment *s, bool write)
{
    if (!(s->attr & EMUL_ATTR_P))
        return false;
    if (s->attr & EMUL_ATTR_CODE)
        return !write && s->attr & EMUL_ATTR_WRITABLE;
    return !write || s->attr & EMUL_ATTR_WRITABLE;
}

bool emul_misaligned(const struct emul *e, uint64_t linear, unsigned int size)
{
    const unsigned int natural = size > 8 ? 8 : size;
    const bool wanted = e->state.cpl == 3 && e->cr0 & X86_CR0_AM && e->cr0 & X86_CR0_PE &&
                        e->state.rflags & X86_EFLAGS_AC;

    return wanted && !(natural & (natural - 1)) && linear & (natural - 1);
}

bool emul_in_segment(const struct emul *e, unsigned int seg, uint64_t offset, unsigned int size,
                     bool write, uint64_t *linear)
{
    const struct emul_segment *s = &e->next.seg[seg];

    if (emul_long64(e)) {
        *linear = offset + (seg >= INSN_FS ? s->base : 0);
        return emul_canonical(e, *linear) && emul_canonical(e, *linear + size - 1);
    }
    *linear = (uint32_t)(s->base + offset);
    return (!emul_protected(e) || right_type(s, write)) && within_limit(s, offset, size);
}

enum emul_result emul_check(struct emul *e, unsigned int seg, uint64_t offset, unsigned int size,
                            bool write, uint64_t *linear)
{
    if (!emul_in_segment(e, seg, offset, size, write, linear))
        return segment_fault(e, seg);
    return emul_misaligned(e, *linear, size) ? emul_raise(e, TRAP_AC, 0) : EMUL_OK;
}

/* By the code segment that a branch is about to load, if it is a far one. */
static bool fetches_long64(const struct emul *e)
{
    return emul_protected(e) && e->efer & EFER_LMA && e->next.seg[INSN_CS].attr & EMUL_ATTR_L;
}

enum emul_result emul_fetch_check(struct emul *e, uint64_t rip, unsigned int size,
                                  uint64_t *linear)
{
    const struct emul_segment *cs = &e->next.seg[INSN_CS];

    if (fetches_long64(e)) {
        *linear = rip;
        return emul_canonical(e, rip) ? EMUL_OK : emul_raise(e, TRAP_GP, 0);
    }
    *linear = (uint32_t)(cs->base + rip);
    return rip + size - 1 <= cs->limit ? EMUL_OK : emul_raise(e, TRAP_GP, 0);
}

enum emul_result emul_read_linear(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                  enum emul_access access)
{
    enum emul_result r;

    if (emul_replayed(e, buf, size))
        return EMUL_OK;
    r = e->ops->read(e, linear, buf, size, access);
    return r == EMUL_OK ? emul_record(e, buf, size) : r;
}

enum emul_result emul_write_linear(struct emul *e, uint64_t linear, const void *buf,
                                   unsigned int size, enum emul_access access)
{
    enum emul_result r;

    if (emul_replayed(e, NULL, 0))
        return EMUL_OK;
    r = e->ops->write(e, linear, buf, size, access);
    return r == EMUL_OK ? emul_record(e, NULL, 0) : r;
}

enum emul_result emul_read(struct emul *e, unsigned int seg, uint64_t offset, void *buf,
                           unsigned int size)
{
    uint64_t linear;
    const enum emul_result r = emul_check(e, seg, offset, size, false, &linear);

    return r == EMUL_OK ? emul_read_linear(e, linear, buf, size, EMUL_DATA) : r;
}

enum emul_result emul_write(struct emul *e, unsigned int seg, uint64_t offset, const void *buf,
                            unsigned int size)
{
    uint64_t linear;
    const enum emul_result r = emul_check(e, seg, offset, size, true, &linear);

    return r == EMUL_OK ? emul_write_linear(e, linear, buf, size, EMUL_DATA) : r;
}

/* Not recorded: the answer may be asked for again. */
enum emul_result emul_probe(struct emul *e, unsigned int seg, uint64_t offset, unsigned int size)
{
    uint64_t linear;
    const enum emul_result r = emul_check(e, seg, offset, size, true, &linear);

    if (r != EMUL_OK || e->at_access < e->replay.accesses)
        return r;
    return e->ops->probe_write(e, linear, size, EMUL_DATA);
}

/* The result of a lost race is not recorded: the instruction begins anew. */
enum emul_result emul_cmpxchg(struct emul *e, unsigned int seg, uint64_t offset, const void *old,
                              const void *new, unsigned int size)
{
    uint64_t linear;
    bool swapped = false;
    enum emul_result r = emul_check(e, seg, offset, size, true, &linear);

    if (r != EMUL_OK || emul_replayed(e, NULL, 0))
        return r;
    r = e->ops->cmpxchg(e, linear, old, new, size, &swapped);
    if (r != EMUL_OK)
        return r;
    return swapped ? emul_record(e, NULL, 0) : EMUL_PARTIAL;
}
