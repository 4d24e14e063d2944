//! What a caller may write as an address, and where that must never lead.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use tokio::net::{TcpListener, TcpStream};

use crate::dial::{Dialler, Net, is_public};
use crate::{Down, Limits, Upstream};

const LIMITS: Limits = Limits { connect: Duration::from_secs(5), first_byte: Duration::from_secs(5), idle: Duration::from_secs(5) };

/// Addresses behind which something of ours or of a cloud may answer.
const BLOCKED_V4: [&str; 26] = [
    "127.0.0.1",
    "127.0.0.53",
    "127.1.2.3",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.254",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
];

const BLOCKED_V6: [&str; 26] = [
    "::1",
    "::",
    "0:0:0:0:0:0:0:1",
    "fe80::1",
    "febf::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a9fe:a9fe",
    "::ffff:a9fe:a9fe",
    "::a9fe:a9fe",
    "fec0::1",
    "100::1",
    "4000::1",
    "3fff::1",
    "3fff:fff::1",
    "2001:2::1",
    "2001:10::1",
];

/// Every way to write an IPv4 address that some reader takes for one.
fn spellings(text: &str) -> Vec<String> {
    let ip: Ipv4Addr = text.parse().unwrap();
    let [a, b, c, d] = ip.octets().map(u32::from);
    let whole = u32::from(ip);
    let [high, low] = [whole >> 16, whole & 0xffff];
    vec![
        text.to_owned(),
        format!("{text}."),
        format!("{whole}"),
        format!("{:#x}", whole),
        format!("{:#o}", whole).replace("0o", "0"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("00{a:o}.{b}.{c:#x}.{d}"),
        format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        format!("{a}.{}", whole & 0x00ff_ffff),
        format!("{a}.{b}.{low}"),
        format!("{}.{b}.{c}.{d}", a + 256),
        format!("[::ffff:{text}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::{text}]"),
        format!("[64:ff9b::{text}]"),
        format!("[64:ff9b:1::{text}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("{a}%2e{b}%2e{c}%2e{d}"),
        format!("{a}\u{3002}{b}\u{ff0e}{c}\u{ff61}{d}"),
        text.chars().map(|c| c.to_digit(10).map_or('.', |n| char::from_u32(0xff10 + n).unwrap())).collect(),
    ]
}

/// Names and whole addresses that lead astray by something other than the spelling of a number.
const TRICKS: [&str; 34] = [
    "https://localhost",
    "https://localhost.",
    "https://LOCALHOST",
    "https://localhost.localdomain",
    "https://ip6-localhost",
    "https://metadata.google.internal",
    "https://metadata",
    "https://instance-data",
    "https://kubernetes.default.svc",
    "https://api.openai.com@127.0.0.1",
    "https://api.openai.com:443@127.0.0.1",
    "https://127.0.0.1#@api.openai.com",
    "https://127.0.0.1?@api.openai.com",
    "https://127.0.0.1\\@api.openai.com",
    "https://api.openai.com\\@127.0.0.1",
    "https://127.0.0.1:22",
    "https://127.0.0.1:6379",
    "https://127.0.0.1:5432",
    "https://[::1]:9000",
    "https://[fe80::1%25eth0]",
    "https://[::1%251]",
    "https://[127.0.0.1]",
    "https:///127.0.0.1",
    "https:127.0.0.1",
    "//127.0.0.1",
    "http://127.0.0.1",
    "http://api.example.com",
    "HTTP://127.0.0.1",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "ftp://127.0.0.1",
    "dict://127.0.0.1:11211",
    "unix:/run/docker.sock",
    "https://",
];

/// Answers as a resolver that an attacker runs, and notes which addresses are dialled. It opens nothing.
#[derive(Default)]
struct Hostile {
    /// Host names and how often each was asked for.
    asked: Mutex<Vec<String>>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Net for Hostile {
    fn resolve(&self, host: String, port: u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(host.clone());
        let times = asked.iter().filter(|name| **name == host).count();
        let ips: Vec<IpAddr> = match host.as_str() {
            // Public for the judge, private for the connection.
            "rebinds.example" if times % 2 == 1 => vec!["93.184.216.34".parse().unwrap()],
            "rebinds.example" => vec!["169.254.169.254".parse().unwrap()],
            "both.example" => vec!["10.0.0.1".parse().unwrap(), "93.184.216.34".parse().unwrap(), "::1".parse().unwrap()],
            // A number in whatever spelling is what the machine's own resolver takes it for; a name leads into the inside.
            _ => {
                return Box::pin(async move {
                    let numeric = !host.chars().any(|c| c.is_ascii_alphabetic() && !c.is_ascii_hexdigit() && c != 'x');
                    let found: Vec<SocketAddr> = if numeric {
                        tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
                    } else {
                        ["127.0.0.1", "169.254.169.254", "::1"].map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).to_vec()
                    };
                    Ok(found)
                });
            }
        };
        Box::pin(async move { Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()) })
    }

    fn open(&self, address: SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>> {
        self.dialled.lock().unwrap().push(address);
        Box::pin(async { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) })
    }
}

async fn send(upstream: &Upstream, base: &str) -> Result<(), String> {
    let uri: Uri = format!("{base}/v1/chat/completions").parse().map_err(|_| "no address".to_owned())?;
    let request = Request::post(uri).body(Full::new(Bytes::from_static(b"{}"))).map_err(|_| "no address".to_owned())?;
    let down: Down = upstream.send(request).await.map(|_| ()).unwrap_err();
    Err(down.into_fault("custom").say().to_owned())
}

fn corpus() -> BTreeSet<String> {
    let v4 = BLOCKED_V4.iter().flat_map(|ip| spellings(ip)).map(|host| format!("https://{host}"));
    let v6 = BLOCKED_V6.iter().map(|ip| format!("https://[{ip}]"));
    let ports = BLOCKED_V4.iter().flat_map(|ip| [22, 80, 2379, 5432, 6379, 8080].map(|port| format!("https://{ip}:{port}")));
    v4.chain(v6).chain(ports).chain(TRICKS.iter().map(|url| (*url).to_owned())).collect()
}

#[tokio::test]
async fn no_spelling_of_a_blocked_address_is_dialled() {
    let net = Arc::new(Hostile::default());
    let upstream = Upstream::over(Dialler::over(net.clone(), LIMITS.connect, false), LIMITS);
    let corpus = corpus();
    assert!(corpus.len() >= 300, "{} forms", corpus.len());
    let mut said = BTreeSet::new();
    for url in &corpus {
        said.insert(send(&upstream, url).await.unwrap_err());
    }
    let dialled = net.dialled.lock().unwrap().clone();
    let blocked: Vec<_> = dialled.iter().filter(|address| !is_public(address.ip())).collect();
    assert!(blocked.is_empty(), "{blocked:?}");
    // What cannot be parsed is no address; everything else reads the same, so that nothing is learned of the inside.
    assert!(said.len() <= 2, "{said:?}");
    println!("{} forms, {} connections to blocked addresses", corpus.len(), blocked.len());
}

#[tokio::test]
async fn a_resolver_that_changes_its_mind_gains_nothing() {
    let net = Arc::new(Hostile::default());
    let upstream = Upstream::over(Dialler::over(net.clone(), LIMITS.connect, false), LIMITS);
    for _ in 0..4 {
        send(&upstream, "https://rebinds.example").await.unwrap_err();
    }
    // Each connection asks once, and dials what it was told then or nothing.
    assert_eq!(net.asked.lock().unwrap().len(), 4);
    assert_eq!(*net.dialled.lock().unwrap(), ["93.184.216.34:443".parse().unwrap(); 2]);
    // Of several addresses only the public ones are dialled.
    send(&upstream, "https://both.example:8443").await.unwrap_err();
    assert_eq!(net.dialled.lock().unwrap().last(), Some(&"93.184.216.34:8443".parse().unwrap()));
    assert_eq!(net.dialled.lock().unwrap().len(), 3);
}

/// The same with the machine's own resolver and sockets: whatever leads to loopback, nothing arrives there.
#[tokio::test]
async fn nothing_arrives_at_a_listener_of_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let upstream = Upstream::new(LIMITS, false);
    for host in spellings("127.0.0.1").iter().chain(["localhost".to_owned(), "0.0.0.0".to_owned(), "[::]".to_owned()].iter()) {
        for scheme in ["https", "http"] {
            send(&upstream, &format!("{scheme}://{host}:{port}")).await.unwrap_err();
        }
    }
    let arrived = futures_arrived(&listener).await;
    assert!(!arrived);
    // The listener hears connections at all: the same address is dialled where the operator allows it.
    let (allowed, heard) = tokio::join!(
        async {
            let quick = Limits { first_byte: Duration::from_millis(200), ..LIMITS };
            send(&Upstream::new(quick, true), &format!("http://127.0.0.1:{port}")).await
        },
        listener.accept()
    );
    assert!(allowed.is_err() && heard.is_ok());
}

/// Whether a connection waits at the listener now. One that was made is in its queue before `connect` returns.
async fn futures_arrived(listener: &TcpListener) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(listener.poll_accept(cx).is_ready())).await
}

#[test]
fn only_public_addresses_are_public() {
    for ip in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "192.0.0.1",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "fc00::1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1.1.1.1",
        "2002:a9fe:a9fe::1",
        "2001::1",
        "2001:db8::1",
        "ff02::1",
    ] {
        assert!(!is_public(ip.parse().unwrap()), "{ip}");
    }
    for ip in ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"] {
        assert!(is_public(ip.parse().unwrap()), "{ip}");
    }
}
