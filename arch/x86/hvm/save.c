/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Save records of an HVM domain: the frame around them. A context is a row of records, each
 * behind a descriptor with its type, instance and length: HEADER first, END last. public
 * hvm/save.h.
 *
 * Loading: all descriptors are checked, then each record that can be judged without touching
 * anything; then they are loaded in the order of their types, whatever order they came in. A
 * device that refuses its record makes those before it go back to what they were. Last, the vcpus
 * that have a CPU record are brought up.
 */
#include <arch/hvm.h>
#include <arch/hvm_save.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/sched.h>
#include <hv/vcpu.h>
#include <lib/string.h>

#include "save_priv.h"

#define DESC sizeof(struct hvm_save_descriptor)
#define NR_TYPES (HVM_SAVE_CODE_MAX + 1U)
#define CODE_END HVM_SAVE_CODE(END)
#define CODE_HEADER HVM_SAVE_CODE(HEADER)
#define CODE_CPU HVM_SAVE_CODE(CPU)

static bool domain_has(const struct domain *d, const struct save_type *t)
{
    return t->name && (!t->device || (d->arch.hvm->emulation & t->device));
}

static unsigned int instances(const struct domain *d, const struct save_type *t)
{
    return t->per_vcpu ? d->max_vcpus : MAX(t->instances, 1U);
}

/*
 * The host's TSC, as far as the guests' are computed from it. Their device models ask
 * hvm_guest_tsc(), so this is made of it.
 */
static uint64_t host_tsc(const struct domain *d)
{
    const struct vcpu *v = d->vcpu[0];

    return v ? hvm_guest_tsc(v) - v->arch.hvm->cpu.tsc_offset + hvm_tsc_lag(v) : 0;
}

static struct save_rec rec_of(struct domain *d, unsigned int code, unsigned int instance,
                              uint64_t tsc)
{
    struct save_rec r = { .d = d, .instance = instance, .host_tsc = tsc };

    if (save_types[code].per_vcpu && instance < d->max_vcpus)
        r.v = d->vcpu[index_nospec(instance, d->max_vcpus)];
    return r;
}

/* --- saving ----------------------------------------------------------------------------------- */

size_t hvm_ctx_size(const struct domain *d)
{
    size_t size = DESC; /* END */

    for (unsigned int code = 1; code < NR_TYPES; code++)
        if (domain_has(d, &save_types[code]))
            size += instances(d, &save_types[code]) * (DESC + save_max_length(code));
    return size;
}

static size_t put_record(struct domain *d, unsigned int code, unsigned int instance, uint64_t tsc,
                         uint8_t *buf)
{
    const struct save_type *t = &save_types[code];
    const struct save_rec r = rec_of(d, code, instance, tsc);
    size_t length;

    if (t->per_vcpu && !r.v)
        return 0;
    length = t->save(&r, buf + DESC);
    if (length == 0)
        return 0;
    *(struct hvm_save_descriptor *)buf = (struct hvm_save_descriptor){
        .typecode = (uint16_t)code, .instance = (uint16_t)instance, .length = (uint32_t)length
    };
    return DESC + length;
}

size_t hvm_ctx_save(struct domain *d, uint8_t *buf)
{
    const uint64_t tsc = host_tsc(d);
    size_t at = 0;

    for (unsigned int code = 1; code < NR_TYPES; code++)
        for (unsigned int i = 0; domain_has(d, &save_types[code]) &&
                                 i < instances(d, &save_types[code]); i++)
            at += put_record(d, code, i, tsc, buf + at);
    *(struct hvm_save_descriptor *)(buf + at) = (struct hvm_save_descriptor){
        .typecode = CODE_END
    };
    return at + DESC;
}

int hvm_ctx_save_one(struct domain *d, unsigned int code, unsigned int instance, uint8_t *buf,
                     size_t *length)
{
    const struct save_type *t;
    struct save_rec r;

    if (code == CODE_END || code >= NR_TYPES)
        return -EINVAL;
    t = &save_types[index_nospec(code, NR_TYPES)];
    if (!t->name)
        return -EINVAL;
    if (!domain_has(d, t) || instance >= instances(d, t))
        return -ENOENT;
    r = rec_of(d, code, instance, host_tsc(d));
    if (t->per_vcpu && !r.v)
        return -ENOENT;
    *length = t->save(&r, buf);
    return *length ? 0 : -ENOENT;
}

/* --- loading ---------------------------------------------------------------------------------- */

struct load {
    struct domain *d;
    const uint8_t *buf;
    uint32_t *at;          /* [type][instance]: where its descriptor is, + 1; 0: none */
    unsigned int width;    /* instances in at[] */
    uint8_t *backup;       /* what was there before; room for all that there can be */
    uint32_t *saved;       /* as at[], in backup */
    uint32_t backup_end;
    uint64_t tsc;
};

static uint32_t *slot(const struct load *l, unsigned int code, unsigned int instance)
{
    return &l->at[code * l->width + instance];
}

static const struct hvm_save_descriptor *desc_at(const struct load *l, unsigned int code,
                                                 unsigned int instance)
{
    const uint32_t at = *slot(l, code, instance);

    return at ? (const struct hvm_save_descriptor *)(l->buf + at - 1) : NULL;
}

static int check_desc(const struct load *l, const struct hvm_save_descriptor *desc, size_t left,
                      bool first)
{
    const struct save_type *t;

    if (desc->typecode >= NR_TYPES || desc->length > left || desc->length % 8 ||
        first != (desc->typecode == CODE_HEADER))
        return -EINVAL;
    t = &save_types[index_nospec(desc->typecode, NR_TYPES)];
    if (!t->name)
        return -EINVAL;
    if (!domain_has(l->d, t))
        return -ENODEV;
    if (desc->instance >= instances(l->d, t) ||
        (t->per_vcpu && !l->d->vcpu[index_nospec(desc->instance, l->d->max_vcpus)]))
        return -EINVAL;
    if (desc->length < t->min || desc->length > save_max_length(desc->typecode))
        return -EINVAL;
    return *slot(l, desc->typecode, desc->instance) ? -EINVAL : 0;
}

/* Find all records. What is behind END does not count. */
static int find_records(struct load *l, size_t size)
{
    size_t at = 0;

    while (size - at >= DESC) {
        const struct hvm_save_descriptor *desc = (const void *)(l->buf + at);
        int rc;

        if (desc->typecode == CODE_END)
            return at > 0 && desc->length == 0 ? 0 : -EINVAL;
        rc = check_desc(l, desc, size - at - DESC, at == 0);
        if (rc)
            return rc;
        *slot(l, desc->typecode, desc->instance) = (uint32_t)at + 1;
        at += DESC + desc->length;
    }
    return -EINVAL;
}

enum step { STEP_CHECK, STEP_LOAD, STEP_UNDO };

static void make_backup(struct load *l, const struct save_type *t, struct save_rec *r,
                        const struct hvm_save_descriptor *desc)
{
    struct hvm_save_descriptor *b = (void *)(l->backup + l->backup_end);

    r->even_if_down = true;
    b->length = (uint32_t)(t->backup ? t->backup(r, desc + 1, desc->length, b + 1)
                                     : t->save(r, b + 1));
    l->saved[desc->typecode * l->width + desc->instance] = l->backup_end + 1;
    l->backup_end += (uint32_t)DESC + b->length;
}

static int undo_record(const struct load *l, const struct save_type *t, const struct save_rec *r,
                       unsigned int code)
{
    const uint32_t at = l->saved[code * l->width + r->instance];
    const struct hvm_save_descriptor *b;

    if (!at)
        return 0;
    b = (const void *)(l->backup + at - 1);
    return b->length ? t->load(r, b + 1, b->length) : 0;
}

static int do_record(struct load *l, unsigned int code, unsigned int instance, enum step step)
{
    const struct save_type *t = &save_types[code];
    const struct hvm_save_descriptor *desc = desc_at(l, code, instance);
    struct save_rec r = rec_of(l->d, code, instance, l->tsc);

    if (!desc)
        return 0;
    if (step == STEP_UNDO)
        return undo_record(l, t, &r, code);
    if (step == STEP_CHECK)
        return t->check ? t->check(&r, desc + 1, desc->length) : 0;
    make_backup(l, t, &r, desc);
    return t->load(&r, desc + 1, desc->length);
}

/* All records, up to one that is refused: *code and *instance say which. */
static int each_record(struct load *l, enum step step, unsigned int *code, unsigned int *instance)
{
    for (unsigned int c = 1; c < NR_TYPES; c++)
        for (unsigned int i = 0; i < l->width; i++) {
            const int rc = do_record(l, c, i, step);

            if (rc) {
                *code = c;
                *instance = i;
                return rc;
            }
        }
    return 0;
}

/* Those before the one that was refused; that one has changed nothing, or can be set back, too. */
static void undo(struct load *l, unsigned int code, unsigned int instance)
{
    for (unsigned int c = 1; c <= code; c++)
        for (unsigned int i = 0; i < l->width && (c < code || i <= instance); i++)
            (void)!do_record(l, c, i, STEP_UNDO);
}

static void commit(const struct load *l)
{
    for (unsigned int i = 0; i < l->d->max_vcpus; i++) {
        const struct hvm_save_descriptor *desc = desc_at(l, CODE_CPU, i);

        if (desc)
            save_cpu_commit(l->d->vcpu[i], (const void *)(desc + 1),
                            desc_at(l, CPU_XSAVE_CODE, i) != NULL);
    }
}

static int check_and_load(struct load *l)
{
    const unsigned int order = order_of_size(hvm_ctx_size(l->d));
    unsigned int code, instance;
    int rc = each_record(l, STEP_CHECK, &code, &instance);

    if (rc)
        return rc;
    l->backup = hv_page_alloc(order);
    if (!l->backup)
        return -ENOMEM;
    rc = each_record(l, STEP_LOAD, &code, &instance);
    if (rc)
        undo(l, code, instance);
    else
        commit(l);
    hv_page_free(l->backup, order);
    return rc;
}

int hvm_ctx_load(struct domain *d, const uint8_t *buf, size_t size)
{
    struct load l = { .d = d, .buf = buf, .width = MAX(d->max_vcpus, 2U), .tsc = host_tsc(d) };
    const size_t entries = (size_t)NR_TYPES * l.width;
    const unsigned int order = order_of_size(2 * entries * sizeof(*l.at));
    int rc;

    l.at = hv_page_alloc(order);
    if (!l.at)
        return -ENOMEM;
    l.saved = l.at + entries;
    rc = find_records(&l, size);
    if (rc == 0)
        rc = check_and_load(&l);
    hv_page_free(l.at, order);
    return rc;
}
