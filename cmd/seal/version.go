package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of seal",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.OutOrStdout(), out, readVersion())
		},
	}
}

type versionNote struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	System   string `json:"system"`
}

func (versionNote) event() string { return "version" }

func (v versionNote) text() string {
	text := "seal " + v.Version
	if v.Revision != "" {
		text += " (" + v.Revision
		if v.Modified {
			text += ", changed since"
		}
		text += ")"
	}
	return text + " " + v.Go + " " + v.System
}

// readVersion reads what the linker wrote into the program.
func readVersion() versionNote {
	v := versionNote{Version: "(unknown version)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
