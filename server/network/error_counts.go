package network

import (
	"reflect"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// errorCounts counts error codes of one response, as
// AbstractResponse.errorCounts.
type errorCounts struct {
	none   int64
	others map[int16]int64
}

func (e *errorCounts) add(code int16, n int64) {
	if code == 0 {
		e.none += n
		return
	}
	if e.others == nil {
		e.others = map[int16]int64{}
	}
	e.others[code] += n
}

func (e *errorCounts) each(do func(code int16, n int64)) {
	if e.none > 0 {
		do(0, e.none)
	}
	for code, n := range e.others {
		do(code, n)
	}
}

// addResponse counts every error code of a response, wherever it is.
func (e *errorCounts) addResponse(response kmsg.Response) {
	value := reflect.ValueOf(response).Elem()
	e.count(value, errorFieldsOf(value.Type()))
}

func (e *errorCounts) count(structure reflect.Value, fields *errorFields) {
	if fields.code >= 0 {
		e.add(int16(structure.Field(fields.code).Int()), 1)
	}
	for _, nested := range fields.nested {
		elements := structure.Field(nested.index)
		for i := range elements.Len() {
			e.count(elements.Index(i), nested.fields)
		}
	}
}

// errorFields tells where a structure of a response has error codes.
type errorFields struct {
	code   int // index of the field ErrorCode, or -1
	nested []nestedErrorFields
}

type nestedErrorFields struct {
	index  int
	fields *errorFields
}

var errorFieldsByType sync.Map // of reflect.Type to *errorFields

func errorFieldsOf(structure reflect.Type) *errorFields {
	if known, ok := errorFieldsByType.Load(structure); ok {
		return known.(*errorFields)
	}
	fields := &errorFields{code: -1}
	for i := range structure.NumField() {
		field := structure.Field(i)
		switch {
		case field.Name == "ErrorCode" && field.Type.Kind() == reflect.Int16:
			fields.code = i
		case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			if nested := errorFieldsOf(field.Type.Elem()); nested.code >= 0 || len(nested.nested) > 0 {
				fields.nested = append(fields.nested, nestedErrorFields{i, nested})
			}
		}
	}
	errorFieldsByType.Store(structure, fields)
	return fields
}
