/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as an ELF image: parsed, walked over, its notes and sections read, and, if it is not
 * too large, loaded. Checks that what was accepted lies where elf_image says.
 */
/* runs: 1500000 */
/* links: lib/elf.c lib/xen_notes.c lib/number.c lib/string.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/elf.h>
#include <lib/xen_notes.h>

#define RAM_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static uint32_t sum(struct span s)
{
    uint32_t v = 0;

    for (size_t i = 0; i < s.size; i++)
        v += s.ptr[i];
    return v;
}

static volatile uint32_t seen;            /* reads must happen, for the sanitizer to see */

static void walk(const struct elf_image *elf)
{
    struct elf_note_walk w = { 0 };
    struct elf_note note;
    struct elf_section section;

    for (uint32_t i = 0; i < elf->nr_phdrs; i++) {
        const struct elf_segment s = elf_segment(elf, i);

        seen += sum(s.data);
        if (s.type == ELF_PT_LOAD && s.mem_size > 0)
            require(s.paddr >= elf->load_start && s.paddr + s.mem_size <= elf->load_end &&
                    s.data.size <= s.mem_size);
    }
    while (elf_next_note(elf, &w, &note))
        seen += (uint32_t)strlen(note.name) + sum(note.desc);
    if (elf_find_section(elf, "__xen_guest", &section))
        seen += sum(section.data);
}

static void load(const struct elf_image *elf)
{
    const uint64_t size = elf->load_end - elf->load_start;
    uint8_t *ram;

    if (size > RAM_MAX)
        return;
    ram = malloc(size);
    require(elf_load_at(elf, ram, size, elf->load_start) == 0);
    require(elf_load_at(elf, ram, size - 1, elf->load_start) < 0);
    free(ram);
}

static void read_notes(const struct elf_image *elf)
{
    struct xen_notes n;

    if (xen_notes_parse(&n, elf) != XEN_NOTES_OK) {
        require(n.why != NULL);
        return;
    }
    require(n.present != 0 && strlen(n.guest_os) < XEN_NOTE_STRING_MAX);
    require((n.features_required & ~n.features_supported) == 0);
    if (xen_notes_check_pv(&n, false) == XEN_NOTES_OK)
        require(n.entry >= n.virt_start && n.entry < n.virt_end);
    if (xen_notes_check_pvh(&n, elf) == XEN_NOTES_OK)
        require(n.phys32_entry >= elf->load_start && n.phys32_entry < elf->load_end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = malloc(size ? size : 1);
    struct elf_image elf;

    if (size > 0)
        memcpy(file, data, size);
    if (elf_parse(&elf, file, size) == 0) {
        walk(&elf);
        load(&elf);
        read_notes(&elf);
    } else {
        require(elf.why != NULL);
    }
    free(file);
    return 0;
}
