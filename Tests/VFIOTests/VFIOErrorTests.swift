// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing
import VFIO

/// What each errno of each call is turned into.
@Suite struct VFIOErrorTests {
    static let group = facts("a", isNoIOMMU: false)
    static let noIOMMUGroup = facts("b", isNoIOMMU: true)

    private static func facts(_ name: String, isNoIOMMU: Bool) -> HostDevice.IOMMUGroup {
        let kernel = FakeKernel()
        kernel.addHostDevice(name, group: 7, isNoIOMMU: isNoIOMMU)
        do {
            return try HostDevice(host: name, sysfs: Sysfs(system: kernel)).readyGroup()
        } catch {
            preconditionFailure("the fixture is no device: \(error)")
        }
    }

    private static let rawIO = [
        "  a device without an IOMMU needs CAP_SYS_RAWIO: run martlet as root, or give the program the capability",
        "  run: setcap cap_sys_rawio+ep \"$(command -v martlet)\"",
    ]

    private func check(_ operation: VFIOOperation, _ errno: Errno, _ lines: [String]) {
        let text = VFIOError.failed(device: "dev", operation, errno).description
        let found = text.split(separator: "\n").map(String.init)
        #expect(found.first == "dev: \(operation.description) failed: \(errno.nameAndText)")
        #expect(Array(found.dropFirst()) == lines)
    }

    @Test func `opening the container`() {
        for errno: Errno in [.noSuchFileOrDirectory, .operationNotSupportedByDevice] {
            check(
                .openContainer, errno,
                [
                    "  the kernel has no VFIO container: its module isn't loaded, or CONFIG_VFIO_CONTAINER is off",
                    "  run: modprobe vfio",
                ])
        }
        check(
            .openContainer, .permissionDenied,
            ["  this user may not open it", "  run: chmod a+rw /dev/vfio/vfio"])
        check(
            .openContainer, .notPermitted,
            ["  the control group of this process forbids it; start the container with --device /dev/vfio/vfio"])
        check(
            .openContainer, .tooManyOpenFiles,
            ["  this process has reached its limit of open descriptors", "  run: ulimit -n 4096"])
    }

    @Test func `opening the group`() {
        check(
            .openGroup(Self.group), .resourceBusy,
            ["  another process uses the group", "  run: fuser -v /dev/vfio/7"])
        check(
            .openGroup(Self.group), .permissionDenied,
            ["  this user may not open it", "  run: chown \"$USER\" /dev/vfio/7"])
        check(.openGroup(Self.noIOMMUGroup), .notPermitted, Self.rawIO)
        check(
            .openGroup(Self.group), .notPermitted,
            ["  the control group of this process forbids it; start the container with --device /dev/vfio/7"])
        check(
            .openGroup(Self.group), .operationNotSupportedByDevice,
            ["  the last device of the group has just left its VFIO driver"])
    }

    @Test func `attaching the group`() {
        check(.setContainer(Self.noIOMMUGroup), .notPermitted, Self.rawIO)
        // A host driver or a process may have come since the group said that it was viable.
        check(
            .setContainer(Self.group), .notPermitted,
            [
                "  another process uses a device of the group", "  run: fuser -v /dev/vfio/7 /dev/vfio/devices/*",
            ])
        check(
            .setContainer(Self.group), .resourceBusy,
            ["  another process uses the group's IOMMU", "  run: fuser -v /dev/vfio/7 /dev/vfio/devices/*"])
        check(
            .setContainer(Self.group), .invalidArgument,
            [
                "  the group is already in a container, or the firmware requires a 1:1 mapping for one of its devices",
                "  run: dmesg | tail",
            ])
    }

    @Test func `setting the IOMMU`() {
        check(
            .setIOMMU(.type1v2), .notPermitted,
            [
                "  the platform doesn't isolate message-signalled interrupts: the device can raise any interrupt of the host",
                "  only if you trust guest and device:",
                "  run: echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
            ])
        check(.setIOMMU(.noIOMMU), .notPermitted, Self.rawIO)
        check(
            .setIOMMU(.type1v2), .operationNotSupportedByDevice,
            ["  the kernel's driver for it isn't loaded", "  run: modprobe vfio_iommu_type1"])
        check(
            .setIOMMU(.noIOMMU), .operationNotSupportedByDevice,
            [
                "  no-IOMMU mode is off; if you turn it on, the device can access all of the host's memory:",
                "  run: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
            ])
    }

    @Test func `getting the device`() {
        check(
            .getDevice(isNoIOMMU: false), .invalidArgument,
            [
                "  vfio-platform resets the device on open, and the reset failed",
                "  run: dmesg | tail",
                "  to use it without a reset, start the host with vfio_platform.reset_required=0, or:",
                "  run: modprobe -r vfio-platform && modprobe vfio-platform reset_required=0",
            ])
        check(
            .getDevice(isNoIOMMU: false), .operationNotSupportedByDevice,
            ["  the device has just left its VFIO driver"])
        check(.getDevice(isNoIOMMU: true), .notPermitted, Self.rawIO)
    }

    @Test func `talking to the device`() {
        for operation: VFIOOperation in [
            .getDeviceInfo, .getRegionInfo(1), .getInterruptInfo(2), .readRegion(0, offset: 4, size: 4),
        ] {
            check(
                operation, .ioError,
                ["  the kernel can't resume the device (runtime power management)", "  run: dmesg | tail"])
        }
        check(
            .mapRegion(0), .invalidArgument,
            [
                "  the kernel refuses to map this region, though it reports that it can",
                "  set no_mmap for the device: Martlet then traps and forwards each access",
            ])
        check(
            .wireInterrupt(.trigger, 0), .resourceBusy,
            [
                "  a host driver uses the interrupt line, which can't be shared",
                "  run: cat /proc/interrupts",
            ])
        check(.wireInterrupt(.unmask, 0), .resourceBusy, ["  another eventfd already unmasks this interrupt"])
    }

    @Test func `mapping for DMA`() {
        let operation = VFIOOperation.mapDMA(iova: 0x8000_0000, size: 0x1000, group: 7)
        #expect(operation.description == "VFIO_IOMMU_MAP_DMA of 0x1000 bytes at 0x80000000")
        for errno: Errno in [.noMemory, .notPermitted] {
            check(
                operation, errno,
                [
                    "  DMA locks all of the guest's RAM: this process may not lock that much, or the host is short of memory",
                    "  run martlet as root, or raise LimitMEMLOCK= of its service, or:",
                    "  run: ulimit -l unlimited",
                ])
        }
        check(
            operation, .invalidArgument,
            [
                "  the addresses are not on the IOMMU's page boundaries, or they are reserved (often for interrupts)",
                "  set machine-config.ram_base, or the device's guest_address, to other addresses",
                "  run: cat /sys/kernel/iommu_groups/7/reserved_regions",
            ])
        check(operation, .fileExists, ["  other memory is already mapped at these addresses"])
        check(
            operation, .noSpace,
            [
                "  the container has reached its limit of DMA mappings",
                "  run: cat /sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
            ])
    }
}
