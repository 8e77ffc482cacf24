/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * See world.h. Wherever the core would let a fault or another cpu in, it is checked that no lock is
 * held.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <arch/cpu.h>
#include <arch/direct.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/smp.h>
#include <hv/softirq.h>

#define FIRST_FRAME 0x10U
#define TABLE (1ULL << 63) /* in page->use: a page table; the rest counts writers */

struct world world;
struct vcpu *host_current[64];
unsigned int host_cpu;
unsigned int nr_cpu_ids = 1;
struct domain *dom0;

static struct page frame[WORLD_FRAMES];
unsigned char *host_memory;          /* frame 0; the world's begin at FIRST_FRAME */
struct page *host_frame_table = frame;
static unsigned int next_frame;
static struct domain *domains[WORLD_DOMAINS];
static unsigned int nr_domains, next_preempt;
static struct { uintptr_t start; size_t size; } buffer[WORLD_BUFFERS];
static unsigned int nr_buffers;

unsigned int locks_held(void); /* core/lock.c */

static void no_locks(const char *where)
{
    if (locks_held())
        panic("%s with a lock held", where);
}

/* --- the end of the world --------------------------------------------------------------------- */

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "panic: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    abort();
}

void log_print(enum log_level level, const char *fmt, ...) {}
void guest_log(enum log_level level, const char *fmt, ...) {}
void domain_crash(struct domain *d, const char *fmt, ...) { world.crashes++; }
void cpu_wait(void) { panic("waiting for a lock that nobody else can hold"); }

/* --- frames ----------------------------------------------------------------------------------- */

struct page *mfn_to_page(mfn_t mfn)
{
    return mfn.n >= FIRST_FRAME && mfn.n < FIRST_FRAME + WORLD_FRAMES ? &frame[mfn.n - FIRST_FRAME]
                                                                      : NULL;
}
struct page *mfn_to_page_known(mfn_t mfn) { return mfn_to_page(mfn); }
mfn_t page_to_mfn(const struct page *pg) { return _mfn((uint64_t)(pg - frame) + FIRST_FRAME); }
void *world_bytes(const struct page *pg) { return direct_va(mfn_to_paddr(page_to_mfn(pg))); }
void *page_map(mfn_t mfn) { return world_bytes(mfn_to_page(mfn)); }
void page_unmap(const void *va) {}
void *page_map_long(mfn_t mfn) { return page_map(mfn); }
void page_unmap_long(const void *va) {}
uint64_t world_gfn(const struct page *pg) { return page_to_mfn(pg).n; }
uint32_t world_page_refs(const struct page *pg) { return (uint32_t)pg->ref; }
uint32_t world_page_writers(const struct page *pg) { return (uint32_t)pg->use; }
void world_frame_is_table(struct page *pg, bool table) { pg->use = table ? TABLE : 0; }

struct page *world_frame(struct domain *d)
{
    struct page *pg = &frame[next_frame++];

    if (next_frame > WORLD_FRAMES)
        panic("the world has no more frames");
    *pg = (struct page){ .ref = PAGE_ALLOCATED | 1, .owner = d ? d->id : DOMID_NONE };
    return pg;
}

struct domain *page_owner(const struct page *pg)
{
    for (unsigned int i = 0; i < nr_domains; i++)
        if (domains[i]->id == pg->owner)
            return domains[i];
    return NULL;
}

bool page_get(struct page *pg, const struct domain *d)
{
    if (!world_page_refs(pg) || pg->owner != d->id)
        return false;
    pg->ref++;
    return true;
}

void page_put(struct page *pg)
{
    if (!world_page_refs(pg))
        panic("page_put() of a page without references");
    if (!(--pg->ref & PAGE_REF_COUNT))
        *pg = (struct page){ .owner = DOMID_NONE };
}

bool page_clear_allocated(struct page *pg)
{
    if (!(pg->ref & PAGE_ALLOCATED))
        return false;
    pg->ref &= ~PAGE_ALLOCATED;
    page_put(pg);
    return true;
}

static bool writable_get(struct page *pg)
{
    if (pg->use & TABLE)
        return false;
    pg->use++;
    return true;
}

static void writable_put(struct page *pg)
{
    if ((pg->use & TABLE) || !world_page_writers(pg))
        panic("a writer's type reference is dropped that nobody has");
    pg->use--;
}

struct page *arch_gfn_to_page_get(struct domain *d, gfn_t gfn, bool writable)
{
    struct page *pg = mfn_to_page(_mfn(gfn.n));

    if (!pg || !page_get(pg, d))
        return NULL;
    if (!writable || writable_get(pg))
        return pg;
    page_put(pg);
    return NULL;
}

/* An HVM vcpu's interrupts are not in this world: an event is one as soon as it is pending. */
void arch_event_upcall(struct vcpu *v) {}
bool arch_interrupt_pending(struct vcpu *v) { return read_once(v->info->evtchn_upcall_pending); }

void arch_page_put(struct page *pg, bool writable)
{
    if (writable)
        writable_put(pg);
    page_put(pg);
}

/* Where a translated domain has its pages: one off, so that it is not mistaken for the frame. */
uint64_t m2p_get(mfn_t mfn) { return mfn.n ^ 0x100000; }

/* --- our own memory --------------------------------------------------------------------------- */

static bool alloc_fails(void)
{
    if (world.fail_after == 0) {
        world.failed++;
        if (world.fail_one)
            world.fail_after = -1;
        return true;
    }
    if (world.fail_after > 0)
        world.fail_after--;
    world.allocations++;
    return false;
}

void *hv_alloc(size_t size)
{
    if (size > PAGE_SIZE)
        panic("hv_alloc() of %zu bytes", size);
    return alloc_fails() ? NULL : calloc(1, size);
}

void hv_free(void *p)
{
    if (!p)
        return;
    world.allocations--;
    free(p);
}

void *hv_page_alloc(unsigned int order)
{
    unsigned int first = next_frame;

    if (alloc_fails())
        return NULL;
    for (unsigned int i = 0; i < 1U << order; i++)
        world_frame(NULL);
    memset(world_bytes(&frame[first]), 0, PAGE_SIZE << order);
    return world_bytes(&frame[first]);
}

static struct page *page_of(const void *va)
{
    return mfn_to_page(paddr_to_mfn(direct_pa(va)));
}

void hv_page_free(void *va, unsigned int order)
{
    struct page *pg = page_of(va);

    for (unsigned int i = 0; i < 1U << order; i++) {
        if ((pg[i].ref & (PAGE_ALLOCATED | PAGE_REF_COUNT)) != (PAGE_ALLOCATED | 1))
            panic("hv_page_free() of a page that is free or in use");
        pg[i] = (struct page){ .owner = DOMID_NONE };
    }
    world.allocations--;
    memset(va, 0xdd, PAGE_SIZE << order);
}

void page_share_with(void *va, struct domain *d, bool writable)
{
    struct page *pg = page_of(va);

    pg->owner = d->id;
    pg->ref |= PAGE_XEN;
}

void page_unshare(void *va)
{
    struct page *pg = page_of(va);

    if (!(pg->ref & PAGE_XEN))
        panic("page_unshare() of a page that is not shared");
    pg->owner = DOMID_NONE;
    pg->ref &= ~PAGE_XEN;
}

/* --- domains ---------------------------------------------------------------------------------- */

void domain_get(struct domain *d) { d->refs++; }

void domain_put(struct domain *d)
{
    no_locks("domain_put()");
    if (--d->refs == 0)
        panic("the last reference of a domain that the test still has");
}

struct domain *domain_get_by_id(domid_t id)
{
    no_locks("domain_get_by_id()");
    for (unsigned int i = 0; i < nr_domains; i++)
        if (domains[i]->id == id) {
            domain_get(domains[i]);
            return domains[i];
        }
    return NULL;
}

struct domain *domain_get_target(domid_t id)
{
    return domain_get_by_id(id == DOMID_SELF ? current->domain->id : id);
}

struct domain *world_domain(domid_t id, unsigned int nr_vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));

    if (nr_domains == WORLD_DOMAINS)
        panic("the world has no more domains");
    domains[nr_domains++] = d;
    d->id = id;
    d->kind = GUEST_PV;
    d->refs = 1;
    d->is_privileged = d->is_hardware = id == 0;
    if (id == 0)
        dom0 = d;
    d->shared_info = calloc(1, PAGE_SIZE);
    d->max_vcpus = nr_vcpus;
    d->vcpu = calloc(nr_vcpus + 1, sizeof(*d->vcpu));
    for (unsigned int i = 0; i < nr_vcpus; i++) {
        struct vcpu *v = calloc(1, sizeof(*v));

        v->id = i;
        v->processor = i;
        v->domain = d;
        v->info = &d->shared_info->vcpu_info[i < XEN_LEGACY_MAX_VCPUS ? i : 0];
        d->vcpu[i] = v;
    }
    return d;
}

void world_run(struct vcpu *v) { host_current[host_cpu] = v; }

/* --- guest memory ----------------------------------------------------------------------------- */

void world_buffer(void *p, size_t n)
{
    if (nr_buffers == WORLD_BUFFERS)
        panic("the world has no more buffers");
    buffer[nr_buffers].start = (uintptr_t)p;
    buffer[nr_buffers++].size = n;
}

static bool guest_has(uint64_t addr, size_t n)
{
    no_locks("guest access");
    if (caller_is_32bit() && addr + n > 1ULL << 32)
        return false;
    for (unsigned int i = 0; i < nr_buffers; i++)
        if (addr >= buffer[i].start && n <= buffer[i].size &&
            addr - buffer[i].start <= buffer[i].size - n)
            return true;
    return false;
}

int guest_read(void *dst, uint64_t addr, size_t n)
{
    if (!guest_has(addr, n))
        return -EFAULT;
    memcpy(dst, (const void *)(uintptr_t)addr, n);
    return 0;
}

int guest_write(uint64_t addr, const void *src, size_t n)
{
    if (!guest_has(addr, n))
        return -EFAULT;
    memcpy((void *)(uintptr_t)addr, src, n);
    return 0;
}

/* --- what the core asks of others ------------------------------------------------------------- */

void vcpu_unblock(struct vcpu *v)
{
    world.unblocks++;
    v->pause_flags &= ~(uint32_t)(BIT(VPF_BLOCKED) | BIT(VPF_POLL));
}

void vcpu_kick(struct vcpu *v)
{
    world.kicks++;
    world.last_kicked = v;
}

bool preempt_wanted(void)
{
    no_locks("preempt_wanted()");
    if (!world.preempt_at || ++next_preempt % world.preempt_at)
        return false;
    world.preempts++;
    return true;
}

long hypercall_continue(struct vcpu *v, unsigned int nr_args, ...)
{
    va_list ap;

    va_start(ap, nr_args);
    for (unsigned int i = 0; i < nr_args; i++)
        world.cont[i] = va_arg(ap, uint64_t);
    va_end(ap);
    world.nr_cont = nr_args;
    return -ERESTART;
}

int pirq_guest_bind(struct vcpu *v, unsigned int pirq, bool will_share)
{
    if (world.pirq_bind_rc)
        return world.pirq_bind_rc;
    world.pirqs_bound++;
    return 0;
}
void pirq_guest_unbind(struct domain *d, unsigned int pirq) { world.pirqs_bound--; }
void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu)
{
    world.pirq_cpu = cpu;
}

/* --- beginning and end ------------------------------------------------------------------------ */

void world_start(void)
{
    if (!host_memory) {
        host_memory = mmap(NULL, (FIRST_FRAME + WORLD_FRAMES) * PAGE_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (host_memory == MAP_FAILED)
            panic("no memory for the world");
    }
    memset(frame, 0, sizeof(*frame) * next_frame);
    world = (struct world){ .fail_after = -1 };
    next_frame = nr_domains = nr_buffers = next_preempt = 0;
    dom0 = NULL;
}

static void domain_free(struct domain *d)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        free(d->vcpu[i]);
    free(d->vcpu);
    free(d->shared_info);
    free(d);
}

unsigned int world_end(void)
{
    unsigned int left = world.allocations + locks_held();

    for (unsigned int i = 0; i < next_frame; i++)
        if (frame[i].owner != DOMID_NONE && world_page_refs(&frame[i]))
            left += world_page_refs(&frame[i]) - !!(frame[i].ref & PAGE_ALLOCATED) +
                    world_page_writers(&frame[i]);
    for (unsigned int i = 0; i < nr_domains; i++) {
        left += domains[i]->refs - 1;
        domain_free(domains[i]);
    }
    nr_domains = 0;
    return left;
}
