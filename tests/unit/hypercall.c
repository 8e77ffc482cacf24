/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/hypercall.c core/compat.c */
/*
 * Dispatch, continuation and multicall, with handlers of the test's own: who may call, what an
 * interrupted call leaves behind, and in which order a multicall writes to the guest's array.
 */
#include "check.h"

#include <stdlib.h>

#include <abi.h>
#include <arch/hypercall.h>
#include <hv/compat.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>

struct vcpu *host_current[64];
unsigned int host_cpu;

static struct domain dom = { .kind = GUEST_PV };
static struct vcpu vcpu = { .domain = &dom };
static struct multicall_entry guest[8]; /* the guest's array; nothing else is its memory */
static struct multicall_entry_32 guest32[8]; /* that of a 32-bit guest, which sees it at GUEST32 */
#define GUEST32 (0x100000000ULL - sizeof(guest32))
static uint64_t fault_at;               /* accesses from here on fail */
static unsigned int preempt_after = ~0U, rewound_args, calls;
static uint64_t rewound[HYPERCALL_MAX_ARGS], seen[HYPERCALL_MAX_ARGS];
static unsigned int interrupt_at = ~0U; /* this call of the test's handler is interrupted once */

void panic(const char *fmt, ...) { abort(); }
bool preempt_wanted(void) { return preempt_after-- == 0; }

/* NULL: not there. */
static void *in_guest(uint64_t addr, size_t n)
{
    const bool is_32bit = dom.is_32bit;
    const uint64_t start = is_32bit ? GUEST32 : (uintptr_t)guest;
    const uint64_t size = is_32bit ? sizeof(guest32) : sizeof(guest);

    if (addr < start || addr + n > start + size || addr + n > fault_at)
        return NULL;
    return (is_32bit ? (char *)guest32 : (char *)guest) + (addr - start);
}

int guest_read(void *dst, uint64_t addr, size_t n)
{
    const void *p = in_guest(addr, n);

    if (p == NULL)
        return -EFAULT;
    memcpy(dst, p, n);
    return 0;
}

int guest_write(uint64_t addr, const void *src, size_t n)
{
    void *p = in_guest(addr, n);

    if (p == NULL)
        return -EFAULT;
    memcpy(p, src, n);
    return 0;
}

void arch_hypercall_rewind(struct vcpu *v, unsigned int nr_args, const uint64_t arg[])
{
    rewound_args = nr_args;
    memcpy(rewound, arg, nr_args * sizeof(*arg));
}

long arch_hypercall_32(struct vcpu *v, uint64_t nr, const uint64_t arg[])
{
    return hypercall_dispatch(v, nr, arg);
}

/* The handler under test: counts, remembers its arguments, may be interrupted. */
long hc_xen_version(struct vcpu *v, const uint64_t arg[])
{
    memcpy(seen, arg, sizeof(seen));
    if (calls++ == interrupt_at)
        return hypercall_continue(v, 2, arg[0] + 100, arg[1] + 1);
    return (long)arg[0];
}

long hc_iret(struct vcpu *v, const uint64_t arg[]) { return 77; }
long hc_sched_op(struct vcpu *v, const uint64_t arg[]) { return -EPERM; }

#define UNUSED(name) long name(struct vcpu *v, const uint64_t arg[]) { abort(); }
UNUSED(hc_set_trap_table)
UNUSED(hc_mmu_update) UNUSED(hc_set_gdt) UNUSED(hc_stack_switch) UNUSED(hc_set_callbacks)
    UNUSED(hc_fpu_taskswitch) UNUSED(hc_platform_op) UNUSED(hc_set_debugreg) UNUSED(hc_get_debugreg)
        UNUSED(hc_update_descriptor) UNUSED(hc_memory_op) UNUSED(hc_update_va_mapping)
            UNUSED(hc_set_timer_op) UNUSED(hc_console_io) UNUSED(hc_grant_table_op)
                UNUSED(hc_vm_assist) UNUSED(hc_update_va_mapping_otherdomain) UNUSED(hc_vcpu_op)
                    UNUSED(hc_set_segment_base) UNUSED(hc_mmuext_op) UNUSED(hc_nmi_op)
                        UNUSED(hc_callback_op) UNUSED(hc_event_channel_op) UNUSED(hc_physdev_op)
                            UNUSED(hc_hvm_op) UNUSED(hc_sysctl) UNUSED(hc_domctl) UNUSED(hc_mca)
                                UNUSED(hc_hypfs_op) UNUSED(hc_dm_op)

                                static void reset(void)
{
    memset(guest, 0, sizeof(guest));
    for (unsigned int i = 0; i < 8; i++) {
        guest[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 0x5555,
                                             .args = { i + 1, 10, 20 } };
        guest32[i] = (struct multicall_entry_32){ .op = __HYPERVISOR_xen_version, .result = 0x5555,
                                                  .args = { i + 1, 10, 20, 0, 0, 0xffffffff } };
    }
    dom.is_32bit = false;
    fault_at = ~0ULL;
    preempt_after = interrupt_at = ~0U;
    calls = rewound_args = 0;
    dom.kind = GUEST_PV;
    host_current[0] = &vcpu;
}

static long multicall32(unsigned int first, unsigned int nr)
{
    const uint64_t arg[HYPERCALL_MAX_ARGS] = { GUEST32 + first * sizeof(guest32[0]), nr };

    dom.is_32bit = true;
    return hypercall_dispatch(&vcpu, __HYPERVISOR_multicall, arg);
}

static long multicall(unsigned int nr)
{
    const uint64_t arg[HYPERCALL_MAX_ARGS] = { (uintptr_t)guest, nr };

    return hypercall_dispatch(&vcpu, __HYPERVISOR_multicall, arg);
}

int main(void)
{
    TEST("every number without a handler is ENOSYS, and every one beyond") {
        const uint64_t arg[HYPERCALL_MAX_ARGS] = { 0 };

        for (uint64_t nr = 0; nr < 4 * NR_HYPERCALLS; nr++)
            if (nr >= NR_HYPERCALLS || hypercalls[nr].handler == NULL)
                CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, nr, arg), (uint64_t)-ENOSYS);
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, ~0ULL, arg), (uint64_t)-ENOSYS);
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, 1ULL << 32 | __HYPERVISOR_sched_op, arg),
                 (uint64_t)-ENOSYS);
    }
    TEST("callers are the guest kinds of the row") {
        const uint64_t arg[HYPERCALL_MAX_ARGS] = { 5 };

        reset();
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, __HYPERVISOR_xen_version, arg), 5);
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, __HYPERVISOR_iret, arg), 77);
        dom.kind = GUEST_HVM;
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, __HYPERVISOR_xen_version, arg), 5);
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, __HYPERVISOR_iret, arg), (uint64_t)-ENOSYS);
        for (unsigned int i = 0; i < NR_HYPERCALLS; i++) {
            CHECK_EQ(hypercalls[i].handler != NULL, hypercalls[i].callers != 0);
            CHECK(hypercalls[i].nr_args <= HYPERCALL_MAX_ARGS);
        }
    }
    TEST("an interrupted call is rewound with its new arguments") {
        const uint64_t arg[HYPERCALL_MAX_ARGS] = { 5, 6 };

        reset();
        interrupt_at = 0;
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, __HYPERVISOR_xen_version, arg),
                 (uint64_t)-ERESTART);
        CHECK_EQ(rewound_args, 2);
        CHECK_EQ(rewound[0], 105);
        CHECK_EQ(rewound[1], 7);
    }
    TEST("a multicall runs all, in order, and writes each result") {
        reset();
        guest[2].op = __HYPERVISOR_sched_op;
        guest[3].op = 60;
        CHECK_EQ((uint64_t)multicall(5), 0);
        CHECK_EQ(guest[0].result, 1);
        CHECK_EQ(guest[1].result, 2);
        CHECK_EQ(guest[2].result, (unsigned long)-EPERM);
        CHECK_EQ(guest[3].result, (unsigned long)-ENOSYS);
        CHECK_EQ(guest[4].result, 5);
        CHECK_EQ(guest[5].result, 0x5555);
        CHECK_EQ(calls, 3);
        CHECK_EQ(seen[2], 20);
        CHECK_EQ((uint64_t)multicall(0), 0);
    }
    TEST("a multicall inside a multicall is refused") {
        reset();
        guest[0].op = __HYPERVISOR_multicall;
        guest[0].args[0] = (uintptr_t)guest;
        CHECK_EQ((uint64_t)multicall(2), 0);
        CHECK_EQ(guest[0].result, (unsigned long)-EINVAL);
        CHECK_EQ(guest[1].result, 2);
    }
    TEST("preempted between entries, it goes on at the next one") {
        reset();
        preempt_after = 1;
        CHECK_EQ((uint64_t)multicall(6), (uint64_t)-ERESTART);
        CHECK_EQ(calls, 2);
        CHECK_EQ(rewound[0], (uintptr_t)&guest[2]);
        CHECK_EQ(rewound[1], 4);
        CHECK_EQ(guest[2].result, 0x5555);
    }
    TEST("an entry that is interrupted keeps its new arguments in the array") {
        reset();
        interrupt_at = 1;
        CHECK_EQ((uint64_t)multicall(4), (uint64_t)-ERESTART);
        CHECK_EQ(rewound[0], (uintptr_t)&guest[1]);
        CHECK_EQ(rewound[1], 3);
        CHECK_EQ(guest[1].args[0], 102);
        CHECK_EQ(guest[1].args[1], 11);
        CHECK_EQ(guest[1].args[2], 20);
        CHECK_EQ(guest[1].result, 0x5555);
        CHECK_EQ(guest[1].op, __HYPERVISOR_xen_version);
        CHECK_EQ(guest[0].result, 1);
    }
    TEST("iret ends it") {
        reset();
        guest[1].op = __HYPERVISOR_iret;
        CHECK_EQ((uint64_t)multicall(4), 77);
        CHECK_EQ(guest[1].result, 0x5555);
        CHECK_EQ(calls, 1);
    }
    TEST("bad pointers are EFAULT, wherever they start to be bad") {
        reset();
        fault_at = (uintptr_t)&guest[1];
        CHECK_EQ((uint64_t)multicall(3), (uint64_t)-EFAULT);
        CHECK_EQ(calls, 1);
        reset();
        CHECK_EQ((uint64_t)hypercall_dispatch(&vcpu, __HYPERVISOR_multicall,
                                              (uint64_t[HYPERCALL_MAX_ARGS]){ 8, 1 }),
                 (uint64_t)-EFAULT);
        /* and a later one is not taken for nested */
        CHECK_EQ((uint64_t)multicall(1), 0);
    }
    TEST("a 32-bit caller's entries are of 32 bits, and so are their results") {
        reset();
        guest32[2].op = __HYPERVISOR_sched_op;
        CHECK_EQ((uint64_t)multicall32(1, 7), 0);
        CHECK_EQ(guest32[0].result, 0x5555);
        for (unsigned int i = 1; i < 8; i++)
            CHECK_EQ((uint32_t)guest32[i].result, i == 2 ? (uint32_t)-EPERM : i + 1);
        CHECK_EQ(seen[0], 8);
        CHECK_EQ(seen[2], 20);
        CHECK_EQ(seen[5], 0xffffffff);
        CHECK_EQ(guest32[7].args[5], 0xffffffff);
        CHECK_EQ((uint64_t)multicall32(0, 9), (uint64_t)-EFAULT);
    }
    TEST("interrupted, a 32-bit caller's multicall goes on in its own array") {
        reset();
        interrupt_at = 1;
        CHECK_EQ((uint64_t)multicall32(0, 4), (uint64_t)-ERESTART);
        CHECK_EQ(rewound[0], GUEST32 + 32);
        CHECK_EQ(rewound[1], 3);
        CHECK_EQ(guest32[1].args[0], 102);
        CHECK_EQ(guest32[1].args[1], 11);
        CHECK_EQ((uint32_t)guest32[1].result, 0x5555);
        reset();
        preempt_after = 2;
        CHECK_EQ((uint64_t)multicall32(0, 4), (uint64_t)-ERESTART);
        CHECK_EQ(rewound[0], GUEST32 + 3 * 32);
        CHECK_EQ(rewound[1], 1);
    }
    TEST("an array that goes on beyond 4 GiB does not go on at address 0") {
        reset();
        preempt_after = 0;
        CHECK_EQ((uint64_t)multicall32(7, 2), (uint64_t)-EFAULT);
        CHECK_EQ(rewound_args, 0);
        CHECK_EQ((uint32_t)guest32[7].result, 8);
    }
    return check_exit();
}
