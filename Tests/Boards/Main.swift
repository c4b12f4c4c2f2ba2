// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import Foundation

/// boards FOLDER [--blobs FOLDER] [--details FILE] [--only TEXT]: takes all devices of all boards whose blobs (dtc -@
/// -L) lie below FOLDER through the node generator, and prints a table. Fails if a target is missed.
/// guest-images/boards/run.sh calls it.
@main
struct Boards {
    private struct Options {
        var folder = ""
        /// Gets the guest's trees that differ, for dtc.
        var blobs: String?
        /// Gets a line for each thing that was counted.
        var details: String?
        /// Boards whose names don't contain it are left out.
        var only: String?
    }

    static func main() async throws {
        var options = Options()
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            switch argument {
            case "--blobs": options.blobs = arguments.popFirst()
            case "--details": options.details = arguments.popFirst()
            case "--only": options.only = arguments.popFirst()
            default: options.folder = argument
            }
        }
        let start = ContinuousClock.now
        let tally = try await run(options)
        let duration = (ContinuousClock.now - start).components
        let seconds = Double(duration.seconds) + Double(duration.attoseconds) / 1e18
        for (name, value) in tally.table(seconds: seconds, cpuSeconds: cpuSeconds) {
            print(name + String(repeating: " ", count: max(1, 58 - name.count)) + value)
        }
        if let details = options.details {
            let lines =
                tally.places.map { "\($0.count.rawValue)\t\($0.place)\n" }.sorted()
                + tally.unmet.map { "needs\t\($0)\n" }.sorted()
            try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: details))
        }
        var missed = tally.missedTargets
        // On a machine that has nothing else to do, that is a minute on two cores.
        if cpuSeconds > 120 { missed.append("more than 120 s of CPU time") }
        for target in missed { print("missed: \(target)") }
        exit(missed.isEmpty && tally.boards > 0 ? 0 : 1)
    }

    /// What this process has used so far.
    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func run(_ options: Options) async throws -> Tally {
        let boards = try boards(in: options.folder).filter { name in options.only.map(name.contains) ?? true }
        var total = Tally()
        var written: Set<[UInt8]> = []
        // A board at a time for each CPU: what is in work stays small.
        var next = boards.makeIterator()
        try await withThrowingTaskGroup(of: (Tally, [(device: String, blob: [UInt8])]).self) { group in
            func begin() {
                guard let name = next.next() else { return }
                group.addTask {
                    var trial = Trial(try Board(URL(fileURLWithPath: "\(options.folder)/\(name).dtb"), name: name))
                    trial.run()
                    return (trial.tally, options.blobs == nil ? [] : trial.blobs)
                }
            }
            for _ in 0..<max(1, ProcessInfo.processInfo.activeProcessorCount) { begin() }
            while let (tally, blobs) = try await group.next() {
                begin()
                total.add(tally)
                for (device, blob) in blobs where written.insert(blob).inserted {
                    try write(blob, of: device, number: written.count, to: options.blobs)
                }
            }
        }
        return total
    }

    /// The boards' names, "rockchip/rk3399-rock-pi-4b", sorted.
    private static func boards(in folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".dtb") }
            .map { String($0.dropLast(4)) }.sorted()
    }

    private static func write(_ blob: [UInt8], of device: String, number: Int, to folder: String?) throws {
        guard let folder else { return }
        let name = device.map { $0.isLetter || $0.isNumber || $0 == "-" ? $0 : "_" }.suffix(120)
        try Data(blob).write(to: URL(fileURLWithPath: "\(folder)/\(number)-\(String(name)).dtb"))
    }
}
