/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions from a guest's request to its effect, under `-icount shift=0`, where the TSC counts instructions. Each figure is
 * the minimum, median and maximum of many rounds, less the cost of an empty round. Lines: `bench NAME min median max`.
 */
#include "guest.h"

const char *test_name = "micro";

#define ROUNDS 101
static uint64_t sample[ROUNDS];
static uint64_t empty;

static void report(const char *name)
{
    for (int i = 1; i < ROUNDS; i++) /* insertion sort */
        for (int j = i; j > 0 && sample[j - 1] > sample[j]; j--) {
            uint64_t t = sample[j];

            sample[j] = sample[j - 1];
            sample[j - 1] = t;
        }
    if (!empty) {
        empty = sample[ROUNDS / 2];
        return;
    }
    print("bench %s %lu %lu %lu\n", name, sample[0] - empty, sample[ROUNDS / 2] - empty, sample[ROUNDS - 1] - empty);
}

#define BENCH(name, prepare, body)                    \
    do {                                              \
        for (int r_ = -3; r_ < ROUNDS; r_++) {        \
            uint64_t t_;                              \
            prepare;                                  \
            t_ = rdtsc();                             \
            body;                                     \
            t_ = rdtsc() - t_;                        \
            if (r_ >= 0)                              \
                sample[r_] = t_;                      \
        }                                             \
        report(name);                                 \
    } while (0)

/* --- hypercalls --------------------------------------------------------------------------------------------------- */

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
        mc[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } };
    BENCH("multicall.1", , hypercall(__HYPERVISOR_multicall, mc, 1));
    BENCH("multicall.8", , hypercall(__HYPERVISOR_multicall, mc, 8));
}

/* --- page tables -------------------------------------------------------------------------------------------------- */

static void page_tables(void)
{
    char *page[64];
    static struct mmu_update up[64];
    uint64_t ro[64], rw[64];
    struct mmuext_op flush = { .cmd = MMUEXT_TLB_FLUSH_LOCAL }, invl = { .cmd = MMUEXT_INVLPG_LOCAL };

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

/* --- traps -------------------------------------------------------------------------------------------------------- */

uint64_t trap_at;
extern char direct_entry[], direct_syscall[];
uint64_t direct_rsp;

/* A handler without the library's frame: takes the time and returns to the point set up before. */
__asm__(".pushsection .text\n"
        "direct_entry: direct_syscall: rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, trap_at(%rip)\n"
        " mov direct_rsp(%rip), %rsp\n ret\n"
        ".popsection");

static void set_handler(unsigned int vector, void *fn)
{
    struct trap_info t[2] = { { .vector = (uint8_t)vector, .flags = 3, .cs = 0xe033, .address = (uint64_t)fn }, { 0 } };

    hypercall(__HYPERVISOR_set_trap_table, t);
}

/* Ticks from the instruction to the first one of the handler. */
#define TRAP(text)                                                                                                   \
    ({                                                                                                               \
        uint64_t t0_;                                                                                                \
        __asm__ volatile("lea -8(%%rsp), %%rax\n mov %%rax, direct_rsp(%%rip)\n lea 1f(%%rip), %%rax\n push %%rax\n"   \
                         "rdtsc\n shl $32, %%rdx\n or %%rax, %%rdx\n mov %%rdx, %%r12\n" text "\n1: mov %%r12, %0\n"       \
                         : "=r"(t0_) : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",     \
                           "memory");                                                                                \
        trap_at - t0_;                                                                                               \
    })

static void traps(void)
{
    for (int i = 0; i < ROUNDS; i++)
        sample[i] = 0;
    set_handler(14, direct_entry);
    for (int i = -3; i < ROUNDS; i++) {
        uint64_t t = TRAP("movabs 0x123456789000, %%rax");

        if (i >= 0)
            sample[i] = t + empty;
    }
    report("page_fault");
    set_handler(3, direct_entry);
    for (int i = -3; i < ROUNDS; i++) {
        uint64_t t = TRAP("int3");

        if (i >= 0)
            sample[i] = t + empty;
    }
    report("int3");
    traps_install();
}

/* --- events and timers -------------------------------------------------------------------------------------------- */

static void events(void)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    struct evtchn_send send;
    struct callback_register cb = { .type = CALLBACKTYPE_event, .address = (unsigned long)direct_entry };
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    struct vcpu_set_singleshot_timer timer = { 0 };
    struct vcpu_info *vi = &shared_info->vcpu_info[0];

    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi);
    send.port = ipi.port;
    for (int i = 0; i < 64; i++)
        shared_info->evtchn_mask[i] = 0;
    BENCH("evtchn_send.masked", vi->evtchn_upcall_pending = 0; vi->evtchn_pending_sel = 0;
          shared_info->evtchn_pending[0] = 0, hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send));

    hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb);
    for (int i = -3; i < ROUNDS; i++) {
        uint64_t t;

        vi->evtchn_upcall_pending = 0;
        vi->evtchn_pending_sel = 0;
        shared_info->evtchn_pending[0] = 0;
        vi->evtchn_upcall_mask = 0;
        t = TRAP("mov $32, %%eax\n mov $4, %%edi\n mov bench_send(%%rip), %%rsi\n syscall\n");
        vi->evtchn_upcall_mask = 1;
        if (i >= 0)
            sample[i] = t + empty;
    }
    report("evtchn_send.deliver");

    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &virq);
    (void)timer;
    BENCH("set_singleshot_timer", timer.timeout_abs_ns = 1UL << 60,
          hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer));
    BENCH("set_singleshot_timer.past", vi->evtchn_upcall_pending = 0; vi->evtchn_pending_sel = 0;
          shared_info->evtchn_pending[0] = 0; timer.timeout_abs_ns = 1,
          hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer));
}

void *bench_send;

void test_main(void)
{
    static struct evtchn_send s = { .port = 1 };

    bench_send = &s;
    hypercalls();
    page_tables();
    traps();
    events();
}
