// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A resource that a device had with its driver, and that is off now.
public enum PowerLoss: Equatable, Sendable, CustomStringConvertible {
    case clock(HostRecord.Clock)
    case supply(HostRecord.Supply)
    case domain(HostRecord.Domain)

    /// "clock core (clk_core)", "supply vmmc (vcc_sd)", "power domain pd_usb"
    public var description: String {
        switch self {
        case .clock(let clock):
            switch clock.connection {
            case .named(let name): "clock \(name) (\(clock.name))"
            case .first, .unknown: "clock \(clock.name)"
            }
        case .supply(let supply): "supply \(supply.property.dropLast("-supply".count)) (\(supply.name))"
        case .domain(let domain): "power domain \(domain.name)"
        }
    }

    /// What it means and how to fix it, one line each; commands follow "run: ".
    /// - Parameters:
    ///   - device: its name.
    ///   - hold: whether the host can keep it on.
    public static func remedy(for device: String, _ hold: DeviceHold) -> [String] {
        let load =
            hold == .free ? [] : ["run: modprobe martlet-hold    # host-module/README.md says how to install it"]
        return [
            "the host switched it off when its driver released the device: a guest's access can crash the host",
            "keep it on with martlet-hold:",
        ] + load + ["run: martlet bind \(ShellText.quoted(device))"]
    }
}
