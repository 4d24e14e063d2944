//! Whose address a request comes from, and lists of networks that addresses are held against.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Bits of an IPv6 address before the IPv4 address that it may hold (`::ffff:a.b.c.d`).
const MAPPED_BITS: u8 = 96;

/// A text that is neither an address nor a CIDR block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a CIDR block such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError(String);

/// Networks that an address may lie in. An IPv4 address within IPv6 counts as the IPv4 address, in the list and when asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// From CIDR blocks and single addresses.
    pub fn read<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, NetworkError> {
        texts.into_iter().map(|text| network(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of them holds the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Each as it is written: the network's first address and the length of its prefix.
    pub fn spelled(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn network(text: &str) -> Result<IpNet, NetworkError> {
    let text = text.trim();
    let read = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = read.map_err(|_| NetworkError(text.to_owned()))?.trunc();
    let IpNet::V6(six) = network else { return Ok(network) };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(MAPPED_BITS));
    Ok(four.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok()).map_or(network, IpNet::V4))
}

/// The proxies whose word about their client is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Networks);

impl TrustedProxies {
    /// The address that a request comes from: the connection's, or, when that is a trusted proxy's, the last one in
    /// `X-Forwarded-For` that is not a trusted proxy's itself. What stands before it anybody can have written.
    ///
    /// A list that cannot be read up to there says nothing, and leaves the connection's address.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.0.contains(peer) {
            return peer;
        }
        let mut client = peer;
        for value in headers.get_all(FORWARDED_FOR).iter().rev() {
            let Ok(list) = value.to_str() else { return peer };
            for hop in list.rsplit(',') {
                let Some(address) = hop_address(hop.trim()) else { return peer };
                client = address;
                if !self.0.contains(client) {
                    return client;
                }
            }
        }
        client
    }
}

/// An address as proxies write it: bare, or with the port that it came from.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|at| at.ip()))?;
    Some(address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Networks::read(text.split(',').map(str::trim).filter(|part| !part.is_empty())).map(Self)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.spelled().join(","))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{FORWARDED_FOR, Networks, TrustedProxies};

    #[test]
    fn networks_hold_addresses_of_both_families() {
        let networks = Networks::read(["10.1.2.3/8", "2001:db8::/32", "192.0.2.7", "::ffff:198.51.100.0/120"]).unwrap();
        assert_eq!(networks.spelled(), ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32", "198.51.100.0/24"]);
        for inside in ["10.255.0.1", "::ffff:10.0.0.1", "2001:db8:1::1", "192.0.2.7", "198.51.100.200"] {
            assert!(networks.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "::ffff:11.0.0.1", "2001:db9::1", "192.0.2.8", "::1"] {
            assert!(!networks.contains(outside.parse().unwrap()), "{outside}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0", "example.com", "10.0.0.1:80"] {
            let said = Networks::read([wrong]).unwrap_err().to_string();
            assert!(said.contains(&format!("`{wrong}`")) && said.contains("CIDR"), "{said}");
        }
        assert!(!Networks::default().contains("10.0.0.1".parse().unwrap()), "an empty list holds nobody");
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_last_word() {
        let proxies: TrustedProxies = "10.0.0.0/8, fd00::/8".parse().unwrap();
        for (peer, forwarded, client) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.7,fd00::1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1", "10.0.0.7"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["what?, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, what?"], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1,"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("fd00::9", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("fd00::9", &["[2001:db8::5]"], "2001:db8::5"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            assert_eq!(proxies.client(peer.parse().unwrap(), &headers).to_string(), client, "{peer} {forwarded:?}");
        }
        let mut unreadable = HeaderMap::new();
        unreadable.append(FORWARDED_FOR, HeaderValue::from_bytes(b"198.51.100.1\xff").unwrap());
        assert_eq!(proxies.client("10.0.0.1".parse().unwrap(), &unreadable).to_string(), "10.0.0.1");
    }
}
