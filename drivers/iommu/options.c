/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommu= and dom0-iommu=, lists of words with Xen's names; a word may be `name`, `no-name` or
 * `name=<bool>`. What is not there yet is a bad value, not ignored: an administrator who asks for
 * protection gets it or hears.
 */
#include "priv.h"

#include <hv/errno.h>
#include <lib/cmdline.h>
#include <lib/string.h>

bool opt_iommu = true, opt_iommu_required, opt_iommu_verbose, opt_iommu_intremap = true;
bool opt_iommu_queue = true, opt_iommu_snoop = true;
bool opt_dom0_passthrough, opt_dom0_none, opt_dom0_inclusive = true, opt_dom0_reserved = true;

struct word {
    const char *name;
    bool *flag;      /* NULL: can only have the value that it has */
    bool only;
};

static int set_word(const struct word *words, size_t nr, struct cmdline_item item)
{
    char text[32];
    bool on = true;
    char *value;
    int b;

    if (item.len >= sizeof(text))
        return -EINVAL;
    memcpy(text, item.s, item.len);
    text[item.len] = '\0';
    value = strchr(text, '=');
    b = cmdline_bool(value ? value + 1 : text);
    if (value && b < 0)
        return -EINVAL;
    if (b >= 0)
        on = b;
    if (value)
        *value = '\0';
    else if (b >= 0)
        text[0] = '\0'; /* the switch */
    for (size_t i = 0; i < nr; i++) {
        const bool no = !strncmp(text, "no-", 3) && !strcmp(text + 3, words[i].name);

        if (!no && strcmp(text, words[i].name) != 0)
            continue;
        on = on != no;
        if (!words[i].flag)
            return on == words[i].only ? 0 : -EINVAL;
        *words[i].flag = on;
        return 0;
    }
    return -EINVAL;
}

static int set_words(const struct word *words, size_t nr, const char *value)
{
    struct cmdline_item item;
    int rc = 0;

    while (rc == 0 && cmdline_next_item(&value, &item))
        rc = set_word(words, nr, item);
    return rc;
}

/* The switch itself is a word like others, anywhere in the list. */
static int parse_iommu(const char *value)
{
    static const struct word words[] = {
        { "", &opt_iommu, false },
        { "required", &opt_iommu_required, false },
        { "force", &opt_iommu_required, false },
        { "verbose", &opt_iommu_verbose, false },
        { "debug", &opt_iommu_verbose, false },
        { "dom0-passthrough", &opt_dom0_passthrough, false },
        { "intremap", &opt_iommu_intremap, false },
        { "qinval", &opt_iommu_queue, false },
        { "snoop", &opt_iommu_snoop, false },
        { "sharept", NULL, false },
        { "dom0-strict", NULL, false },
        { "quarantine", NULL, true }, /* a device that is nobody's is always blocked */
    };

    if (value[0] == '\0') {
        opt_iommu = true;
        return 0;
    }
    return set_words(words, ARRAY_SIZE(words), value);
}

static int parse_dom0(const char *value)
{
    static const struct word words[] = {
        { "passthrough", &opt_dom0_passthrough, false },
        { "none", &opt_dom0_none, false },
        { "map-inclusive", &opt_dom0_inclusive, false },
        { "map-reserved", &opt_dom0_reserved, false },
        { "strict", NULL, false },
    };

    return set_words(words, ARRAY_SIZE(words), value);
}

PARAM_CUSTOM("iommu", parse_iommu,
             "IOMMUs: <bool>, required, verbose, intremap, [no-]qinval, [no-]snoop");
PARAM_CUSTOM("dom0-iommu", parse_dom0, "passthrough, none, map-inclusive, map-reserved");
