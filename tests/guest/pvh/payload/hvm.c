/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An HVM guest asks for a PC's devices and for event channel callbacks by wire and vector. It came
 * here from real mode (modes.S).
 */
#include "hvm.h"

#define IOAPIC ((volatile uint32_t *)0xfec00000UL)
#define HPET ((volatile uint64_t *)0xfed00000UL)
#define SHARED 0x700000UL
#define PM_TIMER 0x1f48      /* where it is until the firmware moves it */

static void eoi_pic(void)
{
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
}

static void ioapic_write(unsigned int reg, uint32_t v)
{
    IOAPIC[0] = reg;
    IOAPIC[4] = v;
}

static uint32_t ioapic_read(unsigned int reg)
{
    IOAPIC[0] = reg;
    return IOAPIC[4];
}

void route(unsigned int pin, uint32_t entry)
{
    ioapic_write(0x11 + 2 * pin, 0);
    ioapic_write(0x10 + 2 * pin, entry);
}

void open_window(void)
{
    for (unsigned int i = 0; i < 3; i++)
        __asm__ volatile("sti; nop; nop; cli");
}

bool comes(unsigned int vector, uint32_t n) { return wait_for(&count[vector], n); }

/* --- 8259 and 8254 ---------------------------------------------------------------------------- */

static void pic_init(void)
{
    static const struct { uint16_t port; uint8_t v; } words[] = {
        { 0x20, 0x11 }, { 0x21, V_PIC }, { 0x21, 4 }, { 0x21, 1 }, { 0x21, 0xff },
        { 0xa0, 0x11 }, { 0xa1, V_PIC + 8 }, { 0xa1, 2 }, { 0xa1, 1 }, { 0xa1, 0xff },
    };

    for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++)
        outb(words[i].port, words[i].v);
}

static unsigned int pit_read(unsigned int channel)
{
    unsigned int lo;

    outb(0x43, (uint8_t)(channel << 6));
    lo = inb((uint16_t)(0x40 + channel));
    return lo | (unsigned int)inb((uint16_t)(0x40 + channel)) << 8;
}

static void pit_start(uint8_t mode, unsigned int n)
{
    outb(0x43, (uint8_t)(0x30 | mode << 1));
    outb(0x40, (uint8_t)n);
    outb(0x40, (uint8_t)(n >> 8));
}

static void test_pic(void)
{
    unsigned int a, b;

    *lapic(0xf0) = 0x1ff;
    *lapic(0x350) = 0x700;  /* LINT0: ExtINT */
    pic_init();
    CHECK_EQ(inb(0x21), 0xff, "the PIC's mask");
    outb(0x20, 0x0a);
    CHECK_EQ(inb(0x20) & 0xfe, 0, "... and nothing is requested");
    pit_start(2, 1193 * 4); /* 4 ms */
    a = pit_read(0);
    b = pit_read(0);
    CHECK(a <= 1193 * 4 && b <= 1193 * 4, "the PIT counts below what it was given");
    count[V_PIC] = 0;
    outb(0x21, 0xfe);
    CHECK(comes(V_PIC, 1), "its interrupt comes through the PIC");
    open_window();
    CHECK_EQ(count[V_PIC], 1, "... and no other before its end");
    outb(0x20, 0x0b);
    CHECK_EQ(inb(0x20), 1, "... for which it is in service");
    eoi_pic();
    CHECK(comes(V_PIC, 2), "... and again after it");
    eoi_pic();
    outb(0x21, 0xff);
    a = count[V_PIC];
    for (uint64_t end = rdtsc() + 20000000; rdtsc() < end;)
        open_window();
    CHECK_EQ(count[V_PIC], a, "a masked one does not come");
}

static void test_pit_gate(void)
{
    outb(0x61, 0);
    outb(0x43, 0xb0);       /* channel 2, mode 0 */
    outb(0x42, 0);
    outb(0x42, 8);
    CHECK_EQ(inb(0x61) & 0x20, 0, "channel 2 of the PIT waits for its gate");
    outb(0x61, 1);
    for (uint64_t end = rdtsc() + 4000000000UL; !(inb(0x61) & 0x20) && rdtsc() < end;)
        continue;
    CHECK_EQ(inb(0x61) & 0x21, 0x21, "... and counts to its end when that opens");
    outb(0x61, 0);
}

/* --- clock ------------------------------------------------------------------------------------ */

static uint8_t rtc_read(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static void rtc_write(uint8_t reg, uint8_t v)
{
    outb(0x70, reg);
    outb(0x71, v);
}

static void test_rtc(void)
{
    uint8_t month = rtc_read(8), b = rtc_read(11);

    CHECK(month >= 1 && month <= 0x12 && (month & 0xf) <= 9, "the RTC has a month");
    CHECK_EQ(rtc_read(13) & 0x80, 0x80, "... and power");
    rtc_read(12);
    rtc_write(10, 0x26);
    rtc_write(11, b | 0x40);
    count[V_PIC + 8] = 0;
    outb(0xa1, 0xfe);
    outb(0x21, 0xfb);
    CHECK(comes(V_PIC + 8, 1), "its periodic interrupt comes through both PICs");
    CHECK_EQ(rtc_read(12) & 0xc0, 0xc0, "... and says that it was that one");
    eoi_pic();
    CHECK(comes(V_PIC + 8, 2), "... and again");
    rtc_write(11, b);
    rtc_read(12);
    eoi_pic();
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

/* --- IO-APIC, HPET, PM timer ------------------------------------------------------------------ */

static void test_ioapic(void)
{
    *lapic(0x350) = MASKED;
    CHECK_EQ(ioapic_read(1) & 0xff00ff, 47 << 16 | 0x11, "the IO-APIC's version and 48 pins");
    ioapic_write(0, 5U << 24);
    CHECK_EQ(ioapic_read(0) >> 24 & 0xf, 5, "... its id");
    route(40, MASKED | LEVEL | 0x99);
    CHECK_EQ(ioapic_read(0x10 + 80), MASKED | LEVEL | 0x99,
             "... and an entry keep what is written");
    count[V_PIT] = 0;
    route(2, V_PIT);
    CHECK(comes(V_PIT, 2), "the PIT's interrupt comes through its pin 2");
    route(2, MASKED);
    pit_start(0, 0xffff);
}

static void test_hpet(void)
{
    uint64_t a;

    CHECK_EQ(HPET[0] & 0xffffffff, 0x8086a201, "the HPET's capabilities");
    HPET[2] = 0;
    HPET[0xf0 / 8] = 0;
    CHECK_EQ(HPET[0xf0 / 8], 0, "its counter keeps what is written");
    HPET[2] = 1;
    a = HPET[0xf0 / 8];
    CHECK(HPET[0xf0 / 8] > a, "... and counts when it is on");
    count[V_HPET] = 0;
    route(20, V_HPET);
    HPET[0x100 / 8] = 20UL << 9 | 4;
    HPET[0x108 / 8] = HPET[0xf0 / 8] + 62500; /* 1 ms */
    CHECK(comes(V_HPET, 1), "its timer's interrupt comes through pin 20");
    HPET[0x100 / 8] = 0;
    route(20, MASKED);
}

static void test_pm_timer(void)
{
    const uint64_t per_second = 1000000000000000UL / (HPET[0] >> 32);
    uint32_t pm, ticks;
    uint64_t hpet, expect;

    pm = inl(PM_TIMER);
    hpet = HPET[0xf0 / 8];
    while (HPET[0xf0 / 8] - hpet < per_second / 20)
        continue;
    ticks = (inl(PM_TIMER) - pm) & 0xffffffff;
    expect = (HPET[0xf0 / 8] - hpet) * 3579545 / per_second;
    CHECK(ticks > expect * 9 / 10 && ticks < expect * 11 / 10,
          "the PM timer runs at its rate, as the HPET has it");
}

/* --- event channels --------------------------------------------------------------------------- */

static struct shared_info *const shared = (struct shared_info *)SHARED;
static evtchn_port_t port;

static void take_event(unsigned int vector)
{
    if (vector < V_GSI || vector > V_VECTOR)
        return;
    shared->vcpu_info[0].evtchn_upcall_pending = 0;
    shared->vcpu_info[0].evtchn_pending_sel = 0;
    __atomic_and_fetch(&shared->evtchn_pending[0], ~(1UL << port), __ATOMIC_SEQ_CST);
}

static long set_callback(uint64_t value)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ,
                               .value = value };

    return CALL(__HYPERVISOR_hvm_op, HVMOP_set_param, &p, 0);
}

static void test_callback(uint64_t type, uint64_t value, unsigned int vector, const char *what)
{
    struct evtchn_send send = { port };
    const uint32_t before = count[vector];

    CHECK_EQ(set_callback(type << 56 | value), 0, what);
    CALL(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, 0);
    CHECK(comes(vector, before + 1), "... and an event's interrupt comes");
    CALL(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, 0);
    CHECK(comes(vector, before + 2), "... and another");
    for (unsigned int i = 0; i < 10; i++)
        open_window();
    CHECK_EQ(count[vector], before + 2, "... each once");
}

static void test_events(void)
{
    struct xen_add_to_physmap map = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = SHARED / PAGE
    };
    struct evtchn_bind_ipi bind = { 0 };

    CHECK_EQ(CALL(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &map, 0), 0, "map shared_info");
    CHECK_EQ(CALL(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &bind, 0), 0, "a channel");
    port = bind.port;
    shared->evtchn_mask[0] = ~(1UL << port);
    trap_hook = take_event;
    route(10, LEVEL | V_GSI);
    test_callback(HVM_PARAM_CALLBACK_TYPE_GSI, 10, V_GSI, "the callback by GSI 10");
    route(10, MASKED);
    route(28, LEVEL | V_INTX);
    test_callback(HVM_PARAM_CALLBACK_TYPE_PCI_INTX, 3 << 11, V_INTX,
                  "the callback by INTA of PCI device 3");
    route(28, MASKED);
    test_callback(HVM_PARAM_CALLBACK_TYPE_VECTOR, V_VECTOR, V_VECTOR, "the callback by vector");
    set_callback(0);
}

void hvm(void)
{
    real_mode();
    test_pic();
    test_pit_gate();
    test_rtc();
    test_ioapic();
    test_hpet();
    test_pm_timer();
    test_events();
    device_model();
}
