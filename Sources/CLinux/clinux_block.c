// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The files and block devices that are a guest's drives.

#define _GNU_SOURCE
#include "clinux_system.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define RESULT(call)                             \
    ({                                           \
        __typeof__(call) result_ = (call);       \
        result_ < 0 ? (__typeof__(call))-errno : result_; \
    })

// What LinuxSystem calls a segment: an address and a number of bytes.
_Static_assert(sizeof(struct iovec) == 16, "an iovec has two words of 64 bits");
_Static_assert(offsetof(struct iovec, iov_len) == 8, "the address comes first");

long clinux_preadv(int fd, const void *segments, int count, off_t offset) {
    return RESULT(preadv2(fd, segments, count, offset, 0));
}
long clinux_pwritev(int fd, const void *segments, int count, off_t offset) {
    return RESULT(pwritev2(fd, segments, count, offset, 0));
}
int clinux_synchronize_data(int fd) { return RESULT(fdatasync(fd)); }

int clinux_lock_whole_file(int fd, bool exclusive) {
    struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    return RESULT(fcntl(fd, F_OFD_SETLK, &lock));
}

int clinux_block_geometry(int fd, uint64_t *size, uint32_t *logical, uint32_t *physical, int *read_only) {
    int logical_size = 0;
    unsigned physical_size = 0;
    if (ioctl(fd, BLKGETSIZE64, size) < 0 || ioctl(fd, BLKSSZGET, &logical_size) < 0) return -errno;
    if (ioctl(fd, BLKPBSZGET, &physical_size) < 0 || ioctl(fd, BLKROGET, read_only) < 0) return -errno;
    *logical = (uint32_t)logical_size;
    *physical = physical_size;
    return 0;
}

int clinux_punch_hole(int fd, off_t offset, off_t length) {
    return RESULT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
}
int clinux_zero_range(int fd, off_t offset, off_t length) {
    return RESULT(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length));
}
int clinux_block_discard(int fd, uint64_t offset, uint64_t length) {
    uint64_t range[2] = {offset, length};
    return RESULT(ioctl(fd, BLKDISCARD, range));
}
int clinux_block_zero(int fd, uint64_t offset, uint64_t length) {
    uint64_t range[2] = {offset, length};
    return RESULT(ioctl(fd, BLKZEROOUT, range));
}
