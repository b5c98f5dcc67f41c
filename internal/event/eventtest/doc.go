// Package eventtest gives the tests of the packages under event a stream with its stores, and short ways to ingest, retract and verify. It is for
// tests only.
package eventtest
