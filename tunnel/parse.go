package tunnel

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/sealsock/sealsock/internal/printable"
)

// maxConfig bounds a configuration file in bytes.
const maxConfig = 4 << 20

// A Problem is one mistake in a configuration.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 if unknown
	Key          string // as in tunnel[0].backend[1].address; empty for the file as a whole
	Text         string // what is wrong
	Hint         string // what to do; may be empty
}

// String describes the problem in one line.
func (p Problem) String() string {
	at := p.File
	if p.Line > 0 {
		at += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	text := p.Text
	if p.Key != "" {
		text = p.Key + ": " + text
	}
	if at != "" {
		text = at + ": " + text
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return printable.Line(text)
}

// Problems are all mistakes that were found in a configuration, in the order of their lines.
type Problems []Problem

// Error lists the problems, each in a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// Load reads a configuration from a file in TOML and checks it, without opening the files that
// it names. The error is a Problems if the file could be read.
func Load(file string) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, err
	}
	return Parse(file, data)
}

// Parse does what Load does with bytes; file is the name in problems.
func Parse(file string, data []byte) (*Config, error) {
	if len(data) > maxConfig {
		return nil, Problems{{File: file, Text: fmt.Sprintf("it has more than %d bytes", maxConfig)}}
	}
	cfg := new(Config)
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	err := d.Decode(cfg)
	all := problemsOf(file, err)
	readable := len(all) == 0 || isUnknown(err)
	if !readable && all[0].Line > 0 {
		return nil, all
	}
	c := checker{}
	at, empty, bare := positions(data)
	if c.unquoted(bare); !readable && len(c.found) > 0 {
		all, empty = nil, nil // which lacks the position
	} else if !readable {
		return nil, all
	} else {
		c.config(cfg)
	}
	for _, key := range empty {
		c.add(key, "leave the key out, or give it a value", "the value is empty")
	}
	for _, p := range c.found {
		p.File = file
		p.Line, p.Column = at.find(p.Key)
		all = append(all, p)
	}
	if len(all) == 0 {
		return cfg, nil
	}
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return nil, all
}

// isUnknown reports whether the file has keys that do not exist, and is right otherwise.
func isUnknown(err error) bool {
	var unknown *toml.StrictMissingError
	return errors.As(err, &unknown)
}

// problemsOf are the problems in an error of the decoder.
func problemsOf(file string, err error) (all Problems) {
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case err == nil:
	case errors.As(err, &unknown):
		for _, e := range unknown.Errors {
			line, column := e.Position()
			all = append(all, Problem{File: file, Line: line, Column: column,
				Key: strings.Join(e.Key(), "."), Text: "there is no such key", Hint: nearKey(e.Key())})
		}
	case errors.As(err, &wrong):
		line, column := wrong.Position()
		all = Problems{{File: file, Line: line, Column: column, Key: strings.Join(wrong.Key(), "."),
			Text: mistyped(strings.TrimPrefix(wrong.Error(), "toml: "))}}
	default:
		all = Problems{{File: file, Text: strings.TrimPrefix(err.Error(), "toml: ")}}
	}
	return all
}

// kinds has the words for the types of Go that a configuration has.
var kinds = map[string]string{"string": "text in quotes", "[]string": "a list of texts",
	"int": "a number", "int64": "a number", "bool": "true or false", "tunnel.Duration": "a time"}

// mistyped explains a value of the wrong kind in the terms of the file.
func mistyped(text string) string {
	rest, ok := strings.CutPrefix(text, "cannot decode TOML ")
	if !ok {
		return text
	}
	have, want, _ := strings.Cut(rest, " into ")
	kind, known := kinds[want[strings.LastIndex(want, " ")+1:]]
	if !known {
		kind = "a value of another kind"
	}
	return fmt.Sprintf("this is of the kind %s, and needs to be %s", have, kind)
}

// written has, for the types that a configuration has as text, what that means and looks like.
var written = map[reflect.Type][2]string{
	reflect.TypeFor[Duration](): {"a time", `write "30s", "5m" or "1h"`},
	reflect.TypeFor[Amount]():   {"a number of bytes", `write 1500, "64KiB" or "10MB"`},
	reflect.TypeFor[Rate]():     {"a number and a time", `write "10/1m" for ten a minute`},
}

// texts has the keys of these types, without the numbers of elements.
var texts = textKeys(map[string]reflect.Type{}, "", reflect.TypeFor[Config]())

// elements matches the number of an element in a key.
var elements = regexp.MustCompile(`\[\d+\]`)

// textKeys adds the keys of t, and of what it holds, that have a text to found.
func textKeys(found map[string]reflect.Type, name string, t reflect.Type) map[string]reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, is := written[t]; is {
		found[name] = t
	} else if t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			textKeys(found, join(name, key), f.Type)
		}
	}
	return found
}

// unquoted reports values that need to be texts: the decoder takes a whole number for
// nanoseconds where a time belongs, and has no position of the others.
func (k *checker) unquoted(bare []bareValue) {
	for _, v := range bare {
		t := texts[elements.ReplaceAllString(v.key, "")]
		whole := v.kind == unstable.Integer
		if t == nil || whole && t == reflect.TypeFor[Amount]() || whole && v.text == "0" &&
			t == reflect.TypeFor[Duration]() {
			continue
		}
		k.add(v.key, written[t][1], "%s is not %s", v.text, written[t][0])
	}
}

// A position is a line and a column, from 1.
type position struct{ line, column int }

// index has the position of each key, by its full name.
type index map[string]position

// find returns the position of a key, or of what holds it.
func (x index) find(key string) (line, column int) {
	for key != "" {
		if p, ok := x[key]; ok {
			return p.line, p.column
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0, 0
}

// A bareValue is a value that is not in quotes.
type bareValue struct {
	key, text string
	kind      unstable.Kind
}

// positions finds the keys of a document that is valid TOML, which have an empty text for a
// value, and which have a number or a word.
func positions(data []byte) (found index, empty []string, bare []bareValue) {
	x := indexer{found: index{}, counts: map[string]int{}}
	x.parser.Reset(data)
	prefix := ""
	for x.parser.NextExpression() {
		e := x.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			prefix = x.table(e)
		case unstable.KeyValue:
			x.keyValue(prefix, e)
		}
	}
	return x.found, x.empty, x.bare
}

type indexer struct {
	parser unstable.Parser
	found  index
	empty  []string
	bare   []bareValue
	counts map[string]int // elements of each array of tables
}

// table notes a table and returns its full name.
func (x *indexer) table(e *unstable.Node) string {
	name := ""
	for it := e.Key(); it.Next(); {
		part := it.Node()
		name = join(name, string(part.Data))
		last := it.IsLast()
		if last && e.Kind == unstable.ArrayTable {
			x.counts[name]++
		}
		if n := x.counts[name]; n > 0 {
			name += "[" + strconv.Itoa(n-1) + "]"
		}
		if last {
			x.note(name, part)
		}
	}
	return name
}

func (x *indexer) keyValue(prefix string, e *unstable.Node) {
	name := prefix
	for it := e.Key(); it.Next(); {
		name = join(name, string(it.Node().Data))
		x.note(name, it.Node())
	}
	switch v := e.Value(); {
	case v.Kind == unstable.String && len(v.Data) == 0:
		x.empty = append(x.empty, name)
	case v.Kind != unstable.String && len(v.Data) > 0:
		x.bare = append(x.bare, bareValue{name, string(v.Data), v.Kind})
	}
	x.value(name, e.Value())
}

// value notes the keys and elements within a value.
func (x *indexer) value(name string, v *unstable.Node) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			x.keyValue(name, it.Node())
		}
	case unstable.Array:
		for i, it := 0, v.Children(); it.Next(); i++ {
			element := name + "[" + strconv.Itoa(i) + "]"
			x.note(element, it.Node())
			x.value(element, it.Node())
		}
	}
}

func (x *indexer) note(name string, n *unstable.Node) {
	if n.Raw.Length == 0 {
		return
	}
	start := x.parser.Shape(n.Raw).Start
	if _, known := x.found[name]; !known {
		x.found[name] = position{start.Line, start.Column}
	}
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// Marshal returns the configuration in TOML.
func (c *Config) Marshal() ([]byte, error) {
	if c == nil {
		return nil, fmt.Errorf("tunnel: no Config: %w", os.ErrInvalid)
	}
	var b bytes.Buffer
	e := toml.NewEncoder(&b)
	e.SetIndentTables(false)
	err := e.Encode(c)
	return b.Bytes(), err
}
