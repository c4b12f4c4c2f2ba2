// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import GuestMemory
public import Passthrough

/// The states of a session: built → running ⇄ paused → ended.
public enum SessionState: String, Sendable {
    /// The machine exists, and no guest has run yet.
    case built
    case running
    /// No vCPU is in the guest, and no event from outside reaches it.
    case paused
    /// The guest has ended, and its machine is released.
    case ended
}

/// A command to a session from the command line or an API, from any thread. See `MachineSession.send`.
public enum SessionCommand: Sendable {
    /// Pause the guest. Refused if it is paused already.
    case pause
    /// Resume the guest. Refused if it isn't paused.
    case resume
    /// End the guest at once, as Ctrl-A x does, even if it is paused.
    case stop
    /// Press the power key. A paused guest sees the press after it is resumed. Refused if the board has no key.
    case pressPowerKey
    /// Report the status of the devices so far.
    case status
}

/// The answer of a session to a command.
public enum SessionAnswer: Sendable {
    /// The command was carried out. For `stop`: the guest is being taken down.
    case done
    /// The answer to `status`.
    case status(SessionStatus)
    /// Nothing was changed.
    case refused(SessionProblem)
}

/// Why a session refuses a command.
public enum SessionProblem: Error, Equatable, Sendable, CustomStringConvertible {
    case alreadyPaused
    case notPaused
    case noPowerKey
    /// The session has ended.
    case ended

    /// What failed, why, and what to do.
    public var description: String {
        switch self {
        case .alreadyPaused: "the guest is already paused"
        case .notPaused: "the guest isn't paused"
        case .noPowerKey: "the board has no power key (power_key is false)"
        case .ended: "the guest has ended"
        }
    }
}

/// A session's state, and the reports of its devices so far.
public struct SessionStatus: Sendable {
    /// `running` or `paused`.
    public let state: SessionState
    /// Passed-through devices, in the order of the configuration.
    public let devices: [DeviceReport]
    /// The guest's drives, and the counts of its requests to them.
    public var drives: [DriveReport] = []
    /// RAM at the host's physical addresses; nil when no device needs that.
    public let memory: MemoryReport?

    /// The status as text, one line for each fact.
    public var lines: [String] {
        (state == .paused ? ["machine: paused"] : []) + devices.flatMap(\.lines) + drives.map(\.line)
            + (memory?.lines ?? [])
    }
}
