// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@Suite struct BootTests {
    @Test func ok() { #expect(1 + 1 == 2) }
    @Test(.disabled("not here")) func skipped() { #expect(1 + 1 == 3) }
    @Test(arguments: [1, 2, 3]) func many(_ n: Int) { #expect(n < 3) }
}
@Suite struct GICv2Tests {
    @Test func boots() { #expect(1 + 1 == 2) }
}
