package qrtr

import "golang.org/x/sys/unix"

const number = unix.AF_QIPCRTR
