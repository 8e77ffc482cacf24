/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Splitting the command line into words, finding their options in the table, and setting them. Bad
 * input changes nothing but the message: an option is set only after its whole value has been
 * understood.
 */
#include <lib/cmdline.h>

#include <hv/errno.h>
#include <lib/ctype.h>
#include <lib/format.h>
#include <lib/number.h>
#include <lib/string.h>

#define WORD_BYTES 512

/* ---- words ---- */

enum word_result { WORD_END, WORD_OK, WORD_TOO_LONG, WORD_OPEN_QUOTE };

/*
 * Copy the next word without its quotes; *line moves behind it. A word that is too long is skipped
 * whole.
 */
static enum word_result next_word(const char **line, char word[WORD_BYTES])
{
    const char *p = *line;
    size_t len = 0;
    char quote = '\0';

    while (char_is_space(*p))
        p++;
    if (!*p) {
        *line = p;
        return WORD_END;
    }
    for (; *p && (quote || !char_is_space(*p)); p++) {
        if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? '\0' : *p;
        else if (len++ < WORD_BYTES - 1)
            word[len - 1] = *p;
    }
    *line = p;
    word[len < WORD_BYTES ? len : WORD_BYTES - 1] = '\0';
    if (len >= WORD_BYTES)
        return WORD_TOO_LONG;
    return quote ? WORD_OPEN_QUOTE : WORD_OK;
}

const char *cmdline_after_dashes(const char *line)
{
    char word[WORD_BYTES] = "";

    while (next_word(&line, word) != WORD_END) {
        if (strcmp(word, "--") != 0)
            continue;
        while (char_is_space(*line))
            line++;
        return line;
    }
    return "";
}

/* ---- values ---- */

int cmdline_bool(const char *value)
{
    static const char *const words[][2] = {
        { "no", "yes" },         { "off", "on" }, { "false", "true" },
        { "disable", "enable" }, { "0", "1" },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        for (int truth = 0; truth < 2; truth++)
            if (!strcmp(value, words[i][truth]))
                return truth;
    return -1;
}

/* log2 of a size suffix, -1 if it is none */
static int suffix_shift(char c)
{
    switch (char_to_lower(c)) {
    case 'b':
        return 0;
    case 'k':
        return 10;
    case 'm':
        return 20;
    case 'g':
        return 30;
    case 't':
        return 40;
    default:
        return -1;
    }
}

int cmdline_size(const char *s, const char **end, uint64_t *bytes)
{
    const char *p;
    uint64_t value;
    int shift;

    if (!char_is_digit(*s))
        return -EINVAL;
    value = number_parse(s, &p, 0);
    shift = suffix_shift(*p);
    if (shift < 0)
        shift = 10;
    else
        p++;
    if (value > UINT64_MAX >> shift || value == UINT64_MAX || (!end && *p))
        return -EINVAL;
    if (end)
        *end = p;
    *bytes = value << shift;
    return 0;
}

int cmdline_number(const char *value, uint32_t max, uint32_t *out)
{
    const char *end;
    uint64_t n;

    if (!char_is_digit(*value))
        return -EINVAL;
    n = number_parse(value, &end, 0);
    if (*end)
        return -EINVAL;
    if (n > max)
        return -ERANGE;
    *out = (uint32_t)n;
    return 0;
}

bool cmdline_next_item(const char **list, struct cmdline_item *item)
{
    const char *p = *list;

    if (!p || !*p)
        return false;
    item->s = p;
    item->len = strcspn(p, ",");
    p += item->len;
    *list = *p ? p + 1 : p;
    return true;
}

bool cmdline_item_is(struct cmdline_item item, const char *word)
{
    return strlen(word) == item.len && !strncmp(item.s, word, item.len);
}

const char *cmdline_item_after(struct cmdline_item item, const char *prefix)
{
    size_t len = strlen(prefix);

    return len <= item.len && !strncmp(item.s, prefix, len) ? item.s + len : NULL;
}

/* ---- the table ---- */

/* Names are equal if they differ only in - and _. */
static bool name_is(const char *name, const char *key)
{
    for (;; name++, key++) {
        char a = *name == '_' ? '-' : *name, b = *key == '_' ? '-' : *key;

        if (a != b)
            return false;
        if (!a)
            return true;
    }
}

static int set_uint(const struct param *p, const char *value)
{
    const char *end;
    uint64_t n;

    if (!char_is_digit(*value))
        return -EINVAL;
    n = number_parse(value, &end, 0);
    if (*end || n == UINT64_MAX || (p->size < 8 && n >> (8 * p->size)))
        return -EINVAL;
    memcpy(p->target, &n, p->size); /* little-endian: the low bytes come first */
    return 0;
}

static int set_string(const struct param *p, const char *value)
{
    size_t len = strlen(value);

    if (len >= p->size)
        return -EINVAL;
    memcpy(p->target, value, len + 1);
    return 0;
}

/* value is NULL for a bare `name`; negated is set for `no-name`. */
static int set_bool(const struct param *p, const char *value, bool negated)
{
    int truth = value ? cmdline_bool(value) : 1;

    if (truth < 0)
        return -EINVAL;
    *(bool *)p->target = truth != negated;
    return 0;
}

static int set_param(const struct param *p, const char *value, bool negated)
{
    if (p->kind == PARAM_KIND_BOOL)
        return set_bool(p, value, negated);
    if (p->kind == PARAM_KIND_CUSTOM) {
        if (negated && value)
            return -EINVAL;
        return p->parse(negated ? "no" : value ? value : "");
    }
    if (negated || !value)
        return -EINVAL;
    switch (p->kind) {
    case PARAM_KIND_UINT:
        return set_uint(p, value);
    case PARAM_KIND_SIZE:
        return cmdline_size(value, NULL, p->target);
    case PARAM_KIND_STR:
        return set_string(p, value);
    default:
        return -EINVAL;
    }
}

struct table {
    const struct param *first, *end;
};

/* Set all options of this name: how many there are, and whether one of them refused the value. */
static unsigned int set_named(const struct table *t, const char *name, const char *value,
                              bool negated, bool *refused)
{
    unsigned int found = 0;

    for (const struct param *p = t->first; p < t->end; p++)
        if (name_is(p->name, name)) {
            found++;
            if (set_param(p, value, negated))
                *refused = true;
        }
    return found;
}

static void apply_word(const struct table *t, char *word, cmdline_warn_fn *warn)
{
    char *value = strchr(word, '=');
    bool refused = false;
    unsigned int found;

    if (value)
        *value++ = '\0';
    found = set_named(t, word, value, false, &refused);
    if (!found && !strncmp(word, "no-", 3))
        found = set_named(t, word + 3, value, true, &refused);

    if (!found)
        warn("unknown option \"%s\"", word);
    else if (refused)
        warn("bad value for \"%s\": %s", word, value ? value : "(none)");
}

void cmdline_apply_table(const char *line, cmdline_warn_fn *warn, const struct param *first,
                         const struct param *end)
{
    const struct table t = { first, end };
    char word[WORD_BYTES] = "";
    enum word_result result;

    while ((result = next_word(&line, word)) != WORD_END) {
        if (result == WORD_TOO_LONG) {
            warn("option too long: \"%.32s...\"", word);
            continue;
        }
        if (result == WORD_OPEN_QUOTE) {
            warn("missing quote after \"%s\"", word);
            continue;
        }
        if (!strcmp(word, "--"))
            break;
        if (word[0] && strcmp(word, "placeholder") != 0)
            apply_word(&t, word, warn);
    }
}

void cmdline_apply(const char *line, cmdline_warn_fn *warn)
{
    cmdline_apply_table(line, warn, __start_params, __stop_params);
}

/* ---- options whose syntax several modules share ---- */

/* One term, a size or a percentage; *s moves behind it. */
static int parse_term(const char **s, struct mem_amount *out)
{
    const char *end;
    uint64_t n;

    if (!char_is_digit(**s))
        return -EINVAL;
    n = number_parse(*s, &end, 10);
    if (*end == '%') {
        if (n >= 100 || out->percent)
            return -EINVAL;
        out->percent = (unsigned int)n;
        *s = end + 1;
        return 0;
    }
    return cmdline_size(*s, s, &out->bytes);
}

static int parse_amount(const char *s, const char *end, struct mem_amount *out)
{
    struct mem_amount amount = { .given = true };
    int rc;

    if (s < end && *s == '-') {
        amount.minus = true;
        s++;
    }
    rc = parse_term(&s, &amount);
    if (!rc && *s == '+' && s[-1] != '%') {
        s++;
        rc = parse_term(&s, &amount);
        if (!rc && s[-1] != '%') /* the second term is a percentage */
            rc = -EINVAL;
    }
    if (rc || s != end)
        return -EINVAL;
    *out = amount;
    return 0;
}

int dom0_mem_parse(const char *value, struct dom0_mem *out)
{
    struct dom0_mem parsed = { 0 };
    struct cmdline_item item;

    if (!*value)
        return -EINVAL;
    while (cmdline_next_item(&value, &item)) {
        const char *end = item.s + item.len, *min = cmdline_item_after(item, "min:"),
                   *max = cmdline_item_after(item, "max:");
        int rc = min   ? parse_amount(min, end, &parsed.min)
                 : max ? parse_amount(max, end, &parsed.max)
                       : parse_amount(item.s, end, &parsed.size);

        if (rc)
            return rc;
    }
    *out = parsed;
    return 0;
}

uint64_t mem_amount_resolve(const struct mem_amount *amount, uint64_t total)
{
    uint64_t share = total / 100 * amount->percent + total % 100 * amount->percent / 100;
    uint64_t sum = amount->bytes > total - share ? total : amount->bytes + share;

    return amount->minus ? total - sum : sum;
}

static bool parse_level(const char *s, size_t len, unsigned int *level)
{
    static const struct {
        const char *name;
        unsigned int level;
    } levels[] = {
        { "none", 0 }, { "error", 1 }, { "warning", 2 },
        { "info", 3 }, { "debug", 4 }, { "all", 4 },
    };

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (cmdline_item_is((struct cmdline_item){ s, len }, levels[i].name)) {
            *level = levels[i].level;
            return true;
        }
    return false;
}

int loglvl_parse(const char *value, unsigned int *always, unsigned int *limited)
{
    size_t len = strcspn(value, "/");
    unsigned int a, l;

    if (!parse_level(value, len, &a))
        return -EINVAL;
    l = a;
    if (value[len] && !parse_level(value + len + 1, strlen(value + len + 1), &l))
        return -EINVAL;
    *always = a;
    *limited = l > a ? l : a;
    return 0;
}

int loglvl_show(char *buf, size_t size, unsigned int always, unsigned int limited)
{
    static const char *const names[] = { "none", "error", "warning", "info", "all" };

    return snprintf(buf, size, "%s/%s", names[always < 4 ? always : 4],
                    names[limited < 4 ? limited : 4]);
}

int console_parse(const char *value, unsigned int *sinks)
{
    struct cmdline_item item;
    unsigned int set = 0;

    if (!*value)
        return -EINVAL;
    while (cmdline_next_item(&value, &item)) {
        if (cmdline_item_is(item, "com1"))
            set |= CONSOLE_COM1;
        else if (cmdline_item_is(item, "com2"))
            set |= CONSOLE_COM2;
        else if (cmdline_item_is(item, "vga"))
            set |= CONSOLE_VGA;
        else if (cmdline_item_is(item, "none"))
            set = 0;
        else
            return -EINVAL;
    }
    *sinks = set;
    return 0;
}
