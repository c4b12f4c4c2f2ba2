// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How often a vCPU returned from the guest, by reason.
public struct ExitCounts: Sendable, Equatable, Encodable {
    /// Reads of addresses that no memory slot covers.
    public var mmioReads: UInt64 = 0
    /// Writes to such addresses.
    public var mmioWrites: UInt64 = 0
    /// A signal or the immediate-exit flag stopped the vCPU.
    public var interrupted: UInt64 = 0
    /// Power-off, reset and crash (KVM_EXIT_SYSTEM_EVENT).
    public var systemEvents: UInt64 = 0
    /// Loads and stores without a syndrome from the hardware, of any outcome: emulated by `InstructionEmulator`,
    /// answered with a data abort, or left to the hardware to retry.
    public var nisvEmulated: UInt64 = 0
    /// Those of them that got a data abort.
    public var nisvAborted: UInt64 = 0
    /// Those of them that the hardware retried.
    public var nisvReentered: UInt64 = 0
    /// All other exits.
    public var other: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case interrupted, other
        case mmioReads = "mmio_reads"
        case mmioWrites = "mmio_writes"
        case systemEvents = "system_events"
        case nisvEmulated = "nisv_emulated"
        case nisvAborted = "nisv_aborted"
        case nisvReentered = "nisv_reentered"
    }

    static func + (left: ExitCounts, right: ExitCounts) -> ExitCounts {
        var sum = left
        sum.mmioReads &+= right.mmioReads
        sum.mmioWrites &+= right.mmioWrites
        sum.interrupted &+= right.interrupted
        sum.systemEvents &+= right.systemEvents
        sum.nisvEmulated &+= right.nisvEmulated
        sum.nisvAborted &+= right.nisvAborted
        sum.nisvReentered &+= right.nisvReentered
        sum.other &+= right.other
        return sum
    }
}
