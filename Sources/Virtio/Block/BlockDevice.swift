// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceOptions
public import DeviceTree
internal import LinuxSystem
public import PlatformBus

/// A drive of the guest: a virtio block device on a file or a block device of the host.
///
/// - SeeAlso: virtio 1.2, 5.2 Block Device
public struct BlockDevice: BoardDevice {
    /// The largest number of queues of a drive; each has a thread.
    public static let queueLimit = 4
    /// The largest size of each queue in descriptors; also the largest number of buffers of a request.
    static let queueSize: UInt16 = 256
    /// The device's number (virtio 1.2, 5 Device Types).
    static let deviceID: UInt32 = 2

    /// Its name in messages: "drive rootfs".
    public var name: String { "drive \(id)" }
    /// A slot for the registers.
    public var windows: [WindowRequest] { [VirtioSlot.window(slot)] }
    /// One interrupt for all queues.
    public var lines: [InterruptTrigger] { [.edge] }

    private let id: String
    private let slot: Int
    private let file: DriveFile
    private let cache: DriveCache
    private let engine: DriveEngine
    private let rateLimits: RateLimits?
    private let queueCount: Int

    /// - Parameters:
    ///   - id: its name in the configuration; the guest sees the first 20 bytes as its serial number.
    ///   - slot: its number among the virtio devices of the board, from 0.
    ///   - limits: the limits of the guest's reads and writes; nil for none.
    ///   - vcpuCount: it gets a queue for each vCPU, up to `queueLimit`.
    public init(
        id: String, slot: Int, file: DriveFile, cache: DriveCache, engine: DriveEngine, limits: RateLimits? = nil,
        vcpuCount: Int
    ) {
        rateLimits = limits
        self.id = id
        self.slot = slot
        self.file = file
        self.cache = cache
        self.engine = engine
        queueCount = min(max(vcpuCount, 1), Self.queueLimit)
    }

    /// - SeeAlso: Devicetree binding virtio/mmio.yaml
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        [VirtioSlot.node(at: place)]
    }

    /// - Throws: `BoardDeviceError.bus`, `.kvm`, `.call` for an eventfd or a thread.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        let limiter = RateLimiter(rateLimits, clock: context.system)
        return try LiveVirtioDevice(
            name, threads: "drive\(slot)", identity, chainLimit: Int(Self.queueSize), at: place, in: context
        ) {
            switch engine {
            case .sync:
                BlockHandler(
                    file, limits, name: name, identity: serialNumber, limiter: limiter, log: context.log)
            }
        }
    }

    /// The limits of requests to this drive.
    var limits: BlockRequest.Limits {
        BlockRequest.Limits(
            sectorCount: file.geometry.sectorCount, isReadOnly: file.isReadOnly, flushes: cache == .writeback)
    }

    /// The answer to GET_ID: 20 bytes, with zeroes after the name (virtio 1.2, 5.2.6).
    private var serialNumber: [UInt8] {
        let bytes = id.utf8.prefix(20)
        return Array(bytes) + [UInt8](repeating: 0, count: 20 - bytes.count)
    }

    var identity: Transport.Identity {
        Transport.Identity(
            deviceID: Self.deviceID, features: features,
            queueLimits: [UInt16](repeating: Self.queueSize, count: queueCount),
            configuration: BlockConfiguration(file.geometry, queueCount: queueCount, queueSize: Self.queueSize).bytes)
    }

    private var features: VirtioFeatures {
        var features: VirtioFeatures = [.ofAll, .segmentLimit, .blockSize, .topology]
        if file.isReadOnly { features.insert(.readOnly) } else { features.formUnion([.discard, .writeZeroes]) }
        switch cache {
        case .unsafe: break
        case .writeback: features.insert(.flush)
        }
        if queueCount > 1 { features.insert(.multipleQueues) }
        return features
    }
}
