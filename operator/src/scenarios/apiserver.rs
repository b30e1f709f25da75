//! An apiserver in memory: objects by path, with resource versions, finalizers, and the few
//! kinds of patches that the operator sends.
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An apiserver in memory.
#[derive(Clone, Debug, Default)]
pub struct ApiServer(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    writes: Vec<String>,
    reads: Vec<String>,
    /// Writes that are still carried out before the process "dies".
    lives: Option<usize>,
    /// Whether the write that kills the process is carried out.
    last_write_lands: bool,
}

type Answer = (u16, Value);

impl ApiServer {
    /// A client of it.
    pub fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.serve(request).await }
        });
        kube::Client::new(service, "default")
    }

    /// The object at `path`.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    /// Every object whose path contains `part`.
    pub fn all(&self, part: &str) -> Vec<Value> {
        let state = self.0.lock().unwrap();
        let found = state.objects.iter().filter(|(path, _)| path.contains(part));
        found.map(|(_, object)| object.clone()).collect()
    }

    /// Puts an object there as somebody else would.
    pub fn put(&self, path: &str, mut object: Value) {
        let mut state = self.0.lock().unwrap();
        state.stamp(path, &mut object);
        state.objects.insert(path.to_owned(), object);
    }

    /// Changes an object as somebody else would.
    pub fn change(&self, path: &str, change: &Value) {
        let mut object = self.get(path).unwrap();
        json_patch::merge(&mut object, change);
        self.put(path, object);
    }

    /// Removes an object as the garbage collector would.
    pub fn remove(&self, path: &str) {
        self.0.lock().unwrap().objects.remove(path);
    }

    /// The writes so far, Events apart, and forgets them.
    pub fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().writes)
    }

    /// The reads so far, and forgets them.
    pub fn take_reads(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().reads)
    }

    /// From the `after`th write from now on nothing gets through, as if the process had died;
    /// `lands` says whether that write itself is carried out.
    pub fn die(&self, after: Option<usize>, lands: bool) {
        let mut state = self.0.lock().unwrap();
        state.lives = after;
        state.last_write_lands = lands;
    }

    async fn serve(&self, request: Request<Body>) -> Result<Response<Body>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.map_err(std::io::Error::other)?;
        let kind = parts
            .headers
            .get("content-type")
            .and_then(|kind| kind.to_str().ok());
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path = parts.uri.path().to_owned();
        let answer = {
            let mut state = self.0.lock().unwrap();
            state.answer(&parts.method, &path, kind.unwrap_or_default(), body)
        };
        let (code, body) = answer.ok_or_else(|| std::io::Error::other("the process is dead"))?;
        let response = Response::builder()
            .status(code)
            .header("content-type", "application/json");
        Ok(response
            .body(Body::from(serde_json::to_vec(&body)?))
            .unwrap())
    }
}

impl State {
    fn answer(&mut self, method: &Method, path: &str, kind: &str, body: Value) -> Option<Answer> {
        if path.contains("/events") {
            let answer = if method == Method::GET {
                json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": []})
            } else {
                body
            };
            return self
                .lives
                .is_none_or(|lives| lives > 0)
                .then_some((200, answer));
        }
        if method == Method::GET {
            self.reads.push(path.to_owned());
            let alive = self.lives.is_none_or(|lives| lives > 0);
            return alive.then(|| self.read(path));
        }
        match self.lives.as_mut() {
            Some(0) => return None,
            Some(lives) => *lives -= 1,
            None => {}
        }
        let dying = self.lives == Some(0);
        if dying && !self.last_write_lands {
            return None;
        }
        let answer = self.write(method, path, kind, body);
        if answer.0 < 300 {
            self.writes.push(format!("{method} {path}"));
        }
        (!dying).then_some(answer)
    }

    fn read(&self, path: &str) -> Answer {
        if path.ends_with("/pods") {
            let pods = self.objects.iter().filter(|(key, _)| key.starts_with(path));
            let items: Vec<_> = pods.map(|(_, pod)| pod.clone()).collect();
            let list =
                json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items});
            return (200, list);
        }
        match self.objects.get(path) {
            Some(object) => (200, object.clone()),
            None => failure(404, "NotFound"),
        }
    }

    fn write(&mut self, method: &Method, path: &str, kind: &str, body: Value) -> Answer {
        match *method {
            Method::POST => self.create(path, body),
            Method::DELETE => self.delete(path, &body),
            _ if kind.contains("json-patch") => self.json_patch(path, &body),
            _ => self.merge(path, &body),
        }
    }

    fn create(&mut self, collection: &str, mut object: Value) -> Answer {
        let name = object
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let path = format!("{collection}/{name}");
        if self.objects.contains_key(&path) {
            return failure(409, "AlreadyExists");
        }
        self.stamp(&path, &mut object);
        self.objects.insert(path, object.clone());
        (201, object)
    }

    fn delete(&mut self, path: &str, options: &Value) -> Answer {
        let Some(mut object) = self.objects.get(path).cloned() else {
            return failure(404, "NotFound");
        };
        let wanted = options.pointer("/preconditions/uid");
        if wanted.is_some_and(|uid| Some(uid) != object.pointer("/metadata/uid")) {
            return failure(409, "Conflict");
        }
        let finalizers = object
            .pointer("/metadata/finalizers")
            .and_then(Value::as_array);
        if finalizers.is_none_or(Vec::is_empty) {
            self.objects.remove(path);
        } else {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T01:00:00Z");
            self.stamp(path, &mut object);
            self.objects.insert(path.to_owned(), object.clone());
        }
        (200, object)
    }

    /// Apply and merge patches are close enough here: the operator applies whole statuses.
    fn merge(&mut self, path: &str, body: &Value) -> Answer {
        let (object_path, status) = match path.strip_suffix("/status") {
            Some(object_path) => (object_path, true),
            None => (path, false),
        };
        let Some(mut object) = self.objects.get(object_path).cloned() else {
            return failure(404, "NotFound");
        };
        let sent = body.pointer("/metadata/resourceVersion");
        if sent.is_some_and(|sent| Some(sent) != object.pointer("/metadata/resourceVersion")) {
            return failure(409, "Conflict");
        }
        if status {
            object["status"] = body["status"].clone();
        } else if let Some(spec) = body.get("spec") {
            json_patch::merge(&mut object["spec"], spec);
        }
        self.stamp(object_path, &mut object);
        self.objects.insert(object_path.to_owned(), object.clone());
        (200, object)
    }

    fn json_patch(&mut self, path: &str, body: &Value) -> Answer {
        let Some(mut object) = self.objects.get(path).cloned() else {
            return failure(404, "NotFound");
        };
        // The apiserver takes a test for null of what is absent as passed.
        let steps = body.as_array().cloned().unwrap_or_default().into_iter();
        let steps = steps.filter(|step| !(step["op"] == "test" && step["value"].is_null()));
        let operations: json_patch::Patch = serde_json::from_value(steps.collect()).unwrap();
        if json_patch::patch(&mut object, &operations).is_err() {
            return failure(422, "Invalid");
        }
        self.stamp(path, &mut object);
        let going = object.pointer("/metadata/deletionTimestamp").is_some();
        let finalizers = object
            .pointer("/metadata/finalizers")
            .and_then(Value::as_array);
        if going && finalizers.is_none_or(Vec::is_empty) {
            self.objects.remove(path);
        } else {
            self.objects.insert(path.to_owned(), object.clone());
        }
        (200, object)
    }

    fn stamp(&mut self, path: &str, object: &mut Value) {
        self.version += 1;
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(self.version.to_string());
        if metadata.get("uid").is_none() {
            metadata["uid"] = json!(crate::asset::fixtures::uid(&format!(
                "{path} {}",
                self.version
            )));
        }
        if metadata.get("creationTimestamp").is_none() {
            metadata["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        if metadata.get("generation").is_none() {
            metadata["generation"] = json!(1);
        }
    }
}

fn failure(code: u16, reason: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code,
    });
    (code, status)
}
