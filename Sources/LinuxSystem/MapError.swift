// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Evaluates `body`; the error that it throws becomes what `transform` makes of it.
///
/// An autoclosure has its error type from here, which a closure would have to spell out. `transform` is a case of an
/// error (`MachineError.guestMemory`), or what makes one for a call: `mapError(MachineError.call("mmap"), try …)`.
@inlinable
public func mapError<Result, Old: Error, New: Error>(
    _ transform: (Old) -> New, _ body: @autoclosure () throws(Old) -> Result
) throws(New) -> Result {
    do { return try body() } catch { throw transform(error) }
}
