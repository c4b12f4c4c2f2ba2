// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Handles the requests of one queue of a drive, one after the other, on the queue's thread, which waits for each.
///
/// Ownership: only the queue's thread calls it; several queues share the file, which allows that.
/// - SeeAlso: virtio 1.2, 5.2.6 Device Operation
final class BlockHandler: RequestHandler {
    /// How many errors of a drive are logged.
    private static let reportLimit: UInt64 = 8

    private let file: DriveFile
    private let limits: BlockRequest.Limits
    private let name: String
    private let identity: [UInt8]
    private let log: Log
    /// The limits of the drive, over all its queues; nil for none.
    private let limiter: RateLimiter?
    /// Memory for a header or a range, which the guest can't change: an address, because pointers aren't sendable.
    private let scratch: UInt

    /// - Parameters:
    ///   - name: the drive's name in messages.
    ///   - identity: the drive's serial number for the guest.
    ///   - limiter: shared by the drive's queues; nil for no limits.
    init(
        _ file: DriveFile, _ limits: BlockRequest.Limits, name: String, identity: [UInt8],
        limiter: RateLimiter? = nil, log: Log
    ) {
        self.limiter = limiter
        self.file = file
        self.limits = limits
        self.name = name
        self.identity = identity
        self.log = log
        scratch = UInt(bitPattern: UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16))
    }

    // Safety: init allocated the 16 bytes at this address, and deinit frees them after all other uses.
    private var memory: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: scratch).unsafelyUnwrapped }

    deinit { memory.deallocate() }

    func delay(of request: borrowing DescriptorChain) -> UInt64 {
        guard let limiter else { return 0 }
        // Without the header and the status.
        let byteCount = request.readableCount + request.writableCount
        return limiter.delay(byteCount: byteCount - min(byteCount, UInt64(BlockRequest.Header.byteCount) + 1))
    }

    func handle(_ request: inout DescriptorChain) throws(QueueFault) -> UInt32 {
        let (readable, writable) = (request.readableCount, request.writableCount)
        guard let status = request.takeLastWritable(), request.take(BlockRequest.Header.byteCount, into: memory) else {
            throw .request(readable: readable, writable: writable)
        }
        var written: UInt32 = 0
        do throws(BlockRequest.Status) {
            written = try serve(&request)
            // Safety: the byte is in RAM, which stays mapped.
            status.pointee = BlockRequest.Status.fine.rawValue
        } catch {
            status.pointee = error.rawValue
        }
        // The status is the last byte. No overflow: a chain has less than 4 GiB.
        return written + 1
    }

    /// - Returns: how many bytes of data were written to the guest's memory.
    private func serve(_ chain: inout DescriptorChain) throws(BlockRequest.Status) -> UInt32 {
        let request: BlockRequest
        let header = BlockRequest.Header(
            type: memory.load(as: UInt32.self), sector: memory.load(fromByteOffset: 8, as: UInt64.self))
        let (readable, writable) = (chain.readableCount, chain.writableCount)
        do throws(BlockRequest.Status) {
            request = try BlockRequest(header, readable: readable, writable: writable, limits)
        } catch {
            if error == .failed { _ = file.counter.noteError() }
            throw error
        }
        switch request {
        case .read(let offset):
            let data = chain.writable
            try attempt(request) { () throws(Errno) in try file.read(into: data, at: offset) }
            file.counter.note(request, byteCount: writable)
            return UInt32(truncatingIfNeeded: writable)
        case .write(let offset):
            let data = chain.readable
            try attempt(request) { () throws(Errno) in try file.write(from: data, at: offset) }
            file.counter.note(request, byteCount: readable)
            return 0
        case .identify: return identify(&chain)
        case .flush: try attempt(request) { () throws(Errno) in try file.flush() }
        case .discard(let count), .writeZeroes(let count): try discard(count, &chain, request)
        }
        file.counter.note(request, byteCount: 0)
        return 0
    }

    private func identify(_ chain: inout DescriptorChain) -> UInt32 {
        // Safety: the bytes are valid for the closure, and write stays within the chain.
        UInt32(truncatingIfNeeded: identity.withUnsafeBytes { chain.write($0) })
    }

    /// An invalid range fails the request, even after other ranges were handled.
    private func discard(
        _ count: Int, _ chain: inout DescriptorChain, _ request: BlockRequest
    ) throws(BlockRequest.Status) {
        let isDiscard = if case .discard = request { true } else { false }
        for _ in 0..<count {
            guard chain.take(BlockRequest.Part.byteCount, into: memory) else { throw .failed }
            let part: BlockRequest.Part
            do throws(BlockRequest.Status) {
                part = try BlockRequest.Part(
                    sector: memory.load(as: UInt64.self),
                    sectorCount: memory.load(fromByteOffset: 8, as: UInt32.self),
                    flags: memory.load(fromByteOffset: 12, as: UInt32.self), isDiscard: isDiscard, limits)
            } catch {
                _ = file.counter.noteError()
                throw error
            }
            try attempt(request) { () throws(Errno) in
                try isDiscard ? file.discard(part) : file.writeZeroes(part)
            }
        }
    }

    /// Performs the host's part of a request; an error becomes an I/O error for the guest.
    private func attempt(_ request: BlockRequest, _ body: () throws(Errno) -> Void) throws(BlockRequest.Status) {
        do throws(Errno) { try body() } catch {
            fail(request, error)
            throw .failed
        }
    }

    private func fail(_ request: BlockRequest, _ errno: Errno) {
        let count = file.counter.noteError()
        guard count <= Self.reportLimit else { return }
        let last = count == Self.reportLimit ? "; further errors are only counted" : ""
        log(.warning, "\(name): \(request.what): \(errno.nameAndText); the guest gets an I/O error\(last)")
    }
}

extension BlockRequest {
    /// The kind of request, for messages.
    var what: String {
        switch self {
        case .read(let offset): "a read at byte \(offset)"
        case .write(let offset): "a write at byte \(offset)"
        case .flush: "a flush"
        case .identify: "the serial number"
        case .discard: "a discard"
        case .writeZeroes: "a write of zeroes"
        }
    }
}
