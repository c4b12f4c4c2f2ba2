// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// The process itself.
public enum CurrentProcess {
    /// What has to be done before anything else: SIGUSR1 waits for whoever takes it by a `SignalDescriptor`, and a
    /// write to a closed pipe fails with EPIPE. Both would end the process.
    /// - Throws: nothing that Linux documents for these signals.
    public static func setUpSignals() throws(Errno) {
        try LinuxKernel().blockSignal(SignalNumber.user1)
        try LinuxKernel().ignoreBrokenPipes()
    }

    /// Keeps the descriptors that the process was started with from the programs that it starts. A kernel before Linux
    /// 5.11 can't; each program is started without them in any case.
    public static func keepDescriptorsFromPrograms() { try? LinuxKernel().closeAllOnExec() }

    /// Ends it at once, after flushing what was printed.
    public static func exit(_ status: CInt) -> Never { LinuxKernel().exit(status) }
}
