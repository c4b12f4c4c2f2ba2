// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Standard input, output and error.
public enum StandardDescriptors {
    /// Reserves the three numbers if the process was started without them.
    ///
    /// Otherwise a file that the process opens later could get one of them, and the guest's output could go to a
    /// device.
    /// - Throws: the errors of open(2).
    public static func reserve() throws(Errno) { try LinuxKernel().reserveStandardDescriptors() }
}
