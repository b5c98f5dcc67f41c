// Package intake turns files and received rows into sealed batches: it parses rows, checks them against the schema, sets duplicates aside,
// keeps bad rows in quarantine, sums control totals and writes objects. Segments of rows are prepared in parallel and decided on in order
// of arrival. One catalog transaction seals a batch: a crash before it leaves nothing, a crash after it leaves everything (rules 1 and 3).
// It also retries the quarantine and accepts single rows out of it. The caller must hold the stream exclusively. Of received rows the
// package knows their source only: no requests, keys, queues or spool files.
package intake
