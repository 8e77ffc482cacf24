/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PVH guest's kernel that checks its processor, its local APIC, hypercalls, memory calls and
 * events from the inside, and leaves what it finds in the mailbox.
 */
#include "payload.h"

extern const char start_pvh[], start_ap[], start_real[];

struct mailbox mailbox __attribute__((section(".mailbox"))) = {
    .entry = (uint64_t)start_pvh,
    .entry_real = (uint64_t)start_real,
};

#define SHARED 0x700000UL /* where shared_info is mapped: RAM before */
#define VECTOR_TIMER 0x40
#define VECTOR_SELF 0x41
#define VECTOR_EVENT 0x50
#define VECTOR_SLOW 0x51
#define SLOW 1000 /* interrupts */

_Static_assert(offsetof(struct mailbox, five_levels) == 32, "start.S reads it");

/* --- notes ------------------------------------------------------------------------------------ */

void note(const char *what, int64_t got, int64_t want)
{
    struct pvh_note *n = &mailbox.note[mailbox.nr_notes];
    unsigned int i;

    if (mailbox.nr_notes >= PVH_NOTES)
        return;
    for (i = 0; what[i] && i < PVH_WHAT - 1; i++)
        n->what[i] = what[i];
    n->what[i] = '\0';
    n->got = got;
    n->want = want;
    n->ok = got == want;
    mailbox.nr_notes++;
}

/* --- instructions ----------------------------------------------------------------------------- */

static void say(const char *s)
{
    while (*s)
        outb(0xe9, (uint8_t)*s++);
    outb(0xe9, '\n');
}

static void shut_down(unsigned int reason)
{
    struct sched_shutdown s = { reason };

    for (;;)
        CALL(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, 0);
}

/* --- traps ------------------------------------------------------------------------------------ */

struct frame {
    uint64_t rbp, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax, vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

static struct {
    uint16_t lo;
    uint16_t cs;
    uint16_t flags, mid;
    uint32_t hi, zero;
} idt[256] __attribute__((aligned(16)));

volatile uint32_t count[256];
volatile uint64_t last_error, last_cr2;
void (*volatile trap_hook)(unsigned int vector);
volatile uint64_t skip_to;

bool x2apic;

volatile uint32_t *eoi_assist;
volatile uint32_t eois_left_out;
volatile unsigned int no_eoi_vector;

static void eoi(void)
{
    if (eoi_assist && (*eoi_assist & 1)) {
        *eoi_assist &= ~1U;
        eois_left_out++;
        return;
    }
    if (x2apic)
        wrmsr(0x80b, 0);
    else
        *lapic(0xb0) = 0;
}

/* Long enough for all that may happen to the machine in the middle of a handler. */
static volatile uint32_t slow_inside, slow_nested;

static void slow(void)
{
    slow_nested += slow_inside++ != 0;
    for (volatile unsigned int i = 0; i < 300000; i++)
        continue;
    slow_inside--;
}

void trap(struct frame *f);
void trap(struct frame *f)
{
    __atomic_fetch_add(&count[f->vector], 1, __ATOMIC_RELAXED);
    if (f->vector == VECTOR_SLOW)
        slow();
    if (trap_hook)
        trap_hook((unsigned int)f->vector);
    if (f->vector >= 32) {
        if (f->vector != no_eoi_vector &&
            (f->vector != VECTOR_EVENT || count[VECTOR_EVENT] < 1000))
            eoi();
        return;
    }
    last_error = f->error;
    __asm__ volatile("mov %%cr2, %0" : "=r"(last_cr2));
    if (f->vector == 1) {
        f->rflags &= ~0x100UL;
        return;
    }
    if (f->vector == 2)
        return;
    if (!skip_to) {
        note("an exception that nobody expected, at", (int64_t)f->rip, 0);
        note("... with the vector", (int64_t)f->vector, -1);
        note("... and the address", (int64_t)last_cr2, -1);
        shut_down(SHUTDOWN_crash);
    }
    f->rip = skip_to;
    skip_to = 0;
}

void load_traps(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint64_t)idt };

    __asm__ volatile("lidt %0" : : "m"(idtr));
}

static void start_traps(void)
{
    extern const char trap_stubs[];

    for (unsigned int i = 0; i < 256; i++) {
        const uint64_t to = (uint64_t)trap_stubs + 16 * i;

        idt[i].lo = (uint16_t)to;
        idt[i].cs = 8;
        idt[i].flags = 0x8e00;
        idt[i].mid = (uint16_t)(to >> 16);
    }
    load_traps();
}

/* What an instruction works on: first and second. */
static volatile uint64_t operand[2] __attribute__((used));

int vector_of_wrmsr(uint32_t msr, uint64_t val)
{
    operand[0] = msr;
    operand[1] = val;
    return VECTOR_OF("mov operand(%%rip), %%ecx; mov operand+8(%%rip), %%eax; "
                     "mov operand+12(%%rip), %%edx; wrmsr");
}

int vector_of_read(uint64_t address)
{
    operand[0] = address;
    return VECTOR_OF("mov operand(%%rip), %%rax; mov (%%rax), %%rax");
}

int vector_of_write(uint64_t address)
{
    operand[0] = address;
    return VECTOR_OF("mov operand(%%rip), %%rax; mov %%rax, (%%rax)");
}

int vector_of_cr4(uint64_t val)
{
    operand[0] = val;
    return VECTOR_OF("mov operand(%%rip), %%rax; mov %%rax, %%cr4");
}

uint64_t fault_error(void) { return last_error; }

/* --- the processor ---------------------------------------------------------------------------- */

static bool has_xsave;
static char hypercall_page[PAGE] __attribute__((aligned(PAGE)));

static void test_cpuid(void)
{
    uint32_t r[4], xen[4];

    cpuid(1, 0, r);
    CHECK(r[2] >> 31, "CPUID says that there is a hypervisor");
    CHECK_EQ(r[1] >> 24, 0, "... and that this is the processor with APIC id 0");
    CHECK(r[2] >> 21 & 1, "... and x2APIC");
    cpuid(0x40000000, 0, xen);
    CHECK(xen[1] == 0x566e6558 && xen[2] == 0x65584d4d && xen[3] == 0x4d4d566e,
          "which is Xen's ABI");
    cpuid(0x40000001, 0, xen);
    CHECK_EQ(xen[0] >> 16, 4, "... of version 4");
    cpuid(0x40000002, 0, xen);
    CHECK_EQ(xen[0], 1, "... with one hypercall page");
    wrmsr(xen[1], (uint64_t)hypercall_page);
    CHECK_EQ(((long (*)(uint64_t, uint64_t))(
                 void *)(hypercall_page + 32 * __HYPERVISOR_xen_version))(XENVER_version, 0) >>
                 16,
             4, "a hypercall through it");
    CHECK_EQ(*(uint16_t *)(hypercall_page + 32 * __HYPERVISOR_iret), 0x0b0f,
             "there is no iret in it");
    cpuid(0x80000001, 0, r);
    CHECK_EQ(r[2] >> 2 & 1, 0, "no SVM for guests");
    cpuid(1, 0, r);
    CHECK_EQ(r[2] >> 27 & 1, 0, "no OSXSAVE as long as CR4 has it not");
    has_xsave = r[2] >> 26 & 1;
    if (!has_xsave)
        return;
    __asm__ volatile("mov %%cr4, %%rax; or $0x40000, %%rax; mov %%rax, %%cr4" : : : "rax");
    cpuid(1, 0, r);
    CHECK_EQ(r[2] >> 27 & 1, 1, "... but when it has");
}

static void test_registers(void)
{
    uint64_t cr4;

    CHECK_EQ(rdmsr(0xc0000080), 0xd00, "EFER has LME, LMA and NXE");
    CHECK_EQ(VECTOR_OF("mov $0xc0000080, %%ecx; xor %%edx, %%edx; mov $0x80000000, %%eax; wrmsr"),
             13, "a reserved bit of EFER is #GP");
    CHECK_EQ(rdmsr(0xc0000080), 0xd00, "... and changes nothing");
    CHECK_EQ(VECTOR_OF("mov $0xdeadbeef, %%ecx; rdmsr"), 13,
             "an MSR that is not there is #GP");
    CHECK_EQ(last_error, 0, "... with the error code 0");
    wrmsr(0xc0000102, 0xffff800012345000);
    CHECK_EQ(rdmsr(0xc0000102), 0xffff800012345000, "KERNEL_GS_BASE keeps what is written");
    wrmsr(0xc0000102, 0);
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    CHECK_EQ(VECTOR_OF("mov %%cr4, %%rax; bts $31, %%rax; mov %%rax, %%cr4"), 13,
             "a reserved bit of CR4 is #GP");
    if (!mailbox.stock)
        CHECK_EQ(VECTOR_OF("mov %%cr0, %%rax; bts $29, %%rax; mov %%rax, %%cr0"), 13,
                 "CR0.NW without CD is #GP");
    CHECK_EQ(VECTOR_OF("mov %%cr0, %%rax; btr $31, %%rax; mov %%rax, %%cr0"), 13,
             "no leaving of long mode from 64-bit code");
    CHECK_EQ(VECTOR_OF("xor %%ecx, %%ecx; xor %%edx, %%edx; mov $4, %%eax; xsetbv"),
             has_xsave ? 13 : 6, "XCR0 without x87 is #GP, without XSAVE #UD");
    CHECK_EQ(VECTOR_OF("ud2"), 6, "UD2 is #UD");
    CHECK_EQ(VECTOR_OF("xor %%eax, %%eax; vmrun"), 6, "VMRUN is #UD");
    CHECK_EQ(VECTOR_OF("xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx; monitor"), 6,
             "MONITOR is #UD");
    if (!mailbox.stock) /* which says #UD */
        CHECK_EQ(VECTOR_OF("xor %%ecx, %%ecx; rdpmc"), 13, "RDPMC is #GP");
    CHECK_EQ(VECTOR_OF("movabs 0x123456789000, %%rax"), 14, "a page fault");
    CHECK_EQ(last_cr2, 0x123456789000, "... and its address");
    CHECK_EQ(VECTOR_OF("wbinvd"), -1, "WBINVD is done");
}

static void test_debug(void)
{
    uint64_t dr = 0x1234, got;
    uint32_t r[4];

    __asm__ volatile("mov %0, %%db3" : : "r"(dr));
    cpuid(0, 0, r); /* an exit, and back */
    __asm__ volatile("mov %%db3, %0" : "=r"(got));
    CHECK_EQ(got, dr, "a debug register keeps what is written");
    if (mailbox.bochs) /* 2.7 raises the guest's #DB in the hypervisor, right behind the exit */
        return;
    count[1] = 0;
    __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; cpuid; nop"
                     :
                     : "a"(0)
                     : "rbx", "rcx", "rdx");
    CHECK_EQ(count[1], 1, "a single step over CPUID");
}

/* --- device memory and ports ------------------------------------------------------------------ */

static void test_devices(void)
{
    volatile uint8_t *hole = (volatile uint8_t *)HOLE;
    uint32_t v = 0, buf[4] = { 0 };
    const void *from = (const void *)HOLE;
    void *to = buf;
    uint64_t n = 3;

    say("the debug port of a PVH guest");
    __asm__ volatile("inl %%dx, %%eax" : "=a"(v) : "d"(0x5678));
    CHECK_EQ(v, 0xffffffff, "a port where nothing is reads as ones");
    v = 0;
    __asm__ volatile("inb %%dx, %%al" : "+a"(v) : "d"(0x5678));
    CHECK_EQ(v, 0xff, "... and only as many as were asked for");
    CHECK_EQ(*hole, 0xff, "memory where nothing is reads as ones");
    CHECK_EQ(*(volatile uint64_t *)hole, -1, "... of any size");
    __asm__ volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    CHECK(n == 0 && buf[2] == ~0U && buf[3] == 0, "... by a string instruction");
    *(volatile uint32_t *)hole = 5;
    CHECK_EQ(*(volatile uint32_t *)hole, 0xffffffff, "... and takes writes for nothing");
    to = buf;
    n = 2;
    __asm__ volatile("rep insl" : "+D"(to), "+c"(n) : "d"(0x5678) : "memory");
    CHECK(n == 0 && buf[1] == ~0U, "string input from a port");
}

/* --- local APIC ------------------------------------------------------------------------------- */

bool wait_for(volatile uint32_t *what, uint32_t n)
{
    const uint64_t end = rdtsc() + 4000000000UL;

    while (*what < n && rdtsc() < end)
        __asm__ volatile("sti; nop; nop; cli"); /* QEMU keeps STI's shadow over PAUSE */
    return *what >= n;
}

uint32_t taken(unsigned int vector) { return count[vector]; }
bool wait_taken(unsigned int vector, uint32_t n) { return wait_for(&count[vector], n); }

static void test_lapic(void)
{
    uint32_t before;

    CHECK_EQ(*lapic(0x20) >> 24, 0, "the local APIC's id");
    CHECK((*lapic(0x30) & 0xff) >= 0x10, "... and version");
    *lapic(0xf0) = 0x1ff;
    *lapic(0x320) = VECTOR_TIMER;
    *lapic(0x3e0) = 0xb; /* by 1 */
    *lapic(0x380) = 100000;
    __asm__ volatile("sti; hlt; cli");
    CHECK_EQ(count[VECTOR_TIMER], 1, "its timer goes off, and wakes from HLT");
    before = count[VECTOR_TIMER];
    *lapic(0x320) = VECTOR_TIMER | 1U << 17;
    *lapic(0x380) = 100000;
    CHECK(wait_for(&count[VECTOR_TIMER], before + 3), "... again and again, when it is periodic");
    *lapic(0x380) = 0;
    *lapic(0x320) = VECTOR_TIMER;
    *lapic(0x300) = 1U << 18 | VECTOR_SELF;
    __asm__ volatile("sti; nop; nop; cli");
    CHECK_EQ(count[VECTOR_SELF], 1, "an interrupt sent to itself");
    *lapic(0x300) = 1U << 18 | VECTOR_SELF;
    CHECK_EQ(count[VECTOR_SELF], 1, "... waits while interrupts are off");
    __asm__ volatile("sti; nop; nop; cli");
    CHECK_EQ(count[VECTOR_SELF], 2, "... and comes when they are on");
    *lapic(0x80) = 0x50;
    *lapic(0x300) = 1U << 18 | VECTOR_SELF;
    __asm__ volatile("sti; nop; nop; cli");
    CHECK_EQ(count[VECTOR_SELF], 2, "... waits for the task priority");
    if (mailbox.stock)
        *lapic(0x80) = 0;
    else
        __asm__ volatile("mov %0, %%cr8" : : "r"(0UL));
    __asm__ volatile("sti; nop; nop; cli");
    CHECK_EQ(count[VECTOR_SELF], 3, "... which CR8 lowers");
    *lapic(0x310) = 0;
    *lapic(0x300) = 4U << 8;
    __asm__ volatile("nop; nop");
    CHECK_EQ(count[2] > 0, 1, "an NMI");
}

/* Whatever the hypervisor does to it meanwhile. */
static void test_once(void)
{
    *lapic(0xf0) = 0x1ff;
    for (unsigned int i = 0; i < SLOW; i++) {
        *lapic(0x300) = 1U << 18 | VECTOR_SLOW;
        __asm__ volatile("sti; nop; nop; cli");
    }
    CHECK_EQ(slow_nested, 0, "no interrupt comes while its handler has interrupts off");
    CHECK_EQ(count[VECTOR_SLOW], SLOW, "... and each comes once");
}

static void test_x2apic(void)
{
    uint32_t before = count[VECTOR_TIMER];

    wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
    x2apic = true;
    CHECK_EQ(rdmsr(0x802), 0, "the id by x2APIC");
    CHECK_EQ(*lapic(0x20), 0xffffffff, "... and no more by memory");
    wrmsr(0x83f, VECTOR_SELF);
    before = count[VECTOR_SELF];
    __asm__ volatile("sti; nop; nop; cli");
    CHECK_EQ(count[VECTOR_SELF], before + 1, "... an interrupt by SELF_IPI");
    wrmsr(0x832, 2U << 17 | VECTOR_TIMER);
    before = count[VECTOR_TIMER];
    wrmsr(0x6e0, rdtsc() + 1000000);
    CHECK(wait_for(&count[VECTOR_TIMER], before + 1), "the timer by TSC deadline");
    CHECK_EQ(rdmsr(0x6e0), 0, "... which is 0 then");
}

/* --- memory and events ------------------------------------------------------------------------ */

static struct shared_info *const shared = (struct shared_info *)SHARED;

static void test_memory(void)
{
    struct xen_add_to_physmap map = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = SHARED / PAGE
    };
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    xen_pfn_t pfn = 0x600;
    volatile uint32_t *at = (volatile uint32_t *)(0x600 * PAGE);

    set_xen_guest_handle(r.extent_start, &pfn);
    *at = 77;
    CHECK_EQ(CALL(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, 0), 1,
             "give a page back");
    CHECK_EQ(*at, 0xffffffff, "... and nothing is there any more");
    CHECK_EQ(CALL(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r, 0), 1,
             "get one there again");
    if (!mailbox.stock)
        CHECK(*at != 77, "... which has not the old one's contents");
    *at = 78;
    CHECK_EQ(*at, 78, "... and takes writes");
    CHECK_EQ(CALL(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &map, 0), 0, "map shared_info");
    CHECK(shared->wc_sec > 1600000000, "... with the time of day");
    CHECK(shared->vcpu_info[0].time.system_time > 0 || shared->vcpu_info[0].time.version > 0,
          "... and the vcpu's time");
}

static void test_events(void)
{
    struct xen_hvm_evtchn_upcall_vector up = { .vcpu = 0, .vector = VECTOR_EVENT };
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    struct vcpu_set_singleshot_timer t = { 0 };
    struct evtchn_unmask unmask;
    uint32_t before;

    CHECK_EQ(CALL(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &up, 0), 0,
             "events come as an interrupt");
    CHECK_EQ(CALL(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &virq, 0), 0,
             "bind the timer");
    shared->evtchn_mask[0] = 0;
    before = count[VECTOR_EVENT];
    unmask.port = virq.port;
    CALL(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask, 0);
    t.timeout_abs_ns = 1; /* long past: at once */
    CHECK_EQ(CALL(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &t), 0, "set it");
    CHECK(wait_for(&count[VECTOR_EVENT], before + 1), "... and its event comes");
    CHECK_EQ(shared->evtchn_pending[0] >> virq.port & 1, 1, "... with its bit");
    CHECK_EQ(shared->vcpu_info[0].evtchn_upcall_pending, 1, "... and the vcpu's flag");
    shared->evtchn_pending[0] = 0;
    shared->vcpu_info[0].evtchn_pending_sel = 0;
    shared->vcpu_info[0].evtchn_upcall_pending = 0;
}

static void test_calls(void)
{
    extern long call_32bit(long nr, long a, long b);
    static const uint8_t pv_only[] = {
        __HYPERVISOR_set_gdt, __HYPERVISOR_set_callbacks, __HYPERVISOR_update_descriptor,
        __HYPERVISOR_update_va_mapping, __HYPERVISOR_iret, __HYPERVISOR_mmu_update,
    };

    CHECK_EQ(CALL(__HYPERVISOR_mmu_update, 0, 0, 0), -38, "PV's calls are not there");
    CHECK_EQ(CALL(__HYPERVISOR_xen_version, XENVER_get_features, HOLE, 0), -14,
             "an argument where no memory is");
    CHECK_EQ(CALL(__HYPERVISOR_xen_version, XENVER_get_features, 0x123456789000UL, 0), -14,
             "... or nothing is mapped");
    CHECK_EQ(CALL(63, 0, 0, 0), -38, "a call that does not exist");
    CHECK_EQ(call_32bit(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16, 4,
             "a call from 32-bit code");
    for (unsigned int i = 0; i < sizeof(pv_only) / sizeof(*pv_only); i++)
        CHECK_EQ((int32_t)call_32bit(pv_only[i], 0, 0), -38, "... which gets none of PV's either");
}

/* --- another processor ------------------------------------------------------------------------ */

static volatile uint32_t ap_is_up, ap_id;
static void (*volatile ap_fn)(void);

static volatile uint32_t ap_naps;

void main_ap(void);
void main_ap(void)
{
    uint32_t r[4];

    cpuid(1, 0, r);
    ap_id = r[1] >> 24;
    ap_is_up = 1;
    while (!ap_fn)
        __asm__ volatile("pause");
    ap_fn();
    for (;; ap_naps++)
        __asm__ volatile("cli; hlt");
}

bool yield_until(volatile uint32_t *what, uint32_t n, uint64_t cycles)
{
    for (uint64_t end = rdtsc() + cycles; *what != n && rdtsc() < end;)
        CALL(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    return *what == n;
}

static bool wait_for_ap(void) { return yield_until(&ap_is_up, 1, 4000000000UL); }

void start_ap_again(void (*fn)(void))
{
    ap_fn = fn;
    *lapic(0x310) = 2U << 24;
    *lapic(0x300) = 0x4500;
    *lapic(0x310) = 2U << 24;
    *lapic(0x300) = 0x4600 | (uint32_t)((uint64_t)start_ap >> 12);
}

void start_ap_for(void (*fn)(void))
{
    start_ap_again(fn);
    CHECK(wait_for_ap(), "another processor starts");
}

static volatile uint32_t ap_halts, ap_is_awake;

/* What its priority masks is no end of HLT. */
static void halt_masked(void)
{
    load_traps();
    wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
    wrmsr(0x80f, 0x1ff);
    wrmsr(0x808, VECTOR_SELF | 0xf);
    ap_halts = 1;
    __asm__ volatile("sti; hlt; cli");
    ap_is_awake = 1 + taken(VECTOR_SELF);
    wrmsr(0x808, 0);
    __asm__ volatile("sti; nop; nop; cli");
    ap_is_awake = 3 + taken(VECTOR_SELF);
}

static void test_halt(void)
{
    const uint64_t icr_dest = 2UL << 32;
    const uint32_t nmis = taken(2), before = taken(VECTOR_SELF);

    ap_fn = halt_masked;
    CHECK(yield_until(&ap_halts, 1, 4000000000UL), "it halts");
    yield_until(&ap_halts, 0, 50000000);
    wrmsr(0x830, icr_dest | VECTOR_SELF);
    if (!mailbox.stock) /* where that ends it */
        CHECK(!yield_until(&ap_is_awake, 1 + before, 50000000) && ap_is_awake == 0,
              "... and an interrupt below its priority leaves it so");
    wrmsr(0x830, icr_dest | 4U << 8);
    CHECK(yield_until(&ap_is_awake, 4 + before, 4000000000UL),
          "... an NMI does not, and then it takes the interrupt, when its priority lets it");
    if (!mailbox.stock)
        CHECK_EQ(taken(2), nmis + 1, "... one NMI");
    /* One that comes before HLT ends none. */
    for (unsigned int i = 0; ap_naps < 3 && i < 30; i++) {
        const uint32_t next = ap_naps + 1;

        wrmsr(0x830, icr_dest | 4U << 8);
        yield_until(&ap_naps, next, 500000000);
    }
    CHECK(ap_naps >= 3, "HLT with interrupts off ends by an NMI as well, each time");
}

static void test_smp(void)
{
    const uint64_t icr_dest = 2UL << 32;

    wrmsr(0x830, icr_dest | 0x4500);
    wrmsr(0x830, icr_dest | 0x4600 | (uint64_t)start_ap >> 12);
    CHECK(wait_for_ap(), "another processor starts by INIT and SIPI");
    CHECK_EQ(ap_id, 2, "... and has the next APIC id");
    test_halt();
}

/* --- runs ------------------------------------------------------------------------------------- */

static void run_all(void)
{
    test_cpuid();
    test_registers();
    test_debug();
    paging();
    test_devices();
    vectors();
    test_calls();
    test_memory();
    test_lapic();
    test_x2apic();
    test_events();
    test_smp();
    say("the end");
}

void main64(void);
void main64(void)
{
    start_traps();
    switch (mailbox.run) {
    case RUN_ALL:
        run_all();
        break;
    case RUN_TRIPLE_FAULT:
        __asm__ volatile("lidt %0; ud2" : : "m"(*(const uint64_t *)hypercall_page));
        break;
    case RUN_HOSTILE:
        hostile();
        break;
    case RUN_BENCH:
        bench();
        break;
    case RUN_HVM:
        hvm();
        break;
    case RUN_HVM_HOSTILE:
        hvm_hostile();
        break;
    case RUN_HVM_TABLES:
        hvm_tables();
        break;
    case RUN_HVM_BENCH:
        hvm_bench();
        break;
    case RUN_ONCE:
        test_once();
        break;
    case RUN_MANY:
        many();
        break;
    case RUN_FIVE_LEVELS:
        five_levels();
        break;
    case RUN_TSC:
        own_tsc();
        break;
    case RUN_VIRIDIAN:
        viridian();
        break;
    case RUN_PCI:
        pci();
        break;
    case RUN_PAGES:
        pages();
    case RUN_HALT:
        __asm__ volatile("cli; hlt");
        break;
    case RUN_HVM_ASK:
        hvm_ask();
    case RUN_HVM_STUCK:
        hvm_stuck();
    case RUN_SPIN:
        for (;;)
            ((volatile struct mailbox *)&mailbox)->alive++;
    case RUN_LEAVE:
        for (;;) {
            uint32_t a = 0, c = 0;

            __asm__ volatile("cpuid" : "+a"(a), "+c"(c) : : "ebx", "edx");
            ((volatile struct mailbox *)&mailbox)->alive++;
        }
    }
    shut_down(SHUTDOWN_poweroff);
}
