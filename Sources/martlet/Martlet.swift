// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import ArgumentParser
internal import LinuxSystem
internal import Machine

/// The command line. For the exit status see `ExitStatus`.
@main
struct Martlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "Boots a Linux guest and gives it real platform devices of the host.",
        version: "martlet 0.1.0",
        subcommands: [Run.self, Check.self, DTB.self, Devices.self, Bind.self, Release.self])

    /// The marks of the start-up; the first is set as early as possible.
    static let profile = StartupProfile()

    static func main() {
        profile.mark("runtime")
        do {
            try setUpProcess()
            if let run = RunArguments(CommandLine.arguments) {
                try Run.execute(run.config, logLevel: run.logLevel, report: run.report)
            }
            var command = try parseAsRoot()
            profile.mark("arguments")
            try command.run()
            exit(.success)
        } catch let error as Failure {
            fail(error)
        } catch let end as ExitCode {
            exit(end.rawValue)
        } catch {
            guard exitCode(for: error) == .success else {
                StandardError.writeLast(fullMessage(for: error) + "\n")
                exit(.usage)
            }
            do { try StandardOutput.print(fullMessage(for: error)) } catch let error as Failure { fail(error) } catch {}
            exit(.success)
        }
    }

    /// The steps that must precede every open, start and write.
    private static func setUpProcess() throws {
        do { try CurrentProcess.setUpSignals() } catch {
            throw Failure(.failure, "setting up signals failed: \(error.explained)")
        }
        do { try StandardDescriptors.reserve() } catch {
            throw Failure(.failure, "standard input, output or error: \(error.explained)")
        }
        CurrentProcess.keepDescriptorsFromPrograms()
    }

    /// Not ArgumentParser's exit: it creates a usage text (5 million instructions) before it checks the status.
    private static func exit(_ status: Int32) -> Never {
        StandardError.finish()
        CurrentProcess.exit(status)
    }

    private static func exit(_ status: ExitStatus) -> Never { exit(status.rawValue) }

    private static func fail(_ failure: Failure) -> Never {
        StandardError.writeLast("martlet: \(failure.description)\n")
        exit(failure.status)
    }
}

/// The meanings of the process's exit status; the README has the same table.
enum ExitStatus: Int32, CaseIterable {
    /// The guest powered off, or the command succeeded.
    case success = 0
    /// Something failed on the host.
    case failure = 1
    /// The command line or the configuration is wrong.
    case usage = 2
    /// The guest asked for a reset.
    case reset = 3
    /// The guest crashed, or its VM can't continue.
    case crash = 4
    // 128 + n: ended by signal n; 130 also for Ctrl-A x.
}

/// An error with its exit status, ready to be printed.
struct Failure: Error {
    let status: ExitStatus
    let description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }
}
