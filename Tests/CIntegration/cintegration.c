// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#define _GNU_SOURCE
#include "cintegration.h"
#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/// Only calls that are safe between fork and exec (signal-safety(7), and plain system calls).
static void become(const struct cintegration_process *process, int program, int socket) {
    // A test that is cut off must not leave guests behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (process->stopped &&
        gate_install(socket, process->stopped, process->stopped_count, process->stops_changes) < 0)
        return;
    // The three may overlap with 0, 1 and 2, so they go out of the way first.
    int wanted[3] = {process->input, process->output, process->error};
    for (int i = 0; i < 3; i++)
        if (wanted[i] >= 0 && (wanted[i] = fcntl(wanted[i], F_DUPFD, 10)) < 0) return;
    for (int i = 0; i < 3; i++) {
        if (wanted[i] < 0)
            close(i);
        else if (dup2(wanted[i], i) < 0)
            return;
    }
    // The program's file is kept open until exec: the new user may not be able to get to it.
    int file = fcntl(program, F_DUPFD_CLOEXEC, 100);
    if (file < 0) return;
    // Handed in as 3, 4, …: out of the way first, as above. All but them and the program's file are closed.
    unsigned count = (unsigned)process->handed_count;
    int handed[8];
    if (count > 8) return;
    for (unsigned i = 0; i < count; i++)
        if ((handed[i] = fcntl(process->handed[i], F_DUPFD, 20)) < 0) return;
    for (unsigned i = 0; i < count; i++)
        if (dup2(handed[i], 3 + (int)i) < 0) return;
    syscall(SYS_close_range, 3 + count, (unsigned)file - 1, 0);
    syscall(SYS_close_range, (unsigned)file + 1, ~0U, 0);

    if (process->owns_terminal && (setsid() < 0 || ioctl(0, TIOCSCTTY, 0) < 0)) return;
    if (process->hidden &&
        (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
         mount("none", process->hidden, "tmpfs", 0, NULL) < 0))
        return;
    if (process->locks_memory) {
        struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
        if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0) return;
    }
    if (process->user && (setgroups(0, NULL) < 0 || setgid(process->user) < 0 || setuid(process->user) < 0)) return;

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    syscall(SYS_execveat, file, "", process->arguments, process->environment, 0x1000 /* AT_EMPTY_PATH */);
}

pid_t cintegration_start(const struct cintegration_process *process, int *listener) {
    int program = open(process->path, O_PATH | O_CLOEXEC);
    if (program < 0) return -errno;
    int sockets[2] = {-1, -1};
    pid_t child = -1;
    if (!process->stopped || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0) child = fork();
    if (child == 0) {
        // So that the parent's read ends when this process does.
        close(sockets[0]);
        become(process, program, sockets[1]);
        _exit(127);
    }
    int error = errno;
    close(program);
    *listener = -1;
    if (process->stopped) {
        close(sockets[1]);
        if (child > 0) *listener = gate_take(sockets[0], child);
        close(sockets[0]);
    }
    return child < 0 ? -error : child;
}

int cintegration_status(pid_t process) {
    int status;
    pid_t result;
    do
        result = waitpid(process, &status, WNOHANG);
    while (result < 0 && errno == EINTR);
    if (result < 0) return -errno;
    if (result == 0) return -EAGAIN;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

int cintegration_take_descriptor(pid_t process, int descriptor) {
    int handle = (int)syscall(SYS_pidfd_open, process, 0);
    if (handle < 0) return -errno;
    int copy = (int)syscall(SYS_pidfd_getfd, handle, descriptor, 0);
    int error = errno;
    close(handle);
    return copy < 0 ? -error : copy;
}

int cintegration_terminal(int *user_end, int *program_end) {
    int user = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (user < 0) return -errno;
    int program = -1;
    if (grantpt(user) == 0 && unlockpt(user) == 0)
        program = ioctl(user, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (program < 0) {
        int error = errno;
        close(user);
        return -error;
    }
    *user_end = user;
    *program_end = program;
    return 0;
}

int cintegration_pipe(int *ends) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

int cintegration_physical(uint64_t address, uint32_t *value, bool is_write) {
    int memory = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
    if (memory < 0) return -errno;
    uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE), offset = address % size;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, (off_t)(address - offset));
    int error = errno;
    close(memory);
    if (page == MAP_FAILED) return -error;
    volatile uint32_t *place = (volatile uint32_t *)((char *)page + offset);
    if (is_write)
        *place = *value;
    else
        *value = *place;
    munmap(page, size);
    return 0;
}
