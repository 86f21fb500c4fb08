package session

import (
	"fmt"
	"strings"
)

// PathError says why something cannot be a node's path, in the words of ZooKeeper's
// PathUtils.
type PathError string

func (e PathError) Error() string { return string(e) }

// ValidatePath refuses what cannot be a node's path.
func ValidatePath(path string) error {
	switch {
	case path == "":
		return PathError("Path length must be > 0")
	case path[0] != '/':
		return PathError("Path must start with / character")
	case path == "/":
		return nil
	case strings.HasSuffix(path, "/"):
		return PathError("Path must not end with / character")
	}
	reason := ""
	for i, r := range path {
		component, _, _ := strings.Cut(path[i+1:], "/")
		switch {
		case r == 0:
			reason = fmt.Sprintf("null character not allowed @%d", i)
		case r == '/' && component == "":
			reason = fmt.Sprintf("empty node name specified @%d", i+1)
		case r == '/' && (component == "." || component == ".."):
			reason = fmt.Sprintf("relative paths not allowed @%d", i+len(component))
		case r <= 0x1f || r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0:
			reason = fmt.Sprintf("invalid character @%d", i)
		default:
			continue
		}
		return PathError(fmt.Sprintf("Invalid path string %q caused by %s", path, reason))
	}
	return nil
}
