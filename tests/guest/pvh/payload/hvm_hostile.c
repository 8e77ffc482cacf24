/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hostile HVM guest can do that a PVH guest cannot: states of the processor that no VMCB may
 * have, on the way through the modes; every port in every size; devices set at random; code that
 * changes while a device model is asked for what it does. It may end in any way.
 */
#include "payload.h"

#define CR0_PE_ET 0x11U
#define CR4_RANDOM 0x3107ffU
#define EFER_RANDOM 0xf901U
#define MODES 100
#define STORM 2000

/* A read of each, and something else at random; its maker's port for orders is left alone. */
static void all_ports(void)
{
    for (uint32_t port = 0; port < 0x10000; port++) {
        uint32_t v = (uint32_t)rnd();

        __asm__ volatile("inb %%dx, %%al" : "+a"(v) : "d"(port));
        if (port + 3 >= DM_ORDER && port <= DM_ORDER + 3)
            continue;
        if (port + 3 >= 0xe9 && port <= 0xe9) /* it would only fill the log */
            continue;
        switch (rnd() % 5) {
        case 0:
            __asm__ volatile("inw %%dx, %%ax" : "+a"(v) : "d"(port));
            break;
        case 1:
            __asm__ volatile("inl %%dx, %%eax" : "+a"(v) : "d"(port));
            break;
        case 2:
            __asm__ volatile("outb %%al, %%dx" : : "a"(v), "d"(port));
            break;
        case 3:
            __asm__ volatile("outw %%ax, %%dx" : : "a"(v), "d"(port));
            break;
        default:
            __asm__ volatile("outl %%eax, %%dx" : : "a"(v), "d"(port));
        }
    }
}

static void some_ports(void)
{
    static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70,
                                      0x71, 0x4d0, 0x4d1, 0x1f40, 0x1f48, 0xcf8, 0xcfc, 0xcfe };

    for (unsigned int i = 0; i < 1000; i++) {
        const uint16_t port = ports[rnd() % (sizeof(ports) / sizeof(*ports))];

        switch (rnd() % 4) {
        case 0:
            (void)inb(port);
            break;
        case 1:
            (void)inl(port);
            break;
        case 2:
            outl(port, (uint32_t)rnd());
            break;
        default:
            outb(port, (uint8_t)rnd());
        }
    }
}

/* Registers of the IO-APIC and the HPET, in all sizes and at all offsets. */
static void device_memory(void)
{
    static const uint64_t base[] = { 0xfec00000, 0xfed00000, DM_MEMORY, DM_VGA, HOLE };

    for (unsigned int i = 0; i < 1000; i++) {
        volatile uint8_t *at =
            (volatile uint8_t *)(base[rnd() % 5] + (rnd() & 1 ? rnd() % 0x200 : rnd() % 0xff9));

        switch (rnd() % 6) {
        case 0:
            (void)*at;
            break;
        case 1:
            (void)*(volatile uint64_t *)at;
            break;
        case 2:
            *(volatile uint16_t *)at = (uint16_t)rnd();
            break;
        case 3:
            *(volatile uint64_t *)at = rnd();
            break;
        default:
            *(volatile uint32_t *)at = (uint32_t)rnd();
        }
    }
}

static void modes(void)
{
    extern char pd32[], pdpt[], l4[], fault32[];
    extern uint64_t idt32[32];
    const uint64_t fault = (uint64_t)fault32;
    const uint64_t tables[] = { (uint64_t)pd32, (uint64_t)pdpt, (uint64_t)l4 };

    for (unsigned int i = 0; i < 32; i++)
        idt32[i] = (fault & 0xffff) | 0x18UL << 16 | 0x8e00UL << 32 | fault >> 16 << 48;
    for (unsigned int i = 0; i < MODES; i++) {
        const uint64_t r = rnd();
        uint32_t cr0 = CR0_PE_ET | ((uint32_t)r & 0xe005003eU);
        uint64_t cr3 = tables[r >> 32 & 3 ? (r >> 34) % 3 : 0];

        if ((r >> 40 & 63) == 0)
            cr0 &= ~1U;             /* real mode, with a 32-bit code segment */
        if ((r >> 46 & 63) == 0)
            cr3 = rnd();
        if ((r >> 52 & 7) == 0)
            cr0 |= (uint32_t)rnd();
        /* what fits the tables, mostly: others only end it */
        modes_random(cr0, (uint32_t)rnd() & (r >> 56 & 1 ? CR4_RANDOM : 0x6b0),
                     (uint32_t)rnd() & (r >> 57 & 1 ? EFER_RANDOM : 0x900), (uint32_t)cr3);
        mailbox.alive++;
    }
}

/* --- interrupts between processors ------------------------------------------------------------ */

/* None of the vectors whose handlers are slow or end without an EOI. */
static void send_ipis(uint64_t r)
{
    for (unsigned int i = 0; i < STORM; i++) {
        r = r * 6364136223846793005 + 1442695040888963407;
        *lapic(0x310) = (uint32_t)(r >> 40 & 3) << 24;
        *lapic(0x300) = (0x60 + (uint32_t)(r >> 48) % 0xa0) | ((uint32_t)(r >> 32) & 3) << 18;
        if ((i & 7) == 0)
            __asm__ volatile("sti; nop; nop; cli");
    }
}

static void storm_ap(void)
{
    load_traps();
    *lapic(0xf0) = 0x1ff;
    send_ipis(rdtsc());
}

static void ipi_storm(void)
{
    start_ap_again(storm_ap);
    send_ipis(rnd());
}

void hvm_hostile(void)
{
    rnd_from(mailbox.seed);
    __asm__ volatile("cli");
    if (mailbox.seed == 0) {
        all_ports();
        CHECK(true, "hostile: all ports");
        CHECK(all_msrs() > 20, "hostile: all MSRs, of which some are there");
        apic_storm();
        CHECK(true, "hostile: a storm of interrupts");
    }
    ipi_storm();
    CHECK(true, "hostile: interrupts between processors");
    some_ports();
    CHECK(true, "hostile: interrupt controllers and clocks by ports at random");
    device_memory();
    CHECK(true, "hostile: ... by memory");
    for (unsigned int i = 0; i < 20; i++)
        modes_round();
    CHECK(true, "hostile: rounds through the modes");
    CHECK(changing_code_at(DM_MEMORY + 0x300, 1000),
          "hostile: code that changes while a device model is asked");
    modes();
    CHECK(true, "hostile: modes at random");
}
