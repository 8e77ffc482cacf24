/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Vector registers in an area of FXSAVE or XSAVE (standard format): for instructions that are
 * emulated. Pure.
 */
#ifndef ARCH_FPU_VECTOR_H
#define ARCH_FPU_VECTOR_H

#include <hv/types.h>

struct fpu_area {
    uint8_t *bytes;
    bool xsave;      /* it has a header, and what follows */
    uint16_t ymm_at; /* of the upper halves of YMM registers; 0: there are none */
    uint16_t zmm_at; /* of the upper halves of ZMM0 to ZMM15; 0: none */
};

/* 32 bytes; zeros where there is no upper half. */
void vector_read_ymm(const struct fpu_area *a, unsigned int nr, uint8_t *val);
/* keep_upper: of bytes 16 and up (SSE); else what is above the 32 is cleared as well (VEX). */
void vector_write_ymm(const struct fpu_area *a, unsigned int nr, const uint8_t *val,
                      bool keep_upper);
/*
 * Any MMX instruction makes TOP 0 and all registers valid. False, and nothing done: an x87
 * exception is pending, which comes first (#MF).
 */
bool vector_enter_mmx(const struct fpu_area *a) must_check;
void vector_read_mmx(const struct fpu_area *a, unsigned int nr, uint8_t *val);
void vector_write_mmx(const struct fpu_area *a, unsigned int nr, const uint8_t *val);

#endif
