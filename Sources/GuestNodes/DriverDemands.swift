// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What the driver of a device probably requires, by the device's `compatible`: the requirements of the bindings, with
/// known exceptions.
struct DriverDemands {
    /// The properties that the first known name requires, and those that are optional; nil if the bindings have none of
    /// the names.
    private let known: (required: Set<Substring>, optional: Set<Substring>)?
    private let compatible: [String]
    private let properties: [String]

    /// - Parameters:
    ///   - compatible: most specific first.
    ///   - properties: the names of the properties that the device has in the guest.
    init(compatible: [String], properties: [String]) {
        self.compatible = compatible
        self.properties = properties
        let group = compatible.lazy.compactMap { BindingDemands.index[$0] }.first
        known = group.map { group in
            let words = BindingDemands.groups[group].demands.split(separator: " ")
            return (
                Set(words.filter { !$0.hasPrefix("?") }), Set(words.filter { $0.hasPrefix("?") }.map { $0.dropFirst() })
            )
        }
    }

    /// Whether the driver requires its clocks. Most drivers do, so this is true for an unknown one.
    var clocks: Bool { exception("clocks") ?? known.map { $0.required.contains("clocks") } ?? true }

    /// Whether the driver requires its resets. Most drivers also work without them, so this is false for an unknown
    /// one.
    var resets: Bool { exception("resets") ?? known?.required.contains("resets") ?? false }

    /// Whether the driver requires the target of another property.
    func needs(_ property: String) -> Bool {
        if let exception = exception(property) { return exception }
        switch property {
        // Nearly all drivers work without them: they use programmed I/O, or the property is a trigger, a hint, or a
        // console's information.
        case "dmas", "interrupts-extended", "extcon", "nvmem-cells", "leds", "remote-endpoint": return false
        case "phys": return known.map { $0.required.contains("phys") } ?? true
        default: return known?.required.contains(Substring(property)) ?? false
        }
    }

    /// The known behaviour of Linux's drivers where it differs from the bindings.
    private func exception(_ property: String) -> Bool? {
        for name in compatible {
            if let found = Self.exceptions.first(where: { $0.compatible == name && $0.property == property }) {
                return found.unless.map { !properties.contains($0) } ?? true
            }
        }
        return nil
    }

    /// Properties that a driver requires against its binding, unless it has the property `unless`.
    /// - SeeAlso: Linux 6.12, the driver of each
    private static let exceptions: [(compatible: String, property: String, unless: String?)] = [
        // drivers/net/ethernet/stmicro/stmmac/dwmac-imx.c, imx_dwmac_parse_dt
        ("nxp,imx8mp-dwmac-eqos", "intf_mode", nil), ("nxp,imx93-dwmac-eqos", "intf_mode", nil),
        // drivers/net/ethernet/stmicro/stmmac/dwmac-mediatek.c, mediatek_dwmac_config_dt
        ("mediatek,mt8195-gmac", "mediatek,pericfg", nil), ("mediatek,mt2712-gmac", "mediatek,pericfg", nil),
        // drivers/tty/serial/amba-pl011.c, pl011_probe
        ("arm,pl011", "clocks", nil),
        // drivers/tty/serial/8250/8250_dw.c, dw8250_probe, and 8250_of.c, of_platform_serial_setup
        ("snps,dw-apb-uart", "clocks", "clock-frequency"), ("ns16550a", "clocks", "clock-frequency"),
        ("ns16550", "clocks", "clock-frequency"),
    ]
}
