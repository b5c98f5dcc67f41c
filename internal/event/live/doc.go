// Package live ingests requests of a stream as they arrive. A request is answered when its rows are checked and its body is durable in the spool
// (rule 1). One loop writes the spool and seals the open batch; after an error, or the death of a process, the spool is sealed first. Repeated
// requests with an idempotency key get the first answer. What becomes of rows is decided in package intake; this package must not parse them.
package live
