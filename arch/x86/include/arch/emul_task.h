/* SPDX-License-Identifier: GPL-2.0-only */
/* Hardware task switches, by the emulator (docs/emul.md). */
#ifndef ARCH_EMUL_TASK_H
#define ARCH_EMUL_TASK_H

#include <arch/emul.h>

enum emul_task_how { EMUL_TASK_JMP, EMUL_TASK_CALL, EMUL_TASK_IRET }; /* CALL: INT, events too */

struct emul_task {
    uint16_t selector;       /* of the new TSS */
    uint8_t how;             /* enum emul_task_how */
    bool has_error, rf;      /* an error code to push; RF as the old task shall have it */
    uint32_t error;
    uint64_t next_rip;       /* where the old task goes on; a fault of its is at state.rip */
    bool switched;           /* out: state, TR, CR0 and CR3 are the new task's */
    bool trap;               /* out: its T bit asks for a #DB */
};

/*
 * EMUL_OK, or EMUL_FAULT: of the old task, or of the new one if switched. EMUL_UNHANDLED: tables or
 * task states in no memory. e->state, cr0, cr4, efer are as for emul_run().
 */
enum emul_result must_check emul_task_switch(struct emul *e, struct emul_task *t);

#endif
