// Package dedupe is a stream's dedupe index: which ids the stream has accepted, exactly, for ever or within
// a window of receipt time.
//
// It owns the tables: immutable objects of entries sorted by id, merged in tiers as they grow in number. It
// guarantees that an id is New once and afterwards a Duplicate or a Conflict (rule 1), that a verdict depends on
// the ids and the order of arrival alone and not on how they were cut into segments, tables or merges (rule 6), and
// that the same entries make the same bytes (rule 5). What a lookup or a merge reads of a table was compared with a
// checksum, and a table that is missing, damaged or another than the catalog describes is ErrCorrupt. It works in
// bounded memory: a batch beyond its limit goes to scratch files.
//
// It must not decide what is remembered: the caller records a sealed table in the catalog together with the batch,
// and a table that is not in the catalog does not exist. It knows digests and places, never events.
package dedupe
