// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a property of the host's node means for the guest's, by its name alone: bindings share their names.
enum PropertyRole: Equatable {
    /// Numbers, strings and flags, which mean the same to the guest.
    case data
    /// Refers to other nodes.
    case reference(ReferenceRule)
    /// Names the entries of another property, and goes where that goes.
    case names(of: String)
    /// Means nothing in the guest's tree, or is made anew.
    case dropped(DropReason)

    /// Why a property that is no reference is left out.
    enum DropReason: Equatable, Sendable {
        case freshPhandle, kernelsOwn, assignedClocks, dmaRanges, interruptMap, interruptParent, idMap
    }

    init(_ name: String) {
        switch name {
        case "compatible", "reg", "interrupts", "dma-coherent", "model", "label": self = .data
        case "phandle", "linux,phandle": self = .dropped(.freshPhandle)
        case "name": self = .dropped(.kernelsOwn)
        case "dma-ranges": self = .dropped(.dmaRanges)
        case "interrupt-map", "interrupt-map-mask": self = .dropped(.interruptMap)
        case "iommu-map", "iommu-map-mask", "msi-map", "msi-map-mask": self = .dropped(.idMap)
        default:
            if let rule = ReferenceRule(property: name) {
                self = .reference(rule)
            } else if let owner = Self.owner(ofNames: name) {
                self = .names(of: owner)
            } else {
                self = name.hasPrefix("assigned-") ? .dropped(.assignedClocks) : .data
            }
        }
    }

    /// The property whose entries `name` names.
    static func owner(ofNames name: String) -> String? {
        guard name.hasSuffix("-names") else { return nil }
        switch name {
        case "clock-names": return "clocks"
        case "reset-names": return "resets"
        case "dma-names": return "dmas"
        case "phy-names": return "phys"
        case "mbox-names": return "mboxes"
        case "power-domain-names": return "power-domains"
        case "interconnect-names": return "interconnects"
        case "nvmem-cell-names": return "nvmem-cells"
        case "io-channel-names": return "io-channels"
        case "pwm-names": return "pwms"
        case "hwlock-names": return "hwlocks"
        case "memory-region-names": return "memory-region"
        case "pinctrl-names": return "pinctrl-0"
        case "iommu-names": return "iommus"
        case "mux-control-names": return "mux-controls"
        case "mux-state-names": return "mux-states"
        case "access-controller-names": return "access-controllers"
        case "gpio-ranges-group-names": return "gpio-ranges"
        case "thermal-sensor-names": return "thermal-sensors"
        case "extcon-names": return "extcon"
        case "reg-names": return "reg"
        case "interrupt-names": return "interrupts"
        default: return nil
        }
    }

    /// The property that names the entries of `name`.
    static func names(of name: String) -> String? {
        switch name {
        case "clocks": "clock-names"
        case "resets": "reset-names"
        case "dmas": "dma-names"
        case "phys": "phy-names"
        case "mboxes": "mbox-names"
        case "power-domains": "power-domain-names"
        case "nvmem-cells": "nvmem-cell-names"
        case "interconnects": "interconnect-names"
        case "io-channels": "io-channel-names"
        case "pwms": "pwm-names"
        case "hwlocks": "hwlock-names"
        case "memory-region": "memory-region-names"
        case "mux-controls": "mux-control-names"
        case "mux-states": "mux-state-names"
        default: nil
        }
    }
}

/// How a property refers to other nodes.
///
/// A list is made of entries: a phandle, and as many cells as the node it leads to asks for (`#<name>-cells`). A phandle
/// of 0 is an entry that is left empty.
/// - SeeAlso: Devicetree Specification v0.4, 2.3; Linux, drivers/of/property.c (of_supplier_bindings) and the bindings
struct ReferenceRule: Equatable {
    /// What follows a phandle.
    enum Arguments: Equatable {
        /// As many cells as the provider's property of this name says; `otherwise` where it has none, nil if it must.
        case counted(by: String, otherwise: Int?)
        /// Always so many.
        case fixed(Int)
        /// All that is left: one entry.
        case rest
    }

    /// What becomes of an entry whose provider isn't passed through.
    enum Kind: Equatable {
        /// A fixed clock of the rate that it has now.
        case clock
        /// A fixed regulator of its voltage.
        case supply
        /// Left out, and the driver may miss it.
        case link
        /// Left out: the host has it in hand.
        case host(HostDuty)
    }

    /// What the host does for a device, so that the guest needn't.
    enum HostDuty: Equatable, Sendable {
        case translation, interrupts, pins, power, reset, memory, bandwidth, scaling
    }

    let arguments: Arguments
    let kind: Kind

    private init(_ arguments: Arguments, _ kind: Kind = .link) {
        self.arguments = arguments
        self.kind = kind
    }

    /// A list whose providers say how many cells follow.
    private static func list(_ cells: String, _ kind: Kind = .link) -> ReferenceRule {
        ReferenceRule(.counted(by: cells, otherwise: nil), kind)
    }

    /// Phandles and nothing else.
    private static func plain(_ kind: Kind = .link) -> ReferenceRule { ReferenceRule(.fixed(0), kind) }

    /// Nil for a property that isn't known to refer to anything.
    init?(property name: String) {
        guard let rule = Self.rule(name) else { return nil }
        self = rule
    }

    private static func rule(_ name: String) -> ReferenceRule? {
        switch name {
        case "clocks": return .list("#clock-cells", .clock)
        case "phys": return .list("#phy-cells")
        case "dmas": return .list("#dma-cells")
        case "mboxes": return .list("#mbox-cells")
        case "nvmem-cells": return ReferenceRule(.counted(by: "#nvmem-cell-cells", otherwise: 0))
        case "gpios", "gpio": return .list("#gpio-cells")
        case "interrupts-extended": return .list("#interrupt-cells")
        case "io-channels": return .list("#io-channel-cells")
        case "io-backends": return .list("#io-backend-cells")
        case "pwms": return .list("#pwm-cells")
        case "hwlocks": return .list("#hwlock-cells")
        case "sound-dai": return .list("#sound-dai-cells")
        case "mux-controls": return .list("#mux-control-cells")
        case "mux-states": return .list("#mux-state-cells")
        case "pses": return .list("#pse-cells")
        case "trigger-sources": return .list("#trigger-source-cells")
        case "cooling-device": return .list("#cooling-cells", .host(.scaling))
        case "thermal-sensors": return .list("#thermal-sensor-cells", .host(.scaling))
        case "resets": return .list("#reset-cells", .host(.reset))
        case "power-domains": return .list("#power-domain-cells", .host(.power))
        case "performance-domains": return .list("#performance-domain-cells", .host(.scaling))
        case "interconnects": return .list("#interconnect-cells", .host(.bandwidth))
        case "access-controllers": return .list("#access-controller-cells", .host(.power))
        case "iommus": return .list("#iommu-cells", .host(.translation))
        case "msi-parent": return ReferenceRule(.counted(by: "#msi-cells", otherwise: 0), .host(.interrupts))
        case "memory-region": return .plain(.host(.memory))
        case "operating-points-v2", "required-opps": return .plain(.host(.scaling))
        case "gpio-ranges": return ReferenceRule(.fixed(3), .host(.pins))
        case "interrupt-parent", "wakeup-parent": return .plain(.host(.interrupts))
        case "phy-handle", "phy", "phy-device", "pcs-handle", "pcsphy-handle", "sfp", "mdio-handle", "mdio-parent-bus",
            "usb-phy", "extcon", "remote-endpoint", "ports", "leds", "backlight", "panel", "ddc-i2c-bus", "i2c-parent",
            "i2c-bus", "power-supplies", "sram", "nvmem", "nand-ecc-engine", "ecc-engine", "companion",
            "interrupt-affinity", "next-level-cache", "cpu", "mmc-pwrseq":
            return .plain()
        case "syscon": return ReferenceRule(.rest)
        default: return bySuffix(name)
        }
    }

    private static func bySuffix(_ name: String) -> ReferenceRule? {
        if name.hasSuffix("-supply") { return .plain(.supply) }
        if name.hasSuffix("-gpios") || name.hasSuffix("-gpio") {
            // A count, the one false friend that dtc and Linux know too.
            return name.hasSuffix("nr-gpios") ? nil : .list("#gpio-cells")
        }
        if name.hasPrefix("pinctrl-"), name != "pinctrl-names" { return .plain(.host(.pins)) }
        // Bindings of vendors call a block of shared registers, and what goes with it, by these endings.
        for ending in ["-syscon", ",syscon", "-grf", ",grf", "-handle", "-phandle", "-sysreg", "-regmap"]
        where name.hasSuffix(ending) {
            return ReferenceRule(.rest)
        }
        return nil
    }
}
