// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
package import PlatformBus

/// What the host's device tree says of a device's interrupts. For one question, by one thread.
package struct HostInterrupts {
    /// One interrupt specifier.
    package struct Specifier: Equatable {
        /// Nil where the interrupt controller's binding is one that Martlet doesn't know.
        package let trigger: InterruptTrigger?
        /// Whether each CPU has a line of its own (PPI), as for timers and performance counters.
        package let isPerCPU: Bool
    }

    package let tree: HostTree

    package init(tree: HostTree) { self.tree = tree }

    /// The interrupts of a node in VFIO's order; those behind one that makes no sense are left out, as the kernel does.
    /// - SeeAlso: Devicetree Specification v0.4, 2.4.1
    package func specifiers(of node: String) -> [Specifier] {
        var specifiers: [Specifier] = []
        if let value = tree.value("interrupts-extended", of: node) {
            var reader = value.reader
            while let phandle = reader.phandle(), let controller = controller(phandle),
                let cells = Self.cells(cellCount(of: controller), &reader)
            {
                specifiers.append(specifier(cells, of: controller))
            }
        } else if let value = tree.value("interrupts", of: node), let controller = parent(of: node) {
            var reader = value.reader
            while let cells = Self.cells(cellCount(of: controller), &reader) {
                specifiers.append(specifier(cells, of: controller))
            }
        }
        return specifiers
    }

    private static func cells(_ count: Int, _ reader: inout PropertyValue.Reader) -> [UInt32]? {
        guard count > 0 else { return nil }
        var cells: [UInt32] = []
        // No more than there are, whatever the count.
        while cells.count < count {
            guard let cell = reader.cell() else { return nil }
            cells.append(cell)
        }
        return cells
    }

    private func controller(_ phandle: Phandle) -> String? { try? tree.folder(of: phandle) }

    private func cellCount(of controller: String) -> Int {
        tree.value("#interrupt-cells", of: controller)?.cell.map(Int.init) ?? 0
    }

    /// The interrupt controller of a node: what it or a node above names, else the first node above that is one.
    private func parent(of node: String) -> String? {
        var next: String? = node
        while let current = next {
            if let phandle = tree.value("interrupt-parent", of: current)?.phandle { return controller(phandle) }
            next = tree.parent(of: current)
            if let next, tree.value("#interrupt-cells", of: next) != nil { return next }
        }
        return nil
    }

    /// - SeeAlso: Linux, Documentation/devicetree/bindings/interrupt-controller/interrupts.txt (two cells) and
    ///   arm,gic-v3.yaml, arm,gic.yaml (three and more: type, number, flags)
    private func specifier(_ cells: [UInt32], of controller: String) -> Specifier {
        let compatible = tree.value("compatible", of: controller)?.strings ?? []
        let isGIC = compatible.contains { $0.hasPrefix("arm,") && $0.contains("gic") }
        if isGIC, cells.count >= 3 {
            // Types 1 and 3: PPI, and the extended ones of a GICv3.1.
            return Specifier(trigger: Self.trigger(cells[2]), isPerCPU: cells[0] == 1 || cells[0] == 3)
        }
        let isController = tree.value("interrupt-controller", of: controller) != nil
        return Specifier(trigger: isController && cells.count == 2 ? Self.trigger(cells[1]) : nil, isPerCPU: false)
    }

    private static func trigger(_ flags: UInt32) -> InterruptTrigger? {
        // IRQ_TYPE_*: 1 rising, 2 falling, 3 both, 4 high, 8 low.
        switch flags & 0xF {
        case 1, 2, 3: .edge
        case 4, 8: .level
        default: nil
        }
    }
}
