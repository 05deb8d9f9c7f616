package stream

import (
	"io"
	"os"
	"reflect"
)

// fileBehind returns the file that src reads from and nothing but that file, or nil, and its
// limit, if it has one. A type of a program may embed a file and read it in a way of its own. That
// of package os, which io.Copy gives to ReadFrom, does not: it hides the file's WriteTo.
func fileBehind(src io.Reader) (*os.File, *io.LimitedReader) {
	limit, _ := src.(*io.LimitedReader)
	if limit != nil {
		src = limit.R
	}
	if f, ok := src.(*os.File); ok {
		return f, limit
	}
	if v := reflect.ValueOf(src); v.Kind() == reflect.Struct && v.Type().PkgPath() == "os" {
		if field := v.FieldByName("File"); field.IsValid() {
			f, _ := field.Interface().(*os.File)
			return f, limit
		}
	}
	return nil, nil
}

// copyByKernel is ReadFrom of a regular file, from its position on, if the kernel seals already.
// What is left of the file is to be read. The position and the limit move as if it had been read.
func (c *Conn) copyByKernel(src io.Reader) (sent int64, err error) {
	f, limit := fileBehind(src)
	if f == nil {
		return 0, nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, nil // to read it has the error
	}
	offset, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, nil
	}
	count := int64(-1)
	if limit != nil {
		count = max(limit.N, 0)
	}
	c.out.Lock()
	defer c.unlockOut()
	if err := c.writable(); err != nil {
		return 0, err
	}
	if c.out.kernel() == nil {
		return 0, nil
	}
	sent, err = c.sendKernel(f, offset, count)
	if limit != nil {
		limit.N -= sent
	}
	if _, failed := f.Seek(offset+sent, io.SeekStart); err == nil && failed != nil {
		err = c.opError("write", failed)
	}
	return sent, err
}
