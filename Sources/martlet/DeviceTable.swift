// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import Passthrough
internal import PlatformBus
internal import VFIO

/// Many devices, a line each.
struct DeviceTable {
    private static let head = [
        "DEVICE", "COMPATIBLE", "DRIVER", "GROUP", "REGIONS", "INTERRUPTS", "RESET", "VERDICT",
    ]
    private let devices: [DeviceSurvey]

    init(_ devices: [DeviceSurvey]) { self.devices = devices }

    var text: String {
        if devices.isEmpty { return "this host has no platform or AMBA device with registers or interrupts" }
        let rows = [Self.head] + devices.map(Self.row)
        // The last column is as wide as it is.
        let widths = Self.head.indices.dropLast().map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 2) }.joined()
                + (row.last ?? "")
        }.joined(separator: "\n")
    }

    private static func row(_ survey: DeviceSurvey) -> [String] {
        [
            survey.device.name, survey.compatible.first ?? "-", survey.device.driver ?? "-", group(survey.device),
            regions(survey.regions), interrupts(survey.interrupts), survey.resetWord, survey.verdict.text,
        ]
    }

    /// "5", or with those that share it: "5 with 10200000.sata".
    private static func group(_ device: HostDevice) -> String {
        guard let group = device.group else { return "-" }
        let others = group.others.map(\.name).joined(separator: ", ")
        return (group.isNoIOMMU ? "noiommu-\(group.id)" : "\(group.id)") + (others.isEmpty ? "" : " with \(others)")
    }

    private static func regions(_ regions: [DeviceSurvey.Region]) -> String {
        regions.isEmpty
            ? "-"
            : regions.map { region in
                switch region.access {
                case .mappable: "\(region.size.shortText) mapped"
                case .trappedForAddress: "\(region.size.shortText) trapped (address)"
                case .trappedForSize: "\(region.size.shortText) trapped (size)"
                case .empty: "empty"
                case .unknown: region.size.shortText
                }
            }.joined(separator: ", ")
    }

    /// "level", or "3 level, 1 edge".
    private static func interrupts(_ interrupts: [DeviceSurvey.Interrupt]) -> String {
        if interrupts.isEmpty { return "-" }
        let kinds = ["level", "edge", "per CPU", "?"]
        let counts = kinds.map { kind in (kind, interrupts.count { $0.kind == kind }) }.filter { $0.1 > 0 }
        return counts.map { $0.1 == 1 && counts.count == 1 ? $0.0 : "\($0.1) \($0.0)" }.joined(separator: ", ")
    }
}

extension DeviceSurvey.Interrupt {
    /// "level", "edge", "per CPU", or "?" where the host's tree doesn't say.
    var kind: String { isPerCPU ? "per CPU" : trigger.map { $0 == .level ? "level" : "edge" } ?? "?" }
}

extension DeviceSurvey.Verdict {
    var text: String {
        switch self {
        case .ready: "ready"
        case .needsBind: "needs bind"
        case .needs(let needs): "needs " + needs.joined(separator: "; ")
        case .impossible(let reasons): "impossible: " + reasons.joined(separator: "; ")
        }
    }
}

extension UInt64 {
    /// A number of bytes: "512", "4K", "16M".
    var shortText: String {
        for (shift, unit) in [(UInt64(30), "G"), (20, "M"), (10, "K")] where self != 0 && self % (1 << shift) == 0 {
            return "\(self >> shift)\(unit)"
        }
        return "\(self)"
    }
}
