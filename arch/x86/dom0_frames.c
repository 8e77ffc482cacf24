/* SPDX-License-Identifier: GPL-2.0-only */
/* Which machine frames the first domain's are, and bytes into them. Shared by both builders. */
#include <arch/build.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/string.h>

void dom0_frames_add(struct dom0_frames *f, uint64_t gfn, mfn_t mfn, uint64_t nr, uint32_t type)
{
    struct dom0_chunk *last = f->nr_chunks ? &f->chunk[f->nr_chunks - 1] : NULL;

    if (last && last->type == type && last->gfn + last->nr == gfn &&
        last->mfn.n + last->nr == mfn.n) {
        last->nr += nr;
        return;
    }
    if (f->nr_chunks == DOM0_MAX_CHUNKS)
        boot_fail("dom0: free memory is too fragmented");
    f->chunk[f->nr_chunks++] = (struct dom0_chunk){ gfn, nr, mfn, type };
}

static bool is_in(const struct dom0_chunk *c, uint64_t gfn)
{
    return gfn >= c->gfn && gfn < c->gfn + c->nr;
}

bool dom0_frames_have(struct dom0_frames *f, uint64_t gfn)
{
    for (f->last = 0; f->last < f->nr_chunks; f->last++)
        if (is_in(&f->chunk[f->last], gfn))
            return true;
    f->last = 0;
    return false;
}

mfn_t dom0_frames_mfn(struct dom0_frames *f, uint64_t gfn)
{
    const struct dom0_chunk *c;

    if (!is_in(&f->chunk[f->last], gfn))
        BUG_ON(!dom0_frames_have(f, gfn));
    c = &f->chunk[f->last];
    return _mfn(c->mfn.n + (gfn - c->gfn));
}

void dom0_frames_fill(struct dom0_frames *f, uint64_t pa, const void *src, uint64_t size)
{
    while (size > 0) {
        const uint64_t off = pa & PAGE_OFFSET_MASK, n = MIN(size, PAGE_SIZE - off);
        char *va = page_map(dom0_frames_mfn(f, pa >> PAGE_SHIFT));

        if (src != NULL) {
            memcpy(va + off, src, n);
            src = (const char *)src + n;
        } else {
            memset(va + off, 0, n);
        }
        page_unmap(va);
        pa += n;
        size -= n;
    }
}

static int sink_copy(void *ctx, uint64_t paddr, const void *src, size_t size)
{
    dom0_frames_fill(ctx, paddr, src, size);
    return 0;
}

static int sink_zero(void *ctx, uint64_t paddr, uint64_t size)
{
    dom0_frames_fill(ctx, paddr, NULL, size);
    return 0;
}

void dom0_frames_load(struct dom0_frames *f, struct dom0_kernel *k)
{
    const struct elf_sink sink = { sink_copy, sink_zero, f };

    if (elf_load(&k->elf, &sink))
        boot_fail("dom0 kernel: cannot be loaded");
    dom0_kernel_close(k);
}
