/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 50000 */
/* links: arch/x86/cpu/timescale.c */
/* links: core/timer.c core/lock.c core/softirq.c tests/host/hvm_world.c tests/host/hvm_ctx.c */
/* links: arch/x86/hvm/dev/vlapic.c arch/x86/hvm/dev/vlapic_ipi.c arch/x86/hvm/dev/vlapic_msr.c */
/* links: arch/x86/hvm/dev/vlapic_timer.c arch/x86/hvm/dev/vlapic_save.c arch/x86/hvm/dev/vtick.c */
/* links: arch/x86/hvm/dev/hvm_irq.c arch/x86/hvm/dev/vioapic.c arch/x86/hvm/dev/vpic.c */
/* links: arch/x86/hvm/dev/vpit.c arch/x86/hvm/dev/vrtc.c arch/x86/hvm/dev/vhpet.c */
/* links: arch/x86/hvm/dev/vpm.c arch/x86/hvm/dev/hvm_dev.c arch/x86/hvm/tsc_mode.c */
/* links: arch/x86/hvm/viridian.c arch/x86/hvm/viridian_time.c arch/x86/hvm/viridian_synic.c */
/* links: arch/x86/hvm/save.c arch/x86/hvm/save_types.c arch/x86/hvm/save_cpu.c */
/* links: arch/x86/hvm/cr_rules.c arch/x86/hvm/viridian_save.c */
/*
 * A stranger's save records. Input: the first byte says how the rest is used: as records as it
 * is; or as changes of a good context (3 bytes each: where, as a record and an offset in it, and
 * what). What is refused has changed nothing; what is accepted can be saved, loaded and saved
 * again to the same bytes; devices hold what always holds, and go on running.
 */
#include <stdlib.h>
#include <string.h>

#include "../host/hvm_ctx.h"

#include <arch/cpu.h>

#define BYTES 65536U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t before[BYTES] __attribute__((aligned(8)));
static uint8_t after[BYTES] __attribute__((aligned(8)));
static uint8_t work[BYTES] __attribute__((aligned(8)));

static size_t save(uint8_t *buf)
{
    memset(buf, 0, BYTES);
    return hvm_ctx_save(hw_dom, buf);
}

static void change(const uint8_t *b)
{
    size_t at = 0;
    uint32_t length;

    for (unsigned int n = b[0] & 63; n > 0; n--) {
        memcpy(&length, before + at + 4, 4);
        if (before[at] == 0)
            break;
        at += 8 + length;
    }
    memcpy(&length, before + at + 4, 4);
    at += (b[1] | (uint32_t)(b[0] & 0xc0) << 2) % (8 + length);
    if (b[2] & 1)
        work[at] ^= (uint8_t)(1U << (b[2] >> 1 & 7));
    else
        work[at] = b[2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n, m;

    if (size < 2)
        return 0;
    ctx_start(2, data[0] & 2 ? HW_PVH : HW_HVM);
    hw_apic_on(0);
    ctx_run(0, 3);
    if (data[0] & 4)
        ctx_run(1, 6);
    n = save(before);
    memcpy(work, before, BYTES);
    if (data[0] & 1) {
        m = size - 1 < BYTES ? size - 1 : BYTES;
        memcpy(work + (data[0] & 8 ? 32 : 0), data + 1, m < BYTES - 32 ? m : BYTES - 32);
        m += 32;
    } else {
        for (size_t i = 1; i + 3 <= size && i < 100; i += 3)
            change(data + i);
        m = n;
    }
    if (hvm_ctx_load(hw_dom, work, m < BYTES ? m : BYTES)) {
        if (save(after) != n || memcmp(before, after, n))
            abort();
    } else {
        n = save(before);
        if (hvm_ctx_load(hw_dom, before, n) || save(after) != n || memcmp(before, after, n))
            abort();
        if (hw_broken())
            abort();
        hw_run(1000000);
    }
    if (hw_broken() || ctx_end())
        abort();
    return 0;
}
