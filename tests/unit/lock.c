/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/lock.c */
/*
 * Spinlocks: what debug builds must notice, and that a waiting cpu serves others until its turn
 * comes.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arch/cpu.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/smp.h>

#include "check.h"

struct vcpu *host_current[64];
unsigned int host_cpu;

static void (*while_waiting)(void);
static unsigned int waits;

/* A violation ends the child process of refused(). */
void panic(const char *fmt, ...) { _exit(42); }

void cpu_wait(void)
{
    unsigned int back = host_cpu;

    waits++;
    if (!while_waiting)
        _exit(43);
    while_waiting();
    host_cpu = back;
}

static bool refused(void (*fn)(void))
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

static DEFINE_SPINLOCK(low, RANK_DOMAIN);
static DEFINE_SPINLOCK(high, RANK_HEAP);
static DEFINE_SPINLOCK(a, RANK_SCHED);
static DEFINE_SPINLOCK(b, RANK_SCHED);

static void wrong_order(void)
{
    spin_lock(&high);
    spin_lock(&low);
}

static void same_rank(void)
{
    spin_lock(&a);
    spin_lock(&b);
}

static void twice(void)
{
    spin_lock(&a);
    spin_lock(&a);
}

static void release_what_is_not_held(void)
{
    spin_unlock(&a);
}

static void release_on_another_cpu(void)
{
    spin_lock(&a);
    host_cpu = 1;
    spin_unlock(&a);
}

/* A function that is served while we wait must respect the lock that we wait for. */
static void take_low(void)
{
    host_cpu = 0;
    spin_lock(&low);
}

static void serve_takes_lower(void)
{
    host_cpu = 1;
    spin_lock(&high);
    host_cpu = 0;
    while_waiting = take_low;
    spin_lock(&high);
}

static void unlock_high_on_1(void)
{
    host_cpu = 1;
    if (waits == 5)
        spin_unlock(&high);
}

int main(void)
{
    TEST("rising ranks, in any order of release")
    {
        spin_lock(&low);
        spin_lock(&high);
        CHECK(spin_is_mine(&low) && spin_is_mine(&high));
        CHECK_EQ(locks_held(), 2);
        spin_unlock(&low);
        CHECK(!spin_is_mine(&low));
        spin_unlock(&high);
        CHECK_EQ(locks_held(), 0);
    }
    TEST("another cpu's lock is not mine")
    {
        spin_lock(&low);
        host_cpu = 1;
        CHECK(!spin_is_mine(&low));
        CHECK(!spin_trylock(&low));
        CHECK_EQ(locks_held(), 0);
        host_cpu = 0;
        spin_unlock(&low);
        CHECK(spin_trylock(&low));
        spin_unlock(&low);
    }
    TEST("trylock may go against the ranks")
    {
        spin_lock(&high);
        CHECK(spin_trylock(&low));
        spin_unlock(&low);
        spin_unlock(&high);
    }
    TEST("two locks of a rank, either way, or the same one")
    {
        lock_two(&a, &b);
        CHECK(spin_is_mine(&a) && spin_is_mine(&b));
        unlock_two(&a, &b);
        lock_two(&b, &a);
        CHECK_EQ(locks_held(), 2);
        unlock_two(&b, &a);
        lock_two(&a, &a);
        CHECK_EQ(locks_held(), 1);
        unlock_two(&a, &a);
        CHECK_EQ(locks_held(), 0);
    }
    TEST("falling ranks are refused")
        CHECK(refused(wrong_order));
    TEST("two of a rank are refused but by lock_two")
        CHECK(refused(same_rank));
    TEST("a second time is refused")
        CHECK(refused(twice));
    TEST("a release without holding is refused")
    {
        CHECK(refused(release_what_is_not_held));
        CHECK(refused(release_on_another_cpu));
    }
    TEST("a served function is checked against the lock that is waited for")
        CHECK(refused(serve_takes_lower));
    TEST("a waiter serves others until its turn")
    {
        host_cpu = 1;
        spin_lock(&high);
        host_cpu = 0;
        waits = 0;
        while_waiting = unlock_high_on_1;
        spin_lock(&high);
        CHECK_EQ(waits, 5);
        CHECK(spin_is_mine(&high));
        spin_unlock(&high);
        while_waiting = NULL;
    }
    TEST("tickets wrap")
    {
        for (unsigned int i = 0; i < 70000; i++) {
            spin_lock(&a);
            spin_unlock(&a);
        }
        CHECK(spin_trylock(&a));
        spin_unlock(&a);
    }
    return check_exit();
}
