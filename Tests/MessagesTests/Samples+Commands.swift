// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import ArgumentParser
import KernelFakes
import LinuxSystem

@testable import DeviceTree
@testable import HostDevices
@testable import martlet

extension Messages {
    /// The command line.
    mutating func addCommands() throws {
        add("martlet --help", Martlet.helpMessage(columns: 100))
        let commands: [any ParsableCommand.Type] = [
            Run.self, Check.self, DTB.self, Devices.self, Bind.self, Release.self,
        ]
        for command in commands { add("\(command) --help", Martlet.helpMessage(for: command, columns: 100)) }
        for arguments in [
            ["run"], ["run", "a", "b"], ["run", "a", "--log-level", "x"], ["run", "a", "--trace", "x"], ["x"],
        ] {
            do { _ = try Martlet.parseAsRoot(arguments) } catch {
                add("martlet \(arguments.joined(separator: " "))", Martlet.message(for: error))
            }
        }
        try addDevices()
        let device = try SampleHost().device()
        for outcome in [DeviceBinding.Outcome.done(device), .already(device)] {
            add("martlet bind", Bind.text(outcome))
            add("martlet release", Release.text(outcome))
        }
        add("martlet release", Release.text(.done(try SampleHost().device(driver: ""))))
        add(Failure.self, "\(Failure(.failure, "standard output: EPIPE (Broken pipe)").description)")
    }

    private mutating func addDevices() throws {
        add(DeviceTable.self, DeviceTable([]).text)
        let surveys = try Self.surveys()
        add(DeviceTable.self, DeviceTable(surveys).text)
        for survey in surveys {
            let steps = [BindingStep.write(survey.device.name, to: "/sys/bus/platform/drivers/vfio-platform/bind")]
            for (steps, hold) in [(steps, .free), (nil, .held("clocks=2 resets=1/1"))] as [([BindingStep]?, DeviceHold)]
            {
                add(DeviceText.self, DeviceText(survey, steps: steps, hold: hold).text)
            }
            add(survey.verdict) { $0.text }
        }
        let host = SampleHost()
        host.kernel.addHostDevice(
            "10000000.edu", group: 3, driver: "edu",
            properties: ["compatible": Array("qemu,edu\0".utf8), "dmas": [0, 0, 0, 9]])
        let survey = Self.survey(
            try HostDevice(host: "10000000.edu", sysfs: Sysfs(system: host.kernel)), .needsBind, problems: [])
        for survey in [survey, surveys[0]] {
            let node = NodeText(survey, sysfs: Sysfs(system: host.kernel))
            add(NodeText.self, node.lines.joined(separator: "\n"))
        }
    }

    private static func surveys() throws -> [DeviceSurvey] {
        let edu = try SampleHost().device(driver: "edu")
        return [
            survey(edu, .needsBind, problems: []),
            survey(
                try SampleHost().device(driver: ""), .needs(["no-IOMMU mode"]),
                problems: [.noIOMMU(isModeMissing: false), .noReset(compatible: "x,net")], reset: .no),
            survey(
                try SampleHost().device(group: nil, driver: ""), .impossible(["it is the host's console (ttyAMA0)"]),
                problems: [.usedByHost(.console("ttyAMA0"))], reset: .yes),
            survey(try SampleHost().device(), .ready, problems: []),
        ]
    }

    private static func survey(
        _ device: HostDevice, _ verdict: DeviceSurvey.Verdict, problems: [BindingProblem],
        reset: DeviceSurvey.Reset = .knownOnceOpen
    ) -> DeviceSurvey {
        DeviceSurvey(
            device: device, compatible: ["qemu,edu"],
            regions: [
                .init(name: "mac", hostAddress: 0x1000_0000, size: 0x1000, access: .mappable),
                .init(name: nil, hostAddress: 0x1000_0200, size: 0x1000, access: .trappedForAddress(pageSize: 4096)),
                .init(name: nil, hostAddress: 0x1000_0000, size: 0x200, access: .trappedForSize(pageSize: 4096)),
                .init(name: nil, hostAddress: nil, size: 0x200, access: .unknown),
                .init(name: nil, hostAddress: 0x1000_0000, size: 0, access: .empty),
            ],
            interrupts: [
                .init(name: "mac", trigger: .level, isPerCPU: false), .init(name: nil, trigger: .edge, isPerCPU: false),
                .init(name: nil, trigger: nil, isPerCPU: false), .init(name: nil, trigger: nil, isPerCPU: true),
            ], reset: reset, needsDMASetting: !problems.isEmpty, problems: problems, verdict: verdict)
    }
}
