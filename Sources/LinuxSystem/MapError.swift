// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Evaluates `body`, and passes an error that it throws through `transform`.
///
/// An autoclosure takes its error type from this signature; a closure would have to spell it out. `transform` is a case
/// of an error (`MachineError.guestMemory`), or creates one for a call: `mapError(MachineError.call("mmap"), try …)`.
@inlinable
public func mapError<Result, Old: Error, New: Error>(
    _ transform: (Old) -> New, _ body: @autoclosure () throws(Old) -> Result
) throws(New) -> Result {
    do { return try body() } catch { throw transform(error) }
}
