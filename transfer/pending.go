package transfer

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// A file has its name only when its content is on the disk, so that a machine that loses power
// never shows a name with half of a file. To wait for the disk after each of many small files takes
// most of the time of a transfer. Complete files therefore wait for each other, and are then
// written at once: file systems with a journal write many files with one transaction.
const (
	maxWaiting      = 64      // files, each of which is open
	maxWaitingBytes = 8 << 20 // of them together
	syncsAtOnce     = 16
)

// A pendingFile is complete and verified, and has not got its name yet.
type pendingFile struct {
	entry int
	file  *os.File
}

// add appends a file that is complete, and stores all that wait if there is enough of it.
func (s *store) add(w *storing) error {
	if len(s.pending) == 0 {
		s.waiting = time.Now()
	}
	s.pending = append(s.pending, pendingFile{w.entry, w.file})
	s.pendingBytes += w.length
	if len(s.pending) < maxWaiting && s.pendingBytes < maxWaitingBytes &&
		time.Since(s.waiting) < s.patience {
		return nil
	}
	return s.flush()
}

// flush writes the files that wait to the disk, and gives them their names. After an error the
// others have none: another attempt finds what there is of them.
func (s *store) flush() error {
	all := s.pending
	s.pending, s.pendingBytes = nil, 0
	if err := s.syncAll(all); err != nil {
		return fileError(err)
	}
	for _, p := range all {
		e := &s.list.entries[p.entry]
		part := s.partName(p.entry)
		if at := e.time(); !at.IsZero() {
			s.root.Chtimes(part, at, at) // a file without its time is no reason to fail
		}
		if err := s.place(part, p.entry); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.log, "%d\n", p.entry); err != nil {
			return fileError(err)
		}
		s.done[p.entry] = true
		if s.stored != nil {
			s.stored(e.name)
		}
	}
	return nil
}

// syncAll writes files to the disk and closes them. It removes one that could not be written: a
// system that has reported the error may show the content, and report none the next time, although
// the disk lacks it. Another attempt would take it as complete.
func (s *store) syncAll(all []pendingFile) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	places := make(chan struct{}, syncsAtOnce)
	for i, p := range all {
		places <- struct{}{}
		wg.Go(func() {
			errs[i] = errors.Join(s.sync(p.file), p.file.Close())
			<-places
		})
	}
	wg.Wait()
	for i, p := range all {
		if errs[i] != nil {
			s.root.Remove(s.partName(p.entry))
		}
	}
	return errors.Join(errs...)
}
