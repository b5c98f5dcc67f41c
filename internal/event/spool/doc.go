// Package spool keeps the requests of a batch in the making on disk: what an acknowledgement of live intake stands on until
// the batch is sealed. It owns the format of these files. It guarantees that what was appended before a Sync that returned
// no error is read back after a crash, whole and in order, and that a torn end is never taken for a request. It must
// not know what the requests hold, nor which of them are sealed.
//
// A spool is a file of frames. A frame is the length of its payload and a CRC-32C of length and payload, as little-endian
// uint32, then the payload: the first is a header (JSON), each other a request (the length of its key as one byte, the
// key, the body).
package spool
