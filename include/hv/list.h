/* SPDX-License-Identifier: GPL-2.0-only */
/* Doubly linked circular lists with a head. */
#ifndef HV_LIST_H
#define HV_LIST_H

#include <hv/types.h>

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
}
static inline void list_add(struct list *head, struct list *n)
{
    list_insert_between(n, head, head->next);
}
static inline void list_add_tail(struct list *head, struct list *n)
{
    list_insert_between(n, head->prev, head);
}
/* Leaves n a list of its own, so that list_empty(n) tells whether it is queued. */
static inline void list_del(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#define list_entry(l, type, member) container_of(l, type, member)
#define list_for_each(pos, head) \
    for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, head)                                                        \
    for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head);            \
         pos = pos##_next, pos##_next = pos->next)

#endif
