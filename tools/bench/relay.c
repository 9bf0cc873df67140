/* A relay that does nothing: the ceiling that every figure is held against.
 *
 * It speaks just enough of the protocol for load.c: the token "r<room>" enters that room, and a message goes to all
 * others in its room, with an ack to its sender. Nothing is checked, ordered across rooms, or stored. One write per
 * connection and turn of the loop, like the server.
 *
 *     relay PORT
 */
#include "wire.h"

enum { ROOMS = 65536 };

typedef struct Connection {
    int fd, waiting, blocked;
    long room;
    struct Connection *next_in_room, *next_dirty;
    int dirty;
    Buffer in, out;
} Connection;

static Connection *rooms[ROOMS];
static Connection *dirty;
static long seqs[ROOMS];
static int epoll;

static void say(Connection *to, const char *text, size_t length) {
    memcpy(reserve(&to->out, length), text, length);
    to->out.end += length;
    if (!to->dirty) {
        to->dirty = 1;
        to->next_dirty = dirty;
        dirty = to;
    }
}

static void enter(Connection *connection, const char *line) {
    const char *token = strstr(line, "\"token\":\"r");
    connection->room = token ? atol(token + 10) % ROOMS : 0;
    connection->next_in_room = rooms[connection->room];
    rooms[connection->room] = connection;
    static const char ready[] = "{\"type\":\"session.ready\",\"re\":0}\n";
    say(connection, ready, sizeof ready - 1);
}

static void pass_on(Connection *from, const char *line) {
    static char entry[LARGEST_LINE], ack[512];
    const char *cid = strstr(line, "\"cid\":\"") + 7, *text = strstr(line, "\"text\":\"");
    const char *id = strstr(line, "\"id\":") + 5;
    long seq = ++seqs[from->room];
    int length = snprintf(entry, sizeof entry,
                          "{\"type\":\"entry\",\"conv\":%ld,\"seq\":%ld,\"kind\":\"message\",\"by\":1,\"at\":1700000000000,"
                          "\"cid\":\"%.36s\",\"rev\":%ld,%s\n",
                          from->room, seq, cid, seq, text);
    for (Connection *to = rooms[from->room]; to; to = to->next_in_room)
        if (to != from) say(to, entry, (size_t)length);
    length = snprintf(ack, sizeof ack,
                      "{\"type\":\"ack\",\"re\":%ld,\"conv\":%ld,\"cid\":\"%.36s\",\"seq\":%ld,\"at\":1700000000000,"
                      "\"duplicate\":false}\n",
                      atol(id), from->room, cid, seq);
    say(from, ack, (size_t)length);
}

static void leave(Connection *gone) {
    for (Connection **at = &rooms[gone->room]; *at; at = &(*at)->next_in_room)
        if (*at == gone) {
            *at = gone->next_in_room;
            break;
        }
    close(gone->fd);
    gone->fd = -1;
}

static void flush(void) {
    for (Connection *to = dirty; to; to = to->next_dirty) {
        to->dirty = 0;
        if (to->fd < 0) continue;
        int left = drain(to->fd, &to->out);
        if (left != to->blocked && left >= 0) {
            struct epoll_event event = {.events = EPOLLIN | (left ? EPOLLOUT : 0), .data.ptr = to};
            epoll_ctl(epoll, EPOLL_CTL_MOD, to->fd, &event);
            to->blocked = left;
        }
        if (!left) release(&to->out);
    }
    dirty = NULL;
}

static void take_in(int listening) {
    for (int fd; (fd = accept(listening, NULL, NULL)) >= 0;) {
        quicken(fd);
        Connection *connection = calloc(1, sizeof *connection);
        connection->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        static const char welcome[] = "{\"type\":\"welcome\",\"protocol\":1}\n";
        say(connection, welcome, sizeof welcome - 1);
    }
}

int main(int count, char **arguments) {
    if (count != 2) return fprintf(stderr, "relay PORT\n"), 2;
    raise_files();
    int listening = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listening, (void *)&address, sizeof address) || listen(listening, 4096)) die("listen");
    fcntl(listening, F_SETFL, O_NONBLOCK);
    epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            Connection *connection = events[i].data.ptr;
            if (!connection) {
                take_in(listening);
                continue;
            }
            Buffer *filled = fill(connection->fd, &connection->in);
            for (char *line; filled && (line = next_line(filled));) {
                if (strstr(line, "\"message.send\"")) pass_on(connection, line);
                else if (strstr(line, "\"session.resume\"")) enter(connection, line);
            }
            if (filled) keep(&connection->in, filled);
            release(&connection->in);
            if (!filled) leave(connection);
            else if (events[i].events & EPOLLOUT && !connection->dirty) say(connection, "", 0);
        }
        flush();
    }
}
