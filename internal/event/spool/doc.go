// Package spool keeps the requests of a batch in the making on disk: what an acknowledgement of live intake stands on until
// the batch is sealed. It owns the format of these files. It guarantees that what was appended before a Sync that returned
// no error is read back after a crash, whole and in order; that a torn end is never taken for a request; and that damage is not
// taken for an end: whole requests behind it are read, and the reader reports it. Only where pages are missing of what was appended
// last it cannot know whether a Sync returned, and takes them for a torn end: a power cut keeps some from being written and others
// not. It must not know what the requests hold, nor which of them are sealed.
//
// A spool is a file of frames. A frame is a prologue and a payload: the first payload is a header (JSON), each other a request (the
// length of its key as one byte, the key, the body). The prologue is, in little-endian order: "BSP2", the number of the frame
// in the spool (uint32, from 0), the number of the spool (uint64), the length of the payload and its CRC-32C (uint32 each), the
// number of the first frame that is synced with this one (uint32), and the CRC-32C of the prologue so far (uint32). Zeros fill the file up to a multiple of 64 KiB and one byte more, always before a
// frame is written there: so a file of another size was truncated.
//
// Spools of earlier versions are read, too. Those that begin with "BSPL" have no number of a first frame; their prologue is else the
// same, and missing pages are always damage. The prologue of those before is the length of the payload and a CRC-32C of length and
// payload (uint32 each), and nothing fills them up.
package spool
