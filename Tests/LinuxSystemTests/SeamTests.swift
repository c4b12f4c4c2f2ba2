// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import Testing

/// Holds the C shims against the seam: each is called by one method of `LinuxKernel`, or stands here with its reason.
@Suite struct SeamTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..").path
    private static let seam = "LinuxSystem/Calls/LinuxKernel+"
    private static let kvm = "KVM/LinuxKernel+KVM.swift"
    private static let vfio = "VFIO/Calls/LinuxKernel+VFIO.swift"

    /// Shims of clinux_system.h that the seam of `LinuxSystem` doesn't call; who does, and why.
    private static let otherUsers = [
        // Tables of the C library, and no calls.
        "clinux_errno_name": "LinuxSystem/Calls/Errno+Name.swift",
        "clinux_errno_text": "LinuxSystem/Calls/Errno+Name.swift",
        // Of VFIOCalls: a descriptor of the user's, and what may be pinned.
        "clinux_close_on_exec": vfio, "clinux_memory_lock_limit": vfio, "clinux_has_capability": vfio,
    ]
    /// For the C files of KVM and VFIO alone.
    private static let forShims: Set = ["clinux_ioctl"]
    /// Shims of clinux_kvm.h without a call: the layout of struct kvm_run, and the numbers of registers.
    private static let layouts = [
        "clinux_kvm_run_": "KVM/VirtualCPU.swift", "clinux_kvm_arm_core_register": "KVM/CoreRegister.swift",
        "clinux_kvm_arm_vector_register": "KVM/VirtualCPU.swift",
        "clinux_kvm_arm_system_register": "KVM/SystemRegister.swift",
    ]
    /// For tests on x86-64 alone.
    private static let forTests: Set = ["clinux_kvm_x86_enter_real_mode", "clinux_kvm_x86_create_irqchip"]
    /// Files besides those of the seam that import CLinux: for the words and layouts of the kernel's interface, and the
    /// tables above.
    private static let importers: Set = [
        "LinuxSystem/Calls/Errno+Name.swift", "LinuxSystem/Events/SignalNumber.swift", kvm, vfio,
        "KVM/CoreRegister.swift", "KVM/Hypervisor.swift", "KVM/InterruptController.swift", "KVM/IoctlWords.swift",
        "KVM/SystemRegister.swift", "KVM/VFIOLink.swift", "KVM/VirtualCPU.swift", "KVM/VirtualMachine.swift",
    ]

    /// The Swift sources by their path below Sources, without comments.
    private static func sources() throws -> [String: String] {
        let folder = "\(root)/Sources"
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
        return Dictionary(
            uniqueKeysWithValues: try paths.map { path in
                let text = try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
                return (path, text.split(separator: "\n").filter { !$0.contains(/^\s*\/\//) }.joined(separator: "\n"))
            })
    }

    /// The functions that a header of CLinux declares or defines.
    private static func functions(_ header: String) throws -> Set<String> {
        let text = try String(contentsOfFile: "\(root)/Sources/CLinux/include/\(header)", encoding: .utf8)
        let code = text.split(separator: "\n").filter { !$0.contains(/^\s*\/\//) }.joined(separator: "\n")
        return Set(code.matches(of: /\b(clinux_\w+)\(/).map { String($0.output.1) })
    }

    /// The files in which each shim is named, once for each time.
    private static func uses() throws -> [String: [String]] {
        var uses: [String: [String]] = [:]
        for (path, text) in try sources() where text.contains("clinux_") {
            for use in text.matches(of: /\bclinux_\w+/) { uses[String(use.output), default: []].append(path) }
        }
        return uses
    }

    @Test func `each shim of the system's is called by one method of the seam, or is listed with its reason`() throws {
        let allUses = try Self.uses()
        let functions = try Self.functions("clinux_system.h")
        #expect(functions.count > 60, "\(functions)")
        for shim in functions.sorted() {
            let uses = allUses[shim] ?? []
            if Self.forShims.contains(shim) {
                #expect(uses.isEmpty, "\(shim) is called by \(uses)")
            } else if let user = Self.otherUsers[shim] {
                #expect(uses == [user], "\(shim) is called by \(uses)")
            } else {
                #expect(uses.count == 1 && uses[0].hasPrefix(Self.seam), "\(shim) is called by \(uses)")
            }
        }
        for shim in Set(Self.otherUsers.keys).union(Self.forShims) {
            #expect(functions.contains(shim), "\(shim) is gone")
        }
    }

    @Test func `each ioctl is called by its one file`() throws {
        let allUses = try Self.uses()
        for shim in try Self.functions("clinux_vfio.h").sorted() {
            let uses = allUses[shim] ?? []
            #expect(uses == [Self.vfio], "\(shim) is called by \(uses)")
        }
        let functions = try Self.functions("clinux_kvm.h")
        #expect(functions.count > 25, "\(functions)")
        for shim in functions.sorted() {
            let uses = Set(allUses[shim] ?? [])
            let layout = Self.layouts.first { $0.key.hasSuffix("_") ? shim.hasPrefix($0.key) : shim == $0.key }
            let expected: Set<String> = Self.forTests.contains(shim) ? [] : [layout?.value ?? Self.kvm]
            #expect(uses == expected, "\(shim) is called by \(uses)")
        }
    }

    @Test func `nothing but the seam and the listed files imports CLinux`() throws {
        let importers = try Self.sources().filter { $0.value.contains("import CLinux") }
        for path in importers.keys.sorted() where !path.hasPrefix(Self.seam) {
            #expect(Self.importers.contains(path), "\(path) imports CLinux")
        }
        for path in Self.importers { #expect(importers[path] != nil, "\(path) imports CLinux no more") }
    }
}
