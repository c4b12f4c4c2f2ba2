// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem

/// What an errno means for each call, and what to do about it.
///
/// Source: Linux 6.12, drivers/vfio/{container,group,device_cdev,vfio_main,virqfd,vfio_iommu_type1}.c,
/// drivers/vfio/platform/vfio_platform_{common,irq}.c, drivers/iommu/iommu.c, drivers/iommu/iommufd/{device,pages}.c.
extension VFIOOperation {
    /// The lines after the first line of an error: the reason, then commands that help, each after "run: ".
    func help(_ errno: Errno) -> [String] {
        if !errno.remedy.isEmpty { return errno.remedy }
        switch self {
        case .openContainer: return containerHelp(errno)
        case .openGroup(let group): return groupHelp(group, errno)
        case .setContainer(let group): return setContainerHelp(group, errno)
        case .setIOMMU(let type): return setIOMMUHelp(type, errno)
        case .getDevice(let isNoIOMMU): return getDeviceHelp(isNoIOMMU, errno)
        case .wireInterrupt, .performInterrupt, .disableInterrupt: return interruptHelp(errno)
        case .reset: return resetHelp(errno)
        case .mapDMA(_, _, let group), .mapAddressSpace(_, _, let group): return mapDMAHelp(group, errno)
        case .openIOMMUFD: return iommufdHelp(errno)
        case .openDeviceFile(let path): return deviceFileHelp(path, errno)
        case .adopt(let key, _) where errno == .badFileDescriptor:
            return ["this descriptor isn't open: start Martlet with it, or correct \(key)"]
        case .bind(let group, let file): return bindHelp(group, file, errno)
        case .attach: return attachHelp(errno)
        case .getGroupStatus where errno == .operationNotSupportedByDevice:
            return ["the last device of the group has just left its VFIO driver"]
        case .mapRegion where errno == .invalidArgument:
            return [
                "the kernel refuses to map this region, though it reports that it can",
                "set no_mmap for the device: Martlet then traps and forwards each access",
            ]
        case .getDeviceInfo, .getRegionInfo, .getInterruptInfo, .readRegion, .writeRegion:
            // vfio_main.c resumes the device before any of these calls, and reports a failure as EIO.
            guard errno == .ioError else { return [] }
            return ["the kernel can't resume the device (runtime power management)", HostAdvice.kernelLog]
        default: return []
        }
    }

    private static let rawIO = [
        "a device without an IOMMU needs CAP_SYS_RAWIO: run martlet as root, or give the program the capability",
        "run: setcap cap_sys_rawio+ep \"$(command -v martlet)\"",
    ]

    /// EPERM: the file's permissions allow the access, but the control group's device rules don't.
    private static func forbidden(_ path: String) -> [String] {
        ["the control group of this process forbids it; start the container with --device \(path)"]
    }

    private func containerHelp(_ errno: Errno) -> [String] {
        switch errno {
        case .noSuchFileOrDirectory, .operationNotSupportedByDevice, .noSuchAddressOrDevice:
            [
                "the kernel has no VFIO container: its module isn't loaded, or CONFIG_VFIO_CONTAINER is off",
                "run: modprobe vfio",
            ]
        case .permissionDenied: ["this user may not open it", "run: chmod a+rw /dev/vfio/vfio"]
        case .notPermitted: Self.forbidden("/dev/vfio/vfio")
        default: []
        }
    }

    private func groupHelp(_ group: HostDevice.IOMMUGroup, _ errno: Errno) -> [String] {
        switch errno {
        case .noSuchFileOrDirectory:
            [
                "the group has no device node: /dev isn't the host's own, or CONFIG_VFIO_GROUP is off",
                "run: ls -l /dev/vfio",
            ]
        case .permissionDenied:
            ["this user may not open it", "run: chown \"$USER\" \(group.node)"]
        case .notPermitted:
            group.isNoIOMMU ? Self.rawIO : Self.forbidden(group.node)
        case .resourceBusy:
            ["another process uses the group", "run: fuser -v \(group.node)"]
        case .operationNotSupportedByDevice:
            ["the last device of the group has just left its VFIO driver"]
        default: []
        }
    }

    private func setContainerHelp(_ group: HostDevice.IOMMUGroup, _ errno: Errno) -> [String] {
        switch errno {
        case .notPermitted where group.isNoIOMMU: Self.rawIO
        case .notPermitted: HostAdvice.viability(group)
        case .resourceBusy:
            ["another process uses the group's IOMMU", "run: fuser -v \(group.node) /dev/vfio/devices/*"]
        case .invalidArgument:
            [
                "the group is already in a container, or the firmware requires a 1:1 mapping for one of its devices",
                HostAdvice.kernelLog,
            ]
        case .operationNotSupportedByDevice:
            ["the last device of the group has just left its VFIO driver"]
        default: []
        }
    }

    private func setIOMMUHelp(_ type: VFIOIOMMUType, _ errno: Errno) -> [String] {
        switch (type, errno) {
        case (.noIOMMU, .notPermitted): Self.rawIO
        case (.type1v2, .notPermitted): Self.unsafeInterrupts("vfio_iommu_type1")
        case (_, .operationNotSupportedByDevice): Self.missing(type)
        case (.type1v2, .invalidArgument), (.type1v2, .resourceBusy):
            ["the IOMMU can't attach the group", HostAdvice.kernelLog]
        default: []
        }
    }

    /// The platform doesn't guarantee that a device can't trigger other devices' interrupts.
    private static func unsafeInterrupts(_ module: String) -> [String] {
        [
            "the platform doesn't isolate message-signalled interrupts: the device can raise any interrupt of the host",
            "only if you trust guest and device:",
            "run: echo 1 > /sys/module/\(module)/parameters/allow_unsafe_interrupts",
        ]
    }

    private func iommufdHelp(_ errno: Errno) -> [String] {
        switch errno {
        case .noSuchFileOrDirectory, .operationNotSupportedByDevice, .noSuchAddressOrDevice:
            [
                "the kernel has no iommufd: its module isn't loaded, or CONFIG_IOMMUFD is off",
                "run: modprobe iommufd", "or remove vfio, or set it to \"group\": Martlet then uses the device's group",
            ]
        case .permissionDenied:
            ["this user may not open it: pass it in as iommufd_fd, or", "run: chown \"$USER\" /dev/iommu"]
        case .notPermitted: Self.forbidden("/dev/iommu")
        default: []
        }
    }

    private func deviceFileHelp(_ path: String, _ errno: Errno) -> [String] {
        switch errno {
        case .noSuchFileOrDirectory:
            [
                "the device has no file of its own: CONFIG_VFIO_DEVICE_CDEV is off, or /dev isn't the host's own",
                "remove vfio, or set it to \"group\": Martlet then uses the device's group",
            ]
        case .permissionDenied:
            ["this user may not open it: pass it in as vfio_fd, or", "run: chown \"$USER\" \(path)"]
        case .notPermitted: Self.forbidden(path)
        case .operationNotSupportedByDevice: ["the device has just left its VFIO driver"]
        default: []
        }
    }

    private func bindHelp(_ group: HostDevice.IOMMUGroup, _ file: String, _ errno: Errno) -> [String] {
        switch errno {
        case .notPermitted: Self.unsafeInterrupts("iommufd")
        case .resourceBusy: HostAdvice.viability(group)
        case .invalidArgument:
            [
                "another process uses the device, or its reset on open failed",
                "run: fuser -v \(file)", HostAdvice.kernelLog,
            ]
        case .badFileDescriptor, .inappropriateIOCTLForDevice: ["the descriptor is not open for /dev/iommu"]
        default: ["the device's VFIO driver returned this error", HostAdvice.kernelLog]
        }
    }

    private func attachHelp(_ errno: Errno) -> [String] {
        switch errno {
        case .invalidArgument, .resourceBusy, .addressInUse:
            ["the IOMMU can't attach the device, or the firmware requires a 1:1 mapping for it", HostAdvice.kernelLog]
        default: []
        }
    }

    /// What to do when the container can't have an IOMMU of this type.
    static func missing(_ type: VFIOIOMMUType) -> [String] {
        switch type {
        case .type1v2:
            ["the kernel's driver for it isn't loaded", "run: modprobe vfio_iommu_type1"]
        case .noIOMMU:
            [
                "no-IOMMU mode is off; if you turn it on, the device can access all of the host's memory:",
                "run: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
            ]
        }
    }

    private func getDeviceHelp(_ isNoIOMMU: Bool, _ errno: Errno) -> [String] {
        switch errno {
        case .operationNotSupportedByDevice: ["the device has just left its VFIO driver"]
        case .notPermitted where isNoIOMMU: Self.rawIO
        case .invalidArgument:
            [
                "vfio-platform resets the device on open, and the reset failed",
                HostAdvice.kernelLog,
            ] + HostAdvice.resetNotRequired
        case .resourceBusy: ["another process uses the device", "run: fuser -v /dev/vfio/*"]
        default: ["the device's VFIO driver returned this error", HostAdvice.kernelLog]
        }
    }

    private func interruptHelp(_ errno: Errno) -> [String] {
        switch errno {
        case .resourceBusy:
            switch self {
            case .wireInterrupt(.unmask, _): ["another eventfd already unmasks this interrupt"]
            default:
                ["a host driver uses the interrupt line, which can't be shared", "run: cat /proc/interrupts"]
            }
        case .invalidArgument:
            switch self {
            case .wireInterrupt(.trigger, _), .performInterrupt(.trigger, _), .disableInterrupt: []
            default: ["only a level-triggered interrupt can be masked and unmasked"]
            }
        default: []
        }
    }

    private func resetHelp(_ errno: Errno) -> [String] {
        switch errno {
        case .invalidArgument:
            ["the kernel has no reset function for this device, or the function failed", HostAdvice.kernelLog]
        default: ["the kernel's reset function for this device returned this error", HostAdvice.kernelLog]
        }
    }

    private func mapDMAHelp(_ group: Int?, _ errno: Errno) -> [String] {
        switch errno {
        case .noMemory, .notPermitted:
            [
                "DMA locks all of the guest's RAM: this process may not lock that much, or the host is short of memory",
                "run martlet as root, or raise LimitMEMLOCK= of its service, or:",
                "run: ulimit -l unlimited",
            ]
        case .noSpace:
            [
                "the container has reached its limit of DMA mappings",
                "run: cat /sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
            ]
        case .fileExists: ["other memory is already mapped at these addresses"]
        case .invalidArgument:
            [
                "the addresses are not on the IOMMU's page boundaries, or they are reserved (often for interrupts)",
                "set machine-config.ram_base, or the device's guest_address, to other addresses",
            ]
                + (group.map { ["run: cat /sys/kernel/iommu_groups/\($0)/reserved_regions"] } ?? [])
        case .badAddress: ["the memory is not mapped in this process"]
        default: []
        }
    }
}
