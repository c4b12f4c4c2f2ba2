// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Standard input, output and error.
public enum StandardDescriptors {
    /// Keeps the three numbers from the files that the process opens later, should it have been started without them:
    /// else what the guest prints could end up in a device.
    /// - Throws: what open(2) gives.
    public static func reserve() throws(Errno) { try LinuxKernel().reserveStandardDescriptors() }
}
