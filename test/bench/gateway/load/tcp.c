/* TCP: a server for requests and bulk, one bulk connection, requests on one connection. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024, BATCH = 256, BACKLOG = 4096 };

/* The first bytes of a bulk connection: which part of it shall be counted. */
struct bulk_order {
  double warm_up, seconds;
};
/* The answer, when that time is over. */
struct bulk_answer {
  double bytes, seconds;
};

enum kind { RequestListener, BulkListener, Requests, Bulk };
struct connection {
  enum kind kind;
  int fd;
  /* Bulk: the order so far, the counted time and what came in it. */
  struct bulk_order order;
  size_t ordered;
  double from, until;
  long long bytes;
};

static char chunk[CHUNK_BYTES];

static void end(struct connection *connection) {
  close(connection->fd);
  free(connection);
}

/* A single byte is answered and the connection closed; all else is sent back. */
static void answer_requests(struct connection *connection) {
  ssize_t got = recv(connection->fd, chunk, sizeof chunk, 0);
  if (got < 0 && errno == EAGAIN) return;
  bool ok = got > 0 && send(connection->fd, chunk, (size_t)got, MSG_NOSIGNAL) == got;
  if (!ok || got == 1) end(connection);
}

static bool take_order(struct connection *connection) {
  char *at = (char *)&connection->order + connection->ordered;
  ssize_t got = recv(connection->fd, at, sizeof connection->order - connection->ordered, 0);
  if (got < 0 && errno == EAGAIN) return true;
  if (got <= 0) return false;
  connection->ordered += (size_t)got;
  if (connection->ordered < sizeof connection->order) return true;
  connection->from = now() + connection->order.warm_up;
  connection->until = connection->from + connection->order.seconds;
  return true;
}

/* From the end of the warm-up to the first arrival after the end, so that a stall counts. */
static bool take_bulk(struct connection *connection) {
  ssize_t got = recv(connection->fd, chunk, sizeof chunk, 0);
  if (got < 0 && errno == EAGAIN) return true;
  if (got <= 0) return false;
  double time = now();
  if (time < connection->from) return true;
  connection->bytes += got;
  if (time < connection->until) return true;
  struct bulk_answer answer = {(double)connection->bytes, time - connection->from};
  /* What still comes is read until the client closes: a reset could outrun the answer. */
  connection->until = HUGE_VAL;
  return send(connection->fd, &answer, sizeof answer, MSG_NOSIGNAL) == sizeof answer;
}

static void accept_all(int epoll, struct connection *listener) {
  for (int i = 0; i < 64; i++) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    no_delay(fd);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) die("calloc");
    connection->kind = listener->kind == RequestListener ? Requests : Bulk;
    connection->fd = fd;
    watch(epoll, fd, EPOLLIN, connection);
  }
}

static void handle(int epoll, struct connection *connection) {
  switch (connection->kind) {
    case RequestListener:
    case BulkListener: accept_all(epoll, connection); break;
    case Requests: answer_requests(connection); break;
    case Bulk:
      if (!(connection->ordered < sizeof connection->order ? take_order(connection)
                                                            : take_bulk(connection)))
        end(connection);
      break;
  }
}

int tcp_server(const struct options *options) {
  int epoll = epoll_open();
  struct connection requests = {.kind = RequestListener,
                                .fd = listen_on(options->address, options->port, BACKLOG)};
  struct connection bulk = {.kind = BulkListener,
                            .fd = listen_on(options->address, options->port + 1, BACKLOG)};
  if (requests.fd < 0 || bulk.fd < 0) die("listen");
  watch(epoll, requests.fd, EPOLLIN, &requests);
  watch(epoll, bulk.fd, EPOLLIN, &bulk);
  say_ready();
  struct epoll_event events[BATCH];
  while (!stopping) {
    int count = epoll_wait(epoll, events, BATCH, 200);
    for (int i = 0; i < count; i++) handle(epoll, events[i].data.ptr);
  }
  return 0;
}

/* A connected socket whose calls give up after `seconds`. */
static int connect_blocking(const struct options *options, time_t seconds) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval limit = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  struct sockaddr_in to = address_of(options, options->port);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
  no_delay(fd);
  return fd;
}

int tcp_bulk(const struct options *options) {
  int fd = connect_blocking(options, 5);
  struct bulk_order order = {options->warm_up, options->seconds};
  if (send(fd, &order, sizeof order, MSG_NOSIGNAL) != sizeof order) die("send");
  struct bulk_answer answer = {0};
  double limit = now() + options->warm_up + options->seconds + 10;
  bool answered = false;
  while (!answered && !stopping && now() < limit) {
    ssize_t sent = send(fd, chunk, sizeof chunk, MSG_NOSIGNAL);
    answered = recv(fd, &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer;
    if (sent < 0) break;
  }
  if (!answered) {
    fputs("load: the bulk connection broke off\n", stderr);
    return 1;
  }
  printf("{\"gbitPerSecond\":%.4f,\"seconds\":%.3f,\"errors\":0}\n",
         answer.bytes * 8e-9 / answer.seconds, answer.seconds);
  return 0;
}

/* One request and its answer; the time it took in seconds, or -1. */
static double exchange(int fd, size_t bytes) {
  double begin = now();
  if (send(fd, chunk, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) return -1;
  for (size_t got = 0; got < bytes;) {
    ssize_t more = recv(fd, chunk, sizeof chunk, 0);
    if (more <= 0) return -1;
    got += (size_t)more;
  }
  return now() - begin;
}

int tcp_requests(const struct options *options) {
  int fd = connect_blocking(options, 2);
  size_t bytes = options->bytes > CHUNK_BYTES ? CHUNK_BYTES : (size_t)options->bytes;
  /* A single byte would ask the server to close. */
  if (bytes < 2) bytes = 2;
  struct samples micros = {0};
  long errors = 0;
  double from = now() + options->warm_up, until = from + options->seconds;
  for (double time = now(); time < until && !stopping; time = now()) {
    double took = exchange(fd, bytes);
    if (took < 0) {
      errors++;
      break;
    }
    if (time >= from) samples_add(&micros, took * 1e6);
  }
  samples_sort(&micros);
  printf("{\"requests\":%zu,\"p50Micros\":%.2f,\"p99Micros\":%.2f,\"errors\":%ld}\n", micros.count,
         samples_percentile(&micros, 0.5), samples_percentile(&micros, 0.99), errors);
  return 0;
}
