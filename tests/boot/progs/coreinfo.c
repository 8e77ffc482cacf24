/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads what `xl dump-core` writes of a domain and says whether it hangs together.
 *
 *   coreinfo FILE        prints "vcpus=N pages=N rip=ADDRESS marker=PFN TEXT"; else says what is
 *                        wrong, and exits with 1
 *
 * The file is an ELF core of sections (Xen's "dump-core format"): a note with the counts, a context
 * for each vcpu, the shared_info page, and for each page its pfn and mfn (of a translated domain:
 * its pfn) in one section and its contents in another. The marker is a page that starts
 * with "granta-marker ".
 */
#define __XEN_TOOLS__ 1
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xen/xen.h>

#define MARKER "granta-marker "
#define MAGIC_TRANSLATED 0xf00febeeu /* XC_CORE_MAGIC_HVM */
#define NOTE_HEADER 0x2000001u /* XEN_ELFNOTE_DUMPCORE_HEADER */

struct note_header {
    uint64_t magic, nr_vcpus, nr_pages, page_size;
};

static const unsigned char *file;
static size_t file_size;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    exit(1);
}

static void map_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st))
        die("%s cannot be read", path);
    file_size = (size_t)st.st_size;
    file = mmap(NULL, file_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED || file_size < sizeof(Elf64_Ehdr))
        die("%s is too short", path);
}

/* The contents of a section of that name, which has to be there and inside of the file. */
static const void *section(const char *name, uint64_t *size)
{
    const Elf64_Ehdr *ehdr = (const void *)file;
    const Elf64_Shdr *sh = (const void *)(file + ehdr->e_shoff);

    if (ehdr->e_shoff + ehdr->e_shnum * sizeof(*sh) > file_size)
        die("section headers outside of the file");
    for (unsigned int i = 0; i < ehdr->e_shnum; i++) {
        if (strcmp((const char *)file + sh[ehdr->e_shstrndx].sh_offset + sh[i].sh_name, name))
            continue;
        if (sh[i].sh_offset + sh[i].sh_size > file_size)
            die("%s lies outside of the file", name);
        *size = sh[i].sh_size;
        return file + sh[i].sh_offset;
    }
    die("no section %s", name);
}

static struct note_header read_header(void)
{
    uint64_t size;
    const unsigned char *p = section(".note.Xen", &size), *end = p + size;
    struct note_header h;

    while (p + sizeof(Elf64_Nhdr) <= end) {
        const Elf64_Nhdr *n = (const void *)p;

        p += sizeof(*n) + ((n->n_namesz + 3) & ~3u);
        if (n->n_type == NOTE_HEADER && n->n_descsz == sizeof(h) && p + sizeof(h) <= end) {
            memcpy(&h, p, sizeof(h));
            return h;
        }
        p += (n->n_descsz + 3) & ~3u;
    }
    die("no header note");
}

static const void *section_of(const char *name, uint64_t want)
{
    uint64_t size;
    const void *p = section(name, &size);

    if (size != want)
        die("%s has %" PRIu64 " bytes, not %" PRIu64, name, size, want);
    return p;
}

int main(int argc, char **argv)
{
    const vcpu_guest_context_t *contexts;
    const Elf64_Ehdr *ehdr;
    const uint64_t *pfn;
    unsigned int words;  /* an entry of it */
    const unsigned char *pages;
    struct note_header h;

    if (argc != 2)
        die("usage: coreinfo FILE");
    map_file(argv[1]);
    ehdr = (const void *)file;
    if (memcmp(file, ELFMAG, SELFMAG) || ehdr->e_type != ET_CORE)
        die("not an ELF core");
    h = read_header();
    if (h.page_size != 4096 || h.nr_vcpus == 0 || h.nr_pages == 0)
        die("strange header");
    contexts = section_of(".xen_prstatus", h.nr_vcpus * sizeof(*contexts));
    section_of(".xen_shared_info", 4096);
    words = h.magic == MAGIC_TRANSLATED ? 1 : 2;
    pfn = section_of(words == 1 ? ".xen_pfn" : ".xen_p2m", h.nr_pages * words * sizeof(*pfn));
    pages = section_of(".xen_pages", h.nr_pages * 4096);
    for (uint64_t i = 0; i < h.nr_pages; i++) {
        if (i && pfn[i * words] <= pfn[(i - 1) * words])
            die("pages out of order");
        if (memcmp(pages + i * 4096, MARKER, strlen(MARKER)))
            continue;
        printf("vcpus=%" PRIu64 " pages=%" PRIu64 " rip=%" PRIx64 " marker=%" PRIu64 " %.64s\n",
               h.nr_vcpus, h.nr_pages, (uint64_t)contexts[0].user_regs.rip, pfn[i * words],
               pages + i * 4096 + strlen(MARKER));
        return 0;
    }
    die("no page has the marker");
}
