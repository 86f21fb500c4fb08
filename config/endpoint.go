package config

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// SecurityProtocol is how a listener is secured; its value is the id that
// brokers register and send, as
// org.apache.kafka.common.security.auth.SecurityProtocol.
type SecurityProtocol int16

// The security protocols.
const (
	Plaintext SecurityProtocol = iota
	SSL
	SASLPlaintext
	SASLSSL
)

var securityProtocolNames = []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

func (p SecurityProtocol) String() string {
	if int(p) < 0 || int(p) >= len(securityProtocolNames) {
		return strconv.Itoa(int(p))
	}
	return securityProtocolNames[p]
}

// UsesSASL reports whether clients authenticate by SASL.
func (p SecurityProtocol) UsesSASL() bool { return p == SASLPlaintext || p == SASLSSL }

// UsesTLS reports whether the connection is encrypted.
func (p SecurityProtocol) UsesTLS() bool { return p == SSL || p == SASLSSL }

// ParseSecurityProtocol gives the protocol of that name, in any case.
func ParseSecurityProtocol(name string) (SecurityProtocol, error) {
	for i, known := range securityProtocolNames {
		if strings.ToUpper(name) == known {
			return SecurityProtocol(i), nil
		}
	}
	return 0, fmt.Errorf("No enum constant org.apache.kafka.common.security.auth.SecurityProtocol.%s", strings.ToUpper(name)) //nolint:staticcheck // Java's sentence
}

// EndPoint is one listener of a broker, as kafka.cluster.EndPoint. An empty
// host binds to all interfaces and advertises the machine's own name.
type EndPoint struct {
	ListenerName     string
	Host             string
	Port             int
	SecurityProtocol SecurityProtocol
}

// ConnectionString gives the listener's form in the settings and in ZooKeeper,
// such as PLAINTEXT://localhost:9092.
func (e EndPoint) ConnectionString() string { return e.ListenerName + "://" + e.Address() }

// Address gives host:port, an IPv6 address in brackets.
func (e EndPoint) Address() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

// String is Scala's rendering of the case class, which messages carry.
func (e EndPoint) String() string {
	host := e.Host
	if host == "" {
		host = "null"
	}
	return fmt.Sprintf("EndPoint(%s,%d,ListenerName(%s),%s)", host, e.Port, e.ListenerName, e.SecurityProtocol)
}

// ListenerPrefix is the prefix of the keys that override a setting for one
// listener, as ListenerName.configPrefix.
func ListenerPrefix(listenerName string) string {
	return "listener.name." + strings.ToLower(listenerName) + "."
}

var endPointPattern = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

func parseEndPoint(text string, protocols map[string]SecurityProtocol) (EndPoint, error) {
	match := endPointPattern.FindStringSubmatch(text)
	if match == nil {
		return EndPoint{}, fmt.Errorf("Unable to parse %s to a broker endpoint", text) //nolint:staticcheck // Kafka's sentence
	}
	port, err := strconv.ParseInt(match[3], 10, 32)
	if err != nil {
		return EndPoint{}, fmt.Errorf("For input string: \"%s\"", match[3]) //nolint:staticcheck // Java's sentence
	}
	name := strings.ToUpper(match[1])
	protocol, ok := protocols[name]
	if !ok {
		return EndPoint{}, fmt.Errorf("No security protocol defined for listener %s", name) //nolint:staticcheck // Kafka's sentence
	}
	return EndPoint{ListenerName: name, Host: match[2], Port: int(port), SecurityProtocol: protocol}, nil
}

// parseEndPoints is CoreUtils.listenerListToEndPoints.
func parseEndPoints(listeners string, protocols map[string]SecurityProtocol, distinctPorts bool) ([]EndPoint, error) {
	var endPoints []EndPoint
	for _, text := range splitCommas(listeners) {
		endPoint, err := parseEndPoint(text, protocols)
		if err != nil {
			return nil, fmt.Errorf("Error creating broker listeners from '%s': %w", listeners, err) //nolint:staticcheck // Kafka's sentence
		}
		endPoints = append(endPoints, endPoint)
	}
	names, ports := map[string]bool{}, map[int]bool{}
	for _, endPoint := range endPoints {
		if names[endPoint.ListenerName] {
			return nil, requirement("Each listener must have a different name, listeners: %s", listeners)
		}
		names[endPoint.ListenerName] = true
	}
	for _, endPoint := range endPoints {
		if distinctPorts && endPoint.Port != 0 && ports[endPoint.Port] {
			return nil, requirement("Each listener must have a different port, listeners: %s", listeners)
		}
		ports[endPoint.Port] = true
	}
	return endPoints, nil
}

// requirement is the error of Scala's require.
func requirement(format string, arguments ...any) error {
	return fmt.Errorf("requirement failed: "+format, arguments...)
}

// splitCommas is CoreUtils.parseCsvList.
func splitCommas(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// parseSecurityProtocolMap reads listener.security.protocol.map.
func parseSecurityProtocolMap(text string) (map[string]SecurityProtocol, error) {
	key := ListenerSecurityProtocolMap.Name
	protocols := map[string]SecurityProtocol{}
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		if strings.TrimSpace(text) == "" {
			break
		}
		colon := strings.LastIndex(part, ":")
		if colon < 0 {
			return nil, fmt.Errorf("Error parsing configuration property '%s': %s is not of the form listener:protocol", key, strings.TrimSpace(part)) //nolint:staticcheck // Kafka's sentence
		}
		name := strings.TrimSpace(part[colon+1:])
		protocol, err := ParseSecurityProtocol(name)
		if err != nil {
			return nil, fmt.Errorf("Invalid security protocol `%s` defined in %s", name, key) //nolint:staticcheck // Kafka's sentence
		}
		protocols[strings.ToUpper(strings.TrimSpace(part[:colon]))] = protocol
	}
	return protocols, nil
}
