// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// System calls with the kernel's own convention: a negative result is -errno. errno is read here, in the same
// expression as the call, before the Swift runtime could make a call of its own.

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <termios.h>

/// Flags of open(2).
enum {
    CLINUX_OPEN_READ = O_RDONLY,
    CLINUX_OPEN_WRITE = O_WRONLY,
    CLINUX_OPEN_READ_WRITE = O_RDWR,
    CLINUX_OPEN_NONBLOCKING = O_NONBLOCK,
};

/// Protections and flags of mmap(2).
enum {
    CLINUX_MAP_NO_ACCESS = PROT_NONE,
    CLINUX_MAP_READ_WRITE = PROT_READ | PROT_WRITE,
    CLINUX_MAP_SHARED = MAP_SHARED,
    // Address space that nothing else can take, without memory.
    CLINUX_MAP_RESERVATION = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
    CLINUX_MAP_OVER = MAP_SHARED | MAP_FIXED | MAP_POPULATE,
};

/// What epoll(7) is asked for, and what it reports. Errors and hang-ups are always reported.
enum {
    CLINUX_EPOLL_READ = EPOLLIN,
    CLINUX_EPOLL_WRITE = EPOLLOUT,
    // The other side writes no more.
    CLINUX_EPOLL_HANG_UP = EPOLLRDHUP,
    CLINUX_EPOLL_HUNG_UP = EPOLLRDHUP | EPOLLHUP | EPOLLERR,
};

/// Signals (signal(7)).
enum {
    CLINUX_SIGNAL_HANG_UP = SIGHUP,
    CLINUX_SIGNAL_INTERRUPT = SIGINT,
    CLINUX_SIGNAL_TERMINATE = SIGTERM,
    CLINUX_SIGNAL_USER_1 = SIGUSR1,
};

/// Opens with O_CLOEXEC and O_NOCTTY besides `flags`.
int clinux_open(const char *_Nonnull path, int flags);
/// Opens for writing, empty; made with the mode 0666 less the umask where there is no such file. -ENXIO for a FIFO that
/// nobody reads.
int clinux_create(const char *_Nonnull path);
/// The same for a file that there is not yet: -EEXIST otherwise.
int clinux_create_new(const char *_Nonnull path);
/// A file of `folder` without a name, for writing (O_TMPFILE): it goes with its descriptor. -EOPNOTSUPP or -EISDIR
/// where the file system has no such files.
int clinux_create_unnamed(const char *_Nonnull folder);
/// Gives such a file a name, which nothing may have yet.
int clinux_name_unnamed(int fd, const char *_Nonnull path);
int clinux_unlink(const char *_Nonnull path);
int clinux_rename(const char *_Nonnull from, const char *_Nonnull to);
int clinux_close(int fd);
/// A close-on-exec copy with a number that was free.
int clinux_duplicate(int fd);
long clinux_read(int fd, void *_Nonnull buffer, size_t count);
long clinux_write(int fd, const void *_Nonnull buffer, size_t count);
long clinux_pread(int fd, void *_Nonnull buffer, size_t count, off_t offset);
long clinux_pwrite(int fd, const void *_Nonnull buffer, size_t count, off_t offset);
long clinux_ioctl(int fd, unsigned long request, uintptr_t argument);
long clinux_readlink(const char *_Nonnull path, char *_Nonnull buffer, size_t count);
int clinux_is_directory(const char *_Nonnull path);

// Files in a folder that is open as `folder`, by names without slashes. None of these follows a symbolic link.

/// A folder, for reading: -ENOTDIR or -ELOOP for a link. With -1 as `folder`, `name` is a path, whose links are
/// followed.
int clinux_open_folder_in(int folder, const char *_Nonnull name);
/// A new folder with the mode 0755 less the umask. With -1 as `folder`, `name` is a path.
int clinux_make_folder_in(int folder, const char *_Nonnull name);
/// A file, for reading; never waits for a writer. -ELOOP for a link.
int clinux_open_file_in(int folder, const char *_Nonnull name);
/// A new file with the mode 0600 less the umask, for writing; -EEXIST if there is anything of that name.
int clinux_create_file_in(int folder, const char *_Nonnull name);
/// Gives a file another name, in the place of the file that had it.
int clinux_rename_in(int folder, const char *_Nonnull from, const char *_Nonnull to);
int clinux_unlink_in(int folder, const char *_Nonnull name);
/// The user that has an open file, and its mode: type and permissions, as in struct stat.
int clinux_file_owner(int fd, uint32_t *_Nonnull user, uint32_t *_Nonnull mode);
/// Gives an open file the permissions in `mode`.
int clinux_set_mode(int fd, uint32_t mode);
/// Takes the file's lock (flock(2), LOCK_EX), which ends when `fd` is closed; -EAGAIN if another process has it.
int clinux_try_lock(int fd);
/// The effective user of this process.
uint32_t clinux_user(void);
/// The root folder of debugfs, mounted in no place: it goes when `fd` is closed (fsopen(2), Linux 5.2).
int clinux_open_debugfs(void);

/// /dev/kmsg, non-blocking and at its end.
int clinux_kernel_log(void);

/// The mode of an open file (inode(7)), and the length in bytes of a regular one, else 0.
int clinux_file_status(int fd, uint32_t *_Nonnull mode, uint64_t *_Nonnull size);
/// The mode of a file, links being followed.
int clinux_path_mode(const char *_Nonnull path, uint32_t *_Nonnull mode);

/// Calls `body` with the name of each entry but "." and "..". Returns 0 or -errno.
int clinux_list_directory(const char *_Nonnull path, void *_Nullable context,
                          void (*_Nonnull body)(void *_Nullable context, const char *_Nonnull name));

/// The mapping's address, or -errno as a small negative number (check with `> -4096` as unsigned).
intptr_t clinux_mmap(void *_Nullable address, size_t length, int protection, int flags, int fd, off_t offset);
int clinux_munmap(void *_Nonnull address, size_t length);
int clinux_advise_huge_pages(void *_Nonnull address, size_t length);
int clinux_exclude_from_core_dumps(void *_Nonnull address, size_t length);
int clinux_memfd_create(const char *_Nonnull name);
/// The same, made of huge pages of 2^`page_shift` bytes.
int clinux_memfd_create_huge(const char *_Nonnull name, unsigned page_shift);
/// DMA_HEAP_IOCTL_ALLOC: a descriptor of `length` bytes of the heap (include/uapi/linux/dma-heap.h), or -errno.
int clinux_dma_heap_allocate(int heap, uint64_t length);
/// Keeps memory where it is for as long as the descriptor that it returns is open: an io_uring with the memory as registered
/// buffers (io_uring_register(2)). Or -errno.
int clinux_pin(uint64_t address, uint64_t length);
/// Lets go of it at once; closing the descriptor alone leaves that to a worker of the kernel.
int clinux_unpin(int fd);
int clinux_ftruncate(int fd, off_t length);
long clinux_page_size(void);
/// RLIMIT_MEMLOCK in bytes, UINT64_MAX for none.
int clinux_memory_lock_limit(uint64_t *_Nonnull limit);
/// Capabilities (include/uapi/linux/capability.h): locks any amount of memory.
enum { CLINUX_CAPABILITY_IPC_LOCK = CAP_IPC_LOCK };
/// Whether this process has the capability `number`; 0 or 1.
int clinux_has_capability(int number);

int clinux_eventfd(void);
int clinux_timerfd(void);
/// Adds one to the count of an eventfd.
int clinux_count_add(int fd);
/// Takes the count of an eventfd or a timerfd; -EAGAIN for 0.
int clinux_count_take(int fd, uint64_t *_Nonnull count);
/// Arms once after `nanoseconds` from now on CLOCK_MONOTONIC; 0 disarms.
int clinux_timerfd_set(int fd, uint64_t nanoseconds);
/// A signalfd for the signals in `signals`; they are blocked in the calling thread.
int clinux_signalfd(const int *_Nonnull signals, size_t count);
/// Reads one signal number from a signalfd, or -errno.
int clinux_signalfd_read(int fd);

int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int clinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int clinux_epoll_remove(int epoll, int fd);
/// How many events one wait reports at most.
enum { CLINUX_EPOLL_BATCH = 16 };
/// Waits for events. Returns how many there are, of which it fills `tokens` and `events` (CLINUX_EPOLL_BATCH each), 0 on
/// time-out, or -errno.
int clinux_epoll_wait(int epoll, uint64_t *_Nonnull tokens, uint32_t *_Nonnull events, int timeout_milliseconds);

_Noreturn void clinux_exit(int status);
uint64_t clinux_monotonic_nanoseconds(void);
int64_t clinux_realtime_seconds(void);
int clinux_get_random(void *_Nonnull buffer, size_t count);

/// Starts a thread called `name` that runs `body(context)`. Returns 0 or -errno; `thread` identifies it.
int clinux_thread_start(uint64_t *_Nonnull thread, const char *_Nonnull name, void (*_Nonnull body)(void *_Nonnull),
                        void *_Nonnull context);
/// Lets the calling thread, and those that it starts, run on these CPUs only. Returns 0 or -errno.
int clinux_set_affinity(const int *_Nonnull cpus, size_t count);
int clinux_thread_join(uint64_t thread);
/// Sends the thread the kick signal (SIGRTMIN), which takes it out of a system call such as KVM_RUN: it has an empty
/// handler and nothing else uses it. Returns 0 or -errno.
int clinux_thread_kick(uint64_t thread);

/// A word that counts changes, and threads that wait for the next one (futex(2)). A wait may end without a change.
uint32_t clinux_change_count(const uint32_t *_Nonnull word);
void clinux_change_wait(uint32_t *_Nonnull word, uint32_t seen);
void clinux_change_signal(uint32_t *_Nonnull word);

/// Gives the kick signal its handler.
int clinux_install_kick_handler(void);
/// Blocks `signal` in the calling thread (inherited by threads that it starts).
int clinux_block_signal(int signal);
/// Blocks all signals in the calling thread, and in those that it starts: no signal for the process goes to it then.
/// `before` takes the signals that were blocked.
void clinux_block_all_signals(sigset_t *_Nonnull before);
void clinux_restore_signals(const sigset_t *_Nonnull before);

/// "ENOENT" for ENOENT; NULL for a number without a name.
const char *_Nullable clinux_errno_name(int error);
const char *_Nonnull clinux_errno_text(int error);

int clinux_is_terminal(int fd);
int clinux_terminal_get(int fd, struct termios *_Nonnull attributes);
int clinux_terminal_set(int fd, const struct termios *_Nonnull attributes);
void clinux_terminal_make_raw(struct termios *_Nonnull attributes);
/// Has the terminal's attributes set when this process dies of a trap, a fault or abort(3). One terminal at a time.
void clinux_terminal_guard(int fd, const struct termios *_Nonnull attributes);
/// Ends that, unless another terminal is guarded by now.
void clinux_terminal_unguard(int fd);
/// Whether the caller is in the terminal's foreground process group; true where `fd` isn't its controlling terminal.
int clinux_is_foreground(int fd);
/// A second, non-blocking open file description of what `fd` refers to, for writing or reading; O_NONBLOCK set on `fd`
/// itself would reach the user's shell. -ENXIO for a socket and for a pipe that nobody reads, -EACCES for another
/// user's terminal.
int clinux_reopen(int fd, bool for_writing);
/// Sends without waiting and without SIGPIPE; -ENOTSOCK if `fd` is no socket.
long clinux_send_nonblocking(int fd, const void *_Nonnull buffer, size_t count);
/// Receives without waiting; -ENOTSOCK if `fd` is no socket.
long clinux_receive_nonblocking(int fd, void *_Nonnull buffer, size_t count);
/// read(2) and write(2) for at most some 10 ms, -EINTR then: poll(2) may promise what another process takes first. A
/// signal cuts them off, the kick signal.
long clinux_read_briefly(int fd, void *_Nonnull buffer, size_t count);
long clinux_write_briefly(int fd, const void *_Nonnull buffer, size_t count);
/// Makes a write to a closed pipe fail with EPIPE instead of ending the process.
int clinux_ignore_broken_pipes(void);
/// Takes the numbers 0, 1 and 2 where they are free, with what can be neither read nor written (EBADF, as before).
int clinux_reserve_standard_descriptors(void);
/// Keeps all descriptors that are open, but 0, 1 and 2, from programs that are started. -ENOSYS or -EINVAL before Linux
/// 5.11.
int clinux_close_all_on_exec(void);
/// The same for one; -EBADF for one that isn't open.
int clinux_close_on_exec(int fd);
/// Waits until `fd` can be written: 1, 0 on time-out, or -errno.
int clinux_poll_writable(int fd, int timeout_milliseconds);
/// Waits until `fd` can be read: 1, 0 on time-out, or -errno.
int clinux_poll_readable(int fd, int timeout_milliseconds);

/// Both ends of a pipe, the reading one first.
int clinux_pipe(int ends[_Nonnull 2]);
/// Starts `program`, which is looked for on the PATH, with no descriptor but these three; a negative `input` is an empty
/// standard input. Returns its process number or -errno; it has to be waited for.
int clinux_spawn(
    const char *_Nonnull program, char *_Nullable const arguments[_Nonnull], int input, int output, int error);
/// A program's exit status, or 256 + the number of the signal that ended it; -EAGAIN if it still runs and `blocks` is false.
int clinux_wait(int process, bool blocks);
/// Ends a program that has not been waited for.
int clinux_kill(int process);
/// Waits until one of two can be read: bits 0 and 1 say which; 0 on time-out, or -errno. A negative number is no descriptor.
int clinux_poll_either(int first, int second, int timeout_milliseconds);

// Drives: clinux_block.c.

/// preadv2(2) and pwritev2(2) of `count` structs iovec.
long clinux_preadv(int fd, const void *_Nonnull segments, int count, off_t offset);
long clinux_pwritev(int fd, const void *_Nonnull segments, int count, off_t offset);
int clinux_synchronize_data(int fd);
/// Takes the lock of the whole file (F_OFD_SETLK), exclusive or shared; -EAGAIN if another opening has it.
int clinux_lock_whole_file(int fd, bool exclusive);
/// Sizes of a block device in bytes, and whether it is read-only: 0 or 1.
int clinux_block_geometry(int fd, uint64_t *_Nonnull size, uint32_t *_Nonnull logical, uint32_t *_Nonnull physical,
                          int *_Nonnull read_only);
/// fallocate(2) of a part of a regular file: without its space, or as zeroes.
int clinux_punch_hole(int fd, off_t offset, off_t length);
int clinux_zero_range(int fd, off_t offset, off_t length);
/// BLKDISCARD and BLKZEROOUT of a part of a block device.
int clinux_block_discard(int fd, uint64_t offset, uint64_t length);
int clinux_block_zero(int fd, uint64_t offset, uint64_t length);
