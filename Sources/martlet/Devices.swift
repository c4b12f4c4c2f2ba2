// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import ArgumentParser
internal import FoundationEssentials
internal import HostDevices
internal import LinuxSystem
internal import Passthrough
internal import VFIO

/// `martlet devices`: the host's devices, and what each needs to be passed through.
struct Devices: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the host's devices and what each needs to be passed through.",
        discussion: """
            Without a name, a table of the platform and AMBA devices that a guest could have, with a verdict on \
            each: whether it will probably work, or what it needs. With names, each of these in full, with the steps \
            that make it ready. Nothing is opened or changed. What the host knows of clocks is for root only.
            """)

    @Argument(help: ArgumentHelp("Devices by name, or by path below /sys.", valueName: "name"))
    var names: [String] = []

    @Flag(help: "Show those as well that nobody passes through: parts of the host, consoles, empty transports.")
    var all = false

    @Flag(help: "Print JSON, for programs.")
    var json = false

    func run() throws {
        let survey = try failing { () throws(HostDeviceError) in
            try HostSurvey(sysfs: ThisHost.sysfs, proc: ThisHost.proc, debugFS: LinuxKernel())
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
        // Devices that could be read are shown; the errors of the others are warnings.
        defer { for error in survey.errors { StandardError.write("martlet: warning: \(error)\n") } }
        let judge = DeviceJudge(survey, sysfs: ThisHost.sysfs)
        if json {
            try printJSON(
                devices.map { device in
                    if names.isEmpty { return DeviceRecord(device, judge.verdict(on: device)) }
                    let (preview, hold) = (judge.preview(of: device, isFull: true), judge.hold(of: device))
                    return DeviceRecord(
                        device, judge.verdict(on: device, preview, hold: hold), preview, hold: hold)
                })
        } else if names.isEmpty {
            try StandardOutput.print(DeviceTable(devices, showsAll: all, verdict: { judge.verdict(on: $0) }).text)
        } else {
            let binding = DeviceBinding(sysfs: ThisHost.sysfs, calls: LinuxKernel())
            let texts = devices.map { device in
                var steps: [BindingStep]?
                do throws(HostDeviceError) { steps = try binding.bindingSteps(for: device.device) } catch {
                    StandardError.write("martlet: warning: \(error)\n")
                }
                let (preview, hold) = (judge.preview(of: device, isFull: true), judge.hold(of: device))
                let verdict = judge.verdict(on: device, preview, hold: hold)
                let text = DeviceText(device, verdict, steps: steps, hold: hold).text
                return ([text] + NodeText(preview).lines).joined(separator: "\n")
            }
            try StandardOutput.print(texts.joined(separator: "\n\n"))
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
