/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Around an HVM vcpu's time in the guest: work before each entry, and exits that are no matter of
 * the extension.
 */
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/hvm_io.h>
#include <arch/hwdom.h>
#include <arch/ioreq.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/vcpu.h>

/* False: it sleeps on. What woke it was masked, or of an event that it took before (vcpu_block). */
static bool is_awake(struct vcpu *v)
{
    struct hvm_vcpu *h = v->arch.hvm;

    if (likely(!h->halted))
        return true;
    h->halted = !vcpu_has_event(v);
    if (h->halted)
        vcpu_block();
    return !h->halted;
}

/* Each round ends a softirq, an answer, an INIT or a sleep: there are only so many. */
void hvm_entry_work(struct vcpu *v)
{
    do {
        if (softirq_pending())
            softirq_process(); /* may not return */
    } while (!hvm_vcpu_apply_init(v) || !hvm_io_finish(v) || !is_awake(v) || softirq_pending());
    hvm_dm_event_sync(v);
    viridian_entry(v);
    hvm_tsc_follow(v);
    hvm_inject_pending(v);
}

void hvm_hlt(struct vcpu *v)
{
    if (hvm_regs(v)->rflags & X86_EFLAGS_IF)
        v->arch.hvm->halted = true; /* until is_awake() */
    else
        vcpu_halt(v);
}

void hvm_triple_fault(struct vcpu *v)
{
    const uint64_t reason = v->domain->arch.hvm->param[HVM_PARAM_TRIPLE_FAULT_REASON];

    log_err("d%uv%u: triple fault, shutting down with reason %lu", v->domain->id, v->id,
            (unsigned long)reason);
    arch_dump_vcpu(v);
    domain_shutdown(v->domain, (unsigned int)reason);
}

/* --- nested page faults ----------------------------------------------------------------------- */

/* The entry allows it by now: another vcpu's fault or a change of the map came first. */
static bool is_allowed(const struct p2m_entry *e, bool write)
{
    switch (e->type) {
    case P2M_RAM:
    case P2M_GRANT:
    case P2M_FOREIGN:
    case P2M_MMIO:
        return true;
    case P2M_RAM_RO:
    case P2M_GRANT_RO:
    case P2M_IOREQ:
    case P2M_LOGDIRTY:
        return !write;
    default:
        return false;
    }
}

void hvm_nested_fault(struct vcpu *v, uint64_t gpa, bool write, bool table)
{
    const gfn_t gfn = _gfn(gpa >> PAGE_SHIFT);
    const struct p2m_entry e = p2m_lookup(v->domain, gfn);

    if (is_allowed(&e, write) || (v->domain->is_hardware && hwdom_map(v->domain, gpa)))
        return;
    /* Two that end here; if they are that no longer, the access says so again. */
    if (e.type == P2M_POD) {
        p2m_pod_fault(v->domain, gfn);
        return;
    }
    if (e.type == P2M_LOGDIRTY) {
        p2m_write_fault(v->domain, gfn);
        return;
    }
    if (table || e.type == P2M_GRANT_RO) {
        /* Its page tables are where none can be, or it has no right to write there. */
        hvm_inject(v, TRAP_GP, 0);
        return;
    }
    hvm_emulate(v);
}

/* --- TLBs ------------------------------------------------------------------------------------- */

static void nothing(void *data)
{
}

/* Whoever answers has left the guest, and looks at its ASID before it enters again. */
void hvm_flush_tlb(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        if (v->arch.hvm)
            hvm_ops->forget_tlb(v);
    smp_call(&d->dirty_cpus, nothing, NULL);
}

/* The same for some vcpus. One that is on another cpu by now has entered with a new ASID there. */
void hvm_flush_vcpus(struct domain *d, const uint64_t *vcpus)
{
    cpumask_t cpus = { { 0 } };
    struct vcpu *v;

    for_each_vcpu (d, v)
        if (v->arch.hvm && (vcpus[v->id / 64] >> (v->id % 64) & 1)) {
            hvm_ops->forget_tlb(v);
            cpumask_set(&cpus, v->processor);
        }
    smp_call(&cpus, nothing, NULL);
}
