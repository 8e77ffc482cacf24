/* SPDX-License-Identifier: GPL-2.0-only */
/* Formatting, compared with the C library's for all that both mean the same by. */
/* links: lib/format.c lib/string.c */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

#include <lib/format.h>

#include "check.h"

#define TEXT_MAX 200

/* Both libraries with the same arguments, at every buffer size up to the text's. */
static void same(const char *fmt, ...)
{
    char want[TEXT_MAX];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(want, sizeof(want), fmt, args);
    va_end(args);
    if (!CHECK(n >= 0 && n < TEXT_MAX))
        return;

    for (int size = 0; size <= n + 1; size++) {
        char *got = malloc(size ? size : 1);

        va_start(args, fmt);
        CHECK_EQ(fs_vsnprintf(got, size, fmt, args), n);
        va_end(args);
        if (size > 0) {
            CHECK_EQ(strncmp(got, want, size - 1), 0);
            CHECK_EQ(got[size - 1 < n ? size - 1 : n], 0);
        }
        free(got);
        if (check_state.failed_here > 0) {
            printf("# format \"%s\", wanted \"%s\"\n", fmt, want);
            return;
        }
    }
}

static void all_flags(const char *length_and_conversion, long long value)
{
    static const char *const flags[] = { "", "-", "0", "-0", "+", " ", "+0" };
    static const char *const fields[] = {
        "", "1", "5", "20", ".0", ".1", ".7", "12.4", "3.8", ".",
    };
    const bool is_signed = strpbrk(length_and_conversion, "di") != NULL;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            char fmt[40];

            if (!is_signed && strpbrk(flags[i], "+ "))
                continue;
            snprintf(fmt, sizeof(fmt), "<%%%s%s%s>", flags[i], fields[k], length_and_conversion);
            same(fmt, value);
        }
}

static void test_numbers(void)
{
    static const long long values[] = {
        0, 1, -1, 9, 10, 255, 256, -128, 65535, -32769, INT_MAX, INT_MIN, UINT_MAX, LLONG_MAX,
        LLONG_MIN, 0x123456789abcdef0,
    };
    static const char *const kinds[] = {
        "d", "i", "u", "x", "X", "o", "hhd", "hhu", "hd", "hx", "ld", "lu", "lx", "lld", "llu",
        "llx", "zu", "zx", "zd", "jd", "tx",
    };

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        TEST(kinds[k])
            for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                all_flags(kinds[k], values[i]);

    TEST("alternate form") {
        same("%#x %#X %#lx %#10x %#010x %-#10x| %#x", 1, 0xab, 0x123ul, 0xcd, 0xef, 0x77, 0);
    }
}

static void test_text(void)
{
    TEST("strings") {
        same("<%s> <%10s> <%-10s> <%.3s> <%10.2s> <%-8.5s>", "", "abc", "abc", "abcdef", "xyz",
             "hello world");
        same("%.0s|%.10s|", "gone", "short");
        same("%*s|%-*s|%.*s|%*.*s|%*s", 6, "a", 6, "b", 2, "cdef", 5, 1, "gh", -7, "i");
        same("%.*d|%.*d", -1, 5, 3, 5);
    }
    TEST("a string need not end within its precision") {
        char *bare = malloc(3);

        memcpy(bare, "abc", 3);
        same("%.3s", bare);
        free(bare);
    }
    TEST("characters and percent signs") {
        same("%c%c%5c%-5c|%%|100%%", 'a', 'b', 'c', 'd');
        same("%s", "no conversion");
        same("plain");
        same("");
    }
    TEST("pointers") {
        char text[40];

        same("%p %20p %-20p|", (void *)0x1234, (void *)text, (void *)0xffff82d080200000);
        fs_snprintf(text, sizeof(text), "%p", (void *)0);
        CHECK_STR(text, "0x0");
    }
    TEST("a null string does not crash") {
        const char *volatile null = NULL;
        char text[40];

        CHECK_EQ(fs_snprintf(text, sizeof(text), "[%s]", null), 8);
        CHECK_STR(text, "[(null)]");
    }
    TEST("an unknown conversion is copied") {
        const char *volatile odd = "a %y b %";
        char text[40];

        CHECK_EQ(fs_snprintf(text, sizeof(text), odd, 1), 8);
        CHECK_STR(text, "a %y b %");
    }
    TEST("an absurd width is bounded") {
        const char *volatile wide = "%99999999999d";
        char text[8];

        CHECK_EQ(fs_snprintf(text, sizeof(text), wide, 1), 4096);
        CHECK_STR(text, "       ");
    }
    TEST("scnprintf gives what was written") {
        char text[6];

        CHECK_EQ(fs_scnprintf(text, sizeof(text), "%s", "abcdefgh"), 5);
        CHECK_STR(text, "abcde");
        CHECK_EQ(fs_scnprintf(text, sizeof(text), "%d", 42), 2);
        CHECK_EQ(fs_scnprintf(text, 0, "%d", 42), 0);
        CHECK_EQ(fs_snprintf(NULL, 0, "%d", 42), 2);
    }
}

int main(void)
{
    test_numbers();
    test_text();
    return check_exit();
}
