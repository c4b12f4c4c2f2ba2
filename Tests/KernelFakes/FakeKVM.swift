// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The fake's KVM half.
public struct FakeKVMState {
    public init() {}
}
