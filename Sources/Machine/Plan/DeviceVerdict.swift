// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import GuestNodes
public import HostDevices
internal import LinuxSystem

/// Whether a device will probably work in a guest, and what it needs for that.
///
/// Only probably, because a driver's needs are taken from the kernel's bindings, not from the driver.
public struct DeviceVerdict: Sendable {
    /// Why no guest can use it on this host; empty otherwise.
    public let reasons: [String]
    /// Changes of the host that are needed first, a few words each.
    public let hostNeeds: [String]
    /// What its driver needs, but the guest doesn't have.
    public let nodeNeeds: [NodeNeed]
    /// The resources that went off with its driver, unless the host holds them.
    public let losses: [PowerLoss]
    /// Whether `martlet bind` is still needed.
    public let isUnbound: Bool
    /// Further devices that must be passed through: their names, or the paths of nodes without a device on the host.
    public let passAlso: [String]

    /// - Parameters:
    ///   - node: its node in a guest, with explanations; nil if it has none; or why it can't be generated.
    ///   - hold: whether the host keeps it powered.
    ///   - name: returns the device of a node, by its path in the host's tree.
    public init(
        _ survey: DeviceSurvey, node: Result<GuestNode?, MachineError>, hold: DeviceHold, name: (String) -> String?
    ) {
        losses = hold.isHeld ? [] : survey.losses
        isUnbound = survey.device.state != .ready
        if case .needs(let needs) = survey.verdict { hostNeeds = needs } else { hostNeeds = [] }
        switch (survey.verdict, node) {
        case (.impossible(let reasons), _):
            self.reasons = reasons
            nodeNeeds = []
        case (_, .success(nil)):
            reasons = ["it has no device tree node"]
            nodeNeeds = []
        case (_, .success(let node?)):
            reasons = []
            nodeNeeds = node.needs(isHeld: hold.isHeld)
        case (_, .failure(let error)):
            reasons = ["\(error)".split(separator: "\n").first.map(String.init) ?? "its node can't be made"]
            nodeNeeds = []
        }
        var others: [String] = []
        for case .others(let providers) in nodeNeeds { others += providers.map { name($0.path) ?? $0.path } }
        passAlso = others
    }

    /// Everything that it needs, a few words each.
    public var needs: [String] {
        hostNeeds + nodeNeeds.map(\.description) + losses.map { "\($0) kept on (martlet-hold)" }
    }

    /// Whether it will probably work without further changes.
    public var works: Bool { reasons.isEmpty && needs.isEmpty }

    /// "works", "works after bind", "needs: clocks core, bus (device_tree.clocks)", "can't: it is the CPUs' timer".
    public var text: String {
        if !reasons.isEmpty { return "can't: \(reasons.joined(separator: "; "))" }
        if !needs.isEmpty { return "needs: \(needs.joined(separator: "; "))" }
        return isUnbound ? "works after bind" : "works"
    }

    /// The remedies for what the guest's node lacks, one line each; commands follow "run: ".
    /// - Parameter device: its name.
    public func remedies(for device: String) -> [String] {
        var lines: [String] = []
        for need in nodeNeeds {
            switch need {
            case .clocks(let names):
                let rates = names.map { "\"\($0)\": 0" }.joined(separator: ", ")
                lines += [
                    "a driver probably requires the rates of its clocks: set them in Hz in the configuration:",
                    "\"device_tree\": {\"clocks\": {\(rates)}}, or {\"*\": 24000000} where no rate matters",
                ]
            case .others:
                lines += [
                    "a driver probably requires other devices: pass them through too",
                    "run: martlet devices \(passAlso.map(ShellText.quoted).joined(separator: " "))",
                ]
            case .resets(let names):
                let list = names.joined(separator: ", ")
                lines.append(
                    "a driver probably requires its resets (\(list)): add a reset controller by device_tree.overlay")
            case .registerBlocks(let properties, let providers):
                let names = properties.joined(separator: ", ")
                let paths = providers.map(\.path).joined(separator: ", ")
                lines += [
                    "a driver probably requires registers that other drivers of the host use as well (\(names)):",
                    "if it only has to find there what the host has set: \"device_tree\": {\"syscon\": \"copy\"}",
                    "else pass \(paths) through too, if nothing else on the host uses it",
                ]
            case .powerDomains:
                lines += [
                    "the kernel switches on a single power domain only: keep all of them on with martlet-hold",
                    "run: modprobe martlet-hold && martlet bind \(ShellText.quoted(device))",
                ]
            }
        }
        if !losses.isEmpty {
            lines +=
                ["off now: \(losses.map(\.description).joined(separator: ", "))"]
                + PowerLoss.remedy(for: device, .unavailable)
        }
        return lines
    }
}
