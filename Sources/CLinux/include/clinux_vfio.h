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
/// VFIO_IOMMU_GET_INFO: fills `size` bytes with struct vfio_iommu_type1_info and the capabilities that fit behind it; its
/// first word then says how many bytes all of it takes.
int clinux_vfio_iommu_get_info(int container, void *_Nonnull buffer, uint32_t size);

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

// Devices by their own files (since Linux 6.6), and the iommufd that they are bound to (since Linux 6.2).
// Source: include/uapi/linux/iommufd.h and vfio.h of Linux 6.12.

int clinux_vfio_device_bind_iommufd(int device, int iommufd);
int clinux_vfio_device_attach_iommufd_pt(int device, uint32_t address_space);
int clinux_vfio_device_detach_iommufd_pt(int device);

int clinux_iommu_ioas_alloc(int iommufd, uint32_t *_Nonnull address_space);
int clinux_iommu_destroy(int iommufd, uint32_t object);
/// `ranges` takes pairs of a first and a last address; `count` is the room for pairs, then how many there are, and -EMSGSIZE
/// says that there are more than fitted.
int clinux_iommu_ioas_iova_ranges(int iommufd, uint32_t address_space, uint64_t *_Nonnull ranges,
                                  uint32_t *_Nonnull count);
int clinux_iommu_ioas_map(int iommufd, uint32_t address_space, uint64_t host_address, uint64_t iova, uint64_t size);
int clinux_iommu_ioas_unmap(int iommufd, uint32_t address_space, uint64_t iova, uint64_t size);
