/* Floods of frames, made by the hundred and sent as fast as the interface takes them. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 256, FRAME = 1514, ETHERNET = 14 };

struct batch {
  unsigned char frames[BATCH][FRAME];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
};

static struct batch batch;
static uint64_t random_state;

static uint32_t below(uint32_t limit) { return random_below(&random_state, limit); }

static void random_bytes(unsigned char *at, size_t count) {
  for (size_t i = 0; i < count; i++) at[i] = (unsigned char)(random_next(&random_state) >> 24);
}

static void put16(unsigned char *at, uint32_t value) {
  at[0] = (unsigned char)(value >> 8);
  at[1] = (unsigned char)value;
}

static uint32_t sum16(const unsigned char *at, size_t count) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < count; i += 2) sum += (uint32_t)at[i] << 8 | at[i + 1];
  return count % 2 == 0 ? sum : sum + ((uint32_t)at[count - 1] << 8);
}

static uint32_t folded(uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

static void ethernet(unsigned char *frame, const char *mac, uint32_t type) {
  unsigned int to[6];
  if (sscanf(mac, "%x:%x:%x:%x:%x:%x", to, to + 1, to + 2, to + 3, to + 4, to + 5) != 6) die(mac);
  for (int i = 0; i < 6; i++) frame[i] = (unsigned char)to[i];
  memcpy(frame + 6, "\x02\x00\x00\x00\x00\x09", 6);
  put16(frame + 12, type);
}

/* Sends what `make` makes, of which it says the length, until there were enough or time is over. */
static int flood(const char *interface, long count, double seconds, size_t (*make)(unsigned char *)) {
  int index, bypass = 1;
  int fd = packet_socket(interface, &index);
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof bypass);
  for (int i = 0; i < BATCH; i++) {
    batch.parts[i].iov_base = batch.frames[i];
    batch.messages[i].msg_hdr = (struct msghdr){.msg_iov = &batch.parts[i], .msg_iovlen = 1};
  }
  say_ready();
  double began = now();
  long sent = 0, refused = 0;
  while (sent < count && !stopping && now() - began < seconds) {
    int wanted = count - sent < BATCH ? (int)(count - sent) : BATCH;
    for (int i = 0; i < wanted; i++) batch.parts[i].iov_len = make(batch.frames[i]);
    for (int from = 0; from < wanted;) {
      int done = sendmmsg(fd, batch.messages + from, (unsigned)(wanted - from), 0);
      if (done < 0) refused++;
      from += done > 0 ? done : 1;
      if (done > 0) sent += done;
    }
  }
  printf("{\"sent\":%ld,\"refused\":%ld,\"seconds\":%.2f}\n", sent, refused, now() - began);
  return 0;
}

static struct in_addr network, host;
static struct in6_addr host6;
static int to_port;
static const char *to_mac;

/* Any source of the network's /16. */
static void ipv4(unsigned char *at, size_t length, int protocol) {
  memset(at, 0, 20);
  at[0] = 0x45;
  put16(at + 2, (uint32_t)length);
  random_bytes(at + 4, 2);
  at[8] = 64;
  at[9] = (unsigned char)protocol;
  memcpy(at + 12, &network, 4);
  random_bytes(at + 14, 2);
  memcpy(at + 16, &host, 4);
  put16(at + 10, folded(sum16(at, 20)));
}

static size_t make_syn(unsigned char *frame) {
  unsigned char *ip = frame + ETHERNET, *tcp = ip + 20;
  ethernet(frame, to_mac, 0x0800);
  ipv4(ip, 40, IPPROTO_TCP);
  memset(tcp, 0, 20);
  put16(tcp, 1024 + below(64512));
  put16(tcp + 2, to_port != 0 ? (uint32_t)to_port : 1 + below(65535));
  random_bytes(tcp + 4, 4);
  tcp[12] = 0x50;
  tcp[13] = 0x02;
  put16(tcp + 14, 64240);
  put16(tcp + 16, folded(sum16(tcp, 20) + sum16(ip + 12, 8) + IPPROTO_TCP + 20));
  return ETHERNET + 40;
}

int syns(char **words) {
  to_mac = words[1];
  if (inet_pton(AF_INET, words[2], &network) != 1 || inet_pton(AF_INET, words[3], &host) != 1)
    die("address");
  to_port = atoi(words[4]);
  random_state = strtoull(words[7], NULL, 10) * 2654435761u + 1;
  return flood(words[0], atol(words[5]), atof(words[6]), make_syn);
}

/* Header kinds that IPv6 chains are made of, and some that it knows nothing of. */
static const unsigned char chain[] = {0, 43, 44, 51, 60, 135, 139, 140, 50, 59, 6, 17, 58, 253};

static size_t garbage6(unsigned char *ip, size_t length) {
  ip[0] = (unsigned char)(0x60 | (ip[0] & 0x0f));
  ip[6] = chain[below(sizeof chain)];
  if (below(8) != 0) put16(ip + 4, (uint32_t)(length > 40 ? length - 40 : 0));
  memcpy(ip + 8, "\xfd\x77\x00\x01", 4);
  memcpy(ip + 24, &host6, 16);
  /* Extension headers: next header, then a length that may be much too great. */
  for (size_t at = 40; at + 8 < length && below(6) != 0; at += 8 + 8 * (size_t)(ip[at + 1] & 1)) {
    ip[at] = chain[below(sizeof chain)];
    if (below(4) != 0) ip[at + 1] &= 1;
  }
  return length;
}

static size_t garbage4(unsigned char *ip, size_t length) {
  static const unsigned char protocols[] = {1, 2, 6, 17, 33, 41, 47, 50, 51, 132, 136};
  uint32_t total = below(8) == 0 ? below(65536) : (uint32_t)length;
  ipv4(ip, total, below(4) == 0 ? (int)below(256) : protocols[below(sizeof protocols)]);
  if (below(4) == 0) put16(ip + 6, below(65536)); /* fragments of all kinds */
  if (below(8) == 0) ip[0] = (unsigned char)(0x40 | below(16));
  if (below(16) == 0) ip[0] = (unsigned char)below(256);
  if (below(8) == 0) ip[8] = (unsigned char)below(3);
  if (below(16) != 0) put16(ip + 10, 0), put16(ip + 10, folded(sum16(ip, 20)));
  return length;
}

static size_t make_garbage(unsigned char *frame) {
  size_t length = below(3) == 0 ? below(FRAME - ETHERNET) : 20 + below(100);
  uint32_t kind = below(16);
  random_bytes(frame + ETHERNET, length < 200 ? 200 : length);
  ethernet(frame, to_mac, kind < 8 ? 0x0800 : kind < 14 ? 0x86dd : kind == 14 ? 0x8100 : below(65536));
  if (kind < 7) length = garbage4(frame + ETHERNET, length < 20 ? 20 : length);
  else if (kind > 7 && kind < 13) length = garbage6(frame + ETHERNET, length < 40 ? 40 : length);
  /* Cut off somewhere, though the header may say otherwise. */
  if (below(8) == 0) length = below((uint32_t)length + 1);
  return ETHERNET + length;
}

int garbage(char **words) {
  to_mac = words[1];
  inet_pton(AF_INET, "192.168.0.0", &network);
  if (inet_pton(AF_INET, words[2], &host) != 1 || inet_pton(AF_INET6, words[3], &host6) != 1)
    die("address");
  random_state = strtoull(words[6], NULL, 10) * 2654435761u + 1;
  return flood(words[0], atol(words[4]), atof(words[5]), make_garbage);
}
