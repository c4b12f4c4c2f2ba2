// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import PlatformBus

extension NS16550A {
    /// The node that tells the guest about a serial port, whether or not there is one yet.
    ///
    /// - Parameters:
    ///   - range: the registers, as they are attached to the bus.
    ///   - interrupts: the specifier of a level-triggered, active-high SPI for the node's interrupt parent.
    /// - Returns: a child for a node with two address and two size cells.
    /// - SeeAlso: Devicetree binding serial/8250.yaml
    public static func deviceTreeNode(at range: GuestRange, interrupts: PropertyValue) -> Node {
        // A byte to each register is what the binding assumes, so `reg-shift` and `reg-io-width` are left out.
        Node(
            nodeName("serial", range),
            [
                "compatible": .string("ns16550a"),
                "reg": .cells64([range.base.rawValue, range.size]),
                "interrupts": interrupts,
                "clock-frequency": .cell(clockFrequency),
            ])
    }
}

extension PL031 {
    /// The node that tells the guest about an RTC, whether or not there is one yet.
    ///
    /// - Parameters:
    ///   - range: the registers, as they are attached to the bus.
    ///   - interrupts: the specifier of a level-triggered, active-high SPI for the node's interrupt parent.
    ///   - busClock: a reference to any fixed clock: Linux's AMBA bus wants to enable one before it looks at the device.
    /// - Returns: a child for a node with two address and two size cells.
    /// - SeeAlso: Devicetree bindings rtc/arm,pl031.yaml and arm/primecell.yaml
    public static func deviceTreeNode(
        at range: GuestRange, interrupts: PropertyValue, busClock: PropertyValue
    ) -> Node {
        Node(
            nodeName("rtc", range),
            [
                "compatible": .strings(["arm,pl031", "arm,primecell"]),
                "reg": .cells64([range.base.rawValue, range.size]),
                "interrupts": interrupts,
                "clocks": busClock,
                "clock-names": .string("apb_pclk"),
            ])
    }
}

/// "serial@9000000": Devicetree Specification v0.4, 2.2.1.1.
private func nodeName(_ name: String, _ range: GuestRange) -> String {
    name + "@" + String(range.base.rawValue, radix: 16)
}
