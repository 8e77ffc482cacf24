/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When it is over. The crashing cpu prints registers and the call chain, leaves a record in memory
 * that survives a warm reset, stops the others by NMI, and reboots or halts. Nothing here takes a
 * lock or trusts more than the stack pointer.
 */
#include <arch/apic.h>
#include <arch/crash.h>
#include <arch/percpu.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <lib/cmdline.h>
#include <lib/format.h>
#include <lib/string.h>

bool opt_noreboot;
PARAM_BOOL("noreboot", opt_noreboot, "halt after a crash instead of rebooting");

extern const uint32_t symtab_count, symtab_addr[], symtab_name[];
extern const char symtab_strings[];
extern char __image_start[], __text_end[];

#define MAX_FRAMES 24
#define RECORD_MAGIC 0x6772616e74613031ULL /* "granta01" */
#define RECORD_TEXT 2000

/*
 * The record: bss that nobody clears. The loader zeroes bss on a cold boot and on a reboot through
 * it; what makes it survive is that it lives in low memory (below 1 MiB, a page that the memory map
 * leaves alone): see crash_record_place().
 */
struct crash_record {
    uint64_t magic;
    uint32_t length, checksum;
    char text[RECORD_TEXT];
};
static struct crash_record *record; /* NULL until placed */

static uint32_t checksum(const char *s, size_t n)
{
    uint32_t sum = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < n; i++)
        sum = (sum ^ (uint8_t)s[i]) * 16777619U;
    return sum;
}

const char *symbol_lookup(uint64_t addr, uint64_t *offset)
{
    uint64_t off = addr - IMAGE_VIRT_START;
    uint32_t lo = 0, hi = symtab_count;

    if (addr < (uintptr_t)__image_start || addr >= (uintptr_t)__text_end || symtab_count == 0 ||
        symtab_addr[0] > off)
        return NULL;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (symtab_addr[mid] <= off)
            lo = mid;
        else
            hi = mid;
    }
    *offset = off - symtab_addr[lo];
    return symtab_strings + symtab_name[lo];
}

/* One line to the console and, while there is room, to the record. */
static void printf_like(1, 2) say(const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    log_print(LOG_ERR, "%s", line);
    if (record != NULL && record->length + strlen(line) + 1 < RECORD_TEXT) {
        memcpy(record->text + record->length, line, strlen(line));
        record->length += (uint32_t)strlen(line);
        record->text[record->length++] = '\n';
        record->checksum = checksum(record->text, record->length);
    }
}

/*
 * look: where the symbol is looked up. A return address may be the first byte of the next function.
 */
static void say_address(uint64_t addr, uint64_t look)
{
    uint64_t off;
    const char *name = symbol_lookup(look, &off);

    if (name != NULL)
        say("   [<%016lx>] %s+%#lx", (unsigned long)addr, name, (unsigned long)(off + addr - look));
}

static bool on_this_stack(uint64_t addr)
{
    uint64_t base = (uintptr_t)get_cpu_info() & ~(uint64_t)(STACK_SIZE - 1);

    return addr >= base && addr + 16 <= base + STACK_SIZE && (addr & 7) == 0;
}

static void backtrace(uint64_t fp)
{
    say("call chain:");
    for (unsigned int i = 0; i < MAX_FRAMES && on_this_stack(fp); i++) {
        const uint64_t *frame = (const uint64_t *)(uintptr_t)fp;

        say_address(frame[1], frame[1] - 1);
        if (frame[0] <= fp)
            break;
        fp = frame[0];
    }
}

void crash_dump(const struct cpu_user_regs *r)
{
    const struct vcpu *v = current;

    say("cpu %u, running d%dv%u", smp_processor_id(), v ? (int)v->domain->id : -1, v ? v->id : 0);
    if (r == NULL) {
        backtrace((uintptr_t)__builtin_frame_address(0));
        return;
    }
    say("rip %04x:%016lx rflags %08lx error %04x vector %u", r->cs, (unsigned long)r->rip,
        (unsigned long)r->rflags, (unsigned int)r->error_code, (unsigned int)r->entry_vector);
    say_address(r->rip, r->rip);
    say("rax %016lx rbx %016lx rcx %016lx rdx %016lx", (unsigned long)r->rax, (unsigned long)r->rbx,
        (unsigned long)r->rcx, (unsigned long)r->rdx);
    say("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", (unsigned long)r->rsi, (unsigned long)r->rdi,
        (unsigned long)r->rbp, (unsigned long)r->rsp);
    say("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", (unsigned long)r->r8, (unsigned long)r->r9,
        (unsigned long)r->r10, (unsigned long)r->r11);
    say("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", (unsigned long)r->r12, (unsigned long)r->r13,
        (unsigned long)r->r14, (unsigned long)r->r15);
    say("cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx", (unsigned long)read_cr0(),
        (unsigned long)read_cr2(), (unsigned long)read_cr3(), (unsigned long)read_cr4());
    if (!(r->cs & 3))
        backtrace(r->rbp);
}

static void record_start(void)
{
    if (record == NULL)
        return;
    record->magic = RECORD_MAGIC;
    record->length = 0;
    record->checksum = checksum(record->text, 0);
}

static bool stopping; /* an NMI is to stop its cpu */

bool crash_nmi(const struct cpu_user_regs *regs)
{
    (void)regs;
    if (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
        return false;
    for (;;) {
        irq_disable();
        halt();
    }
}

static void noreturn stop(void)
{
    __atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
    apic_send_nmi_others();
    if (!opt_noreboot) {
        say("rebooting; the next boot prints this again");
        arch_machine_shutdown(SHUTDOWN_reboot);
    }
    say("halted");
    for (;;) {
        irq_disable();
        halt();
    }
}

/* The second crash while crashing: say so and stop at once. */
static void enter(void)
{
    static unsigned int depth;

    irq_disable();
    console_panic_mode();
    if (__atomic_fetch_add(&depth, 1, __ATOMIC_SEQ_CST) > 0) {
        log_print(LOG_ERR, "crashed again while crashing");
        for (;;)
            halt();
    }
    record_start();
}

void crash_exception(const struct cpu_user_regs *regs, const char *what)
{
    enter();
    say("*** FATAL: %s in the hypervisor", what);
    crash_dump(regs);
    stop();
}

void panic(const char *fmt, ...)
{
    char line[200];
    va_list ap;

    enter();
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    say("*** PANIC: %s", line);
    crash_dump(NULL);
    stop();
}

void boot_fail(const char *fmt, ...)
{
    char line[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    console_panic_mode();
    log_print(LOG_ERR, "cannot start: %s", line);
    __atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
    apic_send_nmi_others();
    log_print(LOG_ERR, "halted");
    for (;;) {
        irq_disable();
        halt();
    }
}

void crash_record_place(void *page) { record = page; }

void crash_record_report(void)
{
    char line[256];
    size_t n = 0;

    if (record == NULL || record->magic != RECORD_MAGIC || record->length > RECORD_TEXT ||
        record->checksum != checksum(record->text, record->length))
        return;
    log_warn("the last run crashed; what it left:");
    for (uint32_t i = 0; i < record->length; i++) {
        char c = record->text[i];

        if (c == '\n' || n == sizeof(line) - 1) {
            line[n] = '\0';
            log_warn("| %s", line);
            n = 0;
        } else {
            line[n++] = c;
        }
    }
    record->magic = 0;
}
