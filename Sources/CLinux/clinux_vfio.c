// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#include "clinux_vfio.h"

#include <string.h>

#include "clinux_system.h"

#define CALL(fd, request, argument) ((int)clinux_ioctl(fd, request, (uintptr_t)(argument)))

int clinux_vfio_get_api_version(int container) { return CALL(container, VFIO_GET_API_VERSION, 0); }
int clinux_vfio_check_extension(int container, unsigned long type) {
    return CALL(container, VFIO_CHECK_EXTENSION, type);
}
int clinux_vfio_set_iommu(int container, unsigned long type) { return CALL(container, VFIO_SET_IOMMU, type); }

int clinux_vfio_map_dma(int container, uint64_t host_address, uint64_t iova, uint64_t size) {
    struct vfio_iommu_type1_dma_map map = {.argsz = sizeof map,
                                           .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                                           .vaddr = host_address,
                                           .iova = iova,
                                           .size = size};
    return CALL(container, VFIO_IOMMU_MAP_DMA, &map);
}

int clinux_vfio_unmap_dma(int container, uint64_t iova, uint64_t size) {
    struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof unmap, .iova = iova, .size = size};
    return CALL(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

int clinux_vfio_iommu_get_info(int container, void *buffer, uint32_t size) {
    memset(buffer, 0, size);
    memcpy(buffer, &size, sizeof size);
    return CALL(container, VFIO_IOMMU_GET_INFO, buffer);
}

int clinux_vfio_group_get_status(int group) {
    struct vfio_group_status status = {.argsz = sizeof status};
    int result = CALL(group, VFIO_GROUP_GET_STATUS, &status);
    return result < 0 ? result : (int)status.flags;
}
int clinux_vfio_group_set_container(int group, int container) {
    return CALL(group, VFIO_GROUP_SET_CONTAINER, &container);
}
int clinux_vfio_group_unset_container(int group) { return CALL(group, VFIO_GROUP_UNSET_CONTAINER, 0); }
int clinux_vfio_group_get_device_fd(int group, const char *name) {
    return CALL(group, VFIO_GROUP_GET_DEVICE_FD, name);
}

int clinux_vfio_device_get_info(int device, uint32_t *flags, uint32_t *regions, uint32_t *interrupts) {
    struct vfio_device_info info = {.argsz = sizeof info};
    int result = CALL(device, VFIO_DEVICE_GET_INFO, &info);
    *flags = info.flags;
    *regions = info.num_regions;
    *interrupts = info.num_irqs;
    return result;
}

int clinux_vfio_device_get_region_info(int device, uint32_t index, uint32_t *flags, uint64_t *size,
                                       uint64_t *offset) {
    struct vfio_region_info info = {.argsz = sizeof info, .index = index};
    int result = CALL(device, VFIO_DEVICE_GET_REGION_INFO, &info);
    *flags = info.flags;
    *size = info.size;
    *offset = info.offset;
    return result;
}

int clinux_vfio_device_get_irq_info(int device, uint32_t index, uint32_t *flags, uint32_t *count) {
    struct vfio_irq_info info = {.argsz = sizeof info, .index = index};
    int result = CALL(device, VFIO_DEVICE_GET_IRQ_INFO, &info);
    *flags = info.flags;
    *count = info.count;
    return result;
}

int clinux_vfio_device_set_irq_eventfd(int device, uint32_t index, uint32_t action, int eventfd) {
    _Alignas(struct vfio_irq_set) char buffer[sizeof(struct vfio_irq_set) + sizeof(int32_t)] = {0};
    struct vfio_irq_set *set = (struct vfio_irq_set *)buffer;
    set->argsz = sizeof buffer;
    set->flags = VFIO_IRQ_SET_DATA_EVENTFD | action;
    set->index = index;
    set->count = 1;
    int32_t descriptor = eventfd;
    memcpy(set->data, &descriptor, sizeof descriptor);
    return CALL(device, VFIO_DEVICE_SET_IRQS, buffer);
}

static int set_irqs_without_data(int device, uint32_t index, uint32_t action, uint32_t count) {
    struct vfio_irq_set set = {
        .argsz = sizeof set, .flags = VFIO_IRQ_SET_DATA_NONE | action, .index = index, .count = count};
    return CALL(device, VFIO_DEVICE_SET_IRQS, &set);
}
int clinux_vfio_device_set_irq_none(int device, uint32_t index, uint32_t action) {
    return set_irqs_without_data(device, index, action, 1);
}
int clinux_vfio_device_disable_irq(int device, uint32_t index) {
    return set_irqs_without_data(device, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
}
int clinux_vfio_device_reset(int device) { return CALL(device, VFIO_DEVICE_RESET, 0); }

// --- Device files and iommufd. The installed headers may be older than these: spelt out here, from
// include/uapi/linux/vfio.h (VFIO_DEVICE_BIND_IOMMUFD and the two after it) and include/uapi/linux/iommufd.h of Linux 6.12.

struct bind_iommufd {
    uint32_t argsz, flags;
    int32_t iommufd;
    uint32_t out_devid;
};
struct attach_iommufd_pt {
    uint32_t argsz, flags, pt_id;
};
struct detach_iommufd_pt {
    uint32_t argsz, flags;
};
#define BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#define DETACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 20)

struct destroy {
    uint32_t size, id;
};
struct ioas_alloc {
    uint32_t size, flags, out_ioas_id;
};
struct ioas_iova_ranges {
    uint32_t size, ioas_id, num_iovas, reserved;
    uint64_t allowed_iovas, out_iova_alignment;
};
struct ioas_map {
    uint32_t size, flags, ioas_id, reserved;
    uint64_t user_va, length, iova;
};
struct ioas_unmap {
    uint32_t size, ioas_id;
    uint64_t iova, length;
};
#define IOMMUFD_CALL(number) _IO(';', 0x80 + (number))
#define IOAS_MAP_FIXED_IOVA (1 << 0)
#define IOAS_MAP_WRITEABLE (1 << 1)
#define IOAS_MAP_READABLE (1 << 2)

#ifdef VFIO_DEVICE_BIND_IOMMUFD
_Static_assert(BIND_IOMMUFD == VFIO_DEVICE_BIND_IOMMUFD && DETACH_IOMMUFD_PT == VFIO_DEVICE_DETACH_IOMMUFD_PT, "");
_Static_assert(sizeof(struct bind_iommufd) == sizeof(struct vfio_device_bind_iommufd), "");
#endif
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
_Static_assert(IOMMUFD_CALL(5) == IOMMU_IOAS_MAP && sizeof(struct ioas_map) == sizeof(struct iommu_ioas_map), "");
_Static_assert(IOMMUFD_CALL(6) == IOMMU_IOAS_UNMAP && sizeof(struct ioas_unmap) == sizeof(struct iommu_ioas_unmap), "");
_Static_assert(sizeof(struct ioas_iova_ranges) == sizeof(struct iommu_ioas_iova_ranges), "");
#endif

int clinux_vfio_device_bind_iommufd(int device, int iommufd) {
    struct bind_iommufd bind = {.argsz = sizeof bind, .iommufd = iommufd};
    return CALL(device, BIND_IOMMUFD, &bind);
}
int clinux_vfio_device_attach_iommufd_pt(int device, uint32_t address_space) {
    struct attach_iommufd_pt attach = {.argsz = sizeof attach, .pt_id = address_space};
    return CALL(device, ATTACH_IOMMUFD_PT, &attach);
}
int clinux_vfio_device_detach_iommufd_pt(int device) {
    struct detach_iommufd_pt detach = {.argsz = sizeof detach};
    return CALL(device, DETACH_IOMMUFD_PT, &detach);
}

int clinux_iommu_ioas_alloc(int iommufd, uint32_t *address_space) {
    struct ioas_alloc alloc = {.size = sizeof alloc};
    int result = CALL(iommufd, IOMMUFD_CALL(1), &alloc);
    *address_space = alloc.out_ioas_id;
    return result;
}
int clinux_iommu_destroy(int iommufd, uint32_t object) {
    struct destroy destroy = {.size = sizeof destroy, .id = object};
    return CALL(iommufd, IOMMUFD_CALL(0), &destroy);
}
int clinux_iommu_ioas_iova_ranges(int iommufd, uint32_t address_space, uint64_t *ranges, uint32_t *count) {
    struct ioas_iova_ranges query = {
        .size = sizeof query, .ioas_id = address_space, .num_iovas = *count, .allowed_iovas = (uintptr_t)ranges};
    int result = CALL(iommufd, IOMMUFD_CALL(4), &query);
    *count = query.num_iovas;
    return result;
}
int clinux_iommu_ioas_map(int iommufd, uint32_t address_space, uint64_t host_address, uint64_t iova, uint64_t size) {
    struct ioas_map map = {.size = sizeof map,
                           .flags = IOAS_MAP_FIXED_IOVA | IOAS_MAP_WRITEABLE | IOAS_MAP_READABLE,
                           .ioas_id = address_space,
                           .user_va = host_address,
                           .length = size,
                           .iova = iova};
    return CALL(iommufd, IOMMUFD_CALL(5), &map);
}
int clinux_iommu_ioas_unmap(int iommufd, uint32_t address_space, uint64_t iova, uint64_t size) {
    struct ioas_unmap unmap = {.size = sizeof unmap, .ioas_id = address_space, .iova = iova, .length = size};
    return CALL(iommufd, IOMMUFD_CALL(6), &unmap);
}
