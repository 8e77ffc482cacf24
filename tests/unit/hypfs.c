/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/toolstack/hypfs.c lib/cmdline.c lib/number.c lib/string.c */
/*
 * The hypfs_op hypercall: paths good and bad, what a directory lists, buffers of every size, and
 * what may be written. The same is asked of both hypervisors by the test kernel hypfs.
 */
#include "check.h"

#include <stdlib.h>

#include <abi.h>
#include <xen/hypfs.h>

#include <hv/cpupool.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/version.h>
#include <lib/cmdline.h>

struct vcpu *host_current[64];
unsigned int host_cpu;
const char build_compiler[] = "cc", build_by[] = "me", build_domain[] = "here",
           build_date[] = "today", build_changeset[] = "abc";

static struct domain dom = { .kind = GUEST_PV, .is_privileged = true };
static struct vcpu vcpu = { .domain = &dom };
static unsigned char guest[16384]; /* the guest's memory: its addresses are offsets + 1 MiB */
#define BASE (1U << 20)
#define PATH BASE
#define BUFFER (BASE + 2048)
static unsigned int nr_pages, nr_pools = 2;
static bool no_memory;

static char level[32] = "info";
static int parse_level(const char *s)
{
    if (!strcmp(s, "banana"))
        return -EINVAL;
    snprintf(level, sizeof(level), "%s", s);
    return 0;
}
static int show_level(char *buf, size_t size) { return snprintf(buf, size, "%s", level); }
static char long_text[100];
static int parse_long(const char *s) { return 0; }
static int show_long(char *buf, size_t size) { return snprintf(buf, size, "%s", long_text); }
static bool opt_fixed;
PARAM_RUNTIME("zlevel", parse_level, show_level, "");
PARAM_RUNTIME("long", parse_long, show_long, "");
PARAM_RUNTIME("alevel", parse_level, show_level, "");
PARAM_BOOL("fixed", opt_fixed, "not at runtime");

static bool in_guest(uint64_t addr, size_t n)
{
    return addr >= BASE && addr + n <= BASE + sizeof(guest);
}

int guest_read(void *dst, uint64_t addr, size_t n)
{
    if (!in_guest(addr, n))
        return -EFAULT;
    memcpy(dst, guest + (addr - BASE), n);
    return 0;
}

int guest_write(uint64_t addr, const void *src, size_t n)
{
    if (!in_guest(addr, n))
        return -EFAULT;
    memcpy(guest + (addr - BASE), src, n);
    return 0;
}

void *hv_page_alloc(unsigned int order)
{
    void *p = no_memory ? NULL : malloc(4096U << order);

    if (p) {
        memset(p, 0xee, 4096U << order); /* pages are not cleared */
        nr_pages++;
    }
    return p;
}

void hv_page_free(void *p, unsigned int order)
{
    nr_pages--;
    free(p);
}

int cpupool_info(uint32_t from, uint32_t *id, struct cpupool_info *info)
{
    if (from >= nr_pools)
        return -ENOENT;
    *id = from;
    return 0;
}

static long op(unsigned int cmd, uint64_t path, uint64_t len, uint64_t buf, uint64_t size)
{
    const uint64_t arg[] = { cmd, path, len, buf, size, 0 };
    long rc = hc_hypfs_op(&vcpu, arg);

    CHECK_EQ(nr_pages, 0);
    return rc;
}

static uint64_t put_path(const char *path)
{
    size_t n = strlen(path) + 1;

    memcpy(guest, path, n);
    return n;
}

static long read_path(const char *path, uint64_t size)
{
    memset(guest + 2048, 0xaa, sizeof(guest) - 2048);
    return op(XEN_HYPFS_OP_read, PATH, put_path(path), BUFFER, size);
}

static const struct xen_hypfs_direntry *const entry = (const void *)(guest + 2048);
static const char *const content = (const char *)(guest + 2048 + sizeof(*entry));

static long write_path(const char *path, const char *value, size_t n)
{
    memcpy(guest + 2048, value, n);
    return op(XEN_HYPFS_OP_write_contents, PATH, put_path(path), BUFFER, n);
}

/* The names of a directory, with a blank after each; "" for what is not well formed. */
static const char *list(const char *path)
{
    static char names[4096];
    const char *p = content;
    size_t n = 0;

    names[0] = '\0';
    if (read_path(path, 12000) || entry->type != XEN_HYPFS_TYPE_DIR || entry->content_len == 0)
        return names;
    for (;;) {
        const struct xen_hypfs_dirlistentry *e = (const void *)p;

        if (e->e.pad || e->e.encoding || p + sizeof(*e) > content + entry->content_len)
            return "";
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s ", e->name);
        if (e->off_next == 0)
            break;
        if (e->off_next % 4)
            return "";
        p += e->off_next;
    }
    return names;
}

static void test_paths(void)
{
    TEST("only the version takes no path") {
        CHECK_EQ(op(XEN_HYPFS_OP_get_version, 0, 0, 0, 0), XEN_HYPFS_VERSION);
        for (unsigned int i = 0; i < 4; i++)
            CHECK_EQ(op(XEN_HYPFS_OP_get_version, i == 0, i == 1, i == 2, i == 3), -EINVAL);
        CHECK_EQ(op(3, PATH, put_path("/"), BUFFER, 100), -EOPNOTSUPP);
        CHECK_EQ(op(~0U, PATH, put_path("/"), BUFFER, 100), -EOPNOTSUPP);
    }
    TEST("a path is a string with its NUL at the end, from the root") {
        CHECK_EQ(op(XEN_HYPFS_OP_read, PATH, 0, BUFFER, 100), -EINVAL);
        CHECK_EQ(op(XEN_HYPFS_OP_read, PATH, 1025, BUFFER, 100), -EINVAL);
        CHECK_EQ(op(XEN_HYPFS_OP_read, PATH, ~0ULL, BUFFER, 100), -EINVAL);
        CHECK_EQ(op(XEN_HYPFS_OP_read, 4096, 10, BUFFER, 100), -EFAULT);
        put_path("/params");
        CHECK_EQ(op(XEN_HYPFS_OP_read, PATH, 7, BUFFER, 1000), -EINVAL);
        CHECK_EQ(op(XEN_HYPFS_OP_read, PATH, 9, BUFFER, 1000), -EINVAL);
        CHECK_EQ(read_path("params", 1000), -EINVAL);
        CHECK_EQ(read_path("", 1000), -EINVAL);
        CHECK_EQ(read_path("/params", 1000), 0);
    }
    TEST("what is not there is not found") {
        static const char *const none[] = { "/nothing", "/param", "/paramss", "/buildinfo/",
            "//", "/params/fixed", "/params/alevel/x", "/buildinfo/version/major/", "/cpupool/2",
            "/cpupool/00", "/cpupool/0/sched", "/buildinfo/version/extra/x" };

        for (unsigned int i = 0; i < sizeof(none) / sizeof(*none); i++)
            if (i == 3 || i == 7) /* a slash at the end is no name */
                CHECK_EQ(read_path(none[i], 8000), 0);
            else
                CHECK_EQ(read_path(none[i], 8000), -ENOENT);
    }
    TEST("only privileged domains, and with memory") {
        dom.is_privileged = false;
        CHECK_EQ(read_path("/", 1000), -EPERM);
        CHECK_EQ(op(XEN_HYPFS_OP_get_version, 0, 0, 0, 0), -EPERM);
        dom.is_privileged = true;
        no_memory = true;
        CHECK_EQ(read_path("/", 1000), -ENOMEM);
        no_memory = false;
    }
}

static void test_read(void)
{
    TEST("directories list their entries in order") {
        CHECK_STR(list("/"), "buildinfo cpupool params ");
        CHECK_STR(list("/buildinfo"), "changeset compileinfo config version ");
        CHECK_STR(list("/buildinfo/version"), "extra major minor ");
        CHECK_STR(list("/params"), "alevel long zlevel ");
        CHECK_STR(list("/cpupool"), "0 1 ");
        CHECK_STR(list("/cpupool/1"), "sched-gran ");
        nr_pools = 64;
        CHECK_EQ(strlen(list("/cpupool")), 10 * 2 + 54 * 3);
        nr_pools = 2;
    }
    TEST("contents have the type and length that they say") {
        CHECK_EQ(read_path("/buildinfo/version/minor", 100), 0);
        CHECK_EQ(entry->type, XEN_HYPFS_TYPE_UINT);
        CHECK_EQ(entry->content_len, 4);
        CHECK_EQ(entry->max_write_len, 0);
        CHECK_EQ(*(const uint32_t *)(const void *)content, 17);
        CHECK_EQ(read_path("/buildinfo/compileinfo/compile_by", 100), 0);
        CHECK_EQ(entry->type, XEN_HYPFS_TYPE_STRING);
        CHECK_EQ(entry->content_len, 3);
        CHECK_STR(content, "me");
        CHECK_EQ(read_path("/cpupool/1/sched-gran", 100), 0);
        CHECK_STR(content, "cpu");
        CHECK_EQ(read_path("/buildinfo/config", 4000), 0);
        CHECK(strstr(content, "CONFIG_PV=y\n") != NULL);
        CHECK_EQ(strlen(content) + 1, entry->content_len);
    }
    TEST("a buffer that is too small learns the size") {
        CHECK_EQ(read_path("/buildinfo/changeset", sizeof(*entry) - 1), -EINVAL);
        CHECK_EQ(entry->type, 0xaa);
        CHECK_EQ(read_path("/buildinfo/changeset", sizeof(*entry)), -ENOBUFS);
        CHECK_EQ(entry->content_len, 4);
        CHECK_EQ((unsigned char)content[0], 0xaa);
        CHECK_EQ(read_path("/buildinfo/changeset", sizeof(*entry) + 3), -ENOBUFS);
        CHECK_EQ(read_path("/buildinfo/changeset", sizeof(*entry) + 4), 0);
        CHECK_STR(content, "abc");
        CHECK_EQ((unsigned char)content[4], 0xaa);
        put_path("/");
        CHECK_EQ(op(XEN_HYPFS_OP_read, PATH, 2, 4096, 1000), -EFAULT);
        CHECK_EQ(op(XEN_HYPFS_OP_read, PATH, 2, BASE + sizeof(guest) - sizeof(*entry), 1000),
                 -EFAULT);
    }
    TEST("a value that is too long is cut") {
        memset(long_text, 'x', sizeof(long_text) - 1);
        CHECK_EQ(read_path("/params/long", 1000), 0);
        CHECK_EQ(entry->content_len, 64);
        CHECK_EQ(strlen(content), 63);
    }
}

static void test_write(void)
{
    TEST("options can be written, nothing else") {
        CHECK_EQ(write_path("/params/zlevel", "all", 4), 0);
        CHECK_STR(level, "all");
        CHECK_EQ(read_path("/params/zlevel", 1000), 0);
        CHECK_STR(content, "all");
        CHECK_EQ(entry->max_write_len, 64);
        CHECK_EQ(write_path("/params/zlevel", "banana", 7), -EINVAL);
        CHECK_EQ(write_path("/buildinfo/version/major", "\1\0\0\0", 4), -EACCES);
        CHECK_EQ(write_path("/buildinfo/config", "x", 2), -EACCES);
        CHECK_EQ(write_path("/cpupool/0/sched-gran", "cpu", 4), -EACCES);
        CHECK_EQ(write_path("/params", "x", 2), -EACCES);
        CHECK_EQ(write_path("/params/no", "x", 2), -ENOENT);
        CHECK_STR(level, "all");
    }
    TEST("a value is a string with its NUL at the end") {
        static const char many[65];

        CHECK_EQ(write_path("/params/zlevel", "none", 4), -EDOM);
        CHECK_EQ(write_path("/params/zlevel", "no\0ne", 6), -EDOM);
        CHECK_EQ(write_path("/params/zlevel", "", 0), -EDOM);
        CHECK_EQ(write_path("/params/zlevel", many, 65), -ENOSPC);
        put_path("/params/zlevel");
        CHECK_EQ(op(XEN_HYPFS_OP_write_contents, PATH, 15, BUFFER, ~0ULL), -ENOSPC);
        CHECK_EQ(op(XEN_HYPFS_OP_write_contents, PATH, 15, 4096, 5), -EFAULT);
        CHECK_STR(level, "all");
    }
}

int main(void)
{
    test_paths();
    test_read();
    test_write();
    return check_exit();
}
