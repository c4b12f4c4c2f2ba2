// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Handles the requests of one queue for a device. It belongs to the queue's thread, which alone calls it.
protocol RequestHandler: AnyObject, Sendable {
    /// How long the device's limits delay the request, in nanoseconds.
    ///
    /// 0 when it may be handled now; the caller must handle it then.
    func delay(of request: borrowing DescriptorChain) -> UInt64
    /// Handles the request, while the guest waits.
    /// - Returns: how many bytes were written to the request's buffers.
    /// - Throws: `QueueFault` for an invalid request.
    func handle(_ request: inout DescriptorChain) throws(QueueFault) -> UInt32
}
