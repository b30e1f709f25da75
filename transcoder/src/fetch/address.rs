//! Which addresses an http source may have. Pure.
//!
//! An asset's author must not reach through Vessel what they can't reach themselves: the
//! cluster's services, its nodes, the cloud's metadata service.
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv6Addr};

/// Ranges that no source may have: IANA's special-purpose registries of IPv4 (RFC 6890) and
/// IPv6, multicast, and those IPv6 ranges that lead to IPv4 addresses.
const REFUSED: [&str; 24] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// What a store allows and a chart denies beyond the fixed ranges.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ranges {
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

/// Text that is no range.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no CIDR such as 10.20.0.0/16")]
pub struct InvalidRange(String);

/// An address that must not be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{address} lies in {range}, which sources must not reach: if it is meant, add it to \
     spec.sources.http.allowedCIDRs of the MediaStore"
)]
pub struct Refused {
    address: IpAddr,
    range: IpNet,
}

impl Ranges {
    /// Reads the two lists.
    pub fn parse(allowed: &[String], denied: &[String]) -> Result<Self, InvalidRange> {
        Ok(Self {
            allowed: parse_all(allowed)?,
            denied: parse_all(denied)?,
        })
    }

    /// Whether an address may be opened. What is allowed by name beats every refusal; of a
    /// NAT64 prefix that is allowed, what lies behind it is asked too.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        if self.allowed.iter().any(|range| range.contains(&address)) {
            return embedded(address).map_or(Ok(()), |inner| self.check(inner));
        }
        let fixed = REFUSED.iter().filter_map(|range| range.parse().ok());
        fixed
            .chain(self.denied.iter().copied())
            .find(|range: &IpNet| range.contains(&address))
            .map_or(Ok(()), |range| Err(Refused { address, range }))
    }
}

fn parse_all(texts: &[String]) -> Result<Vec<IpNet>, InvalidRange> {
    let parse = |text: &String| text.trim().parse().map_err(|_| InvalidRange(text.clone()));
    texts.iter().map(parse).collect()
}

/// The IPv4 address that a NAT64 address of the well-known prefix leads to (RFC 6052): where
/// there is no IPv4, the prefix has to be allowed for any source that has no IPv6.
fn embedded(address: IpAddr) -> Option<IpAddr> {
    const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    let IpAddr::V6(address) = address else {
        return None;
    };
    let prefix = Ipv6Net::new(NAT64, 96).ok()?;
    let [.., a, b, c, d] = address.octets();
    prefix
        .contains(&address)
        .then(|| IpAddr::from([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed(ranges: &Ranges, address: &str) -> bool {
        ranges.check(address.parse().unwrap()).is_ok()
    }

    fn nat64(inner: &str) -> String {
        format!("64:ff9b::{inner}")
    }

    #[test]
    fn every_fixed_range_parses() {
        for range in REFUSED {
            assert!(range.parse::<IpNet>().is_ok(), "{range}");
        }
    }

    #[test]
    fn public_addresses_are_open_and_all_others_are_not() {
        let cases = [
            ("93.184.216.34", true),
            ("9.255.255.255", true),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.0.1.0", true),
            ("198.17.255.255", true),
            ("198.20.0.0", true),
            ("223.255.255.255", true),
            ("2606:2800:220:1::1", true),
            ("2a00:1450::1", true),
            ("0.0.0.0", false),
            ("10.96.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.192", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:0:169.254.169.254", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b:1::1", false),
            ("2002:7f00:1::", false),
            ("2001:0:1::", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ];
        for (address, open) in cases {
            assert_eq!(allowed(&Ranges::default(), address), open, "{address}");
        }
    }

    #[test]
    fn what_a_store_allows_is_open_and_what_a_chart_denies_is_not() {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|&text| text.to_owned())
                .collect::<Vec<_>>()
        };
        let ranges = Ranges::parse(
            &texts(&["10.20.0.0/16", "64:ff9b::/96"]),
            &texts(&["203.0.113.0/24", "2a00:1450::/32"]),
        )
        .unwrap();
        assert!(allowed(&ranges, "10.20.3.4"));
        assert!(allowed(&ranges, "::ffff:10.20.3.4"));
        assert!(!allowed(&ranges, "10.21.0.1"));
        assert!(!allowed(&ranges, "203.0.113.7"));
        assert!(!allowed(&ranges, "2a00:1450::1"));
        assert!(allowed(&ranges, "64:ff9b::5db8:d822"));
        for inner in ["169.254.169.254", "10.96.0.1", "203.0.113.7"] {
            assert!(!allowed(&ranges, &nat64(inner)), "{inner}");
        }
        assert!(allowed(&ranges, &nat64("10.20.3.4")));
        let error = Ranges::default()
            .check("10.0.0.1".parse().unwrap())
            .unwrap_err();
        assert!(error.to_string().contains("allowedCIDRs"), "{error}");
        assert!(Ranges::parse(&texts(&["10.0.0.0/33"]), &[]).is_err());
    }

    proptest! {
        /// A mapped address is judged as the one that it leads to.
        #[test]
        fn mapping_changes_nothing(octets in any::<[u8; 4]>()) {
            let inner = std::net::Ipv4Addr::from(octets);
            let (plain, mapped) = (IpAddr::V4(inner), IpAddr::V6(inner.to_ipv6_mapped()));
            let ranges = Ranges::default();
            prop_assert_eq!(ranges.check(plain).is_ok(), ranges.check(mapped).is_ok());
        }
    }
}
