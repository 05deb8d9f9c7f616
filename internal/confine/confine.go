// Package confine takes from a process what it needs no longer: the user that it was started as,
// and the files that it does not use.
package confine

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// An account is a user with groups, in numbers.
type account struct {
	uid, gid int
	groups   []int
}

// lookUp finds a user and a group by name or number. An empty group means those of the user.
func lookUp(name, group string) (a account, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return a, fmt.Errorf("there is no user %q", name)
		}
	}
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return a, err
	}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return a, fmt.Errorf("there is no group %q", group)
			}
		}
		a.gid, err = strconv.Atoi(g.Gid)
		a.groups = []int{a.gid}
		return a, err
	}
	if a.gid, err = strconv.Atoi(u.Gid); err != nil {
		return a, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		ids = []string{u.Gid}
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			a.groups = append(a.groups, n)
		}
	}
	return a, nil
}

// folders returns, for files and folders, folders that exist: a file is replaced by renaming, so
// its folder has to be readable.
func folders(paths []string) (all []string) {
	seen := map[string]bool{}
	for _, p := range paths {
		p, err := filepath.Abs(p)
		if err != nil {
			continue
		}
		if info, err := os.Stat(p); err != nil || !info.IsDir() {
			p = filepath.Dir(p)
		}
		if info, err := os.Stat(p); err == nil && info.IsDir() && !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}
