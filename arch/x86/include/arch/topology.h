/* SPDX-License-Identifier: GPL-2.0-only */
/* Which cpus share a core or a socket, and their node. */
#ifndef ARCH_TOPOLOGY_H
#define ARCH_TOPOLOGY_H

#include <hv/types.h>

struct topology {
    uint32_t core, socket, node;
};

void topology_init(void); /* on the boot cpu */
bool topology_of(unsigned int cpu, struct topology *t); /* false: not online */
unsigned int topology_threads_per_core(void);           /* at least 1 */
unsigned int topology_cores_per_socket(void);           /* at least 1 */

#endif
