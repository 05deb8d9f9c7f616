package can

import "golang.org/x/sys/unix"

const number = unix.AF_CAN
