// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

/// A guest that runs in `martlet run`.
struct Guest {
    let process: MartletProcess
    private let folder: TemporaryFolder

    /// Starts it.
    /// - Parameter reportsTo: the file for the report; a new one by default.
    init(
        _ configuration: GuestConfiguration, _ options: MartletProcess.Options = .init(),
        reportsTo report: String? = nil
    ) throws {
        folder = try TemporaryFolder()
        let report = report ?? "\(folder.path)/report.json"
        process = try MartletProcess(["run", try configuration.write(to: folder), "--report", report], options)
    }

    /// The results of the run.
    struct Result {
        /// The exit status, or 256 + the number of the signal that ended the program.
        let status: Int
        let output: String
        let errors: String
        private let reported: RunReport?

        fileprivate init(status: Int, output: String, errors: String, reported: RunReport?) {
            self.status = status
            self.output = output
            self.errors = errors
            self.reported = reported
        }

        /// The report; the test fails here if there is none.
        var report: RunReport {
            get throws { try #require(reported, "no report\n--- output\n\(output)\n--- errors\n\(errors)") }
        }

        var hasReport: Bool { reported != nil }

        /// The text after "martlet-guest: " in the guest's first line with this start.
        func line(_ start: String) -> String? { lines(start).first }

        func lines(_ start: String) -> [String] {
            output.split(separator: "\n").filter { $0.hasPrefix("martlet-guest: \(start)") }
                .map { String($0.dropFirst("martlet-guest: ".count)) }
        }

        /// The numbers in a line of the guest.
        func numbers(_ start: String) -> [Int] {
            (line(start) ?? "").split { !$0.isNumber }.compactMap { Int($0) }
        }
    }

    /// Waits for the guest's end.
    @discardableResult func finish(patience: Double = MartletProcess.patience) throws -> Result {
        let status = try process.waitForEnd(patience: patience)
        let file = "\(folder.path)/report.json"
        return Result(
            status: status, output: process.output, errors: process.errors,
            reported: Host.exists(file) ? try RunReport(file: file) : nil)
    }

    /// Runs a guest from start to end.
    static func run(
        _ configuration: GuestConfiguration, _ options: MartletProcess.Options = .init(),
        patience: Double = MartletProcess.patience
    ) throws -> Result {
        try Guest(configuration, options).finish(patience: patience)
    }
}

/// Expects that Linux booted, its script succeeded, and it powered off.
func expectPowerOff(_ result: Guest.Result, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(result.status == 0, "\(result.output)\(result.errors)", sourceLocation: sourceLocation)
    #expect(
        result.line("exit status 0") != nil, "the guest's script failed\n\(result.output)\(result.errors)",
        sourceLocation: sourceLocation)
    let exit = try result.report.exit
    #expect(exit.reason == "power-off" && exit.status == 0 && exit.detail == nil, sourceLocation: sourceLocation)
}

/// Expects that a run with each device works: the previous user has given it back.
func expectUsable(_ devices: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
    for device in devices {
        // If the group refuses to open, another process still has it.
        _ = try Descriptor(try HostDevices.groupFile(of: device), O_RDWR)
        let result = try Guest.run(.flat("poweroff", devices: [.init(device)]))
        #expect(result.status == 0, "\(device) after the test: \(result.errors)", sourceLocation: sourceLocation)
        #expect(try result.report.devices.map(\.host) == [device], sourceLocation: sourceLocation)
    }
}

/// Expects that `martlet` refuses `configuration` with `status`: each of `texts` is in its message, and no guest runs.
@discardableResult
func expectRefusal(
    _ configuration: GuestConfiguration, status: Int = 1, _ texts: String..., options: MartletProcess.Options = .init(),
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> String {
    let result = try Guest.run(configuration, options)
    expectRefusal(result, status: status, texts, sourceLocation: sourceLocation)
    return result.errors
}

func expectRefusal(
    _ result: Guest.Result, status: Int, _ texts: [String], sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(result.status == status, "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.errors.hasPrefix("martlet: "), "\(result.errors)", sourceLocation: sourceLocation)
    for text in texts {
        #expect(
            result.errors.contains(text), "\"\(text)\" is not in: \(result.errors)", sourceLocation: sourceLocation)
    }
    #expect(result.output.isEmpty, sourceLocation: sourceLocation)
    #expect(!result.hasReport, sourceLocation: sourceLocation)
}
