/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any instruction bytes on any state, in three worlds: one with all answers at once, one where each
 * access and port answers RETRY before it answers, and one where strings go element by element
 * only. All must end alike, and what is not done must have changed nothing.
 */
/* runs: 60000 */
/* links: arch/x86/emul/[a-z]*.c */
#include <stdlib.h>
#include <string.h>

#include <arch/emul.h>
#include <arch/regs.h>

#include "source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY 4096U /* mirrored over the address space; an address with bit 15 set faults */

struct world {
    bool retry, answered;
    unsigned int told;         /* accesses that were answered */
    uint32_t in, out;          /* what ports have given and got: elements, a checksum */
    uint8_t memory[MEMORY], vectors[16][32];
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Every second call waits, in a world that does so. */
static bool must_wait(struct world *w)
{
    if (!w->retry)
        return false;
    w->answered = !w->answered;
    return w->answered;
}

static enum emul_result touch(struct emul *e, uint64_t linear, unsigned int size, bool write)
{
    struct world *w = e->owner;

    require(size >= 1 && size <= 33);
    if (linear & 0x8000)
        return emul_page_fault(e, write ? PFEC_WRITE : 0, linear);
    if (must_wait(w))
        return EMUL_RETRY;
    w->told++;
    return EMUL_OK;
}

static void get(const struct world *w, uint64_t linear, void *buf, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++)
        ((uint8_t *)buf)[i] = w->memory[(linear + i) % MEMORY];
}

static void put(struct world *w, uint64_t linear, const void *buf, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++)
        w->memory[(linear + i) % MEMORY] = ((const uint8_t *)buf)[i];
}

static enum emul_result on_fetch(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                 unsigned int *got)
{
    memset(buf, 0x90, size);
    *got = size;
    return EMUL_OK;
}

static enum emul_result on_read(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                enum emul_access access)
{
    struct world *w = e->owner;
    const enum emul_result r = touch(e, linear, size, false);

    if (r == EMUL_OK)
        get(w, linear, buf, size);
    return r;
}

static enum emul_result on_write(struct emul *e, uint64_t linear, const void *buf,
                                 unsigned int size, enum emul_access access)
{
    struct world *w = e->owner;
    const enum emul_result r = touch(e, linear, size, true);

    if (r == EMUL_OK)
        put(w, linear, buf, size);
    return r;
}

static enum emul_result on_probe(struct emul *e, uint64_t linear, unsigned int size,
                                 enum emul_access access)
{
    return linear & 0x8000 ? emul_page_fault(e, PFEC_WRITE, linear) : EMUL_OK;
}

static enum emul_result on_cmpxchg(struct emul *e, uint64_t linear, const void *old,
                                   const void *new, unsigned int size, bool *swapped)
{
    *swapped = true;
    return on_write(e, linear, new, size, EMUL_DATA);
}

/* --- ports and blocks ------------------------------------------------------------------------- */

static uint32_t port_gives(struct world *w, uint16_t port)
{
    return port * 0x01010101U + w->in++;
}

static void port_gets(struct world *w, uint16_t port, unsigned int size, uint32_t val)
{
    w->out = w->out * 31 + port + (size < 4 ? val & ((1U << 8 * size) - 1) : val);
}

static enum emul_result on_port(struct emul *e, uint16_t port, unsigned int size)
{
    struct world *w = e->owner;

    require(size == 1 || size == 2 || size == 4);
    if (must_wait(w))
        return EMUL_RETRY;
    w->told++;
    return EMUL_OK;
}

static enum emul_result on_in(struct emul *e, uint16_t port, unsigned int size, uint32_t *val)
{
    const enum emul_result r = on_port(e, port, size);

    if (r == EMUL_OK)
        *val = port_gives(e->owner, port);
    return r;
}

static enum emul_result on_out(struct emul *e, uint16_t port, unsigned int size, uint32_t val)
{
    const enum emul_result r = on_port(e, port, size);

    if (r == EMUL_OK)
        port_gets(e->owner, port, size, val);
    return r;
}

static uint64_t nth(const struct emul_block *b, uint64_t linear, unsigned int i)
{
    const uint64_t by = (uint64_t)i * b->size;

    return b->down ? linear - by : linear + by;
}

static void require_on_page(const struct emul_block *b, uint64_t linear)
{
    const uint64_t low = b->down ? nth(b, linear, b->count - 1) : linear;

    require(low >> PAGE_SHIFT == linear >> PAGE_SHIFT);
    require((low & PAGE_OFFSET_MASK) + (uint64_t)b->count * b->size <= PAGE_SIZE);
}

/* What every block has to be; `where`: its addresses, some of which answer element by element. */
static enum emul_result on_any_block(struct emul *e, const struct emul_block *b, uint64_t linear,
                                     uint64_t where)
{
    struct world *w = e->owner;

    require(b->count >= 2 && e->insn.rep && b->down == !!(e->next.rflags & X86_EFLAGS_DF));
    require_on_page(b, linear);
    if (where & 0xc000)
        return EMUL_UNHANDLED;
    if (must_wait(w))
        return EMUL_RETRY;
    w->told++;
    return EMUL_OK;
}

static enum emul_result on_block(struct emul *e, const struct emul_block *b, uint16_t port,
                                 uint64_t linear, bool in)
{
    struct world *w = e->owner;
    const enum emul_result r = port & 1 ? EMUL_UNHANDLED : on_any_block(e, b, linear, linear);
    const unsigned int size = b->size;
    uint32_t val = 0;

    require(size == 1 || size == 2 || size == 4);
    for (unsigned int i = 0; r == EMUL_OK && i < b->count; i++) {
        if (in) {
            val = port_gives(w, port);
            put(w, nth(b, linear, i), &val, size);
        } else {
            get(w, nth(b, linear, i), &val, size);
            port_gets(w, port, size, val);
        }
    }
    return r;
}

/* An element after the other: where they overlap, what was written is read again. */
static enum emul_result on_copy(struct emul *e, const struct emul_block *b, uint64_t from,
                                uint64_t to)
{
    struct world *w = e->owner;
    const enum emul_result r = on_any_block(e, b, from, from | to);
    uint64_t val;

    require(b->size == 1 || b->size == 2 || b->size == 4 || b->size == 8);
    require_on_page(b, to);
    for (unsigned int i = 0; r == EMUL_OK && i < b->count; i++) {
        get(w, nth(b, from, i), &val, b->size);
        put(w, nth(b, to, i), &val, b->size);
    }
    return r;
}

/* --- registers -------------------------------------------------------------------------------- */

static enum emul_result on_read_register(struct emul *e, unsigned int nr, uint64_t *val)
{
    *val = nr * 0x1234567ULL;
    return EMUL_OK;
}
static enum emul_result on_write_register(struct emul *e, unsigned int nr, uint64_t val)
{
    require(nr < 16);
    return EMUL_OK;
}
static enum emul_result on_read_msr(struct emul *e, uint32_t msr, uint64_t *val)
{
    *val = msr * 3ULL;
    return EMUL_OK;
}
static enum emul_result on_write_msr(struct emul *e, uint32_t msr, uint64_t val)
{
    return msr & 1 ? EMUL_OK : emul_raise(e, TRAP_GP, 0);
}
static enum emul_result on_cpuid(struct emul *e, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    out[0] = out[1] = out[2] = out[3] = leaf ^ sub;
    return EMUL_OK;
}
static enum emul_result on_event(struct emul *e, enum emul_event event, uint64_t linear)
{
    return EMUL_OK;
}
static enum emul_result on_read_vector(struct emul *e, enum emul_vector kind, unsigned int nr,
                                       void *buf)
{
    const struct world *w = e->owner;

    require(nr < (kind == EMUL_MMX ? 8 : 16));
    memcpy(buf, w->vectors[nr], kind == EMUL_MMX ? 8 : 32);
    return EMUL_OK;
}
static enum emul_result on_write_vector(struct emul *e, enum emul_vector kind, unsigned int nr,
                                        const void *buf, bool keep_upper)
{
    struct world *w = e->owner;

    require(nr < (kind == EMUL_MMX ? 8 : 16));
    memcpy(w->vectors[nr], buf, kind == EMUL_MMX ? 8 : keep_upper ? 16 : 32);
    return EMUL_OK;
}

#define OPS \
    .fetch = on_fetch, .read = on_read, .write = on_write, .probe_write = on_probe, \
    .cmpxchg = on_cmpxchg, .port_in = on_in, .port_out = on_out, \
    .read_cr = on_read_register, .write_cr = on_write_register, \
    .read_dr = on_read_register, .write_dr = on_write_register, \
    .read_msr = on_read_msr, .write_msr = on_write_msr, .cpuid = on_cpuid, .event = on_event, \
    .read_vector = on_read_vector, .write_vector = on_write_vector

static const struct emul_ops single_ops = { OPS };
static const struct emul_ops ops = { OPS, .port_block = on_block, .copy_block = on_copy };

static void make_segments(struct emul *e, uint64_t what)
{
    static const uint16_t attr[4] = { 0x93, 0xc93, 0x91, 0x97 };

    for (unsigned int i = 0; i < 6; i++, what >>= 3)
        e->state.seg[i] = (struct emul_segment){ .attr = attr[what & 3], .base = i * 16,
                                                 .limit = what & 4 ? 0xffffffff : 0xffff };
    e->state.seg[INSN_CS].attr = (uint16_t)(0x9b | (what & 3) << 9);
    e->state.seg[INSN_CS].limit = 0xffffffff;
}

static void make(struct emul *e, const struct emul_ops *o, struct world *w, struct source s)
{
    const uint8_t how = (uint8_t)take(&s, 1);

    emul_init(e, o, w);
    e->nr_bytes = INSN_LENGTH_MAX;
    for (unsigned int i = 0; i < INSN_LENGTH_MAX; i++)
        e->bytes[i] = (uint8_t)take(&s, 1);
    e->cr0 = (how & 1 ? X86_CR0_PE : 0) | (how & 2 ? X86_CR0_AM : 0);
    e->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
    e->xcr0 = 7;
    e->efer = how & 1 && how & 4 ? 1UL << 10 : 0;
    e->state.cpl = how & 1 && how & 8 ? 3 : 0;
    e->amd = how & 16;
    e->state.rflags = 2 | (take(&s, 4) & 0x3cfed5);
    make_segments(e, take(&s, 3));
    e->state.gdtr.limit = e->state.idtr.limit = 0x3ff;
    for (unsigned int i = 0; i < 16; i++)
        e->state.gpr[i] = take(&s, i < 8 ? 4 : 1);
    for (unsigned int i = 0; i < MEMORY; i++)
        w->memory[i] = (uint8_t)(i * 7 + (i >> 5));
    memset(w->vectors, 0xa5, sizeof(w->vectors));
}

#define RUNS 400      /* of an instruction that waits, before it is not followed any further */
#define PARTS_MAX 3   /* the same of a long REP, which has up to 256 elements in each */

/* Runs that wait change nothing that was not committed by a whole iteration, which is progress. */
static enum emul_result run(struct emul *e)
{
    unsigned int parts = 0;

    for (unsigned int i = 0; i < RUNS; i++) {
        const struct emul_state before = e->state;
        const struct world *w = e->owner;
        const unsigned int told = w->told;
        const enum emul_result r = emul_run(e);
        const bool same = memcmp(&before, &e->state, sizeof(before)) == 0;

        require(r != EMUL_UNHANDLED || same);
        require(!(r == EMUL_RETRY || r == EMUL_FAULT) || same || e->insn.rep);
        require(r != EMUL_RETRY || same || w->told > told);
        require(e->state.rip == before.rip || r == EMUL_OK);
        require(r != EMUL_PARTIAL || (!same && e->insn.rep));
        if (r == EMUL_PARTIAL && ++parts < PARTS_MAX)
            e->nr_bytes = INSN_LENGTH_MAX; /* it begins anew */
        else if (r != EMUL_RETRY)
            return r;
    }
    return EMUL_RETRY;
}

static bool ended(enum emul_result r) { return r != EMUL_RETRY && r != EMUL_PARTIAL; }

static void same_end(enum emul_result ra, const struct emul *a, enum emul_result rb,
                     const struct emul *b)
{
    const struct world *v = a->owner, *w = b->owner;

    if (!ended(ra) || !ended(rb))
        return; /* a long REP: it was not followed to its end */
    require(ra == rb && memcmp(&a->fault, &b->fault, sizeof(a->fault)) == 0);
    require(memcmp(&a->state, &b->state, sizeof(a->state)) == 0);
    require(memcmp(v->memory, w->memory, MEMORY) == 0);
    require(memcmp(v->vectors, w->vectors, sizeof(v->vectors)) == 0);
    require(v->in == w->in && v->out == w->out);
    require(a->insn.rep || v->told == w->told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world at_once, waiting, single;
    static struct emul a, b, c;
    enum emul_result r;

    at_once = (struct world){ .retry = false };
    waiting = (struct world){ .retry = true };
    single = (struct world){ .retry = false };
    make(&a, &ops, &at_once, (struct source){ data, size });
    make(&b, &ops, &waiting, (struct source){ data, size });
    make(&c, &single_ops, &single, (struct source){ data, size });
    r = run(&a);
    same_end(r, &a, run(&b), &b);
    same_end(r, &a, run(&c), &c);
    return 0;
}
