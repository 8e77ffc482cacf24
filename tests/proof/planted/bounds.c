/* SPDX-License-Identifier: GPL-2.0-only */
/* Wrong on purpose, and never linked: cppcheck must see the step past the end. */
int planted_bounds(void);
int planted_bounds(void)
{
    int table[4] = { 1, 2, 3, 4 };
    int sum = 0;

    for (int i = 0; i <= 4; i++)
        sum += table[i];
    return sum;
}
