// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension MartletProcess {
    /// Unmaps the guest's RAM while it runs, so that KVM can't continue: KVM_RUN fails with EFAULT.
    ///
    /// A guest can't cause that by itself, because accesses without a syndrome are emulated.
    func takeGuestMemoryAway() throws {
        let maps = Host.text("/proc/\(processNumber)/maps").split(separator: "\n")
        let line = try #require(maps.first { $0.contains("memfd:martlet-guest-ram") }, "no guest RAM in \(maps)")
        let range = try #require(line.split(separator: " ").first)
        let memory = try Descriptor("/proc/\(processNumber)/map_files/\(range)", O_RDWR)
        #expect(ftruncate(memory.rawValue, 0) == 0)
    }
}
