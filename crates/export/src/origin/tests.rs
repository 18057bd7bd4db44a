//! How a deployment file reads elsewhere.

use standpipe_deployment::{NoVariables, System};

use super::*;

fn origin(text: &str) -> Origin {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("standpipe.toml");
    std::fs::write(&path, text).unwrap();
    let machine = Machine { system: System::Linux, folder: "/demo".into() };
    Origin::read(&path, &machine, &NoVariables).unwrap_or_else(|problems| panic!("{problems}"))
}

const PIPES: &str = r#"
[roles.R.pipes.p]
sddl = "D:(A;;GRGW;;;AU)"
backend = "unix:/run/p"
[roles.R.endpoints.E]
protocol = "smb"
port = 445
"#;

fn rewritten(more: &str) -> PlatformFile {
    let origin = origin(&format!("name = \"D\"{PIPES}{more}"));
    origin.for_platform(&Surroundings {
        secret: &|key| format!("/secrets/{key}"),
        addresses: &|role, endpoint| Some(vec![format!("dns:{role}.{endpoint}:445")]),
        page: Some("0.0.0.0"),
    })
}

#[test]
fn passwords_and_targets_are_those_of_the_platform_and_comments_stay() {
    let file = rewritten(
        r#"
[[roles.R.startup]]
command = ["standpipe", "account", "add", "u", "--password-file", "${S}/u"]   # the account
[[roles.R.startup]]
command = ["standpipe", "account", "add", "v", "--password-file=${S}"]
[roles.W.endpoints.P]
protocol = "http"
port = 80
[roles.W.calls.p]
  target = "R/E"      # whose pipe
user = "u"
password-file = '${S}/u'
[roles.W.calls.q]
target = "R/E"
pipe = "p"
addresses = ["10.0.0.1"]
user = "u"
password-env = "Q"
[roles.X]
calls = { p = { target = "R/E", user = "u", password-file = "other/u" } }
endpoints = { P = { protocol = "http", port = 81 } }
"#,
    );
    for line in [
        r#"command = ["standpipe", "account", "add", "u", "--password-file", "/secrets/u"]   # the account"#,
        r#"command = ["standpipe", "account", "add", "v", "--password-file=/secrets/v"]"#,
        "  target = \"R/E\"\n  addresses = [\"dns:R.E:445\"]      # whose pipe",
        r#"password-file = "/secrets/u""#,
        r#"addresses = ["10.0.0.1"]"#,
        "protocol = \"http\"\nport = 80\naddress = \"0.0.0.0\"\n",
        r#"{ P = { protocol = "http", port = 81, address = "0.0.0.0" } }"#,
        r#"{ target = "R/E", addresses = ["dns:R.E:445"], user = "u", password-file = "/secrets/u-2" }"#,
    ] {
        assert!(file.text.contains(line), "{line}\n{}", file.text);
    }
    assert_eq!(file.text.matches("addresses").count(), 3, "{}", file.text);
    let keys: Vec<(&str, Vec<&str>)> = file
        .secrets
        .iter()
        .map(|secret| (secret.key.as_str(), secret.roles.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(keys, [("u", vec!["R", "W"]), ("v", vec!["R"]), ("u-2", vec!["X"])]);
    assert_eq!(file.variables["R"], Vec::<String>::new());
    assert_eq!(file.variables["W"], ["Q"]);
}

#[test]
fn the_variables_of_a_role_are_found_in_all_its_texts() {
    let file = rewritten(
        "\n[roles.R.service]\ncommand = [\"${A}/x\", \"$${NOT}\"]\nenvironment = { Z = \"${B} and ${C}\" }\n",
    );
    assert_eq!(file.variables["R"], ["A", "B", "C"]);
}

#[test]
fn a_key_that_is_not_there_stands_where_its_table_does() {
    let origin = origin(&format!("name = \"D\"{PIPES}"));
    let text = origin.deployment.source().text();
    assert_eq!(&text[origin.span(&["name"])], "\"D\"");
    assert_eq!(&text[origin.span(&["roles", "R", "endpoints", "E", "port"])], "445");
    assert_eq!(&text[origin.span(&["roles", "R", "endpoints", "E", "address"])], "E");
}

#[test]
fn texts_are_written_as_toml_reads_them() {
    for text in [r"C:\x", "plain", "it's", "two\nlines", r#"say "so""#, r#"both ' and " and \"#] {
        let line = format!("k = {}", quoted(text));
        let table: toml::Table = line.parse().unwrap();
        assert_eq!(table["k"].as_str(), Some(text), "{line}");
    }
}
