// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import GuestNodes
internal import HostDevices
internal import Machine

extension DeviceRecord {
    /// The verdict on the device.
    struct Guest: Encodable {
        /// "works", "needs" or "can't".
        let verdict: String
        /// Its needs, or the reasons why it can't be used, a few words each.
        let reasons: [String]
        /// Clocks whose rates must be set in `device_tree.clocks`, by name or index.
        let clocks: [String]
        /// Further devices that must be passed through: their names, or the paths of nodes without a device on the
        /// host.
        let passAlso: [String]
        /// The resources that went off with its driver.
        let off: [String]
        /// The remedies, one line each.
        let remedies: [String]

        private enum CodingKeys: String, CodingKey {
            case verdict, reasons, clocks, off, remedies
            case passAlso = "pass_also"
        }

        init(_ verdict: DeviceVerdict, device: String) {
            self.verdict = !verdict.reasons.isEmpty ? "can't" : verdict.works ? "works" : "needs"
            reasons = verdict.reasons.isEmpty ? verdict.needs : verdict.reasons
            var clocks: [String] = []
            for case .clocks(let names) in verdict.nodeNeeds { clocks += names }
            self.clocks = clocks
            passAlso = verdict.passAlso
            off = verdict.losses.map(\.description)
            remedies = verdict.remedies(for: device)
        }
    }

    /// The resources of the driver, now or when `bind` unbound it.
    struct Host: Encodable {
        struct Clock: Encodable {
            /// Its entry in `clock-names`; absent if it has none.
            let name: String?
            /// The kernel's name of it.
            let clock: String
            /// In Hz.
            let rate: UInt64
            /// "on", "off" or "unknown".
            let power: String
        }

        struct Supply: Encodable {
            let property: String
            let name: String
            let microvolts: UInt32?
            let power: String
        }

        struct Domain: Encodable {
            let name: String
            let power: String
        }

        let clocks: [Clock]
        let supplies: [Supply]
        let powerDomains: [Domain]
        /// The resources that couldn't be read, and why.
        let unknown: [String]

        private enum CodingKeys: String, CodingKey {
            case clocks, supplies, unknown
            case powerDomains = "power_domains"
        }

        init(_ record: HostRecord) {
            clocks = record.clocks.map { clock in
                Clock(
                    name: clock.connection.name, clock: clock.name, rate: clock.rate, power: clock.power.rawValue)
            }
            supplies = record.supplies.map {
                Supply(property: $0.property, name: $0.name, microvolts: $0.microvolts, power: $0.power.rawValue)
            }
            powerDomains = record.domains.map { Domain(name: $0.name, power: $0.power.rawValue) }
            unknown = record.gaps.map { "\($0.what): \($0.text)" }
        }
    }

    /// The device whose driver created this one.
    struct Parent: Encodable {
        let device: String
        let driver: String
    }
}
