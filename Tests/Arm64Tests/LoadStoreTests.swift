// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Arm64
import Testing

@Suite struct LoadStoreTests {
    @Test func `accesses follow the pseudocodes order`() {
        let pair = LoadStore(
            .load(.zero), .vector, elementBytes: 16, register: 3, secondRegister: 1, base: .register(0))

        #expect(
            pair.accesses == [
                .init(offset: 0, bytes: 8, register: 3), .init(offset: 8, bytes: 8, register: 3, isUpperHalf: true),
                .init(offset: 16, bytes: 8, register: 1), .init(offset: 24, bytes: 8, register: 1, isUpperHalf: true),
            ])
        #expect(pair.byteCount == 32)
    }

    @Test func `small pairs are two accesses`() {
        let pair = LoadStore(.store, elementBytes: 4, register: 3, secondRegister: 3, base: .register(0))

        #expect(pair.accesses == [.init(offset: 0, bytes: 4, register: 3), .init(offset: 4, bytes: 4, register: 3)])
    }

    @Test func `prefetch accesses nothing`() {
        let prefetch = LoadStore(.prefetch, elementBytes: 8, register: 0, base: .register(0))

        #expect(prefetch.accesses.isEmpty && prefetch.byteCount == 0)
    }

    @Test(
        arguments: [
            (.offset, 0x0ff0, nil), (.preIndexed, 0x0ff0, 0x0ff0), (.postIndexed, 0x1000, 0x0ff0),
        ] as [(LoadStore.Indexing, UInt64, UInt64?)])
    func `indexing`(_ indexing: LoadStore.Indexing, address: UInt64, newBase: UInt64?) {
        let load = LoadStore(
            .load(.zero), elementBytes: 8, register: 0, base: .register(1), offset: .immediate(-16), indexing: indexing)

        let result = load.address(base: 0x1000)

        #expect(result.address == address && result.newBase == newBase)
    }

    @Test(
        arguments: [
            (.uxtw, 3, 0x1000 + 0xffff_fffe << 3), (.sxtw, 3, 0x1000 - 16), (.uxtx, 0, 0x1234_5678_0000_0ffe),
            (.sxtx, 0, 0x1234_5678_0000_0ffe),
        ] as [(LoadStore.OffsetExtension, UInt8, UInt64)])
    func `offset registers`(_ kind: LoadStore.OffsetExtension, shift: UInt8, address: UInt64) {
        let load = LoadStore(
            .load(.zero), elementBytes: 8, register: 0, base: .register(1), offset: .register(2, kind, shift: shift))
        let index: UInt64 = shift == 0 ? 0x1234_5677_ffff_fffe : 0x1234_5678_ffff_fffe

        #expect(load.address(base: 0x1000, index: index).address == address)
    }

    @Test func `addresses wrap around`() {
        let load = LoadStore(.store, elementBytes: 8, register: 0, base: .register(1), offset: .immediate(16))

        #expect(load.address(base: .max - 7).address == 8)
    }

    @Test(
        arguments: [
            (.zero, 1, 0x80, 0x80), (.signTo32, 1, 0x80, 0xffff_ff80), (.signTo64, 1, 0x80, 0xffff_ffff_ffff_ff80),
            (.signTo32, 2, 0x7fff, 0x7fff), (.signTo32, 2, 0x8001, 0xffff_8001),
            (.signTo64, 2, 0x8001, 0xffff_ffff_ffff_8001), (.signTo64, 4, 0x8000_0000, 0xffff_ffff_8000_0000),
            (.signTo64, 4, 0x7000_0000, 0x7000_0000), (.zero, 8, 0x8000_0000_0000_0000, 0x8000_0000_0000_0000),
        ] as [(LoadStore.Extension, UInt8, UInt64, UInt64)])
    func `extensions`(_ kind: LoadStore.Extension, bytes: UInt8, value: UInt64, expected: UInt64) {
        let load = LoadStore(.load(kind), elementBytes: bytes, register: 0, base: .register(1))

        #expect(load.extended(value) == expected)
    }
}
