// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import LinuxSystem

/// Restricts a machine to the configured CPUs: each vCPU's thread to one of them, all other threads to all of them.
///
/// A thread inherits its CPUs from the thread that starts it (sched_setaffinity(2)).
struct CPUPlacement: Sendable {
    private let cpus: CPUList
    private let system: any SystemCalls

    /// Moves the calling thread, and the threads that it starts later, to `cpus`.
    /// - Throws: `MachineError.cpuMissing`, `.cpuOffline`, `.cpuNotAllowed`, `.affinity`: the kernel would silently
    ///   ignore such a CPU.
    init(_ cpus: CPUList, sysfs: Sysfs) throws(MachineError) {
        self.cpus = cpus
        system = sysfs.system
        for number in cpus.numbers {
            do { try system.setAffinity([number]) } catch {
                throw error == .invalidArgument
                    ? Self.reason(against: number, sysfs) : .affinity(cpus: "\(number)", errno: error)
            }
        }
        try moveToAll()
    }

    /// Runs `body`, which starts the thread of a vCPU, on that vCPU's CPU.
    func onCPU(ofVCPU index: Int, _ body: () throws(MachineError) -> Void) throws(MachineError) {
        // The configuration has checked that there are enough CPUs.
        let number = cpus.numbers[index % cpus.numbers.count]
        do { try system.setAffinity([number]) } catch { throw .affinity(cpus: "\(number)", errno: error) }
        try body()
        try moveToAll()
    }

    private func moveToAll() throws(MachineError) {
        do { try system.setAffinity(cpus.numbers) } catch { throw .affinity(cpus: "\(cpus)", errno: error) }
    }

    /// Why the kernel doesn't allow this process to use a CPU.
    private static func reason(against number: Int, _ sysfs: Sysfs) -> MachineError {
        // A file that can't be read excludes nothing.
        func list(_ name: String) -> CPUList? {
            (try? sysfs.text("devices/system/cpu/\(name)")).flatMap { CPUList($0) }
        }
        if let present = list("present"), !present.numbers.contains(number) {
            return .cpuMissing(number, possible: "\(present)")
        }
        if let online = list("online"), !online.numbers.contains(number) { return .cpuOffline(number) }
        return .cpuNotAllowed(number)
    }

    /// Lists of the host's CPUs, one for each kind, by their MIDR_EL1; empty when it can't be read.
    static func kinds(_ sysfs: Sysfs) -> [String] {
        guard let online = (try? sysfs.text("devices/system/cpu/online")).flatMap({ CPUList($0) }) else { return [] }
        var kinds: [(name: String, numbers: [Int])] = []
        for number in online.numbers {
            guard let name = try? sysfs.text("devices/system/cpu/cpu\(number)/regs/identification/midr_el1") else {
                return []
            }
            if let index = kinds.firstIndex(where: { $0.name == name }) {
                kinds[index].numbers.append(number)
            } else {
                kinds.append((name, [number]))
            }
        }
        return kinds.compactMap { CPUList($0.numbers)?.description }
    }
}
