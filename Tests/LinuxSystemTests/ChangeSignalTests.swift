// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem
import Synchronization
import Testing

@Suite struct ChangeSignalTests {
    @Test func `a change that came after the count ends the wait at once`() {
        let change = ChangeSignal()
        let count = change.count
        change.signal()
        change.wait(since: count)
        #expect(change.count == count + 1)
    }

    @Test func `a signal wakes all that wait`() throws {
        let change = ChangeSignal()
        let isSet = Atomic<Bool>(false)
        let woken = Atomic<Int>(0)
        let threads = try (0..<4).map { index in
            try SystemThread(name: "waiter\(index)") {
                while true {
                    let count = change.count
                    if isSet.load(ordering: .acquiring) { break }
                    change.wait(since: count)
                }
                woken.wrappingAdd(1, ordering: .relaxed)
            }
        }
        isSet.store(true, ordering: .releasing)
        change.signal()
        for thread in threads { thread.join() }
        #expect(woken.load(ordering: .relaxed) == 4)
    }

    /// Two threads take turns, each waiting for the other: a change that is missed ends this in a hang.
    @Test(.timeLimit(.minutes(5))) func `no change is missed in 20,000 turns`() throws {
        let change = ChangeSignal()
        let turn = Atomic<Int>(0)
        @Sendable func play(_ player: Int) {
            for round in 0..<10_000 {
                while true {
                    let count = change.count
                    if turn.load(ordering: .acquiring) == 2 * round + player { break }
                    change.wait(since: count)
                }
                turn.wrappingAdd(1, ordering: .acquiringAndReleasing)
                change.signal()
            }
        }
        let other = try SystemThread(name: "other") { play(1) }
        play(0)
        other.join()
        #expect(turn.load(ordering: .acquiring) == 20_000)
    }
}
