package config

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// fact is a line of the files in testdata: what Kafka 3.1.0 says of a setting.
type fact struct {
	name, kind, value, valid, importance, updateMode, sensitive, extra string
}

func facts(t *testing.T, path string) []fact {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var facts []fact
	for _, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n")[1:] {
		columns := strings.Split(line, "\t")
		if len(columns) != 8 {
			t.Fatalf("%d columns: %q", len(columns), line)
		}
		facts = append(facts, fact{columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7]})
	}
	return facts
}

func defaultIn(fact fact) (string, bool) {
	switch {
	case fact.value == "null":
		return "", false
	case fact.value == "(empty)":
		return "", true
	}
	value, _, _ := strings.Cut(fact.value, " (") // TLSv1.3 (TLSv1.2 on Java 8)
	return value, true
}

func checkRow(t *testing.T, def *Def, fact fact) *Row {
	t.Helper()
	row := def.Row(fact.name)
	if row == nil {
		t.Errorf("%s is not in the table", fact.name)
		return nil
	}
	importance := []string{"high", "medium", "low"}[row.Importance]
	if kind := strings.ToLower(row.Type.String()); kind != fact.kind || importance != fact.importance {
		t.Errorf("%s is %s of importance %s, not %s, %s", fact.name, kind, importance, fact.kind, fact.importance)
	}
	if value, ok := defaultIn(fact); value != row.Default || ok != row.HasDefault {
		t.Errorf("%s defaults to %q (%v), not %s", fact.name, row.Default, row.HasDefault, fact.value)
	}
	if (row.Type == Password) != (fact.sensitive == "y") {
		t.Errorf("%s: sensitive is %s", fact.name, fact.sensitive)
	}
	if (row.Validator != nil) != (fact.valid != "") {
		t.Errorf("%s: valid values are %q, the validator is %v", fact.name, fact.valid, row.Validator)
	}
	if low, ok := strings.CutPrefix(fact.valid, ">= "); ok && !strings.Contains(low, " ") {
		if got := row.Validator.String(); got != "["+low+",...]" {
			t.Errorf("%s: valid values are %s, not at least %s", fact.name, got, low)
		}
	}
	if row.Doc == "" || !strings.HasSuffix(row.Doc, ".") {
		t.Errorf("%s: documentation %q", fact.name, row.Doc)
	}
	return row
}

func TestBrokerTableEqualsTheFacts(t *testing.T) {
	facts := facts(t, "testdata/broker-configs.tsv")
	for _, fact := range facts {
		row := checkRow(t, BrokerDef, fact)
		if row == nil {
			continue
		}
		if mode := []string{"read-only", "per-broker", "cluster-wide"}[row.Scope]; mode != fact.updateMode {
			t.Errorf("%s is %s, not %s", fact.name, mode, fact.updateMode)
		}
	}
	if len(facts) != len(BrokerDef.Rows()) {
		t.Errorf("%d settings, not %d", len(BrokerDef.Rows()), len(facts))
	}
}

func TestTopicTableEqualsTheFacts(t *testing.T) {
	facts := facts(t, "testdata/topic-configs.tsv")
	for _, fact := range facts {
		row := checkRow(t, TopicDef, fact)
		if row == nil {
			continue
		}
		server := row.ServerDefault
		if server != fact.extra {
			t.Errorf("%s has the broker's default %q, not %q", fact.name, server, fact.extra)
		}
		if broker := BrokerDef.Row(server); server != "" && broker == nil {
			t.Errorf("%s names %s, which is no setting of a broker", fact.name, server)
		}
	}
	if len(facts) != len(TopicDef.Rows()) {
		t.Errorf("%d settings, not %d", len(TopicDef.Rows()), len(facts))
	}
}

func TestDefaultsAndFallbacksAreValid(t *testing.T) {
	for _, def := range []*Def{BrokerDef, TopicDef} {
		for _, row := range def.Rows() {
			if _, err := row.defaultValue(); err != nil {
				t.Errorf("%s: its default is refused: %v", row.Name, err)
			}
			for _, fallback := range row.Fallbacks {
				if def.Row(fallback) == nil {
					t.Errorf("%s falls back to %s, which is no setting", row.Name, fallback)
				}
			}
		}
	}
}

func TestDynamicSettingsOfKafka(t *testing.T) {
	var dynamicPasswords []string
	for _, row := range BrokerDef.Rows() {
		if row.IsDynamic() && row.Type == Password {
			dynamicPasswords = append(dynamicPasswords, row.Name)
		}
	}
	slices.Sort(dynamicPasswords)
	want := []string{
		"sasl.jaas.config", "ssl.key.password", "ssl.keystore.certificate.chain", "ssl.keystore.key",
		"ssl.keystore.password", "ssl.truststore.certificates", "ssl.truststore.password",
	}
	if !slices.Equal(dynamicPasswords, want) {
		t.Errorf("passwords that change at run time: %v", dynamicPasswords)
	}
	for _, name := range securitySettings {
		if row := BrokerDef.Row(name); row == nil || row.Scope != PerBroker {
			t.Errorf("%s is not a per-broker setting", name)
		}
	}
}
