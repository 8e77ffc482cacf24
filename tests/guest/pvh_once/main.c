/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Each interrupt of a PVH guest comes once. For an emulator on one thread, where QEMU's TCG may
 * deliver an injected one twice (docs/hvm.md): there stock Xen fails.
 */
#include "pvh.h"

#include "../pvh/payload/mailbox.h"

const char *test_name = "pvh_once";

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

static struct domu d;

void test_main(void)
{
    if (!on_granta()) {
        skip("this emulator delivers some twice, as this hypervisor injects them");
        return;
    }
    CHECK_EQ(pvh_start(&d, payload, (unsigned long)(payload_end - payload), RUN_ONCE), 0,
             "start it");
    CHECK_EQ(domu_wait(&d, 30000), SHUTDOWN_poweroff, "it comes to its end");
    pvh_report(&d);
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
}
