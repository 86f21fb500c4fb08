package zkserver

import "strings"

// validPath applies the rules that ZooKeeper's PathUtils has for the path of a node.
func validPath(path string) bool {
	if path == "/" {
		return true
	}
	if path == "" || path[0] != '/' || path[len(path)-1] == '/' {
		return false
	}
	start := 1
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if component := path[start:i]; component == "" || component == "." || component == ".." {
			return false
		}
		start = i + 1
	}
	for _, r := range path {
		if forbiddenRune(r) {
			return false
		}
	}
	return true
}

// forbiddenRune also covers U+FFFD, which bad UTF-8 reads as, and everything
// outside the basic plane: UTF-16 writes that with surrogates.
func forbiddenRune(r rune) bool {
	return r <= 0x1f || r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0
}

// splitPath cuts a path into its parent and the last component. The parent of
// "/a" is "", which stands for the root.
func splitPath(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}

// usablePath says whether a path can be looked at at all: it has a parent and no NUL.
func usablePath(path string) bool {
	return strings.IndexByte(path, '/') >= 0 && strings.IndexByte(path, 0) < 0
}
