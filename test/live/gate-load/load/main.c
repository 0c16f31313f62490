/* load PART WORD...: see load.h for the parts. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

volatile sig_atomic_t stopping;

static void stop(int signal) {
  (void)signal;
  stopping = 1;
}

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void die(const char *what) {
  perror(what);
  exit(1);
}

struct target target_of(const char *host, int port) {
  struct target target = {.length = sizeof(struct sockaddr_in)};
  struct sockaddr_in *narrow = (void *)&target.address;
  struct sockaddr_in6 *wide = (void *)&target.address;
  if (inet_pton(AF_INET, host, &narrow->sin_addr) == 1) {
    narrow->sin_family = AF_INET;
    narrow->sin_port = htons((uint16_t)port);
  } else if (inet_pton(AF_INET6, host, &wide->sin6_addr) == 1) {
    target.length = sizeof *wide;
    wide->sin6_family = AF_INET6;
    wide->sin6_port = htons((uint16_t)port);
  } else {
    die(host);
  }
  return target;
}

uint64_t random_next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

uint32_t random_below(uint64_t *state, uint32_t limit) {
  return (uint32_t)((random_next(state) >> 32) * limit >> 32);
}

int packet_socket(const char *name, int *index) {
  *index = (int)if_nametoindex(name);
  if (*index == 0) die(name);
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  struct sockaddr_ll at = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = *index};
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) die("packet socket");
  return fd;
}

void say_ready(void) {
  puts("ready");
  fflush(stdout);
}

static const struct {
  const char *name;
  int words;
  int (*run)(char **words);
} parts[] = {
    {"sink", 1, sink},   {"churn", 4, churn}, {"feed", 1, feed},       {"drain", 3, drain},
    {"relay", 8, relay}, {"syns", 8, syns},   {"garbage", 7, garbage},
};

int main(int count, char **words) {
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (count >= 2 + parts[i].words && strcmp(words[1], parts[i].name) == 0)
      return parts[i].run(words + 2);
  fputs("load: unknown part, or too few words\n", stderr);
  return 2;
}
