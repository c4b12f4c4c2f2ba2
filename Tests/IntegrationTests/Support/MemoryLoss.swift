// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension MartletProcess {
    /// Takes the guest's RAM away under it, so that KVM can't go on: KVM_RUN fails with EFAULT.
    ///
    /// No guest can bring that about by itself, now that accesses without a syndrome are emulated.
    func takeGuestMemoryAway() throws {
        let maps = Host.text("/proc/\(processNumber)/maps").split(separator: "\n")
        let line = try #require(maps.first { $0.contains("memfd:martlet-guest-ram") }, "no guest RAM in \(maps)")
        let range = try #require(line.split(separator: " ").first)
        let memory = try Descriptor("/proc/\(processNumber)/map_files/\(range)", O_RDWR)
        #expect(ftruncate(memory.rawValue, 0) == 0)
    }
}
