/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small library under the test kernels: hypercalls, console output, traps, page-table access,
 * checks. A test is one main.c with `void test_main(void)`; it prints `ok NAME: what` or `FAIL
 * NAME: what` a check, and `done NAME` at the end.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#define __XEN_TOOLS__ 1
#include <xen/xen.h>

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#define XEN_ERRNO(name, value) X##name = value,
enum guest_errno {
#include <xen/errno.h>
};

#define VIRT_BASE 0xffffffff80000000UL
#define PAGE 4096UL
#define PTE_P 1UL
#define PTE_W 2UL
#define PTE_U 4UL
#define PTE_A 0x20UL
#define PTE_D 0x40UL
#define PTE_RW_KERNEL (PTE_P | PTE_W | PTE_A | PTE_D)
#define PTE_RO_KERNEL (PTE_P | PTE_A)
#define PTE_ADDR 0x000ffffffffff000UL

extern const char *test_name; /* each main.c defines it */
void test_main(void);

struct trap_frame {
    uint64_t rax, rbx, rdx, rbp, rsi, rdi, r8, r9, r10, r12, r13, r14, r15;
    uint64_t vector, rcx, r11, error_code, rip, cs, rflags, rsp, ss;
};

/* --- hypercalls ------------------------------------------------------------------------------- */

static inline long hypercall5(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                              uint64_t e)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    long ret;

    __asm__ volatile("syscall" : "=a"(ret), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8) : "0"(nr)
                     : "rcx", "r11", "memory");
    return ret;
}
#define hypercall(nr, ...) HC_PAD(nr, __VA_ARGS__, 0, 0, 0, 0, 0)
#define HC_PAD(nr, a, b, c, d, e, ...) \
    hypercall5((nr), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e))

/* --- output and checks ------------------------------------------------------------------------ */

/* %s %d %u %x %lx %ld %lu %p %c. Not from a domU, whose console is not ours. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void check_(bool ok, const char *what, const char *file, int line, long got, long want);
#define CHECK(cond, what) check_((cond), what, __FILE__, __LINE__, 0, 1)
#define CHECK_EQ(got, want, what)                                                     \
    do {                                                                              \
        long got_ = (long)(got), want_ = (long)(want);                                \
        check_(got_ == want_, what, __FILE__, __LINE__, got_, want_);                 \
    } while (0)
void skip(const char *what); /* a check that cannot be made here: `what` says why */
/* for defects of the stock hypervisor only: checks are the same for both */
bool on_granta(void);
bool has_word(const char *text, const char *word); /* it occurs there */
void __attribute__((noreturn)) poweroff(void);
/* How a copy of this kernel keeps its checks until they are read: domu.c. */
enum note_kind { NOTE_FAIL, NOTE_OK, NOTE_SKIP };
void domu_note(enum note_kind kind, const char *what, const char *file, int line, long got,
               long want);
bool in_domu(void); /* whether this is such a copy */
void domu_main(void) __attribute__((noreturn));

/* --- traps ------------------------------------------------------------------------------------ */

/*
 * A handler returns true when it has dealt with the trap (it may change the frame). NULL: a trap is
 * a failure.
 */
typedef bool trap_fn(struct trap_frame *f);
extern trap_fn *trap_handler[256];
void traps_install(void); /* all 256 vectors; done before test_main */
extern uint8_t trap_dpl[256]; /* change, then traps_install() again */
extern char trap_stubs[]; /* 16 bytes a vector */

/*
 * Run one instruction (asm text, then its operands from the first colon to the inputs) that may
 * fault: the vector it raised, or -1. The frame is in last_trap. Faulting instructions continue
 * after themselves.
 */
#define PROBE(insn, operands...)                                             \
    ({                                                                       \
        probe_vector = -1;                                                   \
        __asm__ volatile("1: " insn "\n2:\n.pushsection .ex_table, \"aw\"\n" \
                         ".quad 1b, 2b\n.popsection"                         \
                         operands : "memory");                               \
        probe_vector;                                                        \
    })
extern volatile int probe_vectors[2]; /* one for each vcpu, as is the frame */
extern struct trap_frame last_traps[2];
#define probe_vector probe_vectors[this_vcpu()]
#define last_trap last_traps[this_vcpu()]
/* 0 and the value, or the vector that the access raised. */
int probe_read(const void *p, uint64_t *v);
int probe_write(void *p, uint64_t v);

/* --- memory ----------------------------------------------------------------------------------- */

extern struct start_info *start_info;
extern struct shared_info *shared_info;
static inline uint64_t pfn_to_mfn(uint64_t pfn)
{
    return ((const uint64_t *)start_info->mfn_list)[pfn];
}
static inline uint64_t va_to_pfn(const void *p) { return ((uint64_t)p - VIRT_BASE) / PAGE; }
static inline uint64_t va_to_mfn(const void *p) { return pfn_to_mfn(va_to_pfn(p)); }
void *alloc_page(void); /* zeroed, mapped read-write in the initial region; never freed */
/* The entry that maps va at a level (1 to 4) of the current tables: our read-only view of it. */
uint64_t *pt_entry(uint64_t va, int level);
uint64_t pt_entry_maddr(uint64_t va, int level); /* machine address of it, for mmu_update */
long set_va(uint64_t va, uint64_t pte);          /* update_va_mapping with INVLPG */
/* a frame of ours that is not mapped anywhere, each time another one */
uint64_t spare_mfn(void);
static inline const uint64_t *m2p(void) { return (const uint64_t *)0xffff800000000000UL; }

/* --- vcpus ------------------------------------------------------------------------------------ */

#define VCPU_STACK 32768
extern char vcpu1_stack[VCPU_STACK];
static inline unsigned int this_vcpu(void)
{
    uint64_t at = (uint64_t)__builtin_frame_address(0) - (uint64_t)vcpu1_stack;

    return at <= VCPU_STACK;
}
/*
 * A context that runs fn() on vcpu 1's stack and this vcpu's page tables, with the library's traps
 * and events.
 */
struct vcpu_guest_context *vcpu_context(void (*fn)(void));
long vcpu_start(void (*fn)(void)); /* initialise vcpu 1 with that and bring it up */
/* by VCPUOP_register_vcpu_info; NULL: the one in shared_info */
extern struct vcpu_info *registered_info[2];
static inline struct vcpu_info *my_info(void)
{
    return registered_info[this_vcpu()] ?: &shared_info->vcpu_info[this_vcpu()];
}

/* --- events ----------------------------------------------------------------------------------- */

#define EVENT_PORTS 4096
/* upcalls that found the port pending and unmasked (2-level) */
extern volatile unsigned int event_count[EVENT_PORTS];
extern volatile unsigned char event_vcpu[EVENT_PORTS]; /* and the vcpu of the last one */
extern void (*event_hook)(void);                       /* instead of counting */
void events_start(void); /* register the event callback of vcpu 0; events stay masked */
static inline void events_on(void)
{
    my_info()->evtchn_upcall_mask = 0;
    hypercall(__HYPERVISOR_xen_version, XENVER_version, 0); /* what came while masked comes now */
}
static inline void events_off(void)
{
    my_info()->evtchn_upcall_mask = 1;
    __asm__ volatile("" : : : "memory");
}
static inline long evtchn_op(int op, void *arg)
{
    return hypercall(__HYPERVISOR_event_channel_op, op, arg);
}
static inline void bit_flip(volatile uint64_t *map, unsigned int bit, bool on)
{
    if (on)
        __atomic_or_fetch(&map[bit / 64], 1UL << bit % 64, __ATOMIC_SEQ_CST);
    else
        __atomic_and_fetch(&map[bit / 64], ~(1UL << bit % 64), __ATOMIC_SEQ_CST);
}
static inline bool bit_is_on(const volatile uint64_t *map, unsigned int bit)
{
    return map[bit / 64] >> bit % 64 & 1;
}
uint64_t now_ns(void); /* system time, by this vcpu's time info and the TSC */

void *memset(void *p, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int strcmp(const char *a, const char *b);
static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

#endif
