/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction emulator of hardware-virtualized guests: device memory, port I/O by strings, and
 * what real-mode and boot code needs where the hardware cannot run it. Pure: a register file in,
 * callbacks for everything else. docs/emul.md is the page on it.
 *
 * The owner keeps one struct emul a vcpu: emul_init() once, then before each emul_run() the state
 * and the inputs filled in, and afterwards the state taken back.
 */
#ifndef ARCH_EMUL_H
#define ARCH_EMUL_H

#include <arch/decode.h>

enum emul_result {
    EMUL_OK,        /* done: rip is behind the instruction, or where it jumped */
    EMUL_PARTIAL,   /* part of a REP is done, or a locked access lost a race: run again, or enter */
    EMUL_RETRY,     /* a callback has no answer yet: the same call again when there is one */
    EMUL_FAULT,     /* inject emul.fault; of a REP the iterations before are done */
    EMUL_UNHANDLED, /* not one of ours; nothing has changed */
};

/* Attributes as in a VMCB: bits 40-47 and 52-55 of a descriptor, packed. */
struct emul_segment {
    uint64_t base;
    uint32_t limit; /* bytes - 1: granularity is applied */
    uint16_t selector, attr;
};

#define EMUL_ATTR_TYPE 0xf
#define EMUL_ATTR_ACCESSED 0x1
#define EMUL_ATTR_WRITABLE 0x2 /* of code: readable */
#define EMUL_ATTR_DOWN 0x4     /* of code: conforming */
#define EMUL_ATTR_CODE 0x8
#define EMUL_ATTR_S 0x10       /* not a system descriptor */
#define EMUL_ATTR_DPL 0x60
#define EMUL_ATTR_P 0x80
#define EMUL_ATTR_L 0x200
#define EMUL_ATTR_DB 0x400
#define EMUL_ATTR_G 0x800

/* How code runs; protected: neither real mode nor virtual-8086. */
static inline enum insn_mode emul_mode(bool protected, bool long_mode, uint16_t cs_attr)
{
    const bool wide = cs_attr & EMUL_ATTR_DB;

    if (!protected)
        return INSN_REAL16;
    if (long_mode)
        return cs_attr & EMUL_ATTR_L ? INSN_LONG64 : wide ? INSN_COMPAT32 : INSN_COMPAT16;
    return wide ? INSN_PROT32 : INSN_PROT16;
}

struct emul_table {
    uint64_t base;
    uint16_t limit;
};

/* General registers are in the order of their numbers: ax, cx, dx, bx, sp, bp, si, di, r8, ... */
struct emul_state {
    uint64_t gpr[16], rip, rflags;
    struct emul_segment seg[6], ldtr, tr; /* seg: by enum insn_segment */
    struct emul_table gdtr, idtr;
    uint8_t cpl;
};

struct emul_fault {
    uint8_t vector;
    bool has_error;
    uint32_t error;
    uint64_t cr2;                      /* #PF */
};

enum emul_access {
    EMUL_DATA,                         /* with the guest's current privilege */
    EMUL_SYSTEM,                       /* descriptor tables, the IVT: as supervisor */
};

enum emul_event { EMUL_HLT, EMUL_WBINVD, EMUL_INVD, EMUL_INVLPG };
enum emul_vector { EMUL_YMM, EMUL_MMX };

/* Elements of a string: each behind the one before it, or with DF (down) in front of it. */
struct emul_block {
    unsigned int size, count;
    bool down;
};

struct emul;

/*
 * Callbacks answer EMUL_OK, EMUL_RETRY, EMUL_UNHANDLED, or what emul_raise() and
 * emul_page_fault() return. An access that was answered with EMUL_OK is never asked again for the
 * same instruction: its result is kept until the instruction ends. An access that spans pages is
 * done whole or not at all. A callback that is NULL makes its instructions unhandled.
 */
struct emul_ops {
    /* Up to size bytes of code; at least one. *got says how many. */
    enum emul_result (*fetch)(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                              unsigned int *got);
    /* size: 1 to 32 bytes. */
    enum emul_result (*read)(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                             enum emul_access access);
    enum emul_result (*write)(struct emul *e, uint64_t linear, const void *buf, unsigned int size,
                              enum emul_access access);
    /* Would a write fault? Asked ahead of several writes, or of one after a port read. */
    enum emul_result (*probe_write)(struct emul *e, uint64_t linear, unsigned int size,
                                    enum emul_access access);
    /* Compare and exchange as one step; *swapped false: somebody else wrote meanwhile. */
    enum emul_result (*cmpxchg)(struct emul *e, uint64_t linear, const void *old, const void *new,
                                unsigned int size, bool *swapped);

    enum emul_result (*port_in)(struct emul *e, uint16_t port, unsigned int size, uint32_t *val);
    enum emul_result (*port_out)(struct emul *e, uint16_t port, unsigned int size, uint32_t val);
    /*
     * Elements of REP INS (in) or OUTS at once: the first at linear, all within its page. All or
     * nothing. EMUL_UNHANDLED, or NULL: one by one. Not replayed: after EMUL_RETRY it is asked
     * again, also if the access that waits is a single one.
     */
    enum emul_result (*port_block)(struct emul *e, const struct emul_block *b, uint16_t port,
                                   uint64_t linear, bool in);
    /*
     * The same of REP MOVS: from and to are linear addresses, each with all within its page. They
     * may overlap; an element is written before the next one is read.
     */
    enum emul_result (*copy_block)(struct emul *e, const struct emul_block *b, uint64_t from,
                                   uint64_t to);

    /*
     * Privilege and the register's existence are checked; the value is not. Writing may change
     * cr0, cr4 and efer below.
     */
    enum emul_result (*read_cr)(struct emul *e, unsigned int nr, uint64_t *val);
    enum emul_result (*write_cr)(struct emul *e, unsigned int nr, uint64_t val);
    enum emul_result (*read_dr)(struct emul *e, unsigned int nr, uint64_t *val);
    enum emul_result (*write_dr)(struct emul *e, unsigned int nr, uint64_t val);
    enum emul_result (*read_msr)(struct emul *e, uint32_t msr, uint64_t *val);
    enum emul_result (*write_msr)(struct emul *e, uint32_t msr, uint64_t val);
    enum emul_result (*cpuid)(struct emul *e, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
    enum emul_result (*event)(struct emul *e, enum emul_event event, uint64_t linear);

    /* 32 bytes of a YMM register or 8 of an MMX register. */
    enum emul_result (*read_vector)(struct emul *e, enum emul_vector kind, unsigned int nr,
                                    void *buf);
    /* The same; keep_upper: bytes 16 and up stay as they are. */
    enum emul_result (*write_vector)(struct emul *e, enum emul_vector kind, unsigned int nr,
                                     const void *buf, bool keep_upper);
};

struct emul_operand {
    uint8_t kind, size, reg, segment;
    uint64_t offset, val;
};

#define EMUL_REPLAY_WORDS 40

struct emul {
    const struct emul_ops *ops;
    void *owner;

    struct emul_state state;           /* in and out */

    uint64_t cr0, cr4, efer, xcr0;     /* in */
    bool amd;                          /* in: the vendor, where vendors differ */
    uint8_t bytes[INSN_LENGTH_MAX];    /* in, if the hardware gave the instruction's bytes */
    uint8_t nr_bytes;                  /* 0: to be fetched. Used once */

    struct emul_fault fault;           /* out, with EMUL_FAULT */
    bool single_step;                  /* out: TF was on, a #DB is due */
    bool shadow_sti, shadow_ss;        /* out: no interrupt before the next instruction */

    /* Ours. */
    struct insn insn;
    struct emul_state next;            /* what state becomes */
    struct emul_operand dst, src;
    uint8_t at_access, at_word;        /* accesses of this run so far, words of data they read */
    struct {
        bool active;                   /* the last run ended in EMUL_RETRY; insn holds */
        uint8_t accesses, words;
        uint64_t data[EMUL_REPLAY_WORDS];
    } replay;
};

void emul_init(struct emul *e, const struct emul_ops *ops, void *owner);

/* Emulate the instruction at state.rip. */
enum emul_result must_check emul_run(struct emul *e);

/* Forget an instruction that waits for an answer: the owner goes on elsewhere. */
void emul_cancel(struct emul *e);

/* For callbacks: set the fault, return EMUL_FAULT. An error code is dropped where there is none. */
enum emul_result emul_raise(struct emul *e, unsigned int vector, uint32_t error);
enum emul_result emul_page_fault(struct emul *e, uint32_t error, uint64_t linear);

#endif
