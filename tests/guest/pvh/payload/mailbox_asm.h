/* SPDX-License-Identifier: GPL-2.0-only */
/* Of mailbox.h, what assembly needs as well. */
#ifndef MAILBOX_ASM_H
#define MAILBOX_ASM_H

#define DM_PORT 0x300
#define DM_MEMORY 0xe0000000

#endif
