package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/authority"
)

// confirm asks on the terminal whether to do something. Without a terminal the answer is
// no. The error is the end of ctx.
func confirm(ctx context.Context, question string) (bool, error) {
	answer, err := interruptibly(ctx, func() (string, error) {
		return ask(question + " (yes or no) ")
	})
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return err == nil && strings.TrimSpace(strings.ToLower(answer)) == "yes", nil
}

// offerFirst offers to create the authority for names where there is none. missing is the
// error of the command otherwise.
func offerFirst(ctx context.Context, out *output, names []string,
	missing error) (*authority.Authority, error) {
	dir, err := authorityDir()
	if err != nil {
		return nil, err
	}
	question := fmt.Sprintf("There is no authority in %s. Create one for local names?", dir)
	p := failed(missing, "there is no authority in %s", dir).hinted("create it: seal ca create")
	allow := namesToAllow(names)
	if len(allow) > 0 {
		question = fmt.Sprintf("There is no authority in %s.\n"+
			"Create one for local names and %s?", dir, shownNames(allow, ", "))
		p.hint = "this creates it, and issues the certificate: " + createAndIssue(names)
	}
	if yes, err := confirm(ctx, question); err != nil {
		return nil, err
	} else if !yes {
		return nil, p
	}
	if err := createAuthority(out, authority.Options{Names: allow}); err != nil {
		return nil, err
	}
	return existingAuthority()
}

// secondFolder is the folder of an authority for public names, below the folder of the user.
func secondFolder(names []string) string { return ".sealsock-" + fileName(names[0]) }

// offerSecond offers to create an authority beside the existing one, which refused to issue
// for public names: the constraints of a root cannot be widened. refused is its error.
func offerSecond(ctx context.Context, out *output, names []string,
	refused error) (*authority.Authority, error) {
	allow := namesToAllow(names)
	home, err := os.UserHomeDir()
	if !isNotPermitted(refused) || len(allow) == 0 || err != nil {
		return nil, notPermitted(refused, names)
	}
	folder := filepath.Join(home, secondFolder(names))
	dir := filepath.Join(folder, "ca")
	question := fmt.Sprintf("The authority may issue for local names only, and not for %s.\n",
		shownNames(allow, ", "))
	if authority.Exists(dir) {
		question += fmt.Sprintf("Use the one in %s?", folder)
	} else {
		question += fmt.Sprintf("Create another one for it in %s?", folder)
	}
	if yes, err := confirm(ctx, question); err != nil {
		return nil, err
	} else if !yes {
		return nil, notPermitted(refused, names)
	}
	ca, err := authority.OpenOrCreate(dir, authority.Options{Names: allow})
	if err != nil {
		return nil, authorityError(dir, err)
	}
	out.print(secondAuthority{created{Dir: dir, Root: ca.RootFile()}, folder})
	return ca, nil
}

// secondAuthority reports the authority that issues for public names.
type secondAuthority struct {
	created
	Home string `json:"home"` // for SEALSOCK_HOME
}

func (s secondAuthority) text() string {
	return "seal: the authority in " + s.Dir + " issues it; its root is " + s.Root +
		"\nother commands use this authority with SEALSOCK_HOME=" + quoted(s.Home)
}

func isNotPermitted(err error) bool { return strings.Contains(err.Error(), "may not issue") }

// notPermitted is the error of a certificate that was not issued. For public names it has
// the commands for an authority beside the existing one.
func notPermitted(err error, names []string) error {
	p := failed(err, "no certificate was issued: %v", err)
	if errors.Is(err, authority.ErrCSR) {
		return p.hinted("a request comes from, for example: openssl req -new -newkey rsa:2048 -nodes " +
			"-keyout own.key -out own.csr -subj /CN=own.local")
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return p.hinted("check the folder %s, and its free space", filepath.Dir(file.Path))
	}
	if !isNotPermitted(err) || len(names) == 0 {
		return p.hinted("seal ca issue --help describes the names and lifetimes")
	}
	return p.hinted("this makes a second authority for it, and the certificate: "+
		"export SEALSOCK_HOME=$HOME/%s; %s", quoted(secondFolder(names)), createAndIssue(names))
}

// createAndIssue are the commands that create an authority for names and issue a certificate.
func createAndIssue(names []string) string {
	allow, all := "", ""
	for _, name := range namesToAllow(names) {
		allow += " --allow " + quoted(name)
	}
	for _, name := range names {
		all += " " + quoted(name)
	}
	return fmt.Sprintf("%s ca create%s && %s ca issue%s", programName(), allow, programName(), all)
}

// namesToAllow returns the domains and addresses for which an authority issues only if they
// are among its names.
func namesToAllow(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		if strings.ContainsAny(name, "@/ ") { // not of a host: an e-mail address, a URI, a person
			return true
		}
		ip, err := netip.ParseAddr(name)
		isIP := err == nil
		for _, local := range authority.LocalNames() {
			network, err := netip.ParsePrefix(local)
			switch {
			case isIP && err == nil && network.Contains(ip):
				return true
			case !isIP && (name == local || strings.HasSuffix(name, "."+local)):
				return true
			}
		}
		return false
	})
}
