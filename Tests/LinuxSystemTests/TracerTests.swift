// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Synchronization
import Testing

@testable import LinuxSystem

struct TracerTests {
    @Test(arguments: [
        ("vfio_platform_eoi", "vfio_platform_eoi", true), ("*", "vfio_platform_eoi", true), ("*", "", true),
        ("vfio_*", "vfio_platform_eoi", true), ("*eoi", "vfio_platform_eoi", true),
        ("*_eoi?", "vfio_platform_eoi", false),
        ("vfio_platform_???", "vfio_platform_eoi", true), ("", "a", false), ("a*b*c", "aXbXbXc", true),
        ("a*b*c", "aXbXbX", false), ("eoi", "vfio_platform_eoi", false), ("*relay*", "vfio_platform_relay_hold", true),
        ("**", "a", true), ("a**", "a", true), ("?", "", false),
    ])
    func `a pattern matches as a glob does`(pattern: String, text: String, isMatch: Bool) {
        #expect(Tracer.matches(Array(pattern.utf8), Array(text.utf8)) == isMatch)
    }

    @Test func `without a pattern there is no tracer`() {
        #expect(Tracer(patterns: []) { _, _ in } == nil)
    }

    @Test func `only what is wanted is formatted and handed on`() throws {
        let lines = Mutex<[String]>([])
        let tracer = try #require(
            Tracer(patterns: ["a_*", "b"]) { name, detail in lines.withLock { $0.append("\(name) \(detail)") } })
        var formatted = 0
        func detail(_ text: String) -> String {
            formatted += 1
            return text
        }
        tracer.trace("a_b", detail("one"))
        tracer.trace("c", detail("two"))
        tracer.trace("b", detail("three"))

        let found = lines.withLock { $0 }
        #expect(formatted == 2)
        #expect(found == ["a_b one", "b three"])
    }
}
