/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How large a domain's grant tables may grow: at most, and when its creator does not say. Both may
 * be changed while we run, for domains created from then on.
 */
#include "gnttab_priv.h"

#include <hv/atomic.h>
#include <hv/errno.h>
#include <lib/cmdline.h>
#include <lib/format.h>

static uint32_t opt_frames = GNTTAB_DEFAULT_FRAMES, opt_maptrack = GNTTAB_DEFAULT_MAPTRACK;

static int parse(const char *value, uint32_t max, uint32_t *opt)
{
    uint32_t n;
    int rc = cmdline_number(value, max, &n);

    if (rc == 0)
        write_once(*opt, n);
    return rc;
}

static int parse_frames(const char *value) { return parse(value, MAX_FRAMES, &opt_frames); }
static int parse_maptrack(const char *value) { return parse(value, MAX_MAPTRACK, &opt_maptrack); }
static int show_frames(char *buf, size_t size)
{
    return snprintf(buf, size, "%u", gnttab_default_frames());
}
static int show_maptrack(char *buf, size_t size)
{
    return snprintf(buf, size, "%u", gnttab_default_maptrack());
}
PARAM_RUNTIME("gnttab_max_frames", parse_frames, show_frames,
              "pages of a new domain's grant table, at most");
PARAM_RUNTIME("gnttab_max_maptrack_frames", parse_maptrack, show_maptrack,
              "pages of what a new domain has mapped of others', at most");

unsigned int gnttab_default_frames(void) { return read_once(opt_frames); }
unsigned int gnttab_default_maptrack(void) { return read_once(opt_maptrack); }
