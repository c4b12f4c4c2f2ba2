// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// paths.S with a handler that reads the interrupt's status first.

        .equ    STATUS_FIRST, 1
#include "paths.S"
