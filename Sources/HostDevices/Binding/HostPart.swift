// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A part of the host that no guest can have, however the host is set up.
public enum HostPart: Equatable, Sendable {
    case interruptController
    case iommu
    case timer
    case performanceCounters
    case firmware
    case cpus
    case memory
    /// A device with one interrupt line for each CPU.
    case perCPU
    /// It has no registers, no interrupts, no GPIOs and no driver.
    case empty
    /// A node for which the kernel creates no device.
    case noDevice

    /// The part in a few words.
    var summary: String {
        switch self {
        case .interruptController: "it is part of the host's interrupt controller"
        case .iommu: "it is an IOMMU of the host"
        case .timer: "it is the CPUs' timer"
        case .performanceCounters: "it is the CPUs' performance counters"
        case .firmware: "it is the host's firmware"
        case .cpus: "it is the host's CPUs"
        case .memory: "it is the host's memory"
        case .perCPU: "VFIO can't pass per-CPU interrupts through"
        case .empty: "it has no registers, no interrupts and no driver"
        case .noDevice: "the kernel creates no device for this node"
        }
    }

    /// Why a guest can't have it, and what it has instead.
    var lines: [String] {
        switch self {
        case .interruptController: ["\(summary): KVM gives the guest its own"]
        case .iommu: ["\(summary): it isolates other devices"]
        case .timer: ["\(summary): KVM gives each vCPU its own"]
        case .performanceCounters: ["\(summary): VFIO can't pass them through"]
        case .firmware: ["\(summary): KVM gives the guest PSCI"]
        case .cpus: ["\(summary): set machine-config.vcpu_count instead"]
        case .memory: ["\(summary): set machine-config.mem_size_mib instead"]
        case .perCPU: [summary]
        case .empty: ["\(summary): there is nothing to pass through"]
        case .noDevice:
            ["\(summary) of the host's device tree", "run: ls /sys/bus/platform/devices /sys/bus/amba/devices"]
        }
    }

    /// The part of the host that a device is; nil for one that a guest may have, according to its node.
    /// - Throws: `HostDeviceError.sysfs` for a file that can't be read, because it could show such a part.
    public init?(_ device: HostDevice, sysfs: Sysfs) throws(HostDeviceError) {
        guard let properties = NodeProperties(of: device, system: sysfs.system) else { return nil }
        try self.init(device, properties)
    }

    /// - Parameter properties: the properties of the device's node.
    init?(_ device: HostDevice, _ properties: NodeProperties) throws(HostDeviceError) {
        if let part = try Self.kind(properties) {
            self = part
            return
        }
        guard device.driver == nil, device.diagnosis?.driverOverride == nil, try properties.hasNoResources() else {
            return nil
        }
        self = .empty
    }

    /// The part of the host with a name that isn't a device's; nil when the root of the host's device tree has no such
    /// node.
    /// - Parameter name: the name of a node, with or without its address, or Linux's name of the node's device:
    ///   "8000000.intc".
    init?(named name: String, sysfs: Sysfs) {
        let root = "\(sysfs.root)/firmware/devicetree/base"
        guard let names = try? sysfs.system.listDirectory(root) else { return nil }
        let node = names.first { node in
            let parts = node.split(separator: "@", maxSplits: 1).map(String.init)
            return node == name || parts.first == name || (parts.count == 2 && "\(parts[1]).\(parts[0])" == name)
        }
        guard let node, (try? sysfs.system.isDirectory("\(root)/\(node)")) == true else { return nil }
        let properties = NodeProperties(folder: "\(root)/\(node)", device: name, system: sysfs.system)
        self = node == "cpus" ? .cpus : (try? Self.kind(properties)) ?? .noDevice
    }

    /// The part that the node describes. The names are those of the bindings (Linux,
    /// Documentation/devicetree/bindings/{interrupt-controller,timer,arm,perf}).
    private static func kind(_ properties: NodeProperties) throws(HostDeviceError) -> HostPart? {
        switch try properties.strings("device_type").first {
        case "memory": return .memory
        case "cpu": return .cpus
        default: break
        }
        for name in try properties.strings("compatible") {
            switch name {
            case "arm,armv8-timer", "arm,armv7-timer", "arm,cortex-a15-timer": return .timer
            case "arm,psci", "arm,psci-0.2", "arm,psci-1.0", "linaro,optee-tz", "arm,scmi", "arm,scmi-smc", "arm,scpi":
                return .firmware
            case "arm,pl390", "arm,cortex-a15-gic", "arm,cortex-a9-gic", "arm,cortex-a7-gic", "arm,arm11mp-gic":
                return .interruptController
            case _ where name.hasPrefix("arm,gic-"): return .interruptController
            case _ where name.hasPrefix("arm,") && (name.hasSuffix("-pmu") || name.hasSuffix("-pmuv3")):
                return .performanceCounters
            default: break
            }
        }
        return try properties.has("#iommu-cells") ? .iommu : nil
    }
}
