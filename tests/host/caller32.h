/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lets a test that speaks the 64-bit ABI play a 32-bit caller: its arguments are narrowed where
 * they are, and widened again after the call. They are below 4 GiB, as host programs are not
 * position independent.
 */
#ifndef HOST_CALLER32_H
#define HOST_CALLER32_H

#include <stdlib.h>
#include <string.h>

#include <hv/compat.h>

/* count structures at p, an array in the one layout before and in the other after. */
static inline void caller32_narrow(void *p, unsigned int count, const struct compat_layout *l)
{
    for (unsigned int i = 0; i < count; i++) {
        char wide[UINT8_MAX], narrow[COMPAT_MAX_SIZE32] = { 0 };
        size_t start, end;

        memcpy(wide, (char *)p + i * l->size, l->size);
        if (compat_narrow(narrow, wide, l, 0, l->size, &start, &end))
            abort(); /* the test's: it does not fit */
        memcpy((char *)p + i * l->size32, narrow, l->size32);
    }
}

static inline void caller32_widen(void *p, unsigned int count, const struct compat_layout *l)
{
    while (count-- > 0) {
        char wide[UINT8_MAX], narrow[COMPAT_MAX_SIZE32];

        memcpy(narrow, (char *)p + count * l->size32, l->size32);
        compat_widen(wide, narrow, l);
        memcpy((char *)p + count * l->size, wide, l->size);
    }
}

/* What grant_table_op takes an array of; NULL: no such operation. */
static inline const struct compat_layout *caller32_grant_layout(unsigned int cmd)
{
    static const struct compat_layout *const layout[] = {
        [GNTTABOP_map_grant_ref] = &compat_gnttab_map_grant_ref,
        [GNTTABOP_unmap_grant_ref] = &compat_gnttab_unmap_grant_ref,
        [GNTTABOP_setup_table] = &compat_gnttab_setup_table,
        [GNTTABOP_transfer] = &compat_gnttab_transfer,
        [GNTTABOP_copy] = &compat_gnttab_copy,
        [GNTTABOP_query_size] = &compat_gnttab_query_size,
        [GNTTABOP_unmap_and_replace] = &compat_gnttab_unmap_and_replace,
        [GNTTABOP_set_version] = &compat_gnttab_set_version,
        [GNTTABOP_get_status_frames] = &compat_gnttab_get_status_frames,
        [GNTTABOP_get_version] = &compat_gnttab_get_version,
        [GNTTABOP_swap_grant_ref] = &compat_gnttab_swap_grant_ref,
    };

    return cmd < ARRAY_SIZE(layout) ? layout[cmd] : NULL;
}

#endif
