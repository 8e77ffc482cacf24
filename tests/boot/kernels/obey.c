/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that ends as it is told: small and quick to start, for everything that the toolstack
 * does at a guest's end. It says "guest: up" as tools/guest/init does, then reads lines from its
 * console:
 *
 *   poweroff, reboot, suspend, crash, watchdog, soft-reset    shut down with that reason
 *   bite                 set the hypervisor's watchdog to one second and never touch it again
 *   anything else        comes back as "heard: ..."
 *
 * A page of its memory starts with "granta-marker " and its command line: who dumps its memory can
 * look for it. "guest: marker PFN" says where it is.
 */
#include "guest.h"

#include <xen/io/console.h>

const char *test_name = "obey";

static char marker[PAGE] __attribute__((aligned(4096))) = "granta-marker ";
static volatile struct xencons_interface *ring;
static char line[80];

static void say(const char *text)
{
    struct evtchn_send send = { .port = start_info->console.domU.evtchn };

    for (; *text; text++)
        ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = *text;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    evtchn_op(EVTCHNOP_send, &send);
}

static void say_number(uint64_t n)
{
    char digits[24], *p = digits + sizeof(digits) - 1;

    *p = '\0';
    do
        *--p = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    say(p);
}

static void wait_for_event(void)
{
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
    events_off();
}

/* One line, without its end; what does not fit is lost. */
static void listen(void)
{
    struct evtchn_send send = { .port = start_info->console.domU.evtchn };
    size_t n = 0;

    for (;;) {
        char c;

        while (ring->in_cons == ring->in_prod)
            wait_for_event();
        c = ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)];
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        ring->in_cons++;
        evtchn_op(EVTCHNOP_send, &send);
        if (c == '\n' || c == '\r')
            break;
        if (n < sizeof(line) - 1)
            line[n++] = c;
    }
    line[n] = '\0';
}

static void end(unsigned int reason)
{
    struct sched_shutdown s = { .reason = reason };

    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s);
}

static void obey(void)
{
    static const char *const reasons[] = { [SHUTDOWN_poweroff] = "poweroff",
        [SHUTDOWN_reboot] = "reboot", [SHUTDOWN_suspend] = "suspend", [SHUTDOWN_crash] = "crash",
        [SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft-reset" };
    struct sched_watchdog bite = { .timeout = 1 };

    for (unsigned int i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (!strcmp(line, reasons[i]))
            end(i);
    if (!strcmp(line, "bite"))
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &bite);
    else if (*line) {
        say("heard: ");
        say(line);
        say("\n");
    }
}

/* Where our table of frames is: public arch-x86/xen.h, struct arch_shared_info. */
static void show_p2m(void)
{
    static uint64_t leaves[PAGE / 8] __attribute__((aligned(4096)));
    static uint64_t root[PAGE / 8] __attribute__((aligned(4096)));

    for (uint64_t i = 0; i < start_info->nr_p2m_frames && i < PAGE / 8; i++)
        leaves[i] = pfn_to_mfn(start_info->first_p2m_pfn + i);
    root[0] = va_to_mfn(leaves);
    shared_info->arch.pfn_to_mfn_frame_list_list = va_to_mfn(root);
    shared_info->arch.max_pfn = start_info->nr_pages;
}

void test_main(void)
{
    void *page = alloc_page();
    size_t n = 14;

    for (const char *p = (const char *)start_info->cmd_line; *p; p++)
        marker[n++] = *p;
    show_p2m();
    ring = page;
    events_start();
    set_va((uint64_t)page, start_info->console.domU.mfn * PAGE | PTE_RW_KERNEL);
    say("guest: up cpus=1 mem=");
    say_number(start_info->nr_pages * 4);
    say(" kB\nguest: marker ");
    say_number(va_to_pfn(marker));
    say("\n");
    for (;;) {
        listen();
        obey();
    }
}
