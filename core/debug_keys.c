/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The debug keys about domains, vcpus, memory and events, and those that end it all. Each prints;
 * none changes a guest.
 */
#include <arch/cpu.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/percpu.h>
#include <hv/sched.h>

#include "evtchn_priv.h"

/* Call fn for each domain, referenced. */
static void each_domain(void (*fn)(struct domain *d))
{
    struct domain *d = domain_get_at_or_after(0);

    while (d != NULL) {
        domid_t next = (domid_t)(d->id + 1);

        fn(d);
        domain_put(d);
        d = domain_get_at_or_after(next);
    }
}

/* --- q: domains ------------------------------------------------------------------------------- */

static void show_vcpu(struct vcpu *v)
{
    static const char *const states[] = { "running", "runnable", "blocked", "offline" };
    struct vcpu_runstate_info rs;

    vcpu_get_runstate(v, &rs);
    log_info("  v%u: cpu %u, %s, flags %#x, pauses %u, ran %lu ms, events %s%s", v->id,
             v->processor, states[rs.state & 3], v->pause_flags, v->pause_count,
             (unsigned long)(rs.time[RUNSTATE_running] / 1000000),
             v->info->evtchn_upcall_pending ? "pending" : "none",
             v->info->evtchn_upcall_mask ? ", masked" : "");
}

static void show_domain(struct domain *d)
{
    static const char *const states[] = { "alive", "dying", "dead" };
    struct vcpu *v;

    log_info("d%d: %s %s, references %u, pauses %u, %u of %u pages, ports up to %u, vm_assist %#lx",
             d->id, is_pv(d) ? "PV" : "HVM", states[d->state], d->refs, d->pause_count,
             d->tot_pages, d->max_pages, d->evtchn.max_port, (unsigned long)d->vm_assist);
    for_each_vcpu (d, v)
        show_vcpu(v);
}

static void key_domains(char key) { each_domain(show_domain); }

/* --- d: registers ----------------------------------------------------------------------------- */

static void show_registers(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (v == current) {
            arch_dump_vcpu(v);
            continue;
        }
        vcpu_pause(v); /* its registers are in memory while it does not run */
        arch_dump_vcpu(v);
        vcpu_unpause(v);
    }
}

static void key_registers(char key) { each_domain(show_registers); }

/* --- m: memory -------------------------------------------------------------------------------- */

static void key_memory(char key)
{
    log_info("memory: %lu pages, %lu free, %lu kept by the hypervisor",
             (unsigned long)heap_total_pages(), (unsigned long)heap_free_pages(),
             (unsigned long)hv_pages_used());
    for (unsigned int n = 0; n < heap_nr_nodes(); n++)
        log_info("  node %u: %lu pages, %lu free", n, (unsigned long)heap_node_total_pages(n),
                 (unsigned long)heap_node_free_pages(n));
}

/* --- H: the exact account --------------------------------------------------------------------- */

/* What the domains have, for the sum at the end; keys are not pressed at once. */
static uint64_t domains_pages;
static unsigned int in_state[3];

static void account_domain(struct domain *d)
{
    struct gnttab_usage g = { 0 };

    if (d->gnttab)
        gnttab_usage(d, &g);
    domains_pages += d->tot_pages;
    in_state[d->state]++;
    log_info("account: d%d state %u: %u pages, %u shared, %u claimed, %u of %u ports on %u pages, "
             "grants v%u %u+%u of %u frames, %u pages of notes, %u mappings on %u of %u pages",
             d->id, d->state, d->tot_pages, (unsigned int)d->xen_page_list.nr,
             d->outstanding_pages, d->evtchn.nr_active, d->evtchn.max_port,
             (unsigned int)(d->evtchn.nr_valid / EVTCHN_PER_GROUP), g.version, g.frames,
             g.status_frames, g.max_frames, g.active_pages, g.mappings, g.maptrack,
             g.max_maptrack);
}

static void account_objects(void)
{
    struct heap_class c;

    for (unsigned int i = 0; heap_class_info(i, &c); i++)
        if (c.size)
            log_info("account: %u objects of %u bytes on %u pages", c.objects, c.size, c.pages);
        else
            log_info("account: %u objects of pages on %u pages", c.objects, c.pages);
}

/*
 * Everything that lives and dies with domains, in lines that are the same again when all of it has
 * been given back. "lost" are frames that are neither free, nor ours, nor a domain's.
 */
static void key_account(char key)
{
    uint64_t total = heap_total_pages(), free_now = heap_free_pages(), ours = hv_pages_used();

    domains_pages = 0;
    in_state[DOM_ALIVE] = in_state[DOM_DYING] = in_state[DOM_DEAD] = 0;
    each_domain(account_domain);
    account_objects();
    log_info("account: domains: %u alive, %u dying, %u dead", in_state[DOM_ALIVE],
             in_state[DOM_DYING], in_state[DOM_DEAD]);
    log_info("account: memory: %lu pages, %lu free, %lu claimed, %lu ours, %lu of domains, "
             "%ld lost",
             (unsigned long)total, (unsigned long)free_now, (unsigned long)heap_claimed_pages(),
             (unsigned long)ours, (unsigned long)domains_pages,
             (long)(total - free_now - ours - domains_pages));
}

/* --- e: event channels ------------------------------------------------------------------------ */

static void show_ports(struct domain *d)
{
    static const char *const states[] = {
        "free", "reserved", "unbound", "interdomain", "pirq", "virq", "ipi"
    };

    log_info("d%d: event channels", d->id);
    for (port_t port = 1; port < d->evtchn.nr_valid; port++) {
        const struct evtchn *chn;

        spin_lock(&d->evtchn.lock);
        chn = evtchn_get(d, port);
        if (chn != NULL && chn->state != ECS_FREE)
            log_info("  port %u: %s, vcpu %u%s%s", port, states[chn->state % ARRAY_SIZE(states)],
                     chn->notify_vcpu, d->evtchn.ops->is_pending(d, chn) ? ", pending" : "",
                     d->evtchn.ops->is_masked(d, chn) ? ", masked" : "");
        spin_unlock(&d->evtchn.lock);
    }
}

static void key_events(char key) { each_domain(show_ports); }

/* --- the end ---------------------------------------------------------------------------------- */

static void key_crash(char key) { panic("asked for by debug key"); }

static void key_reboot(char key) { arch_machine_shutdown(SHUTDOWN_reboot); }

void debug_keys_init(void)
{
    key_register('q', "dump domains and their vcpus", key_domains);
    key_register('d', "dump the registers of all vcpus", key_registers);
    key_register('m', "memory info", key_memory);
    key_register('H', "account for heap, domains, ports and grants", key_account);
    key_register('e', "dump event channels", key_events);
    key_register('C', "crash the hypervisor", key_crash);
    key_register('R', "reboot the machine", key_reboot);
}
