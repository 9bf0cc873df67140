/* The load: one thread that plays many users, and is never the bottleneck (relay.c shows its ceiling in the same run).
 *
 *     load talk   HOST PORT USERS WARM_SECONDS SECONDS WINDOW SIZE
 *     load signin HOST PORT USERS WARM_SECONDS SECONDS AT_ONCE 0
 *     load hold   HOST PORT USERS 0 SECONDS 0 0
 *
 * USERS is a file with a line for each connection: "TOKEN ROOM SENDS PORT": the conversation that it talks in, whether it
 * sends there (1) or only reads (0), and the port of its node (0: the PORT given).
 *
 * talk    each sender keeps WINDOW messages of SIZE bytes in flight: the next is sent when one has arrived at all others
 *         of its room, or is acknowledged where nobody else is connected. Latency is from sending to the last arrival.
 * signin  AT_ONCE connections at a time connect, resume by token, read session.ready and close; then the next.
 * hold    all connections sign in and stay; prints "held" at once, so that somebody can weigh the server.
 *
 * Prints one JSON object. Exit code 1 when a connection was lost or an error came.
 */
#include "wire.h"

enum { SLOTS = 256, BUCKETS = 4096 };

typedef struct {
    int64_t sent;
    int missing;
    uint32_t turn;
} Slot;

typedef struct {
    long conv;
    int members;
} Room;

typedef struct {
    int fd, sends, room, blocked, dirty, started, port;
    char token[96];
    Buffer in, out;
    Slot slots[SLOTS];
    int64_t began;
} User;

static User *users;
static Room *rooms;
static int user_count, room_count, ready_count, epoll, window, size, *dirty, dirty_count;
static struct sockaddr_in server;
static int64_t measure_from, measure_to;
static uint64_t messages, deliveries, sign_ins, errors, histogram[BUCKETS];
static char padding[LARGEST_LINE];
static enum { TALK, SIGNIN, HOLD } mode;
static int next_user;

/* Buckets that grow with the value: 1/64 of relative error, up to hours. */
static int bucket(int64_t us) {
    if (us < 64) return us < 0 ? 0 : (int)us;
    int shift = 63 - __builtin_clzll((uint64_t)us) - 6;
    int at = ((shift + 1) << 6) + (int)((us >> shift) & 63);
    return at < BUCKETS ? at : BUCKETS - 1;
}

static int64_t bucket_value(int at) {
    if (at < 64) return at;
    int shift = (at >> 6) - 1;
    return ((int64_t)(at & 63) + 64) << shift;
}

static int64_t quantile(double share) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++) total += histogram[i];
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += histogram[i]) >= (uint64_t)((double)total * share) && seen) return bucket_value(i);
    return 0;
}

static int measuring(int64_t now) { return now >= measure_from && now < measure_to; }

static void mark(int index) {
    if (!users[index].dirty) {
        users[index].dirty = 1;
        dirty[dirty_count++] = index;
    }
}

static void say(int index, const char *text, int length) {
    User *user = &users[index];
    memcpy(reserve(&user->out, (size_t)length), text, (size_t)length);
    user->out.end += (size_t)length;
    mark(index);
}

/* The text says who sent it, in which slot, for the how manieth time: an arrival needs no table to be understood. */
static void send_message(int index, int slot, int64_t now) {
    static char line[LARGEST_LINE];
    static uint64_t number;
    User *user = &users[index];
    Slot *at = &user->slots[slot];
    at->sent = now;
    at->turn++;
    at->missing = rooms[user->room].members - 1;
    char head[64];
    int length = snprintf(head, sizeof head, "%d.%d.%u.", index, slot, at->turn);
    int rest = size > length ? size - length : 0;
    number++;
    length = snprintf(line, sizeof line,
                      "{\"type\":\"message.send\",\"id\":%d,\"conv\":%ld,\"cid\":\"%08x-%04x-4%03x-8%03x-%012llx\","
                      "\"text\":\"%s%.*s\"}\n",
                      slot, rooms[user->room].conv, (unsigned)getpid(), (unsigned)(now & 0xffff),
                      (unsigned)(now >> 16 & 0xfff), (unsigned)(now >> 28 & 0xfff), (unsigned long long)number, head, rest,
                      padding);
    say(index, line, length);
}

static void finished(int index, int slot, int64_t now) {
    if (measuring(now)) {
        messages++;
        histogram[bucket(now - users[index].slots[slot].sent)]++;
    }
    if (now < measure_to) send_message(index, slot, now);
}

static void arrived(const char *line, int64_t now) {
    const char *text = strstr(line, "\"text\":\"");
    int index, slot;
    unsigned turn;
    if (!text || sscanf(text + 8, "%d.%d.%u.", &index, &slot, &turn) != 3) return;
    if (index < 0 || index >= user_count || slot < 0 || slot >= SLOTS) return;
    Slot *at = &users[index].slots[slot];
    if (at->turn != turn) return;
    if (measuring(now)) deliveries++;
    if (--at->missing == 0) finished(index, slot, now);
}

static void acknowledged(int index, const char *line, int64_t now) {
    const char *re = strstr(line, "\"re\":");
    int slot = re ? atoi(re + 5) : -1;
    if (rooms[users[index].room].members == 1 && slot >= 0 && slot < SLOTS) finished(index, slot, now);
}

static void dial(int index) {
    User *user = &users[index];
    user->in.begin = user->in.end = user->out.begin = user->out.end = 0;
    user->blocked = 0;
    user->began = now_us();
    user->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (user->fd < 0) die("socket");
    struct sockaddr_in to = server;
    if (user->port) to.sin_port = htons((uint16_t)user->port);
    quicken(user->fd);
    if (connect(user->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    epoll_ctl(epoll, EPOLL_CTL_ADD, user->fd, &event);
}

static void hang_up(int index, int failed) {
    User *user = &users[index];
    if (user->fd < 0) return;
    close(user->fd);
    user->fd = -1;
    if (failed) errors++;
}

static void signed_in(int index, int64_t now) {
    ready_count++;
    if (mode != SIGNIN) return;
    if (measuring(now)) {
        sign_ins++;
        histogram[bucket(now - users[index].began)]++;
    }
    hang_up(index, 0);
    if (now < measure_to) {
        /* The one that was idle longest comes next. */
        while (users[next_user].fd >= 0) next_user = (next_user + 1) % user_count;
        int next = next_user;
        next_user = (next_user + 1) % user_count;
        dial(next);
    }
}

static void hear(int index, char *line, int64_t now) {
    if (is(line, "{\"type\":\"entry\"")) arrived(line, now);
    else if (is(line, "{\"type\":\"ack\"")) acknowledged(index, line, now);
    else if (is(line, "{\"type\":\"ping\"")) say(index, "{\"type\":\"ping\",\"id\":1}\n", 23);
    else if (is(line, "{\"type\":\"welcome\"")) {
        char request[256];
        say(index, request,
            snprintf(request, sizeof request, "{\"type\":\"session.resume\",\"id\":0,\"token\":\"%s\"}\n", users[index].token));
    } else if (is(line, "{\"type\":\"session.ready\"")) signed_in(index, now);
    else if (is(line, "{\"type\":\"error\"") || is(line, "{\"type\":\"closing\"")) {
        if (errors++ < 3) fprintf(stderr, "load: %.300s\n", line);
    }
}

static void flush(void) {
    for (int i = 0; i < dirty_count; i++) {
        User *user = &users[dirty[i]];
        user->dirty = 0;
        if (user->fd < 0) continue;
        int left = drain(user->fd, &user->out);
        if (left >= 0 && left != user->blocked) {
            struct epoll_event event = {.events = EPOLLIN | (left ? EPOLLOUT : 0), .data.u32 = (uint32_t)dirty[i]};
            epoll_ctl(epoll, EPOLL_CTL_MOD, user->fd, &event);
            user->blocked = left;
        }
        if (!left) release(&user->out);
    }
    dirty_count = 0;
}

static void turn(int timeout) {
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, timeout);
    for (int i = 0; i < count; i++) {
        int index = (int)events[i].data.u32;
        User *user = &users[index];
        if (user->fd < 0) continue;
        if (events[i].events & EPOLLOUT) mark(index);
        int state = fill(user->fd, &user->in);
        int64_t now = now_us();
        for (char *line; user->fd >= 0 && (line = next_line(&user->in));) hear(index, line, now);
        release(&user->in);
        if (state < 0) hang_up(index, 1);
    }
    flush();
}

static void read_users(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    char token[96];
    long conv;
    int sends, port, capacity = 0;
    while (fscanf(file, "%95s %ld %d %d", token, &conv, &sends, &port) == 4) {
        if (user_count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            users = realloc(users, (size_t)capacity * sizeof *users);
            rooms = realloc(rooms, (size_t)capacity * sizeof *rooms);
            if (!users || !rooms) die("memory");
        }
        int room = room_count - 1;
        /* The members of a room stand together in the file. */
        if (room < 0 || rooms[room].conv != conv) rooms[room = room_count++] = (Room){conv, 0};
        rooms[room].members++;
        User *user = &users[user_count++];
        memset(user, 0, sizeof *user);
        user->fd = -1;
        user->sends = sends;
        user->port = port;
        user->room = room;
        strcpy(user->token, token);
    }
    fclose(file);
    dirty = calloc((size_t)user_count, sizeof *dirty);
}

static double cpu_seconds(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void report(double seconds, double cpu) {
    printf("{\"messages\":%llu,\"deliveries\":%llu,\"sign_ins\":%llu,\"seconds\":%.3f,\"p50_us\":%lld,\"p99_us\":%lld,"
           "\"max_us\":%lld,\"errors\":%llu,\"cpu_seconds\":%.3f}\n",
           (unsigned long long)messages, (unsigned long long)deliveries, (unsigned long long)sign_ins, seconds,
           (long long)quantile(0.5), (long long)quantile(0.99), (long long)quantile(1.0), (unsigned long long)errors, cpu);
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count != 9) return fprintf(stderr, "load talk|signin|hold HOST PORT USERS WARM SECONDS WINDOW SIZE\n"), 2;
    mode = is(arguments[1], "talk") ? TALK : is(arguments[1], "signin") ? SIGNIN : HOLD;
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[3]))};
    if (inet_pton(AF_INET, arguments[2], &server.sin_addr) != 1) die("HOST");
    double warm = atof(arguments[5]), seconds = atof(arguments[6]);
    window = atoi(arguments[7]);
    size = atoi(arguments[8]);
    if (mode == TALK && (window < 1 || window > SLOTS || size >= LARGEST_LINE / 2)) return fprintf(stderr, "window, size\n"), 2;
    memset(padding, 'x', sizeof padding - 1);
    raise_files();
    read_users(arguments[4]);
    epoll = epoll_create1(0);
    measure_to = INT64_MAX;
    measure_from = INT64_MAX;
    int at_once = mode == SIGNIN ? (window < user_count ? window : user_count) : user_count;
    for (int i = 0; i < at_once; i++) {
        dial(i);
        /* Not more hand-shakes in the air than a listener's queue holds. */
        if (mode != SIGNIN)
            while (i - ready_count > 200 && !errors) turn(1000);
    }
    next_user = at_once % user_count;
    if (mode != SIGNIN)
        for (int64_t give_up = now_us() + 60000000; ready_count < user_count && now_us() < give_up && !errors;) turn(100);
    if (mode != SIGNIN && ready_count < user_count) return fprintf(stderr, "load: only %d signed in\n", ready_count), 1;
    if (mode == HOLD) puts("held"), fflush(stdout);
    int64_t began = now_us();
    measure_from = began + (int64_t)(warm * 1e6);
    measure_to = measure_from + (int64_t)(seconds * 1e6);
    if (mode == TALK)
        for (int i = 0; i < user_count; i++)
            for (int slot = 0; users[i].sends && slot < window; slot++) send_message(i, slot, began);
    flush();
    double cpu = 0;
    for (int64_t now = began; now < measure_to; now = now_us()) {
        if (cpu == 0 && now >= measure_from) cpu = cpu_seconds();
        turn(10);
    }
    report(seconds, cpu_seconds() - cpu);
    return errors != 0;
}
