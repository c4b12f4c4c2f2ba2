# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Runs for ever, a line each second.

count=0
while true; do
    echo "martlet-guest: loop $count"
    count=$((count + 1))
    sleep 1
done
