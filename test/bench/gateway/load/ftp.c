#define _GNU_SOURCE
#include "ftp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum lines_result lines_read(struct lines *lines, int fd,
                             bool (*take)(struct session *session, char *line),
                             struct session *session) {
  size_t room = LINE_BYTES - lines->filled;
  ssize_t got = recv(fd, lines->text + lines->filled, room, 0);
  if (got < 0 && errno == EAGAIN) return LinesWait;
  if (got <= 0) return LinesClosed;
  lines->filled += (size_t)got;
  char *begin = lines->text, *stop = lines->text + lines->filled, *feed;
  while ((feed = memchr(begin, '\n', (size_t)(stop - begin))) != NULL) {
    *feed = '\0';
    if (feed > begin && feed[-1] == '\r') feed[-1] = '\0';
    if (!take(session, begin)) return LinesStopped;
    begin = feed + 1;
  }
  lines->filled = (size_t)(stop - begin);
  memmove(lines->text, begin, lines->filled);
  return lines->filled == LINE_BYTES ? LinesClosed : LinesWait;
}

bool say(int fd, const char *format, ...) {
  char text[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text - 2, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof text - 2) return false;
  memcpy(text + length, "\r\n", 2);
  return send(fd, text, (size_t)length + 2, MSG_NOSIGNAL) == length + 2;
}

void end_close(struct end *end) {
  if (end->fd >= 0) close(end->fd);
  end->fd = -1;
}

struct sockaddr_in own_address(int fd) {
  struct sockaddr_in address = {0};
  socklen_t length = sizeof address;
  getsockname(fd, (struct sockaddr *)&address, &length);
  return address;
}

struct comma_address comma_address_of(const struct sockaddr_in *address) {
  struct comma_address comma;
  uint32_t host = ntohl(address->sin_addr.s_addr);
  unsigned port = ntohs(address->sin_port);
  snprintf(comma.text, sizeof comma.text, "%u,%u,%u,%u,%u,%u", host >> 24, host >> 16 & 255,
           host >> 8 & 255, host & 255, port >> 8, port & 255);
  return comma;
}

bool comma_address_read(const char *text, struct sockaddr_in *address) {
  unsigned part[6];
  int read = sscanf(text, "%u,%u,%u,%u,%u,%u", &part[0], &part[1], &part[2], &part[3], &part[4],
                    &part[5]);
  if (read != 6) return false;
  for (int i = 0; i < 6; i++) {
    if (part[i] > 255) return false;
  }
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3]);
  address->sin_port = htons((uint16_t)(part[4] << 8 | part[5]));
  return true;
}
