package admin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAddedConfigs(t *testing.T) {
	for _, test := range []struct {
		text    string
		want    map[string]string
		invalid bool
	}{
		{"a=1,b=2", map[string]string{"a": "1", "b": "2"}, false},
		{"a=[1,2], b = [x=y,z] ,c=", map[string]string{"a": "1,2", "b": "x=y,z", "c": ""}, false},
		{"SCRAM-SHA-256=[iterations=8192,password=secret]", map[string]string{"SCRAM-SHA-256": "iterations=8192,password=secret"}, false},
		{"a=b,", map[string]string{"a": "b"}, false},
		{",", map[string]string{}, false},
		{"", nil, true},
		{"a", nil, true},
		{"a=b=c", nil, true},
	} {
		got, err := parseAddedConfigs(test.text)
		if (err != nil) != test.invalid {
			t.Errorf("%q: %v", test.text, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: %s", test.text, diff)
		}
	}
}

func TestEntitiesPairTypesWithNames(t *testing.T) {
	for _, test := range []struct{ arguments, types, names string }{
		{"--topic t", "topics", "t"},
		{"--entity-type users --entity-name u --entity-type clients --entity-default", "users clients", "u -"},
		{"--entity-default --entity-type users --entity-name c --entity-type clients", "users clients", "- c"},
		{"--user u --client c", "clients users", "c u"},
		{"--client-defaults --user u", "users clients", "u -"},
		{"--entity-type brokers", "brokers", ""},
	} {
		set, err := configOptions.Parse(strings.Fields(test.arguments))
		if err != nil {
			t.Fatal(err)
		}
		entities, err := newConfigEntities(set)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, name := range entities.names {
			if name == defaultEntity {
				name = "-"
			}
			names = append(names, name)
		}
		if strings.Join(entities.types, " ") != test.types || strings.Join(names, " ") != test.names {
			t.Errorf("%s: %v %v", test.arguments, entities.types, names)
		}
	}
}

func TestScramCredentials(t *testing.T) {
	for text, want := range map[string]struct {
		iterations int
		password   string
	}{
		"password=x":                 {4096, "x"},
		"iterations=8192,password=x": {8192, "x"},
		"iterations=-1,password=x":   {4096, "x"},
		"password=a,iterations=5":    {4096, "a,iterations=5"},
	} {
		iterations, password, err := parseScram("SCRAM-SHA-256", text)
		if err != nil || iterations != want.iterations || password != want.password {
			t.Errorf("%s: %d, %q, %v", text, iterations, password, err)
		}
	}
	row, err := scramUpsertion("u", "SCRAM-SHA-512", "password=secret")
	if err != nil || row.Mechanism != 2 || row.Iterations != 4096 || len(row.Salt) == 0 || len(row.SaltedPassword) != 64 {
		t.Errorf("%+v, %v", row, err)
	}
}

// The texts are those of Kafka's tool.
func TestQuotaEntities(t *testing.T) {
	name := func(text string) *string { return &text }
	for _, test := range []struct {
		want     string
		entities []kmsg.DescribeClientQuotasResponseEntryEntity
	}{
		{"user-principal 'u', client-id 'c'", []kmsg.DescribeClientQuotasResponseEntryEntity{{Type: "client-id", Name: name("c")}, {Type: "user", Name: name("u")}}},
		{"user-principal 'u', the default client-id", []kmsg.DescribeClientQuotasResponseEntryEntity{{Type: "user", Name: name("u")}, {Type: "client-id"}}},
		{"the default ip", []kmsg.DescribeClientQuotasResponseEntryEntity{{Type: "ip"}}},
	} {
		if got := quotaEntityText(test.entities); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
