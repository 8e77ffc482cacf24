/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As many processors as the maker gave, started by INIT and SIPI and by VCPUOP_initialise in turn.
 * Each says who it is, and waits for interrupts: ids beyond 255 are x2APIC's alone.
 */
#include "payload.h"

#include <xen/hvm/hvm_vcpu.h>

#define STACKS 0x400000UL /* nothing is there */
#define STACK 1024UL
#define INFOS 0x480000UL
#define VECTOR_WAKE 0x60

extern const char start_ap[], start_many[], l4[];
extern volatile uint32_t ap_stack, ap_entry; /* start.S: of the next that SIPI starts */

static volatile uint32_t seen[PVH_VCPUS], woken[PVH_VCPUS], wrong, nr_up;

static uint32_t topology_id(void)
{
    uint32_t r[4];

    cpuid(0xb, 0, r);
    return r[3];
}

static void enable_x2apic(void)
{
    wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
    wrmsr(0x80f, 0x1ff);
}

/* On a stack of its own. */
void main_many(void);
void main_many(void)
{
    const uint32_t id = topology_id();
    uint32_t r[4];

    load_traps();
    enable_x2apic();
    cpuid(1, 0, r);
    if (rdmsr(0x802) != id || r[1] >> 24 != (id & 0xff) || id / 2 >= PVH_VCPUS)
        __atomic_fetch_add(&wrong, 1, __ATOMIC_SEQ_CST);
    else
        seen[id / 2]++;
    __atomic_fetch_add(&nr_up, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        __asm__ volatile("sti; hlt; cli");
        woken[id / 2 % PVH_VCPUS]++;
    }
}

/* From vcpu 32 on there is no place in shared_info: it has to have one before it starts. */
static long initialise(unsigned int i)
{
    struct vcpu_register_vcpu_info info = {
        .mfn = INFOS / PAGE + i / 64, .offset = i % 64 * sizeof(struct vcpu_info)
    };
    const long rc = CALL(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, i, &info);
    static struct vcpu_hvm_context c;

    c.mode = VCPU_HVM_MODE_64B;
    c.cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){
        .rip = (uint64_t)start_many, .rsp = STACKS + (i + 1) * STACK, .rflags = 2,
        .cr0 = 0x80010011, .cr3 = (uint64_t)l4, .cr4 = 0x20, .efer = 0x500,
    };
    return rc ?: CALL(__HYPERVISOR_vcpu_op, VCPUOP_initialise, i, &c)
              ?: CALL(__HYPERVISOR_vcpu_op, VCPUOP_up, i, 0);
}

static void send(uint64_t dest, uint32_t command) { wrmsr(0x830, dest << 32 | command); }

static bool becomes(volatile uint32_t *what, uint32_t n)
{
    return yield_until(what, n, 40000000000UL);
}

static bool start_one(unsigned int i)
{
    const uint32_t up = nr_up;

    if (i % 2) {
        ap_stack = (uint32_t)(STACKS + (i + 1) * STACK);
        ap_entry = (uint32_t)(uint64_t)main_many;
        send(2 * i, 0x4500);
        send(2 * i, 0x4600 | (uint32_t)((uint64_t)start_ap >> 12));
    } else if (initialise(i)) {
        return false;
    }
    return becomes(&nr_up, up + 1);
}

static unsigned int sum(volatile uint32_t *what, unsigned int from, unsigned int n)
{
    unsigned int total = 0;

    for (unsigned int i = from; i < n; i++)
        total += what[i] == 1;
    return total;
}

static void wait_all_woken(unsigned int n)
{
    for (uint64_t end = rdtsc() + 40000000000UL; sum(woken, 1, n) != n - 1 && rdtsc() < end;)
        CALL(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}

void many(void)
{
    const unsigned int n = mailbox.vcpus, last = n - 1, id = 2 * last;
    unsigned int started = 1;

    enable_x2apic();
    x2apic = true;
    CHECK_EQ(topology_id(), 0, "the first of many");
    while (started < n && start_one(started))
        started++;
    CHECK_EQ(started, n, "... all of them start");
    CHECK_EQ(wrong, 0, "... each has its own id, by CPUID and by x2APIC");
    CHECK_EQ(sum(seen, 1, n), last, "... and no other's");
    CHECK_EQ(CALL(__HYPERVISOR_vcpu_op, VCPUOP_is_up, n, 0), -2, "there is none after the last");
    if (started < n || n == 1)
        return;
    send(id, VECTOR_WAKE);
    CHECK(becomes(&woken[last], 1), "an interrupt for the last alone");
    CHECK_EQ(sum(woken, 1, n), 1, "... comes to no other");
    send((id >> 4) << 16 | 1U << (id & 15), 1U << 11 | VECTOR_WAKE);
    CHECK(becomes(&woken[last], 2), "... one by its logical id");
    CHECK_EQ(sum(woken, 1, last), 0, "... comes to no other, too");
    woken[last] = 0;
    send(0, 3U << 18 | VECTOR_WAKE);
    wait_all_woken(n);
    CHECK_EQ(sum(woken, 1, n), last, "... and one for all others");
}
