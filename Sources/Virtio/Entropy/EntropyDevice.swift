// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceOptions
public import DeviceTree
internal import LinuxSystem
public import PlatformBus

/// A source of random numbers for the guest, from the host's kernel (getrandom(2)).
///
/// - SeeAlso: virtio 1.2, 5.4 Entropy Device
public struct EntropyDevice: BoardDevice {
    /// The device's number (virtio 1.2, 5 Device Types).
    static let deviceID: UInt32 = 4
    static let queueSize: UInt16 = 64

    /// Its name in messages.
    public let name = "entropy device"
    /// A slot for the registers.
    public var windows: [WindowRequest] { [VirtioSlot.window(slot)] }
    /// One interrupt for its queue.
    public var lines: [InterruptTrigger] { [.edge] }

    private let slot: Int
    private let rateLimits: RateLimits?

    /// - Parameters:
    ///   - slot: its number among the virtio devices of the board, from 0.
    ///   - limits: the limits of the guest's requests; nil for none.
    public init(slot: Int, limits: RateLimits? = nil) {
        self.slot = slot
        rateLimits = limits
    }

    /// - SeeAlso: Devicetree binding virtio/mmio.yaml
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        [VirtioSlot.node(at: place)]
    }

    /// - Throws: `BoardDeviceError.bus`, `.kvm`, `.call` for an eventfd or a thread.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        try LiveVirtioDevice(
            name, threads: "entropy", Self.identity, chainLimit: Int(Self.queueSize), at: place, in: context
        ) { EntropyHandler(context.system, RateLimiter(rateLimits, clock: context.system)) }
    }

    static let identity = Transport.Identity(deviceID: deviceID, features: .ofAll, queueLimits: [queueSize])
}

/// Fills the guest's buffers with random bytes.
///
/// Ownership: immutable.
final class EntropyHandler: RequestHandler {
    /// The largest number of bytes of one request; the guest is told how many it got.
    static let limit = 1 << 16

    private let system: any SystemCalls
    /// Nil without limits.
    private let limiter: RateLimiter?

    init(_ system: any SystemCalls, _ limiter: RateLimiter? = nil) {
        self.system = system
        self.limiter = limiter
    }

    func delay(of request: borrowing DescriptorChain) -> UInt64 {
        limiter?.delay(byteCount: min(request.writableCount, UInt64(Self.limit))) ?? 0
    }

    func handle(_ request: inout DescriptorChain) throws(QueueFault) -> UInt32 {
        var done = 0
        for segment in request.writable where done < Self.limit {
            let count = min(segment.count, Self.limit - done)
            // Safety: the segment is in RAM, which stays mapped.
            let memory = UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(bitPattern: segment.address), count: count)
            // The guest accepts fewer bytes than it requested.
            guard let got = try? system.fillRandom(memory), got > 0 else { break }
            done += got
            if got < count { break }
        }
        return UInt32(done)
    }
}
