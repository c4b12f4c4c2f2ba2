// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Something that keeps a device from being given to VFIO, or from being used once VFIO has it.
public enum BindingProblem: Equatable, Sendable {
    /// The host itself uses it and needs it.
    case usedByHost(HostUses.Use)
    /// Its driver can't be unbound (suppress_bind_attrs).
    case driverStays(String)
    /// No guest can have it.
    case hostPart(HostPart)
    /// It is a PCI host bridge: VFIO passes on the PCI devices behind it one by one, but not the bridge.
    case pciHost
    /// The kernel lacks the bus's VFIO driver.
    case noVFIODriver(HostDevice.Bus)
    /// It has no IOMMU, and VFIO refuses such devices: its no-IOMMU mode is off, or missing.
    case noIOMMU(isModeMissing: Bool)
    /// vfio-platform is set to refuse devices without a reset function in the kernel, and this device has none.
    case noReset(compatible: String?)
    /// The hardware can't isolate it from the other devices of this group, which drivers of the host have.
    case groupHeld(HostDevice.IOMMUGroup)

    /// Whether only another kernel, or another start of the host, helps.
    public var isFinal: Bool {
        switch self {
        case .usedByHost(.console), .usedByHost(.bootConsole), .usedByHost(.rootFileSystem): true
        case .driverStays, .pciHost, .hostPart: true
        case .noIOMMU(let isModeMissing): isModeMissing
        case .usedByHost, .noVFIODriver, .noReset, .groupHeld: false
        }
    }

    /// Whether no guest can have the device, however the host is set up.
    public var isHostPart: Bool {
        if case .hostPart = self { true } else { false }
    }

    /// A few words: the reason if it is final, otherwise what is needed.
    public var summary: String {
        switch self {
        case .usedByHost(.console(let tty)): "it is the host's console (\(tty))"
        case .usedByHost(.bootConsole): "it is the host's boot console"
        case .usedByHost(.rootFileSystem(let name)): "the host's root file system is on it (\(name))"
        case .usedByHost(.fileSystem(let name, let mountPoint)): "\(mountPoint) unmounted (\(name))"
        case .usedByHost(.swap(let name)): "swapping to \(name) off"
        case .usedByHost(.unseen(let name)): "root on the host itself, which may have mounted \(name)"
        case .driverStays(let driver): "\(driver) can't be unbound"
        case .hostPart(let part): part.summary
        case .pciHost: "it is a PCI host bridge"
        case .noVFIODriver(let bus): "\(bus.vfioDriver) in the kernel"
        case .noIOMMU(true): "it has no IOMMU, and the kernel has no no-IOMMU mode"
        case .noIOMMU(false): "no-IOMMU mode"
        case .noReset: "vfio_platform.reset_required=0"
        case .groupHeld(let group): "its group without \(Self.list(group.others))"
        }
    }

    /// The reason, then what to do, one line each; commands follow "run: ".
    public var lines: [String] {
        switch self {
        case .usedByHost(.console(let tty)):
            [
                "it is the console of the host's kernel (\(tty))",
                "start the host with another console: console=… on its kernel command line",
            ]
        case .usedByHost(.bootConsole(let node)):
            [
                "the host's boot console still uses it (/chosen/stdout-path is \(node))",
                "start the host without earlycon and keep_bootcon on its kernel command line",
            ]
        case .usedByHost(.rootFileSystem(let name)): ["the host's root file system is on it (\(name))"]
        case .usedByHost(.fileSystem(let name, let mountPoint)):
            ["\(name) is on it and mounted at \(mountPoint)", "run: umount \(ShellText.quoted(mountPoint))"]
        case .usedByHost(.swap(let name)):
            ["the host swaps memory to it (\(name))", "run: swapoff \(ShellText.quoted(name))"]
        case .usedByHost(.unseen(let name)):
            [
                "\(name) is on it and may be in use: this process can't see the host's mounts (a container?)",
                "run the command as root on the host itself",
            ]
        case .driverStays(let driver):
            [
                "the host driver \(driver) owns it and can't be unbound (suppress_bind_attrs)",
                "keep the driver from binding, on the host's kernel command line:",
                "modprobe.blacklist= for a module, initcall_blacklist= for a built-in driver",
            ]
        case .hostPart(let part): part.lines
        case .pciHost:
            ["it is a PCI host bridge: the host would lose its PCI devices, and a guest can't use it"]
        case .noVFIODriver(let bus):
            [
                "\(bus.vfioDriver) is not in the kernel (\(bus.kernelOption))",
                "run: modprobe \(bus.vfioDriver)",
            ]
        case .noIOMMU(true): ["it has no IOMMU, and this kernel has no no-IOMMU mode (CONFIG_VFIO_NOIOMMU)"]
        case .noIOMMU(false): Self.noIOMMUModeLines
        case .noReset(let compatible):
            [
                "vfio-platform refuses devices that the kernel can't reset, and the kernel has no reset function for "
                    + (compatible ?? "this device")
            ] + HostAdvice.resetNotRequired
        case .groupHeld(let group): HostAdvice.viability(group)
        }
    }

    /// How to use a device without an IOMMU anyway.
    static let noIOMMUModeLines = [
        "no IOMMU confines its DMA; only if you trust guest and device:",
        "run: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
    ]

    private static func list(_ members: [HostDevice.GroupMember]) -> String {
        members.map { "\($0.name) (\($0.driver ?? "?"))" }.joined(separator: ", ")
    }
}
