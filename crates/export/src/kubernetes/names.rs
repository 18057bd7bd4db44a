//! Names as Kubernetes takes them.

/// The longest name of a StatefulSet: the label with its revision is ten characters and a hyphen longer, and
/// has 63 at most.
pub(super) const LONGEST: usize = 52;

/// A name in lower case.
pub(super) fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The name of a role's objects; `deployment` is in lower case.
pub(super) fn object(deployment: &str, role: &str) -> String {
    format!("{deployment}-{}", lower(role))
}

/// What of a deployment's or a role's name Kubernetes refuses, apart from upper case.
pub(super) fn wrong_with(name: &str) -> Option<String> {
    if let Some(wrong) = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
        return Some(format!("Kubernetes allows no `{wrong}` in names"));
    }
    name.ends_with('-').then(|| "names end with a letter or a digit in Kubernetes".to_owned())
}

/// The name of an endpoint's port: at most 15 letters, digits and hyphens.
pub(super) fn port(endpoint: &str, protocol: &str, number: u16) -> String {
    let name = lower(endpoint);
    let fits = name.len() <= 15
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.contains("--")
        && !name.ends_with('-');
    if fits { name } else { format!("{protocol}-{number}") }
}

/// The name and the tag of an image.
pub(super) fn image_parts(image: &str) -> (String, String) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name.to_owned(), tag.to_owned()),
        _ => (image.to_owned(), "latest".to_owned()),
    }
}
