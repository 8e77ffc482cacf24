/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and vcpus: their life and what belongs to them.
 *
 * Life of a domain: ALIVE -> DYING (domain_kill: preemptible relinquish) -> DEAD (all resources
 * given back but frames that others still map keep the struct as a zombie) -> freed when the last
 * reference goes. Lookups take a reference.
 */
#ifndef HV_DOMAIN_H
#define HV_DOMAIN_H

#include <abi.h>
#include <arch/domain.h>
#include <hv/evtchn.h>
#include <hv/lock.h>
#include <hv/page.h>
#include <hv/sched.h>
#include <hv/timer.h>
#include <hv/types.h>

struct gnttab;
struct iommu_domain;
struct rangeset;

#define MAX_VCPUS 8192U /* PV limit of the ABI */
#define DOMID_IDLE_OURS 0x7fff

enum domain_state { DOM_ALIVE, DOM_DYING, DOM_DEAD };
enum settling { SETTLING_NO, SETTLING, SETTLED };

struct domain {
    domid_t id;
    uint8_t kind;          /* GUEST_PV or GUEST_HVM */
    uint8_t state;         /* enum domain_state, changes under life_lock, only upwards */
    bool is_privileged;    /* may use domctl, sysctl, ... on others: dom0 */
    bool is_hardware;      /* owns the devices: dom0 */
    bool is_shutting_down, is_shut_down;
    uint8_t settling;      /* enum settling: between these two (core/domain_life.c) */
    bool creation_finished; /* first unpause */
    bool is_made;          /* domain_create() succeeded: all parts are there */
    bool is_32bit;         /* its shared pages (PV: and hypercalls) are in the 32-bit layout */
    bool auto_node_affinity;
    uint32_t refs;         /* atomic; the list of domains holds one while the domain is not DEAD */
    uint32_t pause_count;  /* atomic: all reasons together; 0 lets its vcpus run */
    uint32_t controller_pause_count; /* of these, by toolstack (domctl) */
    uint32_t shutdown_code; /* SHUTDOWN_*, ~0 while none */
    struct domain *next;   /* list of those that wait to be freed (core/domain.c) */
    xen_domain_handle_t handle;
    struct xen_domctl_createdomain *config; /* as given, for getdomaininfo */

    spinlock_t life_lock; /* RANK_DOMAIN: state, pause, shutdown */

    spinlock_t down_lock; /* RANK_DOWN: VPF_DOWN and VPF_HALTED of its vcpus */

    uint32_t max_vcpus;
    struct vcpu **vcpu; /* [max_vcpus], an entry is NULL until created, then stays */

    struct shared_info *shared_info; /* our mapping, page shared with the domain */

    spinlock_t page_lock; /* RANK_PAGE_LIST: the three below */
    struct page_list page_list;
    struct page_list xen_page_list; /* PAGE_XEN pages shared with it */
    uint32_t tot_pages, max_pages;  /* frames charged, and the limit */
    uint32_t outstanding_pages;     /* claimed (XENMEM_claim_pages) and not yet allocated */

    struct evtchn_domain evtchn;
    struct gnttab *gnttab;
    struct rangeset *iomem_caps, *irq_caps; /* machine frames and pirqs that it may use */

    void *sched_priv; /* policy's */
    uint32_t cpupool_id;
    cpumask_t dirty_cpus; /* cpus whose TLB may hold its translations */
    uint64_t node_affinity;

    uint64_t vm_assist; /* VMASST_TYPE_* bits */
    struct { struct e820entry *map; uint32_t nr; } memory_map; /* XENMEM_set_memory_map */
    int64_t time_offset_secs;
    uint8_t tsc_mode;
    struct timer watchdog[2];
    uint32_t watchdog_inuse;

    struct iommu_domain *iommu; /* what its devices may reach; NULL: none has been given to it */

    struct arch_domain arch;
};

struct vcpu {
    uint32_t id;
    uint32_t processor; /* same as sched.cpu, for readers */
    struct domain *domain;
    bool is_initialised; /* has a context */
    bool is_idle;
    bool call_is_32bit; /* HVM: the hypercall that it makes comes from 32-bit code */
    bool unfinished;    /* an access to a device model is under way */
    uint32_t pause_flags; /* VPF_* bits, atomic */
    uint32_t pause_count; /* atomic */

    /* our mapping: in shared_info, or registered, or the dummy while there is none */
    struct vcpu_info *info;
    /* registered page, holds a writable type reference; INVALID_MFN before */
    mfn_t info_mfn;

    uint64_t runstate_guest; /* VA registered by the guest (its kernel's address space); 0 none */
    uint64_t time_guest;     /* registered secondary vcpu_time_info; 0 none */

    struct sched_vcpu sched;
    struct timer singleshot, periodic, poll;
    ns_t periodic_period, periodic_last;
    port_t poll_port; /* SCHEDOP_poll on one port; 0 none, EVTCHN_FIFO_PORTS for any */
    int32_t dirty_cpu; /* cpu that holds its address space or FPU; -1 none */
    uint8_t async_exception_mask; /* NMI/MCE being handled (until iret) */
    bool nmi_pending, mce_pending;

    /* bound per-vcpu (and for vcpu 0 global) virqs; 0 none; under event lock */
    port_t virq_port[NR_VIRQS];

    struct evtchn_fifo_vcpu *evtchn_fifo;

    struct arch_vcpu arch;
};

extern struct domain *dom0;
/* dom_xen owns our shared frames, dom_io MMIO frames */
extern struct domain *idle_domain, *dom_xen, *dom_io;

static inline bool is_pv(const struct domain *d) { return d->kind == 1; }
static inline bool is_hvm(const struct domain *d) { return d->kind == 2; }
static inline bool domain_is_32bit(const struct domain *d) { return unlikely(d->is_32bit); }

/*
 * Create an ALIVE, paused (controller pause count 1) domain without vcpus. id must be free. config
 * is copied. -EEXIST, -ENOMEM, -EINVAL.
 */
int domain_create(struct domain **out, domid_t id, const struct xen_domctl_createdomain *config,
                  bool privileged);
void domain_init_system(void); /* idle_domain, dom_xen, dom_io: before the first page_assign */
/* NULL: out of memory; down, not initialised */
struct vcpu *vcpu_create(struct domain *d, unsigned int id);

/*
 * Without reference, special ones (DOMID_XEN, DOMID_IO) too: valid while the caller knows why it
 * cannot go away.
 */
struct domain *domain_peek(domid_t id);
/* with reference, or NULL; DYING and DEAD ones included */
struct domain *domain_get_by_id(domid_t id);
struct domain *domain_get_at_or_after(domid_t id);    /* next in id order, with reference */
/* For hypercalls: DOMID_SELF or an id; NULL = -ESRCH; reference taken in both cases. */
struct domain *domain_get_target(domid_t id);
void domain_get(struct domain *d);
void domain_put(struct domain *d); /* with any lock held; the last one is freed from a softirq */

/* and wait until all its vcpus are off the cpus; not on current's own */
void domain_pause(struct domain *d);
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
int domain_pause_by_controller(struct domain *d);
int domain_unpause_by_controller(struct domain *d);
void vcpu_pause(struct vcpu *v);
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);

/* the last step of SCHEDOP_shutdown; dom0: the machine */
void domain_shutdown(struct domain *d, unsigned int reason);
void domain_vcpu_left(struct domain *d); /* its cpu, while the domain may be settling */
void domain_resume(struct domain *d);
/*
 * The guest did what leaves it nowhere to go: logs why with registers, shuts it down with
 * SHUTDOWN_crash.
 */
void domain_crash(struct domain *d, const char *fmt, ...) printf_like(2, 3);
/* Preemptible: 0 when DEAD, -ERESTART to be called again. */
int domain_kill(struct domain *d);

int vcpu_map_info(struct vcpu *v, gfn_t gfn, unsigned int offset); /* VCPUOP_register_vcpu_info */
void vcpu_unmap_info(struct vcpu *v);
/* after loading its address space; may fault quietly */
void vcpu_runstate_to_guest(struct vcpu *v);

/* By a number that may be a guest's; NULL: there is none such. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? read_once(d->vcpu[index_nospec(id, d->max_vcpus)]) : NULL;
}

#define for_each_vcpu(d, v) \
    for (unsigned int v##_i = 0; v##_i < (d)->max_vcpus; v##_i++) \
        if (((v) = (d)->vcpu[v##_i]) == NULL) {} else

/* --- implemented by the architecture ---------------------------------------------------------- */

int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config);
void arch_domain_destroy(struct domain *d); /* last reference: free arch memory */
/* page tables, mappings, frames: preemptible like domain_kill */
int arch_domain_relinquish(struct domain *d);
/* HVM: v's evtchn_upcall_pending was set. And: is there an interrupt that v would take? */
/* None of its vcpus runs, for some time; it goes on. Locks may be held. */
void arch_domain_paused(struct domain *d);
void arch_domain_unpaused(struct domain *d);
void arch_event_upcall(struct vcpu *v);
bool arch_interrupt_pending(struct vcpu *v); /* v is current */
int arch_vcpu_create(struct vcpu *v);
void arch_vcpu_destroy(struct vcpu *v);
void arch_vcpu_reset(struct vcpu *v);
/* VCPUOP_initialise: context at guest address arg. */
int arch_vcpu_initialise(struct vcpu *v, uint64_t arg);
/* dom0 went down: SHUTDOWN_poweroff, reboot, crash */
void arch_machine_shutdown(unsigned int reason) noreturn;
/*
 * Frame of a gfn as the domain's own hypercalls mean it (PV: the machine frame), with a page
 * reference.
 */
struct page *arch_gfn_to_page_get(struct domain *d, gfn_t gfn, bool writable_type);
void arch_page_put(struct page *pg, bool writable_type);
void arch_dump_vcpu(struct vcpu *v); /* registers to the log */

#endif
