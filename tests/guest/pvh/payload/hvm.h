/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the HVM guest's kernel share: hvm.c, hvm_dm.c. */
#ifndef HVM_H
#define HVM_H

#include "payload.h"

#define MASKED 0x10000U
#define LEVEL 0x8000U

/* From 0x30 on PIC; the others by IO-APIC pins. */
enum { V_PIC = 0x30, V_PIT = 0x45, V_HPET, V_ISA, V_MSI, V_GSI, V_INTX, V_VECTOR, V_DM_INTX };

void route(unsigned int pin, uint32_t entry); /* of the IO-APIC */
void open_window(void); /* for interrupts */
bool comes(unsigned int vector, uint32_t n); /* it is taken until its count is n, or time is up */
void device_model(void);
void real_mode(void); /* what it found there before all else */

#endif
