/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as an instruction, in each mode: our decoder against Zydis. The first input byte
 * selects mode and vendor.
 */
/* runs: 1500000 */
/* links: arch/x86/emul/decode.c arch/x86/emul/decode_tables.c */
/* libs: -lZydis */
#include <stdio.h>
#include <stdlib.h>

#include "zydis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_same(const uint8_t *bytes, size_t n, enum insn_mode mode, bool amd)
{
    ZydisDecoder d;
    const char *why;

    zydis_init(&d, mode, amd);
    why = zydis_differs(&d, bytes, n, mode, amd);
    if (!why)
        return;
    fprintf(stderr, "ERROR: mode %d, amd %d: %s\n", mode, amd, why);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    for (unsigned int i = 0; i <= INSN_LONG64; i++)
        require_same(data + 1, size - 1, (enum insn_mode)i, data[0] & 1);
    return 0;
}
