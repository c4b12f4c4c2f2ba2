// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import DeviceTree
internal import LinuxSystem

/// What the configuration adds to the generated device tree: files, read and checked, and references by label.
///
/// The order: the generated tree is merged into the base tree, references are resolved, each device's overlay is applied in
/// the order of the devices, and then the machine's overlays in their order.
struct TreeAdditions: Sendable {
    /// A cell of a device's property that is to hold the phandle of the node with a label.
    private struct Reference: Sendable {
        let key: String
        let device: Int
        let property: String
        /// In bytes.
        let offset: Int
        let label: String
    }

    private struct AddedOverlay: Sendable {
        let overlay: Overlay
        /// The device whose overlay it is; nil for one of the machine's.
        let device: Int?
    }

    /// What the generated tree has to be told.
    struct Names {
        /// The labels of the board's nodes, and of its clocks'.
        var board: [(label: String, path: String)]
        /// Each device's own label, and the path of its node.
        var devices: [(label: String?, path: String)]
    }

    let base: BaseTree?
    private var overlays: [AddedOverlay] = []
    private var references: [Reference] = []

    /// What stands in the cells of references until they are resolved; no phandle.
    static let placeholder: UInt32 = .max

    /// Nil when there is nothing to add.
    /// - Throws: `MachineError.treeFile`, `.overlay` for the first file that is no good.
    init?(_ configuration: MachineConfiguration, system: any SystemCalls, log: Log) throws(MachineError) {
        base = try Self.base(configuration, system: system, log: log)
        for node in base?.replacedNodes ?? [] {
            log(.info, "device-tree.base: \(node) is Martlet's to write, and left out")
        }
        for (file, device) in Self.overlayFiles(configuration) {
            overlays.append(
                AddedOverlay(overlay: try Self.overlay(file, system: system, log: log), device: device))
        }
        for (index, device) in configuration.platformDevices.enumerated() {
            references += Self.references(of: device.deviceTree, index)
        }
        if base == nil, overlays.isEmpty, references.isEmpty { return nil }
    }

    /// What is wrong with each file by itself.
    static func problems(of configuration: MachineConfiguration, system: any SystemCalls, log: Log) -> [MachineError] {
        var problems: [MachineError] = []
        do throws(MachineError) { _ = try base(configuration, system: system, log: log) } catch {
            problems.append(error)
        }
        for (file, _) in overlayFiles(configuration) {
            do throws(MachineError) { _ = try overlay(file, system: system, log: log) } catch {
                problems.append(error)
            }
        }
        return problems
    }

    private static func base(
        _ configuration: MachineConfiguration, system: any SystemCalls, log: Log
    ) throws(MachineError) -> BaseTree? {
        guard let path = configuration.deviceTree.base else { return nil }
        let file = TreeFile(key: "device-tree.base", path: path)
        return try BaseTree(
            file, blob: try file.blob(limit: DeviceTree.Limits().byteCount, system: system, log: log))
    }

    /// All overlays in the order in which they are applied, each with the device whose it is.
    private static func overlayFiles(_ configuration: MachineConfiguration) -> [(file: TreeFile, device: Int?)] {
        var files: [(file: TreeFile, device: Int?)] = []
        for (index, device) in configuration.platformDevices.enumerated() {
            guard let path = device.deviceTree.overlay else { continue }
            files.append((TreeFile(key: "\(key(of: index)).overlay", path: path), index))
        }
        for (index, path) in configuration.deviceTree.overlays.enumerated() {
            files.append((TreeFile(key: "device-tree.overlays[\(index)]", path: path), nil))
        }
        return files
    }

    private static func overlay(
        _ file: TreeFile, system: any SystemCalls, log: Log
    ) throws(MachineError) -> Overlay {
        let blob = try file.blob(limit: Overlay.maximumByteCount, system: system, log: log)
        do { return try Overlay(parsing: blob, name: "\(file.key): \(file.path)") } catch {
            throw .overlay(error)
        }
    }

    private static func key(of device: Int) -> String { "platform-devices[\(device)].device_tree" }

    private static func references(of settings: DeviceTreeSettings, _ device: Int) -> [Reference] {
        var references: [Reference] = []
        for property in settings.properties {
            guard case .cells(let cells) = property.value else { continue }
            for (index, cell) in cells.enumerated() {
                guard case .reference(let label) = cell else { continue }
                references.append(
                    Reference(
                        key: "\(key(of: device)).properties.\(property.name)", device: device, property: property.name,
                        offset: 4 * index, label: label))
            }
        }
        return references
    }

    /// `generated` with everything added. Labels are used up: the guest's tree has none.
    /// - Throws: `MachineError.unknownLabel`, `.deviceTree`, `.treeFile`
    func apply(to generated: DeviceTree, names: Names, log: Log) throws(MachineError) -> DeviceTree {
        var tree = generated
        if let base {
            let merged = try base.merged(with: generated)
            tree = merged.tree
            for replaced in merged.replaced {
                log(
                    .warning,
                    "\(base.file.key): \(base.file.path): \(replaced.property.name) of \(replaced.node) is Martlet's to "
                        + "write, not \(replaced.property.value)")
            }
        }
        let labels = try self.labels(names)
        try resolve(&tree, labels, names)
        tree.labels = labels
        for added in overlays {
            // The label `device` is there for one device's overlay only.
            if let device = added.device { tree.labels += [("device", names.devices[device].path)] }
            do { try tree.apply(added.overlay) } catch { throw .overlay(error) }
            if added.device != nil { tree.labels.removeAll { $0.label == "device" } }
        }
        tree.labels = []
        return tree
    }

    /// Martlet's labels and the devices', and then those of the base tree that are none of these.
    private func labels(_ names: Names) throws(MachineError) -> [(label: String, path: String)] {
        var labels = names.board
        for device in names.devices {
            guard let label = device.label else { continue }
            if let other = labels.first(where: { $0.label == label }) {
                throw .deviceTree("the label \(label) of \(device.path) is that of \(other.path)\n  choose another one")
            }
            labels.append((label, device.path))
        }
        let own = Set(labels.map(\.label))
        return labels + (base?.labels ?? []).filter { !own.contains($0.label) }
    }

    private func resolve(
        _ tree: inout DeviceTree, _ labels: [(label: String, path: String)], _ names: Names
    ) throws(MachineError) {
        for reference in references {
            let phandle: Phandle?
            do throws(DeviceTreeError) {
                if let path = labels.first(where: { $0.label == reference.label })?.path {
                    phandle = try tree.phandle(ofNodeAt: path)
                } else {
                    phandle = nil
                }
            } catch { throw .deviceTree("\(error)") }
            guard let phandle else {
                throw .unknownLabel(key: reference.key, label: reference.label, known: labels.map(\.label).sorted())
            }
            tree.update(at: names.devices[reference.device].path) { node in
                guard var bytes = node[property: reference.property]?.bytes, bytes.count >= reference.offset + 4
                else { return }
                bytes.replaceSubrange(
                    reference.offset..<reference.offset + 4, with: PropertyValue.phandle(phandle).bytes)
                node[property: reference.property] = .bytes(bytes)
            }
        }
    }

    /// What was added, a line each.
    var facts: [String] {
        (base.map { ["device tree: merged into \($0.file.path)"] } ?? [])
            + overlays.map { "device tree: \($0.overlay.name) applied" }
    }
}
