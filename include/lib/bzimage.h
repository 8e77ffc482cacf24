/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding the kernel proper in what is called vmlinuz: a Linux/x86 bzImage, or a plain ELF file. */
#ifndef LIB_BZIMAGE_H
#define LIB_BZIMAGE_H

#include <lib/decompress.h>
#include <lib/span.h>

/*
 * Gives the packed kernel inside the image, what it is packed with (COMPRESSION_NONE for an ELF
 * file as it is) and its size when unpacked, ready for decompress(). 0, or a negative
 * <xen/errno.h> value: ENOEXEC if the image is neither, EINVAL if it is damaged; *why (if given)
 * then says it in words. The formats that decompress() does not support are not refused here.
 */
int bzimage_payload(const void *image, size_t size, struct span *payload, enum compression *kind,
                    size_t *unpacked_size, const char **why);

#endif
