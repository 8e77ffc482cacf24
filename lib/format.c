/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formatted text into a buffer of fixed size (ISO C17, section 7.21.6.1, as far as format.h says).
 * Every character goes through put(), which counts all and stores those that fit.
 * An unknown conversion is copied as it stands, and its argument is not taken: a wrong format gives
 * odd text, never a wild read.
 */
#include <lib/ctype.h>
#include <lib/format.h>
#include <lib/string.h>

#include <stdint.h>

#define NO_PRECISION (-1)
#define FIELD_MAX 4096                     /* of width and precision: keeps the count small */
#define DIGITS_MAX 24                      /* 64 bits in octal are 22 */

struct sink {
    char *dst;
    size_t size, count;
};

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG, LENGTH_LLONG };

struct spec {
    bool left, zero, plus, space, alternate;
    int width, precision;
    enum length length;
};

/* va_list may be an array type, which decays as an argument; in a struct it can be passed on. */
struct args {
    va_list list;
};

static void put(struct sink *s, char c)
{
    if (s->count < s->size)
        s->dst[s->count] = c;
    s->count++;
}

static void put_many(struct sink *s, char c, int n)
{
    while (n-- > 0)
        put(s, c);
}

static void put_text(struct sink *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(s, text[i]);
}

/* The text with blanks before or after it, up to the width. */
static void put_padded(struct sink *s, const struct spec *spec, const char *text, size_t n)
{
    const int blanks = spec->width - (int)n;

    if (!spec->left)
        put_many(s, ' ', blanks);
    put_text(s, text, n);
    if (spec->left)
        put_many(s, ' ', blanks);
}

/* Sign or base first, then zeros, then digits; zeros come of a precision or of the flag 0. */
static void put_number(struct sink *s, const struct spec *spec, const char *prefix, uint64_t value,
                       uint32_t base, const char *digits)
{
    char text[DIGITS_MAX];
    int n = 0, prefix_len = (int)strlen(prefix), zeros;

    for (; value != 0; value /= base)
        text[DIGITS_MAX - ++n] = digits[value % base];
    if (n == 0 && spec->precision != 0)
        text[DIGITS_MAX - ++n] = '0';

    zeros = spec->precision - n;
    if (spec->precision == NO_PRECISION && spec->zero && !spec->left)
        zeros = spec->width - prefix_len - n;
    if (zeros < 0)
        zeros = 0;

    if (!spec->left)
        put_many(s, ' ', spec->width - prefix_len - zeros - n);
    put_text(s, prefix, (size_t)prefix_len);
    put_many(s, '0', zeros);
    put_text(s, text + DIGITS_MAX - n, (size_t)n);
    if (spec->left)
        put_many(s, ' ', spec->width - prefix_len - zeros - n);
}

static int64_t take_signed(const struct spec *spec, struct args *args)
{
    switch (spec->length) {
    case LENGTH_CHAR:
        return (signed char)va_arg(args->list, int);
    case LENGTH_SHORT:
        return (short)va_arg(args->list, int);
    case LENGTH_INT:
        return va_arg(args->list, int);
    case LENGTH_LONG:
        return va_arg(args->list, long);
    case LENGTH_LLONG:
        break;
    }
    return va_arg(args->list, long long);
}

static uint64_t take_unsigned(const struct spec *spec, struct args *args)
{
    switch (spec->length) {
    case LENGTH_CHAR:
        return (unsigned char)va_arg(args->list, unsigned int);
    case LENGTH_SHORT:
        return (unsigned short)va_arg(args->list, unsigned int);
    case LENGTH_INT:
        return va_arg(args->list, unsigned int);
    case LENGTH_LONG:
        return va_arg(args->list, unsigned long);
    case LENGTH_LLONG:
        break;
    }
    return va_arg(args->list, unsigned long long);
}

static void format_signed(struct sink *s, const struct spec *spec, struct args *args)
{
    const int64_t value = take_signed(spec, args);
    const char *sign = spec->plus ? "+" : spec->space ? " " : "";

    if (value < 0)
        put_number(s, spec, "-", -(uint64_t)value, 10, "0123456789");
    else
        put_number(s, spec, sign, (uint64_t)value, 10, "0123456789");
}

static void format_hex(struct sink *s, const struct spec *spec, struct args *args, bool upper)
{
    const uint64_t value = take_unsigned(spec, args);
    const char *prefix = spec->alternate && value != 0 ? upper ? "0X" : "0x" : "";

    put_number(s, spec, prefix, value, 16, upper ? "0123456789ABCDEF" : "0123456789abcdef");
}

static void format_pointer(struct sink *s, const struct spec *spec, struct args *args)
{
    put_number(s, spec, "0x", (uintptr_t)va_arg(args->list, void *), 16, "0123456789abcdef");
}

static void format_string(struct sink *s, const struct spec *spec, struct args *args)
{
    const char *text = va_arg(args->list, const char *);
    size_t n;

    if (!text)
        text = "(null)";
    n = spec->precision == NO_PRECISION ? strlen(text) : strnlen(text, (size_t)spec->precision);
    put_padded(s, spec, text, n);
}

static void format_char(struct sink *s, const struct spec *spec, struct args *args)
{
    const char c = (char)va_arg(args->list, int);

    put_padded(s, spec, &c, 1);
}

static const char *parse_flags(const char *fmt, struct spec *spec)
{
    for (;; fmt++) {
        switch (*fmt) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return fmt;
        }
    }
}

/* Digits or a star; negative only from a star. */
static const char *parse_field(const char *fmt, int *value, struct args *args)
{
    *value = 0;
    if (*fmt == '*') {
        *value = va_arg(args->list, int);
        fmt++;
    }
    for (; char_is_digit(*fmt); fmt++)
        if (*value < FIELD_MAX)
            *value = *value * 10 + (*fmt - '0');
    if (*value > FIELD_MAX)
        *value = FIELD_MAX;
    if (*value < -FIELD_MAX)
        *value = -FIELD_MAX;
    return fmt;
}

static const char *parse_length(const char *fmt, struct spec *spec)
{
    switch (*fmt) {
    case 'h':
        spec->length = fmt[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
        return fmt + (fmt[1] == 'h' ? 2 : 1);
    case 'l':
        spec->length = fmt[1] == 'l' ? LENGTH_LLONG : LENGTH_LONG;
        return fmt + (fmt[1] == 'l' ? 2 : 1);
    case 'z':
    case 't':
    case 'j':
        spec->length = LENGTH_LONG;
        return fmt + 1;
    default:
        return fmt;
    }
}

static const char *parse_spec(const char *fmt, struct spec *spec, struct args *args)
{
    *spec = (struct spec){ .precision = NO_PRECISION, .length = LENGTH_INT };
    fmt = parse_flags(fmt, spec);
    fmt = parse_field(fmt, &spec->width, args);
    if (spec->width < 0) {
        spec->left = true;
        spec->width = -spec->width;
    }
    if (*fmt == '.') {
        fmt = parse_field(fmt + 1, &spec->precision, args);
        if (spec->precision < 0)
            spec->precision = NO_PRECISION;
    }
    return parse_length(fmt, spec);
}

/* fmt is behind the '%'. Gives where the text goes on. */
static const char *format_one(struct sink *s, const char *fmt, struct args *args)
{
    const char *const start = fmt;
    struct spec spec;

    fmt = parse_spec(fmt, &spec, args);
    switch (*fmt) {
    case 'd':
    case 'i':
        format_signed(s, &spec, args);
        break;
    case 'u':
        put_number(s, &spec, "", take_unsigned(&spec, args), 10, "0123456789");
        break;
    case 'x':
    case 'X':
        format_hex(s, &spec, args, *fmt == 'X');
        break;
    case 'o':
        put_number(s, &spec, "", take_unsigned(&spec, args), 8, "01234567");
        break;
    case 'p':
        format_pointer(s, &spec, args);
        break;
    case 's':
        format_string(s, &spec, args);
        break;
    case 'c':
        format_char(s, &spec, args);
        break;
    case '%':
        put(s, '%');
        break;
    default:
        put(s, '%');
        return start;
    }
    return fmt + 1;
}

int FORMAT_NAME(vsnprintf)(char *dst, size_t size, const char *fmt, va_list list)
{
    struct sink s = { dst, size, 0 };
    struct args args;

    va_copy(args.list, list);
    while (*fmt != '\0') {
        if (*fmt != '%')
            put(&s, *fmt++);
        else
            fmt = format_one(&s, fmt + 1, &args);
    }
    va_end(args.list);
    if (size > 0)
        dst[s.count < size ? s.count : size - 1] = '\0';
    return (int)s.count;
}

int FORMAT_NAME(snprintf)(char *dst, size_t size, const char *fmt, ...)
{
    va_list list;
    int n;

    va_start(list, fmt);
    n = FORMAT_NAME(vsnprintf)(dst, size, fmt, list);
    va_end(list);
    return n;
}

int FORMAT_NAME(vscnprintf)(char *dst, size_t size, const char *fmt, va_list list)
{
    const int n = FORMAT_NAME(vsnprintf)(dst, size, fmt, list);

    if ((size_t)n < size)
        return n;
    return size > 0 ? (int)size - 1 : 0;
}

int FORMAT_NAME(scnprintf)(char *dst, size_t size, const char *fmt, ...)
{
    va_list list;
    int n;

    va_start(list, fmt);
    n = FORMAT_NAME(vscnprintf)(dst, size, fmt, list);
    va_end(list);
    return n;
}
