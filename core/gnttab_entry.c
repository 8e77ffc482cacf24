/* SPDX-License-Identifier: GPL-2.0-only */
/* See gnttab_entry.h. Errors are those of Xen 4.17. */
#include "gnttab_entry.h"

/*@ assigns \nothing; */
static enum grant_kind kind_of(uint16_t flags)
{
    if ((flags & GTF_type_mask) == GTF_transitive)
        return GRANT_TRANSITIVE;
    return flags & GTF_sub_page ? GRANT_SUB_PAGE : GRANT_PAGE;
}

/*@ requires \valid_read(r);
    assigns \nothing; */
static bool kind_will_do(enum grant_kind kind, const struct grant_request *r)
{
    switch (kind) {
    case GRANT_PAGE:
        return true;
    case GRANT_SUB_PAGE:
        return r->copy;
    case GRANT_TRANSITIVE:
        return r->copy && !r->no_transitive;
    }
    return false;
}

/*@ requires \valid_read(s) && \valid_read(r);
    assigns \nothing;
    ensures \result ==> s->domid == r->domid;
    ensures \result && (r->add & PIN_WRITERS) != 0 ==> (s->flags & GTF_readonly) == 0; */
static bool entry_permits(const struct grant_state *s, const struct grant_request *r)
{
    uint16_t type = s->flags & GTF_type_mask;

    if (type != GTF_permit_access && type != GTF_transitive)
        return false;
    if (s->domid != r->domid)
        return false;
    return !(r->add & PIN_WRITERS) || !(s->flags & GTF_readonly);
}

int16_t grant_entry_take(const struct grant_state *s, const struct grant_request *r,
                         struct grant_step *next)
{
    bool first = s->pins == 0;
    enum grant_kind kind = first ? kind_of(s->flags) : (enum grant_kind)s->kind;

    if (!first && (s->pinned_by != r->domid || (s->pins & PIN_FULL)))
        return GNTST_general_error;
    if (!kind_will_do(kind, r))
        return GNTST_general_error;
    *next = (struct grant_step){ .pins = s->pins + r->add, .kind = (uint8_t)kind };
    if (!first && (!(r->add & PIN_WRITERS) || (s->pins & PIN_WRITERS)))
        return GNTST_okay; /* what the entry says already covers it */
    if (!entry_permits(s, r))
        return GNTST_general_error;
    next->set = GTF_reading | (r->add & PIN_WRITERS ? GTF_writing : 0);
    return GNTST_okay;
}

uint16_t grant_entry_drop(uint64_t *pins, uint64_t drop)
{
    *pins -= drop;
    return (uint16_t)((*pins ? 0 : GTF_reading) | (*pins & PIN_WRITERS ? 0 : GTF_writing));
}
