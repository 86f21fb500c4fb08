package command

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// brewParser has a flag of each kind. What is in testdata was printed by
// argparse4j 0.7.0 for the same flags.
func brewParser() *ArgumentParser {
	drink := &FlagGroup{Doc: "exactly one of --tea and --coffee, because a cup holds only one of the two drinks at a time."}
	vessel := &FlagGroup{Title: "Kettle"}
	return &ArgumentParser{
		Program: "brew", Description: "Brews tea or coffee, one cup after the other, until the kettle is empty or somebody stops it.",
		Flags: []Flag{
			{Names: []string{"--cups"}, Metavar: "CUPS", Type: Integer, Required: true, Doc: "how many cups to fill"},
			{Names: []string{"-t", "--temperature"}, Metavar: "DEGREES", Type: Long, Default: "96", Doc: "the temperature of the water, in degrees (well-known: green tea wants less) before it is poured."},
			{Names: []string{"--sugar"}, Doc: "add sugar"},
			{Names: []string{"--spices"}, Metavar: "SPICE", Many: true, Doc: "cardamom, cinnamon and whatever else is at hand in the kitchen right now"},
			{Names: []string{"--strength"}, Metavar: "N", Type: Integer, Choices: []string{"1", "2", "3"}, Default: "2", Doc: "how strong"},
			{Names: []string{"--tea"}, Metavar: "LEAVES", Group: drink, Doc: "brew tea"},
			{Names: []string{"--coffee"}, Metavar: "BEANS", Group: drink, Doc: "brew coffee"},
			{Names: []string{"--kettle"}, Metavar: "NAME", Group: vessel, Doc: "the kettle"},
			{Names: []string{"--pot"}, Metavar: "NAME", Group: vessel, Doc: "the pot"},
		},
	}
}

func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestArgparseHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	for _, test := range []struct {
		args []string
		code int
	}{{nil, 0}, {[]string{"-h"}, 1}, {[]string{"--cups", "1", "--help"}, 1}} {
		var stdout, stderr bytes.Buffer
		given, code := brewParser().Parse(test.args, &stdout, &stderr)
		if given != nil || code != test.code || stderr.Len() > 0 {
			t.Errorf("%q: %v, %d, %q", test.args, given, code, stderr.String())
		}
		if diff := cmp.Diff(golden(t, "argparse_help.txt"), stdout.String()); diff != "" {
			t.Errorf("%q: %s", test.args, diff)
		}
	}
}

func TestArgparseErrors(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	usage, _, _ := strings.Cut(golden(t, "argparse_help.txt"), "\n\n")
	for _, block := range strings.Split(golden(t, "argparse_errors.txt"), "$ brew ")[1:] {
		line, want, _ := strings.Cut(block, "\n")
		var stdout, stderr bytes.Buffer
		given, code := brewParser().Parse(strings.Fields(line), &stdout, &stderr)
		switch {
		case want == "" && stdout.Len() > 0: // asks for help
			want = "\n"
			stderr.WriteString(usage + "\n\n")
		case want == "":
			if given == nil {
				t.Errorf("%q: %s", line, stderr.String())
			}
			continue
		}
		if diff := cmp.Diff(usage+"\n"+want, stderr.String()); diff != "" || code != 1 {
			t.Errorf("%q: %d %s", line, code, diff)
		}
	}
}

func TestArgparseValues(t *testing.T) {
	given, code := brewParser().Parse(strings.Fields("--cup 3 -t5 --spices a b --tea=x=y --pot p --sugar"), os.Stdout, os.Stderr)
	if given == nil {
		t.Fatal(code)
	}
	if given.Int("cups") != 3 || given.Int("temperature") != 5 || given.Value("tea") != "x=y" || given.Value("strength") != "2" {
		t.Errorf("%+v", given)
	}
	if !given.Has("sugar") || given.Has("coffee") || cmp.Diff([]string{"a", "b"}, given.Values("spices")) != "" {
		t.Errorf("%+v", given)
	}
}
