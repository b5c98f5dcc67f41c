// Package ids is what a stream knows of the ids of its events: how rows are digested, and the stream's dedupe index, which it opens, compacts, rebuilds
// from the sealed batches (rule 9) and verifies. The format of the index is in package dedupe, and the key of its digests in package identity. It also
// finds what is retracted and when events were accepted, since both decide whether an id counts. It must not know where rows come from.
package ids
