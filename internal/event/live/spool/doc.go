// Package spool stores the requests of an open batch on disk; an acknowledgement of live intake relies on it until the batch is sealed. It
// owns the format of these files. It guarantees that what was appended before a successful Sync is read back after a crash, complete and
// in order; that a torn end is never taken for a request; and that damage is not taken for an end: complete requests after it are read,
// and the reader reports it. Only if pages of the last appended group are missing, it cannot know whether Sync returned, and treats them
// as a torn end: a power cut keeps some pages from being written and others not. The package does not know what the requests contain, nor
// which of them are sealed.
//
// A spool is a file of frames. A frame is a prologue and a payload: the first payload is a header (JSON), each other a request (the length
// of its key as one byte, the key, the body). The prologue contains, in little-endian order: "BSP2", the number of the frame in the spool
// (uint32, from 0), the number of the spool (uint64), the length of the payload and its CRC-32C (uint32 each), the number of the first
// frame that is synced with this one (uint32), and the CRC-32C of the prologue so far (uint32). Before a frame is written, zeros fill the
// file up to a multiple of 64 KiB plus one byte, so a file of another size was truncated.
//
// Spools of earlier versions are read, too. Those that begin with "BSPL" lack the number of a first frame; otherwise their prologue is the same, and
// missing pages are always damage. In still older ones the prologue is the length of the payload and a CRC-32C of length and payload (uint32 each),
// and nothing is filled up.
package spool
