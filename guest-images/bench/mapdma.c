// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// mapdma GROUP MEBIBYTES: how many nanoseconds VFIO_IOMMU_MAP_DMA takes for guest memory of that size, and nothing else: what a
// monitor can't do without. The memory is as Martlet's: a memfd that asks for huge pages, none of them touched yet.
// Source: Documentation/driver-api/vfio.rst.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void need(int ok, const char *what) {
    if (ok) return;
    perror(what);
    exit(1);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    char path[64];
    snprintf(path, sizeof path, "/dev/vfio/%s", arguments[1]);
    uint64_t size = strtoull(arguments[2], NULL, 10) << 20;
    int container = open("/dev/vfio/vfio", O_RDWR), group = open(path, O_RDWR);
    need(container >= 0 && group >= 0, path);
    need(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) == 0, "VFIO_GROUP_SET_CONTAINER");
    need(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0, "VFIO_SET_IOMMU");
    int memory = memfd_create("ram", MFD_CLOEXEC);
    need(memory >= 0 && ftruncate(memory, (off_t)size) == 0, "memfd_create");
    void *ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    need(ram != MAP_FAILED, "mmap");
    madvise(ram, size, MADV_HUGEPAGE);
    struct vfio_iommu_type1_dma_map map = {.argsz = sizeof map,
                                           .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                                           .vaddr = (uintptr_t)ram,
                                           .iova = 0x80000000,
                                           .size = size};
    int64_t start = now();
    need(ioctl(container, VFIO_IOMMU_MAP_DMA, &map) == 0, "VFIO_IOMMU_MAP_DMA");
    printf("%lld\n", (long long)(now() - start));
    return 0;
}
