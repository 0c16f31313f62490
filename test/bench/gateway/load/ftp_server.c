/* An FTP server of the few commands that a download takes. RETR N sends N bytes. */
#define _GNU_SOURCE
#include "ftp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20, BATCH = 256, BACKLOG = 4096, DATA_PORT = 20 };

struct session {
  struct end control, listener, data;
  struct lines lines;
  struct sockaddr_in active;
  bool is_active;   /* PORT was the last word, not PASV */
  bool data_open;   /* the data connection stands */
  bool waits_ready; /* the event "may be written" is asked for */
  bool retrieving;
  long long to_send;
  bool dead;
  struct session *next_dead;
};

static int epoll;
static char chunk[CHUNK_BYTES];
static struct session *dead_sessions;
static long sessions_done, errors, other_data_ports;

/* Freed only after the batch of events, which may name it again. */
static bool bury(struct session *session) {
  end_close(&session->control);
  end_close(&session->listener);
  end_close(&session->data);
  session->dead = true;
  session->next_dead = dead_sessions;
  dead_sessions = session;
  return false;
}

static void free_dead(void) {
  while (dead_sessions != NULL) {
    struct session *session = dead_sessions;
    dead_sessions = session->next_dead;
    free(session);
  }
}

static bool reply(struct session *session, const char *text) {
  return say(session->control.fd, "%s", text) || bury(session);
}

static bool data_failed(struct session *session) {
  errors++;
  end_close(&session->data);
  session->retrieving = false;
  return reply(session, "426 Data connection failed");
}

/* Sends as much as goes. False where the session is gone. */
static bool pump(struct session *session) {
  while (session->to_send > 0) {
    size_t part = session->to_send < CHUNK_BYTES ? (size_t)session->to_send : CHUNK_BYTES;
    ssize_t sent = send(session->data.fd, chunk, part, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      if (!session->waits_ready) watch_again(epoll, session->data.fd, EPOLLOUT, &session->data);
      session->waits_ready = true;
      return true;
    }
    if (sent < 0) return data_failed(session);
    session->to_send -= sent;
  }
  end_close(&session->data);
  session->retrieving = false;
  return reply(session, "226 Transfer complete");
}

static bool take_data(struct session *session, int fd, bool open, uint32_t events) {
  session->data.fd = fd;
  session->data_open = open;
  session->waits_ready = (events & EPOLLOUT) != 0;
  watch(epoll, fd, events, &session->data);
  return open && session->retrieving ? pump(session) : true;
}

/* From port 20, as RFC 959 has it; where that is taken towards this client, from any. */
static bool connect_active(struct session *session) {
  static const int ports[] = {DATA_PORT, 0};
  for (int i = 0; i < 2; i++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) break;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in from = own_address(session->control.fd);
    from.sin_port = htons((uint16_t)ports[i]);
    bool ok = bind(fd, (struct sockaddr *)&from, sizeof from) == 0;
    if (ok && (connect(fd, (struct sockaddr *)&session->active, sizeof session->active) == 0 ||
               errno == EINPROGRESS))
      return take_data(session, fd, false, EPOLLOUT);
    close(fd);
    if (i == 0) other_data_ports++;
  }
  return data_failed(session);
}

static bool command_pasv(struct session *session) {
  end_close(&session->listener);
  end_close(&session->data);
  session->is_active = false;
  struct sockaddr_in own = own_address(session->control.fd);
  session->listener.fd = listen_on(own.sin_addr, 0, 1);
  if (session->listener.fd < 0) return data_failed(session);
  watch(epoll, session->listener.fd, EPOLLIN, &session->listener);
  own = own_address(session->listener.fd);
  return say(session->control.fd, "227 Entering Passive Mode (%s).", comma_address_of(&own).text) ||
         bury(session);
}

static bool command_port(struct session *session, const char *argument) {
  session->is_active = comma_address_read(argument, &session->active);
  return reply(session, session->is_active ? "200 PORT command successful" : "501 Not an address");
}

static bool command_retr(struct session *session, const char *argument) {
  session->to_send = atoll(argument);
  session->retrieving = true;
  if (!reply(session, "150 Opening BINARY mode data connection")) return false;
  if (session->is_active) return connect_active(session);
  return session->data.fd >= 0 && session->data_open ? pump(session) : true;
}

static bool take_line(struct session *session, char *line) {
  if (strncmp(line, "USER", 4) == 0) return reply(session, "331 Please specify the password.");
  if (strncmp(line, "PASS", 4) == 0) return reply(session, "230 Login successful.");
  if (strncmp(line, "TYPE", 4) == 0) return reply(session, "200 Switching to Binary mode.");
  if (strncmp(line, "PASV", 4) == 0) return command_pasv(session);
  if (strncmp(line, "PORT ", 5) == 0) return command_port(session, line + 5);
  if (strncmp(line, "RETR ", 5) == 0) return command_retr(session, line + 5);
  if (strncmp(line, "QUIT", 4) != 0) return reply(session, "502 Not known here");
  sessions_done++;
  return reply(session, "221 Goodbye.") && bury(session);
}

static void on_listener(struct session *session) {
  int fd = accept4(session->listener.fd, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  end_close(&session->listener);
  take_data(session, fd, true, 0);
}

static void on_data(struct session *session, uint32_t events) {
  if (!session->data_open && connect_result(session->data.fd) == 0) session->data_open = true;
  if (!session->data_open || (events & (EPOLLERR | EPOLLHUP)) != 0) data_failed(session);
  else if (session->retrieving) pump(session);
}

static void greet_all(struct end *greeter) {
  for (int i = 0; i < 64; i++) {
    int fd = accept4(greeter->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    no_delay(fd);
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) die("calloc");
    session->control = (struct end){Control, fd, session};
    session->listener = (struct end){Listener, -1, session};
    session->data = (struct end){Data, -1, session};
    watch(epoll, fd, EPOLLIN, &session->control);
    reply(session, "220 Ready.");
  }
}

static void handle(struct end *end, uint32_t events) {
  struct session *session = end->session;
  if (end->role == Greeter) greet_all(end);
  else if (session->dead || end->fd < 0) return;
  else if (end->role == Listener) on_listener(session);
  else if (end->role == Data) on_data(session, events);
  else if (lines_read(&session->lines, end->fd, take_line, session) == LinesClosed) bury(session);
}

int ftp_server(const struct options *options) {
  epoll = epoll_open();
  memset(chunk, 'x', sizeof chunk);
  struct end greeter = {Greeter, listen_on(options->address, options->port, BACKLOG), NULL};
  if (greeter.fd < 0) die("listen");
  watch(epoll, greeter.fd, EPOLLIN, &greeter);
  say_ready();
  struct epoll_event events[BATCH];
  while (!stopping) {
    int count = epoll_wait(epoll, events, BATCH, 200);
    for (int i = 0; i < count; i++) handle(events[i].data.ptr, events[i].events);
    free_dead();
  }
  printf("{\"sessions\":%ld,\"errors\":%ld,\"otherDataPorts\":%ld}\n", sessions_done, errors,
         other_data_ports);
  return 0;
}
