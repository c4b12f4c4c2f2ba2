// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What became of an interrupt whose way to the guest leads through Martlet.
public struct InterruptCounters: Sendable, Equatable, Encodable {
    /// Signals of its VFIO trigger.
    public var raised: UInt64 = 0
    /// Times that it was put to the guest.
    public var delivered: UInt64 = 0
    /// Ends of interrupt that were seen, of those delivered.
    public var ended: UInt64 = 0
    /// Times that it had to wait for another interrupt of the device, or for the device's regions to be unmapped.
    public var queued: UInt64 = 0
    /// Signals that were merged with one that the guest had not been given yet, or had not ended.
    public var coalesced: UInt64 = 0
    /// Times that `storm_limit` held it back.
    public var stormHeld: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case raised, delivered, ended, queued, coalesced
        case stormHeld = "storm_held"
    }

    /// Nothing has happened so far.
    public init() {}
}
