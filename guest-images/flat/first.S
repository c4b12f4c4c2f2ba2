// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The least that shows life: one byte on the console, then power-off.

#include "board.inc"
        header
        print   'A'
        psci    PSCI_SYSTEM_OFF
        footer
