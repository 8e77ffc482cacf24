/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of the kernel that nothing of its own causes: NMIs, from another vcpu and from the
 * machine, and the failsafe callback, when its segments cannot be loaded any more.
 */
#include "guest.h"

#include <xen/nmi.h>

const char *test_name = "callbacks";

#define NMI 2
#define SELECTOR 0x1bU /* the data segment in our GDT */
#define DATA_SEGMENT 0x00cff3000000ffffUL
#define PATIENCE 2000000000UL /* ns */
#define MANY 1000

/* --- NMIs ------------------------------------------------------------------------------------- */

static volatile unsigned int nmis, depth, max_depth, again;
static volatile uint8_t masked_inside;

static long send_nmi(unsigned int vcpu)
{
    return hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, vcpu, 0);
}

/* Asks for `again` more from inside: they have to wait until this one is over. */
static bool on_nmi(struct trap_frame *f)
{
    if (++depth > max_depth)
        max_depth = depth;
    nmis++;
    masked_inside = my_info()->evtchn_upcall_mask;
    if (again) {
        again--;
        send_nmi(this_vcpu());
    }
    depth--;
    return f->vector == NMI;
}

static void nmi_to_self(void)
{
    events_off();
    CHECK_EQ(send_nmi(0), 0, "send an NMI to this vcpu");
    CHECK_EQ(nmis, 1, "... it is there at once, with events masked");
    CHECK_EQ(last_trap.cs & 0xffff, 0xe030, "... its frame says kernel");
    CHECK_EQ(last_trap.cs >> 32, 1, "... and that events were masked");
    CHECK_EQ(my_info()->evtchn_upcall_mask, 1, "... and they still are");
    nmis = 0;
    again = 2;
    send_nmi(0);
    CHECK_EQ(nmis, 3, "NMIs asked for by the handler come too");
    CHECK_EQ(max_depth, 1, "... each when the one before is over");
    CHECK_EQ(send_nmi(7), -XENOENT, "to a vcpu that is not there");
}

static void nmi_callback(void)
{
    struct callback_register cb = {
        .type = CALLBACKTYPE_nmi, .address = (unsigned long)trap_stubs + 16 * NMI
    };
    struct callback_unregister no = { .type = CALLBACKTYPE_nmi };

    my_info()->evtchn_upcall_mask = 0;
    nmis = 0;
    send_nmi(0);
    CHECK_EQ(nmis, 1, "an NMI by the trap table");
    CHECK_EQ(masked_inside, 0, "... leaves events as they are");
    CHECK_EQ(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0,
             "register an NMI callback");
    send_nmi(0);
    CHECK_EQ(nmis, 2, "... which is called");
    CHECK_EQ(masked_inside, 1, "... with events masked");
    CHECK_EQ(my_info()->evtchn_upcall_mask, 0, "... until its iret");
    CHECK_EQ(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &no), 0, "take it back");
    send_nmi(0);
    CHECK_EQ(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0, "and register it");
    CHECK_EQ(nmis, 2, "an NMI that nobody wanted does not come later");
    events_off();
}

/* Sleeps for a while. True: an NMI has ended it. */
static bool nmi_wakes(void)
{
    uint64_t end = now_ns() + PATIENCE;
    struct sched_poll poll = { .timeout = end };

    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
    return nmis != 0 && now_ns() < end;
}

/*
 * The runner reads the line and gives the machine an NMI. One that is there before this vcpu sleeps
 * shows nothing.
 */
static void nmi_of_machine(void)
{
    bool woken = false;

    for (unsigned int i = 0; i < 3 && !woken; i++) {
        nmis = 0;
        shared_info->arch.nmi_reason = 0;
        print("%s: an NMI, please\n", test_name);
        woken = nmi_wakes();
        CHECK_EQ(nmis, 1, "an NMI of the machine");
        CHECK_EQ(shared_info->arch.nmi_reason, XEN_NMIREASON_unknown, "... for a reason not known");
    }
    CHECK(woken, "an NMI of the machine wakes this vcpu");
}

/* --- failsafe --------------------------------------------------------------------------------- */

struct failsafe {
    uint64_t rcx, r11, ds, es, fs, gs, rip, cs, rflags, rsp, ss;
} failsafe;
volatile uint64_t failsafes;
extern char failsafe_entry[];
__asm__(".pushsection .text\n"
        "failsafe_entry:\n"
        "  push %rax\n push %rsi\n push %rdi\n"
        "  lea 24(%rsp), %rsi\n lea failsafe(%rip), %rdi\n mov $11, %ecx\n cld\n rep movsq\n"
        "  incq failsafes(%rip)\n"
        "  xor %eax, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n"
        "  pop %rdi\n pop %rsi\n pop %rax\n"
        "  mov (%rsp), %rcx\n mov 8(%rsp), %r11\n add $48, %rsp\n"
        "  pushq $0\n push %rcx\n push %r11\n push %rax\n mov $23, %eax\n syscall\n ud2\n"
        ".popsection");

static volatile bool run_vcpu1 = true;
static void vcpu1(void)
{
    while (run_vcpu1)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
    for (;;)
        ;
}

static void let_other_run(void)
{
    for (unsigned int i = 0; i < MANY && failsafes == 0; i++)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static unsigned int read_ds(void)
{
    unsigned int sel;

    __asm__ volatile("mov %%ds, %0" : "=r"(sel));
    return sel;
}

static void set_gdt(uint64_t *gdt)
{
    uint64_t mfn = va_to_mfn(gdt);

    gdt[SELECTOR / 8] = DATA_SEGMENT;
    set_va((uint64_t)gdt, mfn << 12 | PTE_RO_KERNEL);
    CHECK_EQ(hypercall(__HYPERVISOR_set_gdt, &mfn, 512), 0, "a GDT with a data segment");
}

static void failsafe_callback(void)
{
    struct callback_register cb = {
        .type = CALLBACKTYPE_failsafe, .flags = CALLBACKF_mask_events,
        .address = (unsigned long)failsafe_entry
    };
    uint64_t *gdt = alloc_page();
    uint64_t entry = va_to_mfn(gdt) << 12 | (SELECTOR & ~7U);

    set_gdt(gdt);
    CHECK_EQ(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0,
             "register a failsafe callback");
    CHECK_EQ(vcpu_start(vcpu1), 0, "start another vcpu on the same cpu");
    __asm__ volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(SELECTOR));
    let_other_run();
    CHECK_EQ(failsafes, 0, "segments that are there are loaded");
    CHECK_EQ(read_ds(), SELECTOR, "... as they were");
    CHECK_EQ(hypercall(__HYPERVISOR_update_descriptor, entry, 0), 0, "take the segment away");
    let_other_run();
    CHECK_EQ(failsafes, 1, "the failsafe callback is called");
    CHECK_EQ(failsafe.ds & 0xffff, SELECTOR, "... with the selector that DS had");
    CHECK_EQ(failsafe.es & 0xffff, SELECTOR, "... and ES");
    CHECK_EQ(failsafe.fs & 0xffff, 0, "... and FS");
    CHECK_EQ(failsafe.cs & 0xffff, 0xe030, "... out of the kernel");
    CHECK_EQ(failsafe.cs >> 32 & 0xff, 1, "... which had events masked");
    failsafes = 0;
    let_other_run();
    CHECK_EQ(failsafes, 0, "... and once");
    run_vcpu1 = false;
}

void test_main(void)
{
    trap_handler[NMI] = on_nmi;
    events_start();
    nmi_to_self();
    nmi_callback();
    nmi_of_machine();
    failsafe_callback();
}
