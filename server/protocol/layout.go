package protocol

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// kind is what a field's bytes look like.
type kind uint8

const (
	fixedKind  kind = iota // size bytes
	stringKind             // int16 or compact length
	bytesKind              // int32 or compact length
	arrayKind              // int32 or compact count, then elements
	structKind
)

// versions is an inclusive range; the zero value with last < first is empty.
type versions struct{ first, last int16 }

func (v versions) contains(version int16) bool { return version >= v.first && version <= v.last }

var (
	allVersions = versions{0, 1<<15 - 1}
	noVersions  = versions{0, -1}
)

// field is one field of a layout. elements are the fields of a structure or of
// an array's structures; an array of simple values has one unnamed element.
type field struct {
	name     string
	tag      int // -1 when not tagged
	kind     kind
	size     int // of fixedKind on the wire
	memory   int // the field's share of the decoded structure
	in       versions
	nullable versions
	simple   bool   // arrayKind: elements are simple values
	value    string // the type of a simple value
	elements []field
	// elementMemory is what kmsg allocates for one element of an array.
	elementMemory int
}

// layout is a parsed layout of one message, cut to a version on demand.
type layout struct {
	fields []field
}

// layouts parses the texts of a layout table when they are first needed. With
// runs, neighbours of fixed size are one field, so that walking skips them at
// once.
type layouts struct {
	texts  map[int16]string
	runs   bool
	parsed [KeyAllocateProducerIds + 1][maxVersions]atomic.Pointer[layout]
}

// maxVersions is more than any API has.
const maxVersions = 16

var requests = &layouts{texts: requestLayouts, runs: true}

// of returns the layout of one version: only the fields it has.
func (l *layouts) of(key, version int16) (*layout, bool) {
	text, ok := l.texts[key]
	if !ok || version < 0 || version >= maxVersions {
		return nil, false
	}
	slot := &l.parsed[key][version]
	if cut := slot.Load(); cut != nil {
		return cut, true
	}
	parser := layoutParser{text: strings.Join(strings.Fields(text), " ")}
	cut := &layout{fields: l.cutTo(parser.fields(0), version)}
	slot.Store(cut)
	return cut, true
}

// cutTo keeps the fields that the version has.
func (l *layouts) cutTo(fields []field, version int16) []field {
	var kept []field
	for _, f := range fields {
		if !f.in.contains(version) {
			continue
		}
		f.elements = l.cutTo(f.elements, version)
		if last := len(kept) - 1; l.runs && last >= 0 && f.kind == fixedKind && f.tag < 0 &&
			kept[last].kind == fixedKind && kept[last].tag < 0 {
			kept[last].size += f.size
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// layoutParser reads the notation of [requestLayouts]. The texts are constants
// of this package; a mistake in one panics in the test that parses them all.
type layoutParser struct {
	text string
	at   int
}

func (p *layoutParser) fields(end byte) []field {
	var fields []field
	for p.at < len(p.text) {
		if p.text[p.at] == end {
			p.at++
			return fields
		}
		if p.text[p.at] == ' ' {
			p.at++
			continue
		}
		fields = append(fields, p.field())
	}
	return fields
}

func (p *layoutParser) field() field {
	f := field{tag: -1, in: allVersions, nullable: noVersions}
	name := p.until(":")
	f.name, _, _ = strings.Cut(name, "#")
	if _, tag, ok := strings.Cut(name, "#"); ok {
		f.tag = number(tag)
	}
	p.at++ // the colon
	p.typeOf(&f)
	if p.accept('@') {
		f.in = versionRange(p.until("? ]}"))
	}
	if p.accept('?') {
		f.nullable = f.in
		if text := p.until(" ]}"); text != "" {
			f.nullable = versionRange(text)
		}
	}
	return f
}

func (p *layoutParser) typeOf(f *field) {
	switch {
	case p.accept('['):
		f.kind, f.memory = arrayKind, 24
		rest := p.text[p.at:]
		if inner, _, _ := strings.Cut(rest, "]"); !strings.ContainsAny(inner, ": [") {
			element := field{tag: -1, in: allVersions, nullable: noVersions}
			element.simpleType(inner)
			f.elements, f.simple = []field{element}, true
			p.at += len(inner) + 1
		} else {
			f.elements = p.fields(']')
		}
		f.elementMemory = structMemory(f.elements, f.simple)
	case p.accept('{'):
		f.kind = structKind
		f.elements = p.fields('}')
		f.memory = structMemory(f.elements, false)
	default:
		f.simpleType(p.until("@? ]}"))
	}
}

// structMemory is the size of the Go structure that kmsg decodes into: all
// fields of all versions and the map of unknown tags.
func structMemory(elements []field, simple bool) int {
	memory := 0
	for i := range elements {
		memory += elements[i].memory
	}
	if simple {
		return memory
	}
	return memory + 16
}

func (f *field) simpleType(name string) {
	f.value = name
	switch name {
	case "string":
		f.kind, f.memory = stringKind, 16
	case "bytes", recordsType:
		f.kind, f.memory = bytesKind, 24
	default:
		size, ok := fixedSizes[name]
		if !ok {
			panic(fmt.Sprintf("protocol: layout names the type %q", name))
		}
		f.kind, f.size, f.memory = fixedKind, size, size
	}
}

// recordsType is the type of bytes that are record batches.
const recordsType = "records"

var fixedSizes = map[string]int{
	"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "int64": 8, "float64": 8, "uuid": 16,
}

func (p *layoutParser) until(stops string) string {
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(stops, rune(p.text[p.at])) {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *layoutParser) accept(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func versionRange(text string) versions {
	if first, ok := strings.CutSuffix(text, "+"); ok {
		return versions{int16(number(first)), allVersions.last}
	}
	first, last, _ := strings.Cut(text, "-")
	return versions{int16(number(first)), int16(number(last))}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("protocol: layout: %v", err))
	}
	return value
}
