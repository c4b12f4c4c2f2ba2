// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import Machine
internal import Passthrough
internal import PlatformBus
internal import VFIO

/// Many devices, one line each.
struct DeviceTable {
    private static let head = [
        "DEVICE", "COMPATIBLE", "DRIVER", "GROUP", "REGIONS", "INTERRUPTS", "RESET", "VERDICT",
    ]
    private let devices: [(survey: DeviceSurvey, verdict: DeviceVerdict)]
    private let hidden: [Hidden]

    /// The kinds of devices that aren't passed through.
    private enum Hidden: CaseIterable {
        case transport, part, console

        init?(_ survey: DeviceSurvey) {
            let isConsole = survey.problems.contains { problem in
                switch problem {
                case .usedByHost(.console), .usedByHost(.bootConsole): true
                default: false
                }
            }
            if survey.isIdleTransport {
                self = .transport
            } else if survey.problems.contains(where: \.isHostPart) || survey.interrupts.contains(where: \.isPerCPU) {
                self = .part
            } else if isConsole {
                self = .console
            } else {
                return nil
            }
        }

        func text(_ count: Int) -> String {
            switch self {
            case .transport: "\(count) virtio \(count == 1 ? "transport" : "transports") without a device"
            case .part: "\(count) \(count == 1 ? "part" : "parts") of the host or of each CPU"
            case .console: "\(count) \(count == 1 ? "console" : "consoles")"
            }
        }
    }

    /// - Parameter showsAll: whether the hidden kinds of devices are shown too.
    init(_ devices: [DeviceSurvey], showsAll: Bool = false, verdict: (DeviceSurvey) -> DeviceVerdict) {
        hidden = showsAll ? [] : devices.compactMap(Hidden.init)
        self.devices = devices.filter { showsAll || Hidden($0) == nil }.map { ($0, verdict($0)) }
    }

    var text: String {
        if devices.isEmpty, hidden.isEmpty {
            return "this host has no platform or AMBA device with registers or interrupts"
        }
        let counts = Hidden.allCases.compactMap { kind in
            let count = hidden.count { $0 == kind }
            return count == 0 ? nil : kind.text(count)
        }
        let rest = counts.isEmpty ? "" : "\nnot shown: \(counts.joined(separator: ", ")) (--all)"
        return table + rest + footnote
    }

    /// Why clocks' rates are missing that the host may have.
    private var footnote: String {
        let gaps = devices.flatMap { $0.survey.record?.gaps ?? [] }
        return gaps.contains { $0.errno == .permissionDenied || $0.errno == .notPermitted }
            ? "\ncan't read the host's clocks: run this as root" : ""
    }

    private var table: String {
        let rows = [Self.head] + devices.map { Self.row($0.survey, $0.verdict) }
        // The last column isn't padded.
        let widths = Self.head.indices.dropLast().map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 2) }.joined()
                + (row.last ?? "")
        }.joined(separator: "\n")
    }

    private static func row(_ survey: DeviceSurvey, _ verdict: DeviceVerdict) -> [String] {
        [
            survey.device.name, survey.compatible.first ?? "-", survey.device.driver ?? "-", group(survey.device),
            regions(survey.regions), interrupts(survey.interrupts), survey.resetWord, verdict.text,
        ]
    }

    /// "5", or with the other devices of the group: "5 with 10200000.sata".
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
    /// "level", "edge", "per CPU", or "?" when the host's tree doesn't say.
    var kind: String { isPerCPU ? "per CPU" : trigger.map { $0 == .level ? "level" : "edge" } ?? "?" }
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
