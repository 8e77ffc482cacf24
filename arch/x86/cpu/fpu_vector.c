/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Vector registers in an FXSAVE or XSAVE area (arch/fpu_vector.h). AMD APM vol. 2 §11.4.4 "Saving
 * Media and x87 State", §11.5 "XSAVE/XRSTOR Instructions"; vol. 5 §2.3 "Effect on x87 state" of
 * MMX instructions.
 *
 * A component whose bit in XSTATE_BV is clear has its initial value, whatever the area's bytes are.
 */
#include <arch/fpu_vector.h>

#include <arch/fpu.h>
#include <lib/bytes.h>
#include <lib/string.h>

#define FSW_AT 2
#define FTW_AT 4
#define ST_AT 32 /* eight of 16 bytes, from the top of the stack down */
#define XMM_AT 160
#define FSW_ES 0x80U
#define FSW_TOP 0x3800U
#define FSW_TOP_SHIFT 11

enum { X87 = 1, SSE = 2, YMM = 4, ZMM_HIGH = 64 };

static bool in_use(const struct fpu_area *a, uint64_t component)
{
    return !a->xsave || (get_le64(a->bytes + XSAVE_HEADER) & component);
}

static void use(const struct fpu_area *a, uint64_t component)
{
    if (a->xsave)
        put_le64(a->bytes + XSAVE_HEADER, get_le64(a->bytes + XSAVE_HEADER) | component);
}

/* Before one register of a component is written, the others get the value that they have. */
static void begin(const struct fpu_area *a, uint64_t component, unsigned int at, unsigned int size)
{
    if (!in_use(a, component))
        memset(a->bytes + at, 0, size);
    use(a, component);
}

void vector_read_ymm(const struct fpu_area *a, unsigned int nr, uint8_t *val)
{
    memset(val, 0, 32);
    if (in_use(a, SSE))
        memcpy(val, a->bytes + XMM_AT + 16UL * nr, 16);
    if (a->ymm_at && in_use(a, YMM))
        memcpy(val + 16, a->bytes + a->ymm_at + 16UL * nr, 16);
}

void vector_write_ymm(const struct fpu_area *a, unsigned int nr, const uint8_t *val,
                      bool keep_upper)
{
    begin(a, SSE, XMM_AT, 256);
    memcpy(a->bytes + XMM_AT + 16UL * nr, val, 16);
    if (keep_upper)
        return;
    if (a->ymm_at) {
        begin(a, YMM, a->ymm_at, 256);
        memcpy(a->bytes + a->ymm_at + 16UL * nr, val + 16, 16);
    }
    if (a->zmm_at && in_use(a, ZMM_HIGH))
        memset(a->bytes + a->zmm_at + 32UL * nr, 0, 32);
}

/* ST(i) is register TOP + i: with TOP 0 they stand in order. */
static void rotate_to_top_0(uint8_t *st, unsigned int top)
{
    uint8_t old[8][16];

    memcpy(old, st, sizeof(old));
    for (unsigned int i = 0; i < 8; i++)
        memcpy(st + 16UL * ((top + i) & 7), old[i], 16);
}

bool vector_enter_mmx(const struct fpu_area *a)
{
    uint8_t *p = a->bytes;
    uint16_t fsw;

    if (!in_use(a, X87)) {
        const uint16_t fcw = FCW_DEFAULT;

        memset(p, 0, 24); /* up to MXCSR, which is not x87's */
        memcpy(p, &fcw, sizeof(fcw));
        memset(p + ST_AT, 0, 128);
    }
    memcpy(&fsw, p + FSW_AT, sizeof(fsw));
    if (fsw & FSW_ES)
        return false;
    rotate_to_top_0(p + ST_AT, (fsw & FSW_TOP) >> FSW_TOP_SHIFT);
    fsw &= (uint16_t)~FSW_TOP;
    memcpy(p + FSW_AT, &fsw, sizeof(fsw));
    p[FTW_AT] = 0xff; /* abridged: a bit a register */
    use(a, X87);
    return true;
}

void vector_read_mmx(const struct fpu_area *a, unsigned int nr, uint8_t *val)
{
    memcpy(val, a->bytes + ST_AT + 16UL * nr, 8);
}

/* Sign and exponent become ones. */
void vector_write_mmx(const struct fpu_area *a, unsigned int nr, const uint8_t *val)
{
    uint8_t *st = a->bytes + ST_AT + 16UL * nr;

    memcpy(st, val, 8);
    memset(st + 8, 0xff, 2);
}
