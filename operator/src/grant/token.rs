//! What a token says of itself. Nothing here is proof: the signature is the apiserver's to
//! check, and it is asked only for tokens that could be good.
use super::refusal::Refused;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

/// Longest token that is looked at, in bytes.
const TOKEN: usize = 16 << 10;

/// A token and whom it claims to be bound to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Claimed {
    /// The token itself.
    pub token: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod_name: String,
    /// UID of the pod.
    pub pod_uid: String,
}

/// The claims of a service account's token (RFC 7519) that is bound to a pod.
#[derive(Deserialize)]
struct Claims {
    aud: Audiences,
    exp: i64,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Kubernetes {
    namespace: String,
    pod: Option<Bound>,
}

#[derive(Deserialize)]
struct Bound {
    name: String,
    uid: String,
}

/// The token of a call, if it could be one of ours that still holds.
pub(super) fn claimed(
    headers: &HeaderMap,
    audience: &str,
    now: Timestamp,
) -> Result<Claimed, Refused> {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::trim)
        .filter(|token| !token.is_empty() && token.len() <= TOKEN)
        .ok_or_else(|| Refused::unauthenticated("send Authorization: Bearer and the token"))?;
    let claims = decode(token).ok_or_else(|| {
        Refused::unauthenticated("the token is no service account token of a pod")
    })?;
    let ours = match &claims.aud {
        Audiences::One(one) => one == audience,
        Audiences::Many(many) => many.iter().any(|one| one == audience),
    };
    if !ours {
        let message = format!("the token is for another audience than {audience}");
        return Err(Refused::unauthenticated(message));
    }
    if claims.exp <= now.as_second() {
        return Err(Refused::unauthenticated(
            "the token has expired: read its file again",
        ));
    }
    let pod = claims.kubernetes.pod.ok_or_else(|| {
        Refused::unauthenticated("the token is not bound to a pod: use the projected one")
    })?;
    Ok(Claimed {
        token: token.to_owned(),
        namespace: claims.kubernetes.namespace,
        pod_name: pod.name,
        pod_uid: pod.uid,
    })
}

fn decode(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};

    const AUDIENCE: &str = "grant.vessel.media/vessel/vessel";

    /// A token as the apiserver writes it, with a signature that is none.
    pub fn token(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
    }

    pub fn claims() -> Value {
        json!({
            "aud": [AUDIENCE], "exp": 2_000,
            "kubernetes.io": {
                "namespace": "music",
                "pod": {"name": "p", "uid": "00000000-0000-4000-8000-000000000001"}
            }
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut claims = claims();
        *claims.pointer_mut(pointer).unwrap() = value;
        claims
    }

    fn check(authorization: &str, now: i64) -> Result<Claimed, String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        claimed(&headers, AUDIENCE, Timestamp::from_second(now).unwrap())
            .map_err(|refused| refused.0.message)
    }

    #[test]
    fn a_token_of_ours_names_its_pod() {
        let found = check(&format!("Bearer {}", token(&claims())), 1_999).unwrap();
        assert_eq!(
            (found.namespace.as_str(), found.pod_name.as_str()),
            ("music", "p")
        );
        let single = with("/aud", json!(AUDIENCE));
        assert!(check(&format!("Bearer {}", token(&single)), 0).is_ok());
    }

    #[test]
    fn a_token_that_cannot_be_good_never_reaches_the_apiserver() {
        let cases = [
            (String::new(), 0, "send Authorization"),
            ("Basic eDp5".to_owned(), 0, "send Authorization"),
            (
                format!("Bearer {}", "x".repeat(20_000)),
                0,
                "send Authorization",
            ),
            ("Bearer abc".to_owned(), 0, "no service account token"),
            ("Bearer a.b.c".to_owned(), 0, "no service account token"),
            (
                format!("Bearer {}", token(&with("/aud", json!(["api"])))),
                0,
                "another audience",
            ),
            (format!("Bearer {}", token(&claims())), 2_000, "expired"),
            (
                format!("Bearer {}", token(&with("/kubernetes.io/pod", Value::Null))),
                0,
                "not bound to a pod",
            ),
        ];
        for (authorization, now, message) in cases {
            let error = check(&authorization, now).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
