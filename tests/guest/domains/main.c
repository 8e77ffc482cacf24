/* SPDX-License-Identifier: GPL-2.0-only */
/* Two domains: this kernel and copies of it that it makes. */
#include "domu.h"

const char *test_name = "domains";

static struct domu u;

static void first(void)
{
    CHECK(in_domu(), "it runs");
    CHECK_EQ(start_info->flags & SIF_PRIVILEGED, 0, "it is not privileged");
}

void test_main(void)
{
    if (domu_start(&u, &(struct domu_config){ .fn = first, .spare = 64 }))
        domu_finish(&u, 5000);
}
