/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 1200000 */
/* links: arch/x86/hvm/gwalk.c */
/*
 * Walks of random tables in all modes, compared with the reference of tests/host/gwalk_ref.h: the
 * answer, the error code, and every byte of the tables afterwards. Input: 24 bytes for the
 * processor and the access, then 4 bytes an entry: where it is, flags, low and high flags, which
 * page it names.
 */
#include "../host/gwalk_ref.h"

#include <arch/msr.h>
#include <arch/regs.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t offset[] = { 0, 8, 0xff8, 0x800, 4, 0xffc, 16, 24 };

static uint64_t make_entry(const uint8_t *b)
{
    uint64_t e = ((uint64_t)(b[3] & 7) << 12) | 1;

    e |= b[1] & 0xfe;
    if (b[0] & 0x40) /* most are present and without bits out of the ordinary */
        e |= (uint64_t)(b[2] & 0x1f) << 8;
    if (b[0] & 0x80)
        e |= (uint64_t)(b[2] >> 5) << 61 | (uint64_t)(b[3] & 0xf8) << 49;
    if (b[3] & 8)
        e |= BIT(63);
    if ((b[3] & 0xf0) == 0x10)
        e |= BIT(13 + (b[2] & 63) % 50);
    if ((b[3] & 0xf0) == 0x20)
        e &= ~1ULL;
    return e;
}

static uint64_t linear_of(const uint8_t *b)
{
    static const uint64_t index[] = { 0, 1, 511, 256 };
    uint64_t la = b[5];

    for (unsigned int level = 0; level < 5; level++)
        la |= index[b[6 + level / 4] >> (2 * (level % 4)) & 3] << (12 + 9 * level);
    return la;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t after[REF_BYTES];
    static const uint8_t widths[] = { 36, 40, 48, 52 };
    struct gwalk_cpu c = { 0 };
    struct gwalk_out got, want;
    uint64_t la;
    uint32_t access;
    bool ok, ref_ok;

    if (size < 24)
        return 0;
    memset(ref_memory, 0, sizeof(ref_memory));
    c.cr0 = X86_CR0_PE | (data[0] == 0xff ? 0 : X86_CR0_PG) | (data[0] & 1 ? X86_CR0_WP : 0);
    c.cr4 = (data[0] & 2 ? X86_CR4_PSE : 0) | (data[0] & 4 ? X86_CR4_SMEP : 0) |
            (data[0] & 8 ? X86_CR4_SMAP : 0) | (data[0] & 16 ? X86_CR4_PKE : 0);
    switch (data[1] & 3) {
    case 0: break;
    case 1: c.cr4 |= X86_CR4_PAE; break;
    case 2: c.cr4 |= X86_CR4_PAE; c.efer |= EFER_LMA; break;
    case 3: c.cr4 |= X86_CR4_PAE | X86_CR4_LA57; c.efer |= EFER_LMA; break;
    }
    c.efer |= data[1] & 4 ? EFER_NX : 0;
    c.rflags = data[1] & 8 ? X86_EFLAGS_AC : 0;
    c.amd = data[1] & 16;
    c.page1gb = data[1] & 32;
    c.pdpte_accessed = data[0] & 32;
    c.phys_bits = widths[data[1] >> 6];
    c.cr3 = (uint64_t)(data[2] & 7) << 12 | (data[2] & 0xf8);
    memcpy(&c.pkru, data + 12, 4);
    access = (data[3] & 1 ? PFEC_USER : 0) | (data[3] & 2 ? GWALK_IMPLICIT : 0) |
             (data[3] & 4 ? GWALK_NO_SMAP : 0);
    access |= data[3] & 16 ? PFEC_WRITE : data[3] & 32 ? PFEC_FETCH : 0;
    la = linear_of(data);
    for (size_t i = 24; i + 4 <= size; i += 4) {
        const uint64_t e = make_entry(data + i);
        const uint64_t at = (uint64_t)(data[i] & 7) * 4096 + offset[data[i] >> 3 & 7];

        memcpy(ref_memory + at, &e, c.cr4 & X86_CR4_PAE && !(at & 4) ? 8 : 4);
    }
    ref_ok = ref_gwalk(&c, la, access, &want, after);
    ok = gwalk(&c, &ref_ops, NULL, la, access, &got);
    if (ok != ref_ok || got.gpa != want.gpa || got.error != want.error ||
        memcmp(after, ref_memory, REF_BYTES))
        abort();
    return 0;
}
