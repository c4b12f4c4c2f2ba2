// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem

/// Drives: files are in `files`, and block devices in `blockDevices`.
extension FakeKernel {
    private func path(of descriptor: CInt) -> String {
        String(name(of: descriptor).dropFirst("open ".count))
    }

    public func openDrive(_ path: String, isReadOnly: Bool) throws(Errno) -> CInt {
        if !isReadOnly, withState({ $0.readOnlyFiles.contains(path) }) { throw .permissionDenied }
        return try open(path, isReadOnly ? .readOnly : .readWrite)
    }

    /// Fails if another open file description of the path has a lock, and one of the two is exclusive.
    public func lockFile(_ descriptor: CInt, isExclusive: Bool) throws(Errno) {
        let path = path(of: descriptor)
        try step("fcntl(F_OFD_SETLK) \(path)")
        let isTaken = withState { state in
            let others = state.locks.filter { $0.key != descriptor && state.descriptors[$0.key] == "open \(path)" }
            if state.lockedFiles.contains(path) || others.contains(where: { $0.value || isExclusive }) { return true }
            state.locks[descriptor] = isExclusive
            return false
        }
        if isTaken { throw .resourceTemporarilyUnavailable }
    }

    public func blockGeometry(of descriptor: CInt) throws(Errno) -> BlockGeometry {
        try step("ioctl(BLKGETSIZE64)")
        let path = path(of: descriptor)
        guard let geometry = withState({ $0.blockDevices[path] }) else { throw .inappropriateIOCTLForDevice }
        return geometry
    }

    public func read(
        _ descriptor: CInt, into segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int {
        let path = path(of: descriptor)
        try step("preadv2 \(path)")
        let content = withState { $0.files[path] ?? [] }
        var position = Int(clamping: offset)
        for segment in segments {
            guard let memory = UnsafeMutableRawPointer(bitPattern: segment.address) else { throw .badAddress }
            let rest = content.dropFirst(position).prefix(segment.count)
            UnsafeMutableRawBufferPointer(start: memory, count: segment.count).copyBytes(from: rest)
            position += rest.count
            if rest.count < segment.count { break }
        }
        return position - Int(clamping: offset)
    }

    public func write(
        _ descriptor: CInt, from segments: UnsafeBufferPointer<MemorySegment>, at offset: UInt64
    ) throws(Errno) -> Int {
        let path = path(of: descriptor)
        try step("pwritev2 \(path)")
        var position = Int(clamping: offset)
        for segment in segments {
            guard let memory = UnsafeRawPointer(bitPattern: segment.address) else { throw .badAddress }
            let bytes = [UInt8](UnsafeRawBufferPointer(start: memory, count: segment.count))
            withState { $0.files[path]?.replaceSubrange(position..<(position + bytes.count), with: bytes) }
            position += bytes.count
        }
        return position - Int(clamping: offset)
    }

    public func synchronizeData(_ descriptor: CInt) throws(Errno) { try note("fdatasync \(path(of: descriptor))") }
    public func punchHole(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        try note("fallocate(PUNCH_HOLE) \(offset) \(count)")
    }
    public func zeroRange(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        try note("fallocate(ZERO_RANGE) \(offset) \(count)")
    }
    public func discardBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        try note("ioctl(BLKDISCARD) \(offset) \(count)")
    }
    public func zeroBlocks(_ descriptor: CInt, at offset: UInt64, count: UInt64) throws(Errno) {
        try note("ioctl(BLKZEROOUT) \(offset) \(count)")
    }
}
