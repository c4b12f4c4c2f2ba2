// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How often in a row a vCPU was entered again at one instruction without progress. It belongs to the vCPU's thread.
struct Reentries {
    /// How often an instruction is retried before the guest gets a data abort for it.
    ///
    /// If a TLB still has an entry that the tables no longer have, each retry exits at once, until the vCPU that
    /// changed the tables has sent its TLBI. That vCPU may have to wait for a CPU of the host. This many retries take
    /// about 0.1 s.
    static let limit = 10_000

    private var counter: UInt64 = 0
    private var count = 0

    /// Counts a retry of the instruction at `counter`.
    /// - Returns: false when the limit is reached.
    mutating func take(at counter: UInt64) -> Bool {
        if counter != self.counter {
            self.counter = counter
            count = 0
        }
        count += 1
        return count <= Self.limit
    }
}
