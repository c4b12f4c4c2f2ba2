// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A number as "0x1f".
package func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }
