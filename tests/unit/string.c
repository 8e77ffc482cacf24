/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Our string functions (prefix fs_ on the host) against the C library's. Buffers come from the
 * heap at their exact sizes, so that the sanitizer sees each byte too far.
 */
/* links: lib/string.c lib/number.c */
#include <stdlib.h>

#include <lib/ctype.h>
#include <lib/number.h>
#include <lib/string.h>

#include "check.h"

#define SIZE_MAX_TRIED 80
#define BUFFER 160

static uint8_t pattern[BUFFER], ours[BUFFER], theirs[BUFFER];

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void fill(void)
{
    for (int i = 0; i < BUFFER; i++)
        pattern[i] = (uint8_t)(i * 7 + 1);
    memcpy(ours, pattern, BUFFER);
    memcpy(theirs, pattern, BUFFER);
}

static void test_moves(void)
{
    TEST("memcpy at every size and alignment") {
        for (size_t n = 0; n <= SIZE_MAX_TRIED; n++)
            for (size_t to = 0; to < 9; to++)
                for (size_t from = 0; from < 9; from++) {
                    fill();
                    CHECK(fs_memcpy(ours + to, pattern + from, n) == ours + to);
                    memcpy(theirs + to, pattern + from, n);
                    CHECK_EQ(memcmp(ours, theirs, BUFFER), 0);
                }
    }
    TEST("memmove at every size and overlap") {
        for (size_t n = 0; n <= SIZE_MAX_TRIED; n++)
            for (size_t to = 0; to < 70; to += 3)
                for (size_t from = 0; from < 70; from += 2) {
                    fill();
                    CHECK(fs_memmove(ours + to, ours + from, n) == ours + to);
                    memmove(theirs + to, theirs + from, n);
                    CHECK_EQ(memcmp(ours, theirs, BUFFER), 0);
                }
    }
    TEST("memset at every size and alignment") {
        for (size_t n = 0; n <= SIZE_MAX_TRIED; n++)
            for (size_t to = 0; to < 9; to++) {
                fill();
                CHECK(fs_memset(ours + to, 0x1a5, n) == ours + to);
                memset(theirs + to, 0x1a5, n);
                CHECK_EQ(memcmp(ours, theirs, BUFFER), 0);
            }
    }
    TEST("exact buffers are not left") {
        for (size_t n = 0; n <= SIZE_MAX_TRIED; n++) {
            uint8_t *a = malloc(n ? n : 1), *b = malloc(n ? n : 1);

            fs_memset(a, 3, n);
            fs_memcpy(b, a, n);
            fs_memmove(a, b, n);
            CHECK_EQ(fs_memcmp(a, b, n), 0);
            CHECK(fs_memchr(a, 4, n) == NULL);
            free(a);
            free(b);
        }
    }
}

static void test_compares(void)
{
    TEST("memcmp finds each difference, with its sign") {
        for (size_t n = 1; n <= 40; n++)
            for (size_t at = 0; at < n; at++) {
                fill();
                ours[at] ^= 0x80;
                ours[n - 1] ^= 1;
                CHECK_EQ(fs_memcmp(ours, theirs, n), sign(memcmp(ours, theirs, n)));
                CHECK_EQ(fs_memcmp(theirs, ours, n), sign(memcmp(theirs, ours, n)));
                CHECK_EQ(fs_memcmp(ours, theirs, at), 0);
            }
    }
    TEST("memchr") {
        fill();
        for (int c = 0; c < 256; c++)
            CHECK(fs_memchr(pattern, c, 100) == memchr(pattern, c, 100));
    }
    TEST("strcmp and strncmp") {
        static const char *const s[] = { "", "a", "b", "ab", "abc", "abd", "\xff", "abc\xff" };

        for (size_t i = 0; i < 8; i++)
            for (size_t k = 0; k < 8; k++) {
                CHECK_EQ(fs_strcmp(s[i], s[k]), sign(strcmp(s[i], s[k])));
                for (size_t n = 0; n < 6; n++)
                    CHECK_EQ(fs_strncmp(s[i], s[k], n), sign(strncmp(s[i], s[k], n)));
            }
    }
}

static void test_strings(void)
{
    TEST("strlen and strnlen") {
        char *bare = malloc(4);

        memcpy(bare, "abcd", 4);
        CHECK_EQ(fs_strnlen(bare, 4), 4);
        CHECK_EQ(fs_strnlen("ab", 4), 2);
        CHECK_EQ(fs_strlen(""), 0);
        CHECK_EQ(fs_strlen("hello"), 5);
        free(bare);
    }
    TEST("strchr and strrchr") {
        const char *s = "abcabc";

        CHECK(fs_strchr(s, 'b') == s + 1 && fs_strrchr(s, 'b') == s + 4);
        CHECK(fs_strchr(s, 'x') == NULL && fs_strrchr(s, 'x') == NULL);
        CHECK(fs_strchr(s, 0) == s + 6 && fs_strrchr(s, 0) == s + 6);
    }
    TEST("strstr, strspn, strcspn") {
        static const char *const needles[] = { "", "a", "aab", "ab", "b", "aaab", "c", "aaaab" };
        const char *s = "aaab";

        for (size_t i = 0; i < 8; i++)
            CHECK(fs_strstr(s, needles[i]) == strstr(s, needles[i]));
        CHECK_EQ(fs_strspn("aabc", "ab"), 3);
        CHECK_EQ(fs_strspn("abc", ""), 0);
        CHECK_EQ(fs_strcspn("key=value", "=,"), 3);
        CHECK_EQ(fs_strcspn("key", "=,"), 3);
    }
    TEST("strlcpy and strlcat cut off and terminate") {
        char text[6] = "?????";

        CHECK_EQ(fs_strlcpy(text, "abcdefgh", sizeof(text)), 8);
        CHECK_STR(text, "abcde");
        CHECK_EQ(fs_strlcpy(text, "ab", sizeof(text)), 2);
        CHECK_EQ(fs_strlcat(text, "cd", sizeof(text)), 4);
        CHECK_STR(text, "abcd");
        CHECK_EQ(fs_strlcat(text, "efgh", sizeof(text)), 8);
        CHECK_STR(text, "abcde");
        CHECK_EQ(fs_strlcpy(NULL, "abc", 0), 3);
        memset(text, 'x', sizeof(text));
        CHECK_EQ(fs_strlcat(text, "abc", sizeof(text)), 9);
        CHECK_EQ(text[5], 'x');
    }
}

static void check_number(const char *s, unsigned int base, uint64_t want, size_t used)
{
    const char *end;

    CHECK_EQ(number_parse(s, &end, base), want);
    CHECK_EQ(end - s, used);
}

static void test_numbers(void)
{
    TEST("numbers and their bases") {
        check_number("0", 0, 0, 1);
        check_number("123,4", 0, 123, 3);
        check_number("0x1fG", 0, 0x1f, 4);
        check_number("0X1F", 0, 0x1f, 4);
        check_number("0x", 0, 0, 1);
        check_number("0779", 0, 077, 3);
        check_number("0x20", 16, 0x20, 4);
        check_number("ff", 16, 0xff, 2);
        check_number("1012", 2, 5, 3);
        check_number("", 0, 0, 0);
        check_number("-1", 0, 0, 0);
        CHECK_EQ(number_parse("42", NULL, 10), 42);
    }
    TEST("numbers saturate") {
        check_number("18446744073709551615", 0, UINT64_MAX, 20);
        check_number("18446744073709551616", 0, UINT64_MAX, 20);
        check_number("0xffffffffffffffff", 0, UINT64_MAX, 18);
        check_number("0x10000000000000000", 0, UINT64_MAX, 19);
        check_number("999999999999999999999999999", 0, UINT64_MAX, 27);
    }
    TEST("character classes") {
        CHECK(char_is_digit('5') && !char_is_digit('a') && char_is_alpha('z') &&
              char_is_alnum('0') && !char_is_alnum('_') && char_is_space('\t') &&
              !char_is_space('x') && char_is_print('~') && !char_is_print('\n'));
        CHECK_EQ(char_to_lower('Q'), 'q');
        CHECK_EQ(char_hex_value('B'), 11);
        CHECK_EQ(char_hex_value('g'), -1);
    }
}

int main(void)
{
    test_moves();
    test_compares();
    test_strings();
    test_numbers();
    return check_exit();
}
