// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// The consoles that a Linux guest finds on its machine: Martlet's serial port, and those that passed-through devices
/// may have.
///
/// - SeeAlso: Linux, Documentation/admin-guide/kernel-parameters.txt, console=
struct KernelConsoles {
    /// The serial port's name: the first 8250.
    static let serial = "ttyS0"

    /// The nodes of the passed-through devices, and all nodes below them.
    private let nodes: [Node]

    init(passedThrough: [Node]) {
        nodes = passedThrough.flatMap(Self.all)
    }

    private static func all(_ node: Node) -> [Node] { [node] + node.children.flatMap(all) }

    /// The problem of the consoles that `arguments` name; nil if one of them exists, or none is named.
    ///
    /// Without a name the kernel uses the serial port, according to /chosen.
    func problem(with arguments: BootArguments) -> String? {
        let names = arguments.consoles
        if names.isEmpty || names.contains(where: has) { return nil }
        let shown = names.map { "\(PropertyValue.string("console=\($0)"))" }.joined(separator: ", ")
        return """
            \(arguments.source.rawValue): \(shown): this machine has no such console, so the guest's messages are lost
              use console=\(Self.serial)
            """
    }

    /// Whether a kernel with the value `name` of its parameter finds a console, or is meant to have none.
    func has(_ name: String) -> Bool {
        let device = name.prefix { $0 != "," }
        let kind = device.prefix { !$0.isNumber }
        switch kind {
        case "", "null", "ttynull": return true
        case "ttyS" where device == Self.serial: return true
        case "uart": return true
        case "ttyAMA", "pl": return hasCompatible { $0 == "arm,pl011" || $0 == "arm,sbsa-uart" }
        case "hvc": return hasCompatible { $0 == "virtio,mmio" }
        case "tty":
            return nodes.contains { ["gpu", "display", "hdmi", "dsi", "framebuffer"].contains($0.baseName) }
        case "ttyUSB", "ttyACM": return nodes.contains { $0.baseName == "usb" }
        // Each vendor's driver has its own name, so it may mean any serial port.
        default:
            return nodes.contains { ["serial", "uart"].contains($0.baseName) }
                || hasCompatible { text in ["uart", "serial", "usart", "16550", "8250"].contains { text.contains($0) } }
        }
    }

    private func hasCompatible(_ matches: (String) -> Bool) -> Bool {
        nodes.contains { $0[property: "compatible"]?.strings?.contains(where: matches) == true }
    }
}
