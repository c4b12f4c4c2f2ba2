// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import FoundationEssentials
import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// A standard error that nobody reads: the monitor hears its signals all the same.
    @Suite struct NobodyReadsTests {
        /// A FIFO that is full, and that has a reader who doesn't read.
        private final class FullFIFO {
            let path: String
            private let descriptor: Descriptor

            init(in folder: TemporaryFolder) throws {
                path = "\(folder.path)/errors"
                try #require(mkfifo(path, 0o600) == 0)
                descriptor = try Descriptor(path, O_RDWR | O_NONBLOCK)
                let dots = [UInt8](repeating: 0x2E, count: 65536)
                while clinux_write(descriptor.rawValue, dots, dots.count) > 0 {}
                while clinux_write(descriptor.rawValue, dots, 1) > 0 {}
            }
        }

        /// Standard error of `run` is the FIFO.
        private func start(_ fifo: FullFIFO, _ folder: TemporaryFolder, report: String) throws -> MartletProcess {
            let file = try GuestConfiguration.flat("hole").write(to: folder)
            return try MartletProcess(
                ["-c", "exec \(Host.martlet) run \(file) --report \(report) 2> \(fifo.path)"], program: "/bin/sh")
        }

        /// One load from where nothing is makes a line of the log.
        @Test(arguments: [(SIGTERM, 143), (SIGINT, 130), (SIGHUP, 129)])
        func `signal ends guest whose log nobody reads`(number: CInt, status: Int) throws {
            let folder = try TemporaryFolder()
            let fifo = try FullFIFO(in: folder)
            let report = "\(folder.path)/report.json"
            let process = try start(fifo, folder, report: report)
            try process.waitForOutput("A")

            // SIGUSR1's answer doesn't keep the loop either.
            process.signal(SIGUSR1)
            process.read(seconds: 0.3)
            let start = Clock.monotonicNanoseconds
            process.signal(number)

            #expect(try process.waitForEnd(patience: 30) == status)
            // The lines that are left are waited for for a second. The host is an emulated one.
            let elapsed = Double(Clock.monotonicNanoseconds - start) / 1e9
            #expect((1...10).contains(elapsed), "\(elapsed) s")
            #expect(try RunReport(file: report).exit.reason == "signal \(number)")
        }

        /// SIGUSR1 while there is no machine yet is answered when there is one.
        @Test func `state that is asked for too early is shown later`() throws {
            let folder = try TemporaryFolder()
            let fifo = "\(folder.path)/config"
            try #require(mkfifo(fifo, 0o600) == 0)
            let configuration = try GuestConfiguration.flat("spin").write(to: folder)
            let process = try MartletProcess(["run", fifo])
            do {
                // Opens once Martlet has.
                let writer = try Descriptor(fifo, O_WRONLY)
                process.signal(SIGUSR1)
                process.read(seconds: 0.3)
                #expect(process.isRunning)
                let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: configuration)))
                #expect(clinux_write(writer.rawValue, bytes, bytes.count) == bytes.count)
            }
            try process.waitForOutput("A")
            process.signal(SIGTERM)
            #expect(try process.waitForEnd() == 143, "\(process.errors)")
        }
    }
}
