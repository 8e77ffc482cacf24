/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The published Xen ABI, from Debian's libxen-dev: the only place that chooses the interface
 * version. Sizes and offsets that we rely on are asserted in core/abi_check.c.
 */
#ifndef ABI_H
#define ABI_H

#include <stddef.h>
#include <stdint.h>

#define __XEN_TOOLS__ 1 /* domctl, sysctl, latest interface version */

#include <xen/xen.h>

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#endif
