// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#define _GNU_SOURCE
#include "clinux_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dma-heap.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESULT(call)                             \
    ({                                           \
        __typeof__(call) result_ = (call);       \
        result_ < 0 ? (__typeof__(call))-errno : result_; \
    })

// No file that is opened may become the controlling terminal of a process that has none.
int clinux_open(const char *path, int flags) { return RESULT(open(path, flags | O_CLOEXEC | O_NOCTTY, 0666)); }
int clinux_create(const char *path) { return clinux_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK); }
int clinux_create_new(const char *path) { return clinux_open(path, O_WRONLY | O_CREAT | O_EXCL); }
int clinux_create_unnamed(const char *folder) { return clinux_open(folder, O_WRONLY | O_TMPFILE); }
int clinux_name_unnamed(int fd, const char *path) {
    // The way of open(2), O_TMPFILE, which takes no privilege.
    char source[32];
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    return RESULT(linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
}
int clinux_unlink(const char *path) { return RESULT(unlink(path)); }
int clinux_rename(const char *from, const char *to) { return RESULT(rename(from, to)); }
int clinux_close(int fd) { return RESULT(close(fd)); }
int clinux_duplicate(int fd) { return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }
long clinux_read(int fd, void *buffer, size_t count) { return RESULT(read(fd, buffer, count)); }
long clinux_write(int fd, const void *buffer, size_t count) { return RESULT(write(fd, buffer, count)); }
long clinux_pread(int fd, void *b, size_t count, off_t offset) { return RESULT(pread(fd, b, count, offset)); }
long clinux_pwrite(int fd, const void *b, size_t count, off_t offset) { return RESULT(pwrite(fd, b, count, offset)); }
long clinux_ioctl(int fd, unsigned long request, uintptr_t argument) { return RESULT(ioctl(fd, request, argument)); }
long clinux_readlink(const char *path, char *buffer, size_t count) { return RESULT(readlink(path, buffer, count)); }

int clinux_is_directory(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) return -errno;
    return S_ISDIR(status.st_mode);
}

int clinux_open_folder_in(int folder, const char *name) {
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    return RESULT(folder < 0 ? open(name, flags) : openat(folder, name, flags | O_NOFOLLOW));
}
int clinux_make_folder_in(int folder, const char *name) {
    return RESULT(mkdirat(folder < 0 ? AT_FDCWD : folder, name, 0755));
}
int clinux_open_file_in(int folder, const char *name) {
    return RESULT(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}
int clinux_create_file_in(int folder, const char *name) {
    return RESULT(openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}
int clinux_rename_in(int folder, const char *from, const char *to) {
    return RESULT(renameat(folder, from, folder, to));
}
int clinux_unlink_in(int folder, const char *name) { return RESULT(unlinkat(folder, name, 0)); }
int clinux_file_owner(int fd, uint32_t *user, uint32_t *mode) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    *user = status.st_uid;
    *mode = status.st_mode;
    return 0;
}
int clinux_set_mode(int fd, uint32_t mode) { return RESULT(fchmod(fd, mode & 07777)); }
int clinux_try_lock(int fd) { return RESULT(flock(fd, LOCK_EX | LOCK_NB)); }
uint32_t clinux_user(void) { return geteuid(); }

// The numbers are the same for all architectures but alpha; glibc has had the calls since 2.36, and musl hasn't.
enum { CALL_FSOPEN = 430, CALL_FSCONFIG = 431, CALL_FSMOUNT = 432 };
// linux/mount.h, which doesn't go together with sys/mount.h everywhere.
enum { FLAG_FSOPEN_CLOEXEC = 1, COMMAND_FSCONFIG_CREATE = 6, FLAG_FSMOUNT_CLOEXEC = 1 };
// MOUNT_ATTR_RDONLY, _NOSUID, _NODEV, _NOEXEC
enum { MOUNT_ATTRIBUTES = 0xF };

int clinux_open_debugfs(void) {
    long context = RESULT(syscall(CALL_FSOPEN, "debugfs", FLAG_FSOPEN_CLOEXEC));
    if (context < 0) return (int)context;
    long result = RESULT(syscall(CALL_FSCONFIG, context, COMMAND_FSCONFIG_CREATE, NULL, NULL, 0));
    if (result >= 0) result = RESULT(syscall(CALL_FSMOUNT, context, FLAG_FSMOUNT_CLOEXEC, MOUNT_ATTRIBUTES));
    close((int)context);
    return (int)result;
}

int clinux_kernel_log(void) {
    int log = clinux_open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    if (log < 0 || lseek(log, 0, SEEK_END) >= 0) return log;
    int error = errno;
    close(log);
    return -error;
}

int clinux_file_status(int fd, uint32_t *mode, uint64_t *size) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    *mode = status.st_mode;
    *size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    return 0;
}

int clinux_path_mode(const char *path, uint32_t *mode) {
    struct stat status;
    if (stat(path, &status) < 0) return -errno;
    *mode = status.st_mode;
    return 0;
}

int clinux_list_directory(const char *path, void *context, void (*body)(void *, const char *)) {
    DIR *directory = opendir(path);
    if (!directory) return -errno;
    int result = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) body(context, entry->d_name);
    }
    closedir(directory);
    return result;
}

intptr_t clinux_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    void *result = mmap(address, length, protection, flags, fd, offset);
    return result == MAP_FAILED ? -(intptr_t)errno : (intptr_t)result;
}
int clinux_munmap(void *address, size_t length) { return RESULT(munmap(address, length)); }
int clinux_advise_huge_pages(void *address, size_t length) { return RESULT(madvise(address, length, MADV_HUGEPAGE)); }
int clinux_exclude_from_core_dumps(void *address, size_t length) {
    return RESULT(madvise(address, length, MADV_DONTDUMP));
}
int clinux_memfd_create(const char *name) { return RESULT(memfd_create(name, MFD_CLOEXEC)); }
int clinux_memfd_create_huge(const char *name, unsigned page_shift) {
    // include/uapi/linux/memfd.h: the page's size is in bits 31:26.
    return RESULT(memfd_create(name, MFD_CLOEXEC | MFD_HUGETLB | page_shift << 26));
}
int clinux_dma_heap_allocate(int heap, uint64_t length) {
    struct dma_heap_allocation_data data = {.len = length, .fd_flags = O_RDWR | O_CLOEXEC};
    int result = RESULT(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data));
    return result < 0 ? result : (int)data.fd;
}
int clinux_pin(uint64_t address, uint64_t length) {
    // A registered buffer has at most a gibibyte.
    const uint64_t limit = 1 << 30;
    size_t count = length / limit + (length % limit != 0);
    struct iovec *buffers = calloc(count ? count : 1, sizeof *buffers);
    if (!buffers) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = i * limit, rest = length - offset;
        buffers[i] = (struct iovec){(void *)(uintptr_t)(address + offset), rest < limit ? rest : limit};
    }
    struct io_uring_params parameters = {0};
    int ring = (int)RESULT(syscall(SYS_io_uring_setup, 1, &parameters));
    if (ring >= 0) {
        int result = (int)RESULT(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, buffers, count));
        if (result < 0) {
            close(ring);
            ring = result;
        }
    }
    free(buffers);
    return ring;
}
int clinux_unpin(int fd) { return (int)RESULT(syscall(SYS_io_uring_register, fd, IORING_UNREGISTER_BUFFERS, NULL, 0)); }
int clinux_ftruncate(int fd, off_t length) { return RESULT(ftruncate(fd, length)); }
long clinux_page_size(void) { return sysconf(_SC_PAGESIZE); }

int clinux_memory_lock_limit(uint64_t *limit) {
    struct rlimit memlock;
    int result = RESULT(getrlimit(RLIMIT_MEMLOCK, &memlock));
    *limit = memlock.rlim_cur == RLIM_INFINITY ? UINT64_MAX : memlock.rlim_cur;
    return result;
}
int clinux_has_capability(int number) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    return (data[number >> 5].effective >> (number & 31)) & 1;
}

int clinux_eventfd(void) { return RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
int clinux_timerfd(void) { return RESULT(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)); }
int clinux_count_add(int fd) {
    uint64_t one = 1;
    return RESULT((int)write(fd, &one, sizeof one));
}
int clinux_count_take(int fd, uint64_t *count) { return RESULT((int)read(fd, count, sizeof *count)); }
int clinux_timerfd_set(int fd, uint64_t nanoseconds) {
    struct itimerspec when = {.it_value = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)}};
    return RESULT(timerfd_settime(fd, 0, &when, NULL));
}

int clinux_signalfd(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error) return -error;
    return RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}
int clinux_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof info);
    if (count < 0) return -errno;
    return count == sizeof info ? (int)info.ssi_signo : -EAGAIN;
}

int clinux_epoll_create(void) { return RESULT(epoll_create1(EPOLL_CLOEXEC)); }
int clinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return RESULT(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}
int clinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return RESULT(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
}
int clinux_epoll_remove(int epoll, int fd) { return RESULT(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL)); }
int clinux_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int timeout_milliseconds) {
    struct epoll_event found[CLINUX_EPOLL_BATCH];
    int count = epoll_wait(epoll, found, CLINUX_EPOLL_BATCH, timeout_milliseconds);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        tokens[i] = found[i].data.u64;
        events[i] = found[i].events;
    }
    return count;
}

void clinux_exit(int status) { exit(status); }
uint64_t clinux_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
int64_t clinux_realtime_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}
int clinux_get_random(void *buffer, size_t count) { return RESULT((int)getrandom(buffer, count, 0)); }

struct thread_start {
    char name[16];
    void (*body)(void *);
    void *context;
};

static void *thread_main(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    // The mask is inherited, also over exec from a careless parent, and a thread that can't be kicked would run for ever.
    sigset_t kick;
    sigemptyset(&kick);
    sigaddset(&kick, SIGRTMIN);
    pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
    start.body(start.context);
    return NULL;
}

int clinux_thread_start(uint64_t *thread, const char *name, void (*body)(void *), void *context) {
    struct thread_start *start = calloc(1, sizeof *start);
    if (!start) return -ENOMEM;
    strncpy(start->name, name, sizeof start->name - 1);
    start->body = body;
    start->context = context;
    pthread_t id;
    int error = pthread_create(&id, NULL, thread_main, start);
    if (error) {
        free(start);
        return -error;
    }
    *thread = (uint64_t)id;
    return 0;
}

int clinux_set_affinity(const int *cpus, size_t count) {
    // 8192 CPUs: the most that any architecture's Linux takes (NR_CPUS, x86).
    unsigned long mask[8192 / (8 * sizeof(unsigned long))] = {0};
    const int bits = 8 * sizeof mask[0];
    for (size_t i = 0; i < count; i++) {
        if (cpus[i] < 0 || cpus[i] >= 8192) return -EINVAL;
        mask[cpus[i] / bits] |= 1ul << (cpus[i] % bits);
    }
    return RESULT(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
}

int clinux_thread_join(uint64_t thread) { return -pthread_join((pthread_t)thread, NULL); }
int clinux_thread_kick(uint64_t thread) { return -pthread_kill((pthread_t)thread, SIGRTMIN); }

uint32_t clinux_change_count(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
void clinux_change_wait(uint32_t *word, uint32_t seen) {
    // The kernel compares and sleeps in one step: EAGAIN when the word has changed, EINTR for a signal. Both end the wait.
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
void clinux_change_signal(uint32_t *word) {
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void ignore_kick(int signal) { (void)signal; }
int clinux_install_kick_handler(void) {
    // No SA_RESTART: the point of the signal is that KVM_RUN returns EINTR.
    struct sigaction action = {.sa_handler = ignore_kick};
    return RESULT(sigaction(SIGRTMIN, &action, NULL));
}
int clinux_block_signal(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void clinux_block_all_signals(sigset_t *before) {
    sigset_t set;
    sigfillset(&set);
    pthread_sigmask(SIG_BLOCK, &set, before);
}
void clinux_restore_signals(const sigset_t *before) { pthread_sigmask(SIG_SETMASK, before, NULL); }

const char *clinux_errno_name(int error) { return strerrorname_np(error); }
const char *clinux_errno_text(int error) {
    const char *text = strerrordesc_np(error);
    return text ? text : "unknown error";
}

int clinux_is_terminal(int fd) { return isatty(fd); }
int clinux_terminal_get(int fd, struct termios *attributes) { return RESULT(tcgetattr(fd, attributes)); }
int clinux_terminal_set(int fd, const struct termios *attributes) {
    // A background process that sets its terminal gets SIGTTOU and stops; it must not, least of all when restoring.
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    int result = RESULT(tcsetattr(fd, TCSANOW, attributes));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}
void clinux_terminal_make_raw(struct termios *attributes) {
    cfmakeraw(attributes);
    attributes->c_oflag |= OPOST;  // the report and log lines still end in a carriage return
}

/// The terminal that is guarded, or -1, and the attributes that it gets.
static volatile sig_atomic_t guarded_terminal = -1;
static struct termios guarded_attributes;
/// What a process dies of by itself: Swift's traps are SIGILL or SIGTRAP.
static const int crashes[] = {SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
enum { CRASHES = sizeof crashes / sizeof crashes[0] };
static struct sigaction before_guard[CRASHES];

// Calls only what signal-safety(7) lists.
static void restore_terminal_and_die(int signal) {
    int fd = guarded_terminal;
    guarded_terminal = -1;
    if (fd >= 0) clinux_terminal_set(fd, &guarded_attributes);
    // It comes again when this returns, and finds the action that it would have found without a guard.
    for (int i = 0; i < CRASHES; i++) sigaction(crashes[i], &before_guard[i], NULL);
    raise(signal);
}
void clinux_terminal_guard(int fd, const struct termios *attributes) {
    static atomic_flag is_installed = ATOMIC_FLAG_INIT;
    guarded_terminal = -1;
    guarded_attributes = *attributes;
    atomic_signal_fence(memory_order_seq_cst);
    guarded_terminal = fd;
    if (atomic_flag_test_and_set(&is_installed)) return;
    for (int i = 0; i < CRASHES; i++) {
        struct sigaction action = {.sa_handler = restore_terminal_and_die, .sa_flags = SA_ONSTACK};
        sigaction(crashes[i], &action, &before_guard[i]);
    }
}
void clinux_terminal_unguard(int fd) {
    if (guarded_terminal == fd) guarded_terminal = -1;
}
int clinux_is_foreground(int fd) {
    pid_t group = tcgetpgrp(fd);
    return group < 0 || group == getpgrp();
}
int clinux_reopen(int fd, bool for_writing) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return clinux_open(path, (for_writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
}
long clinux_send_nonblocking(int fd, const void *buffer, size_t count) {
    return RESULT(send(fd, buffer, count, MSG_DONTWAIT | MSG_NOSIGNAL));
}
long clinux_receive_nonblocking(int fd, void *buffer, size_t count) {
    return RESULT(recv(fd, buffer, count, MSG_DONTWAIT));
}

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/// A call's time limit: the kick signal comes to this thread until `limit_end`.
struct limit {
    timer_t timer;
    sigset_t before;
};

static int limit_begin(struct limit *limit) {
    int result = clinux_install_kick_handler();
    if (result < 0) return result;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, &limit->timer) < 0) return -errno;
    sigset_t kick;
    sigemptyset(&kick);
    sigaddset(&kick, SIGRTMIN);
    pthread_sigmask(SIG_UNBLOCK, &kick, &limit->before);
    // Again and again: a signal that comes before the call doesn't cut it off.
    struct timespec step = {.tv_nsec = 10000000};
    struct itimerspec when = {.it_value = step, .it_interval = step};
    timer_settime(limit->timer, 0, &when, NULL);
    return 0;
}
static void limit_end(struct limit *limit) {
    timer_delete(limit->timer);
    pthread_sigmask(SIG_SETMASK, &limit->before, NULL);
}
long clinux_read_briefly(int fd, void *buffer, size_t count) {
    struct limit limit;
    int error = limit_begin(&limit);
    if (error < 0) return error;
    long result = RESULT(read(fd, buffer, count));
    limit_end(&limit);
    return result;
}
long clinux_write_briefly(int fd, const void *buffer, size_t count) {
    struct limit limit;
    int error = limit_begin(&limit);
    if (error < 0) return error;
    long result = RESULT(write(fd, buffer, count));
    limit_end(&limit);
    return result;
}
int clinux_reserve_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        // open gives the lowest number that is free, which is this one.
        if (open("/", O_PATH) < 0) return -errno;
    }
    return 0;
}
int clinux_close_all_on_exec(void) {
#ifdef SYS_close_range
    // 1 << 2 is CLOSE_RANGE_CLOEXEC (include/uapi/linux/close_range.h, Linux 5.11).
    return (int)RESULT(syscall(SYS_close_range, 3, ~0U, 1 << 2));
#else
    return -ENOSYS;
#endif
}
int clinux_close_on_exec(int fd) { return RESULT(fcntl(fd, F_SETFD, FD_CLOEXEC)); }
int clinux_ignore_broken_pipes(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    return RESULT(sigaction(SIGPIPE, &action, NULL));
}
static int poll_one(int fd, short events, int timeout_milliseconds) {
    struct pollfd poll_fd = {.fd = fd, .events = events};
    return RESULT(poll(&poll_fd, 1, timeout_milliseconds));
}
int clinux_poll_writable(int fd, int timeout_milliseconds) { return poll_one(fd, POLLOUT, timeout_milliseconds); }
int clinux_poll_readable(int fd, int timeout_milliseconds) { return poll_one(fd, POLLIN, timeout_milliseconds); }

int clinux_pipe(int ends[2]) { return RESULT(pipe2(ends, O_CLOEXEC)); }
int clinux_spawn(const char *program, char *const arguments[], int input, int output, int error) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int result = posix_spawn_file_actions_init(&files);
    if (result) return -result;
    result = posix_spawnattr_init(&attributes);
    if (result) {
        posix_spawn_file_actions_destroy(&files);
        return -result;
    }
    // A program starts with no signal blocked or ignored, whatever this process has done with its own.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (!result) result = posix_spawnattr_setsigmask(&attributes, &none);
    if (!result) result = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!result) result = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!result)
        result = input < 0 ? posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
                           : posix_spawn_file_actions_adddup2(&files, input, 0);
    if (!result) result = posix_spawn_file_actions_adddup2(&files, output, 1);
    if (!result) result = posix_spawn_file_actions_adddup2(&files, error, 2);
    // Also what this process was started with, on a kernel that can't mark it all at once.
    if (!result) result = posix_spawn_file_actions_addclosefrom_np(&files, 3);
    pid_t process = 0;
    if (!result) {
        // With SIGCHLD ignored, which is inherited, the kernel would forget the exit status.
        signal(SIGCHLD, SIG_DFL);
        result = posix_spawnp(&process, program, &files, &attributes, arguments, environ);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return result ? -result : process;
}
int clinux_wait(int process, bool blocks) {
    int status;
    pid_t result = waitpid(process, &status, blocks ? 0 : WNOHANG);
    if (result < 0) return -errno;
    if (result == 0) return -EAGAIN;
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}
int clinux_kill(int process) { return RESULT(kill(process, SIGKILL)); }
int clinux_poll_either(int first, int second, int timeout_milliseconds) {
    struct pollfd fds[] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
    int result = RESULT(poll(fds, 2, timeout_milliseconds));
    return result < 0 ? result : (fds[0].revents ? 1 : 0) | (fds[1].revents ? 2 : 0);
}
