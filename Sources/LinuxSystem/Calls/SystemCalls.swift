// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Every call to the kernel that Martlet makes outside KVM and VFIO, cut by purpose.
///
/// `LinuxKernel` is the real kernel; unit tests put a fake in its place. `KVM` and `VFIO` refine this protocol with
/// their ioctls, `HostChangeCalls` with what changes the host. A throwing call throws the kernel's `Errno`; the caller
/// adds what it was about. Take the smallest of these protocols that a job needs.
///
/// Types without a kernel of their own to ask (`Clock`, `SystemThread`, `ChangeSignal`, `CurrentProcess`, `LineWriter`)
/// call the methods of `LinuxKernel`, so that these protocols name all calls there are. `SeamTests` holds them against
/// the C shims.
public protocol SystemCalls: FileCalls, OutputCalls, StreamCalls, BlockCalls, MemoryCalls, EventCalls, ThreadCalls,
    ProcessCalls, TerminalCalls, ClockCalls
{}
