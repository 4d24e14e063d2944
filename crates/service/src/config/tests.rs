//! What a configuration takes and refuses.

use super::*;

/// Two, one of which nobody would use.
const MASTER_KEYS: &str = concat!(
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef, ",
    "0000000000000000000000000000000000000000000000000000000000000000"
);

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn nothing_set_is_the_embedded_default() {
    let config = Config::parse(None, []).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:4000");
    assert!(config.private_upstreams_allowed() && config.providers.is_empty());
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\nbody_bytes_max = 5\n[providers.openai]\napi_key = \"file\"\n";
    let config = Config::parse(
        Some(("llmg.toml", file)),
        env(&[
            ("LLMG_LISTEN", "0.0.0.0:2"),
            ("LLMG_PROVIDER_OPENAI_API_KEY", "1234"),
            ("LLMG_PROVIDER_GOOGLE_AI_STUDIO_BASE_URL", "http://h"),
        ]),
    )
    .unwrap();
    assert_eq!((config.listen.to_string().as_str(), config.body_bytes_max), ("0.0.0.0:2", 5));
    assert_eq!(config.providers["openai"].api_key.as_ref().map(|k| k.expose().as_str()), Some("1234"));
    assert_eq!(config.providers["google-ai-studio"].base_url.as_deref(), Some("http://h"));
    assert!(!config.private_upstreams_allowed());
    assert!(Config::parse(None, env(&[("LLMG_MASTER_KEY", MASTER_KEYS)])).is_ok());
    assert!(!format!("{config:?}").contains("1234"), "a secret is shown");
    assert!(Config::parse(None, env(&[("LLMG_BIN", "target/llmg"), ("LLMG_TEST_FULL", "1")])).is_ok(), "other programs' variables");
}

#[test]
fn refusals_are_one_line_with_place_field_reason_and_mend() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        ("lisen = \"x\"", &[], &["c.toml", "`lisen`", "unknown field", "did you mean `listen`?"]),
        ("listen = \"here\"", &[], &["c.toml", "`listen`", "invalid socket address", "IP:PORT"]),
        ("", &[("LLMG_LISTEN", "here")], &["environment LLMG_LISTEN", "`listen`", "IP:PORT"]),
        ("", &[("LLMG_LISTN", "x")], &["environment", "`LLMG_LISTN`", "unknown setting", "did you mean `listen`?"]),
        ("", &[("LLMG_PROVIDER_OPENAI_KEY", "x")], &["environment", "`LLMG_PROVIDER_OPENAI_KEY`", "unknown setting", "_API_KEY"]),
        ("body_bytes_max = -1", &[], &["`body_bytes_max`", "`-1` is not a whole number"]),
        ("a = [", &[], &["c.toml", "line 1"]),
        ("[providers.openai]\nkey = \"x\"", &[], &["providers.openai", "unknown field `key`"]),
        ("", &[("LLMG_PROVIDER_OPENAI_BASE_URL", "ftp://x")], &["environment LLMG_PROVIDER_OPENAI_BASE_URL", "http://"]),
        ("", &[("LLMG_REDIS_URL", "redis://x")], &["LLMG_REDIS_URL", "embedded default only", "unset it"]),
        ("tls_cert = \"a.pem\"", &[], &["`tls_cert`", "set both"]),
        ("[sign_in.okta]\nclient_id = \"a\"\nclient_secret = \"b\"", &[], &["`sign_in.okta.issuer`", "not set", "https://"]),
        ("[sign_in.google]\nclient_id = \"a\"", &[], &["`sign_in.google.client_secret`", "not set"]),
        ("[sign_in.\"A b\"]", &[], &["`sign_in.A b`", "lower-case"]),
        ("", &[("LLMG_SIGN_IN_OKTA_SECRET", "x")], &["environment", "`LLMG_SIGN_IN_OKTA_SECRET`", "unknown setting"]),
        ("smtp_url = \"smtps://h\"", &[], &["`smtp_url`", "set both"]),
        ("trusted_proxies = \"10.0.0.0/8, proxy\"", &[], &["c.toml", "`trusted_proxies`", "`proxy`", "CIDR"]),
        ("master_key = \"abc\"", &[], &["`master_key`", "64 hexadecimal digits"]),
        ("master_key = \"vault:v1:abc\"", &[], &["`master_key`", "64 hexadecimal digits"]),
        ("master_key_file = \"k\"", &[("LLMG_MASTER_KEY", MASTER_KEYS)], &["`master_key`", "set one of the two"]),
        ("kms_url = \"vault+https://v/transit/k\"", &[], &["`kms_url`", "set both kms_url and kms_token_file"]),
        ("control_listen = \"127.0.0.1:0\"", &[], &["`control_listen`", "cluster_token"]),
        ("cluster_token = \"short\"", &[], &["`cluster_token`", "32"]),
        ("control_url = \"host:1\"", &[], &["`control_url`", "not a URL"]),
        ("durability = \"none\"", &[], &["`durability`", "unknown variant `none`", "power"]),
    ];
    for (file, vars, wanted) in cases {
        let said = Config::parse(Some(("c.toml", file)), env(vars)).unwrap_err().to_string();
        assert!(!said.contains('\n'), "{said}");
        for part in *wanted {
            assert!(said.contains(part), "`{part}` is missing from: {said}");
        }
    }
}
