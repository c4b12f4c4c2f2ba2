// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem

/// Calls whose buffer the caller provides, and whose answer says how much room it needs: they are repeated until the
/// answer fits.
///
/// Apart from the ioctls, so that tests reach every answer.
enum GrowingAnswer {
    /// Above any real answer, in bytes and in ranges; a kernel that asks for more gets an error.
    static let byteLimit = 1 << 20
    static let rangeLimit: UInt32 = 1 << 16

    /// An answer whose first 32 bits give its full length in bytes, whether or not it fitted.
    /// - Parameter ask: fills the array and doesn't change its length.
    /// - Throws: EMSGSIZE over `byteLimit`, and what `ask` throws.
    static func bytes(_ ask: (inout [UInt8]) throws(Errno) -> Void) throws(Errno) -> [UInt8] {
        // Room for the few capabilities that exist.
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

    /// Ranges of addresses, each given by its first and last address.
    /// - Parameter ask: fills the array with pairs and sets how many there are; it throws EMSGSIZE when the array is
    ///   too short for them.
    /// - Throws: EMSGSIZE over `rangeLimit`, and what `ask` throws.
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
