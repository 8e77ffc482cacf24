/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wrong on purpose, and never linked: clang-tidy's analyzer must see the NULL that one path leaves.
 */
#include <hv/types.h>

int planted_null(bool known, int *value);
int planted_null(bool known, int *value)
{
    int *from = known ? value : NULL;

    return *from;
}
