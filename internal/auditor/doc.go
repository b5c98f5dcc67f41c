// Package auditor holds Bursar against a naive model: seeded projects, files and sequences of commands, and what they
// must come to. It owns the workloads and the model; a case of a seed is the same on every machine and for ever as long
// as the generator is not changed. The model knows DESIGN §6 and §7 and nothing of the product: it parses with the
// standard library, computes in rationals, and must not import a room, or both could be wrong together. Cases meet faults
// of the stores, attempts that come late, and damage to stored files: each must end in an error that names the remedy, or
// come to what the model says.
package auditor
