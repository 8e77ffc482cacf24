/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The start of day: what a guest finds in its registers, start_info, page tables and shared_info.
 */
#include "guest.h"

const char *test_name = "hello";

void test_main(void)
{
    const uint64_t *m2p = (const uint64_t *)0xffff800000000000UL;
    char extra[16] = { 0 }, caps[1024] = { 0 };
    unsigned int wrong = 0;

    CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0), (4 << 16) | 17,
             "version is 4.17");
    CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, extra), 0, "extraversion");
    CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, caps), 0, "capabilities");
    print("xen 4.17%s, %s\n", extra, caps);
    CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_pagesize, 0), 4096, "page size");
    CHECK_EQ(hypercall(63, 0), -XENOSYS, "unused hypercall number");
    CHECK_EQ(hypercall(1000000, 0), -XENOSYS, "hypercall number out of range");

    CHECK((start_info->flags & SIF_INITDOMAIN) && (start_info->flags & SIF_PRIVILEGED),
          "dom0 flags");
    CHECK(start_info->nr_pages > 4096, "has memory");
    CHECK_EQ(start_info->pt_base & 4095, 0, "pt_base is aligned");
    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++)
        if (m2p[pfn_to_mfn(pfn)] != pfn)
            wrong++;
    CHECK_EQ(wrong, 0, "M2P is the inverse of the P2M for every frame");
    for (int level = 2; level <= 4; level++) /* a write to a level 1 table is emulated */
        CHECK_EQ(probe_write(pt_entry(start_info->pt_base, level), 0), 14,
                 "a page table in use is mapped read-only");
    CHECK_EQ(probe_write((void *)0xffff800000000000UL, 0), 14, "M2P cannot be written");
    CHECK_EQ(probe_read((void *)0xffff830000000000UL, NULL), 14, "direct map cannot be read");

    for (unsigned int i = 0; i < 32; i++)
        if (shared_info->vcpu_info[i].evtchn_upcall_mask != 1)
            wrong++;
    CHECK_EQ(wrong, 0, "events are masked on all vcpus");
    CHECK(shared_info->vcpu_info[0].time.tsc_to_system_mul != 0, "time info is filled");
    CHECK_EQ(shared_info->vcpu_info[0].time.version & 1, 0, "time info is stable");
}
