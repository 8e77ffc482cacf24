/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Linux/x86 boot protocol, as far as it tells where the packed kernel is (Linux
 * Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"; payload fields since 2.08).
 *
 * The file is setup_sects + 1 sectors of real-mode code, then the protected-mode part, which
 * unpacks itself on bare metal and which we do not run; the payload in it is what we want.
 */
#include <lib/bytes.h>
#include <lib/bzimage.h>
#include <lib/string.h>

#include <xen/errno.h>

#define SECTOR_SIZE 512ul
#define HEADER_END 0x250u                  /* behind payload_length */
#define SETUP_SECTS 0x1f1u
#define BOOT_FLAG 0x1feu                   /* 0xaa55 */
#define HEADER_MAGIC 0x202u                /* "HdrS" */
#define VERSION 0x206u
#define PAYLOAD_OFFSET 0x248u
#define PAYLOAD_LENGTH 0x24cu

#define VERSION_WITH_PAYLOAD 0x208u
#define TRAILER_SIZE 4u
#define UNPACKED_MAX (1ull << 30)          /* a kernel of more than 1 GiB is a broken header */

static int fail(const char **why, int error, const char *reason)
{
    if (why)
        *why = reason;
    return error;
}

/* The payload, still with its trailer; size is at least HEADER_END. */
static int find_payload(const uint8_t *image, size_t size, struct span *payload, const char **why)
{
    const uint32_t setup_sects = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
    const uint64_t kernel = (setup_sects + 1) * SECTOR_SIZE;
    const uint64_t start = kernel + get_le32(image + PAYLOAD_OFFSET);
    const uint64_t length = get_le32(image + PAYLOAD_LENGTH);

    if (get_le16(image + BOOT_FLAG) != 0xaa55 || memcmp(image + HEADER_MAGIC, "HdrS", 4) != 0)
        return fail(why, -XEN_ENOEXEC, "neither a bzImage nor an ELF file");
    if (get_le16(image + VERSION) < VERSION_WITH_PAYLOAD)
        return fail(why, -XEN_ENOEXEC, "bzImage boot protocol is older than 2.08");
    if (length <= TRAILER_SIZE || start > size || length > size - start)
        return fail(why, -XEN_EINVAL, "bzImage payload lies outside of the file");
    *payload = (struct span){ image + start, length };
    return 0;
}

int bzimage_payload(const void *image, size_t size, struct span *payload, enum compression *kind,
                    size_t *unpacked_size, const char **why)
{
    struct span whole = { image, size };
    int rc;

    *kind = compression_detect(whole);
    if (*kind == COMPRESSION_NONE) {
        *payload = whole;
        *unpacked_size = size;
        return 0;
    }
    if (size < HEADER_END)
        return fail(why, -XEN_ENOEXEC, "neither a bzImage nor an ELF file");
    rc = find_payload(image, size, payload, why);
    if (rc)
        return rc;

    *kind = compression_detect(*payload);
    if (*kind == COMPRESSION_UNKNOWN)
        return fail(why, -XEN_EINVAL, "bzImage payload is in no known format");
    if (*kind == COMPRESSION_NONE) {       /* CONFIG_KERNEL_UNCOMPRESSED has no trailer */
        *unpacked_size = payload->size;
        return 0;
    }

    /* The last four bytes are the unpacked size; gzip has them as part of the format. */
    *unpacked_size = get_le32(payload->ptr + payload->size - TRAILER_SIZE);
    if (*kind != COMPRESSION_GZIP)
        payload->size -= TRAILER_SIZE;
    if (*unpacked_size == 0 || *unpacked_size > UNPACKED_MAX)
        return fail(why, -XEN_EINVAL, "bzImage payload announces an impossible size");
    return 0;
}
