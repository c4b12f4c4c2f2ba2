// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// Resets a device: when it is opened, when a guest's driver asks for it, and when a guest has ended.
///
/// Ownership: any thread may reset. `turn` is held during a reset, at most `DeviceReset.limitMilliseconds`, so that two
/// resets don't mix; no other lock is held meanwhile. `state` is held only briefly.
final class DeviceResetter: Sendable {
    private struct State {
        /// Why the last reset failed; nil if it didn't.
        var failure: ResetFailure?
        /// How many reset lines the guest has for the device and the nodes below its node.
        var lineCount = 0
        /// How often the guest asserted one of them.
        var assertionCount: UInt64 = 0
        /// Whether a reset that the guest requested has failed: only the first failure is logged.
        var hasFailedForGuest = false
    }

    let method: ResetMethod
    private let device: VFIODevice
    private let system: any SystemCalls
    private let log: Log
    private let now: @Sendable () -> UInt64
    private let turn = Mutex(())
    private let state = Mutex(State())

    /// - Parameter now: a clock in nanoseconds that doesn't go back.
    init(
        _ method: ResetMethod, of device: VFIODevice, system: any SystemCalls, log: Log,
        now: @escaping @Sendable () -> UInt64 = { Clock.monotonicNanoseconds }
    ) {
        self.method = method
        self.device = device
        self.system = system
        self.log = log
        self.now = now
    }

    /// Why the last reset failed; nil if it didn't, and if nothing resets the device.
    var failure: ResetFailure? { state.withLock { $0.failure } }
    var lineCount: Int { state.withLock { $0.lineCount } }
    var assertionCount: UInt64 { state.withLock { $0.assertionCount } }

    /// Resets the device, if it has a reset method.
    func reset() throws(ResetFailure) {
        do throws(ResetFailure) {
            try turn.withLock { _ throws(ResetFailure) in try perform() }
            state.withLock { $0.failure = nil }
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
    }

    private func perform() throws(ResetFailure) {
        switch method {
        case .vfio: do throws(VFIOError) { try device.reset() } catch { throw .vfio(error) }
        case .recipe(_, let steps): try RecipeRun(on: device, system: system, now: now).perform(steps)
        case .steps(let steps):
            try RecipeRun(on: device, system: system, now: now).perform(steps.map(ResetRecipe.Step.step))
        case .none: break
        }
    }

    /// Adds a reset line for the guest.
    /// - Parameter resets: whether an assertion resets the device; the line of a node below the device's own is for a
    ///   part of the device only.
    /// - Returns: the function that an assertion calls on a vCPU's thread. It returns when the reset is done.
    func addLine(resets: Bool) -> @Sendable () -> Void {
        state.withLock { $0.lineCount += 1 }
        return { [self] in
            state.withLock { $0.assertionCount &+= 1 }
            guard resets, method.isThere else { return }
            do throws(ResetFailure) { try reset() } catch {
                let isFirst = state.withLock { state in
                    defer { state.hasFailedForGuest = true }
                    return !state.hasFailedForGuest
                }
                if isFirst {
                    log(
                        .warning,
                        "\(error)\n  the guest has asserted a reset line of the device; later failures aren't told")
                }
            }
        }
    }
}
