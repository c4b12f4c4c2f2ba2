// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#pragma once

#include <zlib.h>

/// inflateInit2 is a macro, which the importer can't read. 15 + 16: the largest window, gzip wrapper only.
static inline int czlib_gunzip_init(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
