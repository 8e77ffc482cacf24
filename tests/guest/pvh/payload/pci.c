/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest with a device of the machine's, QEMU's edu: what it does with it, order by order. */
#include "payload.h"

#define EDU_ID 0x010000edU
#define EDU_LIVE 0x04U
#define EDU_RAISE 0x60U
#define EDU_END 0x64U
#define EDU_SRC 0x80U
#define EDU_DST 0x88U
#define EDU_COUNT 0x90U
#define EDU_COMMAND 0x98U
#define EDU_BUFFER 0x40000UL
#define EDU_RUN 1UL
#define EDU_TO_MEMORY 2UL

#define FROM 0x600000UL
#define TO 0x601000UL
#define TO_GFN 0x601U
#define CYCLES 4000000000UL

static volatile uint32_t *reg(unsigned int at) { return (volatile uint32_t *)(PCI_BAR + at); }
static volatile uint64_t *wide(unsigned int at) { return (volatile uint64_t *)(PCI_BAR + at); }
static volatile uint64_t *word(uint64_t at) { return (volatile uint64_t *)at; }

static bool is_there(void) { return *reg(0) == EDU_ID; }

static void yield(void) { CALL(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0); }

static void copy(uint64_t from, uint64_t to, uint64_t command)
{
    const uint64_t end = rdtsc() + CYCLES;

    *wide(EDU_SRC) = from;
    *wide(EDU_DST) = to;
    *wide(EDU_COUNT) = 8;
    *wide(EDU_COMMAND) = command | EDU_RUN;
    while ((*wide(EDU_COMMAND) & EDU_RUN) && is_there() && rdtsc() < end)
        yield();
}

static void device_write(uint64_t to, uint64_t value)
{
    *word(FROM) = value;
    copy(FROM, EDU_BUFFER, 0);
    copy(EDU_BUFFER, to, EDU_TO_MEMORY);
}

static void look(void)
{
    CHECK_EQ(*reg(0), EDU_ID, "the guest sees the device");
    *reg(EDU_LIVE) = 0x12345678;
    CHECK_EQ(*reg(EDU_LIVE), ~0x12345678U, "... which is the machine's, and answers");
}

static void copies(void)
{
    *word(TO) = 0;
    device_write(TO, PCI_MARK);
    CHECK_EQ(*word(TO), PCI_MARK, "the device copies within the guest's memory");
    device_write(mailbox.add, PCI_MARK);
}

static void change_page(unsigned int cmd)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    xen_pfn_t gfn = TO_GFN;

    set_xen_guest_handle(r.extent_start, &gfn);
    CHECK_EQ(CALL(__HYPERVISOR_memory_op, cmd, &r, 0), 1,
             cmd == XENMEM_populate_physmap ? "a page comes" : "a page goes");
}

static void regain(void)
{
    change_page(XENMEM_populate_physmap);
    *word(TO) = 0;
    device_write(TO, ~PCI_MARK);
    CHECK_EQ(*word(TO), ~PCI_MARK, "the device writes to the page that has come");
}

static void end_interrupt(unsigned int vector)
{
    if (vector >= 32)
        *reg(EDU_END) = ~0U;
}

static void raise(uint32_t times)
{
    *lapic(0xf0) = 0x1ff;
    trap_hook = end_interrupt;
    for (uint32_t i = 0; i < times; i++) {
        const uint32_t before = count[mailbox.nr];

        *reg(EDU_RAISE) = 1;
        if (!wait_taken(mailbox.nr, before + 1))
            *reg(EDU_END) = ~0U;
    }
    for (unsigned int i = 0; i < 10; i++)
        __asm__ volatile("sti; nop; nop; cli");
    mailbox.sum = count[mailbox.nr];
}

static void route_pin(void)
{
    volatile uint32_t *ioapic = (volatile uint32_t *)0xfec00000UL;

    ioapic[0] = 0x11 + 2 * PCI_PIN;
    ioapic[4] = 0;
    ioapic[0] = 0x10 + 2 * PCI_PIN;
    ioapic[4] = 0x8000 | PCI_PIN_VECTOR;
}

/* Until the device is taken away, in the middle of whatever it does. */
static void busy(void)
{
    uint32_t rounds = 0;

    while (is_there()) {
        *reg(EDU_RAISE) = 1;
        *wide(EDU_SRC) = EDU_BUFFER;
        *wide(EDU_DST) = TO;
        *wide(EDU_COUNT) = 8;
        *wide(EDU_COMMAND) = EDU_TO_MEMORY | EDU_RUN;
        __asm__ volatile("sti; nop; nop; cli");
        *reg(EDU_END) = ~0U;
        mailbox.alive = ++rounds;
    }
    CHECK_EQ(*reg(0), ~0U, "where the device was, nothing is");
    mailbox.sum = rounds;
}

static void obey(uint32_t what)
{
    switch (what) {
    case PCI_LOOK:
        look();
        break;
    case PCI_COPY:
        copies();
        break;
    case PCI_GIVE:
        change_page(XENMEM_decrease_reservation);
        break;
    case PCI_HOLE:
        device_write(TO, PCI_MARK + 1);
        break;
    case PCI_REGAIN:
        regain();
        break;
    case PCI_RAISE:
        raise((uint32_t)mailbox.add);
        break;
    case PCI_ROUTE:
        route_pin();
        break;
    case PCI_SILENT:
        *reg(EDU_RAISE) = 1;
        break;
    case PCI_BUSY:
        busy();
        break;
    }
}

void pci(void)
{
    volatile struct mailbox *box = &mailbox;

    while (box->first != PCI_END || box->order == box->done) {
        const uint32_t order = box->order;

        if (order == box->done) {
            yield();
            continue;
        }
        obey(box->first);
        box->done = order;
    }
}
