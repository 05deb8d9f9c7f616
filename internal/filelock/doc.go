// Package filelock keeps processes that write to the same files out of each
// other's way.
package filelock
