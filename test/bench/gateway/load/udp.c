/*
 * UDP: datagrams over one flow or many. A flow is established by an echo each way, and again two
 * seconds later, so that a tracker takes it for a lasting one; then datagrams go one way as fast as
 * the sender can, over the flows in random order, and the server counts what arrives. With -G the
 * client says "ready" after the first echoes and waits for SIGUSR1; with -N it sends no echoes.
 */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* 18 bytes of payload make a frame of 60 bytes, 64 with its check sum. */
enum { PAYLOAD_BYTES = 18, BATCH = 64, EVENTS = 128 };
enum { FIRST_SOURCE_PORT = 10000, TRIES = 40, TRY_MILLIS = 100 };
/* Echoes under way at once. */
enum { OUTSTANDING = 1000 };
/* The first byte of a datagram. */
enum { Echo = 'e', WarmUp = 'w', Count = 'c' };
/* nf_conntrack_proto_udp.c: what is answered two seconds after its first packet is assured. */
static const double ASSURED_SECONDS = 2.2;

struct batch {
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  struct sockaddr_in peers[BATCH];
  char bytes[BATCH][PAYLOAD_BYTES];
};

static void batch_reset(struct batch *batch, bool with_peers) {
  memset(batch->messages, 0, sizeof batch->messages);
  for (int i = 0; i < BATCH; i++) {
    batch->parts[i] = (struct iovec){batch->bytes[i], PAYLOAD_BYTES};
    batch->messages[i].msg_hdr.msg_iov = &batch->parts[i];
    batch->messages[i].msg_hdr.msg_iovlen = 1;
    if (!with_peers) continue;
    batch->messages[i].msg_hdr.msg_name = &batch->peers[i];
    batch->messages[i].msg_hdr.msg_namelen = sizeof batch->peers[i];
  }
}

static int bound_socket(struct in_addr address, int port, int buffer_bytes) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = address};
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) die("a UDP socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
  return fd;
}

/* ---- server ---- */

/*
 * Once datagrams come in one direction, the server lets them pile up for a while and reads many at
 * once: woken for each, it would be the limit where they come over many sockets.
 */
enum { PILE_UP_MICROS = 2000 };

static bool flooded;
static long counted;
static double first_counted, last_counted;

/* False when nothing more is there. */
static bool serve(int fd, struct batch *batch) {
  batch_reset(batch, true);
  int got = recvmmsg(fd, batch->messages, BATCH, 0, NULL), counts = 0;
  for (int i = 0; i < got; i++) {
    char kind = batch->bytes[i][0];
    if (kind == Echo)
      sendto(fd, batch->bytes[i], PAYLOAD_BYTES, 0, (struct sockaddr *)&batch->peers[i],
             sizeof batch->peers[i]);
    else flooded = true;
    counts += kind == Count;
  }
  if (counts == 0) return got == BATCH;
  last_counted = now();
  if (first_counted == 0) first_counted = last_counted;
  counted += counts;
  return got == BATCH;
}

int udp_server(const struct options *options) {
  static struct batch batch;
  int epoll = epoll_open();
  int buffer_bytes = options->ports == 1 ? 32 << 20 : 4 << 20;
  int *fds = calloc((size_t)options->ports, sizeof *fds);
  if (fds == NULL) die("calloc");
  for (int i = 0; i < options->ports; i++) {
    fds[i] = bound_socket(options->address, options->port + i, buffer_bytes);
    watch(epoll, fds[i], EPOLLIN, &fds[i]);
  }
  say_ready();
  struct epoll_event events[EVENTS];
  while (!stopping) {
    int count = epoll_wait(epoll, events, EVENTS, 200);
    for (int i = 0; i < count; i++) {
      while (serve(*(int *)events[i].data.ptr, &batch)) continue;
    }
    if (flooded) usleep(PILE_UP_MICROS);
  }
  free(fds);
  printf("{\"packets\":%ld,\"seconds\":%.3f}\n", counted, last_counted - first_counted);
  return 0;
}

/* ---- client ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15;

/* xorshift64: the same order in every run. */
static uint32_t random_below(uint32_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)((random_state >> 32) * bound >> 32);
}

/* One client socket, and which of the server's ports have answered it in this round of echoes. */
struct asker {
  int fd;
  int missing;
  double assurable; /* when a second echo makes its flows lasting ones; 0: not asked yet */
  bool *answered;
};

/* Sends an echo from this socket to each port that has not answered yet. */
static void ask(const struct asker *asker, const struct options *options, struct batch *batch) {
  batch_reset(batch, true);
  int filled = 0;
  for (int port = 0; port < options->ports; port++) {
    if (!asker->answered[port]) {
      batch->peers[filled] = address_of(options, options->port + port);
      batch->bytes[filled++][0] = Echo;
    }
    if (filled == BATCH || (port == options->ports - 1 && filled > 0)) {
      sendmmsg(asker->fd, batch->messages, (unsigned)filled, 0);
      filled = 0;
    }
  }
}

/* Takes answers until all have come or none comes for a while. */
static void take_answers(struct asker *asker, const struct options *options, struct batch *batch) {
  while (asker->missing > 0) {
    struct pollfd wait = {.fd = asker->fd, .events = POLLIN};
    if (poll(&wait, 1, TRY_MILLIS) <= 0) return;
    batch_reset(batch, true);
    int got = recvmmsg(asker->fd, batch->messages, BATCH, 0, NULL);
    for (int i = 0; i < got; i++) {
      int port = ntohs(batch->peers[i].sin_port) - options->port;
      if (port < 0 || port >= options->ports || asker->answered[port]) continue;
      asker->answered[port] = true;
      asker->missing--;
    }
  }
}

static void wait_until(double time) {
  for (double rest; !stopping && (rest = time - now()) > 0;) usleep((useconds_t)(rest * 1e6));
}

/*
 * One echo over each flow, of some sockets at a time; a second one not before it counts. How many
 * flows stayed without an answer.
 */
static long echo_over_all(struct asker *askers, int count, const struct options *options) {
  static struct batch batch;
  int at_once = options->ports >= OUTSTANDING ? 1 : OUTSTANDING / options->ports;
  long unanswered = 0;
  for (int begin = 0; begin < count && !stopping; begin += at_once) {
    int end = begin + at_once < count ? begin + at_once : count, missing = 1;
    wait_until(askers[end - 1].assurable);
    for (int i = begin; i < end; i++) {
      memset(askers[i].answered, 0, (size_t)options->ports);
      askers[i].missing = options->ports;
    }
    for (int try = 0; try < TRIES && missing > 0 && !stopping; try++) {
      for (int i = begin; i < end; i++) ask(&askers[i], options, &batch);
      missing = 0;
      for (int i = begin; i < end; i++) {
        take_answers(&askers[i], options, &batch);
        missing += askers[i].missing;
      }
    }
    for (int i = begin; i < end; i++) askers[i].assurable = now() + ASSURED_SECONDS;
    unanswered += missing;
  }
  return unanswered;
}

static long flood(const struct asker *askers, int sockets, const struct options *options, char kind,
                  double seconds) {
  static struct batch batch;
  /* With one port the sockets are connected: a datagram then needs no route of its own. */
  batch_reset(&batch, options->ports > 1);
  for (int i = 0; i < BATCH; i++) {
    batch.bytes[i][0] = kind;
    batch.peers[i] = address_of(options, options->port);
  }
  long sent = 0;
  for (double until = now() + seconds; now() < until && !stopping;) {
    for (int i = 0; options->ports > 1 && i < BATCH; i++) {
      uint32_t port = (uint32_t)options->port + random_below((uint32_t)options->ports);
      batch.peers[i].sin_port = htons((uint16_t)port);
    }
    int fd = askers[sockets == 1 ? 0 : random_below((uint32_t)sockets)].fd;
    int more = sendmmsg(fd, batch.messages, BATCH, 0);
    if (more > 0) sent += more;
  }
  return sent;
}

int udp_client(const struct options *options) {
  int sockets = (options->flows + options->ports - 1) / options->ports;
  if (sockets > 50000) return 2;
  struct asker *askers = calloc((size_t)sockets, sizeof *askers);
  bool *answered = calloc((size_t)sockets, (size_t)options->ports);
  if (askers == NULL || answered == NULL) die("calloc");
  struct sockaddr_in to = address_of(options, options->port);
  for (int i = 0; i < sockets; i++) {
    askers[i].fd = bound_socket((struct in_addr){INADDR_ANY}, FIRST_SOURCE_PORT + i, 1 << 20);
    askers[i].answered = answered + (size_t)i * (size_t)options->ports;
    if (options->ports > 1) continue;
    if (connect(askers[i].fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
  }
  long unanswered = 0;
  double begin = now();
  if (!options->stateless) unanswered += echo_over_all(askers, sockets, options);
  double established = now();
  if (options->waits_signal) wait_for_signal();
  if (!options->stateless) unanswered += echo_over_all(askers, sockets, options);
  flood(askers, sockets, options, WarmUp, options->warm_up);
  long sent = flood(askers, sockets, options, Count, options->seconds);
  printf("{\"offeredPerSecond\":%.0f,\"flows\":%d,\"establishSeconds\":%.3f,\"errors\":%ld}\n",
         (double)sent / options->seconds, sockets * options->ports, established - begin,
         unanswered);
  return 0;
}
