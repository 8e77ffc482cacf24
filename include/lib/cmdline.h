/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line in the syntax that Xen's administrators know, and the table of options.
 *
 * Words are separated by blanks; quotes (' or ") keep blanks inside of a word. An option is
 * `name=value`, `name` or `no-name`; in names `-` and `_` are the same. Any file adds options of
 * its own next to the variables they set:
 *
 *     static bool opt_noreboot;
 *     PARAM_BOOL("noreboot", opt_noreboot, "stop instead of rebooting after a crash");
 *
 * The linker collects the table in a section called "params"; a linker script must keep it and
 * define the start and stop symbols around it (the default scripts define them by themselves). Two
 * options of one name are both set.
 */
#ifndef LIB_CMDLINE_H
#define LIB_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_kind {
    PARAM_KIND_BOOL,   /* bool: name, no-name, name=yes|no|on|off|true|false|enable|disable|1|0 */
    PARAM_KIND_UINT,   /* an unsigned integer of 1, 2, 4 or 8 bytes; 0x and 0 prefixes understood */
    PARAM_KIND_SIZE,   /* uint64_t, bytes: see cmdline_size() */
    PARAM_KIND_STR,    /* char array; a value that does not fit is refused */
    PARAM_KIND_CUSTOM, /* parse(value): 0 or a negative errno; `name` gives "", `no-name` "no" */
};

struct param {
    const char *name;
    enum param_kind kind;
    void *target;
    size_t size; /* of the target, bytes */
    int (*parse)(const char *value);
    /* It may change while we run; show writes the value as text, like snprintf(). Both or none. */
    bool runtime;
    int (*show)(char *buf, size_t size);
    const char *help;
};

extern const struct param __start_params[] __attribute__((weak, visibility("hidden")));
extern const struct param __stop_params[] __attribute__((weak, visibility("hidden")));

/*
 * The explicit alignment keeps the compiler from aligning an entry more, which would leave gaps in
 * the table.
 */
#define PARAM_CAT_(a, b) a##b
#define PARAM_CAT(a, b) PARAM_CAT_(a, b)
#define PARAM_ENTRY(...)                                                                           \
    static const struct param PARAM_CAT(param_, __COUNTER__)                                       \
        __attribute__((used, section("params"), aligned(8))) = { __VA_ARGS__ }

#define PARAM_BOOL(n, var, text)                                                                   \
    PARAM_ENTRY(.name = n, .kind = PARAM_KIND_BOOL, .target = &(var), .size = sizeof(var),         \
                .help = text)
#define PARAM_UINT(n, var, text)                                                                   \
    PARAM_ENTRY(.name = n, .kind = PARAM_KIND_UINT, .target = &(var), .size = sizeof(var),         \
                .help = text)
#define PARAM_SIZE(n, var, text)                                                                   \
    PARAM_ENTRY(.name = n, .kind = PARAM_KIND_SIZE, .target = &(var), .size = sizeof(var),         \
                .help = text)
#define PARAM_STR(n, array, text)                                                                  \
    PARAM_ENTRY(.name = n, .kind = PARAM_KIND_STR, .target = array, .size = sizeof(array),         \
                .help = text)
#define PARAM_CUSTOM(n, fn, text)                                                                  \
    PARAM_ENTRY(.name = n, .kind = PARAM_KIND_CUSTOM, .parse = fn, .help = text)
/* `xl set-parameters` sets it, /params of hypfs has it. The parser may run on any cpu, unlocked. */
#define PARAM_RUNTIME(n, fn, show_fn, text)                                                        \
    PARAM_ENTRY(.name = n, .kind = PARAM_KIND_CUSTOM, .parse = fn, .runtime = true,                \
                .show = show_fn, .help = text)

typedef void cmdline_warn_fn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Set every option of the line, up to a word `--`. What is unknown or cannot be understood is told
 * to `warn`, one message (without newline) a word, and otherwise ignored. The word `placeholder`
 * (from Debian's GRUB menu) is skipped.
 */
void cmdline_apply(const char *line, cmdline_warn_fn *warn);

/* The same with a table that is handed in. */
void cmdline_apply_table(const char *line, cmdline_warn_fn *warn, const struct param *first,
                         const struct param *end);

/*
 * What stands after the word `--`: it is appended to the first domain's command line. "" if there
 * is none.
 */
const char *cmdline_after_dashes(const char *line);

/* ---- for PARAM_CUSTOM parsers ---- */

/* 1 or 0 for the words of PARAM_KIND_BOOL, -1 for anything else. */
int cmdline_bool(const char *value);

/*
 * A size: a number and B, K, M, G or T in either case; without a suffix it counts KiB. *end (may be
 * NULL: then nothing may follow) is where reading stopped. -EINVAL: no number, trailing text, does
 * not fit 64 bits.
 */
int cmdline_size(const char *s, const char **end, uint64_t *bytes);

/* One element of a comma-separated list. */
struct cmdline_item {
    const char *s;
    size_t len;
};

/*
 * Take the next element off a list; false at its end. An empty list has no element, ",a" has an
 * empty one and "a". cmdline_item_is() compares with a word; cmdline_item_after() gives what
 * follows a prefix such as "min:", or NULL.
 */
bool cmdline_next_item(const char **list, struct cmdline_item *item);
bool cmdline_item_is(struct cmdline_item item, const char *word);
const char *cmdline_item_after(struct cmdline_item item, const char *prefix);

/*
 * An amount of memory: an absolute size plus a percentage of the whole; or, if minus, all but that.
 */
struct mem_amount {
    bool given, minus;
    uint64_t bytes;
    unsigned int percent; /* below 100 */
};

struct dom0_mem {
    struct mem_amount size, min, max;
};

/*
 * `dom0_mem=[min:<sz>,][max:<sz>,]<sz>`, where <sz> is [-]<size>, [-]<n>% or [-]<size>+<n>%. 0 or
 * -EINVAL.
 */
int dom0_mem_parse(const char *value, struct dom0_mem *out);

/* In bytes, of `total` bytes of memory; never more than `total`. */
uint64_t mem_amount_resolve(const struct mem_amount *amount, uint64_t total);

/*
 * `loglvl=<level>[/<limited>]`: none, error, warning, info, debug or all. A message of level n (0
 * error ... 3 debug) is always printed if n < *always, printed within a rate limit if n < *limited,
 * and dropped otherwise. 0 or -EINVAL.
 */
int loglvl_parse(const char *value, unsigned int *always, unsigned int *limited);
/* Back to text, as snprintf(). */
int loglvl_show(char *buf, size_t size, unsigned int always, unsigned int limited);
/* A whole unsigned number; -EINVAL: it is none, -ERANGE: above max. */
int cmdline_number(const char *value, uint32_t max, uint32_t *out);

enum console_sink {
    CONSOLE_COM1 = 1u << 0,
    CONSOLE_COM2 = 1u << 1,
    CONSOLE_VGA = 1u << 2,
};

/* `console=com1,vga` or `console=none`, as a set of enum console_sink. 0 or -EINVAL. */
int console_parse(const char *value, unsigned int *sinks);

#endif
