/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Says when every cpu of the machine runs: `up with N cpus`. The first domain starts earlier, and
 * sleeps meanwhile: an emulator has the processors' work to do.
 */
#define __XEN_TOOLS__ 1
#include "guest.h"

#include <xen/sysctl.h>

const char *test_name = "up";

static void sleep_until(uint64_t ns)
{
    struct sched_poll poll = { .nr_ports = 0, .timeout = ns };

    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
}

void test_main(void)
{
    static struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION
    };

    print("dom0 runs\n");
    for (;;) {
        long rc = hypercall(__HYPERVISOR_sysctl, &op);

        if (rc) {
            print("FAIL %s: physinfo gives %ld\n", test_name, rc);
            return;
        }
        if (op.u.physinfo.nr_cpus == op.u.physinfo.max_cpu_id + 1)
            break;
        sleep_until(now_ns() + 5000000);
    }
    print("up with %u cpus\n", op.u.physinfo.nr_cpus);
}
