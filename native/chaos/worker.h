/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait for the ends of their process, each in one way. */
#ifndef CHAOS_WORKER_H
#define CHAOS_WORKER_H

#include "end.h"

/* Starts the threads of this side. `greedy`: edge-triggered ones read until EAGAIN. */
void workers_start(enum side side, bool greedy);
/* Gives an end to a thread that waits in its way. */
void worker_give(struct end *end);

#endif
