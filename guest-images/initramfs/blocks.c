// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// blocks DEVICE FIRST-MIB MIB TOTAL-MIB SEED: reads and writes that area of a disk at random places, in random sizes from 4 KiB to
// 1 MiB, past the page cache, until TOTAL-MIB MiB have gone over. Each block of 4 KiB that is written says of itself, in each of its
// words, which block it is and how often it has been written; each that is read has to say what was written there last. At the end
// all of the area that was written is read once more. Then it prints what it did; the exit status is 0 if every block was right.
//
// Without a C library: it goes into the initramfs.

#include <stddef.h>
#include <stdint.h>

enum { BLOCK = 4096, LARGEST = 256 * BLOCK, MOST_BLOCKS = 1 << 16 };

// The system calls of arm64 (include/uapi/asm-generic/unistd.h).
enum { OPENAT = 56, WRITE = 64, PREAD64 = 67, PWRITE64 = 68, FSYNC = 82, EXIT = 93 };
enum { AT_FDCWD = -100, O_RDWR = 2, O_DIRECT = 0x10000 };

static long call(long number, long a, long b, long c, long d) {
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
                  x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

static uint64_t buffer[LARGEST / 8] __attribute__((aligned(BLOCK)));
static uint32_t versions[MOST_BLOCKS]; // how often each block was written; 0: its content isn't known

static char line[256];
static size_t length;

static void text(const char *words) {
    while (*words && length < sizeof line) line[length++] = *words++;
}

static void number(uint64_t value) {
    char digits[20];
    int count = 0;
    do digits[count++] = '0' + value % 10;
    while (value /= 10);
    while (count > 0 && length < sizeof line) line[length++] = digits[--count];
}

static void end(int status) {
    text("\n");
    call(WRITE, 1, (long)line, length, 0);
    call(EXIT, status, 0, 0, 0);
    __builtin_unreachable();
}

static void fail(const char *what, uint64_t offset, long result) {
    length = 0;
    text("blocks: ");
    text(what);
    text(" at ");
    number(offset);
    text(" gave ");
    text(result < 0 ? "-" : "");
    number(result < 0 ? -result : result);
    end(1);
}

static uint64_t argument(const char *digits) {
    uint64_t value = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++) value = value * 10 + (*digits - '0');
    return value;
}

// splitmix64, by S. Vigna (public domain).
static uint64_t mix(uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

static uint64_t state, seed, first;
static uint64_t random_below(uint64_t limit) { return mix(state += 0x9e3779b97f4a7c15) % limit; }

// The word at `index` of a block is this, plus the index times an odd number: no two words of a block, and no two blocks, agree.
static uint64_t word(uint64_t block, uint32_t version) { return mix(seed ^ mix((first + block) << 32 | version)); }
static const uint64_t STEP = 0x9e3779b97f4a7c15;

static void fill(uint64_t *words, uint64_t block) {
    uint64_t value = word(block, versions[block]);
    for (size_t i = 0; i < BLOCK / 8; i++, value += STEP) words[i] = value;
}

static uint64_t compared, wrong, first_wrong;

static void compare(const uint64_t *words, uint64_t block) {
    if (!versions[block]) return;
    uint64_t value = word(block, versions[block]), difference = 0;
    for (size_t i = 0; i < BLOCK / 8; i++, value += STEP) difference |= words[i] ^ value;
    compared++;
    if (difference && !wrong++) first_wrong = block;
}

static void transfer(int file, uint64_t block, uint64_t count, int writes) {
    uint64_t offset = (first + block) * BLOCK;
    for (uint64_t i = 0; writes && i < count; i++) {
        versions[block + i]++;
        fill(buffer + i * (BLOCK / 8), block + i);
    }
    long result = call(writes ? PWRITE64 : PREAD64, file, (long)buffer, count * BLOCK, offset);
    if (result != (long)(count * BLOCK)) fail(writes ? "a write" : "a read", offset, result);
    for (uint64_t i = 0; !writes && i < count; i++) compare(buffer + i * (BLOCK / 8), block + i);
}

__attribute__((used)) static void run(long *stack) {
    char **arguments = (char **)(stack + 1);
    if (stack[0] != 6) fail("the command line", 0, stack[0]);
    first = argument(arguments[2]) * (1048576 / BLOCK);
    uint64_t blocks = argument(arguments[3]) * (1048576 / BLOCK), total = argument(arguments[4]) * 1048576;
    state = seed = argument(arguments[5]);
    if (blocks < LARGEST / BLOCK || blocks > MOST_BLOCKS) fail("the area", first, blocks);
    int file = call(OPENAT, AT_FDCWD, (long)arguments[1], O_RDWR | O_DIRECT, 0);
    if (file < 0) fail("open", 0, file);

    uint64_t read = 0, written = 0, requests = 0;
    while (read + written < total) {
        // As many small ones as large ones.
        uint64_t count = 1 + random_below((uint64_t)1 << random_below(9)), block = random_below(blocks - count + 1);
        int writes = random_below(2);
        transfer(file, block, count, writes);
        *(writes ? &written : &read) += count * BLOCK;
        requests++;
    }
    long result = call(FSYNC, file, 0, 0, 0);
    if (result < 0) fail("fsync", 0, result);
    for (uint64_t block = 0; block < blocks; block += LARGEST / BLOCK) {
        uint64_t count = blocks - block < LARGEST / BLOCK ? blocks - block : LARGEST / BLOCK;
        transfer(file, block, count, 0);
        read += count * BLOCK;
        requests++;
    }
    text("blocks: read ");
    number(read >> 20);
    text(" written ");
    number(written >> 20);
    text(" MiB in ");
    number(requests);
    text(" requests compared ");
    number(compared);
    text(" wrong ");
    number(wrong);
    if (wrong) {
        text(" the first at ");
        number((first + first_wrong) * BLOCK);
    }
    end(wrong || !compared);
}

__asm__(".globl _start\n_start: mov x0, sp\n b run\n");
