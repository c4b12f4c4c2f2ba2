// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// A virtual machine as its configuration file describes it: checked in itself, not yet against the host.
///
/// The file is a superset of Firecracker's: same names and shapes where the feature is the same. configs/schema.json
/// describes it key by key. Every relative path in it is relative to its folder.
public struct MachineConfiguration: Equatable, Sendable {
    /// In bytes; a larger file is refused.
    public static let maximumFileSize = 1 << 20

    public var bootSource: BootSource
    public var machineSize: MachineSize
    public var platformDevices: [PlatformDevice]
    public var deviceTree: DeviceTreeFiles
    public var vfio = VFIO.automatic
    /// The number of a descriptor of /dev/iommu that Martlet is started with.
    public var iommufd: Int?
    /// Whether devices reach the mapped regions of the others by DMA, too.
    public var peerToPeer = false
    public var onReset = OnReset.exit
    /// Whether the board has a power key.
    public var powerKey = true
    /// Whether the machine is started again even if a device may write to the new guest's RAM what the last one has told it to.
    public var allowsUnresetRestart = false

    /// The kernel's way of giving devices to user space.
    public enum VFIO: String, CaseIterable, Sendable {
        /// The device's own file where it has one, and else its group.
        case automatic = "auto"
        /// The device's own file and /dev/iommu.
        case cdev
        /// The device's group and a container.
        case group
    }

    /// What a guest's wish for a reset leads to.
    public enum OnReset: String, CaseIterable, Sendable {
        /// Martlet ends, with a status of its own.
        case exit
        /// The machine starts again.
        case restart
    }

    public init(
        bootSource: BootSource, machineSize: MachineSize = MachineSize(), platformDevices: [PlatformDevice] = [],
        deviceTree: DeviceTreeFiles = DeviceTreeFiles()
    ) {
        self.bootSource = bootSource
        self.machineSize = machineSize
        self.platformDevices = platformDevices
        self.deviceTree = deviceTree
    }

    /// Reads a configuration file.
    /// - Throws: `ConfigurationError` with everything that is wrong with it.
    public init(contentsOf path: String) throws(ConfigurationError) {
        let json: [UInt8]
        do { json = try StreamFile.content(path, limit: Self.maximumFileSize) } catch {
            switch error {
            case .failed(let errno): throw .unreadable(file: path, errno)
            case .wrongKind, .noPartner: throw .unusable(file: path, error)
            }
        }
        try self.init(json: json, folder: Path.folder(of: path), file: path)
    }

    /// Reads a configuration that is already in memory.
    ///
    /// - Parameters:
    ///   - json: the text, in UTF-8.
    ///   - folder: what relative paths in it are relative to; empty for the working directory.
    ///   - file: what error messages call it.
    /// - Throws: `ConfigurationError` with everything that is wrong with it.
    public init(json: [UInt8], folder: String, file: String = "configuration") throws(ConfigurationError) {
        let root: JSONNode
        do throws(JSONSyntaxError) {
            root = try JSONParser.parse(json)
        } catch {
            throw .malformed(file: file, error.problem(in: json))
        }
        let problems = ProblemList()
        if let reader = ObjectReader(root, path: "", keys: Keys.all, problems: problems) {
            self.init(reader, folder: folder)
        } else {
            self.init(bootSource: BootSource(kernelImagePath: ""))
        }
        guard problems.isEmpty else { throw .invalid(file: file, problems.problems(in: json)) }
    }

    enum Keys {
        static let bootSource = KeyDescription(
            name: "boot-source", shape: .object({ BootSource.Keys.all }), isRequired: true)
        static let machineSize = KeyDescription(name: "machine-config", shape: .object({ MachineSize.Keys.all }))
        static let platformDevices = KeyDescription(
            name: "platform-devices", shape: .objects({ PlatformDevice.Keys.all }))
        static let deviceTree = KeyDescription(name: "device-tree", shape: .object({ DeviceTreeFiles.Keys.all }))
        static let vfio = Key<VFIO>.choice("vfio", default: .automatic)
        static let iommufd = Key.descriptor("iommufd_fd")
        static let peerToPeer = Key.boolean("peer_to_peer", default: false)
        static let onReset = Key<OnReset>.choice("on_reset", default: .exit)
        static let powerKey = Key.boolean("power_key", default: true)
        static let allowsUnresetRestart = Key.boolean("allow_unreset_restart", default: false)

        static var all: [KeyDescription] {
            [
                bootSource, machineSize, platformDevices, deviceTree, vfio.description, iommufd.description,
                peerToPeer.description, onReset.description, powerKey.description,
                allowsUnresetRestart.description,
            ]
        }
    }

    private init(_ reader: ObjectReader, folder: String) {
        let deviceReaders = reader.objects(Keys.platformDevices)
        bootSource =
            reader.object(Keys.bootSource).map { BootSource($0, folder: folder) } ?? BootSource(kernelImagePath: "")
        let machineReader = reader.object(Keys.machineSize)
        machineSize = machineReader.map(MachineSize.init) ?? MachineSize()
        platformDevices = deviceReaders.map { PlatformDevice($0, folder: folder) }
        deviceTree =
            reader.object(Keys.deviceTree).map { DeviceTreeFiles($0, folder: folder) } ?? DeviceTreeFiles()
        vfio = reader.value(Keys.vfio)
        iommufd = reader.value(Keys.iommufd)
        peerToPeer = reader.value(Keys.peerToPeer)
        onReset = reader.value(Keys.onReset)
        powerKey = reader.value(Keys.powerKey)
        allowsUnresetRestart = reader.value(Keys.allowsUnresetRestart)
        Self.noteRepeatedDevices(platformDevices, deviceReaders)
        Self.noteRepeatedLabels(platformDevices, deviceReaders)
        noteDescriptors(reader, deviceReaders)
        if let machineReader { noteIdentity(machineReader) }
        if peerToPeer { notePathOfPeers(reader) }
    }

    /// Notes what can't be where RAM is at the host's physical addresses.
    private func noteIdentity(_ reader: ObjectReader) {
        guard let index = platformDevices.firstIndex(where: { $0.dma == .identity }) else { return }
        let device = "platform-devices[\(index)].dma \"identity\""
        if machineSize.ramBase != nil {
            reader.note(
                MachineSize.Keys.ramBase.name, found: "an address, with \(device)",
                allowed: "nothing: RAM is then at the host's physical addresses")
        }
        if machineSize.hugePages == MachineSize.HugePages.none, machineSize.dmaHeap == nil {
            reader.note(
                MachineSize.Keys.hugePages.name, found: "\"None\", with \(device)",
                allowed: "\"2M\", \"1G\" or nothing, or dma_heap: ordinary pages don't stay where they are")
        }
    }

    private static func noteRepeatedLabels(_ devices: [PlatformDevice], _ readers: [ObjectReader]) {
        var paths: [String: String] = [:]
        for (device, reader) in zip(devices, readers) {
            guard let label = device.label else { continue }
            if let first = paths[label] {
                reader.note(
                    PlatformDevice.Keys.label.name, found: "\"\(label)\", which \(first) has already",
                    allowed: "each label once")
            } else {
                paths[label] = reader.path
            }
        }
    }

    /// Notes descriptors that have no use, or two.
    private func noteDescriptors(_ reader: ObjectReader, _ deviceReaders: [ObjectReader]) {
        var paths: [Int: String] = [:]
        func note(_ number: Int?, _ name: String, _ reader: ObjectReader) {
            guard let number else { return }
            let path = reader.path.isEmpty ? name : "\(reader.path).\(name)"
            if vfio == .group {
                reader.note(
                    name, found: "\(number), with vfio \"group\"",
                    allowed: "nothing, or vfio \"auto\" or \"cdev\": a group's descriptor can't be handed in")
            } else if let first = paths[number] {
                reader.note(
                    name, found: "the descriptor \(number), which \(first) has already", allowed: "each descriptor once"
                )
            }
            paths[number] = path
        }
        note(iommufd, Keys.iommufd.name, reader)
        for (device, reader) in zip(platformDevices, deviceReaders) {
            note(device.descriptor, PlatformDevice.Keys.descriptor.name, reader)
        }
    }

    /// Linux 6.12 pins what is mapped through an iommufd page by page (iommufd/pages.c), and registers have no pages.
    private func notePathOfPeers(_ reader: ObjectReader) {
        let obstacle: String
        if vfio == .cdev {
            obstacle = "vfio \"cdev\""
        } else if iommufd != nil {
            obstacle = Keys.iommufd.name
        } else if platformDevices.contains(where: { $0.descriptor != nil }) {
            obstacle = PlatformDevice.Keys.descriptor.name
        } else {
            return
        }
        reader.note(
            Keys.peerToPeer.name, found: "true, with \(obstacle)",
            allowed: "false, or devices by their groups: the kernel maps no registers through /dev/iommu")
    }

    /// Notes each device whose name an earlier one has. Two paths may lead to one device, so names are compared.
    private static func noteRepeatedDevices(_ devices: [PlatformDevice], _ readers: [ObjectReader]) {
        guard devices.count > 1 else { return }
        var paths: [String: String] = [:]
        for (device, reader) in zip(devices, readers) where !device.name.isEmpty {
            if let first = paths[device.name] {
                reader.note(
                    found: "the device \"\(abridged(device.name))\", which \(first) has already",
                    allowed: "each device once")
            } else {
                paths[device.name] = reader.path
            }
        }
    }
}
