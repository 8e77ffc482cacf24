/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest kernel says about how it wants to be loaded: ELF notes of owner "Xen" (public
 * elfnote.h), or the older __xen_guest section, a comma-separated string of the same facts.
 */
#ifndef LIB_XEN_NOTES_H
#define LIB_XEN_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include <lib/elf.h>

#define XEN_NOTE_STRING_MAX 32             /* with the NUL; longer ones are cut off */

enum xen_notes_error {
    XEN_NOTES_OK,
    XEN_NOTES_NONE,                        /* neither notes nor a __xen_guest section */
    XEN_NOTES_MALFORMED,                   /* a note's value has not the form it must have */
    XEN_NOTES_WRONG_VERSION,               /* XEN_VERSION is not "xen-3.0" */
    XEN_NOTES_WRONG_LOADER,                /* neither LOADER "generic" nor GUEST_OS "linux" */
    XEN_NOTES_UNKNOWN_FEATURE,             /* requires a feature by a name nobody knows */
    XEN_NOTES_UNSUPPORTED_FEATURE,         /* requires one that this kind of guest cannot have */
    XEN_NOTES_NO_ENTRY,                    /* no entry point, or one outside of the image */
    XEN_NOTES_BAD_LAYOUT,                  /* the image's addresses do not fit together */
    XEN_NOTES_NO_DOM0,                     /* says that it cannot be dom0 */
};

enum xen_pae_mode { XEN_PAE_NO, XEN_PAE_YES, XEN_PAE_BIMODAL };

struct xen_notes {
    uint32_t present;                      /* bit n: note n (XEN_ELFNOTE_xxx) was there */
    bool legacy;                           /* it came from __xen_guest */

    uint64_t entry;                        /* virtual addresses */
    uint64_t hypercall_page;
    uint64_t virt_base;
    uint64_t init_p2m;
    uint64_t hv_start_low;
    uint64_t paddr_offset;
    uint64_t phys32_entry;                 /* a guest-physical address: the PVH entry point */
    uint64_t l1_mfn_mask, l1_mfn_value;
    bool mod_start_pfn;                    /* the initrd need not be mapped */
    bool suspend_cancel;
    enum xen_pae_mode pae_mode;

    uint32_t features_supported;           /* bit n: XENFEAT_xxx n */
    uint32_t features_required;

    char guest_os[XEN_NOTE_STRING_MAX], guest_version[XEN_NOTE_STRING_MAX];
    char xen_version[XEN_NOTE_STRING_MAX], loader[XEN_NOTE_STRING_MAX];

    /* The image's span in virtual addresses: virt(x) = p_paddr(x) - paddr_offset + virt_base. */
    uint64_t virt_start, virt_end;

    const char *why;                       /* after a failure: the reason in words */
};

static inline bool xen_notes_has(const struct xen_notes *n, uint32_t note)
{
    return n->present >> note & 1;
}

/* Reads them all. Gives an enum xen_notes_error; out->why says it in words. */
int xen_notes_parse(struct xen_notes *out, const struct elf_image *elf);

/* Whether a kernel with these notes can be started as a 64-bit PV guest, and as dom0. The same
 * results; n->why is set. */
int xen_notes_check_pv(struct xen_notes *n, bool dom0);

/* Whether it can be started as a PVH guest, for which it only needs PHYS32_ENTRY. */
int xen_notes_check_pvh(struct xen_notes *n, const struct elf_image *elf);

#endif
