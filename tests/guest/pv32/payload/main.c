/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 32-bit guest: what its kernel in ring 1 may do, what it must not, and its user in ring 3.
 * Its checks go into the mailbox, which its maker prints.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "mailbox.h"

#define E_PERM 1
#define E_FAULT 14
#define E_INVAL 22
#define E_NOSYS 38
#define PAGE 4096U
#define P 1ULL
#define W 2ULL
#define U 4ULL
#define NX (1ULL << 63)
#define RING1_CS 0xe019
#define RING1_DS 0xe021
#define RING3_CS 0xe02b
#define RING3_DS 0xe033
#define HV_CS 0xe008
#define M2P ((volatile uint32_t *)0xf5800000U)
#define EVENT 256

struct frame {
    uint32_t es, ds; /* the lower halves */
    uint32_t edi, esi, ebp, unused, ebx, edx, ecx, eax;
    uint32_t vector, error, eip, cs, eflags;
    uint32_t esp, ss; /* from ring 3 */
};

extern char start32[], trap_stubs32[], event32[], kernel_stack_top[];
void run_user(uint32_t entry, uint32_t esp, uint32_t ds);
void leave_user(void) __attribute__((noreturn));
void main32(void);
void trap32(struct frame *f);

struct mailbox box __attribute__((section(".mailbox"))) = {
    .magic = MAGIC32, .entry = (uint32_t)start32
};
static volatile struct shared_info *shared;
#define A_PAGE __attribute__((aligned(PAGE)))
static char page_a[PAGE] A_PAGE, page_b[PAGE] A_PAGE, gdt_page[PAGE] A_PAGE;

/* --- plumbing --------------------------------------------------------------------------------- */

static long call(uint32_t nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e)
{
    long rc;

    __asm__ volatile("int $0x82" : "=a"(rc), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e)
                     : "0"(nr) : "memory");
    return rc;
}
#define CALL(nr, ...) CALL_PAD(nr, __VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_PAD(nr, a, b, c, d, e, ...) \
    call(__HYPERVISOR_##nr, (uint32_t)(a), (uint32_t)(b), (uint32_t)(c), (uint32_t)(d), \
         (uint32_t)(e))

static void note(bool ok, const char *what, uint32_t got, uint32_t want)
{
    struct note32 *n = &box.note[box.nr_notes];
    unsigned int i;

    if (box.nr_notes == NOTES32)
        return;
    n->ok = ok;
    n->got = got;
    n->want = want;
    for (i = 0; what[i] && i < WHAT32 - 1; i++)
        n->what[i] = what[i];
    box.nr_notes++;
}
#define EQ(got, want, what) \
    do { \
        uint32_t got_ = (uint32_t)(got), want_ = (uint32_t)(want); \
        note(got_ == want_, what, got_, want_); \
    } while (0)
#define CHECK(cond, what) note(cond, what, 0, 1)

static void stop(unsigned int reason)
{
    struct sched_shutdown s = { .reason = reason };

    CALL(sched_op, SCHEDOP_shutdown, &s);
    for (;;)
        ;
}

static uint32_t pfn_of(const volatile void *va) { return ((uint32_t)va - BASE32) / PAGE; }
static uint32_t mfn(uint32_t pfn) { return ((uint32_t *)(BASE32 + box.p2m_pfn * PAGE))[pfn]; }
static uint64_t pte(uint32_t pfn, uint64_t flags) { return (uint64_t)mfn(pfn) << 12 | flags; }
static volatile uint64_t *table(uint32_t pfn) { return (uint64_t *)(BASE32 + pfn * PAGE); }

static long set_va(uint32_t va, uint64_t e)
{
    return CALL(update_va_mapping, va, e, e >> 32, UVMF_INVLPG);
}

static long update(uint32_t pfn, unsigned int slot, uint64_t e)
{
    struct mmu_update u = { ((uint64_t)mfn(pfn) << 12) + slot * 8, e };

    return CALL(mmu_update, &u, 1, 0, DOMID_SELF);
}

static long mmuext(unsigned int cmd, uint32_t frame)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = frame };

    return CALL(mmuext_op, &op, 1, 0, DOMID_SELF);
}

/* --- traps ------------------------------------------------------------------------------------ */

static struct frame last;
static volatile int raised;
static volatile uint32_t fixup, event_cs_word, nr_events;
static volatile bool in_user;

void trap32(struct frame *f)
{
    if (f->vector == EVENT) {
        nr_events++;
        event_cs_word = f->cs;
        shared->vcpu_info[0].evtchn_upcall_pending = 0;
        shared->vcpu_info[0].evtchn_pending_sel = 0;
        return;
    }
    last = *f;
    raised = (int)f->vector;
    if ((f->cs & 3) == 3 && in_user) {
        in_user = false;
        leave_user();
    }
    if (!fixup) {
        note(false, "a trap that nothing should raise: vector", f->vector, 0);
        note(false, "... at", f->eip, f->error);
        stop(SHUTDOWN_crash);
    }
    f->eip = fixup;
    f->cs = RING1_CS;
    fixup = 0;
}

/* The vector that the instructions raise, or -1. They may change eax, ecx, edx, and the stack. */
uint32_t probe_esp;
#define TRAP_OF(insns, in...) \
    ({ \
        raised = -1; \
        __asm__ volatile("mov %%esp, probe_esp\n\tmovl $9f, %0\n\t" insns \
                         "\n9:\tmov probe_esp, %%esp\n\tmovl $0, %0" : "+m"(fixup) : in \
                         : "eax", "ecx", "edx", "memory"); \
        raised; \
    })

static struct trap_info t[257];

static void install_traps(uint32_t cs)
{
    for (unsigned int i = 0; i < 256; i++) {
        t[i] = (struct trap_info){ (uint8_t)i, 0, (uint16_t)cs, (uint32_t)trap_stubs32 + 16 * i };
        if (i == 0x80 || i == 3)
            t[i].flags = 3;
        if (i == 0x83)
            t[i].flags = 1;
    }
    EQ(CALL(set_trap_table, t), 0, "set the trap table");
}

static void trap_tests(void)
{
    uint16_t cs, ss;

    __asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
    EQ(cs, RING1_CS, "the kernel is in ring 1");
    EQ(ss, RING1_DS, "... and so is its stack");
    EQ(TRAP_OF("ud2"), 6, "an invalid opcode comes to its handler");
    EQ(last.cs & 0xffff, RING1_CS, "... with the kernel's cs in the frame");
    EQ(last.cs >> 16, 1, "... and the upcall mask");
    EQ(TRAP_OF("int $0x80"), 0x80, "INT n goes to the guest's own vector");
    EQ(TRAP_OF("int $0x83"), 0x83, "... also where only the kernel may");
    EQ(TRAP_OF("int $0x84"), 13, "... and is #GP where nobody may");
    EQ(last.error, 0x84 * 8 + 2, "... with the vector in the error code");
    EQ(TRAP_OF("int3"), 3, "a breakpoint");
    EQ(TRAP_OF("movl 0x500000, %%eax"), 14, "a page fault");
    EQ(last.error, 0, "... reading what is not there, in the kernel");
    EQ(shared->vcpu_info[0].arch.cr2, 0x500000, "... at the address in cr2");
    EQ(TRAP_OF("divl %1", "m"(nr_events)), 0, "a division by zero");
}

static void call_tests(void)
{
    struct xen_platform_parameters pp = { 0 };
    struct xen_machphys_mapping mm = { 0 };
    struct xen_feature_info fi = { 0 };
    struct multicall_entry mc[2] = {
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_version, 0 } },
        { .op = __HYPERVISOR_update_va_mapping,
          .args = { (uint32_t)page_a, (uint32_t)pte(pfn_of(page_b), P),
                    (uint32_t)(pte(pfn_of(page_b), P) >> 32), UVMF_INVLPG } },
    };

    EQ(CALL(xen_version, XENVER_version, 0) >> 16, 4, "a hypercall answers");
    EQ(call(63, 0, 0, 0, 0, 0), -E_NOSYS, "one that does not exist says so");
    EQ(CALL(set_segment_base, 0, 0), -E_NOSYS, "set_segment_base is for others");
    EQ(CALL(xen_version, XENVER_platform_parameters, &pp), 0, "platform parameters");
    EQ(pp.virt_start, 0xf5800000, "... name where the guest's addresses end");
    EQ(CALL(memory_op, XENMEM_machphys_mapping, &mm), 0, "the place of the M2P");
    EQ(mm.v_start, 0xf5800000, "... is there too");
    EQ(mm.max_mfn, (mm.v_end - mm.v_start) / 4 - 1, "... and how many frames it tells of");
    EQ(CALL(xen_version, XENVER_get_features, &fi), 0, "features");
    EQ(CALL(xen_version, XENVER_platform_parameters, 0xf5800000), -E_FAULT,
       "nothing is written to it");
    EQ(CALL(xen_version, XENVER_platform_parameters, 0xfffffffe), -E_FAULT,
       "... nor beyond the end");
    EQ(CALL(multicall, mc, 2), 0, "a multicall");
    EQ(mc[0].result, CALL(xen_version, XENVER_version, 0), "... of a call");
    EQ(mc[1].result, 0, "... and one whose value takes two arguments");
    *(volatile uint32_t *)page_b = 4711;
    EQ(*(volatile uint32_t *)page_a, 4711, "... which has had its effect");
    EQ(set_va((uint32_t)page_a, pte(pfn_of(page_a), P | W)), 0, "put it back");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void write_half(volatile void *at, uint32_t v)
{
    *(volatile uint32_t *)at = v;
}

/* The lower half of what was there. */
static uint32_t cmpxchg8b(volatile uint64_t *at, uint64_t old, uint64_t new)
{
    __asm__ volatile("lock cmpxchg8b %1" : "+A"(old), "+m"(*at)
                     : "b"((uint32_t)new), "c"((uint32_t)(new >> 32)) : "cc");
    return (uint32_t)old & ~0x60U; /* accessed and dirty are the cpu's */
}

static void table_tests(void)
{
    const uint32_t l1_slot = pfn_of(page_a) % 512, l1 = box.l1_pfn + pfn_of(page_a) / 512;
    volatile uint64_t *const e = table(l1) + l1_slot;

    EQ(set_va((uint32_t)page_a, pte(box.l1_pfn, P | W)), -E_INVAL, "no writable page table");
    EQ(set_va((uint32_t)page_a, pte(box.top_pfn, P | W)), -E_INVAL, "... of any level");
    EQ(set_va((uint32_t)page_a, pte(box.l3_pfn, P | W)), -E_INVAL, "... that is");
    EQ(set_va(0xf5800000, pte(pfn_of(page_a), P | W)), -E_INVAL, "no mapping where ours are");
    EQ(set_va(0xfffff000, pte(pfn_of(page_a), P | W)), -E_INVAL, "... up to the end");
    EQ(update(box.top_pfn, 428, pte(box.l1_pfn, P)), -E_INVAL, "no table of its own there");
    EQ(update(box.top_pfn, 511, 0), -E_INVAL, "... and ours stay");
    EQ(update(box.top_pfn, 427, pte(box.l1_pfn, P)), 0, "but below");
    EQ(update(box.top_pfn, 427, 0), 0, "... and no more");
    EQ(update(box.l3_pfn, 3, 0), -E_INVAL, "the last entry of an L3 stays");
    EQ(update(box.l3_pfn, 3, pte(box.l2_pfn, P)), -E_INVAL, "... what it is");
    EQ(update(box.l3_pfn, 4, pte(box.l2_pfn, P)), -E_INVAL, "there are four entries");
    EQ(update(box.l3_pfn, 0, pte(box.top_pfn, P)), -E_INVAL, "the L2 with ours is for the last");
    EQ(update(box.l3_pfn, 0, pte(box.l2_pfn, P | NX)), -E_INVAL, "such an entry has no NX");
    EQ(update(box.l3_pfn, 0, pte(box.l3_pfn, P)), -E_INVAL, "... and no L3 behind it");
    EQ(update(box.l3_pfn, 1, pte(box.l2_pfn, P)), 0, "an L2 may be behind two entries");
    EQ(update(box.l3_pfn, 1, 0), 0, "... or one");
    EQ(mmuext(MMUEXT_PIN_L4_TABLE, mfn(pfn_of(page_b))), -E_INVAL, "there are no L4s");
    *(volatile uint32_t *)page_b = 0; /* as an L3, without a last entry */
    EQ(set_va((uint32_t)page_b, pte(pfn_of(page_b), P)), 0, "make a page read-only");
    EQ(mmuext(MMUEXT_PIN_L3_TABLE, mfn(pfn_of(page_b))), -E_INVAL, "an L3 needs its last entry");
    EQ(set_va((uint32_t)page_b, pte(pfn_of(page_b), P | W)), 0, "... writable again");
    EQ(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn(box.l3_pfn)), -E_INVAL, "no second base pointer");
    EQ(mmuext(MMUEXT_NEW_BASEPTR, mfn(box.top_pfn)), -E_INVAL, "no L2 as base");
    EQ(mmuext(MMUEXT_NEW_BASEPTR, mfn(box.l3_pfn)), 0, "the L3 as base");

    write_half(e, (uint32_t)pte(pfn_of(page_b), P));
    EQ((uint32_t)*e >> 12, mfn(pfn_of(page_b)), "a store to an L1 is done for the guest");
    EQ(cmpxchg8b(e, 0, 0), (uint32_t)pte(pfn_of(page_b), P), "CMPXCHG8B that does not match");
    EQ((uint32_t)*e >> 12, mfn(pfn_of(page_b)), "... leaves the entry");
    cmpxchg8b(e, *e, pte(pfn_of(page_b), P) | NX);
    EQ(*e >> 63, 1, "... and one that does has changed both halves");
    cmpxchg8b(e, *e, pte(pfn_of(page_b), P));
    EQ((uint32_t)(*e >> 32), (uint32_t)(pte(pfn_of(page_b), P) >> 32), "... and again");
    EQ(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0, "flush");
    EQ(TRAP_OF("movl $1, (%1)", "r"(page_a)), 14, "... and its page is read-only now");
    EQ(last.error, 3, "... present, a write");
    EQ(TRAP_OF("movl %1, (%2)", "r"((uint32_t)pte(box.l1_pfn, P | W)), "r"(e)), 14,
       "but not one that makes a table writable");
    write_half(e, (uint32_t)pte(pfn_of(page_a), P | W));
    EQ(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0, "flush");
    *(volatile uint32_t *)page_a = 1;
    EQ(TRAP_OF("movl $0, (%1)", "r"(table(box.top_pfn))), 14, "a store to an L2 is its fault");
    EQ(TRAP_OF("movl $0, (%1)", "r"(table(box.l3_pfn))), 14, "... and one to the L3");

    EQ(M2P[mfn(pfn_of(page_a))], pfn_of(page_a), "the M2P tells the guest's frames");
    EQ(TRAP_OF("movl $0, (%1)", "r"(&M2P[mfn(pfn_of(page_a))])), 14, "it cannot be written");
    EQ(last.error, 3, "... because it is read-only");
    EQ(TRAP_OF("call *%1", "r"(&M2P[0])), 14, "nor executed");
}

/* --- segments --------------------------------------------------------------------------------- */

#define CODE32_DPL(dpl) (0x00cf9a000000ffffULL | (uint64_t)(dpl) << 45)
#define CODE64_DPL3 0x00affa000000ffffULL
#define DATA_DPL3_BASE 0x00cff2000000ffffULL
#define GATE(sel) (0x0000ec0000000000ULL | (uint64_t)(sel) << 16)

static long set_desc(unsigned int i, uint64_t d)
{
    const uint64_t at = ((uint64_t)mfn(pfn_of(gdt_page)) << 12) + i * 8;

    return CALL(update_descriptor, at, at >> 32, d, d >> 32);
}

static void segment_tests(void)
{
    volatile uint64_t *const gdt = (volatile uint64_t *)gdt_page;
    uint32_t frame = mfn(pfn_of(gdt_page)), v = 0, far_pointer[2];

    EQ(CALL(set_gdt, &frame, 512), -E_INVAL, "a GDT that the guest could write is none");
    EQ(set_va((uint32_t)gdt_page, pte(pfn_of(gdt_page), P)), 0, "make it read-only");
    EQ(CALL(set_gdt, &frame, 512), 0, "... and it is one");
    EQ(set_va((uint32_t)gdt_page, pte(pfn_of(gdt_page), P | W)), -E_INVAL, "... and stays so");
    EQ(set_desc(1, CODE64_DPL3), -E_INVAL, "no 64-bit code");
    EQ(set_desc(1, CODE64_DPL3 & ~(3ULL << 45)), -E_INVAL, "... of any ring");
    EQ(set_desc(1, 0x0000890000000067ULL), -E_INVAL, "no TSS");
    EQ(set_desc(1, 0x0000820000000067ULL), -E_INVAL, "no LDT");
    EQ(set_desc(1, 0x00008e0000000067ULL), -E_INVAL, "no interrupt gate");
    EQ(set_desc(1, GATE(HV_CS)), -E_INVAL, "no gate into the hypervisor");
    EQ(set_desc(1, CODE32_DPL(0)), 0, "code for ring 0");
    EQ((uint32_t)(gdt[1] >> 45) & 3, 1, "... is for ring 1");
    EQ(set_desc(2, DATA_DPL3_BASE | (uint64_t)((uint32_t)page_a & 0xffffff) << 16 |
                       (uint64_t)((uint32_t)page_a >> 24) << 56),
       0, "data with a base");
    *(volatile uint32_t *)page_a = 0x1234;
    __asm__ volatile("mov %1, %%fs; movl %%fs:0, %0" : "=r"(v) : "r"(2 * 8 + 3));
    EQ(v, 0x1234, "... is found there");
    EQ(CALL(sched_op, SCHEDOP_yield, 0), 0, "let others run");
    __asm__ volatile("movl %%fs:0, %0" : "=r"(v));
    EQ(v, 0x1234, "... and still after that");
    EQ(set_desc(3, GATE(RING1_CS)), 0, "a gate to ring 1");
    EQ(TRAP_OF("lcall $0x1b, $0"), 13, "... is not taken");
    far_pointer[0] = 0;
    far_pointer[1] = HV_CS;
    EQ(TRAP_OF("ljmp *%1", "m"(far_pointer)), 13, "no jump into ring 0");
    EQ(last.error, HV_CS, "... its selector is named");
    EQ(TRAP_OF("lcall *%1", "m"(far_pointer)), 13, "no call either");
    EQ(TRAP_OF("mov %1, %%ss", "r"(0xe010)), 13, "no stack of ring 0");
    EQ(TRAP_OF("mov %1, %%es", "r"(0xe040)), 13, "the TSS is no data");
    EQ(TRAP_OF("pushf; push $0xe008; push $0; iret"), 13, "IRET does not go there");
    __asm__ volatile("mov %0, %%fs" : : "r"(0)); /* a switch would find it bad, later */
    EQ(CALL(set_gdt, 0, 0), 0, "give the GDT back");
    EQ(set_va((uint32_t)gdt_page, pte(pfn_of(gdt_page), P | W)), 0, "... and write it again");
}

/* What a kernel cannot do by itself. */
static void privilege_tests(void)
{
    EQ(TRAP_OF("hlt"), 13, "HLT");
    EQ(TRAP_OF("cli"), 13, "CLI");
    EQ(TRAP_OF("inb $0x64, %%al"), 13, "IN");
    EQ(TRAP_OF("lgdt page_dummy"), 13, "LGDT");
    EQ(TRAP_OF("mov %%eax, %%cr3"), 13, "a write to CR3");
    EQ(TRAP_OF("mov $0xc0000101, %%ecx; wrmsr"), 13, "a base beyond its addresses");
    EQ(TRAP_OF("mov $0xc0000102, %%ecx; rdmsr"), 13, "another guest's base");
    EQ(TRAP_OF("mov %%cr3, %%eax; clts"), -1, "what is done for it");
}

/* iret to a selector that the cpu refuses: the fault is the guest's. */
static void iret_tests(void)
{
    EQ(TRAP_OF("push $0x202; push $0xe009; push $9f; push %%eax; mov $23, %%eax; int $0x82"), 13,
       "iret to the hypervisor's selector is #GP");
    EQ(last.error, HV_CS, "... and names it");
    EQ(last.cs & 0xffff, 0xe009, "... where it was to go");
}

/* --- events ----------------------------------------------------------------------------------- */

static long evtchn(int op, void *arg) { return CALL(event_channel_op, op, arg); }

static void event_tests(void)
{
    struct evtchn_alloc_unbound au = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    struct evtchn_bind_interdomain bi = { .remote_dom = DOMID_SELF };
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
    struct evtchn_send send;
    volatile struct vcpu_info *const v = &shared->vcpu_info[0];
    uint64_t now;

    EQ(CALL(set_callbacks, RING1_CS, event32, RING1_CS, event32), 0, "set the callbacks");
    EQ(evtchn(EVTCHNOP_alloc_unbound, &au), 0, "a channel");
    v->evtchn_upcall_mask = 1; /* iret has put it off */
    bi.remote_port = au.port;
    EQ(evtchn(EVTCHNOP_bind_interdomain, &bi), 0, "... to itself");
    send.port = bi.local_port;
    EQ(evtchn(EVTCHNOP_send, &send), 0, "an event");
    EQ(shared->evtchn_pending[0] >> au.port & 1, 1, "... is pending where a 32-bit guest looks");
    EQ(v->evtchn_pending_sel & 1, 1, "... and its word is selected");
    EQ(nr_events, 0, "... but masked");
    v->evtchn_upcall_mask = 0;
    CALL(xen_version, XENVER_version, 0);
    EQ(nr_events, 1, "... until it is not");
    EQ(event_cs_word, RING1_CS, "the frame says that events were on");
    EQ(v->evtchn_upcall_mask, 0, "... and iret puts them on again");

    EQ(evtchn(EVTCHNOP_bind_virq, &virq), 0, "the timer");
    now = v->time.system_time + 20000000; /* 20 ms */
    EQ(CALL(set_timer_op, now, now >> 32), 0, "... is set by two halves");
    for (unsigned int i = 0; i < 100 && !(shared->evtchn_pending[0] >> virq.port & 1); i++)
        CALL(sched_op, SCHEDOP_block, 0);
    EQ(shared->evtchn_pending[0] >> virq.port & 1, 1, "... and ends a sleep");
    CHECK(nr_events >= 2, "... with an upcall");
    v->evtchn_upcall_mask = 1;
}

/* --- ring 3 ----------------------------------------------------------------------------------- */

#define USER __attribute__((section(".user"), noinline))
static USER void user_syscall(void) { __asm__ volatile("mov $0x5a, %eax; int $0x80"); }
static USER void user_reads_kernel(void) { __asm__ volatile("movl %0, %%eax" : : "m"(box.magic)); }
static USER void user_hypercall(void) { __asm__ volatile("int $0x82"); }
static USER void user_m2p(void) { __asm__ volatile("movl 0xf5800000, %eax"); }
static USER void user_cli(void) { __asm__ volatile("cli"); }
static USER void user_fast_call(void) { __asm__ volatile("syscall"); }
static USER uint32_t user_plain(void) { return 99; }

static int as_user_with(void (*fn)(void), uint32_t ds)
{
    raised = -1;
    in_user = true;
    run_user((uint32_t)fn, (uint32_t)page_b + PAGE, ds);
    return raised;
}

static int as_user(void (*fn)(void)) { return as_user_with(fn, RING3_DS); }

static void user_tests(void)
{
    const uint32_t code = pfn_of(user_syscall);

    EQ(CALL(stack_switch, RING1_DS, kernel_stack_top), 0, "the kernel's stack");
    EQ(set_va(BASE32 + code * PAGE, pte(code, P | U)), 0, "a page of the user's");
    EQ(set_va((uint32_t)page_b, pte(pfn_of(page_b), P | W | U)), 0, "... and its stack");
    EQ(user_plain(), 99, "the kernel may execute and read what is the user's");
    EQ(as_user(user_syscall), 0x80, "a system call");
    EQ(last.eax, 0x5a, "... with the user's registers");
    EQ(last.cs & 0xffff, RING3_CS, "... from ring 3");
    EQ(last.ss, RING3_DS, "... whose stack is in the frame");
    EQ(last.esp, (uint32_t)page_b + PAGE, "... where it was");
    EQ(last.ds & 0xffff, RING3_DS, "... and whose data segment is still loaded");
    EQ(as_user_with(user_syscall, RING1_DS), 0x80, "a system call, after the kernel left its own");
    EQ(last.ds & 0xffff, 0, "... which the cpu took away");
    EQ(as_user(user_reads_kernel), 14, "the kernel's pages are not the user's");
    EQ(last.error, 5, "... but there");
    EQ(as_user(user_m2p), 14, "the M2P is not either");
    EQ(as_user(user_hypercall), 13, "hypercalls are the kernel's");
    EQ(last.error, 0x82 * 8 + 2, "... and for the user, an INT like others");
    EQ(as_user(user_cli), 13, "CLI is refused");
    EQ(as_user(user_fast_call), 6, "SYSCALL is none, without a callback");
    EQ(last.cs & 0xffff, RING3_CS, "... from ring 3");
}

/* --- a second vcpu ---------------------------------------------------------------------------- */

static struct vcpu_guest_context second;
static volatile bool second_ran;

static long vcpu_op(int op, void *arg) { return CALL(vcpu_op, op, 1, arg); }

/* Runs there, while the first one only waits. */
static void on_second(void)
{
    uint16_t cs;

    __asm__("mov %%cs, %0" : "=r"(cs));
    EQ(cs, RING1_CS, "it runs in ring 1");
    EQ(vcpu_op(VCPUOP_is_up, 0), 1, "... is up");
    EQ(TRAP_OF("ud2"), 6, "... takes its traps");
    EQ(TRAP_OF("movl 0x500000, %%eax"), 14, "... among them page faults");
    EQ(shared->vcpu_info[1].arch.cr2, 0x500000, "... at the address in its own cr2");
    second_ran = true;
    vcpu_op(VCPUOP_down, 0);
    stop(SHUTDOWN_crash);
}

static uint32_t cr3_of(uint32_t frame) { return frame << 12 | frame >> 20; }

static void second_vcpu_tests(void)
{
    second.flags = VGCF_in_kernel | VGCF_online;
    second.user_regs.eip = (uint32_t)on_second;
    second.user_regs.esp = second.kernel_sp = (uint32_t)gdt_page + PAGE;
    second.user_regs.cs = RING1_CS;
    second.user_regs.ds = second.user_regs.es = second.user_regs.ss = RING1_DS;
    second.kernel_ss = RING1_DS;
    for (unsigned int i = 0; i < 256; i++)
        second.trap_ctxt[i] = t[i];
    second.ctrlreg[3] = cr3_of(mfn(box.top_pfn));
    EQ(vcpu_op(VCPUOP_up, 0), -E_INVAL, "a second vcpu is not started before it has a context");
    EQ(vcpu_op(VCPUOP_initialise, &second), -E_INVAL, "... whose base is an L3");
    second.ctrlreg[3] = cr3_of(mfn(box.l3_pfn));
    EQ(vcpu_op(VCPUOP_initialise, &second), 0, "... as this one");
    EQ(vcpu_op(VCPUOP_is_up, 0), 0, "it is not up yet");
    EQ(vcpu_op(VCPUOP_up, 0), 0, "it starts");
    for (unsigned int i = 0; i < 100000 && !second_ran; i++)
        CALL(sched_op, SCHEDOP_yield, 0);
    EQ(second_ran, 1, "it has done its part");
    for (unsigned int i = 0; i < 100000 && vcpu_op(VCPUOP_is_up, 0); i++)
        CALL(sched_op, SCHEDOP_yield, 0);
    EQ(vcpu_op(VCPUOP_is_up, 0), 0, "... and is down again");
}

/*
 * Leaves the x87 unit with an exception that waits, since without one AMD's processors do not save
 * which instruction and operand were last.
 */
static void use_x87(void)
{
    static const uint16_t divisions_fault = 0x037b;
    static const uint32_t zero;
    static uint32_t area[128] __attribute__((aligned(16)));

    __asm__ volatile("fninit; fldcw %1; fld1; fidivl %2; fxsave %0"
                     : "=m"(area) : "m"(divisions_fault), "m"(zero));
    for (unsigned int i = 0; i < 4; i++)
        box.x87[i] = area[2 + i];
}

__asm__(".globl page_dummy\npage_dummy: .space 16");

void main32(void)
{
    shared = (volatile struct shared_info *)page_a; /* for a moment */
    EQ(set_va((uint32_t)gdt_page, (uint64_t)box.shared_mfn << 12 | P | W), 0,
       "map shared_info where a page was");
    shared = (volatile struct shared_info *)gdt_page;
    EQ(shared->vcpu_info[1].evtchn_upcall_mask, 1, "it has the masks");
    CHECK(shared->wc_sec > 1000000000, "... and the time");
    EQ(set_va((uint32_t)BASE32 + 1000 * PAGE, (uint64_t)box.shared_mfn << 12 | P | W), 0,
       "map it where it stays");
    shared = (volatile struct shared_info *)(BASE32 + 1000 * PAGE);
    EQ(set_va((uint32_t)gdt_page, pte(pfn_of(gdt_page), P | W)), 0, "and the page again");
    install_traps(box.run == RUN_BAD_HANDLER ? RING3_CS : RING1_CS);
    if (box.run == RUN_BAD_HANDLER)
        __asm__ volatile("ud2");
    if (box.run == RUN_BAD_STACK)
        __asm__ volatile("mov $0x1000, %esp; ud2");
    if (box.run == RUN_SPIN)
        use_x87();
    while (box.run == RUN_SPIN)
        CALL(sched_op, SCHEDOP_yield, 0);
    trap_tests();
    call_tests();
    table_tests();
    segment_tests();
    privilege_tests();
    iret_tests();
    event_tests();
    second_vcpu_tests();
    user_tests();
    stop(SHUTDOWN_poweroff);
}
