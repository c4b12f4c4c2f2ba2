// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Replaced by the module's first real file.
enum PlatformBusPlaceholder {}
