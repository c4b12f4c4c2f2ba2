// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CIntegration
import Glibc
import LinuxSystem

/// Stops a program's ioctls about interrupts before the kernel executes them. The test examines each one, may do other
/// things meanwhile, and lets it continue or fail. It uses seccomp's user notification, so the program is the one that
/// is shipped.
///
/// Calls are served whenever the test waits for the process, on the test's own thread.
final class Gate {
    /// An ioctl that waits at the gate.
    struct Call {
        /// Its name: "KVM_IRQFD", "SET_IRQS trigger eventfd".
        let name: String
        let process: pid_t
        /// Its descriptor, in that process.
        let descriptor: CInt
        /// KVM_IRQFD: the eventfd, in that process.
        let event: CInt
        fileprivate let id: UInt64
        fileprivate let listener: CInt

        /// A copy of a descriptor of the process.
        func take(_ number: CInt) throws -> Descriptor { try Descriptor(cintegration_take_descriptor(process, number)) }

        /// Replaces a descriptor of the process.
        func replace(_ number: CInt, with other: Descriptor) throws {
            let result = cintegration_replace_descriptor(listener, id, number, other.rawValue)
            if result < 0 { throw Errno(rawValue: -result) }
        }
    }

    enum Verdict {
        case goOn
        /// The process is killed without making the call (SIGKILL).
        case kill
        case fail(Errno)
    }

    /// include/uapi/linux/kvm.h and vfio.h.
    private enum Request {
        static let irqfd: UInt32 = 0x4020_AE76
        static let irqLine: UInt32 = 0x4008_AE61
        static let run: UInt32 = 0xAE80
        static let setIRQs: UInt32 = 0x3B6E
    }

    let requests: [UInt32]
    /// Whether calls that change files are stopped too: their name is "change".
    let stopsChanges: Bool
    /// The names of all calls so far.
    private(set) var calls: [String] = []
    private let judge: (Call) throws -> Verdict
    private var listener: Descriptor?
    private var process: pid_t = 0

    /// - Parameters:
    ///   - stopsRuns: whether KVM_RUN is stopped too; there are many of them.
    ///   - judge: decides about a call. If it throws, the call fails with EPERM.
    init(stopsRuns: Bool = false, judge: @escaping (Call) throws -> Verdict) {
        requests = [Request.irqfd, Request.irqLine, Request.setIRQs] + (stopsRuns ? [Request.run] : [])
        stopsChanges = false
        self.judge = judge
    }

    /// - Parameter judgeOfChanges: decides about a call that changes a file, a folder or a mode, by its number, counted
    ///   from 0.
    init(judgeOfChanges: @escaping (Int) throws -> Verdict) {
        requests = [Request.irqfd]
        stopsChanges = true
        var count = 0
        judge = { call in
            guard call.name == "change" else { return .goOn }
            count += 1
            return try judgeOfChanges(count - 1)
        }
    }

    /// A gate that makes calls with one name fail, `count` times.
    static func refusing(_ name: String, _ errno: Errno, count: Int = .max) -> Gate {
        var left = count
        return Gate { call in
            guard call.name == name, left > 0 else { return .goOn }
            left -= 1
            return .fail(errno)
        }
    }

    /// The descriptor for poll(2) that is readable when a call arrives.
    var readable: CInt? { listener?.rawValue }

    func open(_ listener: CInt, of process: pid_t) throws {
        self.listener = try Descriptor(listener)
        self.process = process
    }

    /// Serves a call that has arrived.
    /// - Parameter isGone: whether the process has ended.
    func serve(isGone: Bool) {
        guard !isGone, let listener else {
            self.listener = nil
            return
        }
        var stopped = cintegration_call()
        guard cintegration_next_call(listener.rawValue, &stopped) == 0 else { return }
        let name = name(of: stopped)
        let call = Call(
            name: name, process: process, descriptor: stopped.descriptor,
            event: name == "KVM_IRQFD" ? CInt(bitPattern: words(of: stopped, 1)[0]) : -1, id: stopped.id,
            listener: listener.rawValue)
        calls.append(call.name)
        var failure: CInt = 0
        do {
            switch try judge(call) {
            case .goOn: break
            case .fail(let errno): failure = errno.rawValue
            case .kill:
                // Otherwise an answer could arrive first.
                Glibc.kill(process, SIGKILL)
                return
            }
        } catch { failure = EPERM }
        // It fails only if the process was killed while it waited.
        _ = cintegration_answer_call(listener.rawValue, stopped.id, failure)
    }

    private func name(of call: cintegration_call) -> String {
        if call.is_change { return "change" }
        switch call.request {
        case Request.irqfd:
            // struct kvm_irqfd: fd, gsi, flags.
            let flags = words(of: call, 3)[2]
            return flags & 1 == 0 ? "KVM_IRQFD" : "KVM_IRQFD off"
        case Request.irqLine: return "KVM_IRQ_LINE"
        case Request.run: return "KVM_RUN"
        default:
            // struct vfio_irq_set: argsz, flags, index, start, count, and the eventfd.
            let words = words(of: call, 5)
            let action = words[1] & 0x20 != 0 ? "trigger" : words[1] & 0x10 != 0 ? "unmask" : "mask"
            guard words[1] & 4 != 0 else { return "SET_IRQS \(action) \(words[4] == 0 ? "off" : "now")" }
            return "SET_IRQS \(action) \(Int32(bitPattern: self.words(of: call, 6)[5]) < 0 ? "off" : "eventfd")"
        }
    }

    private func words(of call: cintegration_call, _ count: Int) -> [UInt32] {
        var words = [UInt32](repeating: 0, count: count)
        _ = cintegration_read_memory(call.thread, call.argument, &words, count * 4)
        return words
    }
}
