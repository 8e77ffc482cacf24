/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle: a multiboot kernel of 32 bits that executes instructions and says what became of
 * them: here in real mode, in prot.c in protected mode. Each begins by an IRET that sets TF, and
 * ends in a vector, of the table at 0 in real mode.
 */
#include "kernel.h"
#include "prot_case.h"

#define LOW 0x4000U /* where low_start of kernel.S runs */

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
};

/* kernel.S works on these, at 0x800. */
struct low {
    uint32_t gpr[8];
    uint16_t seg[6], vector, unused;
    uint16_t gdt_limit;
    uint16_t gdt_base[2];
    uint16_t unused2;
    uint32_t cr0, cr2;
};
#define state ((volatile struct low *)0x800)
_Static_assert(sizeof(struct low) == 64, "kernel.S has the offsets");

extern const char low_start[], low_end[], low_common[];
void enter_real(void);
void oracle_main(const struct multiboot_info *info);

/* movw $n, %cs:0x82c; jmp low_common */
static void make_vectors(void)
{
    const uint32_t common = LOW + (uint32_t)(low_common - low_start);

    copy(at(LOW), low_start, (uint32_t)(low_end - low_start));
    for (uint32_t n = 0; n < 256; n++) {
        uint8_t *p = at(VECTOR_IP(n)), *entry = at(4 * n);

        put16(entry, VECTOR_IP(n));
        put16(entry + 2, 0);
        p[0] = 0x2e;
        p[1] = 0xc7;
        p[2] = 0x06;
        put16(p + 3, 0x82c);
        put16(p + 5, n);
        p[7] = 0xe9;
        put16(p + 8, common - (VECTOR_IP(n) + 10));
    }
}

/* The byte at offset `off` of the stack segment, which wraps. */
static uint8_t *on_stack(uint16_t ss, uint16_t off) { return at(16U * ss + off); }

static uint16_t pop_frame(struct oracle_result *r, uint16_t at_word)
{
    const uint16_t sp = (uint16_t)(r->gpr[4] + 2 * at_word);
    uint8_t *a = on_stack(r->seg[ORACLE_SS], sp),
            *b = on_stack(r->seg[ORACLE_SS], (uint16_t)(sp + 1));
    const uint16_t val = (uint16_t)(*a | *b << 8);

    *a = *b = 0;
    return val;
}

static void run(const struct oracle_file *f, const struct oracle_case *c, struct oracle_result *r)
{
    uint8_t *frame = at(16U * c->seg[ORACLE_SS] + (uint16_t)c->gpr[4] - 6);

    copy(at(REGION), f->region, REGION_SIZE);
    put16(frame, c->ip);
    put16(frame + 2, c->seg[ORACLE_CS]);
    put16(frame + 4, c->flags);
    copy(at(16U * c->seg[ORACLE_CS] + c->ip), c->code, sizeof(c->code));
    for (unsigned int i = 0; i < 8; i++)
        state->gpr[i] = c->gpr[i] - (i == 4 ? 6 : 0);
    for (unsigned int i = 0; i < 6; i++)
        state->seg[i] = c->seg[i];
    state->gdt_limit = c->gdt_limit;
    state->gdt_base[0] = (uint16_t)c->gdt_base;
    state->gdt_base[1] = (uint16_t)(c->gdt_base >> 16);
    __asm__ volatile("mov %0, %%cr2" : : "r"(0));
    enter_real();
    for (unsigned int i = 0; i < 8; i++)
        r->gpr[i] = state->gpr[i];
    for (unsigned int i = 0; i < 6; i++)
        r->seg[i] = state->seg[i];
    r->vector = state->vector;
    r->gdt_limit = state->gdt_limit;
    r->gdt_base = state->gdt_base[0] | (uint32_t)state->gdt_base[1] << 16;
    r->cr0 = state->cr0;
    r->cr2 = state->cr2;
    r->ip = pop_frame(r, 0);
    r->cs = pop_frame(r, 1);
    r->flags = pop_frame(r, 2);
    r->hash = oracle_hash(at(REGION));
}

static void real_main(const struct oracle_file *f, uint32_t cr0, uint32_t cr4)
{
    const struct oracle_head h = { .magic = ORACLE_MAGIC, .nr = f->nr, .cr0 = cr0 & ~1U,
                                   .cr4 = cr4 };

    make_vectors();
    __asm__ volatile("mov %0, %%cr3" : : "r"(0));
    say(&h, sizeof(h));
    for (uint32_t i = 0; i < f->nr; i++) {
        struct oracle_result r = { .vector = 0 };

        run(f, &f->cases[i], &r);
        __asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
        __asm__ volatile("mov %0, %%cr3" : : "r"(0));
        say(&r, sizeof(r));
    }
}

void oracle_main(const struct multiboot_info *info)
{
    const uint32_t *mod = at(info->mods_addr), *magic = at(mod[0]);
    uint32_t cr0, cr4;

    outb(0x21, 0xff); /* no interrupts but the instruction's */
    outb(0xa1, 0xff);
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    if (*magic == ORACLE_PROT_MAGIC)
        prot_main(magic, cr0, cr4);
    else
        real_main((const struct oracle_file *)magic, cr0, cr4);
    outb(0xf4, 0); /* isa-debug-exit */
}
