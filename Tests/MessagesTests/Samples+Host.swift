// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem

@testable import HostDevices

/// Devices of a host that is only told of.
struct SampleHost {
    let kernel = FakeKernel()

    func device(
        _ name: String = "10000000.edu", group: Int? = 3, driver: String = "vfio-platform", isNoIOMMU: Bool = false
    ) throws -> HostDevice {
        kernel.addHostDevice(name, group: group, isNoIOMMU: isNoIOMMU, driver: driver)
        return try HostDevice(host: name, sysfs: Sysfs(system: kernel))
    }

    static let group = HostDevice.IOMMUGroup(id: 3, isNoIOMMU: false, others: [])
    static let sharedGroup = HostDevice.IOMMUGroup(
        id: 3, isNoIOMMU: false, others: [.init(name: "10200000.sata", driver: "ahci")])
    static let widelySharedGroup = HostDevice.IOMMUGroup(
        id: 5, isNoIOMMU: false,
        others: [.init(name: "2000.sata", driver: "ahci"), .init(name: "3000.usb", driver: "xhci-hcd")])
    static let noIOMMUGroup = HostDevice.IOMMUGroup(id: 0, isNoIOMMU: true, others: [])
}

extension Messages {
    /// HostDevices.
    mutating func addHost() throws {
        let name = "10000000.edu"
        let path = "/sys/devices/platform/10000000.edu/driver_override"
        add(
            HostDeviceError.noSuchDevice(device: name, similar: []),
            .noSuchDevice(device: name, similar: ["1000000.edu"]),
            .noSuchDevice(device: "/sys/devices/x", similar: []), .notADevice(device: "cpus", .cpus),
            .notInSysfs(path: "/tmp", root: "/sys"), .unsupportedBus(device: "0000:00:01.0", bus: "pci"),
            .unsupportedBus(device: "/sys/kernel", bus: nil), .noSysfs(device: name, root: "/sys"),
            .sysfs(device: name, path: path, errno: .ioError),
            .sysfs(device: name, path: path, errno: .tooManyOpenFiles),
            .malformedSysfs(device: name, path: path, content: "x"), .binding(device: name, .inUse(SampleHost.group)))
        add(
            PowerLoss.clock(.init(name: "core_gate", connection: .named("core"), rate: 24_000_000, power: .on)),
            .clock(.init(name: "core_gate", connection: .first, rate: 24_000_000, power: .on)),
            .supply(.init(property: "phy-supply", name: "vcc_phy", folder: "x", microvolts: 3_300_000, power: .on)),
            .domain(.init(name: "pd_usb", power: .on)))
        for hold in [DeviceHold.unavailable, .free] {
            add("PowerLoss.remedy", PowerLoss.remedy(for: name, hold).joined(separator: "\n"))
        }
        for errno in [Errno.notSupported, .illegalByteSequence, .permissionDenied, .noSuchFileOrDirectory] {
            add(HostRecord.Gap(what: "clocks", errno: errno)) { $0.text }
        }
        try addNotReady()
        addBindingProblems()
        addBindingFailures()
        add(
            BindingStep.write(name, to: "/sys/bus/platform/drivers_probe"),
            .save("driver=edu", as: name, in: .formerDrivers), .remove(name, in: .formerDrivers)
        ) { $0.command }
    }

    private mutating func addNotReady() throws {
        for (group, driver) in [(3, "edu"), (3, ""), (nil, ""), (nil, "vfio-platform")] as [(Int?, String)] {
            let device = try SampleHost().device(group: group, driver: driver)
            add(HostDeviceError.notReady(device))
            add(HostDevice.self, device.remedy.joined(separator: "\n"))
        }
        let host = SampleHost()
        _ = try host.device(driver: "")
        host.kernel.withState { $0.files = $0.files.filter { !$0.key.contains("/drivers/vfio-platform") } }
        add(HostDeviceError.notReady(try HostDevice(host: "10000000.edu", sysfs: Sysfs(system: host.kernel))))
        let withoutIOMMU = SampleHost()
        withoutIOMMU.kernel.addFile("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
        add(HostDeviceError.notReady(try withoutIOMMU.device(group: nil, driver: "edu")))
        let refused = SampleHost()
        refused.kernel.addFile("/sys/devices/platform/10000000.edu/driver_override", "vfio-platform\n")
        refused.kernel.addFile("/sys/module/vfio_platform/parameters/reset_required", "Y\n")
        add(HostDeviceError.notReady(try refused.device(driver: "")))
    }

    private mutating func addBindingProblems() {
        let text: (BindingProblem) -> String = { problem in
            "\(problem.isFinal ? "impossible" : "needs"): \(problem.summary)\n  "
                + problem.lines.joined(separator: "\n  ")
        }
        add(
            BindingProblem.usedByHost(.console("ttyAMA0")), .usedByHost(.bootConsole("/pl011@9000000")),
            .usedByHost(.rootFileSystem("/dev/sda1")), .usedByHost(.fileSystem("/dev/sda2", mountPoint: "/data")),
            .usedByHost(.fileSystem("sda1", mountPoint: "/my data")), .usedByHost(.swap("/dev/sda3")),
            .usedByHost(.unseen("/dev/sda")), .driverStays("gic"), .hostPart(.iommu), .pciHost, .noVFIODriver(.amba),
            .noVFIODriver(.platform), .noIOMMU(isModeMissing: true), .noIOMMU(isModeMissing: false),
            .noReset(compatible: "x,net"), .noReset(compatible: nil), .groupHeld(SampleHost.sharedGroup),
            .groupHeld(SampleHost.widelySharedGroup), .groupHeld(SampleHost.group), text: text)
        add(
            HostPart.interruptController, .iommu, .timer, .performanceCounters, .firmware, .cpus, .memory, .perCPU,
            .empty,
            .noDevice
        ) { "\($0.summary)\n  " + $0.lines.joined(separator: "\n  ") }
    }

    private mutating func addBindingFailures() {
        let name = "10000000.edu"
        let text: (BindingFailure) -> String = { HostDeviceError.binding(device: name, $0).description }
        add(
            BindingFailure.refused([.pciHost]), .refused([.hostPart(.timer)]),
            .refused([.usedByHost(.console("ttyAMA0")), .driverStays("uart-pl011")]), .inUse(SampleHost.group),
            text: text)
        let bind = BindingStep.write(name, to: "/sys/bus/platform/drivers/vfio-platform/bind")
        let hold = BindingStep.write(name, to: DeviceHold.holdFile(Sysfs(system: FakeKernel())))
        let unbind = BindingStep.write(name, to: "/sys/bus/platform/devices/10000000.edu/driver/unbind")
        let failed: [(BindingFailure.Action, BindingFailure.Reason)] = [
            (.bind, .step(bind, .invalidArgument)), (.bind, .step(unbind, .permissionDenied)),
            (.bind, .step(unbind, .tooManyOpenFiles)), (.bind, .step(hold, .resourceBusy)),
            (.release, .step(bind, .noSuchFileOrDirectory)), (.bind, .state(.writable(path: "/run/martlet"))),
            (.bind, .locked("/run/martlet", seconds: 10)), (.release, .useUnknown(SampleHost.group, .permissionDenied)),
            (.release, .useUnknown(SampleHost.group, .noSuchFileOrDirectory)),
            (.release, .badNote("/run/martlet/former-drivers/10000000.edu")),
            (.bind, .problem("vfio-platform did not bind to it")),
        ]
        for (action, reason) in failed {
            let failure = BindingFailure.failed(action, reason, before: "edu", now: .driver("edu"))
            add(failure, text: text)
            add(reason) { _ in text(failure) }
        }
        add(
            .failed(.bind, .step(bind, .invalidArgument), before: nil, now: .driver(nil), isResetRequired: true),
            .failed(
                .bind, .step(bind, .invalidArgument), before: "edu", now: .driver(nil), left: [.step(unbind, .ioError)]),
            .failed(.bind, .step(bind, .invalidArgument), before: nil, now: .driver("vfio-platform")),
            BindingFailure.failed(.release, .step(unbind, .ioError), before: "edu", now: .unknown), text: text)
    }
}
