package chart_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	sigsyaml "sigs.k8s.io/yaml"
)

// setting is a value, and where it shows: in the JSON of an object, or of all that have a kind.
type setting struct {
	value any
	also  string // values that have to be set for it to mean something
	in    string // Kind/name, "settings" or "defaults"; with "!" before it: that is not there
	shows string
}

// pod are the settings that every component has.
func pod(component, in string) map[string]setting {
	return map[string]setting{
		component + ".resources.requests.cpu":        {value: "77m", in: in, shows: `"cpu":"77m"`},
		component + ".resources.requests.memory":     {value: "77Mi", in: in, shows: `"memory":"77Mi"`},
		component + ".resources.limits.memory":       {value: "777Mi", in: in, shows: `"memory":"777Mi"`},
		component + ".podLabels":                     {value: values{"team": "media"}, in: in, shows: `"team":"media"`},
		component + ".podAnnotations":                {value: values{"note": "here"}, in: in, shows: `"note":"here"`},
		component + ".podSecurityContext.runAsUser":  {value: 1001, in: in, shows: `"runAsUser":1001`},
		component + ".podSecurityContext.runAsGroup": {value: 1002, in: in, shows: `"runAsGroup":1002`},
		component + ".podSecurityContext.fsGroup":    {value: 1003, in: in, shows: `"fsGroup":1003`},
		component + ".nodeSelector":                  {value: values{"disk": "fast"}, in: in, shows: `"nodeSelector":{"disk":"fast"}`},
		component + ".tolerations":                   {value: []any{values{"key": "media"}}, in: in, shows: `"tolerations":[{"key":"media"}]`},
		component + ".affinity":                      {value: values{"podAffinity": values{}}, in: in, shows: `"affinity":{"podAffinity":{}}`},
		component + ".priorityClassName":             {value: "high", in: in, shows: `"priorityClassName":"high"`},
	}
}

// replicated are the settings of what has replicas and speaks for itself.
func replicated(component string) map[string]setting {
	in := "Deployment/vessel-" + component
	spread := []any{values{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}}
	return merged(pod(component, in), map[string]setting{
		component + ".replicas":                   {value: 4, in: in, shows: `"replicas":4`},
		component + ".logLevel":                   {value: "debug", in: in, shows: `"name":"RUST_LOG","value":"debug"`},
		component + ".serviceAccount.create":      {value: false, in: "!ServiceAccount/vessel-" + component},
		component + ".serviceAccount.name":        {value: "other", in: in, shows: `"serviceAccountName":"other"`},
		component + ".serviceAccount.annotations": {value: values{"role": "x"}, in: "ServiceAccount/vessel-" + component, shows: `"role":"x"`},
		component + ".topologySpreadConstraints":  {value: spread, in: in, shows: `"topologyKey":"zone"`},
		component + ".extraEnv":                   {value: []any{values{"name": "A", "value": "b"}}, in: in, shows: `{"name":"A","value":"b"}`},
	})
}

func service(component, name string) map[string]setting {
	in := "Service/vessel-" + name
	nodePort := component + ": {service: {type: NodePort}}"
	return map[string]setting{
		component + ".service.type":        {value: "LoadBalancer", in: in, shows: `"type":"LoadBalancer"`},
		component + ".service.nodePort":    {value: 30123, also: nodePort, in: in, shows: `"nodePort":30123`},
		component + ".service.annotations": {value: values{"lb": "internal"}, in: in, shows: `"lb":"internal"`},
	}
}

func image(component, in, shown string) map[string]setting {
	digest := "sha256:" + strings.Repeat("a", 64)
	return map[string]setting{
		"image." + component + ".registry":   {value: "mirror.example", in: in, shows: "mirror.example/" + shown + ":"},
		"image." + component + ".repository": {value: "own/image", in: in, shows: "docker.io/own/image:"},
		"image." + component + ".tag":        {value: "v9", in: in, shows: "docker.io/" + shown + ":v9"},
		"image." + component + ".digest":     {value: digest, in: in, shows: "docker.io/" + shown + "@" + digest},
		"image." + component + ".pullPolicy": {value: "Always", in: in, shows: `"imagePullPolicy":"Always"`},
	}
}

var some = map[string]setting{
	"crds.enabled": {value: false, in: "!CustomResourceDefinition/mediaassets.vessel.media"},
	"crds.keep":    {value: false, in: "CustomResourceDefinition/mediaassets.vessel.media", shows: `"annotations":{"vessel.media/schema-version"`},
	"stores":       {value: values{"big": values{"bucket": "big-media"}}, in: "defaults", shows: `"kind":"MediaStore","metadata":{"name":"big"},"spec":{"bucket":"big-media","default":true}`},

	"embeddedStore.enabled":                      {value: true, also: "stores: {big: {bucket: big-media, default: true}}", in: "Deployment/vessel-store", shows: `"/data"`},
	"embeddedStore.name":                         {value: "first", in: "settings", shows: `"storeName":"first"`},
	"embeddedStore.bucket":                       {value: "songs", in: "Deployment/vessel-origin", shows: `"songs"`},
	"embeddedStore.prefix":                       {value: "here/", in: "Deployment/vessel-origin", shows: `"here/"`},
	"embeddedStore.presignEndpoint":              {value: "http://10.0.0.1:9000", in: "defaults", shows: `"presignEndpoint":"http://10.0.0.1:9000"`},
	"embeddedStore.sources.s3":                   {value: []any{values{"prefix": "incoming/"}}, in: "defaults", shows: `"sources":{"s3":[{"prefix":"incoming/"}]}`},
	"embeddedStore.sweep.intervalSeconds":        {value: 7, in: "defaults", shows: `"intervalSeconds":7`},
	"embeddedStore.sweep.graceSeconds":           {value: 7, in: "defaults", shows: `"graceSeconds":7`},
	"embeddedStore.sweep.skewSeconds":            {value: 7, in: "defaults", shows: `"skewSeconds":7`},
	"embeddedStore.persistence.enabled":          {value: false, in: "!PersistentVolumeClaim/vessel-store"},
	"embeddedStore.persistence.size":             {value: "3Ti", in: "PersistentVolumeClaim/vessel-store", shows: `"storage":"3Ti"`},
	"embeddedStore.persistence.storageClassName": {value: "fast", in: "PersistentVolumeClaim/vessel-store", shows: `"storageClassName":"fast"`},
	"embeddedStore.persistence.existingClaim":    {value: "old", in: "Deployment/vessel-store", shows: `"claimName":"old"`},
	"embeddedStore.persistence.keep":             {value: false, in: "PersistentVolumeClaim/vessel-store", shows: `"metadata":{"labels"`},

	"sample.enabled": {value: false, in: "!ConfigMap/vessel-sample"},
	"profiles":       {value: values{"audio": values{"default": true}, "adaptive": values{"default": false}}, in: "defaults", shows: `"metadata":{"name":"audio"},"spec":{"default":true`},

	"queue.maxRunning":            {value: 9, in: "settings", shows: `"maxRunning":9`},
	"queue.perNamespace":          {value: 9, in: "settings", shows: `"perNamespace":9`},
	"limits.maxSourceBytes":       {value: 5000000000, in: "settings", shows: `"maxSourceBytes":5000000000`},
	"limits.maxDurationSeconds":   {value: 9, in: "settings", shows: `"maxDurationSeconds":9`},
	"limits.maxObjectsPerJob":     {value: 9, in: "settings", shows: `"maxObjectsPerJob":9`},
	"limits.uploadExpirySeconds":  {value: 90, in: "settings", shows: `"uploadExpirySeconds":90`},
	"limits.startDeadlineSeconds": {value: 90, in: "settings", shows: `"startDeadlineSeconds":90`},
	"grant.ttlSeconds":            {value: 90, in: "settings", shows: `"ttlSeconds":90`},

	"transcoder.imagePullSecrets":  {value: []any{values{"name": "mirror"}}, in: "settings", shows: `"imagePullSecrets":[{"name":"mirror"}]`},
	"transcoder.scratchBytes":      {value: 9000000000, in: "settings", shows: `"scratchBytes":9000000000`},
	"transcoder.sandbox":           {value: "BestEffort", in: "settings", shows: `"sandbox":"BestEffort"`},
	"transcoder.deniedCIDRs":       {value: []any{"192.0.2.0/24"}, in: "settings", shows: `"deniedCIDRs":["192.0.2.0/24"]`},
	"transcoder.nodeSelector":      {value: values{"disk": "fast"}, in: "settings", shows: `"nodeSelector":{"disk":"fast"}`},
	"transcoder.tolerations":       {value: []any{values{"key": "media"}}, in: "settings", shows: `"tolerations":[{"key":"media"}]`},
	"transcoder.affinity":          {value: values{"podAffinity": values{}}, in: "settings", shows: `"affinity":{"podAffinity":{}}`},
	"transcoder.priorityClassName": {value: "low", in: "settings", shows: `"priorityClassName":"low"`},
	"transcoder.runtimeClassName":  {value: "gvisor", in: "settings", shows: `"runtimeClassName":"gvisor"`},

	"transcoder.podLabels.sidecar.istio.io/inject":                             {value: "true", in: "settings", shows: `"sidecar.istio.io/inject":"true"`},
	"transcoder.podAnnotations.cluster-autoscaler.kubernetes.io/safe-to-evict": {value: "true", in: "settings", shows: `"cluster-autoscaler.kubernetes.io/safe-to-evict":"true"`},
	"transcoder.podAnnotations.karpenter.sh/do-not-disrupt":                    {value: "false", in: "settings", shows: `"karpenter.sh/do-not-disrupt":"false"`},
	"transcoder.podAnnotations.linkerd.io/inject":                              {value: "enabled", in: "settings", shows: `"linkerd.io/inject":"enabled"`},

	"origin.storeName":                               {value: "b", also: "stores: {a: {bucket: aaa}, b: {bucket: bbb}}", in: "Deployment/vessel-origin", shows: `"value":"bbb"`},
	"origin.publicBaseUrl":                           {value: "https://m.example", in: "defaults", shows: `"publicBaseURL":"https://m.example"`},
	"origin.cache.maxBytes":                          {value: 1073741824, in: "Deployment/vessel-origin", shows: `"VESSEL_CACHE_BYTES","value":"1073741824"`},
	"origin.cache.segmentMaxAgeSeconds":              {value: 60, in: "Deployment/vessel-origin", shows: `"VESSEL_SEGMENT_MAX_AGE_SECONDS","value":"60"`},
	"origin.ingress.enabled":                         {value: true, in: "Ingress/vessel-origin", shows: `"/watch/"`},
	"origin.ingress.className":                       {value: "nginx", also: ingress, in: "Ingress/vessel-origin", shows: `"ingressClassName":"nginx"`},
	"origin.ingress.annotations":                     {value: values{"a": "b"}, also: ingress, in: "Ingress/vessel-origin", shows: `"a":"b"`},
	"origin.ingress.hosts":                           {value: []any{"m.example"}, also: ingress, in: "Ingress/vessel-origin", shows: `"host":"m.example"`},
	"origin.ingress.tls":                             {value: []any{values{"secretName": "cert"}}, also: ingress, in: "Ingress/vessel-origin", shows: `"tls":[{"secretName":"cert"}]`},
	"origin.httpRoute.enabled":                       {value: true, also: route, in: "HTTPRoute/vessel-origin", shows: `"/watch/"`},
	"origin.httpRoute.annotations":                   {value: values{"a": "b"}, also: route, in: "HTTPRoute/vessel-origin", shows: `"a":"b"`},
	"origin.httpRoute.parentRefs":                    {value: []any{values{"name": "other"}}, also: route, in: "HTTPRoute/vessel-origin", shows: `"parentRefs":[{"name":"other"}]`},
	"origin.httpRoute.hostnames":                     {value: []any{"m.example"}, also: route, in: "HTTPRoute/vessel-origin", shows: `"hostnames":["m.example"]`},
	"imagePullSecrets":                               {value: []any{values{"name": "mirror"}}, in: "Deployment/vessel-store", shows: `"imagePullSecrets":[{"name":"mirror"}]`},
	"monitoring.serviceMonitor.enabled":              {value: true, in: "ServiceMonitor/vessel", shows: `"/metrics"`},
	"monitoring.serviceMonitor.interval":             {value: "7s", also: serviceMonitor, in: "ServiceMonitor/vessel", shows: `"interval":"7s"`},
	"monitoring.serviceMonitor.labels":               {value: values{"a": "b"}, also: serviceMonitor, in: "ServiceMonitor/vessel", shows: `"a":"b"`},
	"monitoring.dashboards.enabled":                  {value: true, in: "ConfigMap/vessel-dashboard-overview", shows: `vessel-overview.json`},
	"monitoring.dashboards.annotations":              {value: values{"a": "b"}, also: dashboards, in: "ConfigMap/vessel-dashboard-overview", shows: `"a":"b"`},
	"monitoring.dashboards.labels.grafana_dashboard": {value: "2", also: dashboards, in: "ConfigMap/vessel-dashboard-overview", shows: `"grafana_dashboard":"2"`},
	"rbac.create":                                    {value: false, in: "!ClusterRole/vessel-operator"},
	"rbac.aggregate":                                 {value: false, in: "!ClusterRole/vessel-edit"},
	"rbac.admissionPolicy":                           {value: false, in: "!ValidatingAdmissionPolicy/vessel-transcodejobs"},
}

const (
	ingress        = "origin: {ingress: {enabled: true}}"
	route          = "origin: {httpRoute: {enabled: true, parentRefs: [{name: gateway}]}}"
	serviceMonitor = "monitoring: {serviceMonitor: {enabled: true}}"
	dashboards     = "monitoring: {dashboards: {enabled: true}}"
)

func settings() map[string]setting {
	return merged(some,
		replicated("operator"), replicated("origin"), pod("embeddedStore", "Deployment/vessel-store"),
		service("origin", "origin"), service("embeddedStore", "store"),
		image("operator", "Deployment/vessel-operator", "vesselmedia/operator"),
		image("origin", "Deployment/vessel-origin", "vesselmedia/origin"),
		image("store", "Deployment/vessel-store", "versity/versitygw"),
		image("transcoder", "settings", "vesselmedia/transcoder"),
	)
}

func merged(maps ...map[string]setting) map[string]setting {
	all := map[string]setting{}
	for _, one := range maps {
		for path, setting := range one {
			all[path] = setting
		}
	}
	return all
}

// A value that shows nowhere is dead, and so is one that no row of the table sets.
func TestEveryValueShows(t *testing.T) {
	settings := settings()
	for _, path := range leaves(t) {
		setting, known := settings[path]
		if !known {
			t.Errorf("values.yaml has %s, and no test says what it does", path)
			continue
		}
		delete(settings, path)
		t.Run(path, func(t *testing.T) { setting.check(t, path) })
	}
	for path := range settings {
		t.Errorf("values.yaml lacks %s, which is tested", path)
	}
}

func (s setting) check(t *testing.T, path string) {
	before := values{}
	if s.also != "" {
		before = given(t, s.also)
	}
	if name, absent := strings.CutPrefix(s.in, "!"); absent {
		kind, name, _ := strings.Cut(name, "/")
		if mustRender(t, before).find(kind, name) == nil {
			t.Errorf("without it, there is no %s", s.in)
		}
		if mustRender(t, with(before, path, s.value)).find(kind, name) != nil {
			t.Errorf("with it, there is still %s", s.in)
		}
		return
	}
	if where, err := render("vessel", before); err == nil && strings.Contains(where.text(t, s.in), s.shows) && !s.isEnabler(path) {
		t.Errorf("%s shows in %s without it", s.shows, s.in)
	}
	if text := mustRender(t, with(before, path, s.value)).text(t, s.in); !strings.Contains(text, s.shows) {
		t.Errorf("%s does not show in %s:\n%s", s.shows, s.in, text)
	}
}

// isEnabler tells the two values that are already set by what they need.
func (s setting) isEnabler(path string) bool {
	return path == "origin.httpRoute.enabled"
}

// text is what the object looks like as JSON; nothing if it isn't there.
func (m manifests) text(t *testing.T, in string) string {
	t.Helper()
	var shown any
	switch in {
	case "settings":
		shown = m.settings(t)
	case "defaults":
		shown = m.defaults(t)
	default:
		kind, name, _ := strings.Cut(in, "/")
		object := m.find(kind, name)
		if object == nil {
			return ""
		}
		shown = object.Object
	}
	text, err := (&unstructured.Unstructured{Object: values{"apiVersion": "v1", "kind": "Shown", "shown": shown}}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// with is a copy of the values in which the path, found among the chart's own, is set.
func with(before values, path string, value any) values {
	copied := (&unstructured.Unstructured{Object: before}).DeepCopy().Object
	if copied == nil {
		copied = values{}
	}
	keys := split(path)
	node := copied
	for _, key := range keys[:len(keys)-1] {
		inner, is := node[key].(map[string]any)
		if !is {
			inner = values{}
			node[key] = inner
		}
		node = inner
	}
	node[keys[len(keys)-1]] = value
	return copied
}

// split cuts a path at its dots, but for those of a label's or annotation's name.
func split(path string) []string {
	for _, group := range []string{".podLabels.", ".podAnnotations."} {
		if before, name, found := strings.Cut(path, group); found {
			return append(strings.Split(before, "."), strings.Trim(group, "."), name)
		}
	}
	return strings.Split(path, ".")
}

// leaves are the paths of values.yaml that hold something else than further keys.
func leaves(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := values{}
	if err := sigsyaml.UnmarshalStrict(text, &all); err != nil {
		t.Fatal(err)
	}
	var paths []string
	var walk func(prefix string, node map[string]any)
	walk = func(prefix string, node map[string]any) {
		for key, value := range node {
			inner, is := value.(map[string]any)
			if is && len(inner) > 0 {
				walk(prefix+key+".", inner)
			} else {
				paths = append(paths, fmt.Sprint(prefix, key))
			}
		}
	}
	walk("", all)
	return paths
}
