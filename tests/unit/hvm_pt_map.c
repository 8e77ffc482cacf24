/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/memory_extent.c */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c arch/x86/hvm/pt_map.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/*
 * Device memory and ports of an HVM guest: who may map what where, in whole and in parts, and that
 * with the right to it goes all that is mapped.
 */
#include "check.h"

#include "../host/p2m_world.h"

#include <arch/cpu.h>
#include <arch/hvm_pt.h>
#include <hv/errno.h>
#include <hv/rangeset.h>
#include <xen/domctl.h>

#define E(rc) ((uint64_t)(int64_t)(rc))
#define MB2 512ULL
#define DEVICE 0x300000ULL /* frames that are no RAM */
#define FRAMES 2048ULL
#define AT 0x400ULL        /* gfn, a multiple of 2 MiB */

static struct domain *d, *tools;
static struct vcpu *caller;
static struct hvm_pt pt;

struct hvm_pt *hvm_pt_get(struct domain *of)
{
    of->arch.hvm->pt = &pt;
    return &pt;
}

static unsigned int pauses;
void domain_pause(struct domain *of) { pauses++; }
void domain_unpause(struct domain *of) { pauses--; }

static uint64_t map(uint64_t gfn, uint64_t mfn, uint64_t nr, bool add)
{
    const struct xen_domctl_memory_mapping m = {
        .first_gfn = gfn, .first_mfn = mfn, .nr_mfns = nr, .add_mapping = add
    };

    return E(hvm_pt_map_memory(d, &m));
}

static uint64_t ports(uint32_t guest, uint32_t machine, uint32_t nr, bool add)
{
    const struct xen_domctl_ioport_mapping m = {
        .first_gport = guest, .first_mport = machine, .nr_ports = nr, .add_mapping = add
    };

    return E(hvm_pt_map_ports(d, &m));
}

static struct p2m_entry at(uint64_t gfn) { return p2m_lookup(d, _gfn(gfn)); }

/* Gfns from first on that have the device's frames from mfn on. */
static unsigned int mapped(uint64_t first, uint64_t mfn, uint64_t nr)
{
    unsigned int n = 0;

    for (uint64_t i = 0; i < nr; i++) {
        const struct p2m_entry e = at(first + i);

        n += e.type == P2M_MMIO && e.mfn.n == mfn + i;
    }
    return n;
}

static void begin(void)
{
    d = p2m_domain(1, 4096);
    CHECK_EQ(p2m_set_pool(d, 64), 0);
    d->iomem_caps = rangeset_new();
    d->arch.ioport_caps = rangeset_new();
    tools->iomem_caps = rangeset_new();
    tools->arch.ioport_caps = rangeset_new();
    CHECK_EQ(rangeset_add(tools->iomem_caps, 0, DEVICE + FRAMES - 1), 0);
    CHECK_EQ(rangeset_add(d->iomem_caps, DEVICE, DEVICE + FRAMES - 1), 0);
    CHECK_EQ(rangeset_add(tools->arch.ioport_caps, 0x100, 0xffff), 0);
    CHECK_EQ(rangeset_add(d->arch.ioport_caps, 0xc000, 0xc0ff), 0);
    pt = (struct hvm_pt){ .gfns = rangeset_new() };
}

static void end(void)
{
    CHECK_STR(p2m_check(d), NULL);
    CHECK_EQ(locks_held(), 0);
    CHECK_EQ(pauses, 0);
    hvm_pt_deny_ports(d, 0, 0xffff);
    CHECK(pt.ports == NULL);
    rangeset_free(pt.gfns);
    rangeset_free(d->iomem_caps);
    rangeset_free(d->arch.ioport_caps);
    rangeset_free(tools->iomem_caps);
    rangeset_free(tools->arch.ioport_caps);
    d->iomem_caps = d->arch.ioport_caps = NULL;
    tools->iomem_caps = tools->arch.ioport_caps = NULL;
    CHECK_EQ(p2m_domain_end(d), 0);
}

static void memory(void)
{
    TEST("device memory: large and small, in parts, and away again") {
        begin();
        CHECK_EQ(map(AT - 1, DEVICE - 1 + MB2, MB2 + 3, true), 0);
        CHECK_EQ(mapped(AT - 1, DEVICE - 1 + MB2, MB2 + 3), MB2 + 3);
        CHECK_EQ(at(AT).order, P2M_ORDER_2M);
        CHECK_EQ(map(AT + 5, DEVICE + MB2 + 5, 1, false), 0);
        CHECK_EQ(mapped(AT - 1, DEVICE - 1 + MB2, MB2 + 3), MB2 + 2);
        CHECK_EQ(map(AT - 1, DEVICE - 1 + MB2, MB2 + 3, false), E(-ENOENT)); /* but all others */
        CHECK_EQ(mapped(AT - 1, DEVICE - 1 + MB2, MB2 + 3), 0);
        CHECK_EQ(map(AT, DEVICE, MB2, true), 0);
        CHECK_EQ(map(AT, DEVICE + 1, MB2, false), E(-ENOENT)); /* it is another's */
        CHECK_EQ(mapped(AT, DEVICE, MB2), MB2);
        CHECK_EQ(map(AT, DEVICE, MB2, false), 0);
        CHECK_EQ(mapped(AT, DEVICE, MB2), 0);
        end();
    }
    TEST("who has no right maps nothing, but may take away") {
        begin();
        CHECK_EQ(map(AT, DEVICE + FRAMES - 1, 2, true), E(-EPERM));
        CHECK_EQ(map(AT, DEVICE - 1, 1, true), E(-EPERM)); /* the tools' alone */
        CHECK_EQ(map(AT, DEVICE, 4, true), 0);
        CHECK_EQ(rangeset_remove(d->iomem_caps, DEVICE, DEVICE + 3), 0);
        CHECK_EQ(map(AT + 4, DEVICE, 1, true), E(-EPERM));
        CHECK_EQ(map(AT, DEVICE, 4, false), 0);
        CHECK_EQ(rangeset_remove(tools->iomem_caps, DEVICE, DEVICE + 7), 0);
        CHECK_EQ(map(AT, DEVICE + 4, 1, true), E(-EPERM));
        CHECK_EQ(map(AT, DEVICE + 4, 1, false), E(-EPERM));
        CHECK_EQ(mapped(AT, DEVICE, 8), 0);
        end();
    }
    TEST("not memory, not what only we write, not over memory, not beyond the ends") {
        struct page *pg;

        begin();
        pg = p2m_new_ram(d, AT);
        CHECK_EQ(rangeset_add(d->iomem_caps, 0, DEVICE - 1), 0);
        CHECK_EQ(map(AT + 1, page_to_mfn(pg).n, 1, true), E(-EPERM));
        CHECK_EQ(map(AT, DEVICE, 1, true), E(-EBUSY));
        CHECK_EQ(rangeset_add(mmio_ro_ranges, DEVICE + 2, DEVICE + 2), 0);
        CHECK_EQ(map(AT + 1, DEVICE + 1, 3, true), E(-EPERM));
        CHECK_EQ(map(AT + 1, DEVICE + 1, 1, true), 0);
        CHECK_EQ(rangeset_remove(mmio_ro_ranges, DEVICE + 2, DEVICE + 2), 0);
        CHECK_EQ(map(AT, DEVICE, 0, true), E(-EINVAL));
        CHECK_EQ(map(AT, ~0ULL, 2, true), E(-EINVAL));
        CHECK_EQ(map(~0ULL, DEVICE, 2, true), E(-EINVAL));
        CHECK_EQ(map(1ULL << 40, DEVICE, 1, true), E(-EINVAL));
        end();
    }
    TEST("with the right goes what is mapped, wherever") {
        begin();
        CHECK_EQ(hvm_pt_deny_memory(d, DEVICE, DEVICE + 7), 0);
        CHECK_EQ(map(AT, DEVICE, 2 * MB2, true), 0);
        CHECK_EQ(map(AT + 3 * MB2 + 7, DEVICE + 20, 10, true), 0); /* some of it again */
        (void)p2m_new_ram(d, AT + 2 * MB2);
        CHECK_EQ(hvm_pt_deny_memory(d, DEVICE + 25, DEVICE + MB2 - 1), 0);
        CHECK_EQ(mapped(AT, DEVICE, MB2), 25);
        CHECK_EQ(mapped(AT + 3 * MB2 + 7, DEVICE + 20, 10), 5);
        CHECK_EQ(mapped(AT + MB2, DEVICE + MB2, MB2), MB2);
        CHECK_EQ(hvm_pt_deny_memory(d, DEVICE + MB2, DEVICE + MB2 + 99), 0);
        CHECK_EQ(mapped(AT + MB2, DEVICE + MB2, MB2), MB2 - 100);
        CHECK_EQ(hvm_pt_deny_memory(d, 0, DEVICE + FRAMES), 0);
        CHECK_EQ(mapped(AT, DEVICE, 2 * MB2) + mapped(AT + 3 * MB2 + 7, DEVICE + 20, 10), 0);
        CHECK_EQ(at(AT + 2 * MB2).type, P2M_RAM);
        CHECK(rangeset_empty(pt.gfns));
        end();
    }
}

static void interrupted(void)
{
    TEST("long calls stop when they are asked to, and go on where they were") {
        uint64_t done = 0;
        unsigned int calls = 0;

        begin();
        arena.preempt_at = 5;
        while (done < 32 && calls++ < 100) {
            const uint64_t rc = map(AT + 1 + done, DEVICE + done, 32 - done, true);

            CHECK_EQ(mapped(AT + 1, DEVICE, 32), rc ? done + rc : 32);
            done += rc ? rc : 32 - done;
        }
        CHECK_EQ(calls, 7);
        for (calls = 1; hvm_pt_deny_memory(d, DEVICE + 2, DEVICE + 29) == -ERESTART; calls++)
            continue;
        CHECK_EQ(calls, 6);
        CHECK_EQ(mapped(AT + 1, DEVICE, 32), 4);
        arena.preempt_at = 0;
        end();
    }
}

static void all_ports(void)
{
    TEST("ports: where they are, and whose they may be") {
        uint16_t to = 0;

        begin();
        CHECK(!hvm_pt_port(d, 0xe000, 1, &to));
        CHECK_EQ(ports(0xe000, 0xc000, 0x40, true), 0);
        CHECK(hvm_pt_port(d, 0xe004, 4, &to));
        CHECK_EQ(to, 0xc004);
        CHECK(hvm_pt_port(d, 0xe03f, 1, &to));
        CHECK(!hvm_pt_port(d, 0xe03f, 2, &to)); /* half of it */
        CHECK(!hvm_pt_port(d, 0xdfff, 2, &to));
        CHECK_EQ(ports(0xe03f, 0xc080, 8, true), E(-EEXIST));
        CHECK_EQ(ports(0xe040, 0xc0f9, 8, true), E(-EPERM));
        CHECK_EQ(ports(0xe040, 0x60, 1, true), E(-EPERM));
        CHECK_EQ(ports(0xe040, 0xc040, 0, true), E(-EINVAL));
        CHECK_EQ(ports(0xffff, 0xc040, 2, true), E(-EINVAL));
        CHECK_EQ(ports(0xe040, 0xffff, 2, true), E(-EINVAL));
        CHECK_EQ(ports(0xe040, 0xc040, 0xffffffff, true), E(-EINVAL));
        CHECK_EQ(ports(0xe100, 0xc080, 0x10, true), 0);
        CHECK_EQ(ports(0xe000, 0xc000, 0x40, false), 0);
        CHECK_EQ(ports(0xe000, 0xc000, 0x40, false), E(-ENOENT));
        CHECK(!hvm_pt_port(d, 0xe004, 4, &to));
        CHECK(hvm_pt_port(d, 0xe100, 4, &to));
        hvm_pt_deny_ports(d, 0xc08f, 0xc08f);
        CHECK(!hvm_pt_port(d, 0xe100, 4, &to));
        end();
    }
}

int main(void)
{
    p2m_machine_start();
    tools = arena_domain(2, 1, 16);
    caller = calloc(1, sizeof(*caller));
    caller->domain = tools;
    host_current[0] = caller;
    cpu_features.phys_bits = 46;
    memory();
    interrupted();
    all_ports();
    return check_exit();
}
