/* SPDX-License-Identifier: GPL-2.0-only */
/* What the 32-bit guest and its maker share: the first pages of the guest's image. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdint.h>

#define BASE32 0xc0000000U /* where the image is: behind slot 3 of the L3 */
#define PAGES32 1024U      /* of the guest, mapped from BASE32 on */
#define NOTES32 200U
#define WHAT32 84U
#define MAGIC32 0x70763332U

enum { RUN_ALL, RUN_BAD_HANDLER, RUN_BAD_STACK, RUN_SPIN };

struct note32 {
    uint32_t ok, got, want;
    char what[WHAT32];
};

struct mailbox {
    uint32_t magic, entry; /* of the image */
    uint32_t run;          /* RUN_*, and the rest below: of the maker */
    uint32_t shared_mfn;
    uint32_t hypercall_pfn, l3_pfn, top_pfn, l2_pfn, l1_pfn, p2m_pfn; /* l1_pfn: and the next */
    uint32_t image_pages;
    uint32_t x87[4]; /* of RUN_SPIN: last instruction and operand, as its own FXSAVE has them */
    uint32_t nr_notes;
    struct note32 note[NOTES32];
};

#endif
