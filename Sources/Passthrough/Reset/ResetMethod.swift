// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import DeviceTree
internal import HostDevices
internal import LinuxSystem
internal import VFIO

/// How a device is reset.
enum ResetMethod: Sendable {
    /// VFIO_DEVICE_RESET.
    case vfio
    /// Martlet's recipe for this value of `compatible`.
    case recipe(String, [ResetRecipe.Step])
    /// The configuration's steps.
    case steps([ResetStep])
    /// The device isn't reset.
    case none(Absence)

    /// Why nothing resets it.
    enum Absence: Equatable, Sendable {
        /// `reset` is "none".
        case configured
        /// VFIO can't reset it, and there is no recipe; with the first `compatible`.
        case noRecipe(compatible: String?)
        /// Its node says that its registers are big-endian, which no recipe supports.
        case bigEndian(compatible: String)

        var text: String {
            switch self {
            case .configured: "reset is \"none\""
            case .noRecipe(let compatible?):
                "the host's kernel can't reset it, and Martlet has no recipe for \(compatible)"
            case .noRecipe(nil): "the host's kernel can't reset it, and without a compatible there is no recipe"
            case .bigEndian(let compatible):
                "the host's kernel can't reset it, and the recipe for \(compatible) is for little-endian registers"
            }
        }
    }

    /// Finds the method of an open device, according to the configuration.
    init(_ choice: DeviceReset, of device: VFIODevice, _ sysfs: Sysfs) {
        switch choice {
        case .steps(let steps): self = .steps(steps)
        case .none: self = .none(.configured)
        case .automatic: self = device.canReset ? .vfio : Self.recipe(for: device.host, sysfs)
        }
    }

    private static func recipe(for host: HostDevice, _ sysfs: Sysfs) -> ResetMethod {
        guard let node = host.deviceTreeNode else { return .none(.noRecipe(compatible: nil)) }
        let tree = HostTree(sysfs)
        let compatible = tree.value("compatible", of: node)?.strings ?? []
        guard let (name, recipe) = BuiltInRecipes.recipe(for: compatible) else {
            return .none(.noRecipe(compatible: compatible.first))
        }
        for sign in ["big-endian", "big-endian-regs"] where tree.value(sign, of: node) != nil {
            return .none(.bigEndian(compatible: name))
        }
        var spread = ResetRecipe.Spread()
        // Binding serial/8250.yaml. A wrong value gives an offset outside the region, which the check refuses.
        if let offset = tree.value("reg-offset", of: node)?.cell { spread.offset = UInt64(offset) }
        if let shift = tree.value("reg-shift", of: node)?.cell { spread.shift = min(UInt64(shift), 32) }
        if let width = tree.value("reg-io-width", of: node)?.cell { spread.width = Int(width) }
        return .recipe(name, recipe.steps(spread))
    }

    /// Whether the device is reset.
    var isThere: Bool {
        switch self {
        case .vfio, .recipe, .steps: true
        case .none: false
        }
    }

    /// The method as text: "by VFIO", "by Martlet's recipe for generic-ahci", "none: …".
    var text: String {
        switch self {
        case .vfio: "by VFIO"
        case .recipe(let name, _): "by Martlet's recipe for \(name)"
        case .steps(let steps): "by the configuration's \(steps.count == 1 ? "step" : "\(steps.count) steps")"
        case .none(let absence): "none: \(absence.text)"
        }
    }

    /// "vfio", "recipe", "steps" or "none".
    var word: String {
        switch self {
        case .vfio: "vfio"
        case .recipe: "recipe"
        case .steps: "steps"
        case .none: "none"
        }
    }
}
