// Package answers stores the answers to requests with an idempotency key for 24 hours, so that a repeated request gets the same answer. They are catalog
// documents, written in the transaction that seals the requests' batch and deleted when that batch is retracted.
package answers
