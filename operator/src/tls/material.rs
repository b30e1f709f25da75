//! Certificates and keys as PEM: made, read and judged. No client, no clock of its own.
use jiff::Timestamp;
use k8s_openapi::ByteString;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

/// How long the authority lasts, in seconds: ten years. Pods hold it in their environment,
/// so it outlives every one of them.
const AUTHORITY_SECONDS: i64 = 3650 * 86_400;
/// How long a certificate lasts, in seconds: 90 days.
const CERTIFICATE_SECONDS: i64 = 90 * 86_400;
/// A certificate is renewed when less than this is left of it, in seconds: 30 days.
const RENEW_SECONDS: i64 = 30 * 86_400;
/// Certificates are dated back by this, in seconds, for clocks that are behind.
const BACKDATE_SECONDS: i64 = 3600;

/// Key of the Secret with the authority's private key. It is there only when the operator
/// made the authority itself: cert-manager keeps its own.
const AUTHORITY_KEY: &str = "ca.key";

/// Certificate, key and authority of the grant endpoint, as PEM.
#[derive(Clone, Eq, PartialEq)]
pub struct Material {
    /// `tls.crt`: the certificate, with what is between it and the authority.
    pub certificate: String,
    /// `tls.key`.
    pub key: String,
    /// `ca.crt`.
    pub authority: String,
    authority_key: Option<String>,
}

/// What is wrong with certificates or keys.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// They can't be made.
    #[error("no certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
    /// A key of the Secret is missing or no text.
    #[error("{0} is missing or no PEM")]
    Missing(&'static str),
    /// `tls.crt` can't be read.
    #[error("tls.crt is no certificate in PEM")]
    Unreadable,
    /// A time that no certificate can carry.
    #[error("the clock is beyond what a certificate can carry")]
    Clock(#[from] time::error::ComponentRange),
}

impl Material {
    /// A new authority, and a certificate of it for `hosts`.
    pub fn new(hosts: &[String], now: Timestamp) -> Result<Self, MaterialError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Vessel grant authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        lasting(&mut params, now, AUTHORITY_SECONDS)?;
        let authority = params.self_signed(&key)?.pem();
        let key = key.serialize_pem();
        let (certificate, leaf_key) = issue(&authority, &key, hosts, now)?;
        Ok(Self {
            certificate,
            key: leaf_key,
            authority,
            authority_key: Some(key),
        })
    }

    /// What the Secret holds.
    pub fn read(data: &BTreeMap<String, ByteString>) -> Result<Self, MaterialError> {
        let text = |name: &'static str| {
            let bytes = data.get(name).ok_or(MaterialError::Missing(name))?;
            String::from_utf8(bytes.0.clone()).map_err(|_| MaterialError::Missing(name))
        };
        Ok(Self {
            certificate: text("tls.crt")?,
            key: text("tls.key")?,
            authority: text("ca.crt")?,
            authority_key: text(AUTHORITY_KEY).ok(),
        })
    }

    /// What the Secret should hold.
    pub fn write(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::new();
        let mut put = |name: &str, text: &str| {
            data.insert(name.to_owned(), ByteString(text.as_bytes().to_vec()));
        };
        put("tls.crt", &self.certificate);
        put("tls.key", &self.key);
        put("ca.crt", &self.authority);
        if let Some(key) = &self.authority_key {
            put(AUTHORITY_KEY, key);
        }
        data
    }

    /// A certificate in place of this one, when it ends soon or does not name `hosts`; `None`
    /// while it is good, and when its authority is somebody else's to renew it with.
    pub fn renewed(&self, hosts: &[String], now: Timestamp) -> Result<Option<Self>, MaterialError> {
        let Some(key) = &self.authority_key else {
            return Ok(None);
        };
        let left = self.not_after()?.as_second() - now.as_second();
        if left > RENEW_SECONDS && self.names(hosts)? {
            return Ok(None);
        }
        let (certificate, leaf_key) = issue(&self.authority, key, hosts, now)?;
        Ok(Some(Self {
            certificate,
            key: leaf_key,
            ..self.clone()
        }))
    }

    /// When the certificate ends.
    pub fn not_after(&self) -> Result<Timestamp, MaterialError> {
        let pem = self.leaf()?;
        let certificate = pem.parse_x509().map_err(|_| MaterialError::Unreadable)?;
        let seconds = certificate.validity().not_after.timestamp();
        Timestamp::from_second(seconds).map_err(|_| MaterialError::Unreadable)
    }

    fn names(&self, hosts: &[String]) -> Result<bool, MaterialError> {
        let pem = self.leaf()?;
        let certificate = pem.parse_x509().map_err(|_| MaterialError::Unreadable)?;
        let extension = certificate.subject_alternative_name();
        let extension = extension.map_err(|_| MaterialError::Unreadable)?;
        let named: Vec<String> = extension
            .map(|san| san.value.general_names.iter().map(name_of).collect())
            .unwrap_or_default();
        Ok(hosts.iter().all(|host| named.contains(host)))
    }

    fn leaf(&self) -> Result<Pem, MaterialError> {
        let mut all = Pem::iter_from_buffer(self.certificate.as_bytes());
        let first = all.next().ok_or(MaterialError::Unreadable)?;
        first.map_err(|_| MaterialError::Unreadable)
    }
}

fn name_of(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(octets) => {
            address(octets).map_or_else(String::new, |ip| ip.to_string())
        }
        _ => String::new(),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}

fn issue(
    authority: &str,
    authority_key: &str,
    hosts: &[String],
    now: Timestamp,
) -> Result<(String, String), MaterialError> {
    let issuer = Issuer::from_ca_cert_pem(authority, KeyPair::from_pem(authority_key)?)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(hosts.to_vec())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Vessel grant endpoint");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    params.use_authority_key_identifier_extension = true;
    lasting(&mut params, now, CERTIFICATE_SECONDS)?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn lasting(
    params: &mut CertificateParams,
    now: Timestamp,
    seconds: i64,
) -> Result<(), MaterialError> {
    let at = OffsetDateTime::from_unix_timestamp;
    params.not_before = at(now.as_second() - BACKDATE_SECONDS)?;
    params.not_after = at(now.as_second() + seconds)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<String> {
        vec!["vessel-operator.vessel.svc".to_owned()]
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + number * 86_400).unwrap()
    }

    #[test]
    fn a_certificate_is_renewed_a_month_before_its_end_by_the_same_authority() {
        let first = Material::new(&hosts(), day(0)).unwrap();
        assert!(first.renewed(&hosts(), day(59)).unwrap().is_none());
        let second = first.renewed(&hosts(), day(61)).unwrap().unwrap();
        assert_eq!(second.authority, first.authority);
        assert_ne!(second.certificate, first.certificate);
        assert_eq!(second.not_after().unwrap(), day(151));
    }

    #[test]
    fn a_certificate_for_another_host_is_renewed_at_once() {
        let first = Material::new(&hosts(), day(0)).unwrap();
        let other = vec!["grant.example".to_owned()];
        assert!(first.renewed(&other, day(0)).unwrap().is_some());
    }

    #[test]
    fn a_certificate_for_the_hosts_that_are_asked_for_is_not_renewed() {
        for host in ["vessel-operator.vessel.svc", "198.18.0.1", "fd00::1"] {
            let hosts = vec![host.to_owned()];
            let first = Material::new(&hosts, day(0)).unwrap();
            assert!(first.renewed(&hosts, day(0)).unwrap().is_none(), "{host}");
        }
    }

    #[test]
    fn a_certificate_of_somebody_else_is_left_to_them() {
        let mut data = Material::new(&hosts(), day(0)).unwrap().write();
        data.remove(AUTHORITY_KEY);
        let theirs = Material::read(&data).unwrap();
        assert!(theirs.renewed(&hosts(), day(89)).unwrap().is_none());
    }

    #[test]
    fn what_is_written_reads_back() {
        let material = Material::new(&hosts(), day(0)).unwrap();
        assert!(Material::read(&material.write()).unwrap() == material);
        assert!(Material::read(&BTreeMap::new()).is_err());
    }
}
