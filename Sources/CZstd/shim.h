// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#pragma once

#include <zstd.h>
#include <zstd_errors.h>
