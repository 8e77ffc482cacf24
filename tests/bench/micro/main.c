/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions from a guest's request to its effect. */
#include "bench.h"

const char *test_name = "micro";

/* --- hypercalls ------------------------------------------------------------------------------- */

static void hypercalls(void)
{
    struct xen_feature_info fi = { 0 };
    struct multicall_entry mc[8];
    struct vcpu_runstate_info rs;

    BENCH("empty", , );
    BENCH("xen_version", , hypercall(__HYPERVISOR_xen_version, XENVER_version, 0));
    BENCH("xen_version.features", , hypercall(__HYPERVISOR_xen_version, XENVER_get_features, &fi));
    BENCH("unknown", , hypercall(63, 0));
    BENCH("sched_yield", , hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0));
    BENCH("stack_switch", , hypercall(__HYPERVISOR_stack_switch, 0xe02b, &sample));
    BENCH("set_segment_base", , hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0));
    BENCH("fpu_taskswitch", , hypercall(__HYPERVISOR_fpu_taskswitch, 0));
    BENCH("vcpu_is_up", , hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0, 0));
    BENCH("vcpu_runstate", , hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, &rs));
    BENCH("get_debugreg", , hypercall(__HYPERVISOR_get_debugreg, 7));
    for (int i = 0; i < 8; i++)
        mc[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version,
                                          .args = { XENVER_version } };
    BENCH("multicall.1", , hypercall(__HYPERVISOR_multicall, mc, 1));
    BENCH("multicall.8", , hypercall(__HYPERVISOR_multicall, mc, 8));
}

/* --- page tables ------------------------------------------------------------------------------ */

static void page_tables(void)
{
    char *page[64];
    static struct mmu_update up[64];
    uint64_t ro[64], rw[64];
    struct mmuext_op flush = { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
                     invl = { .cmd = MMUEXT_INVLPG_LOCAL };

    for (int i = 0; i < 64; i++) {
        page[i] = alloc_page();
        ro[i] = va_to_mfn(page[i]) * PAGE | PTE_RO_KERNEL;
        rw[i] = va_to_mfn(page[i]) * PAGE | PTE_RW_KERNEL;
        up[i].ptr = pt_entry_maddr((uint64_t)page[i], 1);
    }
    BENCH("update_va_mapping.ro", set_va((uint64_t)page[0], rw[0]),
          hypercall(__HYPERVISOR_update_va_mapping, page[0], ro[0], 0));
    BENCH("update_va_mapping.rw", set_va((uint64_t)page[0], ro[0]),
          hypercall(__HYPERVISOR_update_va_mapping, page[0], rw[0], UVMF_INVLPG));
    BENCH("update_va_mapping.clear", set_va((uint64_t)page[0], rw[0]),
          hypercall(__HYPERVISOR_update_va_mapping, page[0], 0, 0));
    BENCH("update_va_mapping.set", set_va((uint64_t)page[0], 0),
          hypercall(__HYPERVISOR_update_va_mapping, page[0], rw[0], 0));
    for (int n = 1; n <= 64; n *= 8) {
        const char *name = n == 1 ? "mmu_update.1" : n == 8 ? "mmu_update.8" : "mmu_update.64";
        int flip = 0;

        BENCH(name, flip ^= 1; for (int i = 0; i < n; i++) up[i].val = flip ? ro[i] : rw[i],
              hypercall(__HYPERVISOR_mmu_update, up, n, 0, DOMID_SELF));
    }
    BENCH("mmuext.tlb_flush", , hypercall(__HYPERVISOR_mmuext_op, &flush, 1, 0, DOMID_SELF));
    invl.arg1.linear_addr = (unsigned long)page[0];
    BENCH("mmuext.invlpg", , hypercall(__HYPERVISOR_mmuext_op, &invl, 1, 0, DOMID_SELF));
    BENCH("ptwr", , *(volatile uint64_t *)pt_entry((uint64_t)page[1], 1) = r_ & 1 ? ro[1] : rw[1]);
}

/* --- traps ------------------------------------------------------------------------------------ */

uint64_t trap_at;
extern char direct_entry[], direct_syscall[];
uint64_t direct_rsp;

/* A handler without the library's frame: takes the time and returns to the point set up before. */
__asm__(
    ".pushsection .text\n"
    "direct_entry: direct_syscall: rdtsc\n shl $32, %rdx\n"
    " or %rdx, %rax\n mov %rax, trap_at(%rip)\n"
    " mov direct_rsp(%rip), %rsp\n ret\n"
    ".popsection");

static void set_handler(unsigned int vector, void *fn)
{
    struct trap_info t[2] = { { .vector = (uint8_t)vector, .flags = 3, .cs = 0xe033,
                                .address = (uint64_t)fn }, { 0 } };

    hypercall(__HYPERVISOR_set_trap_table, t);
}

/*
 * Run text with the return point set up: the handler's ret comes back behind it. Ticks from its
 * first instruction to the first of the handler.
 */
#define TRAP_SINCE(start, text)                                                                \
    ({                                                                                         \
        uint64_t t0_;                                                                          \
        __asm__ volatile("lea -8(%%rsp), %%rax\n mov %%rax, direct_rsp(%%rip)\n"               \
                         "lea 1f(%%rip), %%rax\n push %%rax\n"                                 \
                         "rdtsc\n shl $32, %%rdx\n or %%rax, %%rdx\n mov %%rdx, %%r12\n"       \
                         text "\n1: mov %%r12, %0\n"                                           \
                         : "=r"(t0_) : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", \
                           "r11", "r12", "r13", "memory");                                     \
        start = t0_;                                                                           \
        trap_at - t0_;                                                                         \
    })
#define TRAP(text)                                 \
    ({                                             \
        uint64_t start_;                           \
        uint64_t took_ = TRAP_SINCE(start_, text); \
        (void)start_;                              \
        took_;                                     \
    })

#define TRAP_BENCH(name, prepare, text)               \
    do {                                              \
        for (int r_ = -3; r_ < ROUNDS; r_++) {        \
            uint64_t t_;                              \
            prepare;                                  \
            t_ = TRAP(text);                          \
            if (r_ >= 0)                              \
                sample[r_] = t_ + empty;              \
        }                                             \
        report(name);                                 \
    } while (0)

static void traps(void)
{
    set_handler(14, direct_entry);
    TRAP_BENCH("page_fault", , "movabs 0x123456789000, %%rax");
    set_handler(3, direct_entry);
    TRAP_BENCH("int3", , "int3");
    traps_install();
}

/* --- user mode -------------------------------------------------------------------------------- */

/*
 * The user program notes when it got the cpu, and when it asks for its kernel. It is entered by
 * iret; r12 is when that began.
 */
uint64_t user_at, user_asks, iret_frame[9], user_stack[64], kernel_stack[64];
extern char user_program[];
__asm__(".pushsection .text\n"
        "user_program: rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, user_at(%rip)\n"
        " rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, user_asks(%rip)\n syscall\n ud2\n"
        ".popsection");

static void set_iret_frame(void *rip, uint64_t cs)
{
    uint64_t frame[9] = { 0, 0, 0, 0, (uint64_t)rip, cs, 0x202, (uint64_t)&user_stack[64], 0xe02b };

    memcpy(iret_frame, frame, sizeof(frame));
}
#define IRET "mov $iret_frame, %%rsp\n mov $23, %%eax\n syscall\n"

static void user_mode(void)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = va_to_mfn((void *)start_info->pt_base)
    };
    struct callback_register cb = {
        .type = CALLBACKTYPE_syscall, .address = (unsigned long)direct_syscall
    };
    uint64_t start, ask[ROUNDS];

    hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
    hypercall(__HYPERVISOR_stack_switch, 0xe02b, &kernel_stack[64]);
    hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb);
    set_iret_frame(direct_entry, 0xe030);
    TRAP_BENCH("iret.kernel", , IRET);
    set_iret_frame(user_program, 0xe033);
    for (int i = -3; i < ROUNDS; i++) {
        TRAP_SINCE(start, IRET);
        if (i < 0)
            continue;
        sample[i] = user_at - start + empty;
        ask[i] = trap_at - user_asks + empty;
    }
    report("iret.user");
    memcpy(sample, ask, sizeof(ask));
    report("syscall_bounce");
}

/* --- grants and the console ------------------------------------------------------------------- */

static void grants(void)
{
    unsigned long frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list.p = &frame };
    struct gnttab_query_size size = { .dom = DOMID_SELF };
    struct grant_entry_v1 *table = alloc_page();
    char *window = alloc_page(), *granted = alloc_page();
    struct gnttab_map_grant_ref map = {
        .host_addr = (uint64_t)window, .flags = GNTMAP_host_map, .ref = 8, .dom = 0
    };
    struct gnttab_unmap_grant_ref unmap = { .host_addr = (uint64_t)window };
    struct gnttab_copy copy = { .source = { .u.ref = 8, .domid = 0 },
                                .dest = { .domid = DOMID_SELF },
                                .len = 64, .flags = GNTCOPY_source_gref };

    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &setup, 1);
    if (set_va((uint64_t)table, frame * PAGE | PTE_RW_KERNEL))
        print("FAIL %s: the grant table cannot be mapped\n", test_name);
    table[8] = (struct grant_entry_v1){
        .domid = 0, .frame = (uint32_t)va_to_mfn(granted), .flags = GTF_permit_access
    };
    copy.dest.u.gmfn = va_to_mfn(alloc_page());
    set_va((uint64_t)window, 0);
    BENCH("grant.query_size", ,
          hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, &size, 1));
    BENCH_EACH("grant.map", 1, ,
               hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &map, 1),
               unmap.handle = map.handle;
               hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &unmap, 1));
    BENCH("grant.unmap", hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &map, 1);
          unmap.handle = map.handle,
          hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &unmap, 1));
    BENCH("grant.copy", , hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &copy, 1));
    if (map.status || unmap.status || copy.status)
        print("FAIL %s: grant status %d %d %d\n", test_name, map.status, unmap.status, copy.status);
}

static void console(void)
{
    BENCH("console_write", , hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 1, "\n"));
}

/* --- events and timers ------------------------------------------------------------------------ */

static struct evtchn_send bench_send;

static void forget_events(struct vcpu_info *vi)
{
    vi->evtchn_upcall_pending = 0;
    vi->evtchn_pending_sel = 0;
    shared_info->evtchn_pending[0] = 0;
}

static void sends(struct vcpu_info *vi)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    struct callback_register cb = {
        .type = CALLBACKTYPE_event, .address = (unsigned long)direct_entry
    };

    evtchn_op(EVTCHNOP_bind_ipi, &ipi);
    bench_send.port = ipi.port;
    for (int i = 0; i < 64; i++)
        shared_info->evtchn_mask[i] = 0;
    BENCH("evtchn_send.masked", forget_events(vi), evtchn_op(EVTCHNOP_send, &bench_send));
    hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb);
    TRAP_BENCH("evtchn_send.deliver", vi->evtchn_upcall_mask = 1; forget_events(vi);
               vi->evtchn_upcall_mask = 0,
               "mov $32, %%eax\n mov $4, %%edi\n mov $bench_send, %%rsi\n syscall\n");
    vi->evtchn_upcall_mask = 1;
    forget_events(vi);
}

/*
 * From the time a timer was set for to the handler's first instruction; a TSC tick is a nanosecond
 * here. A hypervisor may be early by its slack, so figures are from 100 us before, which the report
 * takes off again: its figures are signed.
 */
static void timers(struct vcpu_info *vi)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    struct vcpu_set_singleshot_timer timer = { 0 };
    uint64_t start, now;

    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    evtchn_op(EVTCHNOP_bind_virq, &virq);
    BENCH("set_singleshot_timer", timer.timeout_abs_ns = 1UL << 60,
          hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer));
    BENCH("set_singleshot_timer.past", forget_events(vi); timer.timeout_abs_ns = 1,
          hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer));
    for (int i = -3; i < ROUNDS; i++) {
        forget_events(vi);
        now = now_ns();
        start = rdtsc();
        timer.timeout_abs_ns = now + 200000;
        hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer);
        vi->evtchn_upcall_mask = 0;
        TRAP("2: jmp 2b\n");
        vi->evtchn_upcall_mask = 1;
        if (i >= 0)
            sample[i] = trap_at - start - 200000 + empty;
    }
    report("timer.deliver");
    forget_events(vi);
}

/* --- context switch --------------------------------------------------------------------------- */

/*
 * Two vcpus on one cpu: one sends and waits, the other answers. A figure is there and back, two
 * switches.
 */
static struct evtchn_send to_peer, to_us;
static volatile bool peer_blocks;

static void nothing(void)
{
}

static void peer(void)
{
    for (;;) {
        await(to_peer.port, peer_blocks);
        evtchn_op(EVTCHNOP_send, &to_us);
    }
}

static void switches(void)
{
    struct evtchn_bind_ipi there = { .vcpu = 1 }, back = { .vcpu = 0 };

    event_hook = nothing;
    events_start();
    if (evtchn_op(EVTCHNOP_bind_ipi, &there) || evtchn_op(EVTCHNOP_bind_ipi, &back) ||
        vcpu_start(peer)) {
        print("FAIL %s: no second vcpu\n", test_name);
        return;
    }
    to_peer.port = there.port;
    to_us.port = back.port;
    BENCH("switch.poll", , evtchn_op(EVTCHNOP_send, &to_peer); await(to_us.port, false));
    peer_blocks = true;
    BENCH("switch.block", , evtchn_op(EVTCHNOP_send, &to_peer); await(to_us.port, true));
}

void test_main(void)
{
    struct vcpu_info *vi = &shared_info->vcpu_info[0];

    hypercalls();
    page_tables();
    traps();
    user_mode();
    grants();
    console();
    vi->evtchn_upcall_mask = 1;
    sends(vi);
    timers(vi);
    switches();
}
