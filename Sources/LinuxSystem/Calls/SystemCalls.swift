// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Every call to the kernel that Martlet makes outside KVM and VFIO, grouped by purpose.
///
/// `LinuxKernel` is the real kernel; unit tests use a fake. `KVM` and `VFIO` refine this protocol with their ioctls,
/// `HostChangeCalls` with the calls that change the host. A throwing call throws the kernel's `Errno`; the caller adds
/// what the call was about. Use the smallest of these protocols that is enough.
///
/// Types that are given no kernel (`Clock`, `SystemThread`, `ChangeSignal`, `CurrentProcess`, `LineWriter`) call the
/// methods of `LinuxKernel`, so that these protocols name every call. `SeamTests` compares them with the C shims.
public protocol SystemCalls: FileCalls, OutputCalls, StreamCalls, BlockCalls, MemoryCalls, EventCalls, ThreadCalls,
    ProcessCalls, TerminalCalls, ClockCalls
{}
