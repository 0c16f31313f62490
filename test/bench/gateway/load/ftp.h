/* What the FTP server and client share: the ends of a session, and lines of its commands. */
#pragma once
#include "common.h"

enum { LINE_BYTES = 512 };

/* What an epoll event belongs to. */
enum role { Greeter, Control, Listener, Data };
struct end {
  enum role role;
  int fd; /* -1: not open */
  struct session *session;
};

struct lines {
  char text[LINE_BYTES];
  size_t filled;
};

enum lines_result { LinesWait, LinesClosed, LinesStopped };

/*
 * Reads what has come and gives each whole line, without its end, to `take`. When `take` returns
 * false the session is gone (LinesStopped). A line that is too long closes the connection.
 */
enum lines_result lines_read(struct lines *lines, int fd,
                             bool (*take)(struct session *session, char *line),
                             struct session *session);

/* Sends a line that is formatted as by printf; false where it does not fit the socket. */
bool say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

void end_close(struct end *end);

/* Own address and port of a socket. */
struct sockaddr_in own_address(int fd);

/* "h1,h2,h3,h4,p1,p2" of PORT and 227, both ways. */
struct comma_address {
  char text[32];
};
struct comma_address comma_address_of(const struct sockaddr_in *address);
bool comma_address_read(const char *text, struct sockaddr_in *address);
