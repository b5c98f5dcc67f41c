// Package dedupe is a stream's dedupe index: which ids the stream has accepted, exactly, forever or within a window of receipt time.
//
// It owns the tables: immutable objects of entries sorted by id, merged in tiers as their number grows. It guarantees that an id is New once and
// afterwards a Duplicate or a Conflict (rule 1), that a verdict depends only on the ids and their order of arrival and not on how they were
// divided into segments, tables or merges (rule 6), and that the same entries make the same bytes (rule 5). Whatever a lookup or a merge reads
// of a table is checked against a checksum; a table that is missing, damaged or not the one in the catalog is ErrCorrupt. Memory is bounded: a
// batch beyond its limit goes to scratch files.
//
// It does not decide what counts: the caller records a sealed table in the catalog together with the batch, and a table that is not in the catalog does
// not exist. The package knows digests and places, never events.
package dedupe
