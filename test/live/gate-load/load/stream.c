/* A TCP stream without end of which every byte is known, and the one who proves it. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not a divisor of anything that a stack cuts streams into. */
enum { PERIOD = 1000003, BLOCK = 1 << 17 };
static unsigned char pattern[PERIOD + BLOCK];

static void make_pattern(void) {
  uint64_t random = 88172645463325252;
  for (size_t i = 0; i < PERIOD; i++) pattern[i] = (unsigned char)(random_next(&random) >> 24);
  memcpy(pattern + PERIOD, pattern, BLOCK);
}

static void *feed_one(void *argument) {
  int fd = (int)(intptr_t)argument;
  size_t at = 0;
  while (!stopping) {
    ssize_t sent = send(fd, pattern + at, BLOCK, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) break;
    if (sent > 0) at = (at + (size_t)sent) % PERIOD;
  }
  close(fd);
  return NULL;
}

int feed(char **words) {
  make_pattern();
  int listener = socket(AF_INET6, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(words[0]))};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0)
    die("listen");
  say_ready();
  while (!stopping) {
    int fd = accept(listener, NULL, NULL);
    pthread_t thread;
    if (fd >= 0 && pthread_create(&thread, NULL, feed_one, (void *)(intptr_t)fd) == 0)
      pthread_detach(thread);
  }
  return 0;
}

int drain(char **words) {
  static unsigned char block[BLOCK];
  make_pattern();
  struct target from = target_of(words[0], atoi(words[1]));
  int fd = socket(from.address.ss_family, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&from.address, from.length) != 0) die("connect");
  struct timeval patience = {.tv_usec = 100000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  say_ready();
  double began = now(), until = began + atof(words[2]), said = 0;
  long long bytes = 0;
  for (double time = began; time < until && !stopping; time = now()) {
    ssize_t got = recv(fd, block, BLOCK, 0);
    if (got == 0) die("the stream ended");
    if (got < 0 && errno != EAGAIN && errno != EINTR) die("recv");
    if (got > 0 && memcmp(block, pattern + bytes % PERIOD, (size_t)got) != 0) {
      printf("{\"differs\":%lld}\n", bytes);
      return 1;
    }
    if (got > 0) bytes += got;
    if (time - said >= 0.1) {
      printf("{\"at\":%.3f,\"bytes\":%lld}\n", time - began, bytes);
      fflush(stdout);
      said = time;
    }
  }
  printf("{\"at\":%.3f,\"bytes\":%lld,\"end\":1}\n", now() - began, bytes);
  return 0;
}
