// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

/// All tests that need an ARM host with KVM. One after the other: they share its devices.
@Suite(
    .serialized, .enabled(if: Host.problem == nil, Comment(rawValue: Host.problem ?? "")), .hostStaysWell,
    .timeLimit(.minutes(5)))
enum Integration {}
