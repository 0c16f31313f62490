/* What the parts of this load generator share. Each part is told its words and prints JSON. */
#pragma once
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Set by SIGTERM and SIGINT. */
extern volatile sig_atomic_t stopping;

/* Seconds of the monotonic clock. */
double now(void);

/* Says what failed, with errno, and ends the process. */
void die(const char *what) __attribute__((noreturn));

/* An IPv4 or IPv6 address and a port. */
struct target {
  struct sockaddr_storage address;
  socklen_t length;
};
struct target target_of(const char *host, int port);

/* xorshift64: the same numbers for the same seed. */
uint64_t random_next(uint64_t *state);
uint32_t random_below(uint64_t *state, uint32_t limit);

/* A packet socket for all that crosses the interface, and the interface's index. */
int packet_socket(const char *name, int *index);

void say_ready(void);

/* sink PORT: TCP and UDP, every byte goes back. */
int sink(char **words);
/* churn HOST PORT ALIVE SECONDS: so many connections at any time, each for a few seconds. */
int churn(char **words);
/* feed PORT: on each connection the stream of `pattern`, without end. */
int feed(char **words);
/* drain HOST PORT SECONDS: reads such a stream and proves it; a line of figures every 100 ms. */
int drain(char **words);
/* relay A B LOSS DUPLICATION REORDERING LEAST MOST SEED [A B ...]: per mille, and ms. */
int relay(char **words);
/* syns INTERFACE MAC NETWORK HOST PORT COUNT SECONDS SEED: port 0 is a random one. */
int syns(char **words);
/* garbage INTERFACE MAC HOST HOST6 COUNT SECONDS SEED */
int garbage(char **words);
