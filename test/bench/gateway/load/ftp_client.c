/* FTP clients, some at once: log in, one file, QUIT, again. The length of each file is checked. */
#define _GNU_SOURCE
#include "ftp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024, BATCH = 256, READS_PER_EVENT = 16 };
/* A session that takes longer has failed; files of many bytes get a second for each 16 MiB. */
static const double PATIENCE_SECONDS = 5;

enum step { Greeting, User, Password, Type, Announced, Opening, Transfer, Quitting };

struct session {
  struct end control, listener, data;
  struct lines lines;
  enum step step;
  bool running, data_open, data_ended, transfer_done;
  double begun;
  long long got;
};

static const struct options *options;
static struct sockaddr_in server;
static int epoll;
static char chunk[CHUNK_BYTES];
static double from, until;
static long done, errors, last_failed_step = -1;
static long long counted_bytes;
static struct samples millis;

static bool in_time(double time) { return time >= from && time < until; }

static bool finish(struct session *session, bool well) {
  end_close(&session->control);
  end_close(&session->listener);
  end_close(&session->data);
  session->running = false;
  double time = now();
  if (!well) {
    errors++;
    last_failed_step = session->step;
  } else if (in_time(time)) {
    done++;
    samples_add(&millis, (time - session->begun) * 1e3);
  }
  return false;
}

static void begin(struct session *session) {
  *session = (struct session){.begun = now(), .running = true};
  session->listener = (struct end){Listener, -1, session};
  session->data = (struct end){Data, -1, session};
  session->control = (struct end){Control, begin_connect(&server), session};
  if (session->control.fd < 0) finish(session, false);
  else watch(epoll, session->control.fd, EPOLLIN, &session->control);
}

static bool command(struct session *session, enum step next, const char *text) {
  session->step = next;
  return say(session->control.fd, "%s", text) || finish(session, false);
}

static bool retrieve(struct session *session) {
  session->step = Opening;
  return say(session->control.fd, "RETR %lld", options->bytes) || finish(session, false);
}

static bool announce(struct session *session) {
  if (!options->active) return command(session, Announced, "PASV");
  struct sockaddr_in own = own_address(session->control.fd);
  session->listener.fd = listen_on(own.sin_addr, 0, 1);
  if (session->listener.fd < 0) return finish(session, false);
  watch(epoll, session->listener.fd, EPOLLIN, &session->listener);
  own = own_address(session->listener.fd);
  session->step = Announced;
  return say(session->control.fd, "PORT %s", comma_address_of(&own).text) || finish(session, false);
}

static bool connect_passive(struct session *session, const char *line) {
  struct sockaddr_in to = {0};
  const char *open = strchr(line, '(');
  if (open == NULL || !comma_address_read(open + 1, &to)) return finish(session, false);
  session->data.fd = begin_connect(&to);
  if (session->data.fd < 0) return finish(session, false);
  watch(epoll, session->data.fd, EPOLLOUT, &session->data);
  return true;
}

/* The control connection says that all was sent, and the data connection that all came. */
static bool quit_when_done(struct session *session) {
  if (!session->transfer_done || !session->data_ended || session->step == Quitting) return true;
  if (session->got != options->bytes) return finish(session, false);
  return command(session, Quitting, "QUIT");
}

static bool take_line(struct session *session, char *line) {
  static const int expected[] = {220, 331, 230, 200, 0, 150, 226, 221};
  int code = atoi(line);
  int wanted = session->step == Announced ? (options->active ? 200 : 227) : expected[session->step];
  if (code != wanted) return finish(session, false);
  switch (session->step) {
    case Greeting: return command(session, User, "USER anonymous");
    case User: return command(session, Password, "PASS load@");
    case Password: return command(session, Type, "TYPE I");
    case Type: return announce(session);
    case Announced: return options->active ? retrieve(session) : connect_passive(session, line);
    case Opening: session->step = Transfer; return true;
    case Transfer: session->transfer_done = true; return quit_when_done(session);
    case Quitting: return finish(session, true);
  }
  return true;
}

static void read_data(struct session *session) {
  for (int i = 0; i < READS_PER_EVENT; i++) {
    ssize_t got = recv(session->data.fd, chunk, sizeof chunk, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) {
      finish(session, false);
      return;
    }
    if (got == 0) {
      end_close(&session->data);
      session->data_ended = true;
      quit_when_done(session);
      return;
    }
    session->got += got;
    if (in_time(now())) counted_bytes += got;
  }
}

static void on_data(struct session *session) {
  if (session->data_open) {
    read_data(session);
    return;
  }
  if (connect_result(session->data.fd) != 0) {
    finish(session, false);
    return;
  }
  session->data_open = true;
  watch_again(epoll, session->data.fd, EPOLLIN, &session->data);
  retrieve(session);
}

static void on_listener(struct session *session) {
  int fd = accept4(session->listener.fd, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  end_close(&session->listener);
  session->data.fd = fd;
  session->data_open = true;
  watch(epoll, fd, EPOLLIN, &session->data);
}

static void handle(struct end *end) {
  struct session *session = end->session;
  if (end->fd < 0) return;
  if (end->role == Listener) on_listener(session);
  else if (end->role == Data) on_data(session);
  else if (lines_read(&session->lines, end->fd, take_line, session) == LinesClosed)
    finish(session, false);
}

/* Ends what took too long, and begins anew where that is wanted. How many are running. */
static int look_after(struct session *sessions, double patience) {
  int running = 0;
  double time = now();
  for (int i = 0; i < options->at_once; i++) {
    struct session *session = &sessions[i];
    if (session->running && time - session->begun > patience) finish(session, false);
    if (!session->running && time < until && !stopping) begin(session);
    running += session->running;
  }
  return running;
}

int ftp_client(const struct options *given) {
  options = given;
  server = address_of(options, options->port);
  epoll = epoll_open();
  struct session *sessions = calloc((size_t)options->at_once, sizeof *sessions);
  if (sessions == NULL) die("calloc");
  double patience = PATIENCE_SECONDS + (double)options->bytes / (16 << 20);
  from = now() + options->warm_up;
  until = from + options->seconds;
  struct epoll_event events[BATCH];
  /* Sessions that run when the time is over still go to their end: none escapes the check. */
  while ((look_after(sessions, patience) > 0 || now() < until) && !stopping) {
    int count = epoll_wait(epoll, events, BATCH, 20);
    for (int i = 0; i < count; i++) handle(events[i].data.ptr);
  }
  samples_sort(&millis);
  printf("{\"sessionsPerSecond\":%.1f,\"p50Millis\":%.3f,\"p99Millis\":%.3f,\"gbitPerSecond\":%.4f,"
         "\"sessions\":%ld,\"errors\":%ld,\"lastFailedStep\":%ld}\n",
         (double)done / options->seconds, samples_percentile(&millis, 0.5),
         samples_percentile(&millis, 0.99), (double)counted_bytes * 8e-9 / options->seconds, done,
         errors, last_failed_step);
  return 0;
}
