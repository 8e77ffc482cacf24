/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * See arena.h. Wherever a fault or another cpu could come in, it is checked that no lock is held.
 */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <arch/cpu.h>
#include <arch/desc.h>
#include <arch/direct.h>
#include <arch/page_type.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <arch/xpti.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/log.h>
#include <hv/rangeset.h>
#include <hv/smp.h>
#include <hv/softirq.h>

#define MAX_DOMAINS 8
#define MAX_BUFFERS 8
#define PERDOMAIN_ENTRIES 1024

struct arena arena;
struct vcpu *host_current[64];
unsigned int host_cpu, nr_cpu_ids = 1;
int host_pt_budget = 8192;
struct cpu_features cpu_features = { .nx = true, .page1gb = true, .phys_bits = 40 };
cpumask_t cpu_online_map = { { 1 } };
unsigned char *host_memory;
struct page *host_frame_table;
pte_t hv_l4[PT_ENTRIES];
uint64_t tlb_clock = 1;
struct domain *dom0, *idle_domain, *dom_xen, *dom_io;

static uint64_t last_flush;
static struct domain *domains[MAX_DOMAINS];
static struct { char *p; size_t n; } buffer[MAX_BUFFERS];
static unsigned int nr_buffers, preempts;
static struct tasklet *queue;

unsigned int locks_held(void); /* core/lock.c */

static void no_locks(const char *where)
{
    if (locks_held())
        panic("%s with a lock held", where);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void *reserve(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    if (p == MAP_FAILED)
        panic("no address space of %zu bytes", size);
    return p;
}

void arena_start(paddr_t size)
{
    host_memory = reserve(size);
    host_frame_table = reserve(size / PAGE_SIZE * sizeof(struct page));
}

uint64_t arena_resident_kib(void)
{
    unsigned long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f && fscanf(f, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

/* The frame table is where it is; but what is mapped read-only over it shall be seen there. */
int hv_map(uint64_t va, mfn_t mfn, unsigned long nr, uint64_t flags)
{
    if (!(flags & PTE_RW))
        memcpy((void *)(uintptr_t)va, direct_va(mfn_to_paddr(mfn)), nr * PAGE_SIZE);
    return 0;
}
void hv_unmap(uint64_t va, unsigned long nr) {}

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
void log_print(enum log_level level, const char *fmt, ...) { arena.log_errors += level == LOG_ERR; }
void guest_log(enum log_level level, const char *fmt, ...) {}
void domain_crash(struct domain *d, const char *fmt, ...) { arena.crashes++; }

/* --- cpus, TLBs ------------------------------------------------------------------------------- */

void cpu_wait(void) { panic("waiting for what nobody else can do"); }
void tlb_flush_local(void)
{
    arena.flushes_local++;
    last_flush = ++tlb_clock;
}
void tlb_switch_cr3(uint64_t cr3) { tlb_flush_local(); }
void xpti_base_changed(bool kernel) {}
void xpti_l4_written(const struct domain *d, mfn_t l4, unsigned int slot, pte_t e)
{
    panic("no domain here is kept apart");
}
void tlb_flush_va_local(uint64_t va) {}
void tlb_flush_va_mask(const cpumask_t *mask, uint64_t va) {}
void tlb_flush_mask(const cpumask_t *mask)
{
    if (cpumask_empty(mask))
        return;
    arena.flushes_all++;
    last_flush = ++tlb_clock;
}
/* Tests of what nested page tables do to TLBs have their own. */
__attribute__((weak)) void hvm_mapcache_invalidate(struct domain *d) {}
__attribute__((weak)) void hvm_flush_tlb(struct domain *d) { arena.flushes_all++; }
void tlb_filter(cpumask_t *mask, uint32_t stamp)
{
    if (last_flush > tlb_clock - (uint32_t)((uint32_t)tlb_clock - stamp))
        cpumask_clear(mask, 0);
}
bool preempt_wanted(void)
{
    no_locks("preempt_wanted");
    return arena.preempt_at && ++preempts % arena.preempt_at == 0;
}
void tasklet_schedule(struct tasklet *t)
{
    if (t->queued)
        return;
    t->queued = true;
    t->next = queue;
    queue = t;
}
void arena_run_tasklets(void)
{
    while (queue) {
        struct tasklet *t = queue;

        queue = t->next;
        t->queued = false;
        t->fn(t->data);
    }
}

/* --- hypercalls ------------------------------------------------------------------------------- */

long hypercall_continue(struct vcpu *v, unsigned int nr_args, ...)
{
    va_list ap;

    no_locks("hypercall_continue");
    va_start(ap, nr_args);
    for (unsigned int i = 0; i < nr_args; i++)
        arena.arg[i] = va_arg(ap, uint64_t);
    va_end(ap);
    arena.continued = true;
    return -ERESTART;
}

void arena_guest_buffer(void *p, size_t n)
{
    if (nr_buffers == MAX_BUFFERS)
        panic("too many buffers");
    buffer[nr_buffers].p = p;
    buffer[nr_buffers++].n = n;
}

static bool guest_may(uint64_t addr, size_t n)
{
    no_locks("access to guest memory");
    for (unsigned int i = 0; i < nr_buffers; i++) {
        uint64_t start = (uint64_t)(uintptr_t)buffer[i].p;

        if (addr >= start && addr - start <= buffer[i].n && n <= buffer[i].n - (addr - start))
            return true;
    }
    return false;
}
int guest_read(void *dst, uint64_t addr, size_t n)
{
    if (!guest_may(addr, n))
        return -EFAULT;
    memcpy(dst, (const void *)(uintptr_t)addr, n);
    return 0;
}
int guest_write(uint64_t addr, const void *src, size_t n)
{
    if (!guest_may(addr, n))
        return -EFAULT;
    memcpy((void *)(uintptr_t)addr, src, n);
    return 0;
}

/* --- domains ---------------------------------------------------------------------------------- */

void domain_get(struct domain *d) { d->refs++; }
void domain_put(struct domain *d)
{
    no_locks("domain_put");
    if (d->refs-- == 1)
        panic("the test's own reference was dropped");
}
struct domain *domain_get_by_id(domid_t id)
{
    for (unsigned int i = 0; i < MAX_DOMAINS; i++)
        if (domains[i] && domains[i]->id == id) {
            domain_get(domains[i]);
            return domains[i];
        }
    return NULL;
}
struct domain *domain_get_target(domid_t id)
{
    return domain_get_by_id(id == DOMID_SELF ? current->domain->id : id);
}

/* A vcpu's part of the per-domain slot, as one array. */
static pte_t *perdomain_entry(struct domain *d, uint64_t va)
{
    return d->arch.perdomain_l3 + ((va - PERDOMAIN_VIRT_START) >> PAGE_SHIFT) % PERDOMAIN_ENTRIES;
}
int perdomain_map(struct domain *d, uint64_t va, mfn_t mfn, uint64_t flags)
{
    *perdomain_entry(d, va) = pte_make(mfn, flags);
    return 0;
}
pte_t *perdomain_l1e(struct domain *d, uint64_t va) { return perdomain_entry(d, va); }
void ldt_load(const struct vcpu *v) {}
bool pci_mmcfg_write(paddr_t pa, unsigned int size, uint32_t value); /* msi.h */
bool pci_mmcfg_write(paddr_t pa, unsigned int size, uint32_t value) { return false; }

static struct vcpu *new_vcpu(struct domain *d, unsigned int id)
{
    struct vcpu *v = calloc(1, sizeof(*v));

    v->id = id;
    v->domain = d;
    v->dirty_cpu = 0;
    v->arch.pv.in_kernel = true;
    v->arch.pv.kernel_l4 = v->arch.pv.user_l4 = INVALID_MFN;
    for (unsigned int i = 0; i < ARRAY_SIZE(v->arch.pv.gdt_frame); i++)
        v->arch.pv.gdt_frame[i] = INVALID_MFN;
    spin_init(&v->arch.pv.ldt_lock, RANK_PV_LDT);
    return v;
}

struct domain *arena_domain(domid_t id, unsigned int nr_vcpus, uint32_t max_pages)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = id;
    d->kind = GUEST_PV;
    d->refs = 1;
    d->max_pages = max_pages;
    d->max_vcpus = nr_vcpus;
    d->vcpu = calloc(nr_vcpus + 1, sizeof(*d->vcpu));
    d->dirty_cpus = cpu_online_map;
    spin_init(&d->page_lock, RANK_PAGE_LIST);
    spin_init(&d->arch.pt_lock, RANK_PT);
    page_list_init(&d->page_list);
    page_list_init(&d->xen_page_list);
    if (!page_owner_prepare(d->id))
        abort();
    d->arch.perdomain_l3 = calloc(PERDOMAIN_ENTRIES, sizeof(pte_t));
    d->arch.perdomain_mfn = _mfn(0x77);
    for (unsigned int i = 0; i < nr_vcpus; i++)
        d->vcpu[i] = new_vcpu(d, i);
    for (unsigned int i = 0; i < MAX_DOMAINS; i++)
        if (!domains[i]) {
            domains[i] = d;
            return d;
        }
    panic("too many domains");
}

void arena_domain_free(struct domain *d)
{
    for (unsigned int i = 0; i < MAX_DOMAINS; i++)
        if (domains[i] == d)
            domains[i] = NULL;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        free(d->vcpu[i]);
    free(d->vcpu);
    free(d->arch.perdomain_l3);
    free(d);
}
