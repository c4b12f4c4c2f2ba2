// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import ArgumentParser
import KernelFakes
import LinuxSystem

@testable import DeviceTree
@testable import GuestNodes
@testable import HostDevices
@testable import Machine
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
        func verdict(_ survey: DeviceSurvey) -> DeviceVerdict {
            DeviceVerdict(survey, node: .success(Self.node), hold: .free) { _ in "1000.phy" }
        }
        add(DeviceTable.self, DeviceTable([], verdict: verdict).text)
        let surveys = try Self.surveys()
        for showsAll in [false, true] {
            add(DeviceTable.self, DeviceTable(surveys, showsAll: showsAll, verdict: verdict).text)
        }
        for survey in surveys {
            let steps = [BindingStep.write(survey.device.name, to: "/sys/bus/platform/drivers/vfio-platform/bind")]
            for (steps, hold) in [(steps, .free), (nil, .held("clocks=2 resets=1/1"))] as [([BindingStep]?, DeviceHold)]
            {
                add(DeviceText.self, DeviceText(survey, verdict(survey), steps: steps, hold: hold).text)
            }
            add(verdict(survey)) { $0.text }
        }
        let host = SampleHost()
        host.kernel.addHostDevice(
            "10000000.edu", group: 3, driver: "edu",
            properties: ["compatible": Array("qemu,edu\0".utf8), "dmas": [0, 0, 0, 9]])
        let survey = Self.survey(
            try HostDevice(host: "10000000.edu", sysfs: Sysfs(system: host.kernel)), .needsBind, problems: [])
        for survey in [survey, surveys[0]] {
            let preview = Result { () throws(MachineError) in
                try NodePreview(of: [survey], tree: HostTree(Sysfs(system: host.kernel)))
            }
            add(NodeText.self, NodeText(preview).lines.joined(separator: "\n"))
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
            survey(
                try SampleHost().device(), .ready, problems: [], record: record,
                losses: [.supply(record.supplies[0])], powerProblem: .permissionDenied,
                parent: ParentDriver(device: "10000000.glue", driver: "dwc3-imx8mp")),
        ]
    }

    private static var record: HostRecord {
        var record = HostRecord()
        record.clocks = [
            .init(name: "core_gate", connection: .named("core"), rate: 24_000_000, power: .on),
            .init(name: "bus_gate", connection: .unknown, rate: 100_000_000, power: .off),
        ]
        record.supplies = [
            .init(property: "phy-supply", name: "vcc_phy", folder: "x", microvolts: 3_300_000, power: .on)
        ]
        record.domains = [.init(name: "pd_usb", power: .unknown)]
        record.gaps = [.init(what: "clocks", errno: .permissionDenied)]
        return record
    }

    /// A node that lacks something of each kind.
    private static var node: GuestNode {
        func missing(
            _ property: String, _ names: [String], _ kind: ReferenceRule.Kind, _ providers: [NodeNeed.Provider] = []
        ) -> MissingReference {
            MissingReference(property: property, names: names, providers: providers, kind: kind, count: 2)
        }
        return GuestNode(
            device: "10000000.edu", node: Node("edu@0", [:]), label: nil, fates: [], dependencies: [],
            missing: [
                missing("clocks", ["core", "bus"], .clock), missing("resets", ["0"], .reset),
                missing("power-domains", ["a", "b"], .host(.power)),
                missing("phys", ["0"], .link, [.init(path: "/phy@1000", isRegisterBlock: false)]),
                missing("syscon", ["0"], .link, [.init(path: "/syscon@2000", isRegisterBlock: true)]),
            ])
    }

    private static func survey(
        _ device: HostDevice, _ verdict: DeviceSurvey.Verdict, problems: [BindingProblem],
        reset: DeviceSurvey.Reset = .knownOnceOpen, record: HostRecord? = nil, losses: [PowerLoss] = [],
        powerProblem: Errno? = nil, parent: ParentDriver? = nil
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
            ], reset: reset, needsDMASetting: !problems.isEmpty, problems: problems, verdict: verdict,
            record: record, losses: losses, powerProblem: powerProblem, parent: parent, isIdleTransport: false)
    }
}
