/* Connections that come and go, half of them TCP and half UDP, and the server that answers them. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 512, TRIES = 4 };
/* How long a connection stays after its answer, at least and at most. */
static const double LEAST_SECONDS = 2, MOST_SECONDS = 6;
/* A connect includes its retransmissions (1, 3, 7 s); a datagram is sent again. */
static const double PATIENCE_SECONDS = 16, UDP_AGAIN_SECONDS = 1;

static void echo_tcp(int epoll, int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

static void echo_udp(int fd) {
  char data[64];
  struct sockaddr_storage from;
  for (;;) {
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &length);
    if (got < 0) return;
    sendto(fd, data, (size_t)got, 0, (struct sockaddr *)&from, length);
  }
}

static int bound(int type, int port) {
  int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0), on = 1, room = 1 << 20;
  struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) die("bind");
  return fd;
}

int sink(char **words) {
  int port = atoi(words[0]), epoll = epoll_create1(0);
  int listener = bound(SOCK_STREAM, port), datagrams = bound(SOCK_DGRAM, port);
  if (listen(listener, 4096) != 0) die("listen");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[BATCH];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = datagrams;
  epoll_ctl(epoll, EPOLL_CTL_ADD, datagrams, &event);
  say_ready();
  while (!stopping) {
    int count = epoll_wait(epoll, events, BATCH, 200);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      char data[64];
      if (fd == listener) echo_tcp(epoll, fd);
      else if (fd == datagrams) echo_udp(fd);
      else {
        ssize_t got = recv(fd, data, sizeof data, 0);
        if (got > 0) send(fd, data, (size_t)got, MSG_NOSIGNAL);
        else if (got == 0 || errno != EAGAIN) close(fd);
      }
    }
  }
  return 0;
}

struct connection {
  enum { Gone, Connecting, Asked, Staying } state;
  bool is_tcp;
  int fd, tries;
  double begun, again, until;
};

static struct {
  long opened, closed, failed, lost;
} figures;

static void ask(struct connection *connection, double time) {
  send(connection->fd, "x", 1, MSG_NOSIGNAL);
  connection->state = Asked;
  connection->again = time + UDP_AGAIN_SECONDS;
}

static void begin(struct connection *it, int epoll, const struct target *to, double time) {
  it->fd = socket(to->address.ss_family, (it->is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
  if (it->fd < 0) die("socket");
  it->begun = time;
  it->tries = 0;
  int result = connect(it->fd, (const struct sockaddr *)&to->address, to->length);
  if (result != 0 && errno != EINPROGRESS) {
    figures.failed++;
    close(it->fd);
    return;
  }
  it->state = Connecting;
  struct epoll_event event = {.events = it->is_tcp ? EPOLLOUT : EPOLLIN, .data.ptr = it};
  epoll_ctl(epoll, EPOLL_CTL_ADD, it->fd, &event);
  if (!it->is_tcp) ask(it, time);
}

/* Every other TCP connection ends by RST. */
static void end(struct connection *it, bool well, uint64_t *random) {
  struct linger at_once = {.l_onoff = 1};
  if (it->is_tcp && random_below(random, 2) == 0)
    setsockopt(it->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(it->fd);
  it->state = Gone;
  if (well) figures.closed++;
  else if (it->is_tcp) figures.failed++;
  else figures.lost++;
}

static void happened(struct connection *it, int epoll, double time, uint64_t *random) {
  if (it->state == Connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(it->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
      end(it, false, random);
      return;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = it};
    epoll_ctl(epoll, EPOLL_CTL_MOD, it->fd, &event);
    ask(it, time);
    return;
  }
  char data[64];
  ssize_t got = recv(it->fd, data, sizeof data, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (it->state == Asked && got == 1) {
    double more = (double)random_below(random, 1000) / 1000;
    it->state = Staying;
    it->until = time + LEAST_SECONDS + more * (MOST_SECONDS - LEAST_SECONDS);
    figures.opened++;
  } else if (got <= 0) {
    end(it, false, random);
  }
}

static void tend(struct connection *it, double time, uint64_t *random) {
  if (it->state == Staying && time >= it->until) end(it, true, random);
  else if (it->state == Asked && !it->is_tcp && time >= it->again) {
    if (++it->tries == TRIES) end(it, false, random);
    else ask(it, time);
  } else if (it->state != Staying && time - it->begun > PATIENCE_SECONDS) end(it, false, random);
}

int churn(char **words) {
  struct target to = target_of(words[0], atoi(words[1]));
  int alive = atoi(words[2]), epoll = epoll_create1(0);
  double began = now(), until = began + atof(words[3]);
  uint64_t random = 0x9e3779b97f4a7c15;
  struct connection *all = calloc((size_t)alive, sizeof *all);
  struct epoll_event events[BATCH];
  bool said = false;
  for (double time = now(); time < until && !stopping; time = now()) {
    /* Begun over a second, and then one by one as others go. */
    int begun = 0;
    for (int i = 0; i < alive; i++) {
      all[i].is_tcp = i % 2 == 0;
      if (all[i].state != Gone) tend(&all[i], time, &random);
      else if (begun < alive / 100) {
        begin(&all[i], epoll, &to, time);
        begun++;
      }
    }
    double pause = now() + 0.02;
    do {
      int count = epoll_wait(epoll, events, BATCH, 5);
      for (int i = 0; i < count; i++) {
        struct connection *it = events[i].data.ptr;
        if (it->state != Gone) happened(it, epoll, time, &random);
      }
    } while (now() < pause && !stopping);
    if (!said && figures.opened >= alive) {
      say_ready();
      said = true;
    }
  }
  printf("{\"opened\":%ld,\"closed\":%ld,\"failed\":%ld,\"lost\":%ld,\"seconds\":%.1f}\n",
         figures.opened, figures.closed, figures.failed, figures.lost, now() - began);
  return 0;
}
