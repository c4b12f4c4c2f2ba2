// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The VFIO ioctls, one function each, with the kernel's convention: a negative result is -errno.
// Source: include/uapi/linux/vfio.h, Documentation/driver-api/vfio.rst.

#pragma once

#include <linux/vfio.h>
#include <stdint.h>

int clinux_vfio_get_api_version(int container);
/// 1 when the container supports `type` (VFIO_TYPE1v2_IOMMU, VFIO_NOIOMMU_IOMMU, …), 0 when not.
int clinux_vfio_check_extension(int container, unsigned long type);
int clinux_vfio_set_iommu(int container, unsigned long type);
int clinux_vfio_map_dma(int container, uint64_t host_address, uint64_t iova, uint64_t size);
int clinux_vfio_unmap_dma(int container, uint64_t iova, uint64_t size);

/// Flags of VFIO_GROUP_GET_STATUS, or -errno.
int clinux_vfio_group_get_status(int group);
int clinux_vfio_group_set_container(int group, int container);
int clinux_vfio_group_unset_container(int group);
int clinux_vfio_group_get_device_fd(int group, const char *_Nonnull name);

int clinux_vfio_device_get_info(int device, uint32_t *_Nonnull flags, uint32_t *_Nonnull regions,
                                uint32_t *_Nonnull interrupts);
int clinux_vfio_device_get_region_info(int device, uint32_t index, uint32_t *_Nonnull flags, uint64_t *_Nonnull size,
                                       uint64_t *_Nonnull offset);
int clinux_vfio_device_get_irq_info(int device, uint32_t index, uint32_t *_Nonnull flags, uint32_t *_Nonnull count);
/// VFIO_DEVICE_SET_IRQS for subindex 0 with one eventfd; -1 takes the eventfd away.
int clinux_vfio_device_set_irq_eventfd(int device, uint32_t index, uint32_t action, int eventfd);
/// VFIO_DEVICE_SET_IRQS for subindex 0 with no data: performs `action` (VFIO_IRQ_SET_ACTION_*) now.
int clinux_vfio_device_set_irq_none(int device, uint32_t index, uint32_t action);
/// VFIO_DEVICE_SET_IRQS with a count of 0: takes all triggers of `index` down.
int clinux_vfio_device_disable_irq(int device, uint32_t index);
int clinux_vfio_device_reset(int device);
