/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making, finding and freeing domains.
 *
 * Domains are found through a table by id that is read without lock. A reader takes its reference
 * by incrementing a count that is not 0; a domain whose count reached 0 leaves the table and is
 * freed only after every cpu has answered a cross-call: cpus answer where they wait, never between
 * reading the table and taking the reference.
 */
#include <arch/cpu.h>
#include <hv/hypercall.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/log.h>
#include <hv/rangeset.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <lib/cmdline.h>
#include <lib/string.h>
#include <xen/domctl.h>

#include "domain_priv.h"

struct domain *dom0, *idle_domain, *dom_xen, *dom_io;

#define CHUNK 512U
#define NR_CHUNKS (0x8000U / CHUNK)

static struct domain **chunks[NR_CHUNKS];
static DEFINE_SPINLOCK(table_lock, RANK_DOMLIST); /* changes of the table */

static DEFINE_SPINLOCK(graveyard_lock, RANK_LEAF);
static struct domain *graveyard GUARDED_BY(graveyard_lock);

/* --- the table -------------------------------------------------------------------------------- */

struct domain *domain_peek(domid_t id)
{
    struct domain **chunk;

    if (id >= NR_CHUNKS * CHUNK)
        return NULL;
    chunk = __atomic_load_n(&chunks[id / CHUNK], __ATOMIC_ACQUIRE);
    return chunk ? __atomic_load_n(&chunk[id % CHUNK], __ATOMIC_ACQUIRE) : NULL;
}

static int table_insert(struct domain *d)
{
    struct domain **chunk;
    int rc = 0;

    spin_lock(&table_lock);
    chunk = chunks[d->id / CHUNK];
    if (!chunk) {
        chunk = hv_alloc(CHUNK * sizeof(*chunk));
        __atomic_store_n(&chunks[d->id / CHUNK], chunk, __ATOMIC_RELEASE);
    }
    if (!chunk)
        rc = -ENOMEM;
    else if (chunk[d->id % CHUNK])
        rc = -EEXIST;
    else
        __atomic_store_n(&chunk[d->id % CHUNK], d, __ATOMIC_RELEASE);
    spin_unlock(&table_lock);
    return rc;
}

static void table_remove(struct domain *d)
{
    spin_lock(&table_lock);
    if (domain_peek(d->id) == d)
        __atomic_store_n(&chunks[d->id / CHUNK][d->id % CHUNK], NULL, __ATOMIC_RELEASE);
    spin_unlock(&table_lock);
}

struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d = id < DOMID_FIRST_RESERVED ? domain_peek(id) : NULL;

    return d && count_inc_not_zero(&d->refs) ? d : NULL;
}

struct domain *domain_get_at_or_after(domid_t id)
{
    struct domain *d;
    uint32_t i = id;

    while (i < DOMID_FIRST_RESERVED) {
        if (!read_once(chunks[i / CHUNK])) {
            i = (i / CHUNK + 1) * CHUNK;
            continue;
        }
        d = domain_get_by_id((domid_t)i++);
        if (d)
            return d;
    }
    return NULL;
}

struct domain *domain_get_target(domid_t id)
{
    if (id != DOMID_SELF)
        return domain_get_by_id(id);
    domain_get(current->domain);
    return current->domain;
}

/* --- freeing ---------------------------------------------------------------------------------- */

void *object_alloc(size_t size)
{
    return size <= PAGE_SIZE ? hv_alloc(size) : hv_page_alloc(order_of_size(size));
}

void object_free(void *p, size_t size)
{
    if (!p)
        return;
    if (size <= PAGE_SIZE)
        hv_free(p);
    else
        hv_page_free(p, order_of_size(size));
}

static void free_struct(struct domain *d)
{
    object_free(d->vcpu, d->max_vcpus * sizeof(*d->vcpu));
    hv_free(d->config);
    object_free(d, sizeof(*d));
}

static void nothing(void *data)
{
}

/*
 * What creation made, in reverse. d is in nobody's hands any more. The toolstack, which heard of
 * its death, hears that nothing is left of it, too: the last reference may have gone long after.
 */
static void domain_free(struct domain *d)
{
    const bool was_known = d->is_made;
    struct vcpu *v;

    if (was_known) {
        sched_domain_exit(d);
        for_each_vcpu (d, v)
            vcpu_destroy(v);
        arch_domain_destroy(d);
        gnttab_exit(d);
        evtchn_exit(d);
    }
    rangeset_free(d->iomem_caps);
    rangeset_free(d->irq_caps);
    hv_free(d->memory_map.map);
    if (d->shared_info)
        hv_page_free(d->shared_info, 0);
    table_remove(d);
    smp_call(&cpu_online_map, nothing, NULL);
    free_struct(d);
    if (was_known)
        virq_send_global(VIRQ_DOM_EXC);
}

static void bury(void *data)
{
    struct domain *d;

    for (;;) {
        spin_lock(&graveyard_lock);
        d = graveyard;
        if (d)
            graveyard = d->next;
        spin_unlock(&graveyard_lock);
        if (!d)
            return;
        domain_free(d);
    }
}

static struct tasklet undertaker = { .fn = bury };

void domain_get(struct domain *d)
{
    ASSERT(read_once(d->refs) != 0);
    count_inc(&d->refs);
}

void domain_put(struct domain *d)
{
    if (count_dec(&d->refs) != 0)
        return;
    ASSERT(d->state == DOM_DEAD);
    spin_lock(&graveyard_lock);
    d->next = graveyard;
    graveyard = d;
    spin_unlock(&graveyard_lock);
    tasklet_schedule(&undertaker);
}

/* --- making ----------------------------------------------------------------------------------- */

static struct domain *alloc_struct(domid_t id, uint32_t max_vcpus)
{
    struct domain *d = object_alloc(sizeof(*d));

    if (!d)
        return NULL;
    d->id = id;
    d->max_vcpus = max_vcpus;
    d->refs = 1;
    d->shutdown_code = ~0U;
    d->max_pages = UINT32_MAX;
    spin_init(&d->life_lock, RANK_DOMAIN);
    spin_init(&d->down_lock, RANK_DOWN);
    spin_init(&d->page_lock, RANK_PAGE_LIST);
    spin_init(&d->evtchn.lock, RANK_EVENT);
    page_list_init(&d->page_list);
    page_list_init(&d->xen_page_list);
    d->vcpu = max_vcpus ? object_alloc(max_vcpus * sizeof(*d->vcpu)) : NULL;
    d->config = hv_alloc(sizeof(*d->config));
    if (d->config && (d->vcpu || !max_vcpus) && page_owner_prepare(id))
        return d;
    free_struct(d);
    return NULL;
}

static int check_config(domid_t id, const struct xen_domctl_createdomain *config)
{
    if (id >= DOMID_FIRST_RESERVED || config->max_vcpus == 0 || config->max_vcpus > MAX_VCPUS)
        return -EINVAL;
    return domain_peek(id) ? -EEXIST : 0;
}

static void fill(struct domain *d, const struct xen_domctl_createdomain *config, bool privileged)
{
    d->kind = config->flags & XEN_DOMCTL_CDF_hvm ? GUEST_HVM : GUEST_PV;
    d->is_privileged = privileged;
    d->is_hardware = privileged && d->id == 0;
    d->max_pages = privileged ? UINT32_MAX : 0;
    memcpy(d->handle, config->handle, sizeof(d->handle));
    *d->config = *config;
    d->node_affinity = ~0ULL;
    d->auto_node_affinity = true;
    d->pause_count = d->controller_pause_count = 1;
    domain_watchdog_init(d);
}

static int make_gnttab(struct domain *d, const struct xen_domctl_createdomain *config)
{
    int32_t frames = config->max_grant_frames, maptrack = config->max_maptrack_frames;

    if ((frames >= 0 && (uint32_t)frames > gnttab_default_frames()) ||
        (maptrack >= 0 && (uint32_t)maptrack > gnttab_default_maptrack()))
        return -EINVAL;
    return gnttab_init(d, frames < 0 ? gnttab_default_frames() : (unsigned int)frames,
                       maptrack < 0 ? gnttab_default_maptrack() : (unsigned int)maptrack,
                       XEN_DOMCTL_GRANT_version(config->grant_opts));
}

/* Parts that only memory is needed for. */
static int make_parts(struct domain *d)
{
    d->iomem_caps = rangeset_new();
    d->irq_caps = rangeset_new();
    d->shared_info = hv_page_alloc(0);
    if (!d->iomem_caps || !d->irq_caps || !d->shared_info)
        return -ENOMEM;
    for (unsigned int i = 0; is_pv(d) && i < XEN_LEGACY_MAX_VCPUS; i++)
        /* those of vcpus that will never be, too; HVM guests mask their interrupts */
        d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    return 0;
}

int domain_create(struct domain **out, domid_t id, const struct xen_domctl_createdomain *config,
                  bool privileged)
{
    struct domain *d;
    int rc = check_config(id, config);

    if (rc)
        return rc;
    d = alloc_struct(id, config->max_vcpus);
    if (!d)
        return -ENOMEM;
    fill(d, config, privileged);

    rc = make_parts(d);
    if (rc)
        goto bury;
    rc = sched_domain_init(d, config->cpupool_id);
    if (rc)
        goto bury;
    rc = evtchn_init(d, config->max_evtchn_port);
    if (rc)
        goto exit_sched;
    rc = make_gnttab(d, config);
    if (rc)
        goto exit_evtchn;
    rc = arch_domain_create(d, config);
    if (rc)
        goto exit_gnttab;
    rc = table_insert(d);
    if (rc)
        goto destroy_arch;
    page_share_with(d->shared_info, d, true);
    d->is_made = true;
    time_update_wallclock(d);
    *out = d;
    return 0;

destroy_arch:
    arch_domain_destroy(d);
exit_gnttab:
    gnttab_exit(d);
exit_evtchn:
    evtchn_exit(d);
exit_sched:
    sched_domain_exit(d);
bury: /* not freed here: grant pages that were shared with it hold references for a moment longer */
    d->state = DOM_DEAD;
    domain_put(d);
    return rc;
}

static struct domain *make_special(domid_t id, uint32_t max_vcpus)
{
    struct domain *d = alloc_struct(id, max_vcpus);

    if (!d || table_insert(d))
        panic("no memory for domain %u", id);
    return d;
}

void domain_init_system(void)
{
    idle_domain = make_special(DOMID_IDLE, NR_CPUS);
    dom_xen = make_special(DOMID_XEN, 0);
    dom_io = make_special(DOMID_IO, 0);
}
