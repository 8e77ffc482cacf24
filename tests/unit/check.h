/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few macros that the host unit tests share. A test program is a list of
 *
 *     TEST("what is shown") {
 *         CHECK(cond);
 *         CHECK_EQ(got, wanted);
 *     }
 *
 * and ends in `return check_exit();`. Each TEST prints one line "ok NAME: what", or a line
 * "FAIL NAME: what (file:line expr)" for each check in it that failed. NAME is the file's name. A
 * program that ran no test at all fails. The body of a TEST must not be left by return or goto;
 * `break` ends it early.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CHECK_MAX_LINES 20                 /* failures shown per test; all are counted */

static struct {
    const char *what;
    unsigned int failed_here, failed, passed, skipped;
    bool skip_here;
} check_state;

static inline int check_name_len(const char **name)
{
    const char *slash = strrchr(__BASE_FILE__, '/');
    const char *dot;

    *name = slash ? slash + 1 : __BASE_FILE__;
    dot = strchr(*name, '.');
    return dot ? (int)(dot - *name) : (int)strlen(*name);
}

static inline void check_line(const char *verdict, const char *fmt_tail)
{
    const char *name;
    int len = check_name_len(&name);

    printf("%s %.*s: %s%s", verdict, len, name, check_state.what, fmt_tail);
}

static inline bool check_begin(const char *what)
{
    check_state.what = what;
    check_state.failed_here = 0;
    check_state.skip_here = false;
    return true;
}

static inline bool check_end(void)
{
    if (check_state.failed_here > 0) {
        check_state.failed++;
    } else if (check_state.skip_here) {
        check_state.skipped++;
    } else {
        check_state.passed++;
        check_line("ok", "\n");
    }
    fflush(stdout);
    check_state.what = NULL;
    return false;
}

static inline bool check_failed(const char *file, int line, const char *expr)
{
    if (check_state.failed_here++ < CHECK_MAX_LINES) {
        check_line("FAIL", "");
        printf(" (%s:%d %s)\n", file, line, expr);
    }
    return false;
}

static inline bool check_eq_failed(const char *file, int line, const char *expr,
                                   uint64_t got, uint64_t want)
{
    if (check_state.failed_here++ < CHECK_MAX_LINES) {
        check_line("FAIL", "");
        printf(" (%s:%d %s: 0x%" PRIx64 " != 0x%" PRIx64 ")\n", file, line, expr, got, want);
    }
    return false;
}

static inline bool check_str_failed(const char *file, int line, const char *got, const char *want)
{
    if (check_state.failed_here++ < CHECK_MAX_LINES) {
        check_line("FAIL", "");
        printf(" (%s:%d \"%s\" != \"%s\")\n", file, line, got ? got : "(null)",
               want ? want : "(null)");
    }
    return false;
}

static inline bool check_str_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

#define TEST(what) for (bool test_on_ = check_begin(what); test_on_; test_on_ = check_end())

/* Each gives true if it holds, so that a test can stop: `if (!CHECK(p)) break;` */
#define CHECK(cond) ((cond) ? true : check_failed(__FILE__, __LINE__, #cond))
#define CHECK_EQ(a, b) ({                                                                   \
    const uint64_t check_a_ = (uint64_t)(a), check_b_ = (uint64_t)(b);                      \
    check_a_ == check_b_                                                                    \
        ? true                                                                              \
        : check_eq_failed(__FILE__, __LINE__, #a " == " #b, check_a_, check_b_); })
#define CHECK_STR(a, b) ({                                                                  \
    const char *check_a_ = (a), *check_b_ = (b);                                            \
    check_str_same(check_a_, check_b_)                                                      \
        ? true                                                                              \
        : check_str_failed(__FILE__, __LINE__, check_a_, check_b_); })

/* Inside a TEST: this machine lacks what the case needs. Counts as neither ok nor FAIL. */
static inline void check_skip(const char *reason)
{
    check_state.skip_here = true;
    check_line("skip", "");
    printf(" (%s)\n", reason);
}

static inline int check_exit(void)
{
    if (check_state.failed > 0)
        return 1;
    if (check_state.passed + check_state.skipped > 0)
        return 0;
    check_state.what = "no test ran";
    check_line("FAIL", "\n");
    return 1;
}

#endif
