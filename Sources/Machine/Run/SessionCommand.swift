// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import GuestMemory
public import Passthrough

/// Where a session is in its life: built → running ⇄ paused → ended.
public enum SessionState: String, Sendable {
    /// The machine exists, and no guest has run.
    case built
    case running
    /// No vCPU is in the guest, and nothing from outside reaches it.
    case paused
    /// The guest has ended, and its machine is taken down.
    case ended
}

/// What a front (the command line, an API) may tell a session, from any thread. See `MachineSession.send`.
public enum SessionCommand: Sendable {
    /// Hold the guest. Refused where it is paused.
    case pause
    /// Let the guest go on. Refused where it isn't paused.
    case resume
    /// End the guest at once, as Ctrl-A x does; also one that is paused.
    case stop
    /// Press the power key. A guest that is paused sees the press when it goes on. Refused where the board has no key.
    case pressPowerKey
    /// Tell what has become of the devices so far.
    case status
}

/// What a session says to a command.
public enum SessionAnswer: Sendable {
    /// It is done. For `stop`: the guest is being taken down.
    case done
    /// The answer to `status`.
    case status(SessionStatus)
    /// Nothing has changed.
    case refused(SessionProblem)
}

/// Why a session doesn't do what it is told.
public enum SessionProblem: Error, Equatable, Sendable, CustomStringConvertible {
    case alreadyPaused
    case notPaused
    case noPowerKey
    /// The session has ended.
    case ended

    /// What failed and why, and what to do.
    public var description: String {
        switch self {
        case .alreadyPaused: "the guest is already paused"
        case .notPaused: "the guest isn't paused"
        case .noPowerKey: "the board has no power key (power_key is false)"
        case .ended: "the guest has ended"
        }
    }
}

/// A session's state, and what has become of its devices so far.
public struct SessionStatus: Sendable {
    /// `running` or `paused`.
    public let state: SessionState
    /// Passed-through devices, in the order of the configuration.
    public let devices: [DeviceReport]
    /// The guest's drives, and what it has done with them.
    public var drives: [DriveReport] = []
    /// RAM at the host's physical addresses; nil where devices need none such.
    public let memory: MemoryReport?

    /// A line for each fact.
    public var lines: [String] {
        (state == .paused ? ["machine: paused"] : []) + devices.flatMap(\.lines) + drives.map(\.line)
            + (memory?.lines ?? [])
    }
}
