/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random requests over several connections, many in flight, against the
 * oracle.  One thread drives all of them.
 */

#ifndef DISKSTACK_MODEL_CLIENT_H
#define DISKSTACK_MODEL_CLIENT_H

#include <stdbool.h>

#include "model/oracle.h"
#include "model/server.h"
#include "support/rng.h"

#define CLIENT_CONNECTIONS 4
#define CLIENT_DEPTH 16

struct client;

/* Connect NCONNECTIONS times to S, whose disk O is the oracle of. */
extern struct client *client_connect (struct server *s, struct oracle *o,
                                      unsigned nconnections);

/* Hang up, with what is in flight, which is forgotten. */
extern void client_close (struct client *c);

/* N requests, at most DEPTH in flight on each connection.  With FINISH
 * all of them end before it returns, otherwise some are left in flight.
 * A reply that is wrong ends the program.
 */
extern void client_run (struct client *c, struct rng *rng, unsigned n,
                        unsigned depth, bool finish);

/* Write the disk's first content, which is in BUF, durably. */
extern void client_write_initial (struct client *c, const char *buf);

/* Read the whole disk into BUF, and check it. */
extern void client_read_all (struct client *c, char *buf);

#endif /* DISKSTACK_MODEL_CLIENT_H */
