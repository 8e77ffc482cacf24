/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking the oracle (tests/oracle), a processor of QEMU's: all cases of a test in one go. */
#ifndef EMUL_ORACLE_H
#define EMUL_ORACLE_H

#include <stdlib.h>
#include <unistd.h>

#include "../oracle/case.h"
#include <arch/emul.h>

#define KERNEL "build/oracle.elf"

static struct oracle_head head; /* of the answer */

/* --- the oracle's memory, as the emulator has it ---------------------------------------------- */

static uint8_t mem[REGION_SIZE];
static uint32_t data_end = REGION_SIZE; /* what is behind it is for the system's accesses only */
static bool outside; /* an access that the oracle's memory does not cover */

static uint8_t *place(uint64_t linear, unsigned int size, enum emul_access access)
{
    const uint32_t end = access == EMUL_SYSTEM ? REGION_SIZE : data_end;

    if (linear >= REGION && linear + size <= REGION + end)
        return &mem[linear - REGION];
    outside = true;
    return NULL;
}

static enum emul_result oracle_read(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                    enum emul_access access)
{
    const uint8_t *p = place(linear, size, access);

    if (!p)
        return EMUL_UNHANDLED;
    memcpy(buf, p, size);
    return EMUL_OK;
}

static enum emul_result oracle_fetch(struct emul *e, uint64_t linear, void *buf, unsigned int size,
                                     unsigned int *got)
{
    *got = size;
    return oracle_read(e, linear, buf, size, EMUL_DATA);
}

static enum emul_result oracle_write(struct emul *e, uint64_t linear, const void *buf,
                                     unsigned int size, enum emul_access access)
{
    uint8_t *p = place(linear, size, access);

    if (!p)
        return EMUL_UNHANDLED;
    memcpy(p, buf, size);
    return EMUL_OK;
}

static enum emul_result oracle_probe(struct emul *e, uint64_t linear, unsigned int size,
                                     enum emul_access access)
{
    return place(linear, size, access) ? EMUL_OK : EMUL_UNHANDLED;
}

static enum emul_result oracle_event(struct emul *e, enum emul_event event, uint64_t linear)
{
    return EMUL_OK;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool oracle_is_there(const char *test)
{
    const bool there = !access(KERNEL, R_OK) &&
                       !system("qemu-system-x86_64 --version >/dev/null 2>&1");

    if (!there)
        printf("skip %s: no QEMU, or not started from the top of the tree\n", test);
    return there;
}

static bool read_results(const char *path, void *r, unsigned int nr, size_t size)
{
    FILE *f = fopen(path, "r");
    const bool begun = f && fread(&head, sizeof(head), 1, f) == 1 && head.nr == nr;
    const size_t got = begun ? fread(r, size, nr, f) : 0;

    if (f)
        fclose(f);
    if (got != nr)
        printf("  the oracle ended in case %zu of %u\n", got, nr);
    return got == nr;
}

/* A result for each case, to be freed; NULL: it did not come to an end. */
static void *oracle_ask(const void *file, size_t size, unsigned int nr, size_t result_size)
{
    char dir[] = "/tmp/emul_oracle.XXXXXX", in[64], out[64], command[512];
    void *r = calloc(nr, result_size);
    FILE *f;
    bool ok;

    if (!mkdtemp(dir))
        return NULL;
    snprintf(in, sizeof(in), "%s/cases", dir);
    snprintf(out, sizeof(out), "%s/results", dir);
    f = fopen(in, "w");
    ok = r && f && fwrite(file, size, 1, f) == 1 && fclose(f) == 0;
    snprintf(command, sizeof(command),
             "timeout 120 qemu-system-x86_64 -accel tcg -cpu max -M pc -m 64 -nodefaults "
             "-display none -no-reboot -kernel " KERNEL " -initrd %s -chardev file,id=out,path=%s "
             "-device isa-debugcon,iobase=0xe9,chardev=out "
             "-device isa-debug-exit,iobase=0xf4,iosize=1 >/dev/null 2>&1 </dev/null", in, out);
    ok = ok && system(command) == 0x100; /* isa-debug-exit's for 0 */
    ok = read_results(out, r, nr, result_size) && ok;
    unlink(in);
    unlink(out);
    rmdir(dir);
    if (!ok)
        free(r);
    return ok ? r : NULL;
}

#endif
