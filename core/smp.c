/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cross-cpu calls. Each cpu has one request of its own (it waits for its end, so it never has two)
 * and an inbox: the set of cpus whose request it still has to run.
 */
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/smp.h>

cpumask_t cpu_online_map;
unsigned int nr_cpu_ids = 1;

struct smp_request {
    void (*fn)(void *data);
    void *data;
    uint32_t waiting; /* cpus that have not run it yet */
    bool active;
};

static DEFINE_PER_CPU(struct smp_request, smp_request);
static DEFINE_PER_CPU(cpumask_t, smp_inbox);

static void serve_one(unsigned int from)
{
    struct smp_request *r = &per_cpu(smp_request, from);

    r->fn(r->data);
    /* from here on r belongs to its cpu again */
    __atomic_fetch_sub(&r->waiting, 1, __ATOMIC_RELEASE);
}

void smp_serve(void)
{
    cpumask_t *inbox = &this_cpu(smp_inbox);
    unsigned int words = DIV_ROUND_UP(nr_cpu_ids, 64);

    for (unsigned int i = 0; i < words; i++) {
        uint64_t w;

        if (likely(!read_once(inbox->w[i])))
            continue;
        w = __atomic_exchange_n(&inbox->w[i], 0, __ATOMIC_ACQUIRE);
        for (; w; w &= w - 1)
            serve_one(i * 64 + (unsigned int)__builtin_ctzll(w));
    }
}

void cpu_wait(void)
{
    cpu_relax();
    smp_serve();
}

void smp_call(const cpumask_t *mask, void (*fn)(void *), void *data)
{
    unsigned int me = smp_processor_id();
    struct smp_request *r = &this_cpu(smp_request);
    bool here = cpumask_test(mask, me);
    cpumask_t others;

    cpumask_and(&others, mask, &cpu_online_map);
    cpumask_clear(&others, me);
    if (!cpumask_empty(&others)) {
        BUG_ON(r->active); /* called from a function that smp_call() runs */
        r->active = true;
        r->fn = fn;
        r->data = data;
        __atomic_store_n(&r->waiting, cpumask_weight(&others), __ATOMIC_RELEASE);
        for_each_cpu (c, &others)
            cpumask_set_atomic(&per_cpu(smp_inbox, c), me);
        arch_send_ipi_mask(&others);
    }
    if (here)
        fn(data);
    while (__atomic_load_n(&r->waiting, __ATOMIC_ACQUIRE))
        cpu_wait();
    r->active = false;
}

void smp_kick(unsigned int cpu)
{
    cpumask_t one;

    cpumask_zero(&one);
    cpumask_set(&one, cpu);
    arch_send_ipi_mask(&one);
}

void smp_kick_mask(const cpumask_t *mask)
{
    arch_send_ipi_mask(mask);
}
