package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/internal/printable"
)

// badFlag explains an error of the flag parser. The request for help is no error.
func badFlag(cmd *cobra.Command, err error) error {
	if errors.Is(err, errHelpAll) {
		return pflag.ErrHelp
	}
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var malformed *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &empty):
		name := "--" + empty.GetFlag().Name
		value, _ := pflag.UnquoteUsage(empty.GetFlag())
		return usage("%s needs a value", name).hinted("as in %s %s", name, strings.ToUpper(value))
	case errors.As(err, &invalid):
		return invalidValue(invalid)
	case errors.As(err, &malformed):
		return usage("%q is not a flag", printable.Line(malformed.GetSpecifiedFlag())).
			hinted("%s --help-all lists the flags", cmd.CommandPath())
	}
	return usage("%v", err).hinted("%s --help-all lists the flags", cmd.CommandPath())
}

// refuseEmpty refuses flags and arguments that are empty, as a variable of the shell that is
// not set: a listener with --psk-file "$KEYS" would otherwise serve clients without a key. A shell
// that asks for completions has an empty word where the user has not written one yet.
func refuseEmpty(cmd *cobra.Command, args []string) error {
	var err error
	if slices.Contains(args, "") && cmd.Name() != cobra.ShellCompRequestCmd {
		err = usage("an argument of %s is empty", cmd.CommandPath()).
			hinted("give a value; a variable of the shell may not be set")
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.Type() == "string" && f.Value.String() == ""
		if list, ok := f.Value.(pflag.SliceValue); ok {
			empty = slices.Contains(list.GetSlice(), "")
		}
		if empty && err == nil {
			err = usage("the value of --%s is empty", f.Name).
				hinted("give a value, or leave out --%s; a variable of the shell may not be set", f.Name)
		}
	})
	return err
}

// unknownFlag names the flag that was probably meant.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	name := "--" + err.GetSpecifiedName()
	if short := err.GetSpecifiedShortnames(); short != "" {
		name = "-" + short
	}
	p := usage("%s has no flag %s", cmd.CommandPath(), printable.Line(name)).
		hinted("%s --help-all lists the flags", cmd.CommandPath())
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest(strings.TrimLeft(name, "-"), names); near != "" {
		p.hint = "did you mean --" + near + "?"
	}
	return p
}

// invalidValue names the kind of value that the flag takes, with an example.
func invalidValue(err *pflag.InvalidValueError) error {
	flag, value := "--"+err.GetFlag().Name, printable.Line(err.GetValue())
	switch err.GetFlag().Value.Type() {
	case "bool":
		return usage("%s takes no value, but %q was given", flag, value).
			hinted("%s alone enables it", flag)
	case "duration":
		example := 10 * time.Second
		return usage("%s %q is not a time", flag, value).hinted("as in %s %v", flag, example)
	case "int", "uint32":
		if _, numeric := errors.AsType[*strconv.NumError](err); numeric &&
			strings.Trim(value, "0123456789") == "" && value != "" {
			return usage("%s %s is too large", flag, value).hinted("give a smaller number")
		}
		return usage("%s %q is not a whole number", flag, value).
			hinted("use only digits, as in %s 10", flag)
	}
	return usage("%s %q: %v", flag, value, errors.Unwrap(err)).hinted("correct the value")
}

// nearest returns the name that differs least from a mistyped one, or "" if all differ in
// more than a third of their letters. A name that begins with the typed one is near too.
func nearest(typed string, names []string) string {
	best, least := "", len(typed)
	for _, name := range names {
		d := distance(typed, name)
		if len(typed) > 2 && strings.HasPrefix(name, typed) {
			d = 1
		}
		if d < least && d <= max(1, max(len(typed), len(name))/3) {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove, replace, or swap with the next
// one, to make one text of the other.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
				continue
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], 1+rows[i-2][j-2])
			}
		}
	}
	return rows[len(a)][len(b)]
}
