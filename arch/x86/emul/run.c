/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One instruction from its first byte to its last effect: fetch, decode, find its row, load what
 * the row names, call the handler, store, commit. Handlers work on emul.next, so anything but
 * EMUL_OK leaves emul.state as it was, except that a REP commits whole iterations on its way.
 */
#include "priv.h"

void emul_init(struct emul *e, const struct emul_ops *ops, void *owner)
{
    *e = (struct emul){ .ops = ops, .owner = owner };
}

void emul_cancel(struct emul *e)
{
    e->replay.active = false;
    e->replay.accesses = e->replay.words = 0;
}

/* The accesses so far are history: a fault or RETRY from now on comes back to here. */
void emul_commit(struct emul *e)
{
    e->state = e->next;
    e->at_access = e->at_word = 0;
    e->replay.accesses = e->replay.words = 0;
}

static enum insn_mode mode_of(const struct emul *e)
{
    return emul_mode(emul_protected(e), e->efer & EFER_LMA, e->state.seg[INSN_CS].attr);
}

/* More bytes, to the end of the page at most. */
static enum emul_result fetch(struct emul *e, uint8_t *bytes, unsigned int *nr)
{
    const uint64_t rip = e->state.rip + *nr;
    unsigned int want = INSN_LENGTH_MAX - *nr, got = 0;
    uint64_t linear;
    enum emul_result r = emul_fetch_check(e, rip, 1, &linear);

    if (r != EMUL_OK)
        return r;
    want = MIN(want, (unsigned int)(PAGE_SIZE - (linear & PAGE_OFFSET_MASK)));
    r = e->ops->fetch(e, linear, bytes + *nr, want, &got);
    if (r == EMUL_OK && (got == 0 || got > want))
        return EMUL_UNHANDLED;
    *nr += got;
    return r;
}

static enum emul_result decode(struct emul *e)
{
    const enum insn_mode mode = mode_of(e);
    uint8_t bytes[INSN_LENGTH_MAX];
    unsigned int nr = MIN(e->nr_bytes, INSN_LENGTH_MAX);
    enum insn_error error;
    enum emul_result r;
    uint64_t linear;

    __builtin_memcpy(bytes, e->bytes, nr);
    e->nr_bytes = 0;
    e->insn.mode = (uint8_t)mode; /* for the checks of the fetch */
    while ((error = insn_decode(&e->insn, bytes, nr, mode, e->amd)) == INSN_TRUNCATED) {
        r = fetch(e, bytes, &nr);
        if (r != EMUL_OK)
            return r;
    }
    if (error == INSN_TOO_LONG)
        return emul_raise(e, TRAP_GP, 0);
    if (error == INSN_INVALID)
        return EMUL_UNHANDLED;
    return emul_fetch_check(e, e->state.rip, e->insn.length, &linear);
}

/* Of a real-mode CS with 32-bit addresses, and in protected mode, eip wraps at 32 bits. */
static uint64_t wrap_rip(const struct emul *e, uint64_t rip)
{
    return emul_long64(e) ? rip : (uint32_t)rip;
}

static bool bad_lock(const struct emul *e, const struct row *row)
{
    if (row->flags & R_LOCK_CR)
        return e->insn.lock && !e->amd;
    return e->insn.lock && !(row->flags & R_LOCK && e->insn.is_mem);
}

static enum emul_result execute(struct emul *e)
{
    const struct row *row = emul_find_row(&e->insn);
    enum emul_result r;
    uint64_t old;

    if (!row)
        return e->insn.lock ? EMUL_UNHANDLED : emul_simd(e);
    if (bad_lock(e, row) || (row->flags & R_MEM && !e->insn.is_mem) ||
        (row->flags & R_NO_REAL && !emul_protected(e)))
        return emul_raise(e, TRAP_UD, 0);
    r = emul_load_operands(e, row);
    if (r != EMUL_OK)
        return r;
    old = e->dst.val;
    r = row->fn(e, row->arg);
    return r == EMUL_OK ? emul_store_operand(e, row, old) : r;
}

static enum emul_result finish(struct emul *e, enum emul_result r, bool stepping)
{
    if (r == EMUL_OK)
        emul_commit(e);
    if (r != EMUL_OK && r != EMUL_PARTIAL)
        e->shadow_sti = e->shadow_ss = stepping = false;
    e->single_step = stepping && !e->shadow_ss;
    if (r == EMUL_RETRY)
        e->replay.active = true;
    else
        emul_cancel(e);
    return r;
}

enum emul_result emul_run(struct emul *e)
{
    const bool stepping = e->state.rflags & X86_EFLAGS_TF;
    enum emul_result r;

    e->next = e->state;
    e->at_access = e->at_word = 0;
    e->shadow_sti = e->shadow_ss = e->single_step = false;
    if (!e->replay.active) {
        r = decode(e);
        if (r == EMUL_RETRY)
            return r; /* nothing to replay: it is fetched anew */
        if (r != EMUL_OK)
            return finish(e, r, stepping);
    }
    e->next.rip = wrap_rip(e, e->state.rip + e->insn.length);
    e->next.rflags &= ~X86_EFLAGS_RF;
    return finish(e, execute(e), stepping);
}
