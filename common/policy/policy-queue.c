/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See policy-queue.h.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "policy/policy-queue.h"

struct policy_block {
  struct policy_block *next;
  uint64_t entries[BLOCK_ENTRIES];
};

_Static_assert(sizeof (struct policy_block) + sizeof (size_t) == BLOCK_BYTES ||
                 sizeof (void *) < 8,
               "size of a block");

/* A queue's first and last block may have a single entry each. */
#define PARTIAL_BLOCKS (3 * 2)

/* So many free ones beyond what is needed are kept. */
#define SPARE_BLOCKS 4

int
policy_blocks_fit (struct policy_blocks *b, uint64_t nentries)
{
  const size_t need = DIV_ROUND_UP (nentries, BLOCK_ENTRIES) + PARTIAL_BLOCKS;

  while (b->n < need) {
    struct policy_block *block = malloc (sizeof *block);

    if (block == NULL) {
      errno = ENOMEM;
      return -1;
    }
    block->next = b->free;
    b->free = block;
    b->nfree++;
    b->n++;
  }
  while (b->n > need + SPARE_BLOCKS && b->nfree > 0) {
    struct policy_block *block = b->free;

    b->free = block->next;
    b->nfree--;
    b->n--;
    free (block);
  }
  return 0;
}

void
policy_blocks_fini (struct policy_blocks *b)
{
  while (b->free != NULL) {
    struct policy_block *block = b->free;

    b->free = block->next;
    free (block);
  }
}

void
policy_queue_push (struct policy_queue *q, struct policy_blocks *b,
                   uint64_t entry)
{
  if (q->last == NULL || q->to == BLOCK_ENTRIES) {
    struct policy_block *block = b->free;

    assert (block != NULL);
    b->free = block->next;
    b->nfree--;
    block->next = NULL;
    if (q->last == NULL) {
      q->first = block;
      q->from = 0;
    }
    else
      q->last->next = block;
    q->last = block;
    q->to = 0;
  }
  q->last->entries[q->to++] = entry;
  q->length++;
}

uint64_t
policy_queue_pop (struct policy_queue *q, struct policy_blocks *b)
{
  struct policy_block *block = q->first;
  const uint64_t entry = block->entries[q->from++];

  assert (q->length > 0);
  q->length--;
  if (q->length == 0 || q->from == BLOCK_ENTRIES) {
    q->first = block->next;
    if (q->first == NULL)
      q->last = NULL;
    q->from = 0;
    block->next = b->free;
    b->free = block;
    b->nfree++;
  }
  return entry;
}

void
policy_queue_clear (struct policy_queue *q, struct policy_blocks *b)
{
  while (q->length > 0)
    policy_queue_pop (q, b);
}
