/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies from and to the memory of an HVM guest: by linear addresses, which its own tables explain
 * (arch/gwalk.h), and by guest-physical ones. The physmap says what is there; a page is held by a
 * reference while it is looked at, so the guest can give it back meanwhile.
 *
 * No lock is held; nothing is cached from one call to the next, as the guest changes its tables
 * without telling us.
 */
#include <arch/cpu.h>
#include <arch/gwalk.h>
#include <arch/hvm.h>
#include <arch/msr.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <lib/string.h>

/* --- pages ------------------------------------------------------------------------------------ */

/* A page of the guest, mapped; two are closed in reverse order of their opening. */
struct place {
    struct page *pg;  /* NULL: none */
    struct domain *d; /* whose; NULL: it is only read */
    gfn_t gfn;
    uint8_t *va;      /* of the first byte */
    bool drop;        /* a write that goes nowhere */
};

static bool is_read_only(enum p2m_type type)
{
    return type == P2M_RAM_RO || type == P2M_GRANT_RO;
}

/* False: there is no memory to read, or for write none that takes it. */
static bool place_open(struct domain *d, uint64_t gpa, bool write, struct place *p)
{
    const gfn_t gfn = _gfn(gpa >> PAGE_SHIFT);
    enum p2m_type type = P2M_NONE;

    *p = (struct place){ .pg = p2m_page_get(d, gfn, write, &type), .d = write ? d : NULL,
                         .gfn = gfn };
    if (unlikely(!p->pg)) {
        p->drop = write && is_read_only(p2m_lookup(d, gfn).type);
        return p->drop;
    }
    if (unlikely(write && type == P2M_IOREQ)) { /* its writes are a device model's */
        page_put(p->pg);
        return false;
    }
    p->va = (uint8_t *)page_map(page_to_mfn(p->pg)) + (gpa & PAGE_OFFSET_MASK);
    return true;
}

static void place_close(const struct place *p)
{
    if (!p->pg)
        return;
    page_unmap(p->va);
    page_put(p->pg); /* the barrier that p2m_is_logging() asks for */
    if (p->d)
        p2m_mark_dirty(p->d, p->gfn);
}

/* In one access where the processor would make one: other vcpus may look. */
static void copy_bytes(void *dst, const void *src, size_t n)
{
    const uint64_t both = (uint64_t)(uintptr_t)dst | (uint64_t)(uintptr_t)src;

    if (n == 8 && !(both & 7))
        write_once(*(uint64_t *)dst, read_once(*(const uint64_t *)src));
    else if (n == 4 && !(both & 3))
        write_once(*(uint32_t *)dst, read_once(*(const uint32_t *)src));
    else if (n == 2 && !(both & 1))
        write_once(*(uint16_t *)dst, read_once(*(const uint16_t *)src));
    else
        memcpy(dst, src, n);
}

static size_t on_page(uint64_t addr, size_t n)
{
    return MIN(n, (size_t)(PAGE_SIZE - (addr & PAGE_OFFSET_MASK)));
}

static bool read_part(struct domain *d, void *dst, uint64_t gpa, size_t n)
{
    struct place p;

    if (!place_open(d, gpa, false, &p))
        return false;
    copy_bytes(dst, p.va, n);
    place_close(&p);
    return true;
}

static bool write_part(struct domain *d, uint64_t gpa, const void *src, size_t n)
{
    struct place p;

    if (!place_open(d, gpa, true, &p))
        return false;
    if (!p.drop)
        copy_bytes(p.va, src, n);
    place_close(&p);
    return true;
}

int hvm_copy_from_phys(struct domain *d, void *dst, uint64_t gpa, size_t n)
{
    for (size_t done = 0, part; done < n; done += part) {
        part = on_page(gpa + done, n - done);
        if (!read_part(d, (uint8_t *)dst + done, gpa + done, part))
            return -EFAULT;
    }
    return 0;
}

int hvm_copy_to_phys(struct domain *d, uint64_t gpa, const void *src, size_t n)
{
    for (size_t done = 0, part; done < n; done += part) {
        part = on_page(gpa + done, n - done);
        if (!write_part(d, gpa + done, (const uint8_t *)src + done, part))
            return -EFAULT;
    }
    return 0;
}

/* --- translation ------------------------------------------------------------------------------ */

static bool table_read(void *ctx, uint64_t gpa, unsigned int size, uint64_t *val)
{
    struct place p;

    if (!place_open(ctx, gpa, false, &p))
        return false;
    *val = size == 8 ? read_once(*(const uint64_t *)p.va) : read_once(*(const uint32_t *)p.va);
    place_close(&p);
    return true;
}

static bool cas32(void *va, uint64_t *old, uint32_t val)
{
    uint32_t was = (uint32_t)*old;
    const bool done = __atomic_compare_exchange_n((uint32_t *)va, &was, val, false,
                                                  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);

    *old = was;
    return done;
}

static enum gwalk_cas table_cmpxchg(void *ctx, uint64_t gpa, unsigned int size, uint64_t *old,
                                    uint64_t val)
{
    struct place p;
    bool done;

    if (!place_open(ctx, gpa, true, &p))
        return GWALK_CAS_DONE;
    if (p.drop)
        done = true;
    else if (size == 4)
        done = cas32(p.va, old, (uint32_t)val);
    else
        done = __atomic_compare_exchange_n((uint64_t *)p.va, old, val, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    place_close(&p);
    return done ? GWALK_CAS_DONE : GWALK_CAS_LOST;
}

static const struct gwalk_ops table_ops = { table_read, table_cmpxchg };

static enum hvm_copy translate(struct vcpu *v, const struct gwalk_cpu *cpu, uint64_t linear,
                               uint32_t access, uint64_t *gpa, struct hvm_fault *f)
{
    struct gwalk_out out;

    if (likely(gwalk(cpu, &table_ops, v->domain, linear, access, &out))) {
        *gpa = out.gpa;
        return HVM_COPY_OK;
    }
    f->linear = cpu->efer & EFER_LMA ? linear : (uint32_t)linear;
    f->error = out.error;
    return HVM_COPY_FAULT;
}

enum hvm_copy hvm_translate(struct vcpu *v, uint64_t linear, uint32_t access, uint64_t *gpa,
                            struct hvm_fault *f)
{
    struct gwalk_cpu cpu;

    *f = (struct hvm_fault){ .linear = linear };
    gwalk_cpu_of(v, &cpu);
    return translate(v, &cpu, linear, access, gpa, f);
}

/* --- copies by linear addresses --------------------------------------------------------------- */

enum hvm_copy hvm_copy_from_linear(struct vcpu *v, void *dst, uint64_t linear, size_t n,
                                   uint32_t access, struct hvm_fault *f)
{
    struct gwalk_cpu cpu;

    *f = (struct hvm_fault){ .linear = linear };
    gwalk_cpu_of(v, &cpu);
    while (f->done < n) {
        const uint64_t at = linear + f->done;
        const size_t part = on_page(at, n - f->done);

        if (translate(v, &cpu, at, access, &f->gpa, f) != HVM_COPY_OK)
            return HVM_COPY_FAULT;
        if (!read_part(v->domain, (uint8_t *)dst + f->done, f->gpa, part))
            return HVM_COPY_MMIO;
        f->done += part;
    }
    return HVM_COPY_OK;
}

/* What is on one page or two, opened for writing; parts[1].pg stays NULL for one. */
static enum hvm_copy open_two(struct vcpu *v, uint64_t linear, size_t n, uint32_t access,
                              struct place parts[2], struct hvm_fault *f)
{
    struct gwalk_cpu cpu;
    const size_t first = on_page(linear, n);
    uint64_t gpa, gpa2 = 0;

    *f = (struct hvm_fault){ .linear = linear };
    gwalk_cpu_of(v, &cpu);
    parts[1] = (struct place){ .pg = NULL };
    if (translate(v, &cpu, linear, access, &gpa, f) != HVM_COPY_OK ||
        (n > first && translate(v, &cpu, linear + first, access, &gpa2, f) != HVM_COPY_OK))
        return HVM_COPY_FAULT;
    f->gpa = gpa;
    if (!place_open(v->domain, gpa, true, &parts[0]))
        return HVM_COPY_MMIO;
    if (n == first)
        return HVM_COPY_OK;
    if (place_open(v->domain, gpa2, true, &parts[1]))
        return HVM_COPY_OK;
    f->gpa = gpa2;
    place_close(&parts[0]);
    return HVM_COPY_MMIO;
}

static void close_two(const struct place parts[2])
{
    place_close(&parts[1]);
    place_close(&parts[0]);
}

static enum hvm_copy write_two(struct vcpu *v, uint64_t linear, const void *src, size_t n,
                               uint32_t access, struct hvm_fault *f)
{
    const size_t first = on_page(linear, n);
    struct place parts[2];
    const enum hvm_copy rc = open_two(v, linear, n, access, parts, f);

    if (rc != HVM_COPY_OK)
        return rc;
    if (!parts[0].drop)
        copy_bytes(parts[0].va, src, first);
    if (n > first && !parts[1].drop)
        copy_bytes(parts[1].va, (const uint8_t *)src + first, n - first);
    close_two(parts);
    f->done = n;
    return HVM_COPY_OK;
}

enum hvm_copy hvm_copy_to_linear(struct vcpu *v, uint64_t linear, const void *src, size_t n,
                                 uint32_t access, struct hvm_fault *f)
{
    struct gwalk_cpu cpu;

    *f = (struct hvm_fault){ .linear = linear };
    gwalk_cpu_of(v, &cpu);
    access |= PFEC_WRITE;
    if (n == 0)
        return HVM_COPY_OK;
    if (n <= on_page(linear, n) + PAGE_SIZE)
        return write_two(v, linear, src, n, access, f);
    while (f->done < n) {
        const uint64_t at = linear + f->done;
        const size_t part = on_page(at, n - f->done);

        if (translate(v, &cpu, at, access, &f->gpa, f) != HVM_COPY_OK)
            return HVM_COPY_FAULT;
        if (!write_part(v->domain, f->gpa, (const uint8_t *)src + f->done, part))
            return HVM_COPY_MMIO;
        f->done += part;
    }
    return HVM_COPY_OK;
}

enum hvm_copy hvm_probe_write(struct vcpu *v, uint64_t linear, size_t n, uint32_t access,
                              struct hvm_fault *f)
{
    struct gwalk_cpu cpu;

    *f = (struct hvm_fault){ .linear = linear };
    gwalk_cpu_of(v, &cpu);
    for (size_t at = 0; at < n; at += on_page(linear + at, n - at))
        if (translate(v, &cpu, linear + at, access | PFEC_WRITE, &f->gpa, f) != HVM_COPY_OK)
            return HVM_COPY_FAULT;
    return HVM_COPY_OK;
}

static bool cas16(void *va, const void *old, const void *new)
{
    uint64_t from[2], to[2];

    memcpy(from, old, sizeof(from));
    memcpy(to, new, sizeof(to));
    return cmpxchg16b(va, from, to);
}

#define CAS(type)                                                             \
    ({                                                                        \
        type from_, to_;                                                      \
        memcpy(&from_, old, sizeof(from_));                                   \
        memcpy(&to_, new, sizeof(to_));                                       \
        __sync_bool_compare_and_swap((type *)va, from_, to_);                 \
    })

/* Any alignment but for 16 bytes, as the processor. The attribute is for the host's checks. */
__attribute__((no_sanitize("undefined"))) static bool cas(void *va, const void *old,
                                                          const void *new, size_t n)
{
    switch (n) {
    case 1: return CAS(uint8_t);
    case 2: return CAS(uint16_t);
    case 4: return CAS(uint32_t);
    case 8: return CAS(uint64_t);
    default: return ((uintptr_t)va & 15) == 0 && cas16(va, old, new);
    }
}

/*
 * On two pages there is no one step. The processor locks the bus; we may be seen half-way, and the
 * guest whose locks are that misplaced has to live with it.
 */
static bool cmpxchg_split(const struct place parts[2], size_t first, const void *old,
                          const void *new, size_t n)
{
    if ((!parts[0].drop && memcmp(parts[0].va, old, first)) ||
        (!parts[1].drop && memcmp(parts[1].va, (const uint8_t *)old + first, n - first)))
        return false;
    if (!parts[0].drop)
        memcpy(parts[0].va, new, first);
    if (!parts[1].drop)
        memcpy(parts[1].va, (const uint8_t *)new + first, n - first);
    return true;
}

enum hvm_copy hvm_cmpxchg_linear(struct vcpu *v, uint64_t linear, const void *old, const void *new,
                                 size_t n, uint32_t access, bool *swapped, struct hvm_fault *f)
{
    const size_t first = on_page(linear, n);
    struct place parts[2];
    const enum hvm_copy rc = open_two(v, linear, n, access | PFEC_WRITE, parts, f);

    if (rc != HVM_COPY_OK)
        return rc;
    if (n > first)
        *swapped = cmpxchg_split(parts, first, old, new, n);
    else
        *swapped = parts[0].drop || cas(parts[0].va, old, new, n);
    close_two(parts);
    f->done = n;
    return HVM_COPY_OK;
}
