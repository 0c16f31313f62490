/* Short TCP connections, several at once: one byte there and back, closed by the server. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 256 };
/* A connection that takes longer has failed. */
static const double PATIENCE_SECONDS = 5;

struct attempt {
  enum { Idle, Connecting, Asked, Answered } state;
  int fd;
  double begun;
};

static int epoll;
static long done, errors;

static void begin(struct attempt *attempt, const struct sockaddr_in *to) {
  attempt->state = Idle;
  attempt->begun = now();
  attempt->fd = begin_connect(to);
  if (attempt->fd < 0) {
    errors++;
    return;
  }
  attempt->state = Connecting;
  watch(epoll, attempt->fd, EPOLLOUT, attempt);
}

static void finish(struct attempt *attempt, bool well, bool counted) {
  close(attempt->fd);
  attempt->state = Idle;
  if (!well) errors++;
  else if (counted) done++;
}

static void go_on(struct attempt *attempt, bool counted) {
  char byte = 'x';
  if (attempt->state == Connecting) {
    if (connect_result(attempt->fd) != 0 || send(attempt->fd, &byte, 1, MSG_NOSIGNAL) != 1) {
      finish(attempt, false, counted);
      return;
    }
    attempt->state = Asked;
    watch_again(epoll, attempt->fd, EPOLLIN, attempt);
    return;
  }
  ssize_t got = recv(attempt->fd, &byte, 1, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got == 1 && attempt->state == Asked) attempt->state = Answered;
  else finish(attempt, got == 0 && attempt->state == Answered, counted);
}

int tcp_connects(const struct options *options) {
  epoll = epoll_open();
  struct sockaddr_in to = address_of(options, options->port);
  struct attempt *attempts = calloc((size_t)options->at_once, sizeof *attempts);
  if (attempts == NULL) die("calloc");
  double from = now() + options->warm_up, until = from + options->seconds;
  struct epoll_event events[BATCH];
  for (double time = now(); time < until && !stopping; time = now()) {
    /* Begun here and not in the midst of a batch, which could hold an event of the one before. */
    for (int i = 0; i < options->at_once; i++) {
      if (attempts[i].state != Idle && time - attempts[i].begun > PATIENCE_SECONDS)
        finish(&attempts[i], false, true);
      if (attempts[i].state == Idle) begin(&attempts[i], &to);
    }
    int count = epoll_wait(epoll, events, BATCH, 20);
    for (int i = 0; i < count; i++) go_on(events[i].data.ptr, time >= from);
  }
  printf("{\"connectsPerSecond\":%.1f,\"done\":%ld,\"errors\":%ld}\n",
         (double)done / options->seconds, done, errors);
  return 0;
}
