/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/timer.c core/lock.c core/softirq.c */
/*
 * Timers on four pretended cpus: order, deadlines, moves, re-arming, against a plain list as the
 * model.
 */
#include <stdlib.h>

#include <arch/cpu.h>
#include <hv/cpumask.h>
#include <hv/log.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/timer.h>

#include "check.h"

#define CPUS 4
#define TIMERS 64

struct vcpu *host_current[64];
unsigned int host_cpu;
cpumask_t cpu_online_map = { { (1 << CPUS) - 1 } };
unsigned int nr_cpu_ids = CPUS;

static ns_t now, hw[CPUS];
static unsigned int kicks, programs;

ns_t time_now(void) { return now; }
void smp_kick(unsigned int cpu) { kicks++; }
void cpu_wait(void) { abort(); }
void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

void arch_timer_program(ns_t deadline)
{
    programs++;
    hw[host_cpu] = deadline;
}

static struct item {
    struct timer t;
    ns_t want;         /* model: when it should fire; NS_NEVER idle */
    unsigned int cpu;  /* model */
    unsigned int fired;
    ns_t again;        /* period: set again from the callback */
} item[TIMERS];
static unsigned int wrong;
static ns_t last_fired;

static void fired(void *data)
{
    struct item *i = data;

    /* At its time, on its cpu, and in order of deadlines within one round. */
    wrong += i->want > now || i->cpu != host_cpu || i->want < last_fired;
    last_fired = i->want;
    i->fired++;
    i->want = i->again ? now + i->again : NS_NEVER;
    if (i->again)
        timer_set(&i->t, i->want);
}

/* What the machine does: interrupts that are due, then softirqs, on every cpu. */
static void run_cpus(void)
{
    unsigned int back = host_cpu;

    for (host_cpu = 0; host_cpu < CPUS; host_cpu++) {
        if (hw[host_cpu] <= now) {
            hw[host_cpu] = NS_NEVER;
            timer_interrupt();
        }
        last_fired = 0;
        softirq_process();
    }
    host_cpu = back;
}

static void reset(void)
{
    now += 1000000; /* what the hardware was asked for is over */
    run_cpus();
    for (unsigned int i = 0; i < TIMERS; i++) {
        timer_kill(&item[i].t);
        item[i] = (struct item){ .want = NS_NEVER, .cpu = i % CPUS };
        timer_init(&item[i].t, fired, &item[i], i % CPUS);
    }
    run_cpus();
    wrong = 0;
}

static void set(struct item *i, ns_t at)
{
    timer_set(&i->t, at);
    i->want = at;
}

/* Has everything fired that is due, and will the hardware wake us for the rest? */
static bool model_holds(void)
{
    ns_t first[CPUS] = { NS_NEVER, NS_NEVER, NS_NEVER, NS_NEVER };

    for (unsigned int i = 0; i < TIMERS; i++) {
        if (item[i].want <= now || item[i].t.deadline != item[i].want ||
            item[i].t.queued != (item[i].want != NS_NEVER))
            return false;
        first[item[i].cpu] = MIN(first[item[i].cpu], item[i].want);
    }
    for (unsigned int c = 0; c < CPUS; c++)
        if (hw[c] > first[c])
            return false;
    return wrong == 0;
}

static void random_op(void)
{
    struct item *i = &item[rand() % TIMERS];

    host_cpu = (unsigned int)rand() % CPUS;
    switch (rand() % 6) {
    case 0:
        timer_stop(&i->t);
        i->want = NS_NEVER;
        break;
    case 1:
        i->cpu = (unsigned int)rand() % CPUS;
        timer_migrate(&i->t, i->cpu);
        break;
    case 2:
        timer_kill(&i->t);
        i->want = NS_NEVER;
        break;
    case 3:
        i->again = rand() % 2 ? 0 : 1 + rand() % 500;
        break;
    default:
        set(i, now + rand() % 1000 - 100);
        break;
    }
}

int main(void)
{
    for (host_cpu = 0; host_cpu < CPUS; host_cpu++) {
        hw[host_cpu] = NS_NEVER;
        timer_init_cpu(host_cpu);
    }
    host_cpu = 0;
    for (unsigned int i = 0; i < TIMERS; i++)
        timer_init(&item[i].t, fired, &item[i], 0);

    TEST("a timer fires once, not before its deadline")
    {
        reset();
        set(&item[0], now + 100);
        CHECK_EQ(hw[0], now + 100);
        now += 99;
        run_cpus();
        CHECK_EQ(item[0].fired, 0);
        now += 1;
        run_cpus();
        CHECK_EQ(item[0].fired, 1);
        now += 1000;
        run_cpus();
        CHECK_EQ(item[0].fired, 1);
        CHECK_EQ(wrong, 0);
    }
    TEST("a deadline in the past fires at once")
    {
        reset();
        set(&item[0], now - 10);
        run_cpus();
        CHECK_EQ(item[0].fired, 1);
    }
    TEST("a later deadline replaces an earlier one, and the other way round")
    {
        reset();
        set(&item[0], now + 100);
        set(&item[0], now + 300);
        set(&item[4], now + 300);
        set(&item[4], now + 100);
        now += 100;
        run_cpus();
        CHECK_EQ(item[0].fired, 0);
        CHECK_EQ(item[4].fired, 1);
        CHECK_EQ(hw[0], now + 200);
    }
    TEST("the hardware is asked only for what is earlier")
    {
        reset();
        programs = 0;
        for (unsigned int i = 0; i < 10; i++)
            set(&item[4 * i], now + 100 + i);
        CHECK_EQ(programs, 1);
        set(&item[40], now + 50);
        CHECK_EQ(programs, 2);
    }
    TEST("another cpu is woken only for what is earlier")
    {
        reset();
        kicks = 0;
        set(&item[1], now + 100);
        CHECK_EQ(kicks, 1);
        run_cpus();
        CHECK_EQ(hw[1], now + 100);
        set(&item[5], now + 200);
        CHECK_EQ(kicks, 1);
        set(&item[9], now + 50);
        CHECK_EQ(kicks, 2);
    }
    TEST("a spurious or early interrupt loses nothing")
    {
        reset();
        set(&item[0], now + 100);
        hw[0] = now + 20;
        now += 20;
        run_cpus();
        CHECK_EQ(item[0].fired, 0);
        CHECK_EQ(hw[0], now + 80);
    }
    TEST("a timer that moves fires on its new cpu")
    {
        reset();
        set(&item[0], now + 100);
        timer_migrate(&item[0].t, 2);
        item[0].cpu = 2;
        run_cpus();
        now += 100;
        run_cpus();
        CHECK_EQ(item[0].fired, 1);
        CHECK_EQ(wrong, 0);
    }
    TEST("a callback may set its timer again")
    {
        reset();
        item[3].again = 10;
        set(&item[3], now + 10);
        run_cpus();
        for (unsigned int i = 0; i < 100; i++) {
            now += 10;
            run_cpus();
        }
        CHECK_EQ(item[3].fired, 100);
    }
    TEST("random sets, stops, moves and time follow the model")
    {
        reset();
        srand(1);
        for (unsigned int n = 0; n < 200000; n++) {
            random_op();
            if (rand() % 4 == 0)
                now += rand() % 200;
            run_cpus();
            if (!CHECK(model_holds()))
                break;
        }
    }
    return check_exit();
}
