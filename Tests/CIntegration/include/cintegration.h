// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// What the integration tests need from Linux and can't say in Swift: starting a process as another user, in a namespace or on
// a terminal of its own, and taking a descriptor out of another process. A negative result is -errno.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// How a process starts. All descriptors but the three, and what is handed in, are closed in it.
struct cintegration_process {
    const char *_Nonnull path;
    /// Both end in NULL.
    char *_Nullable const *_Nonnull arguments;
    char *_Nullable const *_Nonnull environment;
    /// Standard input, output and error; -1 for none: the number is free then.
    int input, output, error;
    /// Whether it leads a session of its own whose controlling terminal is `input`.
    bool owns_terminal;
    /// User and group, by number; 0 stays root.
    uint32_t user;
    /// A folder that is empty for it; NULL: none.
    const char *_Nullable hidden;
    /// Whether it may lock as much memory as it likes.
    bool locks_memory;
    /// The ioctl requests that wait for an answer before the kernel sees them; NULL: none. At most 16.
    const uint32_t *_Nullable stopped;
    size_t stopped_count;
    /// Whether the system calls that change files wait for an answer, too.
    bool stops_changes;
    /// Descriptors that it has from 3 up, at most 8; NULL: none.
    const int *_Nullable handed;
    size_t handed_count;
};

/// The process's number. What fails in the child before the program starts is its exit status, 127.
/// `listener` is where the stopped ioctls arrive: a descriptor, or -errno; -1 when none is to be stopped.
pid_t cintegration_start(const struct cintegration_process *_Nonnull process, int *_Nonnull listener);

/// An ioctl, or a change to a file, that a process is about to make.
struct cintegration_call {
    uint64_t id;
    /// Whether it is a change to a file; what follows the thread is an ioctl's.
    bool is_change;
    /// The thread that makes it.
    pid_t thread;
    int descriptor;
    uint32_t request;
    uint64_t argument;
};

/// Waits for a stopped ioctl; -ENOENT when its process is gone meanwhile.
int cintegration_next_call(int listener, struct cintegration_call *_Nonnull call);

/// Lets a stopped ioctl go on, or with an `error` has it fail with that errno, unseen by the kernel.
int cintegration_answer_call(int listener, uint64_t id, int error);

/// Gives the process of a stopped ioctl a copy of `descriptor` in place of what it has open as `number`.
int cintegration_replace_descriptor(int listener, uint64_t id, int number, int descriptor);

/// Reads another process's memory.
int cintegration_read_memory(pid_t process, uint64_t address, void *_Nonnull bytes, size_t count);

/// Reads or writes 32 bits at a physical address of this machine.
int cintegration_physical(uint64_t address, uint32_t *_Nonnull value, bool is_write);

/// The exit status of `process`; 256 + n when signal n ended it; -EAGAIN while it runs.
int cintegration_status(pid_t process);

/// A copy of descriptor `descriptor` of `process`.
int cintegration_take_descriptor(pid_t process, int descriptor);

/// A terminal: its two ends, neither of which becomes the caller's controlling terminal.
int cintegration_terminal(int *_Nonnull user_end, int *_Nonnull program_end);

/// A pipe: the reader's end, the writer's end.
int cintegration_pipe(int *_Nonnull ends);

