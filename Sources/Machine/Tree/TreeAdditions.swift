// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import DeviceTree
internal import GuestNodes
internal import LinuxSystem
internal import Passthrough

/// What the configuration adds to the generated device tree: files, read and checked, and references by label.
///
/// The order: the generated tree is merged into the base tree, references are resolved, each device's overlay is
/// applied in the order of the devices, then the machine's overlays in their order.
struct TreeAdditions: Sendable {
    /// A cell of a device's property that takes the phandle of the node with a label.
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
        /// The device of the overlay; nil for one of the machine's overlays.
        let device: Int?
    }

    /// The labels and paths of the generated tree.
    struct Names {
        /// The labels of the board's nodes and of its clocks.
        var board: [(label: String, path: String)]
        /// Each device's own label, and the path of its node.
        var devices: [(label: String?, path: String)]
    }

    let base: BaseTree?
    private var overlays: [AddedOverlay] = []
    private var references: [Reference] = []
    /// Whether a device's references must have a target, in the order of the devices.
    private let strictness: [Bool]

    /// The value of a reference's cell until it is resolved; it isn't a valid phandle.
    static let placeholder: UInt32 = .max

    /// Nil when there is nothing to add.
    /// - Throws: `MachineError.treeFile`, `.overlay` for the first file that can't be used, `.referenceText`.
    init?(_ configuration: MachineConfiguration, system: any SystemCalls, log: Log) throws(MachineError) {
        if let problem = Self.textProblems(configuration).first { throw problem }
        strictness = configuration.platformDevices.map(\.deviceTree.isStrict)
        base = try Self.base(configuration, system: system, log: log)
        for node in base?.replacedNodes ?? [] {
            log(.info, "device-tree.base: \(node) is ignored: Martlet writes it")
        }
        for (file, device) in Self.overlayFiles(configuration) {
            overlays.append(
                AddedOverlay(overlay: try Self.overlay(file, system: system, log: log), device: device))
        }
        for (index, device) in configuration.platformDevices.enumerated() {
            references += Self.references(of: device.deviceTree, index)
        }
        for note in base?.notes.prefix(Self.noteLimit) ?? [] {
            log(note.level, "device-tree.base: \(base?.file.path ?? ""): \(note.text)")
        }
        if base == nil, overlays.isEmpty, references.isEmpty, !Self.hasNumbers(configuration) { return nil }
    }

    /// How many references without a target are logged for one tree.
    private static let noteLimit = 64

    /// Whether a device's property refers to a node by a number, which only the whole tree can resolve.
    private static func hasNumbers(_ configuration: MachineConfiguration) -> Bool {
        configuration.platformDevices.contains { device in
            device.deviceTree.properties.contains { property in
                guard case .cells = property.value else { return false }
                return LostReference.isKnown(property: property.name)
            }
        }
    }

    /// The problems of properties that must be references, but are text.
    private static func textProblems(_ configuration: MachineConfiguration) -> [MachineError] {
        var problems: [MachineError] = []
        for (index, device) in configuration.platformDevices.enumerated() {
            for property in device.deviceTree.properties {
                guard let text = PropertyText(property) else { continue }
                problems.append(text.error(key: "\(key(of: index)).properties.\(property.name)"))
            }
        }
        return problems
    }

    /// The problems of each file by itself.
    static func problems(of configuration: MachineConfiguration, system: any SystemCalls, log: Log) -> [MachineError] {
        var problems = textProblems(configuration)
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
            file, blob: try file.blob(limit: Tree.Limits().byteCount, system: system, log: log),
            vcpuCount: configuration.machineSize.vcpuCount)
    }

    /// All overlays in the order in which they are applied, each with its device.
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

    /// `generated` with everything added. The result has no labels.
    /// - Throws: `MachineError.unknownLabel`, `.unlabelledBase`, `.overlay`, `.boardOverlay`, `.deviceTree`,
    ///   `.treeFile`
    func apply(to generated: Tree, names: Names, log: Log) throws(MachineError) -> Tree {
        var tree = generated
        if let base {
            let merged = try base.merged(with: generated)
            tree = merged.tree
            for replaced in merged.replaced {
                log(
                    .warning,
                    "\(base.file.key): \(base.file.path): \(replaced.property.name) of \(replaced.node) is ignored: "
                        + "Martlet writes it (found \(replaced.property.value))")
            }
        }
        let labels = try self.labels(names)
        do { try resolve(&tree, labels, names) } catch { throw explained(error) }
        let hasBootArguments = generated.root.child(exactly: "chosen")?[property: "bootargs"] != nil
        tree.labels = labels
        for added in overlays {
            // Only the overlay of this device sees the label `device`.
            if let device = added.device { tree.labels += [("device", names.devices[device].path)] }
            let before = tree
            do { try tree.apply(added.overlay) } catch { throw explained(.overlay(error)) }
            try OverlayBounds(overlay: added.overlay.name, before: before, hasBootArguments: hasBootArguments)
                .check(&tree, log: log)
            if added.device != nil { tree.labels.removeAll { $0.label == "device" } }
        }
        tree.labels = []
        try checkReferences(of: tree, names, log)
        return tree
    }

    /// Checks that every reference has a target. A missing target is an error for an interrupt, and for a device with
    /// strict references; otherwise it is a warning.
    private func checkReferences(of tree: Tree, _ names: Names, _ log: Log) throws(MachineError) {
        let known = Set((base?.lostReferences ?? []).map(\.key))
        let strict = zip(names.devices, strictness).filter(\.1).map(\.0.path)
        var told = 0
        for lost in LostReference.all(in: tree) where lost.isEnabled && !known.contains(lost.key) {
            let isStrict = strict.contains { lost.node == $0 || lost.node.hasPrefix("\($0)/") }
            if lost.isInterrupt || isStrict { throw .deviceTree(.reference(DanglingReference(lost))) }
            told += 1
            if told <= Self.noteLimit {
                log(.warning, "device tree: \(DanglingReference(lost).summary)")
            }
        }
    }

    /// The error; if the base tree has no labels, it says so.
    private func explained(_ error: MachineError) -> MachineError {
        guard let base, !base.hasLabels else { return error }
        switch error {
        case .unknownLabel, .overlay(.overlay(_, .unknownLabel)):
            return .unlabelledBase("\(base.file.key): \(base.file.path)", error)
        default: return error
        }
    }

    /// Martlet's labels and the devices', then the base tree's labels that differ from these.
    private func labels(_ names: Names) throws(MachineError) -> [(label: String, path: String)] {
        var labels = names.board
        for device in names.devices {
            guard let label = device.label else { continue }
            if let other = labels.first(where: { $0.label == label }) {
                throw .deviceTree(.duplicateLabel(label, node: device.path, other: other.path))
            }
            labels.append((label, device.path))
        }
        let own = Set(labels.map(\.label))
        return labels + (base?.labels ?? []).filter { !own.contains($0.label) }
    }

    private func resolve(
        _ tree: inout Tree, _ labels: [(label: String, path: String)], _ names: Names
    ) throws(MachineError) {
        for reference in references {
            let phandle: Phandle?
            do throws(DeviceTreeError) {
                if let path = labels.first(where: { $0.label == reference.label })?.path {
                    phandle = try tree.phandle(ofNodeAt: path)
                } else {
                    phandle = nil
                }
            } catch { throw .deviceTree(.tree(error)) }
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

    /// What was added, one line each.
    var facts: [String] {
        (base.map { ["device tree: merged into \($0.file.path)"] } ?? [])
            + overlays.map { "device tree: \($0.overlay.name) applied" }
    }
}
