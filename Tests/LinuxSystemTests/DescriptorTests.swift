// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct EventDescriptorTests {
    @Test func `signals add up until they are taken`() throws {
        let event = try EventDescriptor(of: LinuxKernel())
        #expect(event.take() == 0)
        event.signal()
        event.signal()
        event.signal()
        #expect(event.take() == 3)
        #expect(event.take() == 0)
    }

    @Test func `a full counter neither blocks nor forgets`() throws {
        let event = try EventDescriptor(of: LinuxKernel())
        var most = UInt64.max - 1
        #expect(write(event.rawValue, &most, 8) == 8)
        event.signal()
        #expect(event.take() == most)
    }

    @Test func `is not inherited by other programs`() throws {
        let event = try EventDescriptor(of: LinuxKernel())
        #expect(fcntl(event.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        #expect(fcntl(event.rawValue, F_GETFL) & O_NONBLOCK != 0)
    }
}

@Suite struct TimerDescriptorTests {
    private func isReadable(_ timer: TimerDescriptor, withinMilliseconds limit: CInt) -> Bool {
        var poll = pollfd(fd: timer.rawValue, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, limit) == 1
    }

    @Test func `expires once and is taken once`() throws {
        let timer = try TimerDescriptor()
        #expect(!timer.take())
        timer.arm(nanoseconds: 1_000_000)
        #expect(isReadable(timer, withinMilliseconds: 10_000))
        #expect(timer.take())
        #expect(!timer.take())
        #expect(!isReadable(timer, withinMilliseconds: 20))
    }

    @Test func `zero means at once`() throws {
        let timer = try TimerDescriptor()
        timer.arm(nanoseconds: 0)
        #expect(isReadable(timer, withinMilliseconds: 10_000))
    }

    @Test func `a disarmed timer does not expire`() throws {
        let timer = try TimerDescriptor()
        timer.arm(nanoseconds: 5_000_000)
        timer.disarm()
        #expect(!isReadable(timer, withinMilliseconds: 50))
        #expect(!timer.take())
    }

    @Test func `arming again replaces the expiry`() throws {
        let timer = try TimerDescriptor()
        timer.arm(nanoseconds: 3_600_000_000_000)
        timer.arm(nanoseconds: 1_000_000)
        #expect(isReadable(timer, withinMilliseconds: 10_000))
    }

    @Test func `a time beyond the kernels range does not fire`() throws {
        let timer = try TimerDescriptor()
        timer.arm(nanoseconds: .max)
        #expect(!isReadable(timer, withinMilliseconds: 20))
    }
}

/// On threads of their own: a signal that is blocked stays so.
@Suite struct SignalDescriptorTests {
    @Test func `takes a signal that was sent to its thread`() throws {
        let taken = Mutex<[CInt?]>([])
        let thread = try SystemThread(name: "signals") {
            guard let signals = try? SignalDescriptor(signals: [SIGUSR1, SIGUSR2]) else { return }
            let before = signals.take()
            raise(SIGUSR2)
            raise(SIGUSR1)
            let both = [signals.take(), signals.take()]
            taken.withLock { $0 = [before] + both + [signals.take()] }
        }
        thread.join()
        let all = taken.withLock { $0 }
        #expect(all == [nil, SIGUSR1, SIGUSR2, nil])
    }

    @Test func `threads that are started later block the signals too`() throws {
        let blocked = Mutex<[CInt]>([])
        let thread = try SystemThread(name: "signals") {
            // The test's own thread may have blocked more.
            var none = sigset_t()
            sigemptyset(&none)
            pthread_sigmask(SIG_SETMASK, &none, nil)
            guard let signals = try? SignalDescriptor(signals: [SIGUSR1]) else { return }
            let child = try? SystemThread(name: "child") {
                var mask = sigset_t()
                pthread_sigmask(SIG_BLOCK, nil, &mask)
                let found = [SIGUSR1, SIGUSR2].filter { sigismember(&mask, $0) == 1 }
                blocked.withLock { $0 = found }
            }
            child?.join()
            withExtendedLifetime(signals) {}
        }
        thread.join()
        #expect(blocked.withLock { $0 } == [SIGUSR1])
    }
}
