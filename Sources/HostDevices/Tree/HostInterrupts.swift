// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
package import PlatformBus

/// The interrupts of devices according to the host's device tree. One thread uses it.
package final class HostInterrupts {
    /// One interrupt specifier.
    package struct Specifier: Equatable {
        /// Nil when Martlet doesn't know the binding of the interrupt controller.
        package let trigger: InterruptTrigger?
        /// Whether each CPU has its own line (PPI), as for timers and performance counters.
        package let isPerCPU: Bool
    }

    private let tree: HostTree
    /// The controllers that were found so far: most devices of a host have the same one.
    private var controllers: [Phandle: Controller?] = [:]

    package init(tree: HostTree) { self.tree = tree }

    /// The interrupts of a node in VFIO's order.
    ///
    /// Those after a malformed one are left out, as the kernel does.
    /// - SeeAlso: Devicetree Specification v0.4, 2.4.1
    package func specifiers(of node: String) -> [Specifier] {
        var specifiers: [Specifier] = []
        if let value = tree.value("interrupts-extended", of: node) {
            var reader = value.reader
            while let phandle = reader.phandle(), let controller = controller(phandle),
                let cells = Self.cells(controller.cellCount, &reader)
            {
                specifiers.append(Self.specifier(cells, of: controller))
            }
        } else if let value = tree.value("interrupts", of: node), let controller = parent(of: node) {
            var reader = value.reader
            while let cells = Self.cells(controller.cellCount, &reader) {
                specifiers.append(Self.specifier(cells, of: controller))
            }
        }
        return specifiers
    }

    private static func cells(_ count: Int, _ reader: inout PropertyValue.Reader) -> [UInt32]? {
        guard count > 0 else { return nil }
        var cells: [UInt32] = []
        // At most as many as there are, whatever the count.
        while cells.count < count {
            guard let cell = reader.cell() else { return nil }
            cells.append(cell)
        }
        return cells
    }

    /// The properties of an interrupt controller that its specifiers depend on.
    private struct Controller {
        let cellCount: Int
        let isGIC: Bool
        /// Whether it is an interrupt controller; otherwise it passes interrupts on.
        let isController: Bool
    }

    private func controller(_ phandle: Phandle) -> Controller? {
        if let known = controllers[phandle] { return known }
        let controller = (try? tree.folder(of: phandle)).map(controller(at:))
        controllers[phandle] = .some(controller)
        return controller
    }

    private func controller(at folder: String) -> Controller {
        let compatible = tree.value("compatible", of: folder)?.strings ?? []
        return Controller(
            cellCount: tree.value("#interrupt-cells", of: folder)?.cell.map(Int.init) ?? 0,
            isGIC: compatible.contains { $0.hasPrefix("arm,") && $0.contains("gic") },
            isController: tree.value("interrupt-controller", of: folder) != nil)
    }

    /// The interrupt controller of a node: the one that the node or a node above it names, otherwise the first node
    /// above that is one.
    private func parent(of node: String) -> Controller? {
        var next: String? = node
        while let current = next {
            if let phandle = tree.value("interrupt-parent", of: current)?.phandle { return controller(phandle) }
            next = tree.parent(of: current)
            if let next, tree.value("#interrupt-cells", of: next) != nil { return controller(at: next) }
        }
        return nil
    }

    /// - SeeAlso: Linux, Documentation/devicetree/bindings/interrupt-controller/interrupts.txt (two cells) and
    ///   arm,gic-v3.yaml, arm,gic.yaml (three and more: type, number, flags)
    private static func specifier(_ cells: [UInt32], of controller: Controller) -> Specifier {
        if controller.isGIC, cells.count >= 3 {
            // Types 1 and 3: PPI, and the extended ones of a GICv3.1.
            return Specifier(trigger: trigger(cells[2]), isPerCPU: cells[0] == 1 || cells[0] == 3)
        }
        return Specifier(
            trigger: controller.isController && cells.count == 2 ? trigger(cells[1]) : nil, isPerCPU: false)
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
