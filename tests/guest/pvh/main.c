/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PVH guest, made by hand as a toolstack would: payload/ is its kernel, which checks the
 * processor, the local APIC, memory calls and events from the inside, and leaves what it found in a
 * mailbox. Others end in each of the ways that there are.
 */
#include "pvh.h"

#include "payload/mailbox.h"

const char *test_name = "pvh";

#define CDF PVH_FLAGS

__asm__(".section .rodata\n.globl payload, payload_end\npayload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n.previous");
extern const char payload[], payload_end[];

static struct domu d;

static void *page_of(unsigned int gfn) { return pvh_page(&d, gfn); }
static long make_domain(uint32_t flags, uint32_t emulation)
{
    return pvh_make(&d, flags, emulation);
}
static long give_means(void) { return pvh_give_means(&d, PVH_PAGES); }
static long get_memory(void) { return pvh_get_memory(&d); }
static long set_context(uint32_t entry) { return pvh_set_context(&d, entry); }

static void write_image(uint32_t run)
{
    pvh_write_payload(&d, payload, (unsigned long)(payload_end - payload), run);
}

static bool start(uint32_t run)
{
    const long rc = pvh_start(&d, payload, (unsigned long)(payload_end - payload), run);

    CHECK_EQ(rc, 0, "start it");
    return rc == 0;
}

/* --- what became of it ------------------------------------------------------------------------ */

/* What the hypervisor knows of one that does not end, for the log. */
static void look(void)
{
    static char keys[] = "qd";
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_debug_keys,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    set_xen_guest_handle(op.u.debug_keys.keys, keys);
    op.u.debug_keys.nr_keys = 2;
    domu_pause(&d);
    hypercall(__HYPERVISOR_sysctl, &op);
    domu_unpause(&d);
}

/* What a dump of it begins with. */
static uint64_t shared_info_frame(void)
{
    struct xen_domctl_getdomaininfo info = { 0 };

    domu_info(&d, &info);
    return info.shared_info_frame;
}

static void finish(int want, const char *what)
{
    CHECK_EQ(domu_wait(&d, 20000), want, what);
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... and nothing of it is left");
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_arguments(void)
{
    CHECK_EQ(make_domain(XEN_DOMCTL_CDF_hap, 0), -XEINVAL, "no second stage for PV");
    CHECK(make_domain(CDF, 0x80000000) < 0, "no device that does not exist");
    CHECK(make_domain(CDF, 0) < 0, "not without a local APIC");
}

/* --- Hyper-V's interface ---------------------------------------------------------------------- */

#define VIRIDIAN_ALL 0x1ffdU /* all of 4.17's but no_freq */

static void test_viridian(void)
{
    pvh_viridian = VIRIDIAN_ALL;
    if (start(RUN_VIRIDIAN)) {
        const int reason = domu_wait(&d, 20000);

        pvh_report(&d);
        if (reason < 0)
            look();
        finish(SHUTDOWN_crash, "a guest that says it has crashed has");
    }
    pvh_viridian = 0;
}

/* --- a TSC of its own ------------------------------------------------------------------------- */

static void test_tsc(void)
{
    struct xen_domctl op = { 0 };

    pvh_tsc_khz = 1000000;
    if (start(RUN_TSC)) {
        const int reason = domu_wait(&d, 20000);

        CHECK_EQ(domctl(XEN_DOMCTL_gettscinfo, d.id, &op), 0, "the toolstack asks for its TSC");
        CHECK_EQ(op.u.tsc_info.tsc_mode, 1, "... which is emulated");
        CHECK_EQ(op.u.tsc_info.gtsc_khz, 1000000, "... at its rate");
        CHECK(op.u.tsc_info.elapsed_nsec > 1000000, "... since a while");
        pvh_report(&d);
        if (reason < 0)
            look();
        finish(SHUTDOWN_poweroff, "a guest with an emulated TSC comes to its end");
    }
    pvh_tsc_khz = 0;
}

/* --- five levels of page tables --------------------------------------------------------------- */

static void test_five_levels(void)
{
    const unsigned long size = (unsigned long)(payload_end - payload);
    long rc;

    pvh_five_levels = true;
    rc = pvh_start(&d, payload, size, RUN_FIVE_LEVELS);
    pvh_five_levels = false;
    if (rc == -XENODEV) {
        skip("five levels of page tables: this machine has them not, or gives them to no guest");
        CHECK_EQ(domu_destroy(&d), 0, "destroy it");
        return;
    }
    CHECK_EQ(rc, 0, "start one with five levels of page tables");
    if (rc)
        return;
    rc = domu_wait(&d, 20000);
    pvh_report(&d);
    if (rc < 0)
        look();
    finish(SHUTDOWN_poweroff, "... which comes to its end");
}

/* --- many processors -------------------------------------------------------------------------- */

static void test_many(void)
{
    static const unsigned int vcpus[] = { 1, 128, PVH_VCPUS };
    const unsigned int most = on_granta() ? PVH_VCPUS : 128;

    pvh_vcpus = most + 1;
    CHECK_EQ(make_domain(CDF, XEN_X86_EMU_LAPIC), -XEINVAL, "no more vcpus than there are");
    for (unsigned int i = 0; i < sizeof(vcpus) / sizeof(*vcpus); i++) {
        pvh_vcpus = vcpus[i];
        if (pvh_vcpus <= most && start(RUN_MANY)) {
            const int reason = domu_wait(&d, 60000); /* on a busy host */

            pvh_report(&d);
            CHECK_EQ(reason, SHUTDOWN_poweroff, "a guest of many vcpus comes to its end");
            if (reason < 0)
                look();
            finish(reason, "... an orderly one");
        }
    }
    pvh_vcpus = 2;
}

/* --- and go ----------------------------------------------------------------------------------- */

#define LIVES 100

/* Empty, with memory, with a context, started, and running while it is destroyed. */
static bool live(unsigned int stage)
{
    long rc = make_domain(CDF, XEN_X86_EMU_LAPIC);

    if (rc == 0 && stage >= 1)
        rc = give_means();
    if (rc == 0 && stage >= 2)
        rc = get_memory();
    if (rc == 0 && stage >= 3) {
        write_image(RUN_SPIN);
        rc = set_context((uint32_t)((const struct mailbox *)payload)->entry);
    }
    if (rc == 0 && stage >= 4)
        rc = domu_unpause(&d);
    if (rc == 0 && stage >= 5)
        YIELD_UNTIL(((struct mailbox *)page_of(0))->alive > 100, 5000);
    pvh_close_page();
    return rc == 0 && domu_destroy(&d) == 0 && domu_gone(&d, 5000);
}

static void test_lives(void)
{
    const unsigned int lives = on_granta() ? LIVES : 6; /* a second each takes too long */
    unsigned int ok = 0, exact = 0;
    uint64_t before;

    for (unsigned int stage = 0; stage < 6; stage++)
        live(stage); /* what the first of them leaves for the next is not a leak */
    before = free_pages();
    CHECK(before > 0, "free pages");
    for (unsigned int i = 0; i < lives; i++) {
        ok += live(i % 6);
        if (on_granta()) /* stock Xen keeps pages for later */
            exact += YIELD_UNTIL(free_pages() == before, 1000);
    }
    CHECK_EQ(ok, lives, "domains come and go at every stage of their making");
    if (on_granta())
        CHECK_EQ(exact, LIVES, "... and each gives all its pages back");
}

void test_main(void)
{
    if (make_domain(CDF, XEN_X86_EMU_LAPIC)) {
        skip("this machine runs no HVM guests");
        return;
    }
    CHECK_EQ(shared_info_frame(), ~0UL, "its shared_info is nowhere");
    CHECK_EQ(domu_destroy(&d), 0, "destroy an empty domain");
    test_arguments();
    if (start(RUN_ALL)) {
        const int reason = domu_wait(&d, 20000);

        pvh_report(&d);
        if (reason < 0) {
            CHECK(false, "the guest comes to an end");
            look();
        }
        CHECK_EQ(shared_info_frame(), 0x700, "its shared_info is where it has mapped it");
        finish(SHUTDOWN_poweroff, "... an orderly one");
    }
    if (start(RUN_HOSTILE)) {
        const int reason = domu_wait(&d, 40000);

        pvh_report(&d);
        CHECK(reason >= 0, "a hostile guest comes to an end");
        if (reason < 0)
            look();
        /* stock Xen crashes a guest for what it does with its LAPIC */
        finish(on_granta() ? SHUTDOWN_poweroff : reason, "... an orderly one");
    }
    test_viridian();
    test_five_levels();
    test_tsc();
    test_many();
    test_lives();
    if (start(RUN_TRIPLE_FAULT))
        finish(SHUTDOWN_reboot, "a triple fault reboots");
    if (start(RUN_HALT))
        finish(SHUTDOWN_poweroff, "a guest whose last processor halts for good is off");
    if (start(RUN_SPIN)) {
        YIELD_UNTIL(((struct mailbox *)page_of(0))->alive > 1000, 5000);
        CHECK(((struct mailbox *)page_of(0))->alive > 1000,
              "a guest that never leaves by itself runs");
        CHECK_EQ(domu_destroy(&d), 0, "... and is destroyed");
        pvh_close_page();
        CHECK(domu_gone(&d, 5000), "... with nothing left");
    }
}
