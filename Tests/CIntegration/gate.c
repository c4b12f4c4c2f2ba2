// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Stops a program's ioctls, and what changes files, before the kernel sees them: seccomp(2), SECCOMP_RET_USER_NOTIF;
// seccomp_unotify(2).

#define _GNU_SOURCE
#include "gate.h"
#include "cintegration.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { REQUESTS_MAX = 16 };

/// The system calls that change a file, a folder or a mode.
static const uint32_t changes[] = {
    SYS_write, SYS_mkdirat, SYS_unlinkat, SYS_fchmod, SYS_renameat2,
#ifdef SYS_renameat
    SYS_renameat,
#endif
};
enum { CHANGES = sizeof changes / sizeof *changes };

int gate_install(int socket, const uint32_t *requests, size_t count, bool stops_changes) {
    if (count > REQUESTS_MAX) return -E2BIG;
    size_t before = stops_changes ? CHANGES : 0;
    // The last two lines let the call go on, and stop it; jumps are counted from the next line.
    struct sock_filter lines[REQUESTS_MAX + CHANGES + 5] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    size_t length = 1, last = before + count + 4;
    for (size_t i = 0; i < before; i++, length++)
        lines[length] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, changes[i], (uint8_t)(last - length - 1), 0);
    lines[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, (uint8_t)(count + 1));
    // An ioctl's request has 32 bits, the lower ones of the argument.
    lines[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
    for (size_t i = 0; i < count; i++, length++)
        lines[length] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, requests[i], (uint8_t)(last - length - 1), 0);
    lines[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    lines[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {.len = (unsigned short)length, .filter = lines};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0) return -errno;
    char taken;
    // Not write, which the filter may stop.
    if (send(socket, &listener, sizeof listener, 0) != sizeof listener || read(socket, &taken, 1) != 1) return -EPIPE;
    return 0;
}

int gate_take(int socket, pid_t child) {
    int number;
    // Nothing comes when the child has failed before.
    if (read(socket, &number, sizeof number) != sizeof number) return -EPIPE;
    int listener = cintegration_take_descriptor(child, number);
    if (listener >= 0 && write(socket, "", 1) != 1) {
        close(listener);
        return -EPIPE;
    }
    return listener;
}

int cintegration_next_call(int listener, struct cintegration_call *call) {
    struct seccomp_notif notice = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0) return -errno;
    *call = (struct cintegration_call){
        .id = notice.id,
        .is_change = notice.data.nr != SYS_ioctl,
        .thread = (pid_t)notice.pid,
        .descriptor = (int)notice.data.args[0],
        .request = (uint32_t)notice.data.args[1],
        .argument = notice.data.args[2],
    };
    return 0;
}

int cintegration_answer_call(int listener, uint64_t id, int error) {
    struct seccomp_notif_resp answer = {
        .id = id, .error = -error, .flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 ? -errno : 0;
}

int cintegration_read_memory(pid_t process, uint64_t address, void *bytes, size_t count) {
    struct iovec here = {bytes, count}, there = {(void *)(uintptr_t)address, count};
    ssize_t result = process_vm_readv(process, &here, 1, &there, 1, 0);
    if (result < 0) return -errno;
    return (size_t)result == count ? 0 : -EFAULT;
}

int cintegration_replace_descriptor(int listener, uint64_t id, int number, int descriptor) {
    struct seccomp_notif_addfd replacement = {.id = id,
                                              .flags = SECCOMP_ADDFD_FLAG_SETFD,
                                              .srcfd = (uint32_t)descriptor,
                                              .newfd = (uint32_t)number,
                                              .newfd_flags = O_CLOEXEC};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &replacement) < 0 ? -errno : 0;
}
