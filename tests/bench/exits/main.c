/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions that the exits of a PVH guest cost, by kind: the guest of tests/guest/pvh counts
 * them.
 */
#include "pvh.h"

#include "../../guest/pvh/payload/mailbox.h"

const char *test_name = "exits";

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PVH_PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

static struct domu d;

static void report(void)
{
    static struct mailbox box;

    pvh_read(&d, &box, sizeof(box));
    for (unsigned int i = 0; i < box.nr_figures && i < PVH_FIGURES; i++)
        print("bench %s %ld %ld %ld\n", box.figure[i].name, (long)box.figure[i].min,
              (long)box.figure[i].median, (long)box.figure[i].max);
    CHECK(box.nr_figures > 10, "there are figures");
}

void test_main(void)
{
    CHECK_EQ(pvh_start(&d, payload, (unsigned long)(payload_end - payload), RUN_BENCH), 0,
              "start a PVH guest");
    CHECK_EQ(domu_wait(&d, 100000), SHUTDOWN_poweroff, "it comes to its end");
    report();
    domu_destroy(&d);
}
