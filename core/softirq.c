/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Softirqs and tasklets. A cpu looks at its pending word, with interrupts off, before it returns to
 * a guest and before it halts; whoever sets a bit of another cpu's word sends it an interrupt,
 * unless the bit was set already: then that cpu is on its way to look.
 */
#include <hv/atomic.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/smp.h>
#include <hv/softirq.h>

static void (*handlers[NR_SOFTIRQS])(void);
DEFINE_PER_CPU(uint32_t, softirq_word);

/* Only its own cpu touches the list, with interrupts off. */
struct tasklet_list {
    struct tasklet *head, *tail;
};
static DEFINE_PER_CPU(struct tasklet_list, tasklet_list);

void softirq_register(enum softirq nr, void (*fn)(void))
{
    handlers[nr] = fn;
}

void softirq_raise(enum softirq nr)
{
    bit_test_and_set(&this_cpu(softirq_word), nr);
}

void softirq_raise_on(unsigned int cpu, enum softirq nr)
{
    if (!bit_test_and_set(&per_cpu(softirq_word, cpu), nr) && cpu != smp_processor_id())
        smp_kick(cpu);
}

static void tasklets_run(void)
{
    struct tasklet_list *l = &this_cpu(tasklet_list);
    struct tasklet *t = l->head;

    /* Those that are scheduled meanwhile wait for the next round. */
    l->head = l->tail = NULL;
    while (t) {
        struct tasklet *next = t->next;

        /* may be scheduled again from here on */
        __atomic_store_n(&t->queued, false, __ATOMIC_SEQ_CST);
        t->fn(t->data);
        t = next;
    }
}

void softirq_process(void)
{
    uint32_t word;

    ASSERT(locks_held() == 0);
    while ((word = read_once(this_cpu(softirq_word))) != 0) {
        unsigned int nr = (unsigned int)__builtin_ctz(word);

        bit_test_and_clear(&this_cpu(softirq_word), nr);
        if (nr == SOFTIRQ_TASKLET)
            tasklets_run();
        else if (handlers[nr])
            handlers[nr]();
    }
}

bool preempt_wanted(void)
{
    ASSERT(locks_held() == 0);
    if (!softirq_pending())
        irq_window();
    return softirq_pending();
}

void tasklet_schedule(struct tasklet *t)
{
    struct tasklet_list *l = &this_cpu(tasklet_list);

    if (__atomic_exchange_n(&t->queued, true, __ATOMIC_SEQ_CST))
        return;
    t->next = NULL;
    if (l->tail)
        l->tail->next = t;
    else
        l->head = t;
    l->tail = t;
    softirq_raise(SOFTIRQ_TASKLET);
}
