// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

struct NearestKeyTests {
    static let known = ["host", "sysfsdev", "no_mmap", "irqfd", "mmap_timeout_ms", "guest_address"]

    @Test(arguments: [
        ("hots", "host"), ("Host", "host"), ("nommap", "no_mmap"), ("no-mmap", "no_mmap"), ("sysfs_dev", "sysfsdev"),
        ("mmap-timeout", "mmap_timeout_ms"), ("guestaddress", "guest_address"), ("irq_fd", "irqfd"),
    ])
    func `near`(unknown: String, expected: String) {
        #expect(NearestKey.of(unknown, among: Self.known) == expected)
    }

    @Test(arguments: [
        "", "x", "gsi", "hoax", "nommu_x", "kernel_image_path", "ab", String(repeating: "a", count: 10_000),
    ])
    func `far`(unknown: String) {
        #expect(NearestKey.of(unknown, among: Self.known) == nil)
    }

    @Test func `the nearest wins, then the first`() {
        #expect(NearestKey.of("abcdefx", among: ["abcdxxx", "abcdefg", "abcdefh"]) == "abcdefg")
    }
}
