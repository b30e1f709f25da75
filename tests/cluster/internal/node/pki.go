package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A cluster lives for days; its certificates must not be what ends it.
const certificateDays = 365

// clients are the identities by the name of their kubeconfig. Node and
// components have the names and groups that Kubernetes' own roles expect.
var clients = map[string]pkix.Name{
	"admin":                   {CommonName: "admin", Organization: []string{"system:masters"}},
	"coredns":                 {CommonName: "coredns", Organization: []string{"system:masters"}},
	"kube-controller-manager": {CommonName: "system:kube-controller-manager"},
	"kube-proxy":              {CommonName: "system:kube-proxy"},
	"kube-scheduler":          {CommonName: "system:kube-scheduler"},
	"kubelet":                 {CommonName: "system:node:" + Name, Organization: []string{"system:nodes"}},
	"volumes":                 {CommonName: "volumes", Organization: []string{"system:masters"}},
}

// authority signs every certificate of one cluster.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// writePKI makes a new authority with all that it signs, and the key that
// signs the tokens of service accounts.
func writePKI() error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	apiNames := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"}
	if err := ca.issue("kube-apiserver", pkix.Name{CommonName: "kube-apiserver"}, apiNames, NodeIP, apiService, "127.0.0.1"); err != nil {
		return err
	}
	if err := ca.issue("kubelet", pkix.Name{CommonName: "kubelet"}, []string{Name}, NodeIP); err != nil {
		return err
	}
	if err := ca.issue("apiserver-to-kubelet", pkix.Name{CommonName: "kube-apiserver", Organization: []string{"system:masters"}}, nil); err != nil {
		return err
	}
	for name, subject := range clients {
		if err := ca.issue("client-"+name, subject, nil); err != nil {
			return err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writeKey("service-accounts", key)
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate(pkix.Name{CommonName: "vessel-cluster"})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage |= x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if err := writeKey("ca", key); err != nil {
		return nil, err
	}
	return &authority{parsed, key}, writePEM(pkiPath("ca.crt"), "CERTIFICATE", der)
}

// issue writes {file}.crt and {file}.key.
func (ca *authority) issue(file string, subject pkix.Name, names []string, addresses ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := certificate(subject)
	template.DNSNames = names
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return err
	}
	if err := writeKey(file, key); err != nil {
		return err
	}
	return writePEM(pkiPath(file+".crt"), "CERTIFICATE", der)
}

func certificate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      subject,
		NotBefore:    now.Add(-time.Hour), // a clock that is set back
		NotAfter:     now.AddDate(0, 0, certificateDays),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(pkiPath(file+".key"), "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func pkiPath(file string) string { return filepath.Join(State, "pki", file) }
