/* SPDX-License-Identifier: GPL-2.0-only */
/* What the build and the boot loader said, for the banner and xen_version. */
#ifndef HV_VERSION_H
#define HV_VERSION_H

#define GRANTA_VERSION "0.1"

/* The Xen whose ABI this is: what xen_version and hypfs answer. */
#define ABI_MAJOR 4
#define ABI_MINOR 17
#define EXTRAVERSION ".7-granta"

/* from the Makefile */
extern const char build_compiler[], build_by[], build_domain[], build_date[], build_changeset[];

const char *hv_command_line(void); /* as the boot loader gave it */
const char *arch_capabilities(void); /* XENVER_capabilities: kinds of guests, by ABI and width */

#endif
