// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Why the guest doesn't run any more.
public enum GuestEnd: Sendable, Equatable {
    /// PSCI SYSTEM_OFF.
    case powerOff
    /// PSCI SYSTEM_RESET.
    case reset
    /// The guest reported a crash of its own (KVM_SYSTEM_EVENT_CRASH).
    case crashed
    /// A vCPU can't go on; what happened and its registers.
    case hung(String, registers: String)
    /// The user asked for the end: by Ctrl-A x on the console, or by the session's `stop`.
    case quit
    /// SIGTERM, SIGINT or SIGHUP: the signal's number.
    case signal(CInt)
}
