/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls other than the 64-bit SYSCALL: SYSENTER, and SYSCALL from 32-bit code. Which exist
 * is the cpu's affair: an Intel one has SYSENTER in both kinds of code and no 32-bit SYSCALL, an
 * AMD one the 32-bit SYSCALL alone; QEMU has the latter for either vendor.
 */
#include "user.h"

const char *test_name = "fastcall";

#define LOW 0x10000000UL /* where 32-bit code can be: its page, with a stack at the end */
#define LOW_STACK (LOW + 0xff0)
#define FLAG_TF 0x100UL
#define FLAG_IF 0x200UL
#define FLAG_DF 0x400UL
#define FLAG_NT 0x4000UL
#define FLAG_AC 0x40000UL
#define FLAGS 0x202UL

/* The entries leave here what they found: their frame, flags, and two registers. */
struct entry {
    uint64_t rcx, r11, rip, cs, rflags, rsp, ss;
    uint64_t flags_now, rax, which;
} entry;

extern char sysenter_entry[], syscall_entry[], syscall32_entry[];
__asm__(".pushsection .text\n"
        "sysenter_entry: movq $1, 72+entry(%rip)\n jmp 1f\n"
        "syscall_entry: movq $3, 72+entry(%rip)\n jmp 1f\n"
        "syscall32_entry: movq $2, 72+entry(%rip)\n"
        "1: mov %rax, 64+entry(%rip)\n"
        "  pushfq\n popq 56+entry(%rip)\n pushq $2\n popfq\n"
        "  mov %rsp, %rsi\n lea entry(%rip), %rdi\n mov $7, %ecx\n rep movsq\n"
        "  jmp user_back\n"
        ".popsection");
enum { NOTHING, SYSENTER, SYSCALL32, SYSCALL };

/* mov $0x1234, %eax; the call; ud2: the same bytes in 64-bit and 32-bit code. */
static const uint8_t sysenter_code[] = { 0xb8, 0x34, 0x12, 0, 0, 0x0f, 0x34, 0x0f, 0x0b };
static const uint8_t syscall_code[] = { 0xb8, 0x34, 0x12, 0, 0, 0x0f, 0x05, 0x0f, 0x0b };
#define CALL_AT 5 /* the call itself */
#define SYSENTER_AT LOW
#define SYSCALL_AT (LOW + 0x100)

static bool is_intel(void)
{
    uint32_t a = 0, b, c = 0, d;

    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b == 0x756e6547; /* "Genu" */
}

/* A page of code at LOW, under tables of its own. */
static long map_low(void)
{
    uint64_t *table[4], mfn;
    uint8_t *code = alloc_page();
    struct mmu_update u;

    memcpy(code, sysenter_code, sizeof(sysenter_code));
    memcpy(code + (SYSCALL_AT - LOW), syscall_code, sizeof(syscall_code));
    mfn = va_to_mfn(code);
    for (int level = 1; level <= 3; level++) {
        table[level] = alloc_page();
        table[level][LOW >> (12 + 9 * (level - 1)) & 511] = mfn << 12 | PTE_RW_KERNEL | PTE_U;
        mfn = va_to_mfn(table[level]);
        if (set_va((uint64_t)table[level], mfn << 12 | PTE_RO_KERNEL))
            return -1;
    }
    u.ptr = pt_entry_maddr(LOW, 4);
    u.val = mfn << 12 | PTE_RW_KERNEL | PTE_U;
    return hypercall(__HYPERVISOR_mmu_update, &u, 1, 0, DOMID_SELF);
}

static void registers(unsigned int type, const char *handler, unsigned int flags)
{
    struct callback_register cb = {
        .type = (uint16_t)type, .flags = (uint16_t)flags, .address = (unsigned long)handler
    };

    CHECK_EQ(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0,
             "register the entry");
}

static void keeps(unsigned int type)
{
    struct callback_unregister cb = { .type = (uint16_t)type };

    CHECK_EQ(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &cb), -XEINVAL,
             "the entry cannot be taken back");
}

static void call(uint64_t cs, uint64_t rip, uint64_t rflags)
{
    memset(&entry, 0, sizeof(entry));
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    run_user_at(cs, rip, LOW_STACK, rflags);
}

/* What every entry has in common. */
static void check_entry(unsigned int which, bool masks)
{
    CHECK_EQ(entry.which, which, "... comes to its entry");
    CHECK_EQ(entry.rax, 0x1234, "... with the user's rax");
    CHECK_EQ(entry.ss, USER_SS, "... and ss is flat");
    CHECK_EQ(entry.cs >> 32, 0, "... the frame says that events were not masked");
    CHECK_EQ(entry.rflags & FLAG_IF, FLAG_IF, "... IF was set");
    CHECK_EQ(entry.flags_now & (FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC), 0,
             "... the entry starts without TF, DF, NT and AC");
    CHECK_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, masks,
             masks ? "... and events are masked" : "... and events are not masked");
}

/* It saves nothing: the user's library knows where to go on. */
static void check_sysenter(bool masks)
{
    check_entry(SYSENTER, masks);
    CHECK_EQ(entry.rip, 0, "... nothing is known of rip");
    CHECK_EQ(entry.cs & 3, 3, "... only that it was user code");
    CHECK_EQ(entry.rsp, 0, "... nor of rsp");
}

static void sysenter(uint64_t cs)
{
    static const struct {
        uint64_t flag;
        const char *what;
    } odd[] = {
        { FLAG_DF, "SYSENTER with DF set" },
        { FLAG_AC, "SYSENTER with AC set" },
        { FLAG_NT, "SYSENTER with NT set" },
        { FLAG_TF, "SYSENTER while single-stepping" },
    };

    registers(CALLBACKTYPE_sysenter, sysenter_entry, CALLBACKF_mask_events);
    call(cs, SYSENTER_AT, FLAGS);
    CHECK_EQ(user_trap.vector, NO_TRAP, "SYSENTER does not trap");
    check_sysenter(true);
    registers(CALLBACKTYPE_sysenter, sysenter_entry, 0);
    call(cs, SYSENTER_AT, FLAGS);
    check_sysenter(false);
    for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        /* behind the mov: a step would end there */
        call(cs, SYSENTER_AT + CALL_AT, FLAGS | odd[i].flag);
        CHECK_EQ(entry.which, SYSENTER, odd[i].what);
        CHECK_EQ(entry.flags_now & (FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC), 0,
                 "... comes to its entry without them");
    }
    keeps(CALLBACKTYPE_sysenter);
}

static void sysenter_without_entry(void)
{
    call(USER_CS64, SYSENTER_AT, FLAGS);
    CHECK_EQ(user_trap.vector, 13, "SYSENTER without an entry raises #GP");
    CHECK_EQ(user_trap.error_code, 0, "... with error code 0");
}

/* Where the cpu refuses it, the user hears of it and nobody else. */
static void no_sysenter(uint64_t cs)
{
    registers(CALLBACKTYPE_sysenter, sysenter_entry, 0);
    call(cs, SYSENTER_AT, FLAGS);
    CHECK(user_trap.vector == 6 || user_trap.vector == 13, "SYSENTER raises #UD or #GP");
    CHECK_EQ(user_trap.rip, SYSENTER_AT + CALL_AT, "... at the instruction");
    CHECK_EQ(entry.which, NOTHING, "... and is not entered");
}

static void check_syscall32(bool masks)
{
    check_entry(SYSCALL32, masks);
    CHECK_EQ(entry.rip, SYSCALL_AT + CALL_AT + 2, "... rip is behind it");
    CHECK_EQ(entry.cs & 0xffff, USER_CS32, "... cs is the user's");
    CHECK_EQ(entry.rsp, LOW_STACK, "... rsp is the user's");
}

/* An entry for the 64-bit SYSCALL does not help. */
static void syscall32_without_entry(void)
{
    for (unsigned int i = 0; i < 2; i++) {
        call(USER_CS32, SYSCALL_AT, FLAGS);
        CHECK_EQ(user_trap.vector, 6, "SYSCALL in 32-bit code without an entry raises #UD");
        CHECK_EQ(user_trap.rip, SYSCALL_AT + CALL_AT, "... at the instruction");
        registers(CALLBACKTYPE_syscall, syscall_entry, CALLBACKF_mask_events);
    }
}

static void syscall32(void)
{
    syscall32_without_entry();
    registers(CALLBACKTYPE_syscall32, syscall32_entry, 0);
    call(USER_CS32, SYSCALL_AT, FLAGS);
    if (is_intel() && user_trap.vector == 6) {
        skip("this cpu has no SYSCALL in 32-bit code");
        return;
    }
    CHECK_EQ(user_trap.vector, NO_TRAP, "SYSCALL in 32-bit code does not trap");
    /* the stock hypervisor looks at the flag of the 64-bit SYSCALL here */
    check_syscall32(!on_granta());
    registers(CALLBACKTYPE_syscall32, syscall32_entry, CALLBACKF_mask_events);
    call(USER_CS32, SYSCALL_AT, FLAGS | FLAG_DF | FLAG_AC);
    check_syscall32(true);
    CHECK_EQ(entry.rflags & FLAG_DF, FLAG_DF, "... the frame has the user's DF");
    keeps(CALLBACKTYPE_syscall32);
}

void test_main(void)
{
    user_init();
    CHECK_EQ(map_low(), 0, "map a page of code below 4 GiB");
    if (is_intel()) {
        sysenter_without_entry();
        sysenter(USER_CS64);
        sysenter(USER_CS32);
    } else {
        no_sysenter(USER_CS64);
        no_sysenter(USER_CS32);
    }
    syscall32();
}
