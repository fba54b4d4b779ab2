package valid

import (
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

// trafficPolicy follows validation.go: validateTrafficPolicy.
func (c *Checker) trafficPolicy(parent *path, p *istioapi.TrafficPolicy) {
	if p == nil {
		return
	}
	at := parent.field("trafficPolicy")
	switch {
	case p.GetOutlierDetection() == nil && p.GetConnectionPool() == nil && p.GetLoadBalancer() == nil && p.GetTls() == nil &&
		p.GetPortLevelSettings() == nil && p.GetTunnel() == nil && p.GetProxyProtocol() == nil && p.GetRetryBudget() == nil:
		c.add(&at, "it is empty")
	case p.GetTunnel() != nil && p.GetProxyProtocol() != nil:
		c.add(&at, "tunnel and proxyProtocol can't be combined")
	}
	c.outliers(&at, p.GetOutlierDetection())
	c.connectionPool(&at, p.GetConnectionPool())
	c.loadBalancer(&at, p.GetLoadBalancer())
	c.tls(&at, p.GetTls())
	c.portLevelSettings(&at, p.GetPortLevelSettings())
	c.tunnel(&at, p.GetTunnel())
	c.retryBudget(&at, p.GetRetryBudget())
	if p.GetProxyProtocol() != nil {
		here := at.field("proxyProtocol")
		if v := p.GetProxyProtocol().GetVersion(); v != istioapi.TrafficPolicy_ProxyProtocol_V1 && v != istioapi.TrafficPolicy_ProxyProtocol_V2 {
			c.add(&here, "%d is not a version of it", v)
		}
	}
}

// portLevelSettings follows validation.go: validatePortTrafficPolicies.
func (c *Checker) portLevelSettings(at *path, list []*istioapi.TrafficPolicy_PortTrafficPolicy) {
	const most = 4096
	if len(list) > most {
		here := at.field("portLevelSettings")
		c.addSchema(&here, "there are %d, but only %d are allowed", len(list), most)
	}
	for i, p := range list {
		here := at.at("portLevelSettings", i)
		if p == nil {
			c.add(&here, "it must not be null")
			continue
		}
		if p.GetPort() == nil {
			c.add(&here, "there is no port")
		}
		if p.GetOutlierDetection() == nil && p.GetConnectionPool() == nil && p.GetLoadBalancer() == nil && p.GetTls() == nil {
			c.add(&here, "it is empty")
		}
		c.outliers(&here, p.GetOutlierDetection())
		c.connectionPool(&here, p.GetConnectionPool())
		c.loadBalancer(&here, p.GetLoadBalancer())
		c.tls(&here, p.GetTls())
	}
}

// tunnel follows validation.go: validateTunnelSettings.
func (c *Checker) tunnel(at *path, t *istioapi.TrafficPolicy_TunnelSettings) {
	if t == nil {
		return
	}
	here := at.field("tunnel")
	switch t.GetProtocol() {
	case "", "CONNECT", "POST":
	default:
		c.add(&here, "%q is neither CONNECT nor POST", t.GetProtocol())
	}
	if why := badFQDN(t.GetTargetHost()); why != "" && !isIP(t.GetTargetHost()) {
		field := here.field("targetHost")
		c.add(&field, "%s", why)
	}
	field := here.field("targetPort")
	c.port(&field, t.GetTargetPort())
}

// retryBudget checks rules that only the schema has.
func (c *Checker) retryBudget(at *path, b *istioapi.TrafficPolicy_RetryBudget) {
	if b.GetPercent() == nil {
		return
	}
	budget := at.field("retryBudget")
	here := budget.field("percent")
	if v := b.GetPercent().GetValue(); v < 0 || v > 100 {
		c.addSchema(&here, "%v is not between 0 and 100", v)
	}
	c.finite(&here, b.GetPercent().GetValue())
}

// outliers follows validation.go: validateOutlierDetection.
func (c *Checker) outliers(at *path, o *istioapi.OutlierDetection) {
	if o == nil {
		return
	}
	here := at.field("outlierDetection")
	c.optionalDuration(&here, "baseEjectionTime", o.GetBaseEjectionTime())
	c.optionalDuration(&here, "interval", o.GetInterval())
	if !o.GetSplitExternalLocalOriginErrors() && o.GetConsecutiveLocalOriginFailures().GetValue() > 0 {
		c.add(&here, "consecutiveLocalOriginFailures needs splitExternalLocalOriginErrors")
	}
	for _, f := range [...]struct {
		name  string
		value int32
	}{{"maxEjectionPercent", o.GetMaxEjectionPercent()}, {"minHealthPercent", o.GetMinHealthPercent()}} {
		if f.value < 0 || f.value > 100 {
			field := here.field(f.name)
			c.add(&field, "%d is not between 0 and 100", f.value)
		}
	}
	for i, code := range o.GetOutlierDetectionHttpErrorCodes() {
		if code < 100 || code > 599 {
			field := here.at("outlierDetectionHttpErrorCodes", i)
			c.addSchema(&field, "%d is not an HTTP status", code)
		}
	}
}

// connectionPool follows validation.go: validateConnectionPool.
func (c *Checker) connectionPool(at *path, p *istioapi.ConnectionPoolSettings) {
	if p == nil {
		return
	}
	here := at.field("connectionPool")
	if p.GetHttp() == nil && p.GetTcp() == nil {
		c.add(&here, "it is empty")
	}
	if h := p.GetHttp(); h != nil {
		field := here.field("http")
		c.httpPool(&field, h)
	}
	if t := p.GetTcp(); t != nil {
		field := here.field("tcp")
		c.tcpPool(&field, t)
	}
}

func (c *Checker) httpPool(at *path, h *istioapi.ConnectionPoolSettings_HTTPSettings) {
	for _, f := range [...]struct {
		name  string
		value int32
	}{
		{"http1MaxPendingRequests", h.GetHttp1MaxPendingRequests()},
		{"http2MaxRequests", h.GetHttp2MaxRequests()},
		{"maxRequestsPerConnection", h.GetMaxRequestsPerConnection()},
		{"maxRetries", h.GetMaxRetries()},
		{"maxConcurrentStreams", h.GetMaxConcurrentStreams()},
	} {
		c.notNegative(at, f.name, f.value)
	}
	c.optionalDuration(at, "idleTimeout", h.GetIdleTimeout())
	if h.GetH2UpgradePolicy() == istioapi.ConnectionPoolSettings_HTTPSettings_UPGRADE && h.GetUseClientProtocol() {
		c.add(at, "useClientProtocol and h2UpgradePolicy UPGRADE can't be combined")
	}
	c.enum(at, "h2UpgradePolicy", h.GetH2UpgradePolicy())
	if k := h.GetHttp2KeepAlive(); k != nil {
		here := at.field("http2KeepAlive")
		if k.GetInterval() == nil || k.GetTimeout() == nil {
			c.add(&here, "it needs interval and timeout")
		}
		c.optionalDuration(&here, "interval", k.GetInterval())
		c.optionalDuration(&here, "timeout", k.GetTimeout())
	}
}

func (c *Checker) tcpPool(at *path, t *istioapi.ConnectionPoolSettings_TCPSettings) {
	c.notNegative(at, "maxConnections", t.GetMaxConnections())
	c.optionalDuration(at, "connectTimeout", t.GetConnectTimeout())
	c.optionalDuration(at, "maxConnectionDuration", t.GetMaxConnectionDuration())
	// No value, or less than 1ms, means that there is no timeout.
	if t.GetIdleTimeout().AsDuration().Milliseconds() != 0 {
		c.optionalDuration(at, "idleTimeout", t.GetIdleTimeout())
	}
	keepalive := at.field("tcpKeepalive")
	c.optionalDuration(&keepalive, "time", t.GetTcpKeepalive().GetTime())
	c.optionalDuration(&keepalive, "interval", t.GetTcpKeepalive().GetInterval())
}

func (c *Checker) notNegative(at *path, field string, value int32) {
	if value < 0 {
		here := at.field(field)
		c.add(&here, "%d is less than 0", value)
	}
}

// tls follows pkg/config/validation/agent: ValidateTLS.
func (c *Checker) tls(parent *path, t *istioapi.ClientTLSSettings) {
	if t == nil {
		return
	}
	at := parent.field("tls")
	c.enum(&at, "mode", t.GetMode())
	c.configMap(&at, t.GetCredentialName())
	simple, mutual := t.GetMode() == istioapi.ClientTLSSettings_SIMPLE, t.GetMode() == istioapi.ClientTLSSettings_MUTUAL
	if t.GetInsecureSkipVerify().GetValue() && (simple || mutual) &&
		(t.GetCaCertificates() != "" || t.GetSubjectAltNames() != nil || (simple && t.GetCredentialName() != "")) {
		c.add(&at, "insecureSkipVerify and names to verify can't be combined")
	}
	if (simple || mutual) && t.GetCredentialName() != "" {
		if t.GetClientCertificate() != "" || t.GetCaCertificates() != "" || t.GetPrivateKey() != "" || t.GetCaCrl() != "" {
			c.add(&at, "credentialName and files can't be combined")
		}
		return
	}
	if mutual && (t.GetClientCertificate() == "" || t.GetPrivateKey() == "") {
		c.add(&at, "mode MUTUAL needs clientCertificate and privateKey")
	}
}

// configMap follows pilot/pkg/model/credentials: ParseResourceName, for ConfigMaps,
// which must be of the rule's own namespace.
func (c *Checker) configMap(at *path, name string) {
	rest, ok := strings.CutPrefix(name, "configmap://")
	if !ok {
		return
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 2 || parts[1] == "" || parts[0] == "" || parts[0] != c.namespace {
		here := at.field("credentialName")
		c.add(&here, "it is not a ConfigMap of namespace %s", c.namespace)
	}
}
