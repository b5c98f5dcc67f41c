// Package verify checks what is stored of a stream: batches against their manifests, every object byte by byte, control totals and digests against the
// events, retractions against their objects, and that no event counts twice. It changes nothing; package repair does.
package verify
