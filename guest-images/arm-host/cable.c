// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// A serial cable. usage: cable COMMAND [ARGUMENT]…
//
// Runs COMMAND with the two ends of the cable as descriptors 10 and 11: what goes in at one end comes out at the other.
// A plain pair of sockets would hold the sender back while nobody reads at the other end, and with it all that writes to
// the port: a kernel's log, for one. A cable doesn't: what is on its way is lost once the far end has taken nothing for a
// second. The cable ends when COMMAND has ended.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_END = 10, SECOND_END = 11, CAPACITY = 65536, PIECE = 16, PATIENCE_MS = 1000 };

// What is on its way to one end. Only the cable's process uses it.
struct direction {
    char bytes[CAPACITY];
    size_t count;
    long long taken_at; // when the end last took something, or the first of these bytes came; ms
};

static struct direction directions[2];

static void fail(const char *what) {
    fprintf(stderr, "cable: %s: %s\n", what, strerror(errno));
    exit(126);
}

static long long now_ms(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) fail("clock_gettime");
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

// Takes what came in from an end, and keeps what there is room for. 0: the end is gone.
static int take(int end, struct direction *to) {
    char bytes[4096];
    ssize_t count = recv(end, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return 0;
    size_t room = CAPACITY - to->count;
    size_t kept = (size_t)count < room ? (size_t)count : room;
    if (to->count == 0) to->taken_at = now_ms();
    memcpy(to->bytes + to->count, bytes, kept);
    to->count += kept;
    return 1;
}

// Gives an end a few bytes, so that no more than those lie in a socket that isn't read. 0: the end is gone.
static int give(int end, struct direction *to) {
    size_t piece = to->count < PIECE ? to->count : PIECE;
    ssize_t count = send(end, to->bytes, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    memmove(to->bytes, to->bytes + count, to->count - (size_t)count);
    to->count -= (size_t)count;
    to->taken_at = now_ms();
    return 1;
}

static void carry(const int ends[2]) {
    for (;;) {
        struct pollfd polled[2];
        int waiting = 0;
        for (int i = 0; i < 2; i++) {
            struct direction *to = &directions[i];
            if (to->count > 0 && now_ms() - to->taken_at >= PATIENCE_MS) to->count = 0;
            polled[i] = (struct pollfd){.fd = ends[i], .events = POLLIN | (to->count > 0 ? POLLOUT : 0)};
            waiting |= to->count > 0;
        }
        if (poll(polled, 2, waiting ? PATIENCE_MS / 4 : -1) < 0 && errno != EINTR) fail("poll");
        for (int i = 0; i < 2; i++) {
            if (polled[i].revents & (POLLIN | POLLHUP | POLLERR) && !take(ends[i], &directions[!i])) return;
            if (polled[i].revents & POLLOUT && !give(ends[i], &directions[i])) return;
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: cable COMMAND [ARGUMENT]...\n");
        return 126;
    }
    int pairs[2][2], smallest = 1;
    for (int i = 0; i < 2; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) != 0) fail("socketpair");
        if (setsockopt(pairs[i][0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) != 0) fail("setsockopt");
    }
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        // Whoever reads the output of COMMAND waits for its end, not for ours.
        int null = open("/dev/null", O_RDWR);
        if (null < 0) fail("/dev/null");
        for (int i = 0; i < 3; i++) dup2(null, i);
        int ends[2] = {pairs[0][0], pairs[1][0]};
        close(pairs[0][1]);
        close(pairs[1][1]);
        carry(ends);
        return 0;
    }
    if (dup2(pairs[0][1], FIRST_END) < 0 || dup2(pairs[1][1], SECOND_END) < 0) fail("dup2");
    execvp(argv[1], argv + 1);
    fail(argv[1]);
}
