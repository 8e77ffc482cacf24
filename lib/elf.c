/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF images (System V ABI, chapters "Object Files" and "Program Loading"). elf_parse() checks that
 * both header tables and all segments lie in the file and that no size wraps around, so the
 * walkers need no checks of their own but for what notes and sections contain.
 * Offsets stay 64-bit, and "offset + size" is never computed before it is known to fit.
 */
#include <lib/bytes.h>
#include <lib/elf.h>
#include <lib/string.h>

#include <xen/errno.h>

#define CLASS_32 1
#define CLASS_64 2
#define DATA_LITTLE 1
#define TYPE_EXEC 2
#define TYPE_DYN 3

/* Far more than any kernel has; bounds the walks, as segments of a bad file may overlap. */
#define PHDRS_MAX 128
#define SHDRS_MAX 1024
#define NOTES_MAX 4096

/* The headers as in the file: their fields are naturally aligned, there is no padding. */
struct ehdr64 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct ehdr32 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr64 {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct phdr32 {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct shdr64 {
    uint32_t name, type;
    uint64_t flags, addr, offset, size;
    uint32_t link, info;
    uint64_t addralign, entsize;
};

struct shdr32 {
    uint32_t name, type, flags, addr, offset, size, link, info, addralign, entsize;
};

_Static_assert(sizeof(struct ehdr64) == 64 && sizeof(struct ehdr32) == 52, "ELF header");
_Static_assert(sizeof(struct phdr64) == 56 && sizeof(struct phdr32) == 32, "program header");
_Static_assert(sizeof(struct shdr64) == 64 && sizeof(struct shdr32) == 40, "section header");

#define SHT_NOBITS 8

static int fail(struct elf_image *elf, int error, const char *why)
{
    elf->why = why;
    return error;
}

static bool in_file(const struct elf_image *elf, uint64_t offset, uint64_t size)
{
    return offset <= elf->file.size && size <= elf->file.size - offset;
}

static struct ehdr64 read_ehdr(const struct elf_image *elf)
{
    struct ehdr32 h32;
    struct ehdr64 h;

    if (elf->is_64bit) {
        memcpy(&h, elf->file.ptr, sizeof(h));
        return h;
    }
    memcpy(&h32, elf->file.ptr, sizeof(h32));
    return (struct ehdr64){
        .type = h32.type,
        .machine = h32.machine,
        .entry = h32.entry,
        .phoff = h32.phoff,
        .shoff = h32.shoff,
        .phentsize = h32.phentsize,
        .phnum = h32.phnum,
        .shentsize = h32.shentsize,
        .shnum = h32.shnum,
        .shstrndx = h32.shstrndx,
    };
}

static struct phdr64 read_phdr(const struct elf_image *elf, uint32_t i)
{
    struct phdr64 p;
    struct phdr32 p32;

    if (elf->is_64bit) {
        memcpy(&p, elf->file.ptr + elf->phdrs + i * sizeof(p), sizeof(p));
        return p;
    }
    memcpy(&p32, elf->file.ptr + elf->phdrs + i * sizeof(p32), sizeof(p32));
    return (struct phdr64){
        .type = p32.type,
        .flags = p32.flags,
        .offset = p32.offset,
        .vaddr = p32.vaddr,
        .paddr = p32.paddr,
        .filesz = p32.filesz,
        .memsz = p32.memsz,
    };
}

static struct shdr64 read_shdr(const struct elf_image *elf, uint32_t i)
{
    struct shdr64 s;
    struct shdr32 s32;

    if (elf->is_64bit) {
        memcpy(&s, elf->file.ptr + elf->shdrs + i * sizeof(s), sizeof(s));
        return s;
    }
    memcpy(&s32, elf->file.ptr + elf->shdrs + i * sizeof(s32), sizeof(s32));
    return (struct shdr64){
        .name = s32.name,
        .type = s32.type,
        .addr = s32.addr,
        .offset = s32.offset,
        .size = s32.size,
    };
}

static int check_ident(struct elf_image *elf)
{
    const uint8_t *ident = elf->file.ptr;

    if (elf->file.size < sizeof(struct ehdr32) || memcmp(ident, "\177ELF", 4) != 0)
        return fail(elf, -XEN_ENOEXEC, "not an ELF file");
    if ((ident[4] != CLASS_32 && ident[4] != CLASS_64) || ident[5] != DATA_LITTLE || ident[6] != 1)
        return fail(elf, -XEN_ENOEXEC, "ELF class, byte order or version not supported");
    elf->is_64bit = ident[4] == CLASS_64;
    if (elf->is_64bit && elf->file.size < sizeof(struct ehdr64))
        return fail(elf, -XEN_EINVAL, "ELF header is cut short");
    return 0;
}

static int check_ehdr(struct elf_image *elf)
{
    const struct ehdr64 h = read_ehdr(elf);
    const size_t phdr_size = elf->is_64bit ? sizeof(struct phdr64) : sizeof(struct phdr32);
    const size_t shdr_size = elf->is_64bit ? sizeof(struct shdr64) : sizeof(struct shdr32);

    if (h.type != TYPE_EXEC && h.type != TYPE_DYN)
        return fail(elf, -XEN_ENOEXEC, "ELF file is not an executable");
    if (h.machine != (elf->is_64bit ? ELF_MACHINE_X86_64 : ELF_MACHINE_386))
        return fail(elf, -XEN_ENOEXEC, "ELF file is for another machine");
    if (h.phnum == 0 || h.phnum > PHDRS_MAX || h.phentsize != phdr_size ||
        !in_file(elf, h.phoff, h.phnum * phdr_size))
        return fail(elf, -XEN_EINVAL, "ELF program headers are missing or outside of the file");

    elf->machine = h.machine;
    elf->entry = h.entry;
    elf->phdrs = h.phoff;
    elf->nr_phdrs = h.phnum;

    /* Sections are a legacy that few images need: if they cannot be used there are none. */
    if (h.shnum <= SHDRS_MAX && h.shstrndx < h.shnum && h.shentsize == shdr_size &&
        in_file(elf, h.shoff, h.shnum * shdr_size)) {
        elf->shdrs = h.shoff;
        elf->nr_shdrs = h.shnum;
        elf->section_names = h.shstrndx;
    }
    return 0;
}

static int check_load(struct elf_image *elf, const struct phdr64 *p)
{
    if (p->filesz > p->memsz)
        return fail(elf, -XEN_EINVAL, "ELF segment is larger in the file than in memory");
    if (p->memsz > UINT64_MAX - p->paddr || p->memsz > UINT64_MAX - p->vaddr)
        return fail(elf, -XEN_EINVAL, "ELF segment wraps around the address space");
    if (p->memsz == 0)
        return 0;
    if (p->paddr < elf->load_start)
        elf->load_start = p->paddr;
    if (p->paddr + p->memsz > elf->load_end)
        elf->load_end = p->paddr + p->memsz;
    return 0;
}

static int check_phdrs(struct elf_image *elf)
{
    elf->load_start = UINT64_MAX;
    for (uint32_t i = 0; i < elf->nr_phdrs; i++) {
        const struct phdr64 p = read_phdr(elf, i);
        int rc = 0;

        if (p.type != ELF_PT_LOAD && p.type != ELF_PT_NOTE)
            continue;
        if (!in_file(elf, p.offset, p.filesz))
            return fail(elf, -XEN_EINVAL, "ELF segment lies outside of the file");
        if (p.type == ELF_PT_LOAD)
            rc = check_load(elf, &p);
        if (rc)
            return rc;
    }
    if (elf->load_end == 0)
        return fail(elf, -XEN_EINVAL, "ELF file has nothing to load");
    return 0;
}

int elf_parse(struct elf_image *out, const void *image, size_t size)
{
    int rc;

    *out = (struct elf_image){ .file = { image, size } };
    rc = check_ident(out);
    if (rc == 0)
        rc = check_ehdr(out);
    if (rc == 0)
        rc = check_phdrs(out);
    return rc;
}

struct elf_segment elf_segment(const struct elf_image *elf, uint32_t i)
{
    const struct phdr64 p = read_phdr(elf, i);
    struct elf_segment s = {
        .type = p.type,
        .flags = p.flags,
        .vaddr = p.vaddr,
        .paddr = p.paddr,
        .mem_size = p.memsz,
    };

    if (in_file(elf, p.offset, p.filesz))  /* holds for the types that were checked */
        s.data = (struct span){ elf->file.ptr + p.offset, p.filesz };
    return s;
}

static struct span section_data(const struct elf_image *elf, const struct shdr64 *s)
{
    if (s->type == SHT_NOBITS || !in_file(elf, s->offset, s->size))
        return (struct span){ 0 };
    return (struct span){ elf->file.ptr + s->offset, s->size };
}

bool elf_find_section(const struct elf_image *elf, const char *name, struct elf_section *out)
{
    const size_t name_size = strlen(name) + 1;
    struct shdr64 s;
    struct span names;

    if (elf->nr_shdrs == 0)
        return false;
    s = read_shdr(elf, elf->section_names);
    names = section_data(elf, &s);

    for (uint32_t i = 0; i < elf->nr_shdrs; i++) {
        s = read_shdr(elf, i);
        if (s.name >= names.size || names.size - s.name < name_size ||
            memcmp(names.ptr + s.name, name, name_size) != 0)
            continue;
        out->name = (const char *)names.ptr + s.name;
        out->vaddr = s.addr;
        out->data = section_data(elf, &s);
        return out->data.ptr != NULL;
    }
    return false;
}

/* Cuts n bytes, and the padding to four, off the front; false if there are less than n. */
static bool take_padded(struct span *from, uint64_t n, struct span *out)
{
    const uint64_t padded = (n + 3) & ~3ull;         /* n is a 32-bit number */

    if (n > from->size)
        return false;
    *out = (struct span){ from->ptr, (size_t)n };
    n = padded < from->size ? padded : from->size;
    from->ptr += n;
    from->size -= n;
    return true;
}

/* A note is three words (name size, descriptor size, type), the name, the descriptor. */
static bool take_note(struct span *from, struct elf_note *out)
{
    struct span head, name;

    if (!take_padded(from, 12, &head) || !take_padded(from, get_le32(head.ptr), &name) ||
        !take_padded(from, get_le32(head.ptr + 4), &out->desc))
        return false;
    if (name.size > 0 && name.ptr[name.size - 1] != '\0')
        return false;
    out->name = name.size > 0 ? (const char *)name.ptr : "";
    out->type = get_le32(head.ptr + 8);
    return true;
}

bool elf_next_note(const struct elf_image *elf, struct elf_note_walk *walk, struct elf_note *out)
{
    while (walk->nr_notes < NOTES_MAX) {
        if (walk->rest.size > 0 && take_note(&walk->rest, out)) {
            walk->nr_notes++;
            return true;
        }
        walk->rest.size = 0;
        for (;;) {
            struct elf_segment s;

            if (walk->next_phdr >= elf->nr_phdrs)
                return false;
            s = elf_segment(elf, walk->next_phdr++);
            if (s.type == ELF_PT_NOTE && s.data.size > 0) {
                walk->rest = s.data;
                break;
            }
        }
    }
    return false;
}

int elf_load(const struct elf_image *elf, const struct elf_sink *sink)
{
    for (uint32_t i = 0; i < elf->nr_phdrs; i++) {
        const struct elf_segment s = elf_segment(elf, i);
        const size_t n = s.data.size;
        int rc = 0;

        if (s.type != ELF_PT_LOAD)
            continue;
        if (n > 0)
            rc = sink->copy(sink->ctx, s.paddr, s.data.ptr, n);
        if (rc == 0 && s.mem_size > n)
            rc = sink->zero(sink->ctx, s.paddr + n, s.mem_size - n);
        if (rc)
            return rc;
    }
    return 0;
}

struct window {
    uint8_t *dst;
    size_t size;
    uint64_t base;
};

static uint8_t *window_find(const struct window *w, uint64_t paddr, uint64_t size)
{
    const uint64_t offset = paddr - w->base;

    if (paddr < w->base || offset > w->size || size > w->size - offset)
        return NULL;
    return w->dst + offset;
}

static int window_copy(void *ctx, uint64_t paddr, const void *src, size_t size)
{
    uint8_t *dst = window_find(ctx, paddr, size);

    if (!dst)
        return -XEN_ENOMEM;
    memcpy(dst, src, size);
    return 0;
}

static int window_zero(void *ctx, uint64_t paddr, uint64_t size)
{
    uint8_t *dst = window_find(ctx, paddr, size);

    if (!dst)
        return -XEN_ENOMEM;
    memset(dst, 0, size);
    return 0;
}

int elf_load_at(const struct elf_image *elf, void *dst, size_t size, uint64_t base_paddr)
{
    struct window w = { dst, size, base_paddr };
    const struct elf_sink sink = { window_copy, window_zero, &w };

    return elf_load(elf, &sink);
}
