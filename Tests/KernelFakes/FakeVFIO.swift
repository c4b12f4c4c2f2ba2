// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The fake's VFIO half.
public struct FakeVFIOState {
    public init() {}
}

extension FakeKernel {
    func readDevice(_ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int { 0 }
    func writeDevice(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int { 0 }
}
