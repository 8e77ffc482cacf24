/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 12000 */
/* links: arch/x86/emul/[a-z]*.c arch/x86/hvm/emulate.c arch/x86/hvm/io.c arch/x86/hvm/copy.c */
/* links: tests/host/emul_world.c */
/*
 * Any instruction on pages that are RAM or a device's: a device that is memory is memory. So where
 * its pages are RAM instead, registers, faults and memory are the same in the end.
 */
#include <stdlib.h>
#include <string.h>

#include <arch/regs.h>

#include "../host/emul_world.h"
#include "source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Near a page's edge for the most part. */
static uint64_t address(uint32_t r)
{
    return r & 0x8000 ? r : ((r & 7) << PAGE_SHIFT) + (r >> 8 & 0x7f) - 0x40;
}

static void make(struct source s, bool devices)
{
    static const enum insn_mode modes[] = { INSN_LONG64, INSN_PROT32, INSN_PROT16, INSN_LONG64 };
    const uint8_t how = (uint8_t)take(&s, 1);
    const uint32_t kinds = (uint32_t)take(&s, 3), rights = (uint32_t)take(&s, 2);

    ew_start(modes[how & 3], how & 4 ? 3 : 0);
    ew.no_blocks = how & 8;
    for (unsigned int i = 0; i < EW_PAGES; i++) {
        const unsigned int kind = kinds >> (3 * i) & 7, right = rights >> (2 * i) & 3;

        ew.kind[i] = kind == EW_READ_ONLY || devices ? kind % EW_KINDS : EW_RAM;
        if (kind >= EW_KINDS) /* mostly devices */
            ew.kind[i] = devices ? EW_MODEL : EW_RAM;
        ew.rights[i] = right == 0 ? (i & 1 ? 0 : PFEC_PRESENT) : PFEC_PRESENT | PFEC_WRITE;
    }
    ew.state.rflags |= take(&s, 2) & 0x4dd5; /* and DF, TF, NT */
    for (unsigned int i = 0; i < 8; i++)
        ew.state.gpr[i] = address((uint32_t)take(&s, 2));
    ew.state.gpr[1] &= 0x1ff;
    ew.state.gdtr.limit = 0x3ff;
    for (unsigned int i = 0; i < EW_PAGES * PAGE_SIZE; i++)
        ew.memory[i / PAGE_SIZE][i % PAGE_SIZE] = (uint8_t)(i * 7 + i / 251 + 1);
    memset(ew.vectors, 0xa5, sizeof(ew.vectors));
    for (unsigned int i = 0; i < 15; i++)
        ew.memory[EW_PAGES][i] = (uint8_t)take(&s, 1);
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ew with;
    bool ended;

    make((struct source){ data, size }, true);
    ended = ew_run();
    with = ew;
    make((struct source){ data, size }, false);
    if (!ew_run() || !ended)
        return 0; /* a long REP: it was not followed to its end */
    require(with.vector == ew.vector && with.error == ew.error && with.cr2 == ew.cr2);
    require(!memcmp(&with.state, &ew.state, sizeof(ew.state)));
    require(!memcmp(with.memory, ew.memory, sizeof(ew.memory)));
    require(!memcmp(with.vectors, ew.vectors, sizeof(ew.vectors)));
    return 0;
}
