// Package repair makes what is stored of a stream consistent again: manifests from the catalog, the catalog from manifests, objects from a copy of the
// project. It enters a batch only if its manifest and all its objects match what was sealed, and replaces what is missing for good by an empty batch
// or a retraction without effect, if the caller names it. It must not change what is sealed (rule 3), and may be repeated after a crash.
package repair
