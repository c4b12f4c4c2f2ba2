// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How often in a row a vCPU was entered again at one instruction with nothing done. It belongs to the vCPU's thread.
struct Reentries {
    /// How often one instruction is tried again before the guest gets a data abort for it.
    ///
    /// A TLB that still has what the tables no longer have makes each try come back at once, until the vCPU that
    /// changed them has run on and sent its TLBI: it may have to wait for a CPU of the host. So many tries take some
    /// 0.1 s.
    static let limit = 10_000

    private var counter: UInt64 = 0
    private var count = 0

    /// Counts a try of the instruction at `counter`.
    /// - Returns: false when there were enough.
    mutating func take(at counter: UInt64) -> Bool {
        if counter != self.counter {
            self.counter = counter
            count = 0
        }
        count += 1
        return count <= Self.limit
    }
}
