// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import LinuxSystem
internal import VFIO

/// Performs the steps of a reset on a device's registers, through VFIO and within a time limit.
struct RecipeRun {
    private let device: VFIODevice
    private let system: any SystemCalls
    private let now: @Sendable () -> UInt64
    private let start: UInt64

    /// - Parameter now: a clock in nanoseconds that doesn't go back.
    init(on device: VFIODevice, system: any SystemCalls, now: @escaping @Sendable () -> UInt64) {
        self.device = device
        self.system = system
        self.now = now
        start = now()
    }

    /// - Throws: for the first step that fails; the steps after it aren't performed. If any step is impossible, none is
    ///   performed.
    func perform(_ steps: [ResetRecipe.Step]) throws(ResetFailure) {
        for case .step(let step) in steps { try check(step) }
        for step in steps {
            switch step {
            case .step(let step): try perform(step)
            case .attempt(let step):
                do throws(ResetFailure) { try perform(step) } catch {
                    guard case .timedOut = error else { throw error }
                }
            case .read(let register, let next):
                let text = "read \(register.text)"
                if let problem = register.problem(regions: device.regions, reads: true, writes: false) {
                    throw .noRegister(device: device.host.name, step: text, problem: problem)
                }
                let value = try read(register)
                // Otherwise the following steps would wait for bits that never change.
                if register.width >= 4, value == register.allBits {
                    throw .noAnswer(device: device.host.name, step: text)
                }
                try perform(next(value))
            }
        }
    }

    private func check(_ step: ResetStep) throws(ResetFailure) {
        guard let problem = step.problem(regions: device.regions) else { return }
        throw .noRegister(device: device.host.name, step: step.text, problem: problem)
    }

    private func perform(_ step: ResetStep) throws(ResetFailure) {
        try check(step)
        try checkTime()
        switch step {
        case .write(let register, let value, let mask):
            let rest = mask == register.allBits ? 0 : try read(register) & ~mask
            try write(value & mask | rest, to: register)
        case .set(let register, let mask): try write(try read(register) | mask, to: register)
        case .clear(let register, let mask): try write(try read(register) & ~mask, to: register)
        case .poll(let register, let value, let mask, let milliseconds):
            let begin = now()
            while true {
                let found = try read(register)
                if found & mask == value & mask { return }
                if elapsed(since: begin) >= milliseconds {
                    throw .timedOut(
                        device: device.host.name, step: step.text, milliseconds: milliseconds, value: found)
                }
                try checkTime()
                system.sleep(milliseconds: 1)
            }
        case .delay(let milliseconds):
            let begin = now()
            // A signal ends a sleep.
            while elapsed(since: begin) < milliseconds {
                try checkTime()
                system.sleep(milliseconds: max(milliseconds - elapsed(since: begin), 1))
            }
        }
    }

    /// The time since `begin` in whole milliseconds.
    private func elapsed(since begin: UInt64) -> Int { Int(clamping: (now() &- begin) / 1_000_000) }

    private func checkTime() throws(ResetFailure) {
        guard elapsed(since: start) <= DeviceReset.limitMilliseconds else {
            throw .tooLong(device: device.host.name, milliseconds: DeviceReset.limitMilliseconds)
        }
    }

    private func region(_ register: ResetStep.Register) -> VFIORegion? {
        device.regions.first { $0.index == register.region }
    }

    private func read(_ register: ResetStep.Register) throws(ResetFailure) -> UInt64 {
        guard let region = region(register) else { return 0 }
        do { return try device.read(region, at: register.offset, size: register.width) } catch { throw .vfio(error) }
    }

    private func write(_ value: UInt64, to register: ResetStep.Register) throws(ResetFailure) {
        guard let region = region(register) else { return }
        do { try device.write(value, to: region, at: register.offset, size: register.width) } catch {
            throw .vfio(error)
        }
    }
}
