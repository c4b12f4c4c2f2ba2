// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

extension HostDevice {
    /// Why the device isn't ready, for an error's first line.
    var problem: String {
        switch state {
        case .ready: "ready"
        case .ownedByHostDriver, .withoutDriver: "no VFIO group"
        case .withoutGroup: "no IOMMU group"
        case .vfioDriverMissing: "no VFIO group"
        }
    }

    /// The reason, and the commands that give the device to VFIO.
    var remedy: [String] {
        guard state != .ready, let diagnosis else { return [] }
        var lines = [reason]
        if !diagnosis.isVFIODriverLoaded { lines.append("run: modprobe \(bus.vfioDriver)") }
        if let noIOMMU {
            lines += noIOMMU.lines
            if noIOMMU.isFinal { return lines }
        }
        return lines + resetNote + ["run: martlet bind \(ShellText.quoted(name))"]
    }

    /// What is missing for a device without an IOMMU; nil when nothing is.
    var noIOMMU: BindingProblem? {
        guard needsNoIOMMUMode, let diagnosis else { return nil }
        // Without the driver, the switch of the mode may be missing only because VFIO isn't loaded yet.
        return .noIOMMU(isModeMissing: diagnosis.isNoIOMMUModeOn == nil && diagnosis.isVFIODriverLoaded)
    }

    private var reason: String {
        switch state {
        case .ready: "it is ready"
        case .ownedByHostDriver(let driver): "the host driver \(driver) still owns the device"
        case .vfioDriverMissing:
            "no driver has the device, and \(bus.vfioDriver) is not in the kernel (\(bus.kernelOption))"
        case .withoutGroup: "\(bus.vfioDriver) needs an IOMMU group, and the device has none"
        case .withoutDriver:
            diagnosis?.driverOverride == bus.vfioDriver
                ? "no driver has the device, though it is reserved for \(bus.vfioDriver)"
                : "no driver has the device"
        }
    }

    /// Another reason of vfio-platform to refuse a device, which appears only in the kernel's log.
    private var resetNote: [String] {
        guard state == .withoutDriver, diagnosis?.isResetRequired == true else { return [] }
        return ["\(bus.vfioDriver) refuses a device that the kernel can't reset"] + HostAdvice.resetNotRequired
    }
}

extension HostDevice.Bus {
    /// The kernel option that builds the bus's VFIO driver.
    var kernelOption: String { "CONFIG_VFIO_\(rawValue.uppercased())" }
}
