/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypfs_op hypercall: a small tree of facts and runtime options, for `xenhypfs` and
 * `xl set-parameters`. public hypfs.h.
 *
 * A node is a value that is made on the way down a path; nothing of the tree is stored. Fixed parts
 * are tables, the rest asks whoever knows: the table of options, the cpu pools. So a directory may
 * change between two calls, and within one: what is read is built in a buffer first.
 */
#include <abi.h>
#include <xen/hypfs.h>

#include <hv/cpupool.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/page.h>
#include <hv/version.h>
#include <lib/cmdline.h>
#include <lib/format.h>
#include <lib/string.h>

#define BUFFER_ORDER 1U /* the largest directory has 64 pools, the longest path 1 KiB */
#define BUFFER_BYTES (PAGE_SIZE << BUFFER_ORDER)
#define VALUE_BYTES 64U /* of an option, with the NUL */

#define CONFIG_TEXT_(cpus)                                                                         \
    "CONFIG_64BIT=y\nCONFIG_NR_CPUS=" #cpus "\nCONFIG_PV=y\nCONFIG_PV32=y\n"                       \
    "# CONFIG_HVM is not set\nCONFIG_GRANT_TABLE=y\nCONFIG_HYPFS=y\n"                              \
    "# CONFIG_KEXEC is not set\n# CONFIG_LIVEPATCH is not set\n# CONFIG_TRACEBUFFER is not set\n"  \
    "# CONFIG_XSM is not set\n"
#define CONFIG_TEXT(cpus) CONFIG_TEXT_(cpus)
#ifdef NDEBUG
#define CONFIG_DEBUG_TEXT "# CONFIG_DEBUG is not set\n"
#else
#define CONFIG_DEBUG_TEXT "CONFIG_DEBUG=y\n"
#endif
static const char config[] = CONFIG_TEXT(NR_CPUS) CONFIG_DEBUG_TEXT;

/* --- the tree --------------------------------------------------------------------------------- */

enum kind { FIXED_DIR, TEXT, NUMBER, PARAMS, PARAM, POOLS, POOL, GRANULARITY };

struct node {
    char name[32];
    enum kind kind;
    const struct row *rows; /* of a FIXED_DIR: up to one without a name */
    const char *text;
    uint32_t number;        /* or the pool's */
    const struct param *param;
};

struct row {
    const char *name;
    enum kind kind;
    const struct row *rows;
    const char *text;
    uint32_t number;
};

/* Entries come in the order of their names. */
static const struct row compile_rows[] = {
    { .name = "compile_by", .kind = TEXT, .text = build_by },
    { .name = "compile_date", .kind = TEXT, .text = build_date },
    { .name = "compile_domain", .kind = TEXT, .text = build_domain },
    { .name = "compiler", .kind = TEXT, .text = build_compiler },
    { .name = NULL },
};
static const struct row version_rows[] = {
    { .name = "extra", .kind = TEXT, .text = EXTRAVERSION },
    { .name = "major", .kind = NUMBER, .number = ABI_MAJOR },
    { .name = "minor", .kind = NUMBER, .number = ABI_MINOR },
    { .name = NULL },
};
static const struct row build_rows[] = {
    { .name = "changeset", .kind = TEXT, .text = build_changeset },
    { .name = "compileinfo", .kind = FIXED_DIR, .rows = compile_rows },
    { .name = "config", .kind = TEXT, .text = config },
    { .name = "version", .kind = FIXED_DIR, .rows = version_rows },
    { .name = NULL },
};
static const struct row root_rows[] = {
    { .name = "buildinfo", .kind = FIXED_DIR, .rows = build_rows },
    { .name = "cpupool", .kind = POOLS },
    { .name = "params", .kind = PARAMS },
    { .name = NULL },
};
static const struct row pool_rows[] = { { .name = "sched-gran", .kind = GRANULARITY },
                                         { .name = NULL } };

static bool is_dir(const struct node *n)
{
    return n->kind == FIXED_DIR || n->kind == PARAMS || n->kind == POOLS || n->kind == POOL;
}

static bool row_child(const struct row *row, uint32_t pool, struct node *out)
{
    if (row->name == NULL)
        return false;
    *out = (struct node){ .kind = row->kind, .rows = row->rows, .text = row->text,
                          .number = row->kind == NUMBER ? row->number : pool };
    strlcpy(out->name, row->name, sizeof(out->name));
    return true;
}

/* The option whose name follows `after` in the alphabet; an option may be there twice. */
static bool param_child(const char *after, struct node *out)
{
    const struct param *next = NULL;

    for (const struct param *p = __start_params; p < __stop_params; p++)
        if (p->runtime && strcmp(p->name, after) > 0 && (!next || strcmp(p->name, next->name) < 0))
            next = p;
    if (!next)
        return false;
    *out = (struct node){ .kind = PARAM, .param = next };
    strlcpy(out->name, next->name, sizeof(out->name));
    return true;
}

static bool pool_child(uint32_t from, struct node *out)
{
    struct cpupool_info info;
    uint32_t id;

    if (cpupool_info(from, &id, &info))
        return false;
    *out = (struct node){ .kind = POOL, .number = id };
    snprintf(out->name, sizeof(out->name), "%u", id);
    return true;
}

/* The entry of dir number i, which follows `last`. False: there are no more. */
static bool next_child(const struct node *dir, unsigned int i, const struct node *last,
                       struct node *out)
{
    switch (dir->kind) {
    case FIXED_DIR: return row_child(&dir->rows[i], 0, out);
    case PARAMS: return param_child(i ? last->name : "", out);
    case POOLS: return pool_child(i ? last->number + 1 : 0, out);
    case POOL: return row_child(&pool_rows[i], dir->number, out);
    default: return false;
    }
}

/* The entry of dir with the name that the first len bytes of s are. */
static bool find_child(const struct node *dir, const char *s, size_t len, struct node *out)
{
    struct node last = { .kind = FIXED_DIR };

    for (unsigned int i = 0; next_child(dir, i, &last, out); i++) {
        if (strlen(out->name) == len && !strncmp(out->name, s, len))
            return true;
        last = *out;
    }
    return false;
}

/* path: "/" or "/a/b". */
static int find(const char *path, struct node *out)
{
    struct node dir = { .kind = FIXED_DIR, .rows = root_rows };

    if (*path != '/')
        return -EINVAL;
    *out = dir;
    for (path++; *path != '\0';) {
        size_t len = strcspn(path, "/");

        dir = *out;
        if (!find_child(&dir, path, len, out))
            return -ENOENT;
        path += len;
        if (*path == '/')
            path++;
    }
    return 0;
}

/* --- contents --------------------------------------------------------------------------------- */

static uint8_t type_of(const struct node *n)
{
    return is_dir(n) ? XEN_HYPFS_TYPE_DIR : n->kind == NUMBER ? XEN_HYPFS_TYPE_UINT
                                                              : XEN_HYPFS_TYPE_STRING;
}

static uint32_t put_text(char *buf, const char *text)
{
    return (uint32_t)MIN(strlcpy(buf, text, BUFFER_BYTES) + 1, BUFFER_BYTES);
}

/* What one that is no directory contains; at most BUFFER_BYTES. */
static uint32_t leaf_content(const struct node *n, char *buf)
{
    switch (n->kind) {
    case NUMBER:
        memcpy(buf, &n->number, sizeof(n->number));
        return sizeof(n->number);
    case PARAM:
        return (uint32_t)MIN(n->param->show(buf, VALUE_BYTES) + 1, (int)VALUE_BYTES);
    case GRANULARITY:
        return put_text(buf, "cpu"); /* each cpu is scheduled by itself */
    default:
        return put_text(buf, n->text);
    }
}

static uint32_t dirent_bytes(const struct node *n)
{
    size_t bytes = offsetof(struct xen_hypfs_dirlistentry, name) + strlen(n->name) + 1;

    return (uint32_t)(bytes + 3) & ~3U;
}

static uint32_t dir_bytes(const struct node *dir)
{
    struct node last = { .kind = FIXED_DIR }, n;
    uint32_t sum = 0;

    for (unsigned int i = 0; next_child(dir, i, &last, &n); i++) {
        sum += dirent_bytes(&n);
        last = n;
    }
    return sum;
}

/* buf: for what has to be built to know its length. */
static struct xen_hypfs_direntry describe(const struct node *n, char *buf)
{
    return (struct xen_hypfs_direntry){
        .type = type_of(n),
        .encoding = XEN_HYPFS_ENC_PLAIN,
        .content_len = is_dir(n) ? dir_bytes(n) : leaf_content(n, buf),
        .max_write_len = n->kind == PARAM ? VALUE_BYTES : 0,
    };
}

/* The list of a directory; scratch is another buffer. */
static uint32_t dir_content(const struct node *dir, char *buf, char *scratch)
{
    struct xen_hypfs_dirlistentry *e = NULL;
    struct node last = { .kind = FIXED_DIR }, n;
    uint32_t at = 0;

    for (unsigned int i = 0; next_child(dir, i, &last, &n); i++) {
        uint32_t size = dirent_bytes(&n);

        if (at + size > BUFFER_BYTES)
            break;
        if (e)
            e->off_next = (uint16_t)((uintptr_t)(buf + at) - (uintptr_t)e);
        e = (void *)(buf + at);
        memset(e, 0, size);
        e->e = describe(&n, scratch);
        strlcpy(e->name, n.name, size - offsetof(struct xen_hypfs_dirlistentry, name));
        at += size;
        last = n;
    }
    return at;
}

/* --- operations ------------------------------------------------------------------------------- */

struct buffers {
    char content[BUFFER_BYTES], scratch[BUFFER_BYTES];
};

static long read_node(const struct node *n, struct buffers *b, uint64_t to, uint64_t size)
{
    struct xen_hypfs_direntry e;

    if (size < sizeof(e))
        return -EINVAL;
    e = describe(n, b->content);
    if (is_dir(n))
        e.content_len = dir_content(n, b->content, b->scratch);
    if (guest_write(to, &e, sizeof(e))) /* the same for 32-bit callers */
        return -EFAULT;
    if (size - sizeof(e) < e.content_len)
        return -ENOBUFS;
    return guest_write(to + sizeof(e), b->content, e.content_len) ? -EFAULT : 0;
}

/* Only options can be written: a string with its NUL at the end and nowhere else. */
static long write_node(const struct node *n, uint64_t from, uint64_t size)
{
    char value[VALUE_BYTES];

    if (is_dir(n) || n->kind != PARAM)
        return -EACCES;
    if (size > sizeof(value))
        return -ENOSPC;
    if (guest_read(value, from, size))
        return -EFAULT;
    if (size == 0 || memchr(value, 0, size) != value + size - 1)
        return -EDOM;
    return n->param->parse(value);
}

static long read_path(char *path, uint64_t from, uint64_t size)
{
    if (size == 0 || size > XEN_HYPFS_MAX_PATHLEN)
        return -EINVAL;
    if (guest_read(path, from, size))
        return -EFAULT;
    return memchr(path, 0, size) == path + size - 1 ? 0 : -EINVAL;
}

static long on_path(const uint64_t arg[], struct buffers *b)
{
    struct node n;
    long rc = read_path(b->content, arg[1], arg[2]);

    if (rc == 0)
        rc = find(b->content, &n);
    if (rc)
        return rc;
    switch ((uint32_t)arg[0]) {
    case XEN_HYPFS_OP_read:
        return read_node(&n, b, arg[3], arg[4]);
    case XEN_HYPFS_OP_write_contents:
        return write_node(&n, arg[3], arg[4]);
    default:
        return -EOPNOTSUPP;
    }
}

/* (operation, path, its length with the NUL, buffer, its size) */
long hc_hypfs_op(struct vcpu *v, const uint64_t arg[])
{
    struct buffers *b;
    long rc;

    if (!v->domain->is_privileged)
        return -EPERM;
    if ((uint32_t)arg[0] == XEN_HYPFS_OP_get_version)
        return arg[1] || arg[2] || arg[3] || arg[4] ? -EINVAL : XEN_HYPFS_VERSION;
    b = hv_page_alloc(BUFFER_ORDER + 1);
    if (b == NULL)
        return -ENOMEM;
    rc = on_path(arg, b);
    hv_page_free(b, BUFFER_ORDER + 1);
    return rc;
}
