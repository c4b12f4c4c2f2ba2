// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem

/// Answers of the kernel for which the caller brings the room, and which say how much they need: asked for until they
/// fit.
///
/// Apart from the ioctls, so that tests reach every answer.
enum GrowingAnswer {
    /// Over any real answer, in bytes and in ranges: a kernel that wants more is not believed.
    static let byteLimit = 1 << 20
    static let rangeLimit: UInt32 = 1 << 16

    /// An answer whose first 32 bits say how many bytes all of it takes, whether or not it was given room for them.
    /// - Parameter ask: fills the array, whose length it keeps.
    /// - Throws: EMSGSIZE over `byteLimit`, besides what `ask` throws.
    static func bytes(_ ask: (inout [UInt8]) throws(Errno) -> Void) throws(Errno) -> [UInt8] {
        // Room for the few capabilities that there are.
        var size = 512
        while true {
            var answer = [UInt8](repeating: 0, count: size)
            try ask(&answer)
            let needed = answer.withUnsafeBytes { Int($0.loadUnaligned(as: UInt32.self)) }
            guard needed > size else { return answer }
            guard needed <= byteLimit else { throw .messageTooLong }
            size = needed
        }
    }

    /// Ranges of addresses, each with its first and its last one.
    /// - Parameter ask: fills the array with pairs, and sets how many there are; it throws EMSGSIZE when there is no
    ///   room for as many.
    /// - Throws: EMSGSIZE over `rangeLimit`, besides what `ask` throws.
    static func ranges(
        _ ask: (inout [UInt64], inout UInt32) throws(Errno) -> Void
    ) throws(Errno) -> [IOVARange] {
        var count: UInt32 = 16
        while true {
            let room = count
            var pairs = [UInt64](repeating: 0, count: 2 * Int(room))
            do throws(Errno) {
                try ask(&pairs, &count)
                return (0..<Int(min(count, room))).map { IOVARange(first: pairs[2 * $0], last: pairs[2 * $0 + 1]) }
            } catch .messageTooLong {
                guard count > room, count <= rangeLimit else { throw .messageTooLong }
            }
        }
    }
}
