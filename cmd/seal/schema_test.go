package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/certificate"
)

const schemaFile = "../../docs/inspect.schema.json"

// A schema is what JSON Schema calls an object.
type schema map[string]any

// A schemaWriter describes Go types, each struct once.
type schemaWriter struct{ definitions schema }

// generalName is the JSON form of certificate.GeneralName.
type generalName struct {
	Kind      string              `json:"kind"`
	Value     string              `json:"value,omitempty"`
	Directory certificate.Name    `json:"directory,omitempty"`
	Type      *certificate.Object `json:"type,omitempty"`
}

// of returns the schema of a type, as package encoding/json writes it.
func (w *schemaWriter) of(t reflect.Type) schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[netip.AddrPort]():
		return schema{"type": "string"}
	case t == reflect.TypeFor[certificate.GeneralName]():
		return w.structOf(reflect.TypeFor[generalName]())
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.of(t.Elem())
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Float64:
		return schema{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return schema{"type": "string", "contentEncoding": "base64"}
		}
		return schema{"type": []string{"array", "null"}, "items": w.of(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": w.of(t.Elem())}
	case reflect.Struct:
		return w.structOf(t)
	}
	if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 {
		return schema{"type": "integer"}
	}
	panic(fmt.Sprintf("%v has no schema", t))
}

func (w *schemaWriter) structOf(t reflect.Type) schema {
	name := t.String()
	if _, known := w.definitions[name]; !known {
		w.definitions[name] = nil // for types that contain themselves
		properties, required := schema{}, []string{}
		w.fields(t, properties, &required)
		slices.Sort(required)
		w.definitions[name] = schema{
			"type": "object", "properties": properties, "required": required, "additionalProperties": false,
		}
	}
	return schema{"$ref": "#/$defs/" + name}
}

// fields adds the fields of a struct, and of those that it embeds.
func (w *schemaWriter) fields(t reflect.Type, properties schema, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			w.fields(f.Type, properties, required)
		case !f.IsExported() || name == "-":
		default:
			if name == "" {
				name = f.Name
			}
			properties[name] = w.of(f.Type)
			if options != "omitempty" {
				*required = append(*required, name)
			}
		}
	}
}

// inspectSchema is the schema of a line that seal inspect --json prints.
func inspectSchema() schema {
	w := &schemaWriter{definitions: schema{}}
	return schema{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "A line of seal inspect --json",
		"description": "A server, a packet capture, or an item of a file. Fields are added over time.",
		"anyOf": []schema{
			w.of(reflect.TypeFor[inspection]()), w.of(reflect.TypeFor[inspectedFile]()),
			w.of(reflect.TypeFor[fileItem]()),
		},
		"$defs": w.definitions,
	}
}

// docs/inspect.schema.json describes what is printed.
func TestSchema(t *testing.T) {
	want, err := json.MarshalIndent(inspectSchema(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil || string(got) != string(want) {
		t.Fatalf("%s is out of date (%v): go test ./cmd/seal -run TestSchema -update", schemaFile, err)
	}
	for text, valid := range map[string]bool{
		`{"address":"a","seconds":1}`:          true,
		`{"address":"a","seconds":"1"}`:        false,
		`{"address":"a"}`:                      false,
		`{"address":"a","seconds":1,"more":1}`: false,
		`{"file":"a","kind":"key"}`:            true,
		`{"file":"a","capture":{"packets":1,"connections":null,"other_connections":0}}`: true,
		`{"file":"a","capture":{"packets":1.5,"connections":[],"other_connections":0}}`: false,
	} {
		if err := conforms(got, []byte(text)); (err == nil) != valid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// conforms reports how a line differs from a schema, for what the schema above uses.
func conforms(schemaText, line []byte) error {
	var s, v map[string]any
	if err := json.Unmarshal(schemaText, &s); err != nil {
		return err
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	c := checker{s["$defs"].(map[string]any)}
	var all []string
	for _, choice := range s["anyOf"].([]any) {
		err := c.check("line", choice.(map[string]any), v)
		if err == nil {
			return nil
		}
		all = append(all, err.Error())
	}
	return fmt.Errorf("%s", strings.Join(all, "; "))
}

// A checker checks values.
type checker struct{ definitions map[string]any }

func (c checker) check(where string, s map[string]any, v any) error {
	if ref, ok := s["$ref"].(string); ok {
		s = c.definitions[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch v := v.(type) {
	case nil:
		return typeIs(where, s, "null")
	case bool:
		return typeIs(where, s, "boolean")
	case string:
		return typeIs(where, s, "string")
	case float64:
		if v == float64(int64(v)) && typeIs(where, s, "integer") == nil {
			return nil
		}
		return typeIs(where, s, "number")
	case []any:
		for _, item := range v {
			if err := c.check(where+"[]", s["items"].(map[string]any), item); err != nil {
				return err
			}
		}
		return typeIs(where, s, "array")
	case map[string]any:
		if err := typeIs(where, s, "object"); err != nil {
			return err
		}
		return c.object(where, s, v)
	}
	return nil
}

func (c checker) object(where string, s, v map[string]any) error {
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s has no %s", where, name)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		of, ok := properties[name].(map[string]any)
		if !ok {
			if of, ok = s["additionalProperties"].(map[string]any); !ok {
				return fmt.Errorf("%s has %s", where, name)
			}
		}
		if err := c.check(where+"."+name, of, v[name]); err != nil {
			return err
		}
	}
	return nil
}

func typeIs(where string, s map[string]any, typ string) error {
	if s["type"] == typ {
		return nil
	}
	if list, ok := s["type"].([]any); ok && slices.Contains(list, any(typ)) {
		return nil
	}
	return fmt.Errorf("%s is of type %s, want %v", where, typ, s["type"])
}
