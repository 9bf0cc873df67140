/* What load.c and relay.c share: growing buffers, lines, and just enough of JSON to find a field in a line of ours. */
#ifndef WIRE_H
#define WIRE_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST_LINE = 1 << 18, FILL = 1 << 16, EVENTS = 512 };

typedef struct {
    char *bytes;
    size_t begin, end, room;
} Buffer;

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

static inline int64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Make room for `more` bytes behind what the buffer holds. */
static inline char *reserve(Buffer *buffer, size_t more) {
    if (buffer->begin == buffer->end) buffer->begin = buffer->end = 0;
    if (buffer->end + more > buffer->room && buffer->begin > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->begin, buffer->end - buffer->begin);
        buffer->end -= buffer->begin;
        buffer->begin = 0;
    }
    if (buffer->end + more > buffer->room) {
        buffer->room = (buffer->end + more) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->room);
        if (!buffer->bytes) die("memory");
    }
    return buffer->bytes + buffer->end;
}

/* Give back the memory of an empty buffer, so that idle connections weigh nothing. */
static inline void release(Buffer *buffer) {
    if (buffer->begin == buffer->end && buffer->room > 4096) {
        free(buffer->bytes);
        *buffer = (Buffer){0};
    }
}

/* Read what is there: into `own` when it holds the beginning of a line, else into a buffer that all connections share,
 * so that reading takes no memory and copies nothing. Gives the buffer to take lines from, NULL when the peer is gone. */
static inline Buffer *fill(int fd, Buffer *own) {
    static char room[FILL];
    static Buffer shared;
    Buffer *into = own;
    if (own->begin == own->end) shared = (Buffer){room, 0, 0, FILL}, into = &shared;
    char *at = into == own ? reserve(own, FILL) : room;
    ssize_t got = recv(fd, at, FILL, 0);
    if (got > 0) into->end += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)) ? into : NULL;
}

/* Keep the beginning of a line that `fill` has left in the shared buffer. */
static inline void keep(Buffer *own, Buffer *filled) {
    size_t left = filled->end - filled->begin;
    if (filled != own && left) {
        memcpy(reserve(own, left), filled->bytes + filled->begin, left);
        own->end += left;
    }
}

/* Write what waits: 1 when something is left, 0 when not, -1 when the peer is gone. */
static inline int drain(int fd, Buffer *buffer) {
    while (buffer->begin < buffer->end) {
        ssize_t sent = send(fd, buffer->bytes + buffer->begin, buffer->end - buffer->begin, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN ? 1 : errno == EINTR ? 0 : -1;
        buffer->begin += (size_t)sent;
    }
    return 0;
}

/* The next whole line, ended by a NUL in place of its newline; NULL when there is none. */
static inline char *next_line(Buffer *buffer) {
    char *start = buffer->bytes + buffer->begin;
    char *end = buffer->end > buffer->begin ? memchr(start, '\n', buffer->end - buffer->begin) : NULL;
    if (!end) return NULL;
    *end = 0;
    buffer->begin = (size_t)(end + 1 - buffer->bytes);
    return start;
}

static inline int is(const char *line, const char *start) { return strncmp(line, start, strlen(start)) == 0; }

static inline void quicken(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline void raise_files(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
