// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

/// Around each test on the emulated host: the devices are with VFIO when it begins, and the host's kernel has no
/// complaint when it ends.
struct HostStaysWell: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> HostStaysWell? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        // On a machine that does other work the log may be secret, and speaks of that work too.
        guard Host.isEmulated else { return try await function() }
        let log = try KernelLog()
        try HostDevices.bindAll()
        try await function()
        #expect(log.complaints() == [])
    }
}

extension Trait where Self == HostStaysWell {
    static var hostStaysWell: HostStaysWell { HostStaysWell() }
}

extension Trait where Self == ConditionTrait {
    /// For tests of the emulated host's devices.
    static var onEmulatedHost: ConditionTrait {
        .enabled(if: Host.isEmulated, "the devices are those of the emulated host")
    }
}
