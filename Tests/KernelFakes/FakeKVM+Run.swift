// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
internal import Glibc
public import LinuxSystem

/// The result of a scripted KVM_RUN.
public enum FakeExit: Equatable, Sendable {
    case mmioRead(address: UInt64, length: UInt32)
    case mmioWrite(address: UInt64, length: UInt32, value: UInt64)
    /// KVM_EXIT_ARM_NISV with the syndrome's ISS.
    case noSyndrome(iss: UInt64, address: UInt64)
    /// KVM_EXIT_SYSTEM_EVENT: 1 is shutdown, 2 reset, 3 crash.
    case systemEvent(UInt32)
    /// KVM_EXIT_INTR.
    case interrupted
    case failedEntry(reason: UInt64)
    case internalError(suberror: UInt32)
    /// An exit by its number.
    case other(reason: UInt32)
    /// KVM_RUN itself fails.
    case failure(Errno)
}

/// The fields of struct kvm_run by their offsets (include/uapi/linux/kvm.h); the accessors are not used, because the
/// tests check them.
private enum RunField {
    static let immediateExit = 1
    static let exitReason = 8
    /// The union, and its first word in every exit but MMIO's.
    static let detail = 32
    static let mmioAddress = 32
    static let mmioData = 40
    static let mmioLength = 48
    static let mmioIsWrite = 52
}

extension FakeKernel {
    /// Performs the next exit of this vCPU's script.
    public func run(vcpu: CInt) throws(Errno) {
        let text = name(of: vcpu)
        guard text.hasPrefix(Self.vcpuPrefix), let index = UInt32(text.dropFirst(Self.vcpuPrefix.count)),
            let address = withState({ $0.mappings.first { $0.value.descriptor == vcpu }?.key }),
            let state = UnsafeMutableRawPointer(bitPattern: address)
        else { throw .badFileDescriptor }
        withState { $0.kvm.runCount += 1 }
        takeAnswer(of: index, state)
        // Safety: the mapping has two pages and lives as long as the vCPU, whose owner called.
        if state.load(fromByteOffset: RunField.immediateExit, as: UInt8.self) != 0 { throw .interrupted }
        let exit: FakeExit? = withState { state in
            guard let script = state.kvm.exits[index], !script.isEmpty else { return nil }
            return state.kvm.exits[index]?.removeFirst()
        }
        guard let exit else {
            while state.load(fromByteOffset: RunField.immediateExit, as: UInt8.self) == 0 {
                _ = clinux_poll_readable(-1, 1)
            }
            throw .interrupted
        }
        try write(exit, of: index, to: state)
    }

    private func takeAnswer(of index: UInt32, _ state: UnsafeMutableRawPointer) {
        withState { fake in
            guard let length = fake.kvm.pendingReads.removeValue(forKey: index) else { return }
            var value: UInt64 = 0
            for byte in 0..<Int(length) {
                let part = state.load(fromByteOffset: RunField.mmioData + byte, as: UInt8.self)
                value |= UInt64(part) << UInt64(byte * 8)
            }
            fake.kvm.answers.append(value)
        }
    }

    private func write(_ exit: FakeExit, of index: UInt32, to state: UnsafeMutableRawPointer) throws(Errno) {
        func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
            state.storeBytes(of: value, toByteOffset: offset, as: Value.self)
        }
        // The data of an earlier exit must not hide an error.
        memset(state + RunField.detail, 0xA5, 32)
        let reason: UInt32
        switch exit {
        case .mmioRead(let address, let length):
            reason = 6
            store(address, at: RunField.mmioAddress)
            store(length, at: RunField.mmioLength)
            store(UInt8(0), at: RunField.mmioIsWrite)
            withState { $0.kvm.pendingReads[index] = length }
        case .mmioWrite(let address, let length, let value):
            reason = 6
            store(address, at: RunField.mmioAddress)
            store(length, at: RunField.mmioLength)
            store(UInt8(1), at: RunField.mmioIsWrite)
            for byte in 0..<min(Int(length), 8) {
                store(UInt8(truncatingIfNeeded: value >> UInt64(byte * 8)), at: RunField.mmioData + byte)
            }
        case .noSyndrome(let iss, let address):
            reason = 28
            store(iss, at: RunField.detail)
            store(address, at: RunField.detail + 8)
        case .systemEvent(let type):
            reason = 24
            store(type, at: RunField.detail)
        case .interrupted: reason = 10
        case .failedEntry(let code):
            reason = 9
            store(code, at: RunField.detail)
        case .internalError(let suberror):
            reason = 17
            store(suberror, at: RunField.detail)
        case .other(let number): reason = number
        case .failure(let errno): throw errno
        }
        store(reason, at: RunField.exitReason)
    }
}
