// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// One byte, then busy for ever: for stopping a guest that never leaves by itself.

#include "board.inc"
        header
        print   'A'
        b       .
        footer
