/* A disturbed line between two interfaces: loss, duplicates, reordering, delay with jitter. */
#define _GNU_SOURCE
#include "load.h"

#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAME = 2048, QUEUE = 16384, WORDS = 8, LINES = 4 };

struct frame {
  double due;
  uint64_t order;
  size_t length;
  unsigned char bytes[FRAME];
};

/* One direction: frames in a heap, the earliest at the top. */
struct direction {
  int from, to;
  double delay, last;
  size_t count;
  struct frame *heap[QUEUE];
};

static struct {
  uint32_t loss, duplication, reordering;
  double least, most;
} manner;
static struct {
  long passed, lost, doubled, reordered, full;
} figures;
static uint64_t random_state, orders;
static struct frame *spare[2 * LINES * QUEUE];
static size_t spares;

static bool earlier(const struct frame *a, const struct frame *b) {
  return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void push(struct direction *way, struct frame *frame) {
  size_t i = way->count++;
  for (; i > 0 && earlier(frame, way->heap[(i - 1) / 2]); i = (i - 1) / 2)
    way->heap[i] = way->heap[(i - 1) / 2];
  way->heap[i] = frame;
}

static struct frame *pop(struct direction *way) {
  struct frame *top = way->heap[0], *last = way->heap[--way->count];
  size_t i = 0;
  for (size_t child = 1; child < way->count; child = 2 * i + 1) {
    if (child + 1 < way->count && earlier(way->heap[child + 1], way->heap[child])) child++;
    if (!earlier(way->heap[child], last)) break;
    way->heap[i] = way->heap[child];
    i = child;
  }
  way->heap[i] = last;
  return top;
}

static bool happens(uint32_t per_mille) { return random_below(&random_state, 1000) < per_mille; }

static void enqueue(struct direction *way, const unsigned char *bytes, size_t length, double time) {
  if (way->count == QUEUE) {
    figures.full++;
    return;
  }
  /* The delay wanders; frames keep their order but for those that are to overtake. */
  double range = manner.most - manner.least;
  way->delay += range * ((double)random_below(&random_state, 201) - 100) / 1000;
  if (way->delay < manner.least) way->delay = manner.least;
  if (way->delay > manner.most) way->delay = manner.most;
  struct frame *frame = spares > 0 ? spare[--spares] : malloc(sizeof *frame);
  if (frame == NULL) die("malloc");
  frame->order = orders++;
  frame->length = length;
  memcpy(frame->bytes, bytes, length);
  if (happens(manner.reordering)) {
    frame->due = time + manner.least / 2;
    figures.reordered++;
  } else {
    frame->due = time + way->delay > way->last ? time + way->delay : way->last;
    way->last = frame->due;
  }
  push(way, frame);
}

static void take(struct direction *way, double time) {
  unsigned char bytes[FRAME];
  for (int i = 0; i < 256; i++) {
    struct sockaddr_ll from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(way->from, bytes, FRAME, MSG_TRUNC, (struct sockaddr *)&from, &length);
    if (got < 0) return;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    if (got > FRAME) {
      fprintf(stderr, "relay: a frame of %zd bytes\n", got);
      exit(1);
    }
    if (happens(manner.loss)) {
      figures.lost++;
      continue;
    }
    enqueue(way, bytes, (size_t)got, time);
    if (!happens(manner.duplication)) continue;
    figures.doubled++;
    enqueue(way, bytes, (size_t)got, time);
  }
}

static void send_due(struct direction *way, double time) {
  while (way->count > 0 && way->heap[0]->due <= time) {
    struct frame *frame = pop(way);
    if (send(way->to, frame->bytes, frame->length, 0) >= 0) figures.passed++;
    spare[spares++] = frame;
  }
}

int relay(char **words) {
  static struct direction ways[2 * LINES];
  struct pollfd polled[2 * LINES];
  manner.loss = (uint32_t)atoi(words[2]);
  manner.duplication = (uint32_t)atoi(words[3]);
  manner.reordering = (uint32_t)atoi(words[4]);
  manner.least = atof(words[5]) / 1000;
  manner.most = atof(words[6]) / 1000;
  random_state = strtoull(words[7], NULL, 10) * 2654435761u + 1;
  int count = 0, index;
  /* Further lines behave alike. */
  for (char **pair = words; pair[0] != NULL; pair = count == 2 ? words + WORDS : pair + 2) {
    int a = packet_socket(pair[0], &index), b = packet_socket(pair[1], &index);
    ways[count] = (struct direction){.from = a, .to = b, .delay = manner.least};
    ways[count + 1] = (struct direction){.from = b, .to = a, .delay = manner.least};
    count += 2;
  }
  for (int i = 0; i < count; i++) polled[i] = (struct pollfd){.fd = ways[i].from, .events = POLLIN};
  say_ready();
  while (!stopping) {
    poll(polled, (nfds_t)count, 1);
    double time = now();
    for (int i = 0; i < count; i++) {
      take(&ways[i], time);
      send_due(&ways[i], time);
    }
  }
  printf("{\"passed\":%ld,\"lost\":%ld,\"doubled\":%ld,\"reordered\":%ld,\"full\":%ld}\n",
         figures.passed, figures.lost, figures.doubled, figures.reordered, figures.full);
  return 0;
}
