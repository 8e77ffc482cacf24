/* SPDX-License-Identifier: GPL-2.0-only */
/* The oracle's protected mode: each case of a struct prot_file, and what became of it. */
#include "kernel.h"
#include "prot_case.h"

#define VECTORS 32U
#define STUB(n) (0xa000U + 16U * (n))

/* prot.S works on these. */
struct low {
    uint32_t gpr[8], seg[6], eip, cs, eflags, frame_sp, frame_ss, unused;
    uint16_t gdt_limit, gdt_base[2], unused2, idt_limit, idt_base[2], unused3;
    uint32_t cr0, cr2, cr3, cr4, tr, ldtr;
};
#define state ((volatile struct low *)0xb000)
_Static_assert(sizeof(struct low) == 0x78, "prot.S has the offsets");

/* What the trap has left, from the lowest address on. */
struct frame {
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, rest[6];
};

extern const char prot_common[];
void enter_prot(void);

/* push $n; jmp prot_common, and an interrupt gate to it. */
static void make_vectors(uint32_t idt)
{
    for (uint32_t n = 0; n < VECTORS; n++) {
        uint8_t *p = at(STUB(n)), *gate = at(idt + 8 * n);
        const uint32_t to = (uint32_t)prot_common - (STUB(n) + 7);

        p[0] = 0x6a;
        p[1] = (uint8_t)n;
        p[2] = 0xe9;
        put16(p + 3, to);
        put16(p + 5, to >> 16);
        put16(gate, STUB(n));
        put16(gate + 2, PROT_KERNEL_CODE);
        put16(gate + 4, 0x8e00);
        put16(gate + 6, STUB(n) >> 16);
    }
}

static void put32(uint32_t address, uint32_t val)
{
    put16(at(address), val);
    put16((uint8_t *)at(address) + 2, val >> 16);
}

static void prepare(const struct prot_file *f, const struct prot_case *c, uint32_t cr0,
                    uint32_t cr4)
{
    const uint32_t sp = REGION + c->gpr[4];

    copy(at(REGION), f->region, REGION_SIZE);
    copy(at(REGION + c->eip), c->code, sizeof(c->code));
    copy(at(c->patch_at), c->patch, sizeof(c->patch));
    if (!(c->seg[ORACLE_CS] & 3)) {
        put32(sp - 12, c->eip);
        put32(sp - 8, c->seg[ORACLE_CS]);
        put32(sp - 4, c->eflags);
    }
    for (unsigned int i = 0; i < 8; i++)
        state->gpr[i] = c->gpr[i];
    for (unsigned int i = 0; i < 6; i++)
        state->seg[i] = c->seg[i];
    state->eip = c->eip;
    state->cs = c->seg[ORACLE_CS];
    state->eflags = c->eflags;
    state->gdt_limit = 0x3ff;
    state->gdt_base[0] = (uint16_t)PROT_GDT;
    state->gdt_base[1] = PROT_GDT >> 16;
    state->idt_limit = 0x7ff;
    state->idt_base[0] = PROT_IDT;
    state->idt_base[1] = 0;
    state->cr0 = cr0 | c->cr0;
    state->cr4 = cr4 | c->cr4;
    state->tr = c->tr;
    state->ldtr = c->ldtr;
}

static void report(const struct prot_case *c, struct prot_result *r)
{
    const bool inner = (c->seg[ORACLE_CS] & 3) == 0;
    const struct frame *t = at((inner ? REGION : 0) + state->frame_sp);
    const uint32_t *rest = t->rest, low[8] = { t->eax, t->ecx, t->edx, t->ebx, t->esp, t->ebp,
                                               t->esi, t->edi };

    for (unsigned int i = 0; i < 8; i++)
        r->gpr[i] = low[i];
    r->vector = t->vector;
    if (PROT_HAS_ERROR >> t->vector & 1)
        r->error = *rest++;
    r->eip = rest[0];
    r->eflags = rest[2];
    r->gpr[4] = inner ? (uint32_t)(rest + 3) - REGION : rest[3];
    r->seg[ORACLE_ES] = (uint16_t)t->es;
    r->seg[ORACLE_CS] = (uint16_t)rest[1];
    r->seg[ORACLE_SS] = (uint16_t)(inner ? state->frame_ss : rest[4]);
    r->seg[ORACLE_DS] = (uint16_t)t->ds;
    r->seg[ORACLE_FS] = (uint16_t)t->fs;
    r->seg[ORACLE_GS] = (uint16_t)t->gs;
    r->tr = (uint16_t)state->tr;
    r->ldtr = (uint16_t)state->ldtr;
    r->gdt_limit = state->gdt_limit;
    r->gdt_base = state->gdt_base[0] | (uint32_t)state->gdt_base[1] << 16;
    r->idt_limit = state->idt_limit;
    r->idt_base = state->idt_base[0] | (uint32_t)state->idt_base[1] << 16;
    r->cr0 = state->cr0;
    r->cr2 = state->cr2;
    r->cr3 = state->cr3;
    r->cr4 = state->cr4;
    for (uint32_t i = 0; inner && i < PROT_FRAME; i += 4)
        put32(REGION + r->gpr[4] - PROT_FRAME + i, 0);
    r->hash = oracle_hash(at(REGION));
}

void prot_main(const void *module, uint32_t cr0, uint32_t cr4)
{
    const struct prot_file *f = module;
    struct oracle_head h = { .magic = ORACLE_PROT_MAGIC, .nr = f->nr, .cr0 = cr0, .cr4 = cr4 };

    make_vectors(PROT_IDT);
    make_vectors(PROT_IDT2);
    say(&h, sizeof(h));
    for (uint32_t i = 0; i < f->nr; i++) {
        struct prot_result r = { .vector = 0 };

        __asm__ volatile("mov %0, %%cr2" : : "r"(0));
        __asm__ volatile("mov %0, %%cr3" : : "r"(0));
        prepare(f, &f->cases[i], cr0, cr4);
        enter_prot();
        __asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
        __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
        report(&f->cases[i], &r);
        say(&r, sizeof(r));
    }
}
