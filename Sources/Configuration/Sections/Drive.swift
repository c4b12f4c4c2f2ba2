// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions

/// One of `drives`: a file or a block device of the host that the guest gets as a disk.
public struct Drive: Equatable, Sendable {
    /// Its name in the configuration and in messages; each drive has a different one.
    public var id: String
    /// The path of a block device, or of a regular file with the disk's content.
    public var path: String
    /// Whether the guest's root file system is on it; this may be true for at most one drive.
    public var isRootDevice = false
    /// Whether the guest can only read it.
    public var isReadOnly = false
    /// The partition of the root file system on this drive; nil for the whole drive.
    public var partitionUUID: String?
    /// Whether the guest's flushes write data to the disk.
    public var cache = DriveCache.unsafe
    /// How the file is read and written.
    public var engine = DriveEngine.sync
    /// The limits of the guest's reads and writes; nil for none.
    public var limits: RateLimits?

    /// Creates a drive; every key that isn't given has its default.
    public init(id: String, path: String, isRootDevice: Bool = false, isReadOnly: Bool = false) {
        self.id = id
        self.path = path
        self.isRootDevice = isRootDevice
        self.isReadOnly = isReadOnly
    }

    /// The arguments about the root file system for the guest kernel's command line; nil if it isn't on this drive.
    ///
    /// This drive is the first that the guest finds.
    public var rootArguments: String? {
        guard isRootDevice else { return nil }
        return "root=\(partitionUUID.map { "PARTUUID=\($0)" } ?? "/dev/vda") \(isReadOnly ? "ro" : "rw")"
    }

    enum Keys {
        static let id = Key.requiredText("drive_id", .driveID, "The drive's name; each drive has its own.")
        static let path = Key.requiredText(
            "path_on_host", .path,
            """
            A regular file, whose bytes are the disk's, or a block device: whole sectors of 512 bytes. While the \
            guest runs it is locked, for this drive alone or, with `is_read_only`, for all that only read.
            """)
        static let isRootDevice = Key.boolean(
            "is_root_device", default: false,
            """
            Whether the guest's root file system is on it: the drive is then `/dev/vda`, and `root=` with `ro` or `rw` \
            is added to the command line. At most one drive's is.
            """)
        static let isReadOnly = Key.boolean("is_read_only", default: false, "Whether the guest may only read.")
        static let partitionUUID = Key.text(
            "partuuid", .partitionUUID,
            Documentation(
                """
                The partition of the root file system: `root=PARTUUID=` is added to the command line in the place of \
                `/dev/vda`. Only with `is_root_device`.
                """, example: #""0eaa91a0-01""#))
        static let cache = Key<DriveCache>.choice(
            "cache_type", default: .unsafe,
            """
            `"Writeback"`: what the guest flushes is on the host's disk when its flush returns. `"Unsafe"`: the guest \
            can't flush, and a crash of the host may cost it what it has written.
            """)
        static let engine = Key<DriveEngine>.choice(
            "io_engine", default: .sync,
            "How the file is read and written: `\"Sync\"`, by a thread for each of the drive's queues.")

        static var section: Section {
            Section(
                keys: [
                    id.description, path.description, isRootDevice.description, isReadOnly.description,
                    partitionUUID.description, cache.description, engine.description, RateLimits.key,
                ], lacking: FirecrackerKey.drive)
        }
    }

    init(_ reader: ObjectReader, folder: String) {
        id = reader.value(Keys.id)
        path = ConfigurationPath.resolve(reader.value(Keys.path), in: folder)
        isRootDevice = reader.value(Keys.isRootDevice)
        isReadOnly = reader.value(Keys.isReadOnly)
        partitionUUID = reader.value(Keys.partitionUUID)
        cache = reader.value(Keys.cache)
        engine = reader.value(Keys.engine)
        limits = reader.object(RateLimits.key).map { RateLimits($0) }
        reader.noteOthers(than: Keys.section)
    }
}
