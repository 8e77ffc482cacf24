/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.h"

#include <stdarg.h>

struct start_info *start_info;
struct shared_info *shared_info;
extern struct start_info *start_info_va;
extern char event_entry[];
extern uint64_t __ex_start[], __ex_end[];

static unsigned int nr_ok, nr_failed;

void *memset(void *p, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)p)[i] = (char)c;
    return p;
}

void *memcpy(void *d, const void *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)d)[i] = ((const char *)s)[i];
    return d;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

/* --- output ----------------------------------------------------------------------------------- */

static char line[400];
static size_t line_len;

static void put(char c)
{
    if (line_len < sizeof(line))
        line[line_len++] = c;
}

static void put_number(uint64_t n, unsigned int base)
{
    char digits[24];
    int i = 0;

    do
        digits[i++] = "0123456789abcdef"[n % base];
    while ((n /= base) != 0);
    while (i > 0)
        put(digits[--i]);
}

void print(const char *fmt, ...)
{
    va_list ap;

    line_len = 0;
    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        bool is_long = false;
        int64_t n;

        if (*fmt != '%') {
            put(*fmt);
            continue;
        }
        if (*++fmt == 'l') {
            is_long = true;
            fmt++;
        }
        switch (*fmt) {
        case 's':
            for (const char *s = va_arg(ap, const char *); *s; s++)
                put(*s);
            break;
        case 'c':
            put((char)va_arg(ap, int));
            break;
        case 'd':
            n = is_long ? va_arg(ap, long) : va_arg(ap, int);
            if (n < 0)
                put('-');
            put_number(n < 0 ? -(uint64_t)n : (uint64_t)n, 10);
            break;
        case 'u':
            put_number(is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int), 10);
            break;
        case 'x':
        case 'p':
            put_number(
                is_long || *fmt == 'p' ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int), 16);
            break;
        default:
            put('?');
        }
    }
    va_end(ap);
    hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, line_len, line);
}

void check_(bool ok, const char *what, const char *file, int at, long got, long want)
{
    if (in_domu()) {
        domu_note(ok ? NOTE_OK : NOTE_FAIL, what, file, at, got, want);
    } else if (ok) {
        nr_ok++;
        print("ok %s: %s\n", test_name, what);
    } else {
        nr_failed++;
        print("FAIL %s: %s (%s:%d: got %ld (%lx), want %ld (%lx))\n", test_name, what, file, at,
              got, got, want, want);
    }
}

void skip(const char *what)
{
    if (in_domu())
        domu_note(NOTE_SKIP, what, "", 0, 0, 0);
    else
        print("skip %s: %s\n", test_name, what);
}

bool has_word(const char *text, const char *word)
{
    for (; *text; text++) {
        unsigned int n = 0;

        while (word[n] && text[n] == word[n])
            n++;
        if (!word[n])
            return true;
    }
    return false;
}

bool on_granta(void)
{
    struct xen_compile_info info = { 0 };

    hypercall(__HYPERVISOR_xen_version, XENVER_compile_info, &info);
    return strcmp(info.compile_by, "granta") == 0;
}

void poweroff(void)
{
    struct sched_shutdown s = { .reason = in_domu() ? SHUTDOWN_crash : SHUTDOWN_poweroff };

    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s);
    for (;;)
        ;
}

/* --- events and time -------------------------------------------------------------------------- */

static void count_events(void)
{
    struct vcpu_info *vi = my_info();
    uint64_t words = __atomic_exchange_n(&vi->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    for (unsigned int port = 0; port < EVENT_PORTS; port++)
        if ((words >> port / 64 & 1) && bit_is_on(shared_info->evtchn_pending, port) &&
            !bit_is_on(shared_info->evtchn_mask, port)) {
            bit_flip(shared_info->evtchn_pending, port, false);
            event_vcpu[port] = (unsigned char)this_vcpu();
            event_count[port]++;
        }
}

static void on_event(void)
{
    __atomic_store_n(&my_info()->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    if (event_hook)
        event_hook();
    else
        count_events();
}

void events_start(void)
{
    struct callback_register cb = {
        .type = CALLBACKTYPE_event, .address = (unsigned long)event_entry
    };

    hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb);
}

uint64_t now_ns(void)
{
    const volatile struct vcpu_time_info *t = &my_info()->time;
    uint32_t version;
    uint64_t ns;

    do {
        version = t->version;
        ns = rdtsc() - t->tsc_timestamp;
        ns = t->tsc_shift < 0 ? ns >> -t->tsc_shift : ns << t->tsc_shift;
        ns = (uint64_t)((unsigned __int128)ns * t->tsc_to_system_mul >> 32) + t->system_time;
    } while ((version & 1) || version != t->version);
    return ns;
}

/* --- traps ------------------------------------------------------------------------------------ */

trap_fn *trap_handler[256];
uint8_t trap_dpl[256];
volatile int probe_vectors[2];
struct trap_frame last_traps[2];
void (*event_hook)(void);
volatile unsigned int event_count[EVENT_PORTS];
volatile unsigned char event_vcpu[EVENT_PORTS];
struct vcpu_info *registered_info[2];

void traps_install(void)
{
    static struct trap_info table[257];

    for (unsigned int i = 0; i < 256; i++)
        table[i] = (struct trap_info){
            .vector = (uint8_t)i, .flags = trap_dpl[i] & 3, .cs = 0xe033,
            .address = (uint64_t)trap_stubs + 16 * i
        };
    hypercall(__HYPERVISOR_set_trap_table, table);
}

static bool fixup(struct trap_frame *f)
{
    for (uint64_t *e = __ex_start; e < __ex_end; e += 2)
        if (e[0] == f->rip) {
            probe_vector = (int)f->vector;
            f->rip = e[1];
            return true;
        }
    return false;
}

void guest_trap(struct trap_frame *f);
void guest_trap(struct trap_frame *f)
{
    if (f->vector == 256) {
        on_event();
        return;
    }
    last_trap = *f;
    if (trap_handler[f->vector] && trap_handler[f->vector](f))
        return;
    if (fixup(f))
        return;
    if (in_domu())
        check_(false, "unexpected trap; address, vector", "", (int)f->error_code, (long)f->rip,
               (long)f->vector);
    else
        print("FAIL %s: unexpected trap %lu error %lx at %lx cr2 %lx rsp %lx\n", test_name,
              f->vector, f->error_code, f->rip, shared_info ? my_info()->arch.cr2 : 0, f->rsp);
    poweroff();
}

int probe_read(const void *p, uint64_t *v)
{
    uint64_t got = 0;
    int vector = PROBE("mov (%1), %0", : "+r"(got) : "r"(p));

    if (v)
        *v = got;
    return vector < 0 ? 0 : vector;
}

int probe_write(void *p, uint64_t v)
{
    int vector = PROBE("mov %0, (%1)", : : "r"(v), "r"(p));

    return vector < 0 ? 0 : vector;
}

/* --- memory ----------------------------------------------------------------------------------- */

/*
 * Free pages: between the end of the boot stack and the end of the initial region (512 KiB at
 * least, 4 MiB aligned).
 */
static uint64_t next_page, last_page;

static uint64_t region_end(uint64_t stack_page)
{
    return ((stack_page + PAGE + (512 << 10)) + (4 << 20) - 1) & ~((4UL << 20) - 1);
}

void *alloc_page(void)
{
    void *p = (void *)next_page;

    if (next_page >= last_page) {
        print("FAIL %s: out of pages\n", test_name);
        poweroff();
    }
    next_page += PAGE;
    memset(p, 0, PAGE);
    return p;
}

/*
 * The boot tables lie in the initial region: a frame of them is found by its pfn through the M2P.
 */
static uint64_t *table_va(uint64_t mfn)
{
    const uint64_t *m2p = (const uint64_t *)0xffff800000000000UL;

    return (uint64_t *)(VIRT_BASE + m2p[mfn] * PAGE);
}

static uint64_t table_mfn(uint64_t va, int level)
{
    uint64_t mfn = va_to_mfn((void *)start_info->pt_base);

    for (int l = 4; l > level; l--)
        mfn = (table_va(mfn)[(va >> (12 + 9 * (l - 1))) & 511] & PTE_ADDR) >> 12;
    return mfn;
}

uint64_t *pt_entry(uint64_t va, int level)
{
    return &table_va(table_mfn(va, level))[(va >> (12 + 9 * (level - 1))) & 511];
}

uint64_t pt_entry_maddr(uint64_t va, int level)
{
    return table_mfn(va, level) * PAGE + ((va >> (12 + 9 * (level - 1))) & 511) * 8;
}

long set_va(uint64_t va, uint64_t pte)
{
    return hypercall(__HYPERVISOR_update_va_mapping, va, pte, UVMF_INVLPG | UVMF_LOCAL);
}

uint64_t spare_mfn(void)
{
    static uint64_t taken;

    return pfn_to_mfn(start_info->nr_pages - ++taken);
}

/* --- vcpus ------------------------------------------------------------------------------------ */

char vcpu1_stack[VCPU_STACK] __attribute__((aligned(16)));

struct vcpu_guest_context *vcpu_context(void (*fn)(void))
{
    static struct vcpu_guest_context c;

    memset(&c, 0, sizeof(c));
    c.flags = VGCF_in_kernel;
    for (unsigned int i = 0; i < 256; i++)
        c.trap_ctxt[i] = (struct trap_info){
            .vector = (uint8_t)i, .flags = trap_dpl[i] & 3, .cs = 0xe033,
            .address = (uint64_t)trap_stubs + 16 * i
        };
    c.user_regs.rip = (uint64_t)fn;
    c.user_regs.cs = 0xe033;
    c.user_regs.ss = 0xe02b;
    c.user_regs.rflags = 0x202;
    /* as after a call */
    c.user_regs.rsp = c.kernel_sp = (uint64_t)&vcpu1_stack[VCPU_STACK - 16] - 8;
    c.kernel_ss = 0xe02b;
    c.ctrlreg[3] = va_to_mfn((void *)start_info->pt_base) * PAGE;
    c.event_callback_eip = (uint64_t)event_entry;
    return &c;
}

long vcpu_start(void (*fn)(void))
{
    long rc = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, vcpu_context(fn));

    return rc ? rc : hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0);
}

/* --- start ------------------------------------------------------------------------------------ */

void guest_start(void);
void guest_start(void)
{
    start_info = start_info_va;
    next_page = start_info->pt_base + start_info->nr_pt_frames * PAGE + PAGE;
    last_page = region_end(next_page - PAGE);
    traps_install();
    /* shared_info goes over a page of ours. */
    shared_info = alloc_page();
    if (set_va((uint64_t)shared_info, start_info->shared_info | PTE_RW_KERNEL))
        print("FAIL %s: shared_info cannot be mapped\n", test_name);
    if (in_domu())
        domu_main();
    test_main();
    print("done %s: %u ok, %u failed\n", test_name, nr_ok, nr_failed);
    poweroff();
}
