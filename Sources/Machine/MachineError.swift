// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
public import LinuxSystem
public import Passthrough
public import PlatformBus

/// Why a machine could not be built or could not go on, and what to do about it.
public enum MachineError: Error, Sendable, CustomStringConvertible {
    case kvm(KVMError)
    case bus(PlatformBusError)
    case passthrough(PassthroughError)
    case deviceTree(String)
    /// A file that the configuration names; `key` is its JSON path.
    case file(key: String, path: String, errno: Errno)
    case image(path: String, String)
    /// Something that goes into RAM is larger than what is left there.
    case doesNotFit(what: String, bytes: UInt64, available: UInt64)
    case addressSpace(mebibytes: Int, addressBits: Int)
    case memory(mebibytes: UInt64, call: String, errno: Errno)
    case memoryUnavailable(mebibytes: UInt64, availableMebibytes: UInt64)
    /// Any other system call, by name.
    case call(String, errno: Errno)

    public var description: String {
        switch self {
        case .kvm(let error): error.description
        case .bus(let error): error.description
        case .passthrough(let error): error.description
        case .deviceTree(let text): "device tree: \(text)"
        case .file(let key, let path, let errno):
            "\(key): \(path): \(errno.nameAndText)"
        case .image(let path, let text):
            """
            boot-source.kernel_image_path: \(path): \(text)
              give an arm64 Linux Image, plain or gzip-compressed (arch/arm64/boot/Image or Image.gz)
            """
        case .doesNotFit(let what, let bytes, let available):
            """
            machine-config.mem_size_mib: \(what) needs \(bytes) bytes of RAM, but only \(available) are left for it
              increase machine-config.mem_size_mib
            """
        case .addressSpace(let mebibytes, let bits):
            """
            machine-config.mem_size_mib: \(mebibytes) MiB from 2 GiB up do not fit into the \(bits) address bits of this \
            host's KVM
              reduce machine-config.mem_size_mib
            """
        case .memory(let mebibytes, let call, let errno):
            """
            machine-config.mem_size_mib: no \(mebibytes) MiB for the guest: \(call): \(errno.nameAndText)
              reduce machine-config.mem_size_mib, or free memory on the host
            """
        case .memoryUnavailable(let mebibytes, let available):
            """
            machine-config.mem_size_mib: \(mebibytes) MiB wanted, but the host has only \(available) MiB available
              reduce machine-config.mem_size_mib, or free memory on the host
            """
        case .call(let name, let errno): "\(name): \(errno.nameAndText)"
        }
    }
}

/// Runs `body` and says which call failed.
func naming<Result>(_ call: String, _ body: () throws(Errno) -> Result) throws(MachineError) -> Result {
    do { return try body() } catch { throw .call(call, errno: error) }
}
