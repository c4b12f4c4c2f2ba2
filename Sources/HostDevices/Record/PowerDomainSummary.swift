// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The kernel's table of its power domains: /sys/kernel/debug/pm_genpd/pm_genpd_summary.
/// - SeeAlso: Linux, drivers/pmdomain/core.c (genpd_summary_one)
package struct PowerDomainSummary: Equatable, Sendable {
    package struct Domain: Equatable, Sendable {
        package let name: String
        package let isOn: Bool
        /// The devices in it, by name; "genpd:0:1000.usb" for the first of several domains of 1000.usb.
        package fileprivate(set) var devices: [String] = []
    }

    package private(set) var domains: [Domain] = []

    /// The largest size of the file in bytes.
    package static let sizeLimit = 1 << 20
    /// The path of the file below debugfs.
    package static let path = "pm_genpd/pm_genpd_summary"

    /// Reads the table; malformed lines are skipped.
    package init(parsing text: [UInt8]) {
        for line in text.split(separator: 0x0A) {
            let indentation = line.prefix { $0 == 0x20 }.count
            let fields = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            if indentation == 0 {
                // The state is "on" or "off-0"; a heading has no state.
                let place = fields.dropFirst().firstIndex { $0 == "on" || $0 == "off" || $0.hasPrefix("off-") }
                guard let place else { continue }
                let name = fields[..<place].joined(separator: " ")
                domains.append(Domain(name: name, isOn: fields[place] == "on"))
            } else if indentation == 4, !domains.isEmpty, let device = fields.first?.split(separator: "/").last {
                // Before Linux 6.10 it is a path in sysfs.
                domains[domains.count - 1].devices.append(String(device))
            }
        }
    }

    /// The domains that a device is in.
    package func domains(of device: String) -> [Domain] {
        domains.filter { domain in
            domain.devices.contains { $0 == device || ($0.hasPrefix("genpd:") && $0.hasSuffix(":\(device)")) }
        }
    }
}
