// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import LinuxSystem

/// Entropy for the guest, so that it doesn't begin with the same pool at each boot (chosen.yaml, rng-seed).
enum RandomSeed {
    /// 32 bytes from the kernel's generator.
    static func bytes() throws(MachineError) -> [UInt8] {
        var seed = [UInt8](repeating: 0, count: 32)
        // Safety: getrandom writes the 32 bytes that it is told of, and gives as many in one call up to 256.
        do { try retrying { clinux_get_random(&seed, 32) } } catch { throw .call("getrandom", errno: error) }
        return seed
    }
}
