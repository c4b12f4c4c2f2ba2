// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

/// Runs around each test on the emulated host: VFIO has the devices at its beginning, and the host's kernel has logged
/// no complaint at its end.
struct HostStaysWell: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> HostStaysWell? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        // On a machine with other work the log may be hidden, and it has messages about that work.
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
