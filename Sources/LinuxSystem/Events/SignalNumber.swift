// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux

/// The signals that Martlet handles (signal(7)).
public enum SignalNumber {
    /// SIGHUP: the terminal is gone.
    public static var hangUp: CInt { CInt(CLINUX_SIGNAL_HANG_UP) }
    /// SIGINT: Ctrl-C.
    public static var interrupt: CInt { CInt(CLINUX_SIGNAL_INTERRUPT) }
    /// SIGTERM.
    public static var terminate: CInt { CInt(CLINUX_SIGNAL_TERMINATE) }
    /// SIGUSR1, which asks for the state of a running machine.
    public static var user1: CInt { CInt(CLINUX_SIGNAL_USER_1) }
}
