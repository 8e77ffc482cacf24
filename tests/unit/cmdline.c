/* SPDX-License-Identifier: GPL-2.0-only */
/* links: lib/cmdline.c lib/number.c */
/*
 * The command line: words, the option table (collected by the host's linker as by ours), sizes,
 * sub-options.
 */
#include <lib/cmdline.h>

#include <stdarg.h>

#include <hv/errno.h>

#include "check.h"

static bool opt_flag, opt_noflag;
static uint8_t opt_byte;
static uint32_t opt_word;
static uint64_t opt_long, opt_size;
static char opt_name[8];
static char custom_seen[32];
static unsigned int opt_twice_a, opt_twice_b;

static int parse_custom(const char *value)
{
    if (!strcmp(value, "wrong"))
        return -EINVAL;
    snprintf(custom_seen, sizeof(custom_seen), "<%s>", value);
    return 0;
}

PARAM_BOOL("flag", opt_flag, "a flag");
PARAM_BOOL("noreboot", opt_noflag, "a flag that starts with no");
PARAM_UINT("byte", opt_byte, "8 bits");
PARAM_UINT("two_words", opt_word, "32 bits");
PARAM_UINT("long", opt_long, "64 bits");
PARAM_SIZE("size", opt_size, "a size");
PARAM_STR("name", opt_name, "up to 7 characters");
PARAM_CUSTOM("custom", parse_custom, "anything but wrong");
PARAM_UINT("twice", opt_twice_a, "one of two");
PARAM_UINT("twice", opt_twice_b, "the other");

static char warnings[1024];
static unsigned int nr_warnings;

static void warn(const char *fmt, ...)
{
    size_t len = strlen(warnings);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(warnings + len, sizeof(warnings) - len, fmt, ap);
    va_end(ap);
    strncat(warnings, ";", sizeof(warnings) - strlen(warnings) - 1);
    nr_warnings++;
}

static void apply(const char *line)
{
    warnings[0] = custom_seen[0] = '\0';
    nr_warnings = 0;
    cmdline_apply(line, warn);
}

static void word_tests(void)
{
    TEST("the table holds all options of the program and nothing between them") {
        CHECK_EQ(__stop_params - __start_params, 10);
        for (const struct param *p = __start_params; p < __stop_params; p++)
            CHECK(p->name && p->help);
    }
    TEST("an empty line, blanks and placeholder say nothing") {
        apply("");
        CHECK_EQ(nr_warnings, 0);
        apply("  placeholder \t ");
        CHECK_EQ(nr_warnings, 0);
        apply("placeholder=1");
        CHECK_STR(warnings, "unknown option \"placeholder\";");
    }
    TEST("bool: bare, no-, =words") {
        static const char *const yes[] = { "flag", "flag=yes", "flag=on", "flag=1", "flag=true",
                                           "flag=enable", "no-flag=off", "flag=no flag" };
        static const char *const no[] = { "no-flag", "flag=no", "flag=off", "flag=0", "flag=false",
                                          "flag=disable", "no-flag=yes" };

        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
            opt_flag = false;
            apply(yes[i]);
            CHECK(opt_flag && !nr_warnings);
        }
        for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
            opt_flag = true;
            apply(no[i]);
            CHECK(!opt_flag && !nr_warnings);
        }
        apply("flag=maybe");
        CHECK_STR(warnings, "bad value for \"flag\": maybe;");
        apply("flag=");
        CHECK_EQ(nr_warnings, 1);
        apply("noreboot");
        CHECK(opt_noflag && !nr_warnings);
        apply("no-noreboot");
        CHECK(!opt_noflag && !nr_warnings);
    }
    TEST("unsigned numbers: bases, bounds, nonsense") {
        apply("byte=255 two-words=0x10 long=18446744073709551614");
        CHECK_EQ(nr_warnings, 0);
        CHECK_EQ(opt_byte, 255);
        CHECK_EQ(opt_word, 16);
        CHECK_EQ(opt_long, 18446744073709551614u);
        apply("byte=256 two_words=4294967296 long=18446744073709551616 byte=-1 byte= byte byte=1x "
              "no-byte byte=+1");
        CHECK_EQ(nr_warnings, 9);
        CHECK_EQ(opt_byte, 255);
        CHECK_EQ(opt_word, 16);
        apply("two_words=010");
        CHECK_EQ(opt_word, 8);
    }
    TEST("strings: what does not fit is refused, the last one wins") {
        apply("name=abc name=1234567");
        CHECK_STR(opt_name, "1234567");
        apply("name=12345678");
        CHECK_STR(warnings, "bad value for \"name\": 12345678;");
        CHECK_STR(opt_name, "1234567");
        apply("name=");
        CHECK_STR(opt_name, "");
    }
    TEST("quotes keep blanks and vanish") {
        apply("name='a b' \"flag\" custom=\"x 'y' z\"");
        CHECK_EQ(nr_warnings, 0);
        CHECK_STR(opt_name, "a b");
        CHECK_STR(custom_seen, "<x 'y' z>");
        apply("name=\"open flag");
        CHECK_EQ(nr_warnings, 1);
        CHECK(strstr(warnings, "missing quote"));
        CHECK_STR(opt_name, "a b");
        apply("\"\"");
        CHECK_EQ(nr_warnings, 0);
    }
    TEST("custom options: value, bare, no-, refusal") {
        apply("custom=a=b,c");
        CHECK_STR(custom_seen, "<a=b,c>");
        apply("custom");
        CHECK_STR(custom_seen, "<>");
        apply("no-custom");
        CHECK_STR(custom_seen, "<no>");
        apply("no-custom=1");
        CHECK_EQ(nr_warnings, 1);
        apply("custom=wrong");
        CHECK_STR(warnings, "bad value for \"custom\": wrong;");
    }
    TEST("unknown options are told, one message each") {
        apply("foo bar=1 no-baz flag");
        CHECK_STR(warnings,
                  "unknown option \"foo\";unknown option \"bar\";unknown option \"no-baz\";");
        apply("flagg fla =x");
        CHECK_EQ(nr_warnings, 3);
    }
    TEST("options of one name are all set; a bad value is told once") {
        apply("twice=7");
        CHECK(opt_twice_a == 7 && opt_twice_b == 7);
        apply("twice=x");
        CHECK_EQ(nr_warnings, 1);
    }
    TEST("a word that is too long is skipped whole") {
        static char line[1200];

        memset(line, 'x', 600);
        strcpy(line + 600, " name=ok");
        apply(line);
        CHECK_EQ(nr_warnings, 1);
        CHECK(strstr(warnings, "too long"));
        CHECK_STR(opt_name, "ok");
    }
    TEST("what stands after -- belongs to the first domain") {
        apply("name=a -- name=b");
        CHECK_STR(opt_name, "a");
        CHECK_STR(cmdline_after_dashes("name=a --   name=b c"), "name=b c");
        CHECK_STR(cmdline_after_dashes("name=a--b --x"), "");
        CHECK_STR(cmdline_after_dashes("--"), "");
    }
}

static uint64_t size_of(const char *s)
{
    uint64_t bytes = 12345;

    return cmdline_size(s, NULL, &bytes) ? UINT64_MAX : bytes;
}

static uint64_t resolve(const char *s, uint64_t total)
{
    struct dom0_mem m;

    if (dom0_mem_parse(s, &m))
        return UINT64_MAX;
    return mem_amount_resolve(&m.size, total);
}

static void value_tests(void)
{
    TEST("sizes: suffixes, KiB by default, overflow") {
        CHECK_EQ(size_of("1"), 1024);
        CHECK_EQ(size_of("7b"), 7);
        CHECK_EQ(size_of("2k"), 2048);
        CHECK_EQ(size_of("3M"), 3u << 20);
        CHECK_EQ(size_of("4G"), 4ull << 30);
        CHECK_EQ(size_of("5t"), 5ull << 40);
        CHECK_EQ(size_of("0x10M"), 16u << 20);
        CHECK_EQ(size_of("16777215T"), 16777215ull << 40);
        CHECK_EQ(size_of("16777216T"), UINT64_MAX);
        CHECK_EQ(size_of("99999999999999999999B"), UINT64_MAX);
        CHECK_EQ(size_of(""), UINT64_MAX);
        CHECK_EQ(size_of("M"), UINT64_MAX);
        CHECK_EQ(size_of("-1"), UINT64_MAX);
        CHECK_EQ(size_of("1MB"), UINT64_MAX);
        apply("size=64M");
        CHECK_EQ(opt_size, 64u << 20);
        apply("size=64X");
        CHECK_EQ(nr_warnings, 1);
        CHECK_EQ(opt_size, 64u << 20);
    }
    TEST("lists: elements, empty elements, prefixes") {
        const char *list = "a,,min:3";
        struct cmdline_item item;

        CHECK(cmdline_next_item(&list, &item) && cmdline_item_is(item, "a"));
        CHECK(!cmdline_item_is(item, "ab") && !cmdline_item_is(item, ""));
        CHECK(cmdline_next_item(&list, &item) && item.len == 0);
        CHECK(cmdline_next_item(&list, &item));
        CHECK_STR(cmdline_item_after(item, "min:"), "3");
        CHECK(!cmdline_item_after(item, "max:"));
        CHECK(!cmdline_next_item(&list, &item));
    }
    TEST("dom0_mem: sizes, percentages, and what is left over") {
        CHECK_EQ(resolve("1G", 4ull << 30), 1u << 30);
        CHECK_EQ(resolve("8G", 4ull << 30), 4ull << 30);
        CHECK_EQ(resolve("-1G", 4ull << 30), 3ull << 30);
        CHECK_EQ(resolve("-8G", 4ull << 30), 0);
        CHECK_EQ(resolve("25%", 400), 100);
        CHECK_EQ(resolve("33%", 250), 82);
        CHECK_EQ(resolve("1G+25%", 256ull << 30), 65ull << 30);
        CHECK_EQ(resolve("-1G+25%", 256ull << 30), 191ull << 30);
        CHECK_EQ(resolve("99%", UINT64_MAX), UINT64_MAX / 100 * 99 + 15 * 99 / 100);
        CHECK_EQ(resolve("524288", 4ull << 30), 512u << 20);
    }
    TEST("dom0_mem: min and max in any order") {
        struct dom0_mem m;

        CHECK_EQ(dom0_mem_parse("min:512M,max:-2G,10%", &m), 0);
        CHECK(m.min.given && !m.min.minus && m.min.bytes == 512u << 20);
        CHECK(m.max.given && m.max.minus && m.max.bytes == 2ull << 30);
        CHECK(m.size.given && m.size.percent == 10 && !m.size.bytes);
        CHECK_EQ(dom0_mem_parse("max:1G", &m), 0);
        CHECK(!m.size.given && !m.min.given && m.max.given);
    }
    TEST("dom0_mem: nonsense is refused and changes nothing") {
        static const char *const bad[] = { "", "x", "100%", "1G+", "1G+1G", "10%+1G", "10%+10%",
                                           "+1G", "1G,,", "min:", "min:1G,max", "1G 2G", "--1G",
                                           "1G%", "mid:1G", "-" };
        struct dom0_mem m = { .size.bytes = 77 };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
            CHECK(dom0_mem_parse(bad[i], &m) == -EINVAL && m.size.bytes == 77);
    }
    TEST("loglvl: one level or two") {
        unsigned int always = 9, limited = 9;

        CHECK_EQ(loglvl_parse("all", &always, &limited), 0);
        CHECK(always == 4 && limited == 4);
        CHECK_EQ(loglvl_parse("error/warning", &always, &limited), 0);
        CHECK(always == 1 && limited == 2);
        CHECK_EQ(loglvl_parse("none/all", &always, &limited), 0);
        CHECK(always == 0 && limited == 4);
        CHECK_EQ(loglvl_parse("info/none", &always, &limited), 0);
        CHECK(always == 3 && limited == 3);
        CHECK_EQ(loglvl_parse("", &always, &limited), -EINVAL);
        CHECK_EQ(loglvl_parse("all/", &always, &limited), -EINVAL);
        CHECK_EQ(loglvl_parse("al", &always, &limited), -EINVAL);
        CHECK_EQ(loglvl_parse("all/all/all", &always, &limited), -EINVAL);
    }
    TEST("console: a set of sinks") {
        unsigned int sinks = 0;

        CHECK_EQ(console_parse("com1,vga", &sinks), 0);
        CHECK_EQ(sinks, CONSOLE_COM1 | CONSOLE_VGA);
        CHECK_EQ(console_parse("none", &sinks), 0);
        CHECK_EQ(sinks, 0);
        CHECK_EQ(console_parse("com2", &sinks), 0);
        CHECK_EQ(console_parse("com3", &sinks), -EINVAL);
        CHECK_EQ(console_parse("", &sinks), -EINVAL);
        CHECK_EQ(sinks, CONSOLE_COM2);
    }
}

int main(void)
{
    word_tests();
    value_tests();
    return check_exit();
}
