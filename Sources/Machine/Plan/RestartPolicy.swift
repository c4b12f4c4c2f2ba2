// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Configuration
internal import Passthrough

/// Decides what follows the end of a guest, over all its starts.
public struct RestartPolicy: Sendable {
    /// What happens to a machine whose guest asked for a reset.
    public enum Decision: Equatable, Sendable {
        /// The guest didn't ask for a reset, or a reset ends the machine.
        case end
        /// The guest would be restarted, but this prevents it.
        case refuse(String)
        case restart
    }

    private let onReset: MachineConfiguration.OnReset
    private let allowsUnreset: Bool
    private var limit = RestartLimit()

    /// How often the guest was restarted.
    public var count: Int { limit.count }

    /// Creates the policy of a configuration.
    public init(_ configuration: MachineConfiguration) {
        onReset = configuration.onReset
        allowsUnreset = configuration.allowsUnresetRestart
    }

    /// Decides what follows, and counts a restart.
    /// - Parameters:
    ///   - report: the report of the guest that has ended.
    ///   - now: CLOCK_MONOTONIC in nanoseconds.
    public mutating func decide(after report: RunReport, at now: UInt64) -> Decision {
        guard report.end == .reset else { return .end }
        switch onReset {
        case .exit: return .end
        case .restart: break
        }
        if !allowsUnreset, !report.restartProblems.isEmpty {
            return .refuse(report.restartProblems.map(\.summary).joined(separator: ", "))
        }
        guard limit.take(at: now) else {
            return .refuse(
                "it asked for more than \(RestartLimit.maximum) resets within \(RestartLimit.windowSeconds) s")
        }
        return .restart
    }
}
