package zkserver

import (
	"crypto/sha1"
	"encoding/base64"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Authentication schemes.
const (
	schemeWorld  = "world"
	schemeAuth   = "auth"
	schemeDigest = "digest"
	schemeIP     = "ip"
	schemeSASL   = "sasl"
	schemeX509   = "x509"
	schemeSuper  = "super"
)

// openACL is what most nodes have; snapshots write it as -1.
var openACL = []aclItem{{permAll, authID{schemeWorld, "anyone"}}}

// readOnlyACL is that of /zookeeper/config.
var readOnlyACL = []aclItem{{permRead, authID{schemeWorld, "anyone"}}}

// digestOf computes DigestAuthenticationProvider's id of "user:password".
func digestOf(credentials []byte) string {
	user, _, _ := strings.Cut(string(credentials), ":")
	sum := sha1.Sum(credentials)
	return user + ":" + base64.StdEncoding.EncodeToString(sum[:])
}

// permits says whether an ACL grants one of the permission bits to the holder of
// these ids. An empty ACL grants everything, and so does the super user's id.
func permits(acl []aclItem, perm int32, ids []authID) bool {
	if len(acl) == 0 {
		return true
	}
	for _, id := range ids {
		if id.scheme == schemeSuper {
			return true
		}
	}
	for _, item := range acl {
		if item.perms&perm == 0 {
			continue
		}
		if item.scheme == schemeWorld && item.id == "anyone" {
			return true
		}
		for _, id := range ids {
			if id.scheme == item.scheme && idMatches(id, item.id) {
				return true
			}
		}
	}
	return false
}

func idMatches(id authID, expression string) bool {
	if id.scheme == schemeIP {
		return ipMatches(id.id, expression)
	}
	return id.id == expression
}

func ipMatches(address, expression string) bool {
	prefix, ok := parseIPExpression(expression)
	if !ok {
		return false
	}
	addr, err := netip.ParseAddr(address)
	return err == nil && prefix.Contains(addr.Unmap())
}

// parseIPExpression reads "a.b.c.d" or "a.b.c.d/bits"; only IPv4 has a form in ACLs.
func parseIPExpression(expression string) (netip.Prefix, bool) {
	host, bitsText, hasBits := strings.Cut(expression, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is4() {
		return netip.Prefix{}, false
	}
	bits := 32
	if hasBits {
		if bits, err = strconv.Atoi(bitsText); err != nil || bits < 0 || bits > 32 {
			return netip.Prefix{}, false
		}
	}
	prefix, err := addr.Prefix(bits)
	return prefix, err == nil
}

// fixupACL gives the ACL that a node gets when a client asks for this one:
// without duplicates, "auth" replaced by the client's own ids.
func fixupACL(requested []aclItem, ids []authID) ([]aclItem, error) {
	fixed := make([]aclItem, 0, len(requested))
	add := func(item aclItem) {
		if !slices.Contains(fixed, item) {
			fixed = append(fixed, item)
		}
	}
	for _, item := range requested {
		if item.scheme == schemeAuth {
			found := false
			for _, id := range ids {
				if id.scheme == schemeDigest || id.scheme == schemeSASL || id.scheme == schemeX509 {
					add(aclItem{item.perms, id})
					found = true
				}
			}
			if !found {
				return nil, CodeInvalidACL
			}
			continue
		}
		if !validACLID(item.authID) {
			return nil, CodeInvalidACL
		}
		add(item)
	}
	if len(fixed) == 0 {
		return nil, CodeInvalidACL
	}
	return fixed, nil
}

// kerberosName is the syntax of a SASL id: primary[/instance][@REALM].
var kerberosName = regexp.MustCompile(`^[^/@]+(/[^/@]+)?(@[^/@]+)?$`)

func validACLID(id authID) bool {
	switch id.scheme {
	case schemeWorld:
		return id.id == "anyone"
	case schemeDigest:
		return strings.Count(id.id, ":") == 1 && !strings.HasSuffix(id.id, ":")
	case schemeIP:
		_, ok := parseIPExpression(id.id)
		return ok
	case schemeSASL:
		return kerberosName.MatchString(id.id)
	case schemeX509:
		return id.id != ""
	}
	return false
}

// hiddenDigests is the form in which getACL shows an ACL to who may not administer
// the node: without the digests' hashes.
func hiddenDigests(acl []aclItem) []aclItem {
	shown := slices.Clone(acl)
	for i, item := range shown {
		if item.scheme == schemeDigest {
			user, _, _ := strings.Cut(item.id, ":")
			shown[i].id = user + ":x"
		}
	}
	return shown
}

// aclEntry is an ACL shared by all nodes that have it.
type aclEntry struct {
	// id is the number under which snapshots refer to the ACL.
	id   int64
	acl  []aclItem
	key  string
	uses int
}

// openACLID is the number of openACL in snapshots; it has no entry there.
const openACLID = -1

// aclCache holds each ACL in use once (ReferenceCountedACLCache).
type aclCache struct {
	byKey  map[string]*aclEntry
	lastID int64
	open   *aclEntry
}

func newACLCache() *aclCache {
	c := &aclCache{byKey: map[string]*aclEntry{}}
	key := aclKey(openACL)
	c.open = &aclEntry{id: openACLID, acl: openACL, key: key, uses: 1}
	c.byKey[key] = c.open
	return c
}

func aclKey(acl []aclItem) string {
	var e encoder
	e.acl(acl)
	return string(e.Buf)
}

// acquire gives the entry of an ACL, counting one more user.
func (c *aclCache) acquire(acl []aclItem) *aclEntry {
	key := aclKey(acl)
	entry, ok := c.byKey[key]
	if !ok {
		c.lastID++
		entry = &aclEntry{id: c.lastID, acl: acl, key: key}
		c.byKey[key] = entry
	}
	entry.uses++
	return entry
}

// release takes back one use.
func (c *aclCache) release(entry *aclEntry) {
	entry.uses--
	if entry.uses == 0 {
		delete(c.byKey, entry.key)
	}
}
