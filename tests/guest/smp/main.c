/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two vcpus on two cpus: bringing one up and down, events between them, flushing each other's TLB,
 * and both changing the same page tables at once, after which every frame must be as free as
 * before.
 *
 * vcpu 1 runs jobs that vcpu 0 gives it. Only vcpu 0 prints.
 */
#include "guest.h"

const char *test_name = "smp";

#define MS 1000000UL
#define PATIENCE (10000 * MS)
#define ENOUGH (3000 * MS) /* a host with too few cpus takes long to let the two alternate */

static long vcpu_op(int op, unsigned int vcpu, void *arg)
{
    return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, arg);
}
static long send(unsigned int port)
{
    return evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ port });
}
static void pause(void) { __asm__ volatile("pause"); }

/* Wait until the condition holds, in vain at most for PATIENCE. */
#define AWAIT(cond)                                                  \
    ({                                                               \
        uint64_t end_ = now_ns() + PATIENCE;                         \
                                                                     \
        while (!(cond) && now_ns() < end_)                           \
            pause();                                                 \
        (bool)(cond);                                                \
    })

/* --- jobs for vcpu 1 -------------------------------------------------------------------------- */

static void (*volatile job)(void);
static volatile bool up;
static volatile uint64_t argument, fs_base;

static void vcpu1_main(uint64_t arg)
{
    uint32_t lo, hi;

    argument = arg;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000100));
    fs_base = (uint64_t)hi << 32 | lo;
    events_on();
    up = true;
    for (;;) {
        while (!job)
            pause();
        job();
        job = NULL;
    }
}

static void start(void (*fn)(void)) { job = fn; }
static bool finished(void) { return AWAIT(!job); }
static void run(void (*fn)(void))
{
    start(fn);
    if (!finished())
        CHECK(false, "vcpu 1 does its job");
}

/* --- life ------------------------------------------------------------------------------------- */

static long initialise(struct vcpu_guest_context *c) { return vcpu_op(VCPUOP_initialise, 1, c); }

static void bad_contexts(void)
{
    void (*entry)(void) = (void (*)(void))vcpu1_main;
    struct vcpu_guest_context *c = vcpu_context(entry);

    CHECK_EQ(initialise((void *)0x123456789000), -XEFAULT, "a context that cannot be read");
    c->ctrlreg[3] = (1UL << 39) << 12;
    CHECK_EQ(initialise(c), -XEINVAL, "a context with a page table in no frame");
    c = vcpu_context(entry);
    c->ctrlreg[3] = va_to_mfn(vcpu1_stack) << 12;
    CHECK_EQ(initialise(c), -XEINVAL, "a context with a page table in ordinary memory");
    c = vcpu_context(entry);
    c->gdt_ents = 20000;
    CHECK_EQ(initialise(c), -XEINVAL, "a context with too large a GDT");
    c = vcpu_context(entry);
    c->event_callback_eip = 0x1234567890123456;
    CHECK_EQ(initialise(c), -XEINVAL, "a context with a callback at a non-canonical address");
    c = vcpu_context(entry);
    c->ldt_ents = 8193;
    CHECK_EQ(initialise(c), -XEINVAL, "a context with too large an LDT");
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), -XEINVAL, "a vcpu without a context cannot be brought up");
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0, "... and is not up");
}

static void register_info(void)
{
    struct vcpu_info *mine = alloc_page();
    struct vcpu_register_vcpu_info reg = { .mfn = va_to_mfn(mine), .offset = 128 };

    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &reg), 0, "register a vcpu_info for vcpu 1");
    registered_info[1] = mine + 2;
    CHECK_EQ(registered_info[1]->evtchn_upcall_mask, 1, "... which is a copy of the old one");
    CHECK_EQ(registered_info[1]->evtchn_pending_sel, -1, "... with all events to be looked at");
    CHECK_EQ(registered_info[1]->evtchn_upcall_pending, 1, "... and an upcall pending");
    CHECK_EQ(mine[1].evtchn_pending_sel | mine[3].evtchn_pending_sel, 0,
             "... and nothing beside it");
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &reg), -XEINVAL, "... twice");
}

static void bring_up(void)
{
    struct vcpu_guest_context *c;

    CHECK_EQ(vcpu_op(VCPUOP_is_up, 0, 0), 1, "vcpu 0 is up");
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0, "vcpu 1 is not");
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 2, 0), -XENOENT, "there is no vcpu 2");
    register_info();
    bad_contexts();
    c = vcpu_context((void (*)(void))vcpu1_main);
    c->user_regs.rdi = 0x1122334455667788;
    c->fs_base = 0x55667788;
    CHECK_EQ(initialise(c), 0, "initialise vcpu 1");
    CHECK_EQ(initialise(c), -XEEXIST, "... twice");
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0, "... and it is not up yet");
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0, "bring it up");
    CHECK(AWAIT(up), "... and it runs");
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 1, "... and is up");
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0, "bring it up when it is");
    CHECK_EQ(argument, 0x1122334455667788, "it has the registers of its context");
    CHECK_EQ(fs_base, 0x55667788, "... and the base of FS");
    CHECK_EQ(initialise(c), -XEEXIST, "a running vcpu cannot be initialised");
    CHECK(registered_info[1]->time.tsc_to_system_mul != 0, "its clock is in its own vcpu_info");
}

static volatile uint64_t counter;
static volatile bool stop;

static void count(void)
{
    while (!stop)
        counter++;
}

static int state_of(unsigned int vcpu)
{
    struct vcpu_runstate_info r = { .state = -1 };

    vcpu_op(VCPUOP_get_runstate_info, vcpu, &r);
    return r.state;
}

static void down_self(void) { vcpu_op(VCPUOP_down, 1, 0); }

static void down_and_up(void)
{
    uint64_t at;

    stop = false;
    start(count);
    CHECK(AWAIT(counter > 1000), "vcpu 1 counts");
    CHECK_EQ(vcpu_op(VCPUOP_down, 1, 0), 0, "take vcpu 1 down from outside");
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0, "... and it is not up");
    CHECK(AWAIT(state_of(1) == RUNSTATE_offline), "... and offline");
    at = counter;
    for (uint64_t end = now_ns() + 50 * MS; now_ns() < end;)
        ;
    CHECK_EQ(counter, at, "... and counts no more");
    CHECK_EQ(vcpu_op(VCPUOP_down, 1, 0), 0, "take it down twice");
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0, "bring it up again");
    CHECK(AWAIT(counter > at + 1000), "... and it goes on counting");
    stop = true;
    CHECK(finished(), "... until it is told to stop");
    start(down_self);
    CHECK(AWAIT(vcpu_op(VCPUOP_is_up, 1, 0) == 0), "vcpu 1 takes itself down");
    CHECK(job != NULL, "... in its job");
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0, "bring it up again");
    CHECK(finished(), "... and it goes on");
}

/* --- events ----------------------------------------------------------------------------------- */

/*
 * Ports to vcpu 0 lie in word 0 of the bitmaps, ports to vcpu 1 in word 1: each takes only its own.
 */
static unsigned int to0, to1, also1;

static unsigned int bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    return evtchn_op(EVTCHNOP_bind_ipi, &op) ? 0 : op.port;
}

static void bind_ports(void)
{
    to0 = bind_ipi(0);
    do
        to1 = bind_ipi(1);
    while (to1 && to1 < 64);
    also1 = bind_ipi(1);
    CHECK(to0 && to0 < 64 && to1 >= 64 && also1, "IPIs for both vcpus");
}

#define PINGS 1000
static volatile unsigned int pings; /* sent and, but for the last, come */

static void ping(unsigned int port)
{
    uint64_t end = now_ns() + ENOUGH;

    for (pings = 0; pings < PINGS && now_ns() < end;) {
        send(port);
        pings++;
        if (!AWAIT(event_count[port] >= pings))
            break;
    }
}

static void ping0(void) { ping(to0); }

static void flood0(void)
{
    for (unsigned int i = 0; i < 5 * PINGS; i++)
        send(to0);
}

static void wait_blocked(void)
{
    events_off();
    while (event_count[to1] == 0)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_block), events_off();
    events_on();
}

static volatile long poll_result;
static volatile uint64_t poll_took;

static void wait_polling(void)
{
    struct sched_poll p = { .nr_ports = 1, .timeout = now_ns() + PATIENCE };
    uint64_t begun = now_ns();

    set_xen_guest_handle(p.ports, &also1);
    poll_result = hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &p);
    poll_took = now_ns() - begun;
}

static void timer_of_vcpu1(void)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER, .vcpu = 1 };
    struct vcpu_set_singleshot_timer set = { .timeout_abs_ns = now_ns() + 5 * MS };

    if (evtchn_op(EVTCHNOP_bind_virq, &virq) == 0 &&
        vcpu_op(VCPUOP_set_singleshot_timer, 1, &set) == 0)
        counter = AWAIT(event_count[virq.port] == 1) && now_ns() >= set.timeout_abs_ns;
}

static void events(void)
{
    unsigned int i;

    bind_ports();
    events_on();
    ping(to1);
    CHECK(pings > 20, "events to vcpu 1, each awaited");
    CHECK_EQ(event_count[to1], pings, "... and none lost");
    CHECK_EQ(event_vcpu[to1], 1, "... come there");
    run(ping0);
    CHECK(pings > 20, "events from it, each awaited");
    CHECK_EQ(event_count[to0], pings, "... and none lost");
    CHECK_EQ(event_vcpu[to0], 0, "... come here");
    event_count[to1] = event_count[to0] = 0;
    start(flood0);
    for (i = 0; i < 5 * PINGS; i++)
        send(to1);
    CHECK(finished(), "events both ways at once");
    CHECK(AWAIT(!shared_info->evtchn_pending[0] && !shared_info->evtchn_pending[1]),
          "... and none is left");
    CHECK(event_count[to0] > 0 && event_count[to0] <= 5 * PINGS, "... some or all came here");
    CHECK(event_count[to1] > 0 && event_count[to1] <= 5 * PINGS, "... and there");
    event_count[to1] = 0;
    start(wait_blocked);
    CHECK(AWAIT(state_of(1) == RUNSTATE_blocked), "vcpu 1 blocks");
    send(to1);
    CHECK(finished(), "... until an event comes");
    bit_flip(shared_info->evtchn_mask, also1, true);
    start(wait_polling);
    CHECK(AWAIT(state_of(1) == RUNSTATE_blocked), "vcpu 1 polls a masked port");
    send(also1);
    CHECK(finished() && poll_result == 0 && poll_took < PATIENCE, "... until it is pending");
    counter = 0;
    run(timer_of_vcpu1);
    CHECK_EQ(counter, 1, "vcpu 1 has a timer of its own");
    events_off();
}

static volatile unsigned int nr_nmi[2];
static bool on_nmi(struct trap_frame *f)
{
    nr_nmi[this_vcpu()]++;
    return f->vector == 2;
}

static void nmis(void)
{
    trap_handler[2] = on_nmi;
    for (unsigned int i = 1; i <= 20; i++)
        if (vcpu_op(VCPUOP_send_nmi, 1, 0) || !AWAIT(nr_nmi[1] == i))
            break;
    CHECK_EQ(nr_nmi[1], 20, "NMIs to vcpu 1");
    CHECK_EQ(nr_nmi[0], 0, "... and none to vcpu 0");
}

/* --- TLB -------------------------------------------------------------------------------------- */

static char *window;
static volatile uint64_t seen;

static void look(void) { probe_read(window, (uint64_t *)&seen); }

static long mmuext(unsigned int cmd, uint64_t addr, const void *mask)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.linear_addr = addr };

    set_xen_guest_handle(op.arg2.vcpumask, mask);
    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

static long update(uint64_t maddr, uint64_t val)
{
    struct mmu_update u = { .ptr = maddr, .val = val };

    return hypercall(__HYPERVISOR_mmu_update, &u, 1, 0, DOMID_SELF);
}

static void tlb(void)
{
    static const unsigned long both = 3, other = 2;
    static const struct {
        unsigned int cmd;
        const void *mask;
        const char *what;
    } flush[] = {
        { MMUEXT_INVLPG_MULTI, &both, "INVLPG_MULTI of both" },
        { MMUEXT_INVLPG_MULTI, &other, "INVLPG_MULTI of the other" },
        { MMUEXT_INVLPG_ALL, NULL, "INVLPG_ALL" },
        { MMUEXT_TLB_FLUSH_MULTI, &other, "TLB_FLUSH_MULTI" },
        { MMUEXT_TLB_FLUSH_ALL, NULL, "TLB_FLUSH_ALL" },
    };
    uint64_t *a = alloc_page(), *b = alloc_page(), at, val[2];
    unsigned int now = 0;

    window = alloc_page();
    at = pt_entry_maddr((uint64_t)window, 1);
    *a = val[0] = 0xaaaa;
    *b = val[1] = 0xbbbb;
    uint64_t pte[2] = { va_to_mfn(a) << 12 | PTE_RW_KERNEL, va_to_mfn(b) << 12 | PTE_RW_KERNEL };

    set_va((uint64_t)window, pte[0]);
    for (unsigned int i = 0; i < sizeof(flush) / sizeof(flush[0]); i++) {
        run(look);
        now ^= 1;
        update(at, pte[now]);
        CHECK_EQ(mmuext(flush[i].cmd, (uint64_t)window, flush[i].mask), 0, flush[i].what);
        run(look);
        CHECK_EQ(seen, val[now], "... and vcpu 1 sees the new page");
    }
    for (unsigned int i = 0; i < 200; i++) { /* races with what vcpu 1 does between its jobs */
        now ^= 1;
        hypercall(__HYPERVISOR_update_va_mapping, window, pte[now], UVMF_INVLPG | UVMF_ALL);
        run(look);
        if (seen != val[now])
            break;
    }
    CHECK_EQ(seen, val[now], "update_va_mapping with a flush of all, many times");
    CHECK_EQ(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, (void *)0x123456789000), -XEINVAL,
             "a mask that cannot be read");
}

/* --- both change the same page tables --------------------------------------------------------- */

#define FRAMES 6
#define WINDOWS 6
#define ROUNDS 15000

static uint64_t frame[FRAMES];
static char *windows[WINDOWS];
static volatile unsigned int good[2], bad[2]; /* requests granted and refused, by vcpu */

static long pin(unsigned int level, uint64_t mfn)
{
    return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn, NULL);
}
static long unpin(uint64_t mfn) { return mmuext(MMUEXT_UNPIN_TABLE, mfn, NULL); }

static void one_request(uint64_t dice)
{
    char *w = windows[(dice >> 8 & 0xff) % WINDOWS];
    uint64_t mfn = frame[(dice >> 16 & 0xff) % FRAMES], other = frame[(dice >> 24 & 0xff) % FRAMES];
    uint64_t flags = dice & 1UL << 40 ? PTE_RW_KERNEL : PTE_RO_KERNEL;
    long rc;

    switch (dice & 7) {
    case 0:
        rc = set_va((uint64_t)w, 0);
        break;
    case 1:
        rc = set_va((uint64_t)w, mfn << 12 | flags);
        break;
    case 2:
        rc = probe_write(pt_entry((uint64_t)w, 1), mfn << 12 | flags);
        mmuext(MMUEXT_INVLPG_LOCAL, (uint64_t)w, NULL);
        break;
    case 3:
        rc = pin(1 + (dice >> 41 & 1), mfn);
        break;
    case 4:
    case 5:
        rc = unpin(mfn);
        break;
    case 6: /* an entry in a table, if the frame is one; plain memory otherwise */
        rc = update((mfn << 12) + (dice >> 44 & 7) * 8,
                    dice & 1UL << 42 ? other << 12 | flags | PTE_U : 0);
        break;
    default:
        rc = mmuext(MMUEXT_CLEAR_PAGE, mfn, NULL);
    }
    if (rc)
        bad[this_vcpu()]++;
    else
        good[this_vcpu()]++;
}

static void storm(void)
{
    uint64_t x = this_vcpu() ? 0x9e3779b97f4a7c15 : 0xbf58476d1ce4e5b9;
    uint64_t end = now_ns() + ENOUGH;

    for (unsigned int i = 0; i < ROUNDS && now_ns() < end; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        one_request(x * 0x2545f4914f6cdd1d >> 8);
    }
}

static long reservation(void)
{
    domid_t self = DOMID_SELF;

    return hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);
}

static void concurrent_tables(void)
{
    struct xen_memory_reservation r = { .nr_extents = FRAMES, .domid = DOMID_SELF };
    unsigned int wrong = 0;
    long before = reservation();

    for (int i = 0; i < FRAMES; i++) {
        frame[i] = spare_mfn();
        mmuext(MMUEXT_CLEAR_PAGE, frame[i], NULL);
    }
    for (int i = 0; i < WINDOWS; i++)
        windows[i] = alloc_page();
    hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    start(storm);
    storm();
    CHECK(finished(), "both vcpus change the same page tables");
    print("granted %u and %u, refused %u and %u\n", good[0], good[1], bad[0], bad[1]);
    CHECK(good[0] > 5 && good[1] > 5, "... often with success");
    CHECK(bad[0] > 5 && bad[1] > 5, "... and often refused");

    for (int i = 0; i < WINDOWS; i++)
        wrong += set_va((uint64_t)windows[i], va_to_mfn(windows[i]) << 12 | PTE_RW_KERNEL) != 0;
    CHECK_EQ(wrong, 0, "the windows get their own pages back");
    for (int i = 0; i < FRAMES; i++)
        unpin(frame[i]);
    mmuext(MMUEXT_TLB_FLUSH_ALL, 0, NULL);
    for (int i = 0; i < FRAMES; i++)
        wrong += mmuext(MMUEXT_CLEAR_PAGE, frame[i], NULL) != 0;
    CHECK_EQ(wrong, 0, "no frame is left a page table");
    for (int i = 0; i < FRAMES; i++)
        wrong += pin(4, frame[i]) != 0 || unpin(frame[i]) != 0;
    CHECK_EQ(wrong, 0, "no frame is left writable");
    set_xen_guest_handle(r.extent_start, frame);
    CHECK_EQ(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), FRAMES,
             "give the frames back");
    CHECK_EQ(reservation(), before - FRAMES, "... and nothing held them");
}

void test_main(void)
{
    vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    vcpu_op(VCPUOP_stop_periodic_timer, 1, 0);
    events_start();
    bring_up();
    down_and_up();
    events();
    nmis();
    tlb();
    concurrent_tables();
}
