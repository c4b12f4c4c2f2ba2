// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization
public import SystemPackage

/// The running kernel.
///
/// Each method makes the system call of that name, and repeats it when a signal interrupts it.
///
/// Each protocol of `SystemCalls` has its own extension in a file beside it; `KVM` and `VFIO` add their ioctls, each in
/// one file. Each C shim is called in only one place, which `SeamTests` checks.
public struct LinuxKernel: SystemCalls {
    /// Creates a value without state.
    public init() {}
}

/// Throws the errno that a `CLinux` function returned as a negative number.
///
/// Inlinable, like `retrying`: each trapped access of a guest runs this code, and an unspecialised generic costs 200
/// instructions.
@discardableResult
@inlinable
public func check<Result: FixedWidthInteger & SignedInteger>(
    _ result: Result, ours name: StaticString? = nil
) throws(Errno) -> Result {
    if result < 0 { throw failure(Errno(rawValue: CInt(-result)), name) }
    return result
}

/// Repeats `call` for as long as a signal interrupts it.
/// - Parameter name: the name of a call whose descriptors and addresses all belong to Martlet, and which the kernel
///   itself answers: EBADF and EFAULT then end the process. Nil when a user or the guest provided one of them, or when
///   a file system or a driver answers: then EBADF is an error like any other.
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

/// The error to throw. With a name, EBADF and EFAULT are bugs of Martlet, such as the use of a descriptor after its
/// close. The number may belong to another file by then, so the process ends.
@usableFromInline
func failure(_ error: Errno, _ name: StaticString?) -> Errno {
    guard let name, error == .badFileDescriptor || error == .badAddress,
        !HandedInDescriptors.areThere.load(ordering: .relaxed)
    else { return error }
    fatalError("\(name): \(error.nameAndText): this is a bug of Martlet's; report it with the lines above")
}

/// Descriptors that the configuration hands in by number (`iommufd_fd`, `vfio_fd`). A wrong number may be one that
/// Martlet has opened itself; its owner would then close it a second time.
enum HandedInDescriptors {
    /// Once true, EBADF doesn't prove a bug of Martlet. Set by any thread, never cleared.
    static let areThere = Atomic<Bool>(false)
}

extension LinuxKernel {
    /// Notes that the process uses a descriptor that was handed in by its number. Call it before the first use.
    public func noteHandedInDescriptor() { HandedInDescriptors.areThere.store(true, ordering: .relaxed) }
}
