//! Single values: names, quantities, addresses.

/// A label of DNS: lower case letters, digits and hyphens, 63 at most.
pub(super) fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The name of a Service: a label of DNS that begins with a letter.
pub(super) fn is_service_name(text: &str) -> bool {
    is_dns_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// The name of most objects: labels of DNS with dots between.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// The value of a label.
pub(super) fn is_label_value(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && is_end(text.chars().next())
        && is_end(text.chars().last())
}

/// The name of a port: 15 characters at most, one of them a letter.
pub(super) fn is_port_name(text: &str) -> bool {
    is_dns_label(text)
        && text.len() <= 15
        && !text.contains("--")
        && text.contains(|c: char| c.is_ascii_lowercase())
}

/// A key of a ConfigMap or a Secret.
pub(super) fn is_config_key(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text != "."
        && !text.starts_with("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// The name of an environment variable.
pub(super) fn is_variable(text: &str) -> bool {
    !text.is_empty() && !text.contains('=') && text.chars().all(|c| c.is_ascii_graphic())
}

/// A quantity such as `50m`, `1.5` or `64Mi`, as a number.
pub(super) fn quantity(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let found = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) =
        found.map_or((text, 1.0), |(unit, factor)| (&text[..text.len() - unit.len()], *factor));
    let is_number = number.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let parsed = number.parse::<f64>().ok().filter(|_| is_number);
    parsed.map(|number| number * factor)
}

/// A range of addresses such as `10.0.0.0/8`.
pub(super) fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let most = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}
