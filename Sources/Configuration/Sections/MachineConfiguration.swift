// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions
internal import LinuxSystem

/// A virtual machine as its configuration file describes it.
///
/// It is checked in itself, but not yet against the host.
///
/// The file is a superset of Firecracker's: the same feature has the same names and shapes. Each section, here and in
/// the files beside this one, has a table of its keys (`Keys`), from which configs/schema.json and
/// docs/configuration.md are generated. Every relative path in the file is relative to its folder.
public struct MachineConfiguration: Equatable, Sendable {
    /// The largest size of the file in bytes.
    public static let maximumFileSize = 1 << 20

    /// The section `boot-source`.
    public var bootSource: BootSource
    /// The section `machine-config`.
    public var machineSize: MachineConfig
    /// The section `drives`, in its order.
    public var drives: [Drive] = []
    /// The section `entropy`; nil for no entropy device.
    public var entropy: EntropySource?
    /// The section `platform-devices`, in its order.
    public var platformDevices: [PlatformDevice]
    /// The section `device-tree`.
    public var deviceTree: DeviceTreeFiles
    /// The kernel interface that gives devices to user space.
    public var vfio = VFIOPath.automatic
    /// The number of a descriptor of /dev/iommu that Martlet is started with.
    public var iommufd: Int?
    /// Whether devices also reach the other devices' mapped regions by DMA.
    public var peerToPeer = false
    /// What to do after a guest's reset.
    public var onReset = OnReset.exit
    /// Whether the board has a power key.
    public var powerKey = true
    /// Whether the machine is restarted even if a device may continue the last guest's DMA into the new guest's RAM.
    public var allowsUnresetRestart = false

    /// What to do when the guest asks for a reset.
    public enum OnReset: String, CaseIterable, Sendable {
        /// Martlet exits, with a status for this case.
        case exit
        /// The machine is restarted.
        case restart
    }

    /// Creates a configuration; every key that isn't given has its default.
    public init(
        bootSource: BootSource, machineSize: MachineConfig = MachineConfig(), platformDevices: [PlatformDevice] = [],
        deviceTree: DeviceTreeFiles = DeviceTreeFiles()
    ) {
        self.bootSource = bootSource
        self.machineSize = machineSize
        self.platformDevices = platformDevices
        self.deviceTree = deviceTree
    }

    /// Reads a configuration file.
    /// - Throws: `ConfigurationError` with all problems of the file.
    public init(contentsOf path: String) throws(ConfigurationError) {
        let json: [UInt8]
        do { json = try StreamFile.content(path, limit: Self.maximumFileSize) } catch {
            switch error {
            case .failed(let errno): throw .unreadable(file: path, errno)
            case .wrongKind, .noPartner: throw .unusable(file: path, error)
            }
        }
        try self.init(json: json, folder: ConfigurationPath.folder(of: path), file: path)
    }

    /// Reads a configuration that is already in memory.
    ///
    /// - Parameters:
    ///   - json: the text, in UTF-8.
    ///   - folder: the folder for relative paths; empty for the working directory.
    ///   - file: the file's name in error messages.
    /// - Throws: `ConfigurationError` with all problems of the text.
    public init(json: [UInt8], folder: String, file: String = "configuration") throws(ConfigurationError) {
        let root: JSONNode
        do throws(JSONSyntaxError) {
            root = try JSONParser.parse(json)
        } catch {
            throw .malformed(file: file, error.problem(in: json))
        }
        let problems = ProblemList()
        if let reader = ObjectReader(root, path: "", problems: problems) {
            self.init(reader, folder: folder)
        } else {
            self.init(bootSource: BootSource(kernelImagePath: ""))
        }
        guard problems.isEmpty else { throw .invalid(file: file, problems.problems(in: json)) }
    }

    private init(_ reader: ObjectReader, folder: String) {
        let deviceReaders = reader.objects(Keys.platformDevices)
        let driveReaders = reader.objects(Keys.drives)
        bootSource =
            reader.object(Keys.bootSource).map { BootSource($0, folder: folder) } ?? BootSource(kernelImagePath: "")
        let machineReader = reader.object(Keys.machineSize)
        machineSize = machineReader.map(MachineConfig.init) ?? MachineConfig()
        platformDevices = deviceReaders.map { PlatformDevice($0, folder: folder) }
        drives = driveReaders.map { Drive($0, folder: folder) }
        entropy = reader.object(Keys.entropy).map { EntropySource($0) }
        deviceTree =
            reader.object(Keys.deviceTree).map { DeviceTreeFiles($0, folder: folder) } ?? DeviceTreeFiles()
        vfio = reader.value(Keys.vfio)
        iommufd = reader.value(Keys.iommufd)
        peerToPeer = reader.value(Keys.peerToPeer)
        onReset = reader.value(Keys.onReset)
        powerKey = reader.value(Keys.powerKey)
        allowsUnresetRestart = reader.value(Keys.allowsUnresetRestart)
        reader.noteOthers(than: Keys.section)
        Self.noteRepeatedDevices(platformDevices, deviceReaders)
        Self.noteRepeatedLabels(platformDevices, deviceReaders)
        noteDrives(driveReaders)
        noteDescriptors(reader, deviceReaders)
        if let machineReader { noteIdentity(machineReader) }
        if peerToPeer { notePathOfPeers(reader) }
    }
}
