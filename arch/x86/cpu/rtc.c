/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock chip (Motorola MC146818), read once at boot. While its update-in-progress bit is clear
 * the fields stand still for at least 244 us; we wait for that at most, not for a second's edge:
 * dom0 corrects the rest of the second.
 */
#include <arch/clock.h>
#include <arch/insn.h>
#include <arch/timescale.h>

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define REG_SECONDS 0
#define REG_MINUTES 2
#define REG_HOURS 4
#define REG_DAY 7
#define REG_MONTH 8
#define REG_YEAR 9
#define REG_A 10
#define REG_B 11
#define A_UPDATING 0x80
#define B_BINARY 0x04
#define B_24_HOURS 0x02
#define HOURS_PM 0x80

static uint8_t cmos(uint8_t reg)
{
    outb(CMOS_INDEX, reg);
    return inb(CMOS_DATA);
}

static unsigned int decode(uint8_t v, uint8_t reg_b)
{
    return reg_b & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static unsigned int decode_hour(uint8_t v, uint8_t reg_b)
{
    unsigned int hour = decode(v & 0x7f, reg_b);

    if (reg_b & B_24_HOURS)
        return decode(v, reg_b);
    return hour % 12 + (v & HOURS_PM ? 12 : 0);
}

/*
 * The chip has two digits for the year; it is not asked for the century, whose place depends on the
 * maker.
 */
static struct rtc_time read_fields(void)
{
    uint8_t b = cmos(REG_B);
    unsigned int year = decode(cmos(REG_YEAR), b);

    return (struct rtc_time){
        .year = year < 70 ? 2000 + year : 1900 + year,
        .month = decode(cmos(REG_MONTH), b),
        .day = decode(cmos(REG_DAY), b),
        .hour = decode_hour(cmos(REG_HOURS), b),
        .minute = decode(cmos(REG_MINUTES), b),
        .second = decode(cmos(REG_SECONDS), b),
    };
}

uint64_t rtc_read(void)
{
    struct rtc_time t;

    if (cmos(REG_A) == 0xff && cmos(REG_B) == 0xff)
        return 0;
    /* An update takes up to 2 ms; a port read takes about a microsecond. */
    for (unsigned int i = 0; i < 10000 && (cmos(REG_A) & A_UPDATING); i++)
        cpu_relax();
    t = read_fields();
    return rtc_to_unix(&t);
}
