// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a property refers to other nodes.
///
/// A list consists of entries: a phandle, then as many cells as the target's node declares (`#<name>-cells`). A phandle
/// of 0 is an empty entry.
/// - SeeAlso: Devicetree Specification v0.4, 2.3; Linux, drivers/of/property.c (of_supplier_bindings) and the bindings
struct ReferenceRule: Equatable {
    /// The cells after a phandle.
    enum Arguments: Equatable {
        /// As many as the provider's property with this name declares; `otherwise` if it has no such property, nil if
        /// it must.
        case counted(by: String, otherwise: Int?)
        /// Always this many.
        case fixed(Int)
        /// A number in this range, the same for each entry, which the length of the value shows.
        case between(ClosedRange<Int>)
        /// All remaining cells: there is one entry.
        case rest
    }

    /// The handling of an entry whose provider isn't passed through.
    enum Kind: Equatable {
        /// It becomes a fixed clock with the current rate.
        case clock
        /// It becomes a fixed regulator with its voltage.
        case supply
        /// It becomes a line of the guest's own reset controller.
        case reset
        /// It is left out, and the driver may need it.
        case link
        /// It is left out, because the host manages it.
        case host(HostDuty)
    }

    /// A resource that the host manages for a device, so that the guest needn't.
    enum HostDuty: Equatable, Sendable {
        case translation, interrupts, pins, power, memory, bandwidth, scaling
    }

    let arguments: Arguments
    let kind: Kind
    /// How many numbers precede the phandle of each entry.
    let leading: Int

    init(_ arguments: Arguments, _ kind: Kind = .link, leading: Int = 0) {
        self.arguments = arguments
        self.kind = kind
        self.leading = leading
    }

    /// Nil for a property that isn't known to be a reference.
    init?(property name: String) {
        guard let rule = Self.own(name) ?? Self.bySuffix(name) ?? Self.byBindings(name) ?? Self.byEnding(name)
        else { return nil }
        self = rule
    }

    /// Whether a lost entry becomes an empty one, so that the others keep their places. Linux doesn't accept an empty
    /// entry in a pin state (drivers/pinctrl/devicetree.c, pinctrl_dt_to_map).
    var keepsPlaces: Bool { kind != .host(.pins) }

    // MARK: The kernel's bindings

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
        // As many as Linux accepts (include/linux/of.h, MAX_PHANDLE_ARGS).
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

    // MARK: Beyond the bindings

    /// A list whose providers declare the number of cells.
    private static func list(_ cells: String, _ kind: Kind = .link) -> ReferenceRule {
        ReferenceRule(.counted(by: cells, otherwise: nil), kind)
    }

    /// A list of phandles only.
    private static func plain(_ kind: Kind = .link) -> ReferenceRule { ReferenceRule(.fixed(0), kind) }

    /// Properties whose type is defined in dt-schema's own bindings, in plain text bindings, or nowhere, and those with
    /// a special handling.
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
            // A count; dtc and Linux have the same exception.
            return name.hasSuffix("nr-gpios") ? nil : .list("#gpio-cells")
        }
        // Excludes the data of pin controllers, such as pinctrl-single,pins.
        let prefix = "pinctrl-"
        guard name.hasPrefix(prefix), name.utf8.count > prefix.utf8.count,
            name.utf8.dropFirst(prefix.utf8.count).allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
        else { return nil }
        return .plain(.host(.pins))
    }

    /// Vendors' bindings use these endings for blocks of shared registers and related properties.
    private static func byEnding(_ name: String) -> ReferenceRule? {
        for ending in ["-syscon", ",syscon", "-grf", ",grf", "-handle", "-phandle", "-sysreg", "-regmap"]
        where name.hasSuffix(ending) {
            return ReferenceRule(.rest)
        }
        return nil
    }
}

extension ReferenceRule {
    /// Whether a property with this name is known to refer to nodes.
    static func isReference(_ name: String) -> Bool {
        ReferenceRule(property: name) != nil || name.hasPrefix("assigned-")
    }
}
