/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that tools beside the toolstack make: hypfs, the types of a domain's pages, triggers, and
 * the limit of its memory.
 */
#include "domu.h"

#include <xen/hypfs.h>

const char *test_name = "tools";

/* --- hypfs ------------------------------------------------------------------------------------ */

static char path[XEN_HYPFS_MAX_PATHLEN + 8];
static struct {
    struct xen_hypfs_direntry e;
    char content[8192];
} entry;
#define HEAD sizeof(entry.e)

static uint64_t put_path(const char *text)
{
    uint64_t n = 0;

    do
        path[n] = text[n];
    while (text[n++]);
    return n;
}

static long fs_read(const char *text, uint64_t size)
{
    uint64_t n = put_path(text);

    memset(&entry, 0xaa, sizeof(entry));
    return hypercall(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_read, path, n, &entry, size);
}

static long fs_write(const char *text, const char *value, uint64_t size)
{
    return hypercall(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_write_contents, path, put_path(text),
                     value, size);
}

/* The directory's entries are well formed, and `name` is one of them. */
static bool lists(const char *dir, const char *name)
{
    const char *p = entry.content;
    bool found = false;

    if (fs_read(dir, sizeof(entry)) || entry.e.type != XEN_HYPFS_TYPE_DIR || entry.e.pad)
        return false;
    for (;;) {
        const struct xen_hypfs_dirlistentry *d = (const void *)p;

        found = found || !strcmp(d->name, name);
        if (d->e.pad || p + sizeof(*d) > entry.content + entry.e.content_len)
            return false;
        if (d->off_next == 0)
            return found;
        p += d->off_next;
    }
}

static void hypfs_paths(void)
{
    static const struct { const char *path; long want; } rows[] = {
        { "/", 0 }, { "/buildinfo/version", 0 }, { "", -XEINVAL }, { "params", -XEINVAL },
        { "/nothing", -XENOENT }, { "/param", -XENOENT }, { "/paramss", -XENOENT },
        { "/params/nothing", -XENOENT }, { "/buildinfo/version/major/x", -XENOENT },
        { "/cpupool/0/sched-gran", 0 }, { "/cpupool/77", -XENOENT },
    };
    const uint64_t nr = __HYPERVISOR_hypfs_op;

    CHECK_EQ(hypercall(nr, XEN_HYPFS_OP_get_version), XEN_HYPFS_VERSION, "hypfs: version");
    CHECK_EQ(hypercall(nr, XEN_HYPFS_OP_get_version, 1), -XEINVAL, "hypfs: version with argument");
    for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        CHECK_EQ(fs_read(rows[i].path, sizeof(entry)), rows[i].want, rows[i].path);
    put_path("/params");
    CHECK_EQ(hypercall(nr, XEN_HYPFS_OP_read, path, 7, &entry, 4096), -XEINVAL,
             "hypfs: a path without its NUL");
    CHECK_EQ(hypercall(nr, XEN_HYPFS_OP_read, path, 9, &entry, 4096), -XEINVAL,
             "hypfs: a path with more than its NUL");
    CHECK_EQ(hypercall(nr, XEN_HYPFS_OP_read, path, 1025, &entry, 4096), -XEINVAL,
             "hypfs: a path that is too long");
    CHECK_EQ(hypercall(nr, XEN_HYPFS_OP_read, 0x123456789000, 8, &entry, 4096), -XEFAULT,
             "hypfs: a path that is not there");
    CHECK_EQ(hypercall(nr, 99, path, 8, &entry, 4096), -XEOPNOTSUPP, "hypfs: unknown operation");
    CHECK_EQ(hypercall(nr, XEN_HYPFS_OP_read, path, 8, 0x123456789000, 4096), -XEFAULT,
             "hypfs: a buffer that is not there");
}

static void hypfs_contents(void)
{
    CHECK(lists("/", "buildinfo") && lists("/", "params") && lists("/", "cpupool"),
          "hypfs: the root's entries");
    CHECK(lists("/buildinfo", "changeset") && lists("/buildinfo", "config"), "hypfs: of the build");
    CHECK(lists("/params", "loglvl") && lists("/params", "gnttab_max_frames"), "hypfs: options");
    CHECK(lists("/cpupool", "0"), "hypfs: the first pool");
    CHECK_EQ(fs_read("/buildinfo/version/minor", HEAD - 1), -XEINVAL, "hypfs: no room for a head");
    CHECK_EQ(fs_read("/buildinfo/version/minor", HEAD), -XENOBUFS, "hypfs: room for a head");
    CHECK_EQ(entry.e.content_len, 4, "... which says how much there is");
    CHECK_EQ(entry.content[0] & 0xff, 0xaa, "... but nothing of it");
    CHECK_EQ(fs_read("/buildinfo/version/minor", HEAD + 4), 0, "hypfs: room for all");
    CHECK_EQ(entry.e.type, XEN_HYPFS_TYPE_UINT, "... a number");
    CHECK_EQ(entry.e.max_write_len, 0, "... that cannot be written");
    CHECK_EQ(*(uint32_t *)entry.content, 17, "... the right one");
    CHECK_EQ(entry.content[4] & 0xff, 0xaa, "... and nothing behind it");
    CHECK_EQ(fs_write("/buildinfo/version/minor", "\1\0\0\0", 4), -XEACCES, "hypfs: ... really");
    CHECK_EQ(fs_write("/params", "x", 2), -XEACCES, "hypfs: a directory cannot be written");
    CHECK_EQ(fs_write("/params/loglvl", "warning", 8), 0, "hypfs: an option can be written");
    CHECK_EQ(fs_read("/params/loglvl", 4096), 0, "... and read");
    CHECK(!strcmp(entry.content, "warning/warning"), "... as it was written");
    CHECK(entry.e.max_write_len > 0, "... and says that it can be written");
    CHECK_EQ(fs_write("/params/loglvl", "banana", 7), -XEINVAL, "hypfs: nonsense is refused");
    CHECK_EQ(fs_write("/params/loglvl", "all", 3), -XEDOM, "hypfs: text without its NUL");
    CHECK_EQ(fs_write("/params/loglvl", "a\0b", 4), -XEDOM, "hypfs: text with another NUL");
    CHECK_EQ(fs_write("/params/loglvl", path, 1000), -XENOSPC, "hypfs: text that is too long");
    CHECK_EQ(fs_write("/params/loglvl", (void *)0x123456789000, 4), -XEFAULT,
             "hypfs: text that is not there");
    CHECK_EQ(fs_write("/params/loglvl", "all", 4), 0, "hypfs: ... and as it was before");
}

/* --- the domain ------------------------------------------------------------------------------- */

static volatile unsigned int nmis, started;

static bool on_nmi(struct trap_frame *f)
{
    (void)f;
    nmis++;
    return true;
}

static void guest(void)
{
    CHECK_EQ(hypercall(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_get_version), -XEPERM,
             "hypfs is not for everybody");
    trap_handler[2] = on_nmi;
    started = 1;
    for (;;)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static long page_info(const struct domu *d, xen_pfn_t *frames, uint64_t n)
{
    struct xen_domctl op = { .u.getpageframeinfo3 = { .num = n } };

    set_xen_guest_handle(op.u.getpageframeinfo3.array, frames);
    return domctl(XEN_DOMCTL_getpageframeinfo3, d->id, &op);
}

static void page_types(const struct domu *d)
{
    static xen_pfn_t f[1025];
    struct xen_domctl op = { .u.vcpucontext = { .vcpu = 0 } };
    static struct vcpu_guest_context context;
    uint64_t top;

    set_xen_guest_handle(op.u.vcpucontext.ctxt, &context);
    CHECK_EQ(domctl(XEN_DOMCTL_getvcpucontext, d->id, &op), 0, "the context of a vcpu");
    top = context.ctrlreg[3] / PAGE;
    f[0] = top;
    f[1] = domu_mfn(d, &started);
    f[2] = 0;
    f[3] = va_to_mfn(f);
    f[4] = ~0UL;
    CHECK_EQ(page_info(d, f, 5), 0, "the types of five frames");
    CHECK_EQ(f[0], XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB, "... a pinned table");
    CHECK_EQ(f[1], XEN_DOMCTL_PFINFO_NOTAB, "... data");
    CHECK_EQ(f[2], XEN_DOMCTL_PFINFO_XTAB, "... the machine's");
    CHECK_EQ(f[3], XEN_DOMCTL_PFINFO_XTAB, "... another domain's");
    CHECK_EQ(f[4], XEN_DOMCTL_PFINFO_XTAB, "... none that there is");
    for (unsigned int i = 0; i < 1024; i++)
        f[i] = d->mfn[i % d->nr_pages];
    CHECK_EQ(page_info(d, f, 1024), 0, "the types of 1024 frames");
    CHECK_EQ(f[1023] & ~(uint64_t)XEN_DOMCTL_PFINFO_LTAB_MASK, 0, "... the last one too");
    CHECK_EQ(page_info(d, f, 1025), -XE2BIG, "1025 are too many");
    CHECK_EQ(page_info(d, f, ~0UL), -XE2BIG, "... and so are 2^64 - 1");
    CHECK_EQ(page_info(d, (void *)0x123456789000, 1), -XEFAULT, "frames that are not there");
}

static long trigger(const struct domu *d, uint32_t what, uint32_t vcpu)
{
    struct xen_domctl op = { .u.sendtrigger = { .trigger = what, .vcpu = vcpu } };

    return domctl(XEN_DOMCTL_sendtrigger, d->id, &op);
}

static void triggers(const struct domu *d)
{
    volatile unsigned int *theirs = domu_map(d, &nmis);

    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_NMI, 0), 0, "an NMI");
    CHECK(YIELD_UNTIL(*theirs == 1, 5000), "... arrives");
    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_NMI, 0), 0, "another NMI");
    CHECK(YIELD_UNTIL(*theirs == 2, 5000), "... arrives as well");
    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_NMI, 1), -XESRCH, "for a vcpu that is not there");
    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_NMI, ~0U), -XESRCH, "for vcpu 2^32 - 1");
    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_RESET, 0), -XENOSYS, "reset");
    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_INIT, 0), -XENOSYS, "init");
    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_POWER, 0), -XEINVAL, "the power button");
    CHECK_EQ(trigger(d, XEN_DOMCTL_SENDTRIGGER_SLEEP, 0), -XEINVAL, "the sleep button");
    CHECK_EQ(trigger(d, 99, 0), -XENOSYS, "an unknown trigger");
    domu_unmap((void *)theirs);
}

static void limits(const struct domu *d)
{
    struct xen_domctl op = { .u.max_mem = { .max_memkb = ~0UL } };
    struct xen_domctl_getdomaininfo info;

    CHECK_EQ(domctl(XEN_DOMCTL_max_mem, d->id, &op), 0, "no limit of memory");
    CHECK_EQ(domu_info(d, &info), 0, "... and asked");
    CHECK(info.max_pages >= 0x7fffffff, "... there is none");
    CHECK_EQ(info.ssidref, 0, "no security label");
}

void test_main(void)
{
    static struct domu d;
    const struct domu_config config = { .fn = guest };
    volatile unsigned int *theirs;

    hypfs_paths();
    hypfs_contents();
    if (!domu_start(&d, &config))
        return;
    theirs = domu_map(&d, &started);
    CHECK(YIELD_UNTIL(*theirs, 5000), "a domain starts");
    domu_unmap((void *)theirs);
    page_types(&d);
    triggers(&d);
    limits(&d);
    domu_report(&d);
    CHECK_EQ(domu_destroy(&d), 0, "destroy it");
    CHECK(domu_gone(&d, 5000), "... and nothing is left");
}
