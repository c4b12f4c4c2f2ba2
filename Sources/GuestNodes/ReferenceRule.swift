// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a property refers to other nodes.
///
/// A list is made of entries: a phandle, and as many cells as the node it leads to asks for (`#<name>-cells`). A
/// phandle of 0 is an entry that is left empty.
/// - SeeAlso: Devicetree Specification v0.4, 2.3; Linux, drivers/of/property.c (of_supplier_bindings) and the bindings
struct ReferenceRule: Equatable {
    /// What follows a phandle.
    enum Arguments: Equatable {
        /// As many cells as the provider's property of this name says; `otherwise` where it has none, nil if it must.
        case counted(by: String, otherwise: Int?)
        /// Always so many.
        case fixed(Int)
        /// So many, the same number for each entry, as the value's shape tells.
        case between(ClosedRange<Int>)
        /// All that is left: one entry.
        case rest
    }

    /// What becomes of an entry whose provider isn't passed through.
    enum Kind: Equatable {
        /// A fixed clock of the rate that it has now.
        case clock
        /// A fixed regulator of its voltage.
        case supply
        /// A line of the guest's own reset controller.
        case reset
        /// Left out, and the driver may miss it.
        case link
        /// Left out: the host has it in hand.
        case host(HostDuty)
    }

    /// What the host does for a device, so that the guest needn't.
    enum HostDuty: Equatable, Sendable {
        case translation, interrupts, pins, power, memory, bandwidth, scaling
    }

    let arguments: Arguments
    let kind: Kind
    /// How many numbers stand before the phandle of each entry.
    let leading: Int

    init(_ arguments: Arguments, _ kind: Kind = .link, leading: Int = 0) {
        self.arguments = arguments
        self.kind = kind
        self.leading = leading
    }

    /// Nil for a property that isn't known to refer to anything.
    init?(property name: String) {
        guard let rule = Self.own(name) ?? Self.bySuffix(name) ?? Self.byBindings(name) ?? Self.byEnding(name)
        else { return nil }
        self = rule
    }

    /// Whether an entry that the guest can't have leaves an empty one behind, so that the others keep their places.
    /// Linux takes no empty entry in a pin state (drivers/pinctrl/devicetree.c, pinctrl_dt_to_map).
    var keepsPlaces: Bool { kind != .host(.pins) }

    // MARK: What the kernel's bindings say

    /// - SeeAlso: `BindingReferences`, which is generated.
    static func byBindings(_ name: String) -> ReferenceRule? {
        for (count, names) in BindingReferences.fixed where isListed(name, names) {
            return ReferenceRule(.fixed(count))
        }
        if let found = BindingReferences.counted.first(where: { $0.name == name }) {
            return ReferenceRule(.counted(by: found.cells, otherwise: nil))
        }
        if let found = BindingReferences.between.first(where: { $0.name == name }) {
            return ReferenceRule(.between(found.counts))
        }
        // As many as Linux takes (include/linux/of.h, MAX_PHANDLE_ARGS).
        return isListed(name, BindingReferences.unsaid) ? ReferenceRule(.between(0...16)) : nil
    }

    /// Whether `name` is in a sorted list.
    private static func isListed(_ name: String, _ names: [String]) -> Bool {
        var (low, high) = (0, names.count)
        while low < high {
            let middle = (low + high) / 2
            if names[middle] == name { return true }
            if names[middle] < name { low = middle + 1 } else { high = middle }
        }
        return false
    }

    // MARK: What they don't say

    /// A list whose providers say how many cells follow.
    private static func list(_ cells: String, _ kind: Kind = .link) -> ReferenceRule {
        ReferenceRule(.counted(by: cells, otherwise: nil), kind)
    }

    /// Phandles and nothing else.
    private static func plain(_ kind: Kind = .link) -> ReferenceRule { ReferenceRule(.fixed(0), kind) }

    /// Properties whose type is said in dt-schema's own bindings, in bindings that are plain text, or nowhere; and
    /// those that mean more than a link.
    static func own(_ name: String) -> ReferenceRule? {
        switch name {
        case "clocks": return .list("#clock-cells", .clock)
        case "phys": return .list("#phy-cells")
        case "dmas": return .list("#dma-cells")
        case "nvmem-cells": return ReferenceRule(.counted(by: "#nvmem-cell-cells", otherwise: 0))
        case "gpios", "gpio": return .list("#gpio-cells")
        case "interrupts-extended": return .list("#interrupt-cells")
        case "io-channels": return .list("#io-channel-cells")
        case "io-backends": return .list("#io-backend-cells")
        case "pwms": return .list("#pwm-cells")
        case "hwlocks": return .list("#hwlock-cells")
        case "cooling-device": return .list("#cooling-cells", .host(.scaling))
        case "thermal-sensors": return .list("#thermal-sensor-cells", .host(.scaling))
        case "resets": return .list("#reset-cells", .reset)
        case "power-domains": return .list("#power-domain-cells", .host(.power))
        case "performance-domains": return .list("#performance-domain-cells", .host(.scaling))
        case "interconnects": return .list("#interconnect-cells", .host(.bandwidth))
        case "access-controllers": return .list("#access-controller-cells", .host(.power))
        case "iommus": return .list("#iommu-cells", .host(.translation))
        case "qcom,freq-domain", "qcom,freq-domains": return .list("#freq-domain-cells", .host(.scaling))
        case "msi-parent": return ReferenceRule(.counted(by: "#msi-cells", otherwise: 0), .host(.interrupts))
        case "memory-region": return .plain(.host(.memory))
        case "operating-points-v2", "required-opps", "mediatek,cci": return .plain(.host(.scaling))
        case "gpio-ranges": return ReferenceRule(.fixed(3), .host(.pins))
        case "interrupt-parent", "wakeup-parent": return .plain(.host(.interrupts))
        case "rockchip,pins": return ReferenceRule(.fixed(0), leading: 3)
        case "syscon", "subctrl-vbase": return ReferenceRule(.rest)
        case "phy-device", "pcsphy-handle", "extcon", "remote-endpoint", "mdio-handle", "next-level-cache", "l2-cache",
            "nvmem", "leds", "shmem", "firmware", "infracfg", "pinctrl", "altr,ecc-parent",
            "brcm,sr-cdru", "brcm,sr-mhb", "fsl,qman", "hisilicon,hi6220-clk-sram", "mediatek,headset-codec",
            "regmap-csw", "regmap-efuse", "regmap-mcba", "regmap-mcbb", "regmap-rb", "rockchip,codec", "rockchip,cpu",
            "simple-audio-card,aux-devs", "simple-audio-card,bitclock-master", "simple-audio-card,frame-master":
            return .plain()
        default: return nil
        }
    }

    private static func bySuffix(_ name: String) -> ReferenceRule? {
        if name.hasSuffix("-supply") { return .plain(.supply) }
        if name.hasSuffix("-gpios") || name.hasSuffix("-gpio") {
            // A count, the one exception that dtc and Linux know too.
            return name.hasSuffix("nr-gpios") ? nil : .list("#gpio-cells")
        }
        // Not what pin controllers have for data: pinctrl-single,pins.
        let prefix = "pinctrl-"
        guard name.hasPrefix(prefix), name.utf8.count > prefix.utf8.count,
            name.utf8.dropFirst(prefix.utf8.count).allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
        else { return nil }
        return .plain(.host(.pins))
    }

    /// Bindings of vendors call a block of shared registers, and what goes with it, by these endings.
    private static func byEnding(_ name: String) -> ReferenceRule? {
        for ending in ["-syscon", ",syscon", "-grf", ",grf", "-handle", "-phandle", "-sysreg", "-regmap"]
        where name.hasSuffix(ending) {
            return ReferenceRule(.rest)
        }
        return nil
    }
}

extension ReferenceRule {
    /// Whether a property of this name refers to nodes, as far as is known.
    static func isReference(_ name: String) -> Bool {
        ReferenceRule(property: name) != nil || name.hasPrefix("assigned-")
    }
}
