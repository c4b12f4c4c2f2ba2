// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import Glibc
import Testing

@testable import LinuxSystem

/// Programs that are run on the real kernel.
@Suite(.serialized) struct ProgramTests {
    private let kernel = LinuxKernel()

    private func shell(
        _ script: String, limit: Int = 1 << 20, milliseconds: Int = 20_000
    ) throws(Errno) -> ProgramRun {
        try kernel.run("sh", ["-c", script], outputLimit: limit, timeLimitMilliseconds: milliseconds)
    }

    private func error(_ script: String, limit: Int = 1 << 20, milliseconds: Int = 20_000) -> Errno? {
        do throws(Errno) {
            _ = try shell(script, limit: limit, milliseconds: milliseconds)
            return nil
        } catch { return error }
    }

    private var openDescriptors: Set<String> {
        Set(
            ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).filter { name in
                // Pipes only: other tests open and close other things at the same time.
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)"))?.hasPrefix(
                    "pipe:") == true
            })
    }

    @Test func `output, messages and status are taken`() throws {
        let run = try shell("printf 'a\\0b'; echo oops >&2; exit 3")
        #expect(run == ProgramRun(status: 3, output: [0x61, 0, 0x62], messages: "oops\n"))
    }

    @Test func `arguments come as they are, and standard input is empty`() throws {
        let run = try kernel.run("sh", ["-c", "cat; printf '%s|' \"$@\"", "x", "a b", "", "é", "-"], outputLimit: 100)
        #expect(String(decoding: run.output, as: UTF8.self) == "a b||é|-|")
    }

    @Test func `standard input is what is given`() throws {
        let input = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0) })
        #expect(try kernel.run("cat", [], input: input, outputLimit: 1 << 20).output == input)
        // One that doesn't read is not waited for.
        #expect(try kernel.run("true", [], input: input, outputLimit: 1).status == 0)
    }

    @Test func `a signal is told from a status`() throws {
        #expect(try shell("kill -9 $$").status == 256 + SIGKILL)
    }

    @Test func `a program that isn't there is an error`() {
        #expect(throws: Errno.noSuchFileOrDirectory) {
            try kernel.run("martlet-has-no-such-program", [], outputLimit: 100)
        }
    }

    @Test func `much of both kinds doesn't block`() throws {
        let run = try shell(
            "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; "
                + "echo 0123456789012345678901234567890123456789 >&2; i=$((i + 1)); done")
        #expect(run.output.count == 3000 * 41)
        #expect(run.messages.utf8.count == ProgramRun.messageLimit)
    }

    @Test func `more output than is allowed stops it`() {
        #expect(error("yes", limit: 10_000) == .fileTooLarge)
    }

    @Test(arguments: ["sleep 100", "exec >&- 2>&-; sleep 100"])
    func `a program that takes too long is stopped`(script: String) {
        #expect(error(script, milliseconds: 200) == .timedOut)
    }

    @Test func `blocked and ignored signals of this process are not the program's`() throws {
        // As `run` leaves them: SIGPIPE ignored, SIGTERM blocked.
        let before = signal(SIGPIPE, SIG_IGN)
        defer { signal(SIGPIPE, before) }
        var (set, old) = (sigset_t(), sigset_t())
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &set, &old)
        defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
        let text = String(decoding: try shell("grep -E 'Sig(Blk|Ign)' /proc/self/status").output, as: UTF8.self)
        let masks = text.split(separator: "\n").compactMap { UInt64($0.dropFirst("SigBlk:\t".count), radix: 16) }
        // The C library keeps 32 and 33 for itself.
        #expect(masks.map { $0 & 0x7FFF_FFFF } == [0, 0], "\(text)")
    }

    @Test func `neither children nor descriptors are left`() throws {
        let before = openDescriptors
        for _ in 0..<5 {
            _ = try shell("exit 1")
            _ = error("yes", limit: 10)
            _ = error("sleep 100", milliseconds: 20)
            _ = try? kernel.run("martlet-has-no-such-program", [], outputLimit: 10)
        }
        #expect(openDescriptors.subtracting(before).isEmpty)
        for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") {
            let list = (try? String(contentsOfFile: "/proc/self/task/\(task)/children", encoding: .utf8)) ?? ""
            for child in list.split(separator: " ") {
                let state = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ""
                #expect(!state.contains(") Z "), "\(state)")
            }
        }
    }

    @Test func `a program gets no pipe but its two`() throws {
        let held = try Pipe()
        defer { for end in [held.readEnd, held.writeEnd] { close(end) } }
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(held.readEnd)")
        let text = String(decoding: try shell("exec ls -l /proc/self/fd").output, as: UTF8.self)
        // What the test was started with may have more of them.
        #expect(!text.contains(link), "\(text)")
        for number in 1...2 {
            let line = try #require(text.split(separator: "\n").first { $0.contains(" \(number) -> pipe:") })
            let pipe = line.split(separator: " ").last ?? ""
            #expect(text.split(separator: "\n").count { $0.hasSuffix(pipe) } == 1, "\(text)")
        }
    }
}
