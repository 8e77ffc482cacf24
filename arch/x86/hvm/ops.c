/* SPDX-License-Identifier: GPL-2.0-only */
/* The extension that runs HVM guests, once one has been found and switched on. */
#include <arch/hvm_cpu.h>

const struct hvm_ops *hvm_ops;
