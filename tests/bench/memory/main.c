/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What memory a hypervisor leaves: `memory free F dom0 D`, in pages. The machine's size less both
 * is what it keeps for itself; bench.py, which started the machine, knows that size.
 */
#define __XEN_TOOLS__ 1
#include "guest.h"

#include <xen/sysctl.h>

const char *test_name = "memory";

void test_main(void)
{
    static struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION
    };
    domid_t self = DOMID_SELF;
    long rc = hypercall(__HYPERVISOR_sysctl, &op),
         pages = hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);

    CHECK_EQ(rc, 0, "physinfo answers");
    CHECK(pages > 0, "dom0 has memory");
    print("memory free %lu dom0 %ld\n", (unsigned long)op.u.physinfo.free_pages, pages);
}
