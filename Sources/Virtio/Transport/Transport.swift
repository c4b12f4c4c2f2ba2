// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus

/// The register file of a virtio device over MMIO, version 2: a value without side effects.
///
/// An access in an order that the specification forbids is ignored: a write changes nothing, a read gives 0. If a write
/// has an effect outside the registers, it returns an `Effect`, which the caller performs.
///
/// - SeeAlso: virtio 1.2, 4.2 Virtio Over MMIO; 2.1 Device Status Field; 3.1 Device Initialization
struct Transport: Equatable, Sendable {
    /// The properties of a device; only its configuration space ever changes.
    struct Identity: Equatable, Sendable {
        /// The device's kind (virtio 1.2, 5 Device Types).
        let deviceID: UInt32
        /// All features that it offers.
        let features: VirtioFeatures
        /// The largest size of each queue, in descriptors: powers of two, at most 1024.
        let queueLimits: [UInt16]
        /// The bytes of its configuration space.
        var configuration: [UInt8] = []
    }

    /// The effect of a write that the caller must perform.
    enum Effect: Equatable, Sendable {
        case none
        /// The registers are in their reset state. The caller must have stopped all queues before the write: see
        /// `isReset`.
        case reset
        /// The driver is ready: the queues that are ready may be used.
        case start
        /// The driver wants to stop one queue. It may reuse the memory after the write has returned.
        case stopQueue(Int)
        /// The driver has added chains to a queue.
        case notify(Int)
    }

    private(set) var identity: Identity
    private(set) var status: DeviceStatus = []
    private(set) var driverFeatures: VirtioFeatures = []
    private(set) var queues: [QueueSettings]
    private(set) var interruptStatus: UInt32 = 0
    private var generation: UInt32 = 0
    private var deviceFeaturesSelector: UInt32 = 0
    private var driverFeaturesSelector: UInt32 = 0
    private var queueSelector: UInt32 = 0

    /// InterruptStatus: the device has used buffers.
    static let usedBuffers: UInt32 = 1
    /// InterruptStatus: configuration or status have changed.
    static let configurationChange: UInt32 = 2

    /// A device in its reset state.
    init(_ identity: Identity) {
        self.identity = identity
        queues = identity.queueLimits.map { QueueSettings(limit: $0) }
    }

    /// Whether a write resets the device.
    static func isReset(offset: UInt64, width: AccessWidth, value: UInt64) -> Bool {
        offset == TransportRegister.status.rawValue && width == .word && value & width.mask == 0
    }

    // MARK: Actions of the device

    /// Notes that the device has added entries to a used ring.
    mutating func noteUsedBuffers() { interruptStatus |= Self.usedBuffers }

    /// Notes that the device can't continue before a reset (virtio 1.2, 2.1.2).
    /// - Returns: whether this is new, so that the driver must be notified by an interrupt.
    mutating func requireReset() -> Bool {
        guard !status.contains(.needsReset) else { return false }
        status.insert(.needsReset)
        guard status.contains(.driverOK) else { return false }
        interruptStatus |= Self.configurationChange
        return true
    }

    /// Sets new bytes of the configuration space.
    /// - Returns: whether the driver must be notified by an interrupt.
    mutating func setConfiguration(_ bytes: [UInt8]) -> Bool {
        guard bytes != identity.configuration else { return false }
        identity.configuration = bytes
        generation &+= 1
        guard status.contains(.driverOK) else { return false }
        interruptStatus |= Self.configurationChange
        return true
    }

    // MARK: Reads

    /// The result of a read by the driver.
    func read(offset: UInt64, width: AccessWidth) -> UInt64 {
        if offset >= TransportRegister.configuration {
            return configuration(at: offset - TransportRegister.configuration, width)
        }
        guard width == .word, let register = TransportRegister(rawValue: offset) else { return 0 }
        return UInt64(value(of: register))
    }

    private func configuration(at offset: UInt64, _ width: AccessWidth) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<width.bytes {
            let (place, overflow) = offset.addingReportingOverflow(index)
            guard !overflow, place < UInt64(identity.configuration.count) else { break }
            value |= UInt64(identity.configuration[Int(place)]) << (index * 8)
        }
        return value
    }

    private func value(of register: TransportRegister) -> UInt32 {
        switch register {
        case .magicValue: TransportRegister.magic
        case .version: 2
        case .deviceID: identity.deviceID
        // Drivers know no vendor's number here.
        case .vendorID: 0
        case .deviceFeatures: Self.half(deviceFeaturesSelector, of: identity.features)
        case .queueSizeLimit: UInt32(queue?.limit ?? 0)
        case .queueReady: queue?.isReady == true ? 1 : 0
        case .interruptStatus: interruptStatus
        case .status: status.rawValue
        // -1: there is no such region.
        case .sharedMemoryLengthLow, .sharedMemoryLengthHigh, .sharedMemoryBaseLow, .sharedMemoryBaseHigh: .max
        case .configurationGeneration: generation
        case .deviceFeaturesSelector, .driverFeatures, .driverFeaturesSelector, .queueSelector, .queueSize,
            .queueNotify, .interruptAcknowledge, .queueDescriptorsLow, .queueDescriptorsHigh, .queueDriverLow,
            .queueDriverHigh, .queueDeviceLow, .queueDeviceHigh, .sharedMemorySelector, .queueReset:
            0
        }
    }

    private static func half(_ selector: UInt32, of features: VirtioFeatures) -> UInt32 {
        switch selector {
        case 0: UInt32(truncatingIfNeeded: features.rawValue)
        case 1: UInt32(truncatingIfNeeded: features.rawValue >> 32)
        default: 0
        }
    }

    /// The selected queue; nil if there is none with that number.
    private var queue: QueueSettings? { queueSelector < UInt32(queues.count) ? queues[Int(queueSelector)] : nil }

    // MARK: Writes

    /// Handles a write by the driver. No device has a writable configuration space.
    mutating func write(offset: UInt64, width: AccessWidth, value: UInt64) -> Effect {
        guard width == .word, let register = TransportRegister(rawValue: offset) else { return .none }
        let value = UInt32(truncatingIfNeeded: value)
        switch register {
        case .deviceFeaturesSelector: deviceFeaturesSelector = value
        case .driverFeaturesSelector: driverFeaturesSelector = value
        case .driverFeatures: setDriverFeatures(value)
        case .queueSelector: queueSelector = value
        case .queueSize: changeQueue { $0.setSize(value) }
        case .queueDescriptorsLow: changeQueue { $0.descriptors.setLow(value) }
        case .queueDescriptorsHigh: changeQueue { $0.descriptors.setHigh(value) }
        case .queueDriverLow: changeQueue { $0.available.setLow(value) }
        case .queueDriverHigh: changeQueue { $0.available.setHigh(value) }
        case .queueDeviceLow: changeQueue { $0.used.setLow(value) }
        case .queueDeviceHigh: changeQueue { $0.used.setHigh(value) }
        case .queueReady: return setQueueReady(value)
        case .queueNotify: return value < UInt32(queues.count) ? .notify(Int(value)) : .none
        case .interruptAcknowledge: interruptStatus &= ~value
        case .status: return setStatus(value)
        case .magicValue, .version, .deviceID, .vendorID, .deviceFeatures, .queueSizeLimit, .interruptStatus,
            .sharedMemorySelector, .sharedMemoryLengthLow, .sharedMemoryLengthHigh, .sharedMemoryBaseLow,
            .sharedMemoryBaseHigh, .queueReset, .configurationGeneration:
            break
        }
        return .none
    }

    private mutating func setDriverFeatures(_ value: UInt32) {
        guard status.contains(.driver), !status.contains(.featuresOK) else { return }
        var features = driverFeatures.rawValue
        switch driverFeaturesSelector {
        case 0: features.setLow(value)
        case 1: features.setHigh(value)
        // Bits 64 and above: none is offered, so none can be accepted.
        default: return
        }
        driverFeatures = VirtioFeatures(rawValue: features)
    }

    /// Queues are set up between FEATURES_OK and DRIVER_OK (virtio 1.2, 3.1.1).
    private var mayChangeQueues: Bool {
        status.contains(.featuresOK) && status.isDisjoint(with: [.driverOK, .needsReset, .failed])
    }

    private mutating func changeQueue(_ change: (inout QueueSettings) -> Void) {
        guard mayChangeQueues, let queue, !queue.isReady else { return }
        change(&queues[Int(queueSelector)])
    }

    private mutating func setQueueReady(_ value: UInt32) -> Effect {
        guard let queue else { return .none }
        let index = Int(queueSelector)
        switch value {
        case 0 where queue.isReady:
            queues[index].isReady = false
            return status.contains(.driverOK) ? .stopQueue(index) : .none
        case 1 where !queue.isReady && mayChangeQueues && queue.isUsable:
            queues[index].isReady = true
        default: break
        }
        return .none
    }

    private mutating func setStatus(_ value: UInt32) -> Effect {
        if value == 0 {
            self = Transport(identity, generation: generation)
            return .reset
        }
        let wanted = DeviceStatus(rawValue: value)
        // Only a reset clears bits; only the device sets DEVICE_NEEDS_RESET.
        guard wanted.isSuperset(of: status.subtracting(.needsReset)) else { return .none }
        if wanted.contains(.failed) { status.insert(.failed) }
        if wanted.contains(.acknowledge) { status.insert(.acknowledge) }
        if wanted.contains(.driver), status.contains(.acknowledge) { status.insert(.driver) }
        if wanted.contains(.featuresOK), status.contains(.driver), areFeaturesFine { status.insert(.featuresOK) }
        guard wanted.contains(.driverOK), status.contains(.featuresOK),
            status.isDisjoint(with: [.driverOK, .needsReset, .failed])
        else { return .none }
        status.insert(.driverOK)
        return .start
    }

    /// Whether the driver accepted only offered features, and isn't a legacy driver (virtio 1.2, 6.1 and 6.2).
    private var areFeaturesFine: Bool {
        driverFeatures.isSubset(of: identity.features) && driverFeatures.contains(.version1)
    }

    private init(_ identity: Identity, generation: UInt32) {
        self.init(identity)
        self.generation = generation
    }
}

extension QueueSettings {
    /// Ignores an invalid size: virtio 1.2, 2.7 requires a power of two, 4.2.2 at most QueueNumMax.
    fileprivate mutating func setSize(_ value: UInt32) {
        guard value > 0, value <= UInt32(limit), value.nonzeroBitCount == 1 else { return }
        size = UInt16(value)
    }
}

extension UInt64 {
    fileprivate mutating func setLow(_ value: UInt32) { self = (self & ~0xFFFF_FFFF) | UInt64(value) }
    fileprivate mutating func setHigh(_ value: UInt32) { self = (self & 0xFFFF_FFFF) | UInt64(value) << 32 }
}
