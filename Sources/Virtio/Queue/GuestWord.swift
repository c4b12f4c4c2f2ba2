// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// Words in the guest's memory. Its vCPUs may change them at any time, so each access is one atomic load or store: the
/// value that was checked is the value that is used.
///
/// The order is that of `Synchronization`'s atomics and fences, which are the CPU's (`ldar`, `stlr`, `dmb ish`): a vCPU
/// and a thread of Martlet are in the same inner shareable domain.
///
/// - SeeAlso: virtio 1.2, 2.7.13.3 and 2.7.14, for the places of the fences
enum GuestWord {
    /// A load; all later accesses come after it.
    /// - Parameter pointer: a multiple of 2.
    @inline(__always)
    static func loadAcquiring16(_ pointer: UnsafeMutableRawPointer) -> UInt16 {
        // Safety: the caller has checked that the word is in RAM; an atomic's layout is that of its value.
        pointer.assumingMemoryBound(to: Atomic<UInt16>.self).pointee.load(ordering: .acquiring)
    }

    /// - Parameter pointer: a multiple of 2.
    @inline(__always)
    static func load16(_ pointer: UnsafeMutableRawPointer) -> UInt16 {
        // Safety: the caller has checked that the word is in RAM; an atomic's layout is that of its value.
        pointer.assumingMemoryBound(to: Atomic<UInt16>.self).pointee.load(ordering: .relaxed)
    }

    /// A store; all earlier accesses come before it.
    /// - Parameter pointer: a multiple of 2.
    @inline(__always)
    static func storeReleasing16(_ value: UInt16, _ pointer: UnsafeMutableRawPointer) {
        // Safety: the caller has checked that the word is in RAM; an atomic's layout is that of its value.
        pointer.assumingMemoryBound(to: Atomic<UInt16>.self).pointee.store(value, ordering: .releasing)
    }

    /// - Parameter pointer: a multiple of 4.
    @inline(__always)
    static func store32(_ value: UInt32, _ pointer: UnsafeMutableRawPointer) {
        // Safety: the caller has checked that the word is in RAM; an atomic's layout is that of its value.
        pointer.assumingMemoryBound(to: Atomic<UInt32>.self).pointee.store(value, ordering: .relaxed)
    }

    /// Loads eight bytes, the lowest first, in one load if they are aligned. Each byte is read once.
    @inline(__always)
    static func load64(_ pointer: UnsafeMutableRawPointer) -> UInt64 {
        // Safety: the caller has checked that the bytes are in RAM; an atomic's layout is that of its value.
        if UInt(bitPattern: pointer) & 7 == 0 {
            return pointer.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .relaxed)
        }
        var value: UInt64 = 0
        for index in 0..<8 {
            let byte = (pointer + index).assumingMemoryBound(to: Atomic<UInt8>.self).pointee.load(ordering: .relaxed)
            value |= UInt64(byte) << UInt64(index * 8)
        }
        return value
    }

    /// Orders all earlier accesses before all later ones, even stores before loads.
    @inline(__always)
    static func fence() { atomicMemoryFence(ordering: .sequentiallyConsistent) }
}
