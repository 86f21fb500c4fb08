package protocol

import (
	"net"

	"github.com/gregor-broker/gregor/config"
)

// UnknownSoftware is the name and version of a client's software until an
// ApiVersions request tells (KIP-511).
const UnknownSoftware = "unknown"

// Principal is who a connection acts for, as KafkaPrincipal.
type Principal struct {
	Type               string
	Name               string
	TokenAuthenticated bool
}

// Anonymous is the principal of connections without authentication.
var Anonymous = Principal{Type: "User", Name: "ANONYMOUS"}

// String gives Type:Name.
func (p Principal) String() string { return p.Type + ":" + p.Name }

// RequestContext is what a request's handling may need to know of where the
// request came from, as org.apache.kafka.common.requests.RequestContext. It is
// captured when the request is received.
type RequestContext struct {
	Header                 RequestHeader
	ConnectionID           string
	ClientAddress          net.IP
	Principal              Principal
	ListenerName           string
	SecurityProtocol       config.SecurityProtocol
	ClientSoftwareName     string
	ClientSoftwareVersion  string
	FromPrivilegedListener bool
}

// ClientHost gives the client's address in the form that Java's InetAddress
// prints and group members carry: "/1.2.3.4".
func (c *RequestContext) ClientHost() string { return "/" + HostAddress(c.ClientAddress) }

// HostAddress gives an address as InetAddress.getHostAddress: IPv6 in eight
// groups without leading zeros and without "::".
func HostAddress(address net.IP) string {
	if address == nil {
		return ""
	}
	if four := address.To4(); four != nil {
		return four.String()
	}
	return javaIPv6(address)
}

func javaIPv6(address net.IP) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))
	for i := 0; i+1 < len(address); i += 2 {
		if i > 0 {
			text = append(text, ':')
		}
		group := uint16(address[i])<<8 | uint16(address[i+1])
		started := false
		for shift := 12; shift >= 0; shift -= 4 {
			digit := group >> shift & 0xf
			if digit != 0 || started || shift == 0 {
				text = append(text, digits[digit])
				started = true
			}
		}
	}
	return string(text)
}

// ValidSoftware reports whether a client's software name or version is legal,
// which is the pattern [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? (KIP-511).
func ValidSoftware(text string) bool {
	for i := range len(text) {
		c := text[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && (c != '-' && c != '.' || i == 0 || i == len(text)-1) {
			return false
		}
	}
	return text != ""
}
