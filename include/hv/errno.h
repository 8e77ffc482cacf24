/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Error numbers of the ABI (public errno.h) under their usual names; functions return them negated.
 */
#ifndef HV_ERRNO_H
#define HV_ERRNO_H

#define XEN_ERRNO(name, value) name = value,
enum hv_errno {
#include <xen/errno.h>
};

#define EUSERS 87  /* Linux's number: the public list has none */
/* internal: the call was preempted and has rewound itself; never seen by a guest */
#define ERESTART 85

#endif
