//! The XPath expressions of `RoleInstanceValue`, which Azure knows by heart and does not evaluate in general.

/// What an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `Deployment/@emulated`
    Emulated,
    /// `Deployment/@id`
    DeploymentId,
    /// `CurrentInstance/@id`
    InstanceId,
    /// `CurrentInstance/@roleName`
    RoleName,
    /// `CurrentInstance/@updateDomain`
    UpdateDomain,
    /// `CurrentInstance/@faultDomain`
    FaultDomain,
    /// The value of the setting of this name.
    Setting(String),
    /// The `path` or the `sizeInMB` of the local resource of this name.
    LocalResource(String, String),
    /// The `protocol`, `address` or `port` of the endpoint of this name.
    Endpoint(String, String),
}

/// What `expression` asks for, if it is one of those that Azure documents.
pub(crate) fn parse(expression: &str) -> Option<Wanted> {
    let path = expression.trim().strip_prefix("/RoleEnvironment/")?;
    let (place, attribute) = path.rsplit_once("/@")?;
    let attribute = attribute.trim();
    Some(match (place, attribute) {
        ("Deployment", "emulated") => Wanted::Emulated,
        ("Deployment", "id") => Wanted::DeploymentId,
        ("CurrentInstance", "id") => Wanted::InstanceId,
        ("CurrentInstance", "roleName") => Wanted::RoleName,
        ("CurrentInstance", "updateDomain") => Wanted::UpdateDomain,
        ("CurrentInstance", "faultDomain") => Wanted::FaultDomain,
        _ => {
            let inner = place.strip_prefix("CurrentInstance/")?;
            let (kind, name) = inner.split_once("[@name='").or_else(|| inner.split_once("[@name=\""))?;
            let name = name.strip_suffix("']").or_else(|| name.strip_suffix("\"]"))?.to_owned();
            match (kind, attribute) {
                ("ConfigurationSettings/ConfigurationSetting", "value") => Wanted::Setting(name),
                ("LocalResources/LocalResource", "path" | "sizeInMB") => {
                    Wanted::LocalResource(name, attribute.to_owned())
                }
                ("Endpoints/Endpoint", "protocol" | "address" | "port") => {
                    Wanted::Endpoint(name, attribute.to_owned())
                }
                _ => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_expressions_are_known_and_no_others() {
        let of = |path: &str| parse(&format!("/RoleEnvironment/{path}"));
        assert_eq!(of("Deployment/@emulated"), Some(Wanted::Emulated));
        assert_eq!(of("CurrentInstance/@id"), Some(Wanted::InstanceId));
        let setting = "CurrentInstance/ConfigurationSettings/ConfigurationSetting[@name='A.B']/@value";
        assert_eq!(of(setting), Some(Wanted::Setting("A.B".to_owned())));
        let storage = "CurrentInstance/LocalResources/LocalResource[@name='Logs']/@path";
        assert_eq!(of(storage), Some(Wanted::LocalResource("Logs".to_owned(), "path".to_owned())));
        let port = "CurrentInstance/Endpoints/Endpoint[@name=\"In\"]/@port";
        assert_eq!(of(port), Some(Wanted::Endpoint("In".to_owned(), "port".to_owned())));
        for wrong in
            ["", "CurrentInstance", "CurrentInstance/@x", "Endpoints/Endpoint[@name='a']/@port", "//@id"]
        {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
