// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem
internal import Passthrough
internal import PlatformBus
internal import VFIO

/// One device in full.
struct DeviceText {
    private let survey: DeviceSurvey
    private let steps: [BindingStep]?
    private let hold: DeviceHold

    /// - Parameters:
    ///   - steps: those of `martlet bind`; nil where they can't be told.
    ///   - hold: what martlet-hold says of the device.
    init(_ survey: DeviceSurvey, steps: [BindingStep]?, hold: DeviceHold = .unavailable) {
        self.survey = survey
        self.steps = steps
        self.hold = hold
    }

    var text: String {
        let device = survey.device
        var lines = ["\(device.name): \(survey.verdict.text)", "  folder: \(device.path)"]
        lines.append("  node: \(device.deviceTreeNode ?? "none; the guest's has to be in the configuration")")
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
        case .free: lines.append("  held: no; its driver keeps it powered, or nobody does")
        case .unavailable: break
        }
        if survey.needsDMASetting {
            lines.append(
                "  dma: no IOMMU confines it; the configuration has to say \"none\" if it does none, or \"identity\"")
        }
        return (lines + stepsToReady).joined(separator: "\n")
    }

    private var group: String {
        guard let group = survey.device.group else {
            return survey.device.diagnosis?.isBehindIOMMU == true
                ? "not made yet; an IOMMU knows the device" : "none; no IOMMU knows the device"
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
            case .trappedForAddress(let size): "trapped: it doesn't begin on a page of \(size) bytes"
            case .trappedForSize(let size): "trapped: its size is no multiple of a page of \(size) bytes"
            case .unknown:
                "not in the guest: the host's tree doesn't translate its address, so VFIO has no region for it"
            case .empty: "not in the guest: it has no bytes"
            }
        return "\(host)size \(region.size), \(access)"
    }

    private static func text(_ interrupt: DeviceSurvey.Interrupt) -> String {
        interrupt.isPerCPU || interrupt.trigger != nil ? interrupt.kind : "edge or level is known once it is open"
    }

    /// What stands in the way and what to do about it, in order.
    private var stepsToReady: [String] {
        var lines: [String] = []
        if !survey.problems.isEmpty {
            lines.append("  in the way:")
            lines += survey.problems.flatMap(\.lines).map { "    \($0)" }
        }
        if case .impossible = survey.verdict { return lines }
        if survey.device.state != .ready {
            lines.append(survey.problems.isEmpty ? "  to make it ready:" : "  and then:")
            lines.append("    run: martlet bind \(survey.device.name)")
            guard let steps else { return lines }
            lines.append("  which does:")
            lines += steps.map { "    \($0.command)" }
        }
        return lines
    }
}
