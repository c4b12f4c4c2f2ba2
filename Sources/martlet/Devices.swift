// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import ArgumentParser
internal import FoundationEssentials
internal import HostDevices
internal import LinuxSystem
internal import Passthrough
internal import VFIO

/// `martlet devices`: what the host has to pass through, and what is between it and a guest.
struct Devices: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the host's devices and what each needs to be passed through.",
        discussion: """
            Without a name: a table of all platform and AMBA devices that have registers or interrupts. With names: \
            each device in full, with the steps that make it ready. Opens and changes nothing.
            """)

    @Argument(help: ArgumentHelp("Devices by name, or by path below /sys.", valueName: "name"))
    var names: [String] = []

    @Flag(help: "Print JSON, for programs.")
    var json = false

    func run() throws {
        let survey = try failing { () throws(HostDeviceError) in
            try HostSurvey(sysfs: ThisHost.sysfs, proc: ThisHost.proc)
        }
        let devices: [DeviceSurvey]
        if names.isEmpty {
            devices = try failing { () throws(HostDeviceError) in try survey.devices() }
        } else {
            let named = try ThisHost.devices(names)
            let together = Set(named.map(\.name))
            devices = try failing { () throws(HostDeviceError) in
                try named.map { device throws(HostDeviceError) in try survey.survey(device, together: together) }
            }
        }
        // What could be read is worth more than a failure, but the rest is not passed over in silence.
        defer { for error in survey.errors { StandardError.write("martlet: warning: \(error)\n") } }
        if json {
            try printJSON(
                devices.map { device in
                    if names.isEmpty { return DeviceRecord(device) }
                    return DeviceRecord(
                        device, NodeText(device, sysfs: ThisHost.sysfs).preview, hold: Self.hold(of: device))
                })
        } else if names.isEmpty {
            try StandardOutput.print(DeviceTable(devices).text)
        } else {
            let binding = DeviceBinding(sysfs: ThisHost.sysfs, calls: LinuxKernel())
            let texts = devices.map { device in
                var steps: [BindingStep]?
                do throws(HostDeviceError) { steps = try binding.bindingSteps(for: device.device) } catch {
                    StandardError.write("martlet: warning: \(error)\n")
                }
                let text = DeviceText(device, steps: steps, hold: Self.hold(of: device)).text
                return ([text] + NodeText(device, sysfs: ThisHost.sysfs).lines).joined(separator: "\n")
            }
            try StandardOutput.print(texts.joined(separator: "\n\n"))
        }
    }

    private static func hold(of device: DeviceSurvey) -> DeviceHold {
        do throws(HostDeviceError) { return try DeviceHold(of: device.device, sysfs: ThisHost.sysfs) } catch {
            StandardError.write("martlet: warning: \(error)\n")
            return .unavailable
        }
    }

    private func printJSON(_ devices: [DeviceRecord]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text: String
        do { text = String(decoding: try encoder.encode(["devices": devices]), as: UTF8.self) } catch {
            throw Failure(.failure, "--json: \(error)")
        }
        try StandardOutput.print(text)
    }
}
