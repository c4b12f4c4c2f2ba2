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
