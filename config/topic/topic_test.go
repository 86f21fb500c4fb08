package topic

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 250)
	for name, want := range map[string]string{
		"quickstart-events": "", "A.b_c-9": "", "...": "", strings.Repeat("a", 249): "", ConsumerOffsets: "",
		"":          "Topic name is illegal, it can't be empty",
		".":         `Topic name cannot be "." or ".."`,
		"..":        `Topic name cannot be "." or ".."`,
		long:        "Topic name is illegal, it can't be longer than 249 characters, Topic name: " + long,
		"a b":       `Topic name "a b" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`,
		"caf\u00e9": `Topic name "café" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`,
		"a\n":       "Topic name \"a\n\" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'",
	} {
		got := ""
		if err := Validate(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.20q:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestCollisions(t *testing.T) {
	if !HasCollision("a.b", "a_b") || HasCollision("a.b", "a-b") || HasCollision("ab", "a.b") {
		t.Error("collisions")
	}
	if !IsInternal(ConsumerOffsets) || !IsInternal(TransactionState) || IsInternal("__other") {
		t.Error("internal topics")
	}
	if got := (Partition{"a-b", 3}).String(); got != "a-b-3" {
		t.Error(got)
	}
}

func TestIDs(t *testing.T) {
	for range 200 {
		id := NewID()
		text := id.String()
		again, err := ParseID(text)
		if err != nil || again != id || id.IsZero() || len(text) != 22 || text[0] == '-' {
			t.Fatalf("%s, %v", text, err)
		}
	}
	for _, text := range []string{"", "AAAA", "not base64!", strings.Repeat("A", 23), strings.Repeat("A", 40)} {
		if id, err := ParseID(text); err == nil {
			t.Errorf("%q is %v", text, id)
		}
	}
	if id, err := ParseID(strings.Repeat("A", 22)); err != nil || !id.IsZero() {
		t.Errorf("%v, %v", id, err)
	}
}
