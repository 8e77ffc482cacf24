/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF files in memory: 64-bit x86-64 and 32-bit x86 images, their segments, notes and sections.
 * elf_parse() checks every header that the other functions then rely on; nothing is copied, so the
 * file must stay where it is, unchanged, for as long as the elf_image is used.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include <stdbool.h>

#include <lib/span.h>

#define ELF_PT_LOAD 1
#define ELF_PT_NOTE 4

#define ELF_PF_X 1
#define ELF_PF_W 2
#define ELF_PF_R 4

#define ELF_MACHINE_386 3
#define ELF_MACHINE_X86_64 62

struct elf_image {
    struct span file;
    bool is_64bit;
    uint16_t machine;                      /* ELF_MACHINE_xxx */
    uint64_t entry;
    uint64_t phdrs, shdrs;                 /* offsets of the two tables in the file */
    uint32_t nr_phdrs, nr_shdrs, section_names;
    uint64_t load_start, load_end;         /* what the PT_LOAD segments span, by p_paddr */
    const char *why;                       /* after a failure: the reason */
};

struct elf_segment {
    uint32_t type, flags;                  /* ELF_PT_xxx, ELF_PF_xxx */
    uint64_t vaddr, paddr, mem_size;
    struct span data;                      /* its bytes in the file; the rest, to mem_size, is 0 */
};

struct elf_section {
    const char *name;
    uint64_t vaddr;
    struct span data;
};

struct elf_note {
    const char *name;                      /* NUL-terminated inside the file */
    uint32_t type;
    struct span desc;
};

/* Where a walk over all notes of all PT_NOTE segments stands; zeroed at the start. */
struct elf_note_walk {
    struct span rest;
    uint32_t next_phdr, nr_notes;
};

/* 0, or -EINVAL / -ENOEXEC of <xen/errno.h> with out->why set. */
int elf_parse(struct elf_image *out, const void *image, size_t size);

/* Segment i, 0 <= i < nr_phdrs. */
struct elf_segment elf_segment(const struct elf_image *elf, uint32_t i);

/* The section of that name; false if there is none (or it lies outside of the file). */
bool elf_find_section(const struct elf_image *elf, const char *name, struct elf_section *out);

/* The next note; false at the end. Malformed notes end the walk over their segment. */
bool elf_next_note(const struct elf_image *elf, struct elf_note_walk *walk, struct elf_note *out);

/* Where elf_load() puts bytes. Each returns 0 or an error, which ends the loading. */
struct elf_sink {
    int (*copy)(void *ctx, uint64_t paddr, const void *src, size_t size);
    int (*zero)(void *ctx, uint64_t paddr, uint64_t size);
    void *ctx;
};

/* Loads all PT_LOAD segments, in the order of the file. */
int elf_load(const struct elf_image *elf, const struct elf_sink *sink);

/* Loads them into a buffer that stands for physical memory from base_paddr on; -ENOMEM if a
 * segment does not lie in it. Bytes between the segments are left as they are. */
int elf_load_at(const struct elf_image *elf, void *dst, size_t size, uint64_t base_paddr);

#endif
