// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import ArgumentParser
internal import HostDevices
internal import LinuxSystem
internal import VFIO

/// `martlet bind`: makes devices ready for `run`.
struct Bind: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gives devices of the host to VFIO.",
        discussion: """
            Skips devices that VFIO already has. If one device is refused, none is changed; a step that fails is \
            undone. `martlet release` gives the devices back to the drivers that had them.

            If the kernel module martlet-hold is loaded, it keeps each device's clocks, supplies and power domains \
            on, and its resets off, until `martlet release`.
            """)

    @Argument(help: ArgumentHelp("Devices by name, or by path below /sys.", valueName: "name"))
    var names: [String]

    @Flag(help: "Print the steps as shell commands and change nothing.")
    var dryRun = false

    @Flag(help: "Don't let martlet-hold keep the devices powered.")
    var noHold = false

    func run() throws {
        let devices = try ThisHost.devices(names)
        let conditions = try failing { () throws(HostDeviceError) in
            try BindingConditions(sysfs: ThisHost.sysfs, proc: ThisHost.proc)
        }
        let together = Set(devices.map(\.name))
        try ThisHost.fail(
            devices.filter { $0.state != .ready }.compactMap { device in
                do throws(HostDeviceError) {
                    let problems = try conditions.problems(to: device, together: together)
                    return problems.isEmpty
                        ? nil : HostDeviceError.binding(device: device.name, .refused(problems)).description
                } catch { return error.description }
            })
        let binding = DeviceBinding(sysfs: ThisHost.sysfs, calls: LinuxKernel(), holds: !noHold)
        try carryOut(
            devices, dryRun: dryRun, steps: binding.bindingSteps, text: Self.text
        ) { device throws(HostDeviceError) in
            // Read before the driver is unbound.
            let parent = try ParentDriver(of: device, sysfs: ThisHost.sysfs)
            let outcome = try binding.bind(device)
            if case .done = outcome { Self.warn(of: outcome.device, parent) }
            return outcome
        }
    }

    /// Warns of resources that could not be recorded, and of another driver that may remove the device.
    private static func warn(of device: HostDevice, _ parent: ParentDriver?) {
        if let parent {
            StandardError.write(
                "martlet: \(device.name): the driver \(parent.driver) of \(parent.device) makes this device, and takes it "
                    + "away when it is unbound\n"
                    + "  if the guest's driver makes it too, pass \(parent.device) instead: "
                    + "martlet devices \(parent.device)\n")
        }
        // If the record can't be read, `devices` and `run` report it.
        for gap in (try? HostRecord(of: device.name, system: LinuxKernel()))?.gaps ?? [] {
            StandardError.write("martlet: warning: \(device.name): can't note its \(gap.what): \(gap.text)\n")
        }
    }

    static func text(_ outcome: DeviceBinding.Outcome) -> String {
        let device = outcome.device
        let has: String
        switch outcome {
        case .done: has = "\(device.bus.vfioDriver) has it"
        case .already: has = "\(device.bus.vfioDriver) has it already"
        }
        let group = device.group.map { ", group \($0.id), isolation: \($0.isNoIOMMU ? "none" : "iommu")" }
        return "\(device.name): \(has)\(group ?? "")"
    }
}

/// `martlet release`: undoes `bind`.
struct Release: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gives devices back to the drivers that had them before bind.",
        discussion: """
            Skips devices that VFIO doesn't have. If the former driver is unknown, the kernel chooses one. A step \
            that fails is undone.
            """)

    @Argument(help: ArgumentHelp("Devices by name, or by path below /sys.", valueName: "name"))
    var names: [String]

    @Flag(help: "Print the steps as shell commands and change nothing.")
    var dryRun = false

    func run() throws {
        let devices = try ThisHost.devices(names)
        let binding = DeviceBinding(sysfs: ThisHost.sysfs, calls: LinuxKernel())
        try carryOut(
            devices, dryRun: dryRun, steps: binding.releaseSteps, text: Self.text
        ) { device throws(HostDeviceError) in try binding.release(device) }
    }

    static func text(_ outcome: DeviceBinding.Outcome) -> String {
        let device = outcome.device
        let owner = device.driver.map { "\($0) has it" } ?? "no driver has it"
        switch outcome {
        case .done: return "\(device.name): released, \(owner)"
        case .already: return "\(device.name): VFIO doesn't have it, \(owner)"
        }
    }
}

/// Calls `action` for each device, or prints its steps as commands for a shell, one line each. If one device fails, the
/// others are still handled.
/// - Throws: `Failure` with all errors.
private func carryOut(
    _ devices: [HostDevice], dryRun: Bool, steps: (HostDevice) throws(HostDeviceError) -> [BindingStep],
    text: (DeviceBinding.Outcome) -> String, action: (HostDevice) throws(HostDeviceError) -> DeviceBinding.Outcome
) throws {
    var problems: [String] = []
    for device in devices {
        let line: String
        do throws(HostDeviceError) {
            if dryRun {
                let steps = try steps(device)
                line = steps.isEmpty ? "# \(text(.already(device)))" : steps.map(\.command).joined(separator: "\n")
            } else {
                line = text(try action(device))
            }
        } catch {
            problems.append(error.description)
            continue
        }
        // A failed output doesn't stop the other devices either.
        do { try StandardOutput.print(line) } catch let error as Failure {
            if !problems.contains(error.description) { problems.append(error.description) }
        }
    }
    try ThisHost.fail(problems)
}
