// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization
public import SystemPackage

/// The running kernel: each call goes straight to the system call of that name, repeated when a signal interrupts it.
///
/// Each protocol of `SystemCalls` has an extension of its own beside it; `KVM` and `VFIO` add their ioctls, each in one
/// file. A C shim is called in one place, which `SeamTests` checks.
public struct LinuxKernel: SystemCalls {
    /// There is one kernel, and it has no state here.
    public init() {}
}

/// Throws the errno that a `CLinux` function returned as a negative number.
///
/// Inlinable, like `retrying`: each trapped access of a guest comes through here, and an unspecialised generic costs
/// 200 instructions.
@discardableResult
@inlinable
public func check<Result: FixedWidthInteger & SignedInteger>(
    _ result: Result, ours name: StaticString? = nil
) throws(Errno) -> Result {
    if result < 0 { throw failure(Errno(rawValue: CInt(-result)), name) }
    return result
}

/// Repeats `call` for as long as a signal interrupts it.
/// - Parameter name: the name of a call whose descriptors and addresses are all Martlet's own, and which the kernel
///   itself answers: EBADF and EFAULT end the process then. Nil where a user or the guest has given one, or where a
///   file system or a driver answers: their EBADF is an error like others.
@discardableResult
@inlinable
public func retrying<Result: FixedWidthInteger & SignedInteger>(
    ours name: StaticString? = nil, _ call: () -> Result
) throws(Errno) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        let error = Errno(rawValue: CInt(-result))
        if error != .interrupted { throw failure(error, name) }
    }
}

/// The error to throw. EBADF and EFAULT of a call that has a name here are bugs of Martlet's, such as the use of a
/// descriptor after its close: the number may be another file's by now, so nothing that follows would be right.
@usableFromInline
func failure(_ error: Errno, _ name: StaticString?) -> Errno {
    guard let name, error == .badFileDescriptor || error == .badAddress,
        !HandedInDescriptors.areThere.load(ordering: .relaxed)
    else { return error }
    fatalError("\(name): \(error.nameAndText): this is a bug of Martlet's; report it with the lines above")
}

/// What the configuration hands in by number (`iommufd_fd`, `vfio_fd`). A wrong number may be one that Martlet has
/// opened itself, and its owner would close it a second time.
enum HandedInDescriptors {
    /// From then on EBADF doesn't prove a bug of Martlet's. Set by any thread, never cleared.
    static let areThere = Atomic<Bool>(false)
}

extension LinuxKernel {
    /// Call it before a descriptor is used that was handed in by its number.
    public func noteHandedInDescriptor() { HandedInDescriptors.areThere.store(true, ordering: .relaxed) }
}
