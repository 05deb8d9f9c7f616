package main

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// A guard is a job that holds the programs of --exec, and what they start. The system ends
// all of them when the last handle of the job is closed, which this process has: at the
// latest with its own end, however it ends. What a program starts before add is not in the job.
type guard struct{ job windows.Handle }

func startGuard() (*guard, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, err
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return nil, err
	}
	return &guard{job}, nil
}

// add puts a program into the job. One that has ended, or that may not be put there, is left
// as it is.
func (g *guard) add(process int) {
	const access = windows.PROCESS_SET_QUOTA | windows.PROCESS_TERMINATE
	handle, err := windows.OpenProcess(access, false, uint32(process))
	if err != nil {
		return
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	_ = windows.AssignProcessToJobObject(g.job, handle)
}

// remove does nothing: a program that has ended leaves the job.
func (*guard) remove(int) {}

// close ends the programs that are left.
func (g *guard) close() { _ = windows.CloseHandle(g.job) }
