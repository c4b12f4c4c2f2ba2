// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#if arch(x86_64)
import CLinux
import Glibc
import LinuxSystem
import Synchronization

@testable import KVM

/// A guest on this machine's own /dev/kvm: 64 KiB of memory at 0, one vCPU in 16-bit real mode.
///
/// Addresses from 0xC0000 have no memory behind them, so that accesses exit. ES:DI is what payloads write through.
struct RealModeGuest {
    static let codeAddress: UInt64 = 0x1000
    static let deviceBase: UInt64 = 0xC0000

    let vm: VirtualMachine
    let vcpu: VirtualCPU
    private let memory: MemoryMapping
    private let slot: MemorySlot

    /// - Parameters:
    ///   - hasInterruptController: gives the VM a PIC; a HLT then waits in the kernel.
    ///   - handler: the code for interrupt 0x24, at 0x2000.
    init(code: [UInt8], handler: [UInt8] = [], hasInterruptController: Bool = false) throws {
        let kernel = LinuxKernel()
        vm = try VirtualMachine(try Hypervisor(calls: kernel, requiring: .generic), addressBits: 32)
        if hasInterruptController { try check(clinux_kvm_x86_create_irqchip(vm.rawDescriptor)) }
        let file = OwnedDescriptor(adopting: try kernel.createMemory(name: "guest", size: 0x10000), of: kernel)
        memory = try MemoryMapping(of: file.rawValue, size: 0x10000, system: kernel)
        slot = try MemorySlot(vm, at: 0, mapping: memory)
        memory.bytes(at: Self.codeAddress, count: UInt64(code.count))?.copyBytes(from: code)
        memory.bytes(at: 0x2000, count: UInt64(handler.count))?.copyBytes(from: handler)
        // The interrupt vector table: offset and segment.
        memory.bytes(at: 0x24 * 4, count: 4)?.copyBytes(from: [0x00, 0x20, 0x00, 0x00])
        vcpu = try VirtualCPU(vm, index: 0)
        try check(clinux_kvm_x86_enter_real_mode(vcpu.rawDescriptor, Self.codeAddress))
    }

    /// Runs the guest until it exits; `.interrupted` after 20 seconds, so that a guest that never exits ends the test.
    func run() throws -> VCPUExit {
        let result = Mutex<Result<VCPUExit, KVMError>?>(nil)
        let thread = try SystemThread(name: "vcpu0") { [vcpu] in
            let exit = Result { () throws(KVMError) in try vcpu.run() }
            result.withLock { $0 = exit }
        }
        try SystemThread.installKickHandler()
        let start = Clock.monotonicNanoseconds
        while result.withLock({ $0 == nil }) {
            usleep(500)
            if Clock.monotonicNanoseconds - start > 20_000_000_000 {
                vcpu.setImmediateExit(true)
                thread.kick()
            }
        }
        thread.join()
        return try result.withLock { $0 }.map { try $0.get() } ?? .interrupted
    }
}

extension RealModeGuest {
    /// mov ax, 0xC000; mov ds, ax: data is at `deviceBase` from now on.
    static let selectDevice: [UInt8] = [0xB8, 0x00, 0xC0, 0x8E, 0xD8]
    static let halt: [UInt8] = [0xF4]

    /// mov al, `value`; mov [`offset`], al
    static func writeByte(_ value: UInt8, at offset: UInt8) -> [UInt8] { [0xB0, value, 0xA2, offset, 0x00] }

    /// mov al, `value`; out `port`, al
    static func output(_ value: UInt8, to port: UInt8) -> [UInt8] { [0xB0, value, 0xE6, port] }

    /// Sets the PIC up so that IRQ 4 is interrupt 0x24, and masks the others (Intel 8259A, ICW1 to ICW4, OCW1).
    static let setUpPIC =
        output(0x11, to: 0x20) + output(0x20, to: 0x21) + output(0x04, to: 0x21) + output(0x01, to: 0x21)
        + output(0xEF, to: 0x21)
    /// sti; hlt; jmp to the hlt
    static let waitForInterrupts: [UInt8] = [0xFB, 0xF4, 0xEB, 0xFD]
}
#endif
