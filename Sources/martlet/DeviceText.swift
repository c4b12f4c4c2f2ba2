// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem
internal import Machine
internal import Passthrough
internal import PlatformBus
internal import VFIO

/// One device with all details.
struct DeviceText {
    private let survey: DeviceSurvey
    private let verdict: DeviceVerdict
    private let steps: [BindingStep]?
    private let hold: DeviceHold

    /// - Parameters:
    ///   - steps: the steps of `martlet bind`; nil when they can't be determined.
    ///   - hold: whether martlet-hold holds the device.
    init(
        _ survey: DeviceSurvey, _ verdict: DeviceVerdict, steps: [BindingStep]?, hold: DeviceHold = .unavailable
    ) {
        self.survey = survey
        self.verdict = verdict
        self.steps = steps
        self.hold = hold
    }

    var text: String {
        let device = survey.device
        var lines = ["\(device.name): \(verdict.text)", "  folder: \(device.path)"]
        lines.append("  node: \(device.deviceTreeNode ?? "none; set device_tree.properties in the configuration")")
        if !survey.compatible.isEmpty { lines.append("  compatible: \(survey.compatible.joined(separator: ", "))") }
        lines.append("  driver: \(device.driver ?? "none")")
        lines.append("  group: \(group)")
        for (index, region) in survey.regions.enumerated() {
            lines.append("  region \(index)\(Self.name(region.name)): \(Self.text(region))")
        }
        for (index, interrupt) in survey.interrupts.enumerated() {
            lines.append("  interrupt \(index)\(Self.name(interrupt.name)): \(Self.text(interrupt))")
        }
        lines.append("  reset: \(survey.resetText)")
        switch hold {
        case .held(let what): lines.append("  held: \(what)")
        case .free: lines.append("  held: no; only its driver keeps it powered")
        case .unavailable: break
        }
        lines += hostLines
        if survey.needsDMASetting {
            lines.append(
                "  dma: no IOMMU confines it; set dma to \"none\" if it does no DMA, or to \"identity\"")
        }
        return (lines + stepsToReady).joined(separator: "\n")
    }

    /// The resources that the device has of the host, and the driver that created it.
    private var hostLines: [String] {
        var lines: [String] = []
        if let parent = survey.parent {
            lines += [
                "  made by: the driver \(parent.driver) of \(parent.device), which takes it away when it is unbound",
                "    if the guest's driver makes it too, pass that instead: martlet devices \(parent.device)",
            ]
        }
        guard let record = survey.record else { return lines }
        let isPast = survey.device.driver == nil || survey.device.driver == survey.device.bus.vfioDriver
        let had = isPast ? "had" : "has"
        for clock in record.clocks {
            let name = clock.connection.name.map { " \($0)" } ?? ""
            lines.append("  \(had) clock\(name): \(clock.name), \(clock.rate) Hz, \(Self.text(clock.power))")
        }
        for supply in record.supplies {
            let voltage = supply.microvolts.map { "\($0) µV, " } ?? ""
            lines.append(
                "  \(had) supply \(supply.property.dropLast("-supply".count)): \(supply.name), \(voltage)"
                    + Self.text(supply.power))
        }
        for domain in record.domains {
            lines.append("  \(had) power domain: \(domain.name), \(Self.text(domain.power))")
        }
        if let problem = survey.powerProblem {
            let reason = HostRecord.Gap(what: "clocks", errno: problem).text
            lines.append("  can't tell whether its clocks are on: \(reason)")
        }
        for gap in record.gaps {
            lines.append("  can't read its \(gap.what): \(gap.text)")
        }
        return lines
    }

    private static func text(_ power: HostRecord.Power) -> String {
        switch power {
        case .on: "on"
        case .off: "off"
        case .unknown: "state unknown"
        }
    }

    private var group: String {
        guard let group = survey.device.group else {
            return survey.device.diagnosis?.isBehindIOMMU == true
                ? "not created yet; the device has an IOMMU" : "none; the device has no IOMMU"
        }
        let others = group.others.map { "\($0.name) (\($0.driver ?? "no driver"))" }
        return "\(group.id), isolation: \(group.isNoIOMMU ? "none" : "iommu")"
            + (others.isEmpty ? "" : ", shared with \(others.joined(separator: ", "))")
    }

    private static func name(_ name: String?) -> String { name.map { " \($0)" } ?? "" }

    private static func text(_ region: DeviceSurvey.Region) -> String {
        let host = region.hostAddress.map { "host \(hex($0)) " } ?? ""
        let access =
            switch region.access {
            case .mappable: "can be mapped"
            case .trappedForAddress(let size): "trapped: its address is not a multiple of \(size), the page size"
            case .trappedForSize(let size): "trapped: its size is not a multiple of \(size), the page size"
            case .unknown:
                "not in the guest: the host's tree doesn't translate its address, so VFIO has no region for it"
            case .empty: "not in the guest: it has no bytes"
            }
        return "\(host)size \(region.size), \(access)"
    }

    private static func text(_ interrupt: DeviceSurvey.Interrupt) -> String {
        interrupt.isPerCPU || interrupt.trigger != nil ? interrupt.kind : "edge or level is unknown until it is open"
    }

    /// The problems and their remedies, in order.
    private var stepsToReady: [String] {
        var lines: [String] = []
        if !survey.problems.isEmpty {
            lines.append("  problems:")
            lines += survey.problems.flatMap(\.lines).map { "    \($0)" }
        }
        if case .impossible = survey.verdict { return lines }
        let remedies = verdict.remedies(for: survey.device.name)
        if !remedies.isEmpty { lines += ["  in the guest:"] + remedies.map { "    \($0)" } }
        if survey.device.state != .ready {
            lines.append(survey.problems.isEmpty ? "  to make it ready:" : "  then:")
            lines.append("    run: martlet bind \(survey.device.name)")
            guard let steps else { return lines }
            lines.append("  which does:")
            lines += steps.map { "    \($0.command)" }
        }
        return lines
    }
}
