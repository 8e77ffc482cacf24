/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages and assertions. A message is one line that says who and what; log_* adds the level, the
 * console decides by loglvl=/guest_loglvl= what to print. What a guest can cause goes through
 * guest_log(), which is rate-limited.
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#include <hv/types.h>

enum log_level { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_print(enum log_level level, const char *fmt, ...) printf_like(2, 3);
void guest_log(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_err(...) log_print(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_print(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/*
 * Stop the machine: a broken invariant of our own, or bad boot input. Prints registers and a
 * backtrace.
 */
void panic(const char *fmt, ...) printf_like(1, 2) noreturn;
/*
 * Stop at boot because of the administrator's input: one clear line, then halt (or reboot without
 * noreboot).
 */
void boot_fail(const char *fmt, ...) printf_like(1, 2) noreturn;

#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(cond)                                                         \
    do {                                                                     \
        if (unlikely(cond))                                                  \
            panic("BUG_ON(%s) at %s:%d", #cond, __FILE__, __LINE__);         \
    } while (0)

#ifdef NDEBUG
#define ASSERT(cond) ((void)sizeof(cond))
#else
#define ASSERT(cond)                                                         \
    do {                                                                     \
        if (unlikely(!(cond)))                                               \
            panic("ASSERT(%s) at %s:%d", #cond, __FILE__, __LINE__);         \
    } while (0)
#endif

#endif
