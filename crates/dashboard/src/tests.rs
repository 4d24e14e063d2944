use http::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING};

use super::*;

const INDEX_HTML: &str = "<!doctype html>";

fn built() -> Dashboard {
    let files = [
        ("index.html", INDEX_HTML, 1),
        ("index.html.br", "br of index", 2),
        ("assets/app-1a.js", "plain", 3),
        ("assets/app-1a.js.br", "br", 4),
        ("assets/app-1a.js.gz", "gz", 5),
        ("assets/a.woff2", "font", 6),
        ("robots.txt", "User-agent: *", 7),
        ("assets/lonely.js.gz", "gz", 8),
    ];
    Dashboard::of(files.into_iter().map(|(name, text, n)| (name.to_owned(), Bytes::from_static(text.as_bytes()), [n; 32])))
}

fn headers(of: &[(http::HeaderName, &str)]) -> HeaderMap {
    of.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

fn get(path: &str, of: &[(http::HeaderName, &str)]) -> Option<Response<Bytes>> {
    built().answer(&Method::GET, path, &headers(of))
}

#[test]
fn every_page_of_the_router_is_the_index_with_its_policy() {
    for path in [
        "/",
        "/catalog",
        "/log-in",
        "/sign-up",
        "/reset-password",
        "/sign-in/google",
        "/dashboard",
        "/dashboard/calls/req_1",
        "/dashboard/settings/provider-keys",
    ] {
        let page = get(path, &[]).unwrap_or_else(|| panic!("{path}"));
        assert_eq!((page.status(), page.body().as_ref()), (StatusCode::OK, INDEX_HTML.as_bytes()), "{path}");
        assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
        assert_eq!(page.headers()[CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(page.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(page.headers()[REFERRER_POLICY], "same-origin");
    }
}

/// The router is the truth about which pages there are.
#[test]
fn no_page_of_the_router_is_missing() {
    let router = include_str!("../../../web/src/router.tsx");
    let paths: Vec<&str> = router.split("path: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(paths.len() > 10, "{paths:?}");
    for (parent, path) in router.split("createRoute({").skip(1).filter_map(|route| {
        let path = route.split_once("path: \"")?.1.split('"').next()?;
        Some((route.contains("getParentRoute: () => dashboard"), path))
    }) {
        let path = if parent { format!("/dashboard{path}") } else { path.to_owned() };
        assert_eq!(get(&path, &[]).unwrap_or_else(|| panic!("{path}")).status(), StatusCode::OK, "{path}");
    }
}

#[test]
fn what_is_not_the_dashboards_is_left_to_others() {
    for path in
        ["/api/v1/calls", "/v1/models", "/metrics", "/index.html", "/assets/none.js", "/dashboard/none.js", "/assets/lonely.js", "/nowhere"]
    {
        assert!(get(path, &[]).is_none(), "{path}");
    }
    for path in ["/", "/robots.txt"] {
        assert!(built().answer(&Method::POST, path, &HeaderMap::new()).is_none(), "{path}");
    }
}

#[test]
fn files_with_a_hash_in_their_name_are_kept_and_others_are_asked_for_again() {
    let [app, robots] = ["/assets/app-1a.js", "/robots.txt"].map(|path| get(path, &[]).unwrap());
    assert_eq!(app.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert_eq!(app.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert_eq!(robots.headers()[CACHE_CONTROL], "no-cache");
    assert_eq!(get("/assets/a.woff2", &[]).unwrap().headers()[CONTENT_TYPE], "font/woff2");
}

#[test]
fn the_smallest_form_that_the_client_takes_is_sent() {
    let cases = [
        ("", "plain"),
        ("gzip", "gz"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip;q=0.5", "gz"),
        ("br;q=0.000, GZIP;q=0", "plain"),
        ("identity", "plain"),
    ];
    for (takes, body) in cases {
        let answer = get("/assets/app-1a.js", &[(ACCEPT_ENCODING, takes)]).unwrap();
        assert_eq!(answer.body(), body, "{takes}");
        let name = answer.headers().get(CONTENT_ENCODING).map(|v| v.to_str().unwrap());
        assert_eq!(
            name,
            match body {
                "gz" => Some("gzip"),
                "br" => Some("br"),
                _ => None,
            },
            "{takes}"
        );
        assert_eq!(answer.headers()[VARY], "accept-encoding");
    }
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let br = [(ACCEPT_ENCODING, "br")];
    let tag = get("/", &br).unwrap().headers()[ETAG].to_str().unwrap().to_owned();
    let again = |known: &str| get("/", &[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, known)]).unwrap();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let answer = again(&known);
        assert_eq!((answer.status(), answer.body().len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        assert_eq!(answer.headers()[CONTENT_SECURITY_POLICY], POLICY);
    }
    assert_eq!(again("\"other\"").status(), StatusCode::OK);
    assert_ne!(get("/", &[]).unwrap().headers()[ETAG].to_str().unwrap(), tag, "another form is other bytes");
}

#[test]
fn a_browser_that_is_lost_gets_a_page_and_a_program_does_not() {
    let browser = headers(&[(ACCEPT, "text/html,application/xhtml+xml")]);
    let page = built().not_found(&Method::GET, "/nowhere", &browser).unwrap();
    assert_eq!((page.status(), page.body().as_ref()), (StatusCode::NOT_FOUND, INDEX_HTML.as_bytes()));
    assert!(page.headers().get(ALLOW).is_none());
    assert!(built().not_found(&Method::GET, "/nowhere.png", &browser).is_none());
    assert!(built().not_found(&Method::GET, "/nowhere", &HeaderMap::new()).is_none());
    assert!(built().not_found(&Method::POST, "/nowhere", &browser).is_none());
}

#[test]
fn a_binary_without_the_dashboard_says_so() {
    let empty = Dashboard::of(std::iter::empty());
    assert!(!empty.is_built());
    for path in ["/", "/dashboard/usage"] {
        let page = empty.answer(&Method::GET, path, &HeaderMap::new()).unwrap();
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        assert!(std::str::from_utf8(page.body()).unwrap().contains("without its dashboard"));
        assert_eq!(page.headers()[CONTENT_SECURITY_POLICY], BARE_POLICY);
    }
    assert!(empty.answer(&Method::GET, "/theme.js", &HeaderMap::new()).is_none());
}
