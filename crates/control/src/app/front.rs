//! Where browsers reach this instance: which hosts and origins are ours, and whether a password may travel there at all.

use std::net::SocketAddr;

use axum::http::Uri;
use domain::{Code, Fault};

/// The addresses that a browser may use, and how its cookies are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Front {
    /// The instance's public URL, and no other spelling of it.
    Public {
        /// `https://llm.example.com`, as browsers spell it.
        origin: String,
        /// `llm.example.com`.
        host: String,
        /// Reached over TLS.
        secure: bool,
    },
    /// TLS ends here, and the certificate says for which hosts: the origin must be the host that was asked.
    OwnTls,
    /// Plain HTTP on this machine only.
    Loopback {
        /// Of the listener.
        port: u16,
    },
    /// Plain HTTP that others can listen to: nobody logs in.
    #[default]
    Closed,
}

impl Front {
    /// From the settings and the address that is really listened at. A public URL that cannot be read counts as closed.
    pub fn of(public_url: Option<&str>, own_tls: bool, listen: SocketAddr) -> Self {
        let Some(url) = public_url else {
            return match (own_tls, listen.ip().is_loopback()) {
                (true, _) => Self::OwnTls,
                (false, true) => Self::Loopback { port: listen.port() },
                (false, false) => Self::Closed,
            };
        };
        let Some((scheme, host)) = scheme_and_host(url) else { return Self::Closed };
        let secure = scheme == "https";
        let private = listen.ip().is_loopback() && is_loopback(&host);
        if !secure && !private {
            return Self::Closed;
        }
        Self::Public { origin: format!("{scheme}://{host}"), host, secure }
    }

    /// Whether cookies are `__Host-` cookies, which browsers keep from plain HTTP and from other hosts.
    pub const fn is_secure(&self) -> bool {
        matches!(self, Self::Public { secure: true, .. } | Self::OwnTls)
    }

    /// Whether anybody can log in here.
    pub const fn is_open(&self) -> bool {
        !matches!(self, Self::Closed)
    }

    /// Refuses a request that was sent to another host, or by another site's page. A page of another site cannot forge
    /// either header. `origin_needed`: for what changes something on a cookie's word.
    pub fn check(&self, host: Option<&str>, origin: Option<&str>, origin_needed: bool) -> Result<(), Fault> {
        let host = host.map(str::to_ascii_lowercase).ok_or_else(|| denied("the request names no host"))?;
        if !self.is_open() {
            return Err(denied(
                "passwords and sessions do not travel over plain http: set `tls_cert` and `tls_key`, or a `public_url` that begins \
                 with https://, or listen on a loopback address",
            ));
        }
        let origin_wanted = self.origin_of(&host).ok_or_else(|| denied(format!("this is no address of the dashboard; {}", self.hint())))?;
        match origin {
            Some(origin) if origin == origin_wanted => Ok(()),
            None if !origin_needed => Ok(()),
            _ => Err(denied(format!("a session changes nothing on the word of another site; send `Origin: {origin_wanted}`"))),
        }
    }

    /// The origin of pages that this host serves; `None`: the host is not ours.
    fn origin_of(&self, host: &str) -> Option<String> {
        match self {
            Self::Public { origin, host: ours, secure } => (without_usual_port(host, *secure) == ours.as_str()).then(|| origin.clone()),
            Self::OwnTls => Some(format!("https://{}", without_usual_port(host, true))),
            Self::Loopback { port } => {
                let name = if *port == 80 { without_usual_port(host, false) } else { host.strip_suffix(&format!(":{port}"))? };
                is_loopback_name(name).then(|| format!("http://{host}"))
            }
            Self::Closed => None,
        }
    }

    /// What a letter can link to; `None` when only the browser knows the host.
    pub fn address(&self) -> Option<String> {
        match self {
            Self::Public { origin, .. } => Some(origin.clone()),
            Self::Loopback { port } => Some(format!("http://127.0.0.1:{port}")),
            Self::OwnTls | Self::Closed => None,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Public { origin, .. } => format!("open {origin}"),
            Self::Loopback { port } => format!("open http://127.0.0.1:{port} or http://localhost:{port}"),
            Self::OwnTls | Self::Closed => "look at `public_url`".to_owned(),
        }
    }
}

fn denied(say: impl Into<String>) -> Fault {
    Fault::new(Code::PermissionDenied, say)
}

/// Scheme and host of a URL as browsers spell them in `Origin`: lower case, without the scheme's usual port.
fn scheme_and_host(url: &str) -> Option<(&'static str, String)> {
    let url: Uri = url.parse().ok()?;
    let secure = match url.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = url.authority()?.as_str().to_ascii_lowercase();
    if authority.contains('@') {
        return None;
    }
    let host = without_usual_port(&authority, secure).to_owned();
    Some((if secure { "https" } else { "http" }, host))
}

fn without_usual_port(host: &str, secure: bool) -> &str {
    host.strip_suffix(if secure { ":443" } else { ":80" }).unwrap_or(host)
}

fn is_loopback(host: &str) -> bool {
    let bracketed = host.find(']').and_then(|end| host.get(..=end));
    is_loopback_name(bracketed.unwrap_or_else(|| host.split(':').next().unwrap_or(host)))
}

fn is_loopback_name(name: &str) -> bool {
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::Front;

    fn front(url: Option<&str>, tls: bool, listen: &str) -> Front {
        Front::of(url, tls, listen.parse().unwrap())
    }

    #[test]
    fn a_password_travels_over_tls_or_not_at_all() {
        for (url, tls, listen, open, secure) in [
            (None, false, "127.0.0.1:4000", true, false),
            (None, false, "[::1]:4000", true, false),
            (None, false, "0.0.0.0:4000", false, false),
            (None, true, "0.0.0.0:443", true, true),
            (Some("https://llm.example.com"), false, "0.0.0.0:4000", true, true),
            (Some("https://llm.example.com/"), false, "127.0.0.1:4000", true, true),
            (Some("http://llm.example.com"), false, "127.0.0.1:4000", false, false),
            (Some("http://localhost:4000"), false, "127.0.0.1:4000", true, false),
            (Some("http://localhost:4000"), false, "0.0.0.0:4000", false, false),
            (Some("http://localhost.example.com"), false, "127.0.0.1:4000", false, false),
            (Some("https://ada@llm.example.com"), false, "127.0.0.1:4000", false, false),
        ] {
            let front = front(url, tls, listen);
            assert_eq!((front.is_open(), front.is_secure()), (open, secure), "{url:?} {listen}: {front:?}");
        }
    }

    #[test]
    fn hosts_and_origins_are_ours_exactly_or_refused() {
        let loopback = front(None, false, "127.0.0.1:4000");
        let public = front(Some("https://LLM.example.com:443/x"), false, "0.0.0.0:80");
        let tls = front(None, true, "0.0.0.0:443");
        for (front, host, origin, passes) in [
            (&loopback, "127.0.0.1:4000", Some("http://127.0.0.1:4000"), true),
            (&loopback, "LOCALHOST:4000", Some("http://localhost:4000"), true),
            (&loopback, "[::1]:4000", Some("http://[::1]:4000"), true),
            (&loopback, "127.0.0.1:4000", Some("http://localhost:4000"), false),
            (&loopback, "127.0.0.1:4000", Some("https://127.0.0.1:4000"), false),
            (&loopback, "127.0.0.1:4000", Some("null"), false),
            (&loopback, "127.0.0.1:4000", None, false),
            (&loopback, "127.0.0.1:4001", Some("http://127.0.0.1:4001"), false),
            (&loopback, "127.0.0.1", Some("http://127.0.0.1"), false),
            (&loopback, "rebound.example.com:4000", Some("http://rebound.example.com:4000"), false),
            (&public, "llm.example.com", Some("https://llm.example.com"), true),
            (&public, "llm.example.com:443", Some("https://llm.example.com"), true),
            (&public, "llm.example.com", Some("http://llm.example.com"), false),
            (&public, "llm.example.com", Some("https://llm.example.com.evil.example"), false),
            (&public, "127.0.0.1:80", Some("https://llm.example.com"), false),
            (&tls, "any.example.com", Some("https://any.example.com"), true),
            (&tls, "any.example.com:8443", Some("https://any.example.com:8443"), true),
            (&tls, "any.example.com", Some("https://other.example.com"), false),
            (&Front::Closed, "127.0.0.1:4000", Some("http://127.0.0.1:4000"), false),
        ] {
            assert_eq!(front.check(Some(host), origin, true).is_ok(), passes, "{front:?} {host} {origin:?}");
        }
        assert!(loopback.check(Some("127.0.0.1:4000"), None, false).is_ok());
        assert!(loopback.check(Some("127.0.0.1:4000"), Some("http://evil.example"), false).is_err());
        assert!(loopback.check(None, None, false).is_err());
    }
}
