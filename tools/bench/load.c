/* The load: one thread that plays many users, and is never the bottleneck (relay.c shows its ceiling in the same run).
 *
 *     load talk   HOST PORT USERS WARM_SECONDS SECONDS WINDOW SIZE
 *     load storm  HOST PORT USERS WARM_SECONDS SECONDS WINDOW SIZE
 *     load signin HOST PORT USERS WARM_SECONDS SECONDS AT_ONCE RATE
 *     load hold   HOST PORT USERS 0 SECONDS 0 0
 *
 * USERS is a file with a line for each connection: "TOKEN ROOM SENDS PORT OTHER": the conversation that it talks in,
 * whether it sends there (1) or only reads (0), the port of its node (0: the PORT given), and the port to go to when that
 * one is lost (0: a loss is an error).
 *
 * talk    each sender keeps WINDOW messages of SIZE bytes in flight: the next is sent when one has arrived at all others
 *         of its room, or is acknowledged where nobody else is connected. Latency is from sending to the last arrival.
 * storm   as talk, and who loses the node signs in at the other one at once. Ends a second after all are back; tells the
 *         latency of messages before the first loss and from there until all are back.
 * signin  AT_ONCE connections at a time connect, resume by token, read session.ready and close; then the next. With a
 *         RATE so many are begun a second, as long as no more than AT_ONCE are under way.
 * hold    all connections sign in and stay.
 *
 * talk, storm and hold print "held" when all are signed in. Ends with one JSON object. Exit code 1 when a connection was
 * lost or an error came.
 */
#include "wire.h"

enum { SLOTS = 256, BUCKETS = 4096, SOURCES = 16, RETRY_US = 50000, PATIENCE_US = 120000000 };

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
    int fd, sends, room, blocked, dirty, port, other, life;
    char token[96];
    Buffer in, out;
    Slot *slots;
    int64_t began, lost, again;
} User;

typedef struct {
    uint64_t count[BUCKETS];
} Histogram;

static User *users;
static Room *rooms;
static int user_count, room_count, ready_count, epoll, window, size, *dirty, dirty_count, next_user, under_way, away;
static struct sockaddr_in server;
static int64_t measure_from, measure_to, first_loss, all_back;
static uint64_t messages, deliveries, sign_ins, errors, losses, messages_during;
static Histogram talk, during, signing;
static char padding[LARGEST_LINE];
static enum { TALK, STORM, SIGNIN, HOLD } mode;

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

static void count_in(Histogram *histogram, int64_t us) { histogram->count[bucket(us)]++; }

static long long quantile(const Histogram *histogram, double share) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++) total += histogram->count[i];
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += histogram->count[i]) >= (uint64_t)((double)total * share) && seen) return bucket_value(i);
    return 0;
}

static int measuring(int64_t now) { return now >= measure_from && now < measure_to; }

static void mark(int index) {
    if (!users[index].dirty) {
        users[index].dirty = 1;
        dirty[dirty_count++] = index;
    }
}

static void say(int index, const char *text, size_t length) {
    User *user = &users[index];
    memcpy(reserve(&user->out, length), text, length);
    user->out.end += length;
    mark(index);
}

static char *put(char *at, const char *text, size_t length) { return memcpy(at, text, length), at + length; }

static char *put_number(char *at, uint64_t number) {
    char digits[20];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count) *at++ = digits[--count];
    return at;
}

static char *put_hex(char *at, uint64_t number, int digits) {
    while (digits--) *at++ = "0123456789abcdef"[number >> 4 * digits & 15];
    return at;
}

#define PUT(at, text) put(at, text, sizeof text - 1)

/* The text says who sent it, in which slot, for the how manieth time: an arrival needs no table to be understood. */
static void send_message(int index, int slot, int64_t now) {
    static char line[LARGEST_LINE];
    static uint64_t number;
    User *user = &users[index];
    Slot *sent = &user->slots[slot];
    sent->sent = now;
    sent->turn++;
    sent->missing = rooms[user->room].members - 1;
    number++;
    char *at = PUT(line, "{\"type\":\"message.send\",\"id\":");
    at = PUT(put_number(at, (uint64_t)slot), ",\"conv\":");
    at = PUT(put_number(at, (uint64_t)rooms[user->room].conv), ",\"cid\":\"");
    at = PUT(put_hex(at, (uint64_t)getpid(), 8), "-");
    at = PUT(put_hex(at, (uint64_t)now, 4), "-4");
    at = PUT(put_hex(at, (uint64_t)now >> 16, 3), "-8");
    at = PUT(put_hex(at, (uint64_t)now >> 28, 3), "-");
    at = PUT(put_hex(at, number, 12), "\",\"text\":\"");
    char *text = at;
    at = PUT(put_number(at, (uint64_t)index), ".");
    at = PUT(put_number(at, (uint64_t)slot), ".");
    at = PUT(put_number(at, sent->turn), ".");
    if (at - text < size) at = put(at, padding, (size_t)(size - (at - text)));
    at = PUT(at, "\"}\n");
    say(index, line, (size_t)(at - line));
}

static void finished(int index, int slot, int64_t now) {
    int64_t took = now - users[index].slots[slot].sent;
    if (first_loss && !all_back) messages_during++, count_in(&during, took);
    else if (measuring(now) && !first_loss) messages++, count_in(&talk, took);
    if (now < measure_to) send_message(index, slot, now);
}

static void arrived(const char *line, int64_t now) {
    char *text = strstr(line, "\"text\":\"");
    if (!text) return;
    unsigned long index = strtoul(text + 8, &text, 10);
    if (*text++ != '.') return;
    unsigned long slot = strtoul(text, &text, 10);
    if (*text++ != '.') return;
    unsigned long turn = strtoul(text, &text, 10);
    if (*text != '.' || index >= (unsigned long)user_count || slot >= SLOTS || !users[index].slots) return;
    Slot *at = &users[index].slots[slot];
    if (at->turn != turn) return;
    if (measuring(now)) deliveries++;
    if (--at->missing == 0) finished((int)index, (int)slot, now);
}

static void acknowledged(int index, const char *line, int64_t now) {
    if (rooms[users[index].room].members > 1) return;
    const char *re = strstr(line, "\"re\":");
    int slot = re ? atoi(re + 5) : -1;
    if (slot >= 0 && slot < SLOTS && users[index].slots) finished(index, slot, now);
}

/* From one of several addresses: each has its own 28,000 ports. */
static void dial(int index) {
    User *user = &users[index];
    user->in.begin = user->in.end = user->out.begin = user->out.end = 0;
    user->blocked = 0;
    user->life++;
    user->again = 0;
    user->began = now_us();
    user->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (user->fd < 0) die("socket");
    quicken(user->fd);
    int late = 1;
    setsockopt(user->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(index % SOURCES));
    if (bind(user->fd, (void *)&from, sizeof from)) die("bind");
    struct sockaddr_in to = server;
    if (user->port) to.sin_port = htons((uint16_t)user->port);
    if (connect(user->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    epoll_ctl(epoll, EPOLL_CTL_ADD, user->fd, &event);
    under_way++;
}

static void hang_up(int index) {
    close(users[index].fd);
    users[index].fd = -1;
    users[index].life++;
}

/* A connection that was lost, or never made: an error, or in a storm the way to the other node. */
static void lose(int index, int64_t now, int64_t pause) {
    User *user = &users[index];
    hang_up(index);
    if (mode != STORM || !user->other) {
        errors++;
        return;
    }
    if (!first_loss) first_loss = now;
    if (!user->lost) user->lost = now, away++, losses++;
    user->again = now + (user->port == user->other ? pause : 0);
    user->port = user->other;
}

static void signed_in(int index, int64_t now) {
    User *user = &users[index];
    under_way--;
    ready_count++;
    if (user->lost) {
        count_in(&signing, now - user->lost);
        user->lost = 0;
        if (--away == 0) all_back = now;
    }
    if (mode != SIGNIN) return;
    if (measuring(now)) sign_ins++, count_in(&signing, now - user->began);
    hang_up(index);
}

/* The ones that were idle longest come next. */
static void come(int64_t now) {
    static int64_t begun, came;
    if (!begun) begun = now;
    while (under_way < window && under_way < user_count && now < measure_to) {
        if (size && came * 1000000 >= (now - begun) * size) return;
        while (users[next_user].fd >= 0) next_user = (next_user + 1) % user_count;
        dial(next_user);
        next_user = (next_user + 1) % user_count;
        came++;
    }
}

static void come_again(int64_t now) {
    static int64_t looked;
    if (!away || now - looked < 2000) return;
    looked = now;
    for (int i = 0; i < user_count; i++)
        if (users[i].again && users[i].again <= now) dial(i);
}

static void hear(int index, char *line, int64_t now) {
    if (is(line, "{\"type\":\"entry\"")) arrived(line, now);
    else if (is(line, "{\"type\":\"ack\"")) acknowledged(index, line, now);
    else if (is(line, "{\"type\":\"ping\"")) say(index, "{\"type\":\"ping\",\"id\":1}\n", 23);
    else if (is(line, "{\"type\":\"welcome\"")) {
        char request[256];
        int length = snprintf(request, sizeof request, "{\"type\":\"session.resume\",\"id\":0,\"token\":\"%s\"}\n",
                              users[index].token);
        say(index, request, (size_t)length);
    } else if (is(line, "{\"type\":\"session.ready\"")) signed_in(index, now);
    else if (mode == STORM && users[index].lost && is(line, "{\"type\":\"closing\"")) {
        const char *after = strstr(line, "\"after\":");
        lose(index, now, after ? atol(after + 8) * 1000 : RETRY_US);
    } else if (is(line, "{\"type\":\"error\"") || is(line, "{\"type\":\"closing\"")) {
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
        Buffer *filled = fill(user->fd, &user->in);
        int64_t now = now_us();
        int life = user->life;
        if (filled) {
            for (char *line; user->life == life && (line = next_line(filled));) hear(index, line, now);
            if (user->life == life) keep(&user->in, filled);
            release(&user->in);
        } else {
            if (user->lost || mode == SIGNIN) under_way--;
            lose(index, now, RETRY_US);
        }
    }
    int64_t now = now_us();
    if (mode == SIGNIN) come(now);
    else come_again(now);
    flush();
}

static void read_users(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    char token[96];
    long conv;
    int sends, port, other, capacity = 0;
    while (fscanf(file, "%95s %ld %d %d %d", token, &conv, &sends, &port, &other) == 5) {
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
        *user = (User){.fd = -1, .sends = sends, .port = port, .other = other, .room = room};
        if (sends) user->slots = calloc(SLOTS, sizeof *user->slots);
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
    const Histogram *shown = mode == SIGNIN ? &signing : &talk;
    printf("{\"messages\":%llu,\"deliveries\":%llu,\"sign_ins\":%llu,\"seconds\":%.3f,\"p50_us\":%lld,\"p99_us\":%lld,"
           "\"max_us\":%lld,\"errors\":%llu,\"cpu_seconds\":%.3f,",
           (unsigned long long)messages, (unsigned long long)deliveries, (unsigned long long)sign_ins, seconds,
           quantile(shown, 0.5), quantile(shown, 0.99), quantile(shown, 1), (unsigned long long)errors, cpu);
    printf("\"lost\":%llu,\"away\":%d,\"back_us\":%lld,\"return_p50_us\":%lld,\"return_p99_us\":%lld,"
           "\"messages_during\":%llu,\"during_p50_us\":%lld,\"during_p99_us\":%lld,\"during_max_us\":%lld}\n",
           (unsigned long long)losses, away, (long long)(all_back ? all_back - first_loss : 0), quantile(&signing, 0.5),
           quantile(&signing, 0.99), (unsigned long long)messages_during, quantile(&during, 0.5),
           quantile(&during, 0.99), quantile(&during, 1));
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count != 9) return fprintf(stderr, "load talk|storm|signin|hold HOST PORT USERS WARM SECONDS WINDOW SIZE\n"), 2;
    const char *name = arguments[1];
    mode = is(name, "talk") ? TALK : is(name, "storm") ? STORM : is(name, "signin") ? SIGNIN : HOLD;
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[3]))};
    if (inet_pton(AF_INET, arguments[2], &server.sin_addr) != 1) die("HOST");
    double warm = atof(arguments[5]), seconds = atof(arguments[6]);
    window = atoi(arguments[7]);
    size = atoi(arguments[8]);
    int talks = mode == TALK || mode == STORM;
    if (talks && (window < 1 || window > SLOTS || size >= LARGEST_LINE / 2)) return fprintf(stderr, "window, size\n"), 2;
    memset(padding, 'x', sizeof padding - 1);
    raise_files();
    read_users(arguments[4]);
    epoll = epoll_create1(0);
    measure_to = INT64_MAX;
    measure_from = INT64_MAX;
    if (mode != SIGNIN) {
        int64_t give_up = now_us() + PATIENCE_US;
        for (int i = 0; i < user_count; i++) {
            dial(i);
            /* Not more hand-shakes in the air than a listener's queue holds. */
            while (i - ready_count > 200 && now_us() < give_up && !errors) turn(100);
        }
        while (ready_count < user_count && now_us() < give_up && !errors) turn(100);
        if (ready_count < user_count) return fprintf(stderr, "load: only %d signed in\n", ready_count), 1;
        puts("held"), fflush(stdout);
    }
    int64_t began = now_us();
    measure_from = began + (int64_t)(warm * 1e6);
    measure_to = measure_from + (int64_t)(seconds * 1e6);
    for (int i = 0; talks && i < user_count; i++)
        for (int slot = 0; users[i].sends && slot < window; slot++) send_message(i, slot, began);
    flush();
    double cpu = 0;
    for (int64_t now = began; now < measure_to && !(all_back && now > all_back + 1000000); now = now_us()) {
        if (errors && mode != STORM) break; /* A figure of it would mean nothing. */
        if (cpu == 0 && now >= measure_from) cpu = cpu_seconds();
        turn(mode == SIGNIN ? 1 : 10);
    }
    report(seconds, cpu_seconds() - cpu);
    return errors != 0 || away;
}
