/* SPDX-License-Identifier: GPL-2.0-only */
/* Building the first domain. */
#ifndef ARCH_BUILD_H
#define ARCH_BUILD_H

#include <abi.h>
#include <hv/types.h>
#include <lib/elf.h>
#include <lib/xen_notes.h>

struct domain;

/* What the boot loader and the administrator gave for it. */
struct dom0_input {
    const void *kernel; /* bzImage or ELF, mapped */
    size_t kernel_size;
    const void *initrd; /* NULL without one */
    size_t initrd_size;
    const char *cmdline;
    uint64_t nr_pages;
    const struct dom0_vga_console_info *vga; /* NULL: none */
};

/* The kernel, unpacked and looked at. */
struct dom0_kernel {
    struct elf_image elf;
    struct xen_notes notes;
    void *unpacked; /* NULL: it is where the loader put it */
    unsigned int order;
};
/* copy: it must not stay where the loader put it. Does not return when it is no kernel. */
void dom0_kernel_open(struct dom0_kernel *k, const struct dom0_input *in, bool copy);
void dom0_kernel_close(struct dom0_kernel *k);

#define DOM0_MAX_CHUNKS 1024

/* A run of its frames: gfn..gfn+nr is mfn..mfn+nr. */
struct dom0_chunk {
    uint64_t gfn, nr;
    mfn_t mfn;
    uint32_t type; /* in its memory map, for PVH: E820_RAM, E820_ACPI */
};

/* Its memory while it is built. Large: keep it static. */
struct dom0_frames {
    struct dom0_chunk chunk[DOM0_MAX_CHUNKS];
    unsigned int nr_chunks;
    unsigned int last; /* chunk that was found last: an index in use, or 0 */
};
/* Ends the boot if there are too many runs. */
void dom0_frames_add(struct dom0_frames *f, uint64_t gfn, mfn_t mfn, uint64_t nr, uint32_t type);
bool dom0_frames_have(struct dom0_frames *f, uint64_t gfn);
/* It has to have that gfn. */
mfn_t dom0_frames_mfn(struct dom0_frames *f, uint64_t gfn);
/* Copy (src not NULL) or clear bytes at an address of the domain's. */
void dom0_frames_fill(struct dom0_frames *f, uint64_t pa, const void *src, uint64_t size);
/* The kernel's segments to their places; what it was unpacked to is freed. */
void dom0_frames_load(struct dom0_frames *f, struct dom0_kernel *k);

/*
 * Fill d (created, with its vcpu 0, no memory yet, max_pages set) with kernel, initrd, tables and
 * first context. Does not return when the input cannot be used: boot_fail() says why.
 */
void dom0_build_pv(struct domain *d, const struct dom0_input *in);
void dom0_build_pvh(struct domain *d, const struct dom0_input *in);

#endif
