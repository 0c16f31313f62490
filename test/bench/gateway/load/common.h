/* What the parts of the load generator share: options, time, sockets, samples. */
#pragma once
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
  struct in_addr address; /* -a: where the server listens, or is reached */
  int port;               /* -p: its (first) port */
  int ports;              /* -n: ports from there on (UDP) */
  int flows;              /* -f: connections (UDP) */
  int at_once;            /* -c: sessions or connections at once */
  double seconds;         /* -t: measured time */
  double warm_up;         /* -w: seconds before it that are not measured */
  long long bytes;        /* -s: size of a file or message */
  bool active;            /* -A: FTP with PORT in place of PASV */
  bool waits_signal;      /* -G: measure when SIGUSR1 comes (UDP) */
  bool stateless;         /* -N: nothing tracks the flows: they need not be established (UDP) */
};

/* Set by SIGTERM and SIGINT. */
extern volatile sig_atomic_t stopping;

/* Seconds of the monotonic clock, which all processes of this machine share. */
double now(void);

/* Says what failed, with errno, and ends the process. */
void die(const char *what) __attribute__((noreturn));

struct sockaddr_in address_of(const struct options *options, int port);

/* A TCP socket that listens and does not block, or -1. Port 0: any. */
int listen_on(struct in_addr address, int port, int backlog);

/* A TCP socket that is being connected and does not block, or -1. */
int begin_connect(const struct sockaddr_in *to);

/* What became of it: 0 or an errno. */
int connect_result(int fd);

void no_delay(int fd);
int epoll_open(void);
/* `events` of EPOLL...; `what` comes back with each event. */
void watch(int epoll, int fd, uint32_t events, void *what);
void watch_again(int epoll, int fd, uint32_t events, void *what);

/* A list of figures that grows as needed. */
struct samples {
  float *values;
  size_t count, room;
};
void samples_add(struct samples *samples, double value);
void samples_sort(struct samples *samples);
/* `share` from 0 to 1; -1 where there are none. They have to be sorted. */
double samples_percentile(const struct samples *samples, double share);

/* Says on standard output that clients, or SIGUSR1, may come. */
void say_ready(void);

/* Says that it is ready, and returns when SIGUSR1 comes or the process shall stop. */
void wait_for_signal(void);

/* Each part returns an exit code and prints one line of JSON; servers at SIGTERM. */
int ftp_server(const struct options *options);
int ftp_client(const struct options *options);
int tcp_server(const struct options *options);
int tcp_bulk(const struct options *options);
int tcp_requests(const struct options *options);
int tcp_connects(const struct options *options);
int udp_server(const struct options *options);
int udp_client(const struct options *options);
