/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PVH guest leaves and is entered without end, while this domain loads FPU state on the second
 * cpu. QEMU's TCG changes the first cpu's SVM state from the thread that loads (docs/hvm.md): a
 * machine whose first cpu runs the guest ends in a triple fault, on stock Xen as well.
 */
#include "pvh.h"

#include "../pvh/payload/mailbox.h"

const char *test_name = "pvh_fpu";

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

static struct domu d;

static void load_until(uint64_t end)
{
    static uint8_t state[512] __attribute__((aligned(16)));

    __asm__ volatile("fxsave64 %0" : "=m"(state));
    while (now_ns() < end)
        for (unsigned int i = 0; i < 1000; i++)
            __asm__ volatile("fxrstor64 %0" : : "m"(state));
}

void test_main(void)
{
    struct sched_pin_override here = { .pcpu = 1 };
    const volatile struct mailbox *m;
    uint32_t before;

    if (!on_granta()) {
        skip("this emulator does not survive it on this hypervisor");
        return;
    }
    CHECK_EQ(hypercall(__HYPERVISOR_sched_op, SCHEDOP_pin_override, &here), 0, "on the second cpu");
    if (pvh_start(&d, payload, (unsigned long)(payload_end - payload), RUN_LEAVE)) {
        CHECK(false, "start it");
        return;
    }
    m = pvh_page(&d, 0);
    YIELD_UNTIL(m->alive > 0, 5000);
    before = m->alive;
    for (unsigned int i = 0; i < 100; i++) {
        load_until(now_ns() + 100000000UL);
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
    CHECK(m->alive - before > 1000, "the guest goes on meanwhile");
    pvh_close_page();
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... with nothing left");
}
