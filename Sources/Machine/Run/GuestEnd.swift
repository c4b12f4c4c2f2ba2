// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Why the guest has ended.
public enum GuestEnd: Sendable, Equatable {
    /// PSCI SYSTEM_OFF.
    case powerOff
    /// PSCI SYSTEM_RESET.
    case reset
    /// The guest reported a crash of its own (KVM_SYSTEM_EVENT_CRASH).
    case crashed
    /// A vCPU can't continue: the reason and its registers.
    case hung(String, registers: String)
    /// The user ended it: by Ctrl-A x on the console, or by the session's `stop`.
    case quit
    /// SIGTERM, SIGINT or SIGHUP: the signal's number.
    case signal(CInt)
}
