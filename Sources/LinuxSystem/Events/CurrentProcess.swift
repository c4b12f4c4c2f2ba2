// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The process itself.
public enum CurrentProcess {
    /// Prepares signals; call it before anything else.
    ///
    /// SIGUSR1 stays pending until a `SignalDescriptor` takes it, and a write to a closed pipe fails with EPIPE.
    /// Otherwise both would end the process.
    /// - Throws: Linux documents no errors for these signals.
    public static func setUpSignals() throws(Errno) {
        try LinuxKernel().blockSignal(SignalNumber.user1)
        try LinuxKernel().ignoreBrokenPipes()
    }

    /// Hides the descriptors that the process was started with from the programs that it starts.
    ///
    /// A kernel before Linux 5.11 can't do it; `run` starts each program without them in any case.
    public static func keepDescriptorsFromPrograms() { try? LinuxKernel().closeAllOnExec() }

    /// Ends it at once, after flushing what was printed.
    public static func exit(_ status: CInt) -> Never { LinuxKernel().exit(status) }
}
