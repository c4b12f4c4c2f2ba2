// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Times a monitor from outside: measure [-r KIB] [-k] MARKER… -- COMMAND…
//
// Runs COMMAND with its output on a pipe and prints nanoseconds since just before its exec, one line each:
//   marker TEXT NS      when TEXT had come out of the pipe, in the order given
//   said LINE           each line of the output that begins with the last marker
//   rss KIB             with -r, after the last marker: the resident memory, without mappings of KIB or more (guest RAM)
//   begin NS           CLOCK_MONOTONIC just before the exec
//   exit STATUS NS      when COMMAND had been waited for; with -k it is sent SIGTERM after the last marker
// In the deterministic host a nanosecond is an instruction, so this is an instruction count.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

// The Rss lines of /proc/PID/smaps, save those of mappings that are at least `huge` KiB long.
static long resident(pid_t pid, long huge)
{
    char path[64], line[512];
    long size = 0, rss, sum = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "Size: %ld kB", &size) == 1)
            continue;
        if (sscanf(line, "Rss: %ld kB", &rss) == 1 && size < huge)
            sum += rss;
    }
    fclose(file);
    return sum;
}

int main(int argc, char **argv)
{
    long huge = 0;
    int kill_after = 0, first = 1, markers, count = 0, ends[2], status = 0;
    for (; first < argc && argv[first][0] == '-' && strcmp(argv[first], "--") != 0; first++) {
        if (strcmp(argv[first], "-k") == 0)
            kill_after = 1;
        else if (strcmp(argv[first], "-r") == 0 && first + 1 < argc)
            huge = atol(argv[++first]);
    }
    for (markers = 0; first + markers < argc && strcmp(argv[first + markers], "--") != 0; markers++)
        ;
    if (first + markers + 1 >= argc) {
        fprintf(stderr, "usage: measure [-r KIB] [-k] MARKER... -- COMMAND...\n");
        return 2;
    }
    char **command = argv + first + markers + 1;

    // The child stamps its exec itself, so that fork and scheduling don't count.
    volatile long *begin = mmap(NULL, sizeof *begin, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (begin == MAP_FAILED || pipe(ends) != 0) {
        perror("measure");
        return 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        *begin = now();
        execv(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    close(ends[1]);

    static char seen[1 << 20];
    long times[64] = {0};
    size_t length = 0, from = 0;
    ssize_t n;
    while (length < sizeof seen - 1 && (n = read(ends[0], seen + length, sizeof seen - 1 - length)) > 0) {
        long t = now();
        length += n;
        seen[length] = 0;
        for (char *hit; count < markers && count < 64 && (hit = strstr(seen + from, argv[first + count]));) {
            from = hit - seen + strlen(argv[first + count]);
            times[count++] = t;
        }
        if (count == markers && huge) {
            printf("rss %ld\n", resident(pid, huge));
            huge = 0;
        }
        if (count == markers && kill_after) {
            kill(pid, SIGTERM);
            kill_after = 0;
        }
    }
    waitpid(pid, &status, 0);
    long end = now();
    for (int i = 0; i < count; i++)
        printf("marker %s %ld\n", argv[first + i], times[i] - *begin);
    if (count < markers)
        fprintf(stderr, "measure: the output was:\n%s\n", seen);
    for (char *line = strtok(seen, "\r\n"); line && markers; line = strtok(NULL, "\r\n"))
        if (strncmp(line, argv[first + markers - 1], strlen(argv[first + markers - 1])) == 0)
            printf("said %s\n", line);
    printf("begin %ld\n", *begin);
    printf("exit %d %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), end - *begin);
    if (count < markers)
        fprintf(stderr, "measure: \"%s\" never came\n", argv[first + count]);
    return count < markers;
}
