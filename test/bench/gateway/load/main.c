/*
 * The load generator of `npm run bench -- gateway`: one thread, epoll.
 *
 *   load ftp-server   -a ADDRESS [-p 21]
 *   load ftp-client   -a SERVER [-p 21] [-A] -c SESSIONS -s FILE_BYTES -t SECONDS -w WARM_UP
 *   load tcp-server   -a ADDRESS -p PORT        PORT answers requests, PORT + 1 swallows bulk
 *   load tcp-bulk     -a SERVER -p PORT+1 -t SECONDS -w WARM_UP
 *   load tcp-requests -a SERVER -p PORT -s BYTES -t SECONDS -w WARM_UP
 *   load tcp-connects -a SERVER -p PORT -c AT_ONCE -t SECONDS -w WARM_UP
 *   load udp-server   -a ADDRESS -p PORT -n PORTS
 *   load udp-client   -a SERVER -p PORT -n PORTS -f FLOWS -t SECONDS -w WARM_UP [-G] [-N]
 *
 * Servers print "ready" when they listen, and end at SIGTERM. Each part prints one line of JSON at
 * its end.
 */
#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
  const char *name;
  int (*run)(const struct options *options);
} parts[] = {
    {"ftp-server", ftp_server},     {"ftp-client", ftp_client},     {"tcp-server", tcp_server},
    {"tcp-bulk", tcp_bulk},         {"tcp-requests", tcp_requests}, {"tcp-connects", tcp_connects},
    {"udp-server", udp_server},     {"udp-client", udp_client},
};

static void on_signal(int signal) {
  (void)signal;
  stopping = 1;
}

static int usage(void) {
  fputs("load: usage: load PART -a ADDRESS [-p PORT] [-n PORTS] [-f FLOWS] [-c AT_ONCE]"
        " [-t SECONDS] [-w WARM_UP] [-s BYTES] [-A] [-G] [-N]\n",
        stderr);
  return 2;
}

static bool read_options(int argc, char **argv, struct options *options) {
  int option;
  while ((option = getopt(argc, argv, "a:p:n:f:c:t:w:s:AGN")) != -1) {
    switch (option) {
      case 'a':
        if (inet_pton(AF_INET, optarg, &options->address) != 1) return false;
        break;
      case 'p': options->port = atoi(optarg); break;
      case 'n': options->ports = atoi(optarg); break;
      case 'f': options->flows = atoi(optarg); break;
      case 'c': options->at_once = atoi(optarg); break;
      case 't': options->seconds = atof(optarg); break;
      case 'w': options->warm_up = atof(optarg); break;
      case 's': options->bytes = atoll(optarg); break;
      case 'A': options->active = true; break;
      case 'G': options->waits_signal = true; break;
      case 'N': options->stateless = true; break;
      default: return false;
    }
  }
  return optind == argc && options->address.s_addr != 0 && options->port > 0 &&
         options->port < 65535 && options->ports > 0 && options->port + options->ports < 65536 &&
         options->flows > 0 && options->at_once > 0 && options->at_once <= 1024 &&
         options->bytes > 0 && options->seconds > 0;
}

int main(int argc, char **argv) {
  struct options options = {.port = 21, .ports = 1, .flows = 1, .at_once = 1, .bytes = 4096};
  options.seconds = 2;
  options.warm_up = 0.3;
  if (argc < 2) return usage();
  const char *name = argv[1];
  if (!read_options(argc - 1, argv + 1, &options)) return usage();
  struct rlimit files = {65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (strcmp(parts[i].name, name) == 0) return parts[i].run(&options);
  }
  return usage();
}
