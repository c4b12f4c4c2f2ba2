// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Devices
import Glibc
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing

@testable import Console

/// The console's input, and the loop that reads it.
struct ConsoleTests {
    private struct SilentLine: InterruptLine {
        let spi = SPI(rawValue: 0)
        func setLevel(_ high: Bool) {}
        func pulse() {}
    }
    private struct NoOutput: SerialOutput { func transmit(_ byte: UInt8) {} }

    /// A console with a loop of its own that runs.
    private final class Running: Sendable {
        let failures = CallLog<GuestConsole.Failure>()
        let quits = Atomic<Int>(0)
        let hasEnded = Atomic<Bool>(false)
        private let loop: EventLoop
        private let console: GuestConsole
        private let output: DescriptorPair
        private let thread = Mutex<SystemThread?>(nil)

        init(input: CInt, system: any SystemCalls = LinuxKernel()) throws {
            output = try DescriptorPair.pipe()
            loop = try EventLoop(of: system)
            let failures = failures
            console = try GuestConsole(input: input, outputDescriptor: output.console) { failures.note($0) }
            let port = NS16550A(line: SilentLine(), output: NoOutput())
            try console.connect(to: loop, receive: { port.receive($0) }) { [weak self] command in
                if command == .quit { self?.quits.wrappingAdd(1, ordering: .relaxed) }
            }
            let thread = try SystemThread(name: "loop") { [self] in
                try? loop.run()
                hasEnded.store(true, ordering: .releasing)
            }
            self.thread.withLock { $0 = thread }
        }

        /// Whether it hears that it is to stop.
        func stops() -> Bool {
            loop.stop()
            return waits(5000) { hasEnded.load(ordering: .acquiring) }
        }

        func join() {
            thread.withLock { $0 }?.join()
            console.disconnect()
        }
    }

    /// Two monitors that a script has started share its standard input: the bytes go to one of them, and both stay
    /// alive.
    @Test func `two consoles on one input both go on`() throws {
        let input = try DescriptorPair.pipe()
        var hanging = 0
        for _ in 0..<20 where hanging == 0 {
            let consoles = [try Running(input: input.user), try Running(input: input.user)]
            for _ in 0..<50 {
                #expect(write(input.console, "a", 1) == 1)
                usleep(500)
            }
            hanging = consoles.count { !$0.stops() }
            // Frees whoever hangs in read(2), so that the test ends.
            while consoles.contains(where: { !$0.hasEnded.load(ordering: .acquiring) }) {
                _ = write(input.console, "a", 1)
                usleep(2000)
            }
            for console in consoles { console.join() }
        }
        #expect(hanging == 0, "an event loop hangs in read(2), and hears no signal")
        #expect(fcntl(input.user, F_GETFL) & O_NONBLOCK == 0, "the flags are those of other processes, too")
    }

    @Test func `the keys that quit are read from a pipe and from a file`() throws {
        let pipe = try DescriptorPair.pipe()
        let file = try #require(tmpfile())
        defer { fclose(file) }
        #expect(write(fileno(file), "\u{1}x", 2) == 2)
        #expect(lseek(fileno(file), 0, SEEK_SET) == 0)
        for input in [pipe.user, fileno(file)] {
            let console = try Running(input: input)
            if input == pipe.user { #expect(write(pipe.console, "\u{1}x", 2) == 2) }
            #expect(waits(5000) { console.quits.load(ordering: .relaxed) == 1 })
            #expect(console.stops())
            console.join()
            #expect(console.failures.calls == [])
        }
    }

    /// The user's limit on watches (/proc/sys/fs/epoll/max_user_watches): the input isn't taken for a file that is
    /// always ready.
    @Test func `an input that can't be watched is reported once, and not read`() throws {
        let input = try DescriptorPair.pipe()
        let kernel = FakeKernel()
        kernel.withState { state in
            let watches = Mutex(0)
            // The loop's own, then the console's two.
            state.beforeCall = { call in
                guard call == "epoll_ctl" else { return nil }
                return watches.withLock { count in
                    count += 1
                    return count > 3 ? .noSpace : nil
                }
            }
        }
        let console = try Running(input: input.user, system: kernel)
        #expect(waits(5000) { console.failures.calls.count == 1 })
        #expect(write(input.console, "\u{1}x", 2) == 2)
        usleep(50_000)
        #expect(console.failures.calls == [.input(.noSpace)])
        #expect(console.quits.load(ordering: .relaxed) == 0)
        #expect(console.stops())
        console.join()
    }
}
